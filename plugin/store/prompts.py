"""How often the invitation was shown and chosen, how many joined and posted: figures, never people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

import sqlalchemy as sa

from plugin.store.opening import insert_into
from plugin.store.tables import discussions, prompt_counts

Step = Literal["shown", "chosen", "joined", "posted"]


@dataclass(frozen=True, slots=True)
class PromptFigures:
    """What became of the invitation in one discussion; `title` and `url` are None for the community as a whole.

    Nobody can tell for which discussion somebody joined. Who posted is counted where kept words came in as a comment.
    """

    title: str | None
    url: str | None
    shown: int
    chosen: int
    joined: int
    posted: int


def count_prompt(
    conn: sa.Connection, community_id: int, step: Step, discussion_id: int | None = None, *, on: date | None = None
) -> None:
    """Add one to a figure of a day (UTC), today where none is given."""
    on = on or datetime.now(UTC).date()
    insert = insert_into(conn, prompt_counts).values(
        community_id=community_id, discussion_id=discussion_id or 0, day=on, step=step, count=1
    )
    place = ["community_id", "discussion_id", "day", "step"]
    conn.execute(insert.on_conflict_do_update(index_elements=place, set_={"count": prompt_counts.c.count + 1}))


def prompt_figures(conn: sa.Connection, community_ids: Collection[int]) -> list[PromptFigures]:
    """Return the figures of these communities, a row for each discussion and one for what has none."""

    def total(step: Step) -> sa.ColumnElement[int]:
        counted = sa.case((prompt_counts.c.step == step, prompt_counts.c.count), else_=0)
        return sa.func.coalesce(sa.func.sum(counted), 0).label(step)

    query = (
        sa.select(
            discussions.c.title, discussions.c.url, total("shown"), total("chosen"), total("joined"), total("posted")
        )
        .select_from(prompt_counts.outerjoin(discussions, discussions.c.id == prompt_counts.c.discussion_id))
        .where(prompt_counts.c.community_id.in_(community_ids))
        .group_by(discussions.c.id, discussions.c.title, discussions.c.url)
        .order_by(discussions.c.title.nulls_last())
    )
    return [
        PromptFigures(row.title, row.url, row.shown, row.chosen, row.joined, row.posted) for row in conn.execute(query)
    ]
