"""The programs that are told of insights by signed webhooks. A secret is sealed, and shown once when it is made."""

from base64 import b64decode
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from plugin.outcomes import NotAllowed
from plugin.sealing import Vault
from plugin.store.communities import STANDARD
from plugin.store.routes import remove_rules_for
from plugin.store.tables import receivers

PURPOSE = "receivers"
PREFIX = "receiver:"


@dataclass(frozen=True, slots=True)
class StoredReceiver:
    """One program: its name, where it takes webhooks, and since when and why nothing is sent to it any more."""

    id: int
    community_id: int
    name: str
    url: str = field(repr=False)
    created_at: datetime
    stopped_at: datetime | None
    stop_reason: str | None


def add_receiver(
    conn: sa.Connection, vault: Vault, community_id: int, name: str, url: str, secret: str, at: datetime
) -> int:
    """Store a receiver with its `whsec_` secret, and return its id; raise NotAllowed where another has its name."""
    if any(one.name == name for one in receivers_of(conn, [community_id])):
        raise NotAllowed("Another receiver has this name.")
    row = {"community_id": community_id, "name": name, "url": url, "sealed": vault.seal(PURPOSE, secret)}
    new: int = conn.execute(sa.insert(receivers).values(**row, created_at=at).returning(receivers.c.id)).scalar_one()
    return new


def receivers_of(conn: sa.Connection, community_ids: Collection[int]) -> list[StoredReceiver]:
    """Return the receivers of these communities, by name."""
    query = sa.select(receivers).where(receivers.c.community_id.in_(community_ids)).order_by(receivers.c.name)
    return [_stored(row) for row in conn.execute(query)]


def receiver_by_id(conn: sa.Connection, receiver_id: int) -> StoredReceiver | None:
    """Return a receiver, or None where it was removed."""
    row = conn.execute(sa.select(receivers).where(receivers.c.id == receiver_id)).first()
    return _stored(row) if row else None


def key_of(conn: sa.Connection, vault: Vault, receiver_id: int) -> bytes:
    """Return the key that what goes to a receiver is signed with."""
    sealed = conn.execute(sa.select(receivers.c.sealed).where(receivers.c.id == receiver_id)).scalar_one()
    return b64decode(vault.unseal(PURPOSE, sealed).removeprefix(STANDARD))


def remove_receiver(conn: sa.Connection, community_id: int, receiver_id: int) -> bool:
    """Take a receiver away together with the rules for it, and return whether it was there."""
    theirs = sa.and_(receivers.c.community_id == community_id, receivers.c.id == receiver_id)
    remove_rules_for(conn, community_id, f"webhook:{receiver_id}")
    return conn.execute(sa.delete(receivers).where(theirs)).rowcount == 1


def stop_receiver(conn: sa.Connection, receiver_id: int, reason: str, at: datetime) -> None:
    """Send nothing to a receiver any more: it refused us, and would refuse the next one too."""
    values = {"stopped_at": at, "stop_reason": reason}
    conn.execute(sa.update(receivers).where(receivers.c.id == receiver_id).values(**values))


def resume_receiver(conn: sa.Connection, receiver_id: int) -> None:
    """Send to a receiver again."""
    values = {"stopped_at": None, "stop_reason": None}
    conn.execute(sa.update(receivers).where(receivers.c.id == receiver_id).values(**values))


def _stored(row: sa.Row[*tuple[object, ...]]) -> StoredReceiver:
    return StoredReceiver(row.id, row.community_id, row.name, row.url, row.created_at, row.stopped_at, row.stop_reason)
