"""The rules by which insights are handed on, and what those rules can ask of an insight."""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from plugin.outcomes import NotAllowed
from plugin.routing import Facts, Rule, conditions_from_record, conditions_to_record, target_from
from plugin.store.tables import comment_themes, comments, desk_letters, insight_types, insights, routes


def rules_of(conn: sa.Connection, community_id: int) -> list[Rule]:
    """Return the rules of a community, oldest first."""
    query = sa.select(routes).where(routes.c.community_id == community_id).order_by(routes.c.id)
    return [
        Rule(row.id, row.name, conditions_from_record(row.conditions), target_from(row.target))
        for row in conn.execute(query)
    ]


def add_rule(conn: sa.Connection, community_id: int, rule: Rule, *, by: str, at: datetime) -> int:
    """Store a rule and return its id; raise NotAllowed where another has its name."""
    same = sa.and_(routes.c.community_id == community_id, routes.c.name == rule.name)
    if conn.scalar(sa.select(routes.c.id).where(same)) is not None:
        raise NotAllowed("Another rule has this name.")
    row = {"community_id": community_id, "name": rule.name, "conditions": conditions_to_record(rule.conditions)}
    insert = sa.insert(routes).values(**row, target=str(rule.target), by=by, at=at)
    new: int = conn.execute(insert.returning(routes.c.id)).scalar_one()
    return new


def remove_rule(conn: sa.Connection, community_id: int, rule_id: int) -> bool:
    """Take a rule away, and return whether it was there."""
    theirs = sa.and_(routes.c.community_id == community_id, routes.c.id == rule_id)
    return conn.execute(sa.delete(routes).where(theirs)).rowcount == 1


def remove_rules_for(conn: sa.Connection, community_id: int, target: str) -> None:
    """Take the rules away that are for somebody who is gone."""
    conn.execute(sa.delete(routes).where(routes.c.community_id == community_id, routes.c.target == target))


def is_heard_by_more(conn: sa.Connection, community_id: int) -> bool:
    """Return whether insights of this community may go to anybody but the addresses that all of them go to."""
    has_rule = sa.exists().where(routes.c.community_id == community_id)
    has_wish = sa.exists().where(desk_letters.c.frequency == "each")
    return bool(conn.scalar(sa.select(sa.or_(has_rule, has_wish))))


def facts_of(conn: sa.Connection, insight_ids: Collection[int]) -> dict[int, Facts]:
    """Return what rules can ask of each of these insights."""
    rows = conn.execute(
        sa.select(insights.c.id, insights.c.comment_id, insights.c.kind, insights.c.is_urgent).where(
            insights.c.id.in_(insight_ids)
        )
    ).all()
    types: dict[int, set[str]] = {row.id: set() for row in rows}
    for insight_id, type_ in conn.execute(
        sa.select(insight_types.c.insight_id, insight_types.c.type).where(insight_types.c.insight_id.in_(types))
    ):
        types[insight_id].add(type_)
    themes = themes_of(conn, [row.comment_id for row in rows])
    return {
        row.id: Facts(frozenset(types[row.id]), frozenset(themes[row.comment_id]), row.kind, row.is_urgent)
        for row in rows
    }


def themes_of(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the themes of each of these comments, by name."""
    found: dict[int, set[str]] = {comment_id: set() for comment_id in comment_ids}
    query = sa.select(comment_themes.c.comment_id, comment_themes.c.theme).where(
        comment_themes.c.comment_id.in_(comment_ids)
    )
    for comment_id, theme in conn.execute(query):
        found[comment_id].add(theme)
    return {comment_id: sorted(themes) for comment_id, themes in found.items()}


def last_comments(conn: sa.Connection, community_id: int, most: int) -> tuple[int, list[int]]:
    """Return how many comments the dry run looks at, at most so many, and the insights found in them, newest first."""
    newest = (
        sa.select(comments.c.id)
        .where(comments.c.community_id == community_id, comments.c.text.is_not(None), comments.c.source != "backfill")
        .order_by(comments.c.id.desc())
        .limit(most)
    )
    ids = list(conn.scalars(newest))
    found = sa.select(insights.c.id).where(insights.c.comment_id.in_(ids), insights.c.on_desk_at.is_not(None))
    return len(ids), list(conn.scalars(found.order_by(insights.c.id.desc())))
