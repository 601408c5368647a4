"""What was done with each insight: rows are added, and the newest state stands on the insight too."""

from collections.abc import Collection
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from plugin.outcomes import Step
from plugin.store.tables import comments, discussions, insight_steps, insights


def add_step(conn: sa.Connection, insight_id: int, step: Step, *, by: str) -> int:
    """Write down a step with an insight and return its id; plugin.desk.take asks first whether it is allowed.

    Args:
        conn: inside a transaction.
        insight_id: with which insight.
        step: which step.
        by: who, as `staff:<id>`, or `forum` and `author` for what they bring about.
    """
    insert = sa.insert(insight_steps).values(insight_id=insight_id, by=by, **asdict(step))
    new: int = conn.execute(insert.returning(insight_steps.c.id)).scalar_one()
    return new


def steps_of(conn: sa.Connection, insight_ids: Collection[int], *, after_id: int = 0) -> dict[int, list[Step]]:
    """Return the steps of each of these insights, oldest first, of those with an id above `after_id`."""
    query = (
        sa.select(insight_steps)
        .where(insight_steps.c.insight_id.in_(insight_ids), insight_steps.c.id > after_id)
        .order_by(insight_steps.c.id)
    )
    found: dict[int, list[Step]] = {insight_id: [] for insight_id in insight_ids}
    for row in conn.execute(query):
        found[row.insight_id].append(_step(row))
    return found


def steps_with_doers(conn: sa.Connection, insight_id: int) -> list[tuple[str, Step]]:
    """Return the steps of an insight, oldest first, each with who took it, as `add_step` has it."""
    query = sa.select(insight_steps).where(insight_steps.c.insight_id == insight_id).order_by(insight_steps.c.id)
    return [(row.by, _step(row)) for row in conn.execute(query)]


def last_step_of(conn: sa.Connection, author_id: int) -> int:
    """Return the id of the newest step with anything that this author shared, or 0."""
    query = (
        sa.select(sa.func.max(insight_steps.c.id))
        .select_from(
            insight_steps.join(insights, insights.c.id == insight_steps.c.insight_id).join(
                comments, comments.c.id == insights.c.comment_id
            )
        )
        .where(comments.c.author_id == author_id)
    )
    return int(conn.scalar(query) or 0)


@dataclass(frozen=True, slots=True)
class Told:
    """A step as its contributor reads of it: in which discussion their words stand, and what was done."""

    discussion_title: str
    step: Step


def told_of(conn: sa.Connection, author_id: int, *, after_id: int, up_to: int, states: Collection[str]) -> list[Told]:
    """Return the steps into `states` with what this author shared, oldest first, by the ids they lie between."""
    query = (
        sa.select(insight_steps, discussions.c.title.label("discussion_title"))
        .select_from(
            insight_steps.join(insights, insights.c.id == insight_steps.c.insight_id)
            .join(comments, comments.c.id == insights.c.comment_id)
            .join(discussions, discussions.c.id == comments.c.discussion_id)
        )
        .where(
            comments.c.author_id == author_id,
            insight_steps.c.id > after_id,
            insight_steps.c.id <= up_to,
            insight_steps.c.state.in_(states),
        )
        .order_by(insight_steps.c.id)
    )
    return [Told(row.discussion_title, _step(row)) for row in conn.execute(query)]


def _step(row: sa.Row[*tuple[object, ...]]) -> Step:
    return Step(row.state, row.at, row.title, row.link, row.body, row.reason)
