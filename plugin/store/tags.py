"""The one place for decisions about tags: `decide_tag` is the only writer, `tags_for` the only reader."""

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from plugin.deciding import PRECEDENCE, Decided, Decision, standing_tags
from plugin.model import UNKNOWN, Tag, TagSource
from plugin.store.tables import authors, comments, insight_types, insights, tag_decisions

# What an author said of themselves. A profile speaks for each comment by itself.
DISCLOSURES: tuple[TagSource, ...] = ("author", "moderator", "text")


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One line of a comment's history as a person reads it: what was decided of which type, by whom, when and why."""

    id: int
    type: str
    decided: Decided
    source: TagSource
    by: str
    reason: str | None
    at: datetime


def decide_tag(
    conn: sa.Connection,
    comment_id: int,
    tag: Tag,
    decision: Decided,
    *,
    source: TagSource,
    by: str,
    at: datetime,
    reason: str | None = None,
    text_at: datetime | None = None,
) -> None:
    """Append a decision about one tag of one comment. Nothing is ever changed or taken out.

    Args:
        conn: inside a transaction.
        comment_id: which comment.
        tag: the type, and for a suggestion its evidence, frame, confidence and flags.
        decision: suggested, confirmed, removed or hidden.
        source: whose decision it is; see plugin.deciding.PRECEDENCE.
        by: who, in a form for the history: `tagger`, `profile`, `author`, `staff:<id>`.
        at: when.
        reason: why, where a person gave one.
        text_at: for a suggestion, the version of the words it was read from.
    """
    conn.execute(
        sa.insert(tag_decisions).values(
            comment_id=comment_id,
            type=tag.type,
            decision=decision,
            source=source,
            by=by,
            reason=reason,
            text_at=text_at,
            start=tag.evidence.start if tag.evidence else None,
            end=tag.evidence.end if tag.evidence else None,
            confidence=tag.confidence,
            frame=tag.frame,
            flags=list(tag.flags),
            decided_at=at,
        )
    )
    note_types(conn, [comment_id])


def note_types(conn: sa.Connection, comment_ids: Collection[int]) -> None:
    """Write down anew, for the insights in these comments, whom their authors say they are in them."""
    of_comments = sa.select(insights.c.id, insights.c.comment_id).where(insights.c.comment_id.in_(comment_ids))
    ids = {row.comment_id: row.id for row in conn.execute(of_comments)}
    if not ids:
        return
    told, _ = _told_tags(conn, ids)
    conn.execute(sa.delete(insight_types).where(insight_types.c.insight_id.in_(ids.values())))
    rows = [{"insight_id": ids[comment_id], "type": tag.type} for comment_id, tags in told.items() for tag in tags]
    if rows:
        conn.execute(sa.insert(insight_types), rows)


def tags_for(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, tuple[Tag, ...]]:
    """Return the tags that stand for each of these comments, primary first; no tags, an empty tuple.

    Where a member says nothing of their role in a comment, what they last disclosed earlier stands, as `earlier`: for
    as long as those words do.
    """
    told, refused = _told_tags(conn, comment_ids)
    earlier = _earlier_tags(conn, [comment_id for comment_id, tags in told.items() if not tags])
    for comment_id, tags in earlier.items():
        told[comment_id] = tuple(tag for tag in tags if tag.type not in refused[comment_id])
    return told


def _told_tags(
    conn: sa.Connection, comment_ids: Collection[int]
) -> tuple[dict[int, tuple[Tag, ...]], dict[int, set[str]]]:
    """Return the tags that each comment has of its own, and the types that somebody took off it."""
    histories = decisions_for(conn, comment_ids)
    texts = conn.execute(
        sa.select(comments.c.id, comments.c.text, comments.c.text_at).where(comments.c.id.in_(comment_ids))
    )
    told = {row.id: standing_tags(histories.get(row.id, []), row.text, row.text_at) for row in texts}
    refused = {
        comment_id: {one.type for one in histories.get(comment_id, []) if one.decided in ("removed", "hidden")}
        for comment_id in told
    }
    return told, refused


