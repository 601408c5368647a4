"""What a forum is told back: one row for each thing that it is told about, and how far that got."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.tables import communities, write_backs

About = Literal["tag", "group", "staff_note", "private_link"]
Status = Literal["waiting", "sending", "done", "withheld", "held", "failed"]


@dataclass(frozen=True, slots=True)
class WriteBack:
    """One thing that a forum is told about. `key` names it, as `comment:<id>`.

    `tried` is the digest of the state that was last sent and `told` of the last that was taken.
    """

    id: int
    community_id: int
    kind: About
    key: str
    status: Status
    reason: str | None
    round: int
    sealed: str | None
    tried: str | None
    told: str | None
    message_id: str | None
    tried_at: datetime | None
    created_at: datetime
    finished_at: datetime | None

    @property
    def about_id(self) -> int:
        """Return the id of the comment, discussion or author that it is about."""
        return int(self.key.partition(":")[2])

    @property
    def subject(self) -> str:
        """Return what its job is called: the lane, the row and the round."""
        return f"{self.community_id}.{self.id}.{self.round}"


def put_up(
    conn: sa.Connection, community_id: int, kind: About, key: str, at: datetime, *, sealed: str | None = None
) -> WriteBack:
    """Put something up to be told, in place of what has not gone yet about the same thing."""
    fresh = {"status": "waiting", "reason": None, "sealed": sealed, "finished_at": None}
    insert = insert_into(conn, write_backs).values(
        community_id=community_id, kind=kind, key=key, created_at=at, round=1, **fresh
    )
    again = insert.on_conflict_do_update(
        index_elements=["community_id", "kind", "key"], set_={**fresh, "round": write_backs.c.round + 1}
    )
    row = conn.execute(again.returning(write_backs)).one()
    return WriteBack(**row._mapping)


def write_back_about(conn: sa.Connection, community_id: int, kind: About, key: str) -> WriteBack | None:
    """Return what was put up about something, or None where nothing ever was."""
    return _one(conn, write_backs.c.community_id == community_id, write_backs.c.kind == kind, write_backs.c.key == key)


def write_back_by_id(conn: sa.Connection, id_: int) -> WriteBack | None:
    """Return a write-back, or None where its community is gone."""
    return _one(conn, write_backs.c.id == id_)


def mark(
    conn: sa.Connection, one: WriteBack, status: Status, *, at: datetime | None, reason: str | None = None
) -> None:
    """Record how far a write-back got; one that was put up again since then stands as it is.

    What was sealed for one that is over goes with it.
    """
    _change(conn, one, status=status, finished_at=at, reason=reason)
    if status in ("withheld", "failed"):
        _change(conn, one, sealed=None)


def mark_trying(
    conn: sa.Connection, one: WriteBack, *, digest: str, message_id: str, at: datetime, sealed: str | None
) -> None:
    """Record which state is about to be sent, before it is."""
    _change(conn, one, status="sending", tried=digest, message_id=message_id, tried_at=at, sealed=sealed)


def mark_told(conn: sa.Connection, one: WriteBack, digest: str, at: datetime) -> None:
    """Record that the forum took a state; that holds even if another was put up meanwhile."""
    conn.execute(sa.update(write_backs).where(write_backs.c.id == one.id).values(told=digest))
    _change(conn, one, status="done", finished_at=at, reason=None, sealed=None)


def held_or_failed(conn: sa.Connection, community_id: int) -> Sequence[WriteBack]:
    """Return what did not go and could be tried again."""
    stuck = write_backs.c.status.in_(("held", "failed"))
    rows = conn.execute(sa.select(write_backs).where(write_backs.c.community_id == community_id, stuck))
    return [WriteBack(**row._mapping) for row in rows]


def keys_of(conn: sa.Connection, community_id: int, kind: About) -> Sequence[str]:
    """Return what a community's forum was ever told about, of one kind."""
    query = sa.select(write_backs.c.key).where(write_backs.c.community_id == community_id, write_backs.c.kind == kind)
    return conn.scalars(query).all()


def count_write_backs(conn: sa.Connection, community_id: int) -> dict[str, int]:
    """Return how many write-backs stand where, by status."""
    query = sa.select(write_backs.c.status, sa.func.count()).where(write_backs.c.community_id == community_id)
    return {row[0]: row[1] for row in conn.execute(query.group_by(write_backs.c.status))}


def failed_write_backs(conn: sa.Connection, community_id: int, most: int = 5) -> list[tuple[str, str, str]]:
    """Return the newest of what was never taken: its kind, its key and why."""
    failed = sa.and_(write_backs.c.community_id == community_id, write_backs.c.status == "failed")
    query = sa.select(write_backs.c.kind, write_backs.c.key, write_backs.c.reason).where(failed)
    rows = conn.execute(query.order_by(write_backs.c.finished_at.desc()).limit(most))
    return [(row.kind, row.key, row.reason) for row in rows]


def stop_writing_back(conn: sa.Connection, community_id: int, reason: str, at: datetime) -> None:
    """Let nothing more go to a forum that refused us, until somebody says so."""
    values = {"write_back_stopped_at": at, "write_back_stop_reason": reason}
    conn.execute(sa.update(communities).where(communities.c.id == community_id).values(values))


def resume_writing_back(conn: sa.Connection, community_id: int) -> None:
    """Let things go to a forum again."""
    values = {"write_back_stopped_at": None, "write_back_stop_reason": None}
    conn.execute(sa.update(communities).where(communities.c.id == community_id).values(values))


def _one(conn: sa.Connection, *which: sa.ColumnElement[bool]) -> WriteBack | None:
    row = conn.execute(sa.select(write_backs).where(*which)).one_or_none()
    return WriteBack(**row._mapping) if row else None


def _change(conn: sa.Connection, one: WriteBack, **values: object) -> None:
    still = sa.and_(write_backs.c.id == one.id, write_backs.c.round == one.round)
    conn.execute(sa.update(write_backs).where(still).values(values))
