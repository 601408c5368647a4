"""How each polled forum is asked, and what was held of its comments when it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from plugin.sealing import Vault
from plugin.store.opening import insert_into
from plugin.store.tables import connections

PURPOSE = "connection"
# So many calls may follow one another at once.
AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a forum's interface is and what it is asked with.

    `keys` holds what nobody may read (api_key, path_token, …). A forum that refused us is not asked again before
    somebody looked: `stopped_at` and `stop_reason`.
    """

    community_id: int
    api_url: str
    keys: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, Any]
    cursor: Mapping[str, Any]
    polled_at: datetime | None
    stopped_at: datetime | None
    stop_reason: str | None


def save_connection(
    conn: sa.Connection,
    vault: Vault,
    community_id: int,
    *,
    api_url: str,
    keys: Mapping[str, str],
    settings: Mapping[str, Any],
) -> None:
    """Store how a forum is asked, in place of what was stored; a stopped one goes on."""
    row = {
        "api_url": api_url,
        "sealed": vault.seal(PURPOSE, json.dumps(dict(keys))),
        "settings": dict(settings),
        "stopped_at": None,
        "stop_reason": None,
    }
    insert = insert_into(conn, connections).values(community_id=community_id, cursor={}, **row)
    conn.execute(insert.on_conflict_do_update(index_elements=["community_id"], set_=row))


def connection_of(conn: sa.Connection, vault: Vault, community_id: int) -> Connection | None:
    """Return how a forum is asked, or None where it is not; raise CannotUnseal where our key was changed."""
    row = conn.execute(sa.select(connections).where(connections.c.community_id == community_id)).first()
    if row is None:
        return None
    return Connection(
        community_id=row.community_id,
        api_url=row.api_url,
        keys=json.loads(vault.unseal(PURPOSE, row.sealed)),
        settings=row.settings,
        cursor=row.cursor,
        polled_at=row.polled_at,
        stopped_at=row.stopped_at,
        stop_reason=row.stop_reason,
    )


def connected_ids(conn: sa.Connection) -> list[int]:
    """Return the communities whose forum is asked by the clock: those that did not refuse us."""
    return list(conn.scalars(sa.select(connections.c.community_id).where(connections.c.stopped_at.is_(None))))


def is_connected(conn: sa.Connection, community_id: int) -> bool:
    """Return whether this forum is asked by its own interface, stopped or not."""
    return conn.scalar(sa.select(connections.c.community_id).filter_by(community_id=community_id)) is not None


def settings_of(conn: sa.Connection, community_id: int) -> Mapping[str, Any]:
    """Return the settings of a connection, without opening a key; none where there is no connection."""
    found = conn.scalar(sa.select(connections.c.settings).filter_by(community_id=community_id))
    return found or {}


def note_cursor(conn: sa.Connection, community_id: int, cursor: Mapping[str, Any], at: datetime) -> None:
    """Record where the poll stands."""
    _change(conn, community_id, cursor=dict(cursor), polled_at=at)


def take_turn(conn: sa.Connection, community_id: int, per_minute: int, at: datetime) -> datetime:
    """Take the next turn to ask this forum and return when it is: at once, or later.

    However many of our programs ask, no minute holds more than `per_minute` turns. A few may follow one another at
    once, because to read one comment takes a few calls; after these they are spread evenly (the generic cell rate
    algorithm of ITU-T I.371).
    """
    few = min(AT_ONCE, per_minute // 10)
    # One fewer, for the one that a minute begins with.
    every = timedelta(minutes=1) / max(1, per_minute - few - 1)
    where = connections.c.community_id == community_id
    taken: datetime | None = conn.scalar(sa.select(connections.c.taken_until).where(where).with_for_update())
    taken = max(at, taken or at)
    _change(conn, community_id, taken_until=taken + every)
    return max(at, taken - few * every)


def stop_connection(conn: sa.Connection, community_id: int, reason: str, at: datetime) -> None:
    """Ask this forum nothing more until somebody looked."""
    _change(conn, community_id, stopped_at=at, stop_reason=reason)


def resume_connection(conn: sa.Connection, community_id: int) -> None:
    """Ask this forum again."""
    _change(conn, community_id, stopped_at=None, stop_reason=None)


def _change(conn: sa.Connection, community_id: int, **changes: object) -> None:
    conn.execute(sa.update(connections).where(connections.c.community_id == community_id).values(changes))
