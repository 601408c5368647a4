"""The links that open somebody's own page. Only a digest is kept: whoever holds the database holds no link."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from plugin.store.tables import authors, private_links

# So long may the page be erased or downloaded by a link: it has just been asked for.
FRESH = timedelta(minutes=30)
# A link that was sent to a forum inbox or by mail. One that stands on a receipt lasts: there is no other way back.
LASTS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class KnownAuthor:
    """Somebody who came by their own link; `is_fresh` says that they asked for it just now."""

    id: int
    community_id: int
    is_fresh: bool


def new_link(conn: sa.Connection, author_id: int, at: datetime, *, lasts: timedelta | None = LASTS) -> str:
    """Store a new link for an author and return its token: 128 random bits, written nowhere else.

    Args:
        conn: inside a transaction.
        author_id: whose page it opens.
        at: now.
        lasts: how long; None for as long as the page is there.
    """
    token = secrets.token_urlsafe(16)
    row = {
        "author_id": author_id,
        "digest": _digest(token),
        "created_at": at,
        "expires_at": at + lasts if lasts else None,
    }
    conn.execute(sa.insert(private_links).values(row))
    return token


def author_by_link(conn: sa.Connection, token: str, at: datetime) -> KnownAuthor | None:
    """Return who this link belongs to; None for one that we do not know, or whose time is over."""
    query = (
        sa.select(private_links.c.author_id, private_links.c.created_at, authors.c.community_id)
        .join(authors, authors.c.id == private_links.c.author_id)
        .where(private_links.c.digest == _digest(token), _live_at(at))
    )
    row = conn.execute(query).first()
    return KnownAuthor(row.author_id, row.community_id, at - row.created_at <= FRESH) if row else None


def close_links(conn: sa.Connection, author_id: int) -> None:
    """Let no link open this author's page any longer."""
    conn.execute(sa.delete(private_links).where(private_links.c.author_id == author_id))


def sweep_links(conn: sa.Connection, at: datetime) -> int:
    """Delete the links whose time is over and return how many."""
    return conn.execute(sa.delete(private_links).where(private_links.c.expires_at <= at)).rowcount


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _live_at(at: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(private_links.c.expires_at.is_(None), private_links.c.expires_at > at)
