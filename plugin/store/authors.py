"""The people who wrote, as far as their forum shows them."""

from datetime import datetime

import sqlalchemy as sa

from plugin.model import Author
from plugin.store.opening import insert_into
from plugin.store.tables import authors


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
