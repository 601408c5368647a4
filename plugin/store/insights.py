"""What people shared that the editors could use, and what was sent of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from plugin.events import Source
from plugin.model import Audience, CommentState, Insight, Urgency
from plugin.store.comments import StoredComment, stored_comments
from plugin.store.discussions import StoredDiscussion, discussion_by_id
from plugin.store.opening import insert_into
from plugin.store.tables import authors, comments, discussions, insights, outbox

Kind = Literal["forward", "urgent"]
Status = Literal["waiting", "sending", "sent", "withheld", "failed"]


@dataclass(frozen=True, slots=True)
class StoredInsight:
    """One mail about one insight: what was shared, where, and what became of the mail.

    `names` are those of everybody who wrote in the discussion, so that they can be taken out of its words.
    """

    id: int
    stored: StoredComment
    discussion: StoredDiscussion
    found_at: datetime
    kind: Kind
    status: Status
    reason: str | None
    finished_at: datetime | None
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the outbox: one mail to one recipient."""

    id: int
    insight_id: int
    comment_id: int
    community_id: int
    kind: Kind
    recipient: str
    message_id: str
    status: Status
    round: int


@dataclass(frozen=True, slots=True)
class InsightStanding:
    """What holds of an insight's comment at this moment, for whoever decides whether to send."""

    comment_state: CommentState
    source: Source
    audience: Audience
    is_insight: bool
    is_urgent: bool


def standing_of(conn: sa.Connection, insight_id: int) -> InsightStanding:
    """Return what holds of an insight now."""
    query = (
        sa.select(
            comments.c.state,
            comments.c.source,
            discussions.c.audience,
            insights.c.is_insight,
            insights.c.is_urgent,
        )
        .select_from(
            insights.join(comments, comments.c.id == insights.c.comment_id).join(
                discussions, discussions.c.id == comments.c.discussion_id
            )
        )
        .where(insights.c.id == insight_id)
    )
    row = conn.execute(query).one()
    return InsightStanding(row.state, row.source, row.audience, row.is_insight, row.is_urgent)


def save_insight(
    conn: sa.Connection,
    community_id: int,
    comment_id: int,
    insight: Insight,
    urgency: Urgency,
    *,
    text_at: datetime,
    at: datetime,
) -> int | None:
    """Store what was found in a comment's newest words and return the insight's id.

    Return None where nothing was found now or before: most comments need no row.
    """
    known: int | None = conn.scalar(sa.select(insights.c.id).where(insights.c.comment_id == comment_id))
    if known is None and not (insight.is_insight or urgency.is_urgent):
        return None
    found = {
        "is_insight": insight.is_insight,
        "score": insight.score,
        "kind": insight.kind,
        "evidence": [[evidence.start, evidence.end] for evidence in insight.evidence],
        "reasons": list(insight.reasons),
        "is_urgent": urgency.is_urgent,
        "urgent_evidence": [[evidence.start, evidence.end] for evidence in urgency.evidence],
        "text_at": text_at,
    }
    if known is not None:
        conn.execute(sa.update(insights).where(insights.c.id == known).values(**found))
        return known
    insert = sa.insert(insights).values(community_id=community_id, comment_id=comment_id, found_at=at, **found)
    new: int = conn.execute(insert.returning(insights.c.id)).scalar_one()
    return new


def put_out(
    conn: sa.Connection, insight_id: int, kind: Kind, recipient: str, message_id: str, at: datetime
) -> Waiting | None:
    """Put a mail up for sending and return it; return None where it waits or went already.

    A mail that was withheld is put up again: its comment may be back.
    """
    insert = insert_into(conn, outbox).values(
        community_id=sa.select(insights.c.community_id).where(insights.c.id == insight_id).scalar_subquery(),
        insight_id=insight_id,
        kind=kind,
        channel="email",
        recipient=recipient,
        message_id=message_id,
        status="waiting",
        created_at=at,
    )
    again = insert.on_conflict_do_update(
        index_elements=["insight_id", "kind", "recipient"],
        set_={"status": "waiting", "reason": None, "finished_at": None, "round": outbox.c.round + 1},
        where=outbox.c.status == "withheld",
    )
    row = conn.execute(again.returning(outbox.c.id)).first()
    return waiting_mail(conn, row.id) if row else None


