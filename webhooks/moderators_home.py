"""The moderators' home: which discussions are uneven, what waits for somebody, and what people speak of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import render_template, request
from flask_login import current_user

from plugin.glances import Glance, first_looked_at, glance_of
from plugin.store.balances import roles_in_discussions
from plugin.store.digests import wants_digest
from plugin.store.discussions import DiscussionRow, discussions_of
from plugin.store.opening import reading
from plugin.store.prompts import prompt_figures
from plugin.store.themes import lanes_in, unassigned
from webhooks.pages import FEWEST_SHOWN
from webhooks.queues import counts_for
from webhooks.staff import communities_for
from webhooks.wiring import service

ON_A_PAGE = 25
# The small picture of a discussion: one bar for each type.
WIDTH = 120
ROW = 9


@dataclass(frozen=True, slots=True)
class SmallBar:
    """One bar of the small picture; where nobody speaks it is a thin line."""

    top: int
    width: float


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A discussion on the home page."""

    row: DiscussionRow
    glance: Glance
    bars: tuple[SmallBar, ...]


def home_page() -> str:
    """Return the page for the person at the screen, of all their communities or of the one in the address."""
    mine = {community.id: community for community in communities_for("moderator")}
    asked = request.args.get("community")
    chosen = {id_: one for id_, one in mine.items() if asked in (None, "", one.slug)}
    # Themes are a community's own: with several, they are shown once one is chosen.
    only = next(iter(chosen.values())) if len(chosen) == 1 else None
    page = max(1, request.args.get("page", default=1, type=int))
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        rows = discussions_of(conn, chosen.keys())
        roles = roles_in_discussions(conn, chosen.keys())
        figures = prompt_figures(conn, chosen.keys())
        counts = counts_for(conn, mine)
        lanes = lanes_in(conn, only.id, now) if only else None
        left_over = unassigned(conn, only.id) if only else None
        has_digest = wants_digest(conn, current_user.id)
    glances = [
        (
            row,
            glance_of(
                roles.get(row.stored.id, {}).values(), row.people, chosen[row.stored.community_id].expected_types
            ),
        )
        for row in rows
    ]
    glances.sort(key=lambda one: first_looked_at(one[0].last_comment_at, one[1].evenness, now))
    first = (page - 1) * ON_A_PAGE
    return render_template(
        "moderators/home.html",
        rows=[HomeRow(row, glance, _bars(glance)) for row, glance in glances[first : first + ON_A_PAGE]],
        number=len(glances),
        page=page,
        has_more=len(glances) > first + ON_A_PAGE,
        counts=counts,
        communities={id_: one.name for id_, one in mine.items()},
        choices=list(mine.values()),
        asked=asked or "",
        only=only,
        lanes=lanes,
        left_over=left_over,
        has_digest=has_digest,
        figures=figures,
        fewest_shown=FEWEST_SHOWN,
        width=WIDTH,
        row_height=ROW,
    )


def _bars(glance: Glance) -> tuple[SmallBar, ...]:
    counts: Sequence[int] = [count for _, count in glance.people]
    unit = WIDTH / max([1, *counts])
    return tuple(SmallBar(place * ROW, round(unit * count, 1)) for place, count in enumerate(counts))
