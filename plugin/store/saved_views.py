"""Filters of the desk that editors keep under a name, for themselves or for all editors of a community."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.staff import users
from plugin.store.tables import saved_views

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class SavedView:
    """A filter under a name. `query` is how it stands in the address; `community_id` whose editors share it, if any."""

    id: int
    name: str
    query: str
    community_id: int | None
    user_id: int
    by: str


def views_for(conn: sa.Connection, user_id: int, community_ids: Collection[int]) -> list[SavedView]:
    """Return the views of an editor's own and those that are shared in these communities, by name."""
    theirs = sa.or_(saved_views.c.user_id == user_id, saved_views.c.community_id.in_(community_ids))
    query = (
        sa.select(saved_views, users.c.email.label("by_email"))
        .join(users, users.c.id == saved_views.c.user_id)
        .where(theirs)
    )
    found = [
        SavedView(row.id, row.name, row.query, row.community_id, row.user_id, row.by_email)
        for row in conn.execute(query)
    ]
    return sorted(found, key=lambda view: (view.name.casefold(), view.id))


def save_view(
    conn: sa.Connection, user_id: int, name: str, query: str, *, community_id: int | None, at: datetime
) -> int:
    """Keep a filter under a name, in place of what this editor had under it, and return its id."""
    row = {"query": query, "community_id": community_id, "at": at}
    insert = insert_into(conn, saved_views).values(user_id=user_id, name=name, **row)
    kept = insert.on_conflict_do_update(index_elements=["user_id", "name"], set_=row)
    new: int = conn.execute(kept.returning(saved_views.c.id)).scalar_one()
    return new


def remove_view(conn: sa.Connection, user_id: int, view_id: int) -> bool:
    """Let a view go that this editor made, and return whether there was one."""
    mine = sa.and_(saved_views.c.id == view_id, saved_views.c.user_id == user_id)
    return conn.execute(sa.delete(saved_views).where(mine)).rowcount == 1
