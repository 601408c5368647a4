"""The practice forum's own members and posts. It stands in for a real forum, which keeps its own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.tables import Moment, metadata

practice_members = sa.Table(
    "practice_members",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
)

practice_posts = sa.Table(
    "practice_posts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    # One of the forum's own people, or `m` and the id of somebody who signed up.
    sa.Column("member", sa.String(32), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
)

# What Many Voices told this forum, by what it is about: labels beside a post, the moderators' note, a member's link.
practice_told = sa.Table(
    "practice_told",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("about", sa.String(255), nullable=False, unique=True),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("told_at", Moment, nullable=False),
)


@dataclass(frozen=True, slots=True)
class PracticePost:
    """One post of the practice forum."""

    id: int
    member: str
    text: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody who signed up to the practice forum."""

    id: int
    name: str
    role: str | None


def add_member(conn: sa.Connection, name: str, role: str | None, at: datetime) -> Joined:
    """Store a new member and return them."""
    insert = sa.insert(practice_members).values(name=name, role=role, created_at=at)
    return Joined(int(conn.execute(insert.returning(practice_members.c.id)).scalar_one()), name, role)


def members_who_joined(conn: sa.Connection) -> list[Joined]:
    """Return everybody who signed up, the first one first."""
    return [Joined(row.id, row.name, row.role) for row in conn.execute(sa.select(practice_members).order_by("id"))]


def add_post(conn: sa.Connection, member: str, text: str, at: datetime) -> PracticePost:
    """Store a post and return it."""
    insert = sa.insert(practice_posts).values(member=member, text=text, created_at=at, updated_at=at)
    post_id = int(conn.execute(insert.returning(practice_posts.c.id)).scalar_one())
    return PracticePost(post_id, member, text, at, at)


def edit_post(conn: sa.Connection, post_id: int, text: str, at: datetime) -> None:
    """Give a post new words."""
    conn.execute(sa.update(practice_posts).where(practice_posts.c.id == post_id).values(text=text, updated_at=at))


def remove_post(conn: sa.Connection, post_id: int) -> None:
    """Take a post away with its words."""
    conn.execute(sa.delete(practice_posts).where(practice_posts.c.id == post_id))


def post_by_id(conn: sa.Connection, post_id: int) -> PracticePost | None:
    """Return a post, or None."""
    row = conn.execute(sa.select(practice_posts).where(practice_posts.c.id == post_id)).first()
    return _post(row) if row else None


def all_posts(conn: sa.Connection) -> list[PracticePost]:
    """Return the posts, the oldest first."""
    return [_post(row) for row in conn.execute(sa.select(practice_posts).order_by(practice_posts.c.id))]


def keep_told(conn: sa.Connection, about: str, data: dict[str, Any], at: datetime) -> None:
    """Keep what we were told about something, in place of what we knew; an older telling overwrites nothing."""
    told = {"data": data, "told_at": at}
    insert = insert_into(conn, practice_told).values(about=about, **told)
    conn.execute(insert.on_conflict_do_update(index_elements=["about"], set_=told, where=practice_told.c.told_at <= at))


def all_told(conn: sa.Connection) -> dict[str, dict[str, Any]]:
    """Return what we were told, by what it is about."""
    return {row.about: row.data for row in conn.execute(sa.select(practice_told))}


def _post(row: sa.Row[*tuple[object, ...]]) -> PracticePost:
    return PracticePost(row.id, row.member, row.text, row.created_at, row.updated_at)
