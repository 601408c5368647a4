"""Who did what at the desk, and when: rows are added and never changed, and each is signed together with the last."""

import hmac
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from plugin.sealing import Vault
from plugin.store.opening import is_sqlite
from plugin.store.tables import audit_trail

PURPOSE = "audit"
# PostgreSQL's name for the lock under which a row is added, so that no two rows follow the same one.
LOCK = 0x6D76_6175
FIRST = ""
SIGNED = ("community_id", "by", "act", "subject", "before", "after", "at")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was done: by whom (`staff:<id>` or `token:<id>`), to what (`insight:<id>`), and the digests."""

    id: int
    community_id: int | None
    by: str
    act: str
    subject: str
    before: str | None
    after: str | None
    at: datetime


def record(
    conn: sa.Connection,
    vault: Vault,
    *,
    by: str,
    act: str,
    subject: str,
    at: datetime,
    community_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a row inside the transaction of what it tells of.

    Args:
        conn: inside a transaction.
        vault: whose key the digests and the chain are made with.
        by: who.
        act: what, as one of plugin.desk.ACTS.
        subject: to what, such as `insight:12`.
        at: when.
        community_id: in which community, None for what belongs to none.
        before: what held before, None where there was nothing. Only its keyed digest is kept.
        after: what holds now.
    """
    if not is_sqlite(conn):
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    key = vault.key_for(PURPOSE)
    last = conn.scalar(sa.select(audit_trail.c.link).order_by(audit_trail.c.id.desc()).limit(1)) or FIRST
    row = {
        "community_id": community_id,
        "by": by,
        "act": act,
        "subject": subject,
        "before": _digest(key, before),
        "after": _digest(key, after),
        "at": at,
    }
    conn.execute(sa.insert(audit_trail).values(**row, link=_link(key, last, row)))


def entries(
    conn: sa.Connection,
    community_ids: Collection[int] | None,
    *,
    by: str | Collection[str] | None = None,
    act: str | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[Entry]:
    """Return what was done in these communities, the newest first, as far as it fits every filter that is given.

    Without communities, everything: what belongs to none, and what was done in one that is gone, included.
    """
    columns = audit_trail.c
    filters = [columns[name] == value for name, value in (("act", act), ("subject", subject)) if value]
    if by is not None:
        filters.append(columns.by.in_([by] if isinstance(by, str) else by))
    if community_ids is not None:
        filters.append(columns.community_id.in_(community_ids))
    if since:
        filters.append(columns.at >= since)
    if until:
        filters.append(columns.at < until)
    if before_id is not None:
        filters.append(columns.id < before_id)
    query = sa.select(audit_trail).where(*filters)
    return [_entry(row) for row in conn.execute(query.order_by(columns.id.desc()).limit(limit))]


def first_broken(conn: sa.Connection, vault: Vault, *, newest: int | None = None) -> int | None:
    """Return the first row that was changed, or before which one was taken out; None where the chain is whole.

    Rows that were cut off at the end leave no trace in the chain: keep a copy of the last link elsewhere. `newest`
    looks at that many rows only, the last ones, for a page that must be quick.
    """
    key = vault.key_for(PURPOSE)
    last = FIRST
    trail = sa.select(audit_trail).order_by(audit_trail.c.id).execution_options(yield_per=1000)
    if newest is not None:
        before = sa.select(audit_trail.c.id, audit_trail.c.link).order_by(audit_trail.c.id.desc()).offset(newest)
        if row := conn.execute(before.limit(1)).first():
            last, trail = row.link, trail.where(audit_trail.c.id > row.id)
    with conn.execute(trail) as rows:
        for row in rows:
            told = {name: row._mapping[name] for name in SIGNED}
            if not hmac.compare_digest(row.link, _link(key, last, told)):
                return int(row.id)
            last = row.link
    return None


def last_link(conn: sa.Connection) -> tuple[int, str] | None:
    """Return the newest row and its link, to be kept elsewhere; None where nothing is recorded yet."""
    newest = sa.select(audit_trail.c.id, audit_trail.c.link).order_by(audit_trail.c.id.desc()).limit(1)
    row = conn.execute(newest).first()
    return (row.id, row.link) if row else None


def makers_of(conn: sa.Connection, act: str) -> dict[str, str]:
    """Return who did such a thing to each subject, those that are gone by now included: who made which token."""
    query = sa.select(audit_trail.c.subject, audit_trail.c.by).where(audit_trail.c.act == act)
    return {row.subject: row.by for row in conn.execute(query)}


def _digest(key: bytes, told: Mapping[str, Any] | None) -> str | None:
    if told is None:
        return None
    return hmac.digest(key, json.dumps(dict(told), sort_keys=True, default=str).encode(), "sha256").hex()


def _link(key: bytes, last: str, row: Mapping[str, Any]) -> str:
    told = json.dumps([last, dict(row) | {"at": row["at"].timestamp()}], sort_keys=True).encode()
    return hmac.digest(key, told, "sha256").hex()


def _entry(row: sa.Row[*tuple[Any, ...]]) -> Entry:
    return Entry(row.id, row.community_id, row.by, row.act, row.subject, row.before, row.after, row.at)
