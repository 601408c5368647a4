"""Which moderators want a letter a week, and what there is to tell them: figures, never words or names."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.staff import users
from plugin.store.tables import Moment, comments, metadata

digest_readers = sa.Table(
    "digest_readers",
    metadata,
    sa.Column("user_id", sa.ForeignKey("staff_users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("asked_at", Moment, nullable=False),
)


def wants_digest(conn: sa.Connection, user_id: int) -> bool:
    """Return whether somebody asked for the letter a week."""
    return conn.scalar(sa.select(digest_readers.c.user_id).where(digest_readers.c.user_id == user_id)) is not None


def set_digest(conn: sa.Connection, user_id: int, wanted: bool, at: datetime) -> None:
    """Store that somebody wants the letter a week, or no longer."""
    if wanted:
        conn.execute(insert_into(conn, digest_readers).values(user_id=user_id, asked_at=at).on_conflict_do_nothing())
    else:
        conn.execute(sa.delete(digest_readers).where(digest_readers.c.user_id == user_id))


def digest_reader_ids(conn: sa.Connection) -> list[int]:
    """Return who wants the letter a week."""
    return list(conn.scalars(sa.select(digest_readers.c.user_id).order_by(digest_readers.c.user_id)))


def staff_address(conn: sa.Connection, user_id: int) -> str | None:
    """Return the mail address of an account, or None where it is gone."""
    found: str | None = conn.scalar(sa.select(users.c.email).where(users.c.id == user_id))
    return found


def new_comments(conn: sa.Connection, community_ids: Collection[int], since: datetime) -> dict[int, int]:
    """Return how many visible comments were written since a moment, of each discussion that has any.

    What was read back is old news, also where it was written shortly before we were attached.
    """
    shown = (
        comments.c.community_id.in_(community_ids),
        comments.c.state == "visible",
        comments.c.created_at >= since,
        comments.c.source != "backfill",
    )
    query = sa.select(comments.c.discussion_id, sa.func.count()).where(*shown).group_by(comments.c.discussion_id)
    return {discussion_id: count for discussion_id, count in conn.execute(query) if discussion_id is not None}


def discussions_told_since(conn: sa.Connection, community_id: int, since: datetime) -> list[int]:
    """Return the discussions of which a comment was told, changed or hidden since a moment; not what was read back."""
    news = sa.or_(comments.c.received_at >= since, comments.c.text_at >= since, comments.c.shown_at >= since)
    ours = (comments.c.community_id == community_id, comments.c.source != "backfill")
    query = sa.select(comments.c.discussion_id).where(*ours, news).distinct()
    return sorted(found for found in conn.scalars(query) if found is not None)
