"""Tokens that let a person's programs use the desk: made once, kept as digests, never worth more than their person."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from plugin.store.staff import users
from plugin.store.tables import api_tokens

# What a scanner for lost secrets can look for.
PREFIX = "mv_"
LONGEST_NAME = 100
MOST_DAYS = 365
# A use is written down at most this often: reading a list must not be a write each time.
USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its owner sees it; `used_at` is None for one that was never used."""

    id: int
    name: str
    may_write: bool
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a token speaks for: whatever this account may do now, and nothing that changes unless `may_write`."""

    token_id: int
    user_id: int
    may_write: bool


def new_token(
    conn: sa.Connection, user_id: int, *, name: str, days: int, may_write: bool, at: datetime
) -> tuple[int, str]:
    """Make a token that lasts so many days, and return its id and the token itself, which is kept nowhere."""
    token = PREFIX + secrets.token_urlsafe(32)
    row = {
        "user_id": user_id,
        "name": name,
        "digest": _digest(token),
        "may_write": may_write,
        "created_at": at,
        "expires_at": at + timedelta(days=days),
    }
    new: int = conn.execute(sa.insert(api_tokens).values(row).returning(api_tokens.c.id)).scalar_one()
    return new, token


def tokens_of(conn: sa.Connection, user_id: int) -> list[Token]:
    """Return somebody's tokens, the newest first, those that have ended included."""
    columns = [api_tokens.c[name] for name in TOKEN]
    query = sa.select(*columns).where(api_tokens.c.user_id == user_id).order_by(api_tokens.c.id.desc())
    return [Token(**row._mapping) for row in conn.execute(query)]


def remove_token(conn: sa.Connection, user_id: int, token_id: int) -> bool:
    """End one of somebody's tokens at once, and return whether there was such a one."""
    theirs = sa.and_(api_tokens.c.id == token_id, api_tokens.c.user_id == user_id)
    return conn.execute(sa.delete(api_tokens).where(theirs)).rowcount == 1


def bearer_of(conn: sa.Connection, token: str, at: datetime) -> Bearer | None:
    """Return who a token speaks for; None where it is unknown, over, removed, or its account is gone or closed."""
    query = (
        sa.select(api_tokens.c.id, api_tokens.c.user_id, api_tokens.c.may_write)
        .join(users, users.c.id == api_tokens.c.user_id)
        .where(api_tokens.c.digest == _digest(token), api_tokens.c.expires_at > at, users.c.active)
    )
    row = conn.execute(query).first()
    return Bearer(row.id, row.user_id, row.may_write) if row else None


def is_use_due(conn: sa.Connection, token_id: int, at: datetime) -> bool:
    """Return whether the last use that was written down is long enough ago to write down another."""
    last: datetime | None = conn.scalar(sa.select(api_tokens.c.used_at).where(api_tokens.c.id == token_id))
    return last is None or last <= at - USE_NOTED_EVERY


def note_use(conn: sa.Connection, token_id: int, at: datetime) -> None:
    """Write down that a token was used."""
    conn.execute(sa.update(api_tokens).where(api_tokens.c.id == token_id).values(used_at=at))


def owners_of(conn: sa.Connection, token_ids: list[int]) -> dict[int, tuple[int, str]]:
    """Return whose each of these tokens is, and its name, of those that are still there."""
    query = sa.select(api_tokens.c.id, api_tokens.c.user_id, api_tokens.c.name).where(api_tokens.c.id.in_(token_ids))
    return {row.id: (row.user_id, row.name) for row in conn.execute(query)}


def _digest(token: str) -> str:
    # 256 random bits need no salt and no slow hash.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


TOKEN = ("id", "name", "may_write", "created_at", "expires_at", "used_at")
