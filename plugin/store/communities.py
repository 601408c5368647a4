"""The communities that we are attached to, and the secrets they sign with."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import sqlalchemy as sa
import structlog

from plugin.sealing import CannotUnseal, Vault
from plugin.stakeholders import main_types
from plugin.store.tables import communities, community_secrets

PURPOSE = "community secret"
STANDARD = "whsec_"
Forwarding = Literal["notice", "ask"]
PublicTags = Literal["none", "consented"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Community:
    """A community as its owner set it up.

    `expected_types` are those it hopes to hear from; `question` is how its panel asks, in its own words; `doors` say
    where help is, by kind of need; `origins` are further sites of its own that may show what is ours, `places` where on
    their pages it stands; `compose_url` is where its forum takes words for its own reply form; `write_back_url` is
    where its forum takes what we tell it back, which it refused for a reason where that was stopped; `private_host` is
    the one host that need not be public.
    """

    id: int
    slug: str
    platform: str
    name: str
    base_url: str
    sign_up_url: str
    sign_in_url: str
    editorial_address: str
    moderators_address: str
    forwarding: Forwarding
    wait_minutes: int
    expected_types: tuple[str, ...]
    is_practice: bool
    question: str | None
    doors: Mapping[str, str]
    time_zone: str
    public_tags: PublicTags
    origins: tuple[str, ...]
    places: Mapping[str, str]
    compose_url: str | None
    write_back_url: str | None
    staff_notes: bool
    private_host: str | None
    write_back_stopped_at: datetime | None
    write_back_stop_reason: str | None
    created_at: datetime


def add_community(
    conn: sa.Connection,
    *,
    slug: str,
    platform: str,
    name: str,
    base_url: str,
    sign_up_url: str,
    sign_in_url: str,
    editorial_address: str,
    moderators_address: str,
    forwarding: Forwarding = "notice",
    wait_minutes: int = 15,
    expected_types: Sequence[str] = (),
    is_practice: bool = False,
    private_host: str | None = None,
) -> int:
    """Store a community and return its id. Without `expected_types`, the main types are expected."""
    row = {
        "slug": slug,
        "platform": platform,
        "name": name,
        "base_url": base_url,
        "sign_up_url": sign_up_url,
        "sign_in_url": sign_in_url,
        "editorial_address": editorial_address,
        "moderators_address": moderators_address,
        "forwarding": forwarding,
        "wait_minutes": wait_minutes,
        "expected_types": list(expected_types or main_types()),
        "is_practice": is_practice,
        "private_host": private_host,
        "created_at": datetime.now(UTC),
    }
    return int(conn.execute(sa.insert(communities).values(row).returning(communities.c.id)).scalar_one())


def community_by_slug(conn: sa.Connection, slug: str) -> Community | None:
    """Return the community that is called this in addresses, or None."""
    return _one(conn, communities.c.slug == slug)


def community_by_id(conn: sa.Connection, community_id: int) -> Community | None:
    """Return the community of this id, or None."""
    return _one(conn, communities.c.id == community_id)


def all_communities(conn: sa.Connection) -> list[Community]:
    """Return every community, by name."""
    rows = conn.execute(sa.select(communities).order_by(communities.c.name, communities.c.id))
    return [_community(row) for row in rows]


def move_community(
    conn: sa.Connection, community_id: int, *, base_url: str, sign_up_url: str, sign_in_url: str
) -> None:
    """Store other addresses for a community that has moved."""
    places = {"base_url": base_url, "sign_up_url": sign_up_url, "sign_in_url": sign_in_url}
    conn.execute(sa.update(communities).where(communities.c.id == community_id).values(places))


def change_community(conn: sa.Connection, community_id: int, **changes: object) -> None:
    """Store other settings of a community, by the names of `Community`'s fields."""
    conn.execute(sa.update(communities).where(communities.c.id == community_id).values(changes))


def remove_community(conn: sa.Connection, community_id: int) -> None:
    """Delete a community with all that it ever told us."""
    conn.execute(sa.delete(communities).where(communities.c.id == community_id))


def add_secret(conn: sa.Connection, vault: Vault, community_id: int, secret: str) -> None:
    """Keep a secret, sealed; those that are there stay live beside it."""
    row = {
        "community_id": community_id,
        "sealed": vault.seal(PURPOSE, secret),
        "created_at": datetime.now(UTC),
    }
    conn.execute(sa.insert(community_secrets).values(row))


def live_secrets(conn: sa.Connection, vault: Vault, community_id: int, now: datetime) -> list[bytes]:
    """Return the keys that a delivery may be signed with now, the newest first."""
    query = (
        sa.select(community_secrets.c.sealed)
        .where(community_secrets.c.community_id == community_id, _live_at(now))
        .order_by(community_secrets.c.id.desc())
    )
    opened = (_opened(vault, community_id, sealed) for sealed in conn.scalars(query))
    return [key for key in opened if key]


def count_live_secrets(conn: sa.Connection, community_id: int, now: datetime) -> int:
    """Return how many secrets are live now, without opening one."""
    query = sa.select(sa.func.count()).where(community_secrets.c.community_id == community_id, _live_at(now))
    return int(conn.scalar(query) or 0)


def count_unreadable_secrets(conn: sa.Connection, vault: Vault, community_id: int, now: datetime) -> int:
    """Return how many live secrets were sealed with a key that we no longer have."""
    sealed = sa.select(community_secrets.c.sealed).where(
        community_secrets.c.community_id == community_id, _live_at(now)
    )
    return sum(not _is_readable(vault, one) for one in conn.scalars(sealed))


def retire_secrets(conn: sa.Connection, community_id: int, *, except_newest: bool, at: datetime) -> None:
    """Let the live secrets end at a moment; one that already ends earlier keeps its end."""
    secrets = community_secrets.c
    ending = sa.and_(
        secrets.community_id == community_id, sa.or_(secrets.retires_at.is_(None), secrets.retires_at > at)
    )
    if except_newest:
        newest = sa.select(sa.func.max(secrets.id)).where(secrets.community_id == community_id).scalar_subquery()
        ending = sa.and_(ending, secrets.id != newest)
    conn.execute(sa.update(community_secrets).where(ending).values(retires_at=at))


def forget_retired_secrets(conn: sa.Connection, now: datetime) -> None:
    """Delete the secrets whose end has come."""
    conn.execute(sa.delete(community_secrets).where(community_secrets.c.retires_at <= now))


def _opened(vault: Vault, community_id: int, sealed: str) -> bytes | None:
    try:
        secret = vault.unseal(PURPOSE, sealed)
    except CannotUnseal:
        # Closed rather than broken: the forum is answered 401 and tries again while the operator looks.
        log.error("secret.unreadable", community=community_id, hint="MANYVOICES_SECRET_KEY_FALLBACKS")
        return None
    # Standard Webhooks write their keys in base64; other platforms sign with the characters themselves.
    return b64decode(secret.removeprefix(STANDARD)) if secret.startswith(STANDARD) else secret.encode()


def _is_readable(vault: Vault, sealed: str) -> bool:
    try:
        vault.unseal(PURPOSE, sealed)
    except CannotUnseal:
        return False
    return True


def _live_at(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(community_secrets.c.retires_at.is_(None), community_secrets.c.retires_at > now)


def _one(conn: sa.Connection, condition: sa.ColumnElement[bool]) -> Community | None:
    row = conn.execute(sa.select(communities).where(condition)).one_or_none()
    return _community(row) if row else None


def _community(row: sa.Row[tuple[object, ...]]) -> Community:
    return Community(**{**row._mapping, "expected_types": tuple(row.expected_types), "origins": tuple(row.origins)})
