"""What became of a delivery, for the forum that sent it: types and states, never words."""

import sqlalchemy as sa

from plugin.store.comments import comment_by_id


def outcome_of(conn: sa.Connection, comment_id: int) -> dict[str, object]:
    """Return the tags of the comment that an event was about, and what was done with what it shares.

    Keys: `tags` (types, primary first), `insight`, `urgent`, `forward` (an outbox status, or None).
    A comment whose words are gone has none of them.
    """
    stored = comment_by_id(conn, comment_id)
    if stored is None:
        return {}
    return {
        # What somebody said earlier is for the staff and themselves (RULINGS).
        "tags": [tag.type for tag in stored.tags if tag.source != "earlier"],
        "insight": stored.insight is not None,
        "urgent": stored.urgency is not None,
        "forward": stored.forwarded,
    }
