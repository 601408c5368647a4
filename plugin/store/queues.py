"""What waits for a moderator's eyes, across discussions, and what has been dealt with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from plugin.store.comments import StoredComment, stored_comments
from plugin.store.opening import insert_into
from plugin.store.tables import comments, insights, personal_data, queue_marks
from plugin.store.tags import standing_types

Queue = Literal["unconfirmed", "urgent", "personal"]
QUEUES: tuple[Queue, ...] = ("urgent", "personal", "unconfirmed")
ON_A_PAGE = 30


@dataclass(frozen=True, slots=True)
class Mark:
    """Who dealt with a comment, and when."""

    by: str
    at: datetime


def waiting_in(
    conn: sa.Connection,
    queue: Queue,
    community_ids: Collection[int],
    *,
    type_: str | None = None,
    before: int | None = None,
    limit: int = ON_A_PAGE,
) -> list[StoredComment]:
    """Return the comments of a queue, the last told first.

    Args:
        conn: to read from.
        queue: which one.
        community_ids: whose comments.
        type_: only those on which this stakeholder type stands.
        before: only those with a smaller id, for the next page.
        limit: how many at most.
    """
    query = sa.select(comments.c.id).where(*_waits(queue, community_ids))
    if type_:
        held = standing_types(comments.c.community_id.in_(community_ids))
        query = query.where(comments.c.id.in_(sa.select(held.c.comment_id).where(held.c.type == type_)))
    if before is not None:
        query = query.where(comments.c.id < before)
    ids = conn.scalars(query.order_by(comments.c.id.desc()).limit(limit)).all()
    found = {stored.id: stored for stored in stored_comments(conn, comments.c.id.in_(ids))}
    return [found[id_] for id_ in ids if id_ in found]


def count_waiting(conn: sa.Connection, community_ids: Collection[int]) -> dict[Queue, int]:
    """Return how many comments wait in each queue."""
    counts: dict[Queue, int] = {}
    for queue in QUEUES:
        query = sa.select(sa.func.count()).select_from(comments).where(*_waits(queue, community_ids))
        counts[queue] = int(conn.scalar(query) or 0)
    return counts


def mark_handled(conn: sa.Connection, comment_id: int, queue: Queue, *, by: str, at: datetime) -> Mark | None:
    """Record that somebody dealt with a comment as it reads now; return who did before, or None if nobody had."""
    text_at = sa.select(comments.c.text_at).where(comments.c.id == comment_id, comments.c.text_at.is_not(None))
    this = (queue_marks.c.comment_id == comment_id, queue_marks.c.queue == queue)
    version = conn.scalar(text_at.with_for_update())
    if version is None:
        return None
    known = conn.execute(sa.select(queue_marks).where(*this, queue_marks.c.text_at == version)).first()
    if known:
        return Mark(known.by, known.at)
    row = {"comment_id": comment_id, "queue": queue, "text_at": version, "by": by, "at": at}
    conn.execute(insert_into(conn, queue_marks).values(row).on_conflict_do_nothing())
    return None


def handled_lately(
    conn: sa.Connection, queue: Queue, community_ids: Collection[int], *, limit: int = 10
) -> list[tuple[int, Mark]]:
    """Return the comments that were dealt with last, by their ids, the newest first."""
    query = (
        sa.select(queue_marks)
        .join(comments, comments.c.id == queue_marks.c.comment_id)
        .where(queue_marks.c.queue == queue, comments.c.community_id.in_(community_ids))
        .order_by(queue_marks.c.id.desc())
        .limit(limit)
    )
    return [(row.comment_id, Mark(row.by, row.at)) for row in conn.execute(query)]


def _waits(queue: Queue, community_ids: Collection[int]) -> Sequence[sa.ColumnElement[bool]]:
    shown = (
        comments.c.community_id.in_(community_ids),
        comments.c.state == "visible",
        comments.c.text.is_not(None),
        comments.c.author_id.is_not(None),
    )
    if queue == "unconfirmed":
        held = standing_types(comments.c.community_id.in_(community_ids), comments.c.state == "visible")
        unsure = sa.select(held.c.comment_id).where(
            held.c.decision == "suggested", held.c.source.in_(("text", "earlier"))
        )
        return (*shown, comments.c.id.in_(unsure))
    handled = sa.exists().where(
        queue_marks.c.comment_id == comments.c.id,
        queue_marks.c.queue == queue,
        queue_marks.c.text_at == comments.c.text_at,
    )
    found = {
        "urgent": sa.exists().where(insights.c.comment_id == comments.c.id, insights.c.is_urgent),
        "personal": sa.exists().where(personal_data.c.comment_id == comments.c.id),
    }
    return (*shown, found[queue], sa.not_(handled))
