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

# Of so few that a filter leaves, the ids are read first. SQLite cannot tell few from many on its own: it would go
# through a whole community, the newest first, to find them.
FEW = 300
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
    conditions, are_few = _conditions(conn, vault, community_ids, wanted)
    query = sa.select(insights.c.id).where(*conditions)
    if before is not None:
        query = query.where(insights.c.id < before)
    # Added to nothing, the id has no index that would lead through all of them in this order.
    newest = insights.c.id + 0 if are_few else insights.c.id
    return list(conn.scalars(_from(query).order_by(newest.desc()).limit(limit)))


def count_listed(
    conn: sa.Connection, vault: Vault, community_ids: Collection[int], wanted: Wanted, *, most: int
) -> int:
    """Return how many insights fit; from `most` on they are not counted further."""
    conditions, _ = _conditions(conn, vault, community_ids, wanted)
    some = _from(sa.select(insights.c.id).where(*conditions)).limit(most)
    return int(conn.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0)


def _from(query: sa.Select[int]) -> sa.Select[int]:
    return query.select_from(insights.join(comments, comments.c.id == insights.c.comment_id))


def _conditions(
    conn: sa.Connection, vault: Vault, community_ids: Collection[int], wanted: Wanted
) -> tuple[list[sa.ColumnElement[bool]], bool]:
    """Return what must hold, and whether it leaves so few that their order is no help in finding them."""
    merged = sa.exists().where(insight_merges.c.insight_id == insights.c.id)
    found = [
        comments.c.text.is_not(None),
        insights.c.is_snoozed.is_(wanted.snoozed),
        ~merged,
        insights.c.on_desk_at.is_not(None),
        comments.c.source == "backfill" if wanted.is_history else comments.c.source != "backfill",
    ]
    has_few = bool(wanted.assignee)
    if wanted.states:
        found.append(insights.c.state.in_(wanted.states))
        # Of a desk that is well looked after, few are open: they are known by its index alone.
        standing = sa.select(insights.c.id).where(
            insights.c.community_id.in_(community_ids),
            insights.c.is_snoozed.is_(wanted.snoozed),
            insights.c.state.in_(wanted.states),
        )
        # Of what is urgent there are fewer still, and it has an index of its own.
        few = None if wanted.urgent else conn.scalars(standing.limit(FEW + 1)).all()
        if few is not None and len(few) <= FEW:
            found.append(insights.c.id.in_(few))
            has_few = True
    lists: list[tuple[sa.ColumnElement[int], sa.Select[tuple[int]]]] = []
    if wanted.type:
        of_type = sa.select(insight_types.c.insight_id).where(insight_types.c.type == wanted.type)
        lists.append((insights.c.id, of_type))
    if wanted.theme:
        about = sa.select(comment_themes.c.comment_id).where(comment_themes.c.theme == wanted.theme)
        lists.append((insights.c.comment_id, about))
    if wanted.kind:
        found.append(insights.c.kind == wanted.kind)
    if wanted.assignee is not None:
        # Most are nobody's: an index would only lead through all of them out of their order.
        of_nobody = sa.func.coalesce(insights.c.assignee_id, 0) == 0
        found.append(insights.c.assignee_id == wanted.assignee if wanted.assignee else of_nobody)
    if wanted.found_from or wanted.found_before:
        found += _found_between(conn, community_ids, wanted.found_from, wanted.found_before)
    if wanted.words:
        having = having_words(conn, vault, wanted.words)
        lists.append((insights.c.comment_id, sa.select(comments.c.id).where(sa.false()) if having is None else having))
        # What is out of sight on the forum is not found by what it says.
        found.append(comments.c.state.in_(("visible", "direct")))
    if wanted.besides_urgent:
        found.append(sa.or_(insights.c.is_urgent.is_(False), insights.c.state.not_in(OPEN)))
    if wanted.urgent is not None:
        found.append(insights.c.is_urgent.is_(wanted.urgent))
    for column, those in lists:
        few = conn.scalars(those.limit(FEW + 1)).all()
        found.append(column.in_(few) if len(few) <= FEW else (column + 0).in_(those))
        has_few = has_few or len(few) <= FEW
    # Where few ids are known, or between which they are, an index of the community leads astray.
    leads_astray = has_few or wanted.found_from or wanted.found_before
    community = insights.c.community_id + 0 if leads_astray else insights.c.community_id
    return [community.in_(community_ids), *found], bool(has_few or wanted.urgent or wanted.snoozed)


def _found_between(
    conn: sa.Connection, community_ids: Collection[int], start: datetime | None, end: datetime | None
) -> list[sa.ColumnElement[bool]]:
    """Return the condition that insights were found between two moments, with the ids between which these are."""
    between = [insights.c.found_at >= start] if start else []
    between += [insights.c.found_at < end] if end else []
    # The id is added to nothing, so that SQLite reads the index of the moments and not all ids in their order.
    number = insights.c.id + 0
    ends = sa.select(sa.func.min(number), sa.func.max(number)).where(
        insights.c.community_id.in_(community_ids), *between
    )
    first, last = conn.execute(ends).one()
    return [sa.false()] if first is None else [*between, insights.c.id.between(first, last)]