def waiting_mail(conn: sa.Connection, outbox_id: int) -> Waiting | None:
    """Return a row of the outbox, or None where its comment was erased."""
    query = (
        sa.select(outbox, insights.c.comment_id, insights.c.community_id)
        .select_from(outbox.join(insights))
        .where(outbox.c.id == outbox_id)
    )
    row = conn.execute(query).first()
    if row is None:
        return None
    return Waiting(
        row.id,
        row.insight_id,
        row.comment_id,
        row.community_id,
        row.kind,
        row.recipient,
        row.message_id,
        row.status,
        row.round,
    )


def mark_mail(
    conn: sa.Connection,
    outbox_id: int,
    status: Status,
    *,
    at: datetime | None = None,
    reason: str | None = None,
    may_be_double: bool = False,
) -> None:
    """Record how far a mail got; `at` is when it was over, one way or the other."""
    values: dict[str, object] = {"status": status, "reason": reason, "finished_at": at}
    if may_be_double:
        values["may_be_double"] = True
    conn.execute(sa.update(outbox).where(outbox.c.id == outbox_id).values(**values))


def insights_of(
    conn: sa.Connection,
    community_ids: Collection[int],
    *,
    kind: Kind = "forward",
    limit: int = 50,
    before_id: int | None = None,
) -> list[StoredInsight]:
    """Return the mails of one kind about insights of these communities, the newest first.

    Args:
        conn: to read from.
        community_ids: whose.
        kind: to the editors (forward) or to the moderators (urgent).
        limit: how many at most.
        before_id: only those with a smaller id, for the next page.
    """
    theirs = (insights.c.community_id.in_(community_ids), outbox.c.kind == kind)
    query = _mails().where(*theirs).order_by(outbox.c.id.desc()).limit(limit)
    if before_id is not None:
        query = query.where(outbox.c.id < before_id)
    return _read(conn, query)


def insight_by_id(conn: sa.Connection, outbox_id: int) -> StoredInsight | None:
    """Return one mail about an insight, or None where there is none or its words are gone."""
    found = _read(conn, _mails().where(outbox.c.id == outbox_id))
    return found[0] if found else None


def _mails() -> sa.Select[*tuple[object, ...]]:
    query = sa.select(
        outbox.c.id,
        outbox.c.kind,
        outbox.c.status,
        outbox.c.reason,
        outbox.c.finished_at,
        insights.c.found_at,
        insights.c.comment_id,
        comments.c.discussion_id,
    ).select_from(
        outbox.join(insights, insights.c.id == outbox.c.insight_id)
        .join(comments, comments.c.id == insights.c.comment_id)
        .join(discussions, discussions.c.id == comments.c.discussion_id)
    )
    # A comment that was deleted since keeps its row but has no words left to show.
    return query.where(comments.c.text.is_not(None))


def _read(conn: sa.Connection, query: sa.Select[*tuple[object, ...]]) -> list[StoredInsight]:
    rows = conn.execute(query).all()
    stored = {item.id: item for item in stored_comments(conn, comments.c.id.in_([row.comment_id for row in rows]))}
    places = {
        id_: (place, _names_in(conn, id_))
        for id_ in {row.discussion_id for row in rows}
        if (place := discussion_by_id(conn, id_))
    }
    return [
        StoredInsight(
            id=row.id,
            stored=stored[row.comment_id],
            discussion=places[row.discussion_id][0],
            found_at=row.found_at,
            kind=row.kind,
            status=row.status,
            reason=row.reason,
            finished_at=row.finished_at,
            names=places[row.discussion_id][1],
        )
        for row in rows
    ]


def _names_in(conn: sa.Connection, discussion_id: int) -> frozenset[str]:
    query = (
        sa.select(authors.c.display_name)
        .join(comments, comments.c.author_id == authors.c.id)
        .where(comments.c.discussion_id == discussion_id, authors.c.display_name.is_not(None))
    )
    return frozenset(conn.scalars(query))
