"""The moderators' home: which discussions are uneven, what waits for somebody, and what people speak of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import render_template, request
from flask_login import current_user

from plugin.glances import Glance, first_looked_at, glance_of
from plugin.store.balances import roles_in_discussions
from plugin.store.communities import Community
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
        glances = _glances(conn, chosen, now)
        figures = prompt_figures(conn, chosen.keys())
        counts = counts_for(conn, mine)
        lanes = lanes_in(conn, only.id, now) if only else None
        left_over = unassigned(conn, only.id) if only else None
        has_digest = wants_digest(conn, current_user.id)
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


def discussions_json() -> dict[str, object]:
    """Return the discussions of whoever is signed in with their balance, in the order of the page."""
    mine = {community.id: community for community in communities_for("moderator")}
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        glances = _glances(conn, mine, now)
    return {
        "discussions": [
            {
                "id": row.stored.id,
                "community": mine[row.stored.community_id].slug,
                "title": row.stored.discussion.title,
                "url": row.stored.discussion.url,
                "people": row.people,
                "comments": row.comments,
                "types": dict(glance.people),
                "not_heard": list(glance.not_heard),
                "evenness": glance.evenness,
                "last_comment_at": row.last_comment_at.isoformat() if row.last_comment_at else None,
            }
            for row, glance in glances
        ]
    }


def _glances(conn: sa.Connection, chosen: Mapping[int, Community], now: datetime) -> list[tuple[DiscussionRow, Glance]]:
    roles = roles_in_discussions(conn, chosen.keys())
    glances = [
        (row, glance_of(roles.get(row.stored.id, {}).values(), row.people, expected.expected_types))
        for row in discussions_of(conn, chosen.keys())
        if (expected := chosen[row.stored.community_id])
    ]
    return sorted(glances, key=lambda one: first_looked_at(one[0].last_comment_at, one[1].evenness, now))


def _bars(glance: Glance) -> tuple[SmallBar, ...]:
    counts: Sequence[int] = [count for _, count in glance.people]
    unit = WIDTH / max([1, *counts])
    return tuple(SmallBar(place * ROW, round(unit * count, 1)) for place, count in enumerate(counts))
