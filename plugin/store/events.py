"""What the forums told us, from the door to the moment it is done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from plugin.events import Event, event_type, from_record, to_record
from plugin.store.opening import insert_into
from plugin.store.tables import events

Status = Literal["received", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Received:
    """Where an event stands. `event` is None once it is done: its words have gone to where they belong."""

    key: str
    community_id: int
    status: Status
    received_at: datetime
    event: Event | None
    comment_id: int | None


def save_event(conn: sa.Connection, community_id: int, event: Event, at: datetime) -> bool:
    """Store an event and return True; return False, and change nothing, where its key is known."""
    statement = (
        insert_into(conn, events)
        .values(
            key=event.key,
            community_id=community_id,
            type=event_type(event),
            record=to_record(event),
            received_at=at,
        )
        .on_conflict_do_nothing()
        .returning(events.c.key)
    )
    return conn.execute(statement).first() is not None


def save_dead_letter(conn: sa.Connection, community_id: int, key: str, at: datetime) -> None:
    """Record that something came which could not be read; nothing of it is kept."""
    row = {"key": key, "community_id": community_id, "type": "unreadable", "status": "failed"}
    insert = insert_into(conn, events).values(**row, received_at=at, done_at=at)
    conn.execute(insert.on_conflict_do_nothing())


def received(conn: sa.Connection, key: str) -> Received | None:
    """Return the event of this key, or None where nothing of that key arrived."""
    row = conn.execute(sa.select(events).where(events.c.key == key)).first()
    if row is None:
        return None
    event = from_record(row.record) if row.record else None
    return Received(row.key, row.community_id, row.status, row.received_at, event, row.comment_id)


def close_event(conn: sa.Connection, key: str, status: Status, at: datetime, comment_id: int | None = None) -> None:
    """Record that an event is done, or will never be, and let go of what it carried."""
    conn.execute(
        sa.update(events)
        .where(events.c.key == key)
        .values(status=status, done_at=at, record=None, comment_id=comment_id)
    )
