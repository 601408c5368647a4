"""How each editor wants to hear of new insights, and what came to the desk since they last did."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.outcomes import State
from plugin.store.addresses import Frequency
from plugin.store.opening import insert_into
from plugin.store.tables import comments, desk_letters, insights

# Who chose one of these hears of everything at their hour.
DIGESTS: tuple[Frequency, ...] = ("daily", "weekly")


@dataclass(frozen=True, slots=True)
class Wish:
    """How an editor wants to hear: how often, at which hour of their community's clock, and what they know already."""

    user_id: int
    frequency: Frequency
    hour: int
    told_up_to: datetime


def wish_of(conn: sa.Connection, user_id: int) -> Wish | None:
    """Return how somebody wants to hear; None for who has not chosen: the shared address hears of everything."""
    return next(iter(_wishes(conn, desk_letters.c.user_id == user_id)), None)


def wishes_for(conn: sa.Connection, frequencies: Collection[Frequency]) -> list[Wish]:
    """Return those who want to hear in one of these ways."""
    return _wishes(conn, desk_letters.c.frequency.in_(frequencies))


def set_wish(conn: sa.Connection, user_id: int, frequency: Frequency, hour: int, at: datetime) -> None:
    """Store how somebody wants to hear; what is on the desk by now is not news to who has just chosen."""
    values = {"frequency": frequency, "hour": hour, "told_up_to": at}
    insert = insert_into(conn, desk_letters).values(user_id=user_id, **values)
    conn.execute(insert.on_conflict_do_update(index_elements=["user_id"], set_=values))


def mark_desk_told(conn: sa.Connection, user_id: int, up_to: datetime) -> None:
    """Record that somebody was told of all that came until then."""
    fresh = sa.and_(desk_letters.c.user_id == user_id, desk_letters.c.told_up_to < up_to)
    conn.execute(sa.update(desk_letters).where(fresh).values(told_up_to=up_to))


def laid_between(conn: sa.Connection, community_ids: Collection[int], after: datetime, until: datetime) -> list[int]:
    """Return what came to the desk after a moment and until another, oldest first; nothing from before we came."""
    query = (
        sa.select(insights.c.id)
        .join(comments, comments.c.id == insights.c.comment_id)
        .where(
            insights.c.community_id.in_(community_ids),
            insights.c.on_desk_at > after,
            insights.c.on_desk_at <= until,
            comments.c.source != "backfill",
        )
    )
    return list(conn.scalars(query.order_by(insights.c.id)))


def woken_between(
    conn: sa.Connection, community_ids: Collection[int], user_id: int, after: datetime, until: datetime
) -> list[int]:
    """Return what is somebody's and was brought back by a reply or an edit after a moment and until another."""
    query = sa.select(insights.c.id).where(
        insights.c.assignee_id == user_id,
        insights.c.community_id.in_(community_ids),
        insights.c.woken_at > after,
        insights.c.woken_at <= until,
    )
    return list(conn.scalars(query.order_by(insights.c.id)))


def counts_by_state(conn: sa.Connection, community_ids: Collection[int]) -> Counter[State]:
    """Return how many insights on the desk are in each state."""
    query = (
        sa.select(insights.c.state, sa.func.count())
        .where(insights.c.community_id.in_(community_ids), insights.c.on_desk_at.is_not(None))
        .group_by(insights.c.state)
    )
    return Counter({row[0]: row[1] for row in conn.execute(query)})


def _wishes(conn: sa.Connection, which: sa.ColumnElement[bool]) -> list[Wish]:
    query = sa.select(desk_letters).where(which).order_by(desk_letters.c.user_id)
    return [Wish(row.user_id, row.frequency, row.hour, row.told_up_to) for row in conn.execute(query)]
