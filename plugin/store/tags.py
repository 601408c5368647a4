"""The one place for decisions about tags: `decide_tag` is the only writer, `tags_for` the only reader."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from plugin.deciding import Decided, Decision, standing_tags
from plugin.model import Tag, TagSource
from plugin.store.tables import authors, comments, tag_decisions

# What an author said of themselves. A profile speaks for each comment by itself.
DISCLOSURES: tuple[TagSource, ...] = ("author", "moderator", "text")


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
        decision: suggested, confirmed or removed.
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
        comment_id: {one.type for one in histories.get(comment_id, []) if one.decided == "removed"}
        for comment_id in told
    }
    return told, refused


def _earlier_tags(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, tuple[Tag, ...]]:
    """Return what the members who wrote these comments disclosed in the last of their earlier ones that said it."""
    if not comment_ids:
        return {}
    before = comments.alias()
    # Only of somebody who stands by one name: never a guest's, never onto an anonymous comment.
    query = (
        sa.select(comments.c.id, before.c.id.label("before_id"))
        .select_from(
            comments.join(authors, authors.c.id == comments.c.author_id).join(
                before, before.c.author_id == comments.c.author_id
            )
        )
        .where(
            comments.c.id.in_(comment_ids),
            authors.c.native_id.is_not(None),
            authors.c.kind != "anonymous",
            before.c.state == "visible",
            before.c.created_at < comments.c.created_at,
        )
        .order_by(before.c.created_at.desc(), before.c.id.desc())
    )
    pairs = conn.execute(query).all()
    disclosed, _ = _told_tags(conn, {pair.before_id for pair in pairs})
    found: dict[int, tuple[Tag, ...]] = {}
    for pair in pairs:
        said = [tag for tag in disclosed[pair.before_id] if tag.source in DISCLOSURES]
        if said and pair.id not in found:
            found[pair.id] = tuple(
                replace(tag, evidence=None, source="earlier", status="suggested", frame="earlier") for tag in said
            )
    return found


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
