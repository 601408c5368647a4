"""Who speaks in each of many discussions, counted without opening a comment."""

from collections.abc import Collection

import sqlalchemy as sa

from plugin.store.tables import comments
from plugin.store.tags import standing_types


def roles_in_discussions(conn: sa.Connection, community_ids: Collection[int]) -> dict[int, dict[int, set[str]]]:
    """Return for each discussion of these communities the people who have said a role, and their types.

    People are told apart by their author's id; a comment whose author we do not know is a person of its own.
    """
    shown = (comments.c.community_id.in_(community_ids), comments.c.state == "visible")
    held = standing_types(*shown)
    person = sa.func.coalesce(comments.c.author_id, -comments.c.id)
    query = (
        sa.select(comments.c.discussion_id, person, held.c.type)
        .select_from(held.join(comments, comments.c.id == held.c.comment_id))
        .where(comments.c.discussion_id.is_not(None))
        .distinct()
    )
    found: dict[int, dict[int, set[str]]] = {}
    for discussion_id, person_id, type_ in conn.execute(query):
        found.setdefault(discussion_id, {}).setdefault(person_id, set()).add(type_)
    return found