def _earlier_tags(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, tuple[Tag, ...]]:
    """Return what the members who wrote these comments disclosed in the last of their earlier ones that said it."""
    if not comment_ids:
        return {}
    # Only of somebody who stands by one name: never a guest's, never onto an anonymous comment.
    of_members = sa.and_(authors.c.native_id.is_not(None), authors.c.kind != "anonymous")
    wrote = comments.join(authors, authors.c.id == comments.c.author_id)
    asked = conn.execute(
        sa.select(comments.c.id, comments.c.author_id, comments.c.created_at)
        .select_from(wrote)
        .where(comments.c.id.in_(comment_ids), of_members)
    ).all()
    theirs = conn.execute(
        sa.select(comments.c.id, comments.c.author_id, comments.c.created_at)
        .where(comments.c.author_id.in_({row.author_id for row in asked}), comments.c.state == "visible")
        .order_by(comments.c.created_at, comments.c.id)
    ).all()
    disclosed, _ = _told_tags(conn, [row.id for row in theirs])
    # Each author's disclosures in the order they were made: one pass, however often somebody writes.
    said: dict[int, tuple[list[datetime], list[tuple[Tag, ...]]]] = {}
    for row in theirs:
        if tags := tuple(_as_earlier(tag) for tag in disclosed[row.id] if tag.source in DISCLOSURES):
            moments, told = said.setdefault(row.author_id, ([], []))
            moments.append(row.created_at)
            told.append(tags)
    found: dict[int, tuple[Tag, ...]] = {}
    for row in asked:
        moments, told = said.get(row.author_id, ([], []))
        if before := bisect_left(moments, row.created_at):
            found[row.id] = told[before - 1]
    return found


def _as_earlier(tag: Tag) -> Tag:
    return replace(tag, evidence=None, source="earlier", status="suggested", frame="earlier")


def decisions_for(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, list[Decision]]:
    """Return the history of each of these comments, oldest first."""
    rows = conn.execute(
        sa.select(tag_decisions).where(tag_decisions.c.comment_id.in_(comment_ids)).order_by(tag_decisions.c.id)
    )
    histories: dict[int, list[Decision]] = {}
    for row in rows:
        decision = Decision(
            row.type,
            row.decision,
            row.source,
            row.text_at,
            row.start,
            row.end,
            row.confidence,
            row.frame,
            tuple(row.flags),
        )
        histories.setdefault(row.comment_id, []).append(decision)
    return histories


def history_of(conn: sa.Connection, comment_id: int) -> list[HistoryLine]:
    """Return everything that was decided about a comment, oldest first."""
    rows = conn.execute(
        sa.select(tag_decisions).where(tag_decisions.c.comment_id == comment_id).order_by(tag_decisions.c.id)
    )
    return [HistoryLine(row.id, row.type, row.decision, row.source, row.by, row.reason, row.decided_at) for row in rows]


def standing_types(*which: sa.ColumnElement[bool]) -> sa.Subquery:
    """Return a query for the types that stand, as `standing_tags` has them, for counting many comments at once.

    Its columns are `comment_id`, `type`, and the deciding row's `id`, `source`, `decision` and `decided_at`.

    Args:
        which: conditions on `comments`.
    """
    made, ruled = tag_decisions.c, tag_decisions.alias().c
    rank = sa.case({source: place for place, source in enumerate(PRECEDENCE, start=1)}, value=made.source)
    room = sa.literal(MOST_DECISIONS, sa.BigInteger)
    moderators = sa.case((made.source == "moderator", made.id))
    hiding = sa.case((sa.and_(made.source == "moderator", made.decision == "hidden"), made.id))
    tags = (
        sa.select(
            made.comment_id,
            # The newest of the most believed, in one figure: grouping is twice as quick as a window.
            (room - sa.func.min(rank * room - made.id) % room).label("deciding_id"),
        )
        .select_from(tag_decisions.join(comments, comments.c.id == made.comment_id))
        .where(sa.or_(made.source != "text", made.text_at == comments.c.text_at), *which)
        .group_by(made.comment_id, made.type)
        .having(sa.func.coalesce(sa.func.max(hiding), 0) != sa.func.coalesce(sa.func.max(moderators), -1))
        .subquery()
    )
    return (
        sa.select(ruled.id, ruled.comment_id, ruled.type, ruled.source, ruled.decision, ruled.decided_at)
        .where(ruled.id == tags.c.deciding_id, ruled.decision != "removed")
        .subquery()
    )


def corrected_comments(conn: sa.Connection) -> list[dict[str, Any]]:
    """Return the comments whose tags a person has decided, as examples to learn from: text, labels, author.

    They are read when they are needed and kept nowhere else, so an example dies with its comment. Only what can be
    seen on the forum is one.
    """
    by_people = sa.select(tag_decisions.c.comment_id).where(tag_decisions.c.source.in_(BY_PEOPLE))
    query = (
        sa.select(comments.c.id, comments.c.author_id, comments.c.text)
        .where(comments.c.id.in_(by_people), comments.c.state == "visible", comments.c.text.is_not(None))
        .order_by(comments.c.id)
    )
    rows = conn.execute(query).all()
    tags = tags_for(conn, [row.id for row in rows])
    return [
        {
            "text": row.text,
            "labels": [tag.type for tag in tags[row.id]] or [UNKNOWN],
            # A guest is nobody that we know again; their comment counts as a person of its own.
            "author": row.author_id if row.author_id is not None else f"comment {row.id}",
        }
        for row in rows
    ]


# No table of ours grows so long.
MOST_DECISIONS = 2**40

BY_PEOPLE: tuple[TagSource, ...] = ("author", "moderator")
