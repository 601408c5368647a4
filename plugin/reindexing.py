"""Make anew what insights are found by: their words, and who speaks in them."""

from collections.abc import Iterator

import sqlalchemy as sa

from plugin.sealing import Vault
from plugin.store.opening import writing
from plugin.store.searching import forget_words, index_words
from plugin.store.tables import comments, insights
from plugin.store.tags import note_types

# In one short transaction: nobody who writes meanwhile has to wait.
AT_ONCE = 100


def left_to_index(conn: sa.Connection, community_id: int | None, after: int) -> int:
    """Return how many insights there are after this one, of one community or of all."""
    query = sa.select(sa.func.count()).select_from(insights).where(*_theirs(community_id, after))
    return int(conn.scalar(query) or 0)


def indexed(db: sa.Engine, vault: Vault, community_id: int | None, after: int) -> Iterator[tuple[int, int]]:
    """Make them anew a few at a time, in the order of their ids; yield how many, and the last of them, once it is kept.

    Done again it comes to the same. Of a comment without words, nothing is left to be found by.
    """
    while True:
        with writing(db, patient=True) as conn:
            query = (
                sa.select(insights.c.id, insights.c.comment_id, comments.c.text)
                .join(comments, comments.c.id == insights.c.comment_id)
                .where(*_theirs(community_id, after))
                .order_by(insights.c.id)
                .limit(AT_ONCE)
            )
            rows = conn.execute(query).all()
            for row in rows:
                if row.text is None:
                    forget_words(conn, [row.comment_id])
                else:
                    index_words(conn, vault, row.comment_id, row.text)
            note_types(conn, [row.comment_id for row in rows])
        if not rows:
            return
        after = rows[-1].id
        yield len(rows), after


def _theirs(community_id: int | None, after: int) -> list[sa.ColumnElement[bool]]:
    theirs = [insights.c.community_id == community_id] if community_id is not None else []
    return [insights.c.id > after, *theirs]
