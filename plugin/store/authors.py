"""The people who wrote, as far as their forum shows them."""

from datetime import datetime

import sqlalchemy as sa

from plugin.model import Author
from plugin.store.opening import insert_into
from plugin.store.tables import authors, comments


def save_author(conn: sa.Connection, community_id: int, author: Author, told_at: datetime) -> int:
    """Store what the forum says of an author and return their id; an older telling overwrites nothing.

    Somebody without an id of their own (a guest, an anonymous author) is a new person each time.
    """
    told = {
        "kind": author.kind,
        "display_name": author.display_name,
        "profile_url": author.profile_url,
        "groups": list(author.groups),
        "declared": [list(pair) for pair in author.declared],
        "told_at": told_at,
    }
    insert = insert_into(conn, authors).values(community_id=community_id, native_id=author.native_id, **told)
    if author.native_id is None:
        new: int = conn.execute(insert.returning(authors.c.id)).scalar_one()
        return new
    # Whoever left stays without a name, whatever is still on its way.
    may_be_told = sa.and_(authors.c.told_at <= told_at, authors.c.left_at.is_(None))
    conn.execute(
        insert.on_conflict_do_update(index_elements=["community_id", "native_id"], set_=told, where=may_be_told)
    )
    known: int = conn.execute(
        sa.select(authors.c.id).where(authors.c.community_id == community_id, authors.c.native_id == author.native_id)
    ).scalar_one()
    return known


def mark_left(conn: sa.Connection, community_id: int, native_id: str, at: datetime) -> None:
    """Forget who an author was; their comments stay, without a name, until the forum removes them."""
    conn.execute(
        sa.update(authors)
        .where(authors.c.community_id == community_id, authors.c.native_id == native_id)
        .values(display_name=None, profile_url=None, groups=[], declared=[], left_at=at, told_at=at)
    )


def author_id_of(conn: sa.Connection, community_id: int, native_id: str) -> int | None:
    """Return the id of a member, or None where we have never heard of them."""
    query = sa.select(authors.c.id).where(authors.c.community_id == community_id, authors.c.native_id == native_id)
    found: int | None = conn.scalar(query)
    return found


def native_id_of(conn: sa.Connection, author_id: int) -> str | None:
    """Return what the forum calls an author who is still there; None for a guest, and for somebody who left."""
    query = sa.select(authors.c.native_id).where(authors.c.id == author_id, authors.c.left_at.is_(None))
    found: str | None = conn.scalar(query)
    return found


def members_called(conn: sa.Connection, community_id: int, name: str) -> list[int]:
    """Return the members of a community whom the forum shows by this name, whatever its capitals."""
    theirs = (authors.c.community_id == community_id, authors.c.native_id.is_not(None))
    named = sa.func.lower(authors.c.display_name) == name.lower()
    return list(conn.scalars(sa.select(authors.c.id).where(*theirs, named, authors.c.kind != "anonymous").limit(5)))


def merge_authors(conn: sa.Connection, gone_id: int, kept_id: int) -> None:
    """Give all that one author wrote to another; the links and the address of the one who is gone end."""
    if gone_id != kept_id:
        conn.execute(sa.update(comments).where(comments.c.author_id == gone_id).values(author_id=kept_id))
        conn.execute(sa.delete(authors).where(authors.c.id == gone_id))


def erase_author(conn: sa.Connection, author_id: int) -> None:
    """Delete an author with their address and their links; their comments must be erased by then."""
    conn.execute(sa.delete(authors).where(authors.c.id == author_id))


def author_from(row: sa.Row[*tuple[object, ...]]) -> Author:
    """Return the author that a row of the authors table holds."""
    return Author(
        row.author_native_id,
        row.author_kind,
        row.display_name,
        row.profile_url,
        tuple(row.groups),
        tuple((name, value) for name, value in row.declared),
    )
