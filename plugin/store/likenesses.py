"""The words that an insight is compared with, to find others that say nearly the same."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from plugin.store.tables import comments, insight_merges, insights

# The newest on the desk that are open, or came not long ago: an older one was dealt with and told of.
MOST_COMPARED = 500
LATELY = timedelta(days=90)
OVER = ("used", "passed_to", "change_planned", "change_made", "not_used", "closed")


def words_to_compare(conn: sa.Connection, insight_id: int, community_id: int, at: datetime) -> dict[int, str]:
    """Return the words of other insights of a community, by insight; they are compared, and not shown from here.

    Left out is what is merged into another: it is found by what it is merged into.
    """
    query = (
        sa.select(insights.c.id, comments.c.text)
        .join(comments, comments.c.id == insights.c.comment_id)
        .where(
            insights.c.community_id == community_id,
            insights.c.id != insight_id,
            insights.c.on_desk_at.is_not(None),
            comments.c.text.is_not(None),
            sa.or_(insights.c.state.not_in(OVER), insights.c.on_desk_at >= at - LATELY),
            insights.c.id.not_in(sa.select(insight_merges.c.insight_id)),
        )
        .order_by(insights.c.id.desc())
        .limit(MOST_COMPARED)
    )
    return {row.id: row.text for row in conn.execute(query)}
