"""The pages of a forum that people comment on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.model import Discussion
from plugin.store.communities import Community
from plugin.store.opening import insert_into
from plugin.store.tables import comments, discussions

DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class StoredDiscussion:
    """A discussion and where it is kept."""

    id: int
    community_id: int
    discussion: Discussion


@dataclass(frozen=True, slots=True)
class DiscussionRow:
    """A discussion in a list: how many visible comments by how many people, and when the last was written."""

    stored: StoredDiscussion
    comments: int
    people: int
    last_comment_at: datetime | None


def save_discussion(conn: sa.Connection, community_id: int, discussion: Discussion, told_at: datetime) -> int:
    """Store what the forum says of a page and return its id; an older telling overwrites nothing."""
    told = {
        "title": discussion.title,
        "url": discussion.url,
        "kind": discussion.kind,
        "audience": discussion.audience,
        "published_at": discussion.published_at,
        "told_at": told_at,
    }
    insert = insert_into(conn, discussions).values(community_id=community_id, native_id=discussion.native_id, **told)
    conn.execute(
        insert.on_conflict_do_update(
            index_elements=["community_id", "native_id"], set_=told, where=discussions.c.told_at <= told_at
        )
    )
    known: int = conn.execute(
        sa.select(discussions.c.id).where(
            discussions.c.community_id == community_id, discussions.c.native_id == discussion.native_id
        )
    ).scalar_one()
    return known


def discussion_at(conn: sa.Connection, community_id: int, url: str) -> StoredDiscussion | None:
    """Return the discussion of a community at this address, or None."""
    return _one(conn, discussions.c.community_id == community_id, discussions.c.url == url, _is_page())


def discussion_by_id(conn: sa.Connection, discussion_id: int) -> StoredDiscussion | None:
    """Return the discussion with this id, or None."""
    return _one(conn, discussions.c.id == discussion_id)


def discussions_by_id(conn: sa.Connection, discussion_ids: Collection[int]) -> dict[int, StoredDiscussion]:
    """Return these discussions by their ids, of those that are there."""
    query = sa.select(discussions).where(discussions.c.id.in_(discussion_ids))
    return {row.id: _stored(row) for row in conn.execute(query)}


def discussions_of(conn: sa.Connection, community_ids: Collection[int]) -> list[DiscussionRow]:
    """Return the discussions of these communities, the one with the newest comment first."""
    shown = sa.and_(comments.c.discussion_id == discussions.c.id, comments.c.state == "visible")
    last = sa.func.max(comments.c.created_at, type_=comments.c.created_at.type)
    query = (
        sa.select(
            discussions,
            sa.func.count(comments.c.id).label("comments"),
            sa.func.count(comments.c.author_id.distinct()).label("people"),
            last.label("last_comment_at"),
        )
        .select_from(discussions.outerjoin(comments, shown))
        .where(discussions.c.community_id.in_(community_ids), _is_page())
        .group_by(discussions.c.id)
        .order_by(last.desc().nulls_last(), discussions.c.id.desc())
    )
    return [DiscussionRow(_stored(row), row.comments, row.people, row.last_comment_at) for row in conn.execute(query)]


def letters_to_editors(conn: sa.Connection, community: Community, at: datetime) -> int:
    """Return the id of what stands for a page where somebody writes to the editors from one that we do not know."""
    told = Discussion(DIRECT, "Written to the editors", community.base_url, kind=DIRECT, audience="private")
    return save_discussion(conn, community.id, told, at)


def _is_page() -> sa.ColumnElement[bool]:
    return discussions.c.kind != DIRECT


def _one(conn: sa.Connection, *which: sa.ColumnElement[bool]) -> StoredDiscussion | None:
    row = conn.execute(sa.select(discussions).where(*which)).first()
    return _stored(row) if row else None


def _stored(row: sa.Row[*tuple[object, ...]]) -> StoredDiscussion:
    return StoredDiscussion(
        row.id,
        row.community_id,
        Discussion(row.native_id, row.title, row.url, row.kind, row.published_at, row.audience),
    )
