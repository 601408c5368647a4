"""Replies that editors saved to use again, and whose answers a contributor has not been told of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.store.tables import comments, desk_replies, insights, saved_replies


@dataclass(frozen=True, slots=True)
class SavedReply:
    """A reply of one community that is used often; `by` is who wrote it last, as `staff:<id>`."""

    id: int
    community_id: int
    title: str
    body: str
    by: str
    at: datetime


class TitleTaken(ValueError):  # noqa: N818 - named for the fact
    """Another saved reply of the community has this name."""


def saved_for(conn: sa.Connection, community_ids: Collection[int]) -> list[SavedReply]:
    """Return the saved replies of these communities, by name."""
    query = sa.select(saved_replies).where(saved_replies.c.community_id.in_(community_ids))
    return [SavedReply(*row) for row in conn.execute(query.order_by(saved_replies.c.title, saved_replies.c.id))]


def saved_reply(conn: sa.Connection, reply_id: int) -> SavedReply | None:
    """Return one saved reply, or None where it is gone."""
    row = conn.execute(sa.select(saved_replies).where(saved_replies.c.id == reply_id)).first()
    return SavedReply(*row) if row else None


def keep_saved(
    conn: sa.Connection, community_id: int, title: str, body: str, *, by: str, at: datetime, reply_id: int | None = None
) -> int:
    """Keep a saved reply, or change the one with this id, and return its id; raise TitleTaken."""
    same = sa.and_(saved_replies.c.community_id == community_id, saved_replies.c.title == title)
    taken = conn.scalar(sa.select(saved_replies.c.id).where(same))
    if taken is not None and taken != reply_id:
        raise TitleTaken
    row = {"community_id": community_id, "title": title, "body": body, "by": by, "at": at}
    if reply_id is not None:
        conn.execute(sa.update(saved_replies).where(saved_replies.c.id == reply_id).values(row))
        return reply_id
    return int(conn.execute(sa.insert(saved_replies).values(row).returning(saved_replies.c.id)).scalar_one())


def drop_saved(conn: sa.Connection, reply_id: int) -> None:
    """Let go of a saved reply; what was sent with its words stays."""
    conn.execute(sa.delete(saved_replies).where(saved_replies.c.id == reply_id))


def comments_answered_since(conn: sa.Connection, author_id: int, reply_id: int) -> Sequence[int]:
    """Return the comments of an author that were answered by this reply or by a later one."""
    query = (
        sa.select(comments.c.id)
        .join(insights, insights.c.comment_id == comments.c.id)
        .join(desk_replies, desk_replies.c.insight_id == insights.c.id)
        .where(comments.c.author_id == author_id, desk_replies.c.id >= reply_id)
        .distinct()
    )
    return conn.scalars(query).all()
