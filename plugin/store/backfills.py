"""How far the reading of each whole forum got."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.tables import backfills


@dataclass(frozen=True, slots=True)
class Backfill:
    """The newest reading of a whole forum.

    `cursor` says where to go on; `read` is how much of the forum was looked at, of `total` where the forum says how
    much there is, and `found` how many comments of it were new to us. `since`: nothing older was wanted.
    """

    since: datetime | None
    cursor: Mapping[str, Any]
    read: int
    found: int
    total: int | None
    started_at: datetime
    finished_at: datetime | None


def backfill_of(conn: sa.Connection, community_id: int) -> Backfill | None:
    """Return the newest reading of this forum, or None where it was never read."""
    row = conn.execute(sa.select(backfills).where(backfills.c.community_id == community_id)).first()
    if row is None:
        return None
    return Backfill(row.since, row.cursor, row.read, row.found, row.total, row.started_at, row.finished_at)


def begin_backfill(conn: sa.Connection, community_id: int, since: datetime | None, at: datetime) -> Backfill:
    """Record that a forum is read from the start, in place of an older reading."""
    row: dict[str, Any] = {
        "since": since,
        "cursor": {},
        "read": 0,
        "found": 0,
        "total": None,
        "started_at": at,
        "finished_at": None,
    }
    insert = insert_into(conn, backfills).values(community_id=community_id, **row)
    conn.execute(insert.on_conflict_do_update(index_elements=["community_id"], set_=row))
    return Backfill(since, {}, 0, 0, None, at, None)


def note_backfill(
    conn: sa.Connection, community_id: int, cursor: Mapping[str, Any], *, read: int, found: int, total: int | None
) -> None:
    """Record one page more: it belongs into the transaction that stores what stood on it."""
    _change(
        conn,
        community_id,
        cursor=dict(cursor),
        read=backfills.c.read + read,
        found=backfills.c.found + found,
        total=sa.func.coalesce(total, backfills.c.total),
    )


def finish_backfill(conn: sa.Connection, community_id: int, at: datetime) -> None:
    """Record that the end was reached."""
    _change(conn, community_id, finished_at=at)


def _change(conn: sa.Connection, community_id: int, **changes: object) -> None:
    conn.execute(sa.update(backfills).where(backfills.c.community_id == community_id).values(changes))
