"""Where a contributor wants to be told: sealed, and used for nothing before they confirmed it."""

import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from plugin.sealing import Vault
from plugin.store.opening import insert_into
from plugin.store.tables import addresses, authors, comments, insight_steps, insights

PURPOSE = "contributor address"
Frequency = Literal["each", "daily", "weekly", "never"]
FREQUENCIES: tuple[Frequency, ...] = ("each", "daily", "weekly", "never")


@dataclass(frozen=True, slots=True)
class StoredAddress:
    """An address of a contributor. `told_up_to` is the last step that they were told of."""

    id: int
    author_id: int
    address: str
    frequency: Frequency
    asked_at: datetime
    verified_at: datetime | None
    told_up_to: int
    told_at: datetime | None


def save_address(
    conn: sa.Connection, vault: Vault, author_id: int, address: str, frequency: Frequency, at: datetime
) -> None:
    """Store an address, not confirmed yet, in place of the one before."""
    told = {
        "sealed": vault.seal(PURPOSE, address),
        "frequency": frequency,
        "asked_at": at,
        "verified_at": None,
        # What happened before they asked stands on their page, and is no news.
        "told_up_to": sa.select(sa.func.coalesce(sa.func.max(insight_steps.c.id), 0)).scalar_subquery(),
    }
    insert = insert_into(conn, addresses).values(author_id=author_id, **told)
    conn.execute(insert.on_conflict_do_update(index_elements=["author_id"], set_=told))


def address_of(conn: sa.Connection, vault: Vault, author_id: int) -> StoredAddress | None:
    """Return a contributor's address, confirmed or not, or None where they gave none."""
    row = conn.execute(sa.select(addresses).where(addresses.c.author_id == author_id)).first()
    if row is None:
        return None
    return StoredAddress(
        row.id,
        row.author_id,
        vault.unseal(PURPOSE, row.sealed),
        row.frequency,
        row.asked_at,
        row.verified_at,
        row.told_up_to,
        row.told_at,
    )


def address_token(vault: Vault, stored: StoredAddress, purpose: Literal["verify", "stop"]) -> str:
    """Return what a link in a mail proves: that its reader gets the mail of this address.

    A link to confirm dies when another address is given; one to stop the mails lasts.
    """
    about = f"{stored.id} {purpose}" + (f" {stored.asked_at.timestamp()}" if purpose == "verify" else "")
    return f"{stored.author_id}.{hmac.digest(vault.key_for('address links'), about.encode(), 'sha256').hex()[:32]}"


def address_by_token(
    conn: sa.Connection, vault: Vault, token: str, purpose: Literal["verify", "stop"]
) -> StoredAddress | None:
    """Return the address that a link in a mail is about, or None where the link is not ours or is over."""
    author_id, _, _ = token.partition(".")
    if not (author_id.isascii() and author_id.isdecimal() and len(author_id) < 10):
        return None
    stored = address_of(conn, vault, int(author_id))
    if stored is None or not hmac.compare_digest(address_token(vault, stored, purpose).encode(), token.encode()):
        return None
    return stored


def confirm_address(conn: sa.Connection, address_id: int, at: datetime) -> None:
    """Record that its owner reads what goes to this address."""
    conn.execute(sa.update(addresses).where(addresses.c.id == address_id).values(verified_at=at))


def set_frequency(conn: sa.Connection, author_id: int, frequency: Frequency) -> None:
    """Store how often a contributor wants to be told."""
    conn.execute(sa.update(addresses).where(addresses.c.author_id == author_id).values(frequency=frequency))


def mark_told(conn: sa.Connection, author_id: int, up_to: int, at: datetime) -> None:
    """Record the last step that a contributor was told of."""
    told = {"told_up_to": up_to, "told_at": at}
    conn.execute(sa.update(addresses).where(addresses.c.author_id == author_id).values(**told))


def forget_address(conn: sa.Connection, author_id: int) -> None:
    """Delete a contributor's address."""
    conn.execute(sa.delete(addresses).where(addresses.c.author_id == author_id))


def authors_to_tell(conn: sa.Connection, states: tuple[str, ...]) -> list[tuple[int, int, Frequency, datetime | None]]:
    """Return whom there is news for: (author, community, frequency, when they were last told).

    News is a step into one of `states` that they have not been told of. Who confirmed no address is not among them.
    """
    query = (
        sa.select(authors.c.id, authors.c.community_id, addresses.c.frequency, addresses.c.told_at)
        .select_from(
            addresses.join(authors, authors.c.id == addresses.c.author_id)
            .join(comments, comments.c.author_id == authors.c.id)
            .join(insights, insights.c.comment_id == comments.c.id)
            .join(insight_steps, insight_steps.c.insight_id == insights.c.id)
        )
        .where(
            addresses.c.verified_at.is_not(None),
            addresses.c.frequency != "never",
            insight_steps.c.id > addresses.c.told_up_to,
            insight_steps.c.state.in_(states),
        )
        .distinct()
    )
    return [(row.id, row.community_id, row.frequency, row.told_at) for row in conn.execute(query)]
