"""Which insights lie on the desk: the filters of its list, in one place for the page and for programs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.model import InsightKind
from plugin.outcomes import State
from plugin.sealing import Vault
from plugin.store.searching import having_words
from plugin.store.tables import comment_themes, comments, insight_merges, insight_types, insights

# What still has to be looked at.
OPEN: tuple[State, ...] = ("new", "in_review", "waiting", "reopened")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of the desk: whatever is set must hold.

    `states`: any of them, none means all. `assignee`: an account, or 0 for nobody's. `found_from` and `found_before`
    bound the moment at which it was found. `snoozed`: those that sleep instead of those that do not. `is_history`:
    those from before the forum was attached instead of those since. `besides_urgent`: without what is urgent and
    open, which stands on top of the desk.
    """

    states: tuple[State, ...] = ()
    type: str | None = None
    theme: str | None = None
    kind: InsightKind | None = None
    assignee: int | None = None
    found_from: datetime | None = None
    found_before: datetime | None = None
    words: str | None = None
    snoozed: bool = False
    urgent: bool | None = None
    is_history: bool = False
    besides_urgent: bool = False


def listed(
    conn: sa.Connection,
    vault: Vault,
    community_ids: Collection[int],
    wanted: Wanted,
    *,
    limit: int,
    before: int | None = None,
) -> list[int]:
    """Return the insights on the desk of these communities that fit, the newest first; never ordered by who speaks.

    Args:
        conn: to read from.
        vault: to search with.
        community_ids: whose.
        wanted: which of them.
        limit: how many at most.
        before: only those with a smaller id, for the next page.
    """
    query = sa.select(insights.c.id).where(*_conditions(conn, vault, community_ids, wanted))
    if before is not None:
        query = query.where(insights.c.id < before)
    return list(conn.scalars(_from(query).order_by(insights.c.id.desc()).limit(limit)))


def count_listed(
    conn: sa.Connection, vault: Vault, community_ids: Collection[int], wanted: Wanted, *, most: int
) -> int:
    """Return how many insights fit; from `most` on they are not counted further."""
    some = _from(sa.select(insights.c.id).where(*_conditions(conn, vault, community_ids, wanted))).limit(most)
    return int(conn.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0)


def _from(query: sa.Select[int]) -> sa.Select[int]:
    return query.select_from(insights.join(comments, comments.c.id == insights.c.comment_id))


def _conditions(
    conn: sa.Connection, vault: Vault, community_ids: Collection[int], wanted: Wanted
) -> list[sa.ColumnElement[bool]]:
    merged = sa.exists().where(insight_merges.c.insight_id == insights.c.id)
    found = [
        insights.c.community_id.in_(community_ids),
        comments.c.text.is_not(None),
        insights.c.is_snoozed.is_(wanted.snoozed),
        ~merged,
        insights.c.on_desk_at.is_not(None),
        comments.c.source == "backfill" if wanted.is_history else comments.c.source != "backfill",
    ]
    if wanted.states:
        found.append(insights.c.state.in_(wanted.states))
    if wanted.type:
        of_type = insight_types.c.type == wanted.type
        found.append(sa.exists().where(insight_types.c.insight_id == insights.c.id, of_type))
    if wanted.theme:
        about = comment_themes.c.theme == wanted.theme
        found.append(sa.exists().where(comment_themes.c.comment_id == insights.c.comment_id, about))
    if wanted.kind:
        found.append(insights.c.kind == wanted.kind)
    if wanted.assignee is not None:
        found.append(insights.c.assignee_id == (wanted.assignee or None))
    if wanted.found_from:
        found.append(insights.c.found_at >= wanted.found_from)
    if wanted.found_before:
        found.append(insights.c.found_at < wanted.found_before)
    if wanted.words:
        # What is out of sight on the forum is not found by what it says.
        found += [having_words(conn, vault, wanted.words), comments.c.state.in_(("visible", "direct"))]
    if wanted.besides_urgent:
        found.append(sa.or_(insights.c.is_urgent.is_(False), insights.c.state.not_in(OPEN)))
    if wanted.urgent is not None:
        found.append(insights.c.is_urgent.is_(wanted.urgent))
    return found
