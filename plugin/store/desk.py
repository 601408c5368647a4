"""Where each insight stands at the desk: whose it is, until when it sleeps, what it is merged with."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from plugin.outcomes import State
from plugin.sealing import Vault
from plugin.store.opening import insert_into
from plugin.store.staff import users
from plugin.store.tables import (
    comments,
    desk_notes,
    desk_presence,
    desk_replies,
    insight_merges,
    insights,
)

NOTES = "desk notes"
REPLIES = "desk replies"
# For how long somebody who opened an insight counts as being there.
PRESENT = timedelta(minutes=5)


class Stale(Exception):  # noqa: N818 - named for the fact
    """Somebody else changed the insight meanwhile. `item` is how it stands now."""

    def __init__(self, item: "Item") -> None:
        super().__init__("the insight was changed meanwhile")
        self.item = item


@dataclass(frozen=True, slots=True)
class Item:
    """How one insight stands at the desk.

    `version` counts what was done with it; `assignee_id` is an account; where `is_snoozed`, it is out of the way until
    `snoozed_until` or, without a moment, until a reply. `into_id` is what it is merged into.
    """

    id: int
    community_id: int
    comment_id: int
    state: State
    version: int
    on_desk_at: datetime | None
    is_urgent: bool
    assignee_id: int | None
    is_snoozed: bool
    snoozed_until: datetime | None
    into_id: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """Something an editor wrote: a note to the others, or a reply to the contributor."""

    id: int
    text: str
    by: str
    at: datetime


def item_of(conn: sa.Connection, insight_id: int, *, locked: bool = False) -> Item | None:
    """Return how an insight stands, or None where it is gone; `locked` keeps others from changing it meanwhile."""
    query = _items().where(insights.c.id == insight_id)
    row = conn.execute(query.with_for_update(of=insights) if locked else query).first()
    return Item(**row._mapping) if row else None


def items_of(conn: sa.Connection, insight_ids: Collection[int]) -> dict[int, Item]:
    """Return how each of these insights stands, of those that are there."""
    rows = conn.execute(_items().where(insights.c.id.in_(insight_ids)))
    return {row.id: Item(**row._mapping) for row in rows}


def count_merged(conn: sa.Connection, insight_ids: Collection[int]) -> dict[int, int]:
    """Return how many are merged into each of these insights, of those into which any is."""
    query = (
        sa.select(insight_merges.c.into_id, sa.func.count().label("merged"))
        .where(insight_merges.c.into_id.in_(insight_ids))
        .group_by(insight_merges.c.into_id)
    )
    return {row.into_id: row.merged for row in conn.execute(query)}


def changed(conn: sa.Connection, item: Item, seen: int | None, **values: Any) -> Item:
    """Change where an insight stands and return it as it is now; raise Stale where `seen` is not its version."""
    if seen is not None and seen != item.version:
        raise Stale(item)
    new = {"version": item.version + 1, **values}
    conn.execute(sa.update(insights).where(insights.c.id == item.id).values(**new))
    return Item(**(asdict(item) | new))


def note_waking(conn: sa.Connection, insight_id: int, at: datetime) -> None:
    """Write down when somebody's words brought an insight back that slept."""
    conn.execute(sa.update(insights).where(insights.c.id == insight_id).values(woken_at=at))


def put_on_desk(conn: sa.Connection, insight_id: int, at: datetime) -> bool:
    """Lay an insight on the desk, and return whether it is there for the first time."""
    fresh = sa.and_(insights.c.id == insight_id, insights.c.on_desk_at.is_(None))
    return conn.execute(sa.update(insights).where(fresh).values(on_desk_at=at)).rowcount == 1


def add_note(conn: sa.Connection, vault: Vault, insight_id: int, text: str, *, by: str, at: datetime) -> None:
    """Keep a note for the other editors."""
    row = {"insight_id": insight_id, "sealed": vault.seal(NOTES, text), "by": by, "at": at}
    conn.execute(sa.insert(desk_notes).values(row))


def notes_of(conn: sa.Connection, vault: Vault, insight_ids: Collection[int]) -> list[Said]:
    """Return the notes about these insights, oldest first."""
    query = sa.select(desk_notes).where(desk_notes.c.insight_id.in_(insight_ids)).order_by(desk_notes.c.id)
    return [Said(row.id, vault.unseal(NOTES, row.sealed), row.by, row.at) for row in conn.execute(query)]


def add_reply(conn: sa.Connection, vault: Vault, insight_id: int, text: str, *, by: str, at: datetime) -> int:
    """Keep what an editor answers the contributor, and return its id."""
    row = {"insight_id": insight_id, "sealed": vault.seal(REPLIES, text), "by": by, "at": at}
    new: int = conn.execute(sa.insert(desk_replies).values(row).returning(desk_replies.c.id)).scalar_one()
    return new


def replies_of(conn: sa.Connection, vault: Vault, insight_ids: Collection[int]) -> dict[int, list[Said]]:
    """Return what was answered about each of these insights, oldest first."""
    query = sa.select(desk_replies).where(desk_replies.c.insight_id.in_(insight_ids)).order_by(desk_replies.c.id)
    found: dict[int, list[Said]] = {insight_id: [] for insight_id in insight_ids}
    for row in conn.execute(query):
        found[row.insight_id].append(Said(row.id, vault.unseal(REPLIES, row.sealed), row.by, row.at))
    return found


def set_merge(conn: sa.Connection, insight_id: int, into_id: int, *, by: str, at: datetime) -> None:
    """Write down that one insight says the same as another; whatever was merged into it goes along."""
    conn.execute(sa.update(insight_merges).where(insight_merges.c.into_id == insight_id).values(into_id=into_id))
    conn.execute(sa.insert(insight_merges).values(insight_id=insight_id, into_id=into_id, by=by, at=at))


def undo_merge(conn: sa.Connection, insight_id: int) -> bool:
    """Take an insight out of what it was merged into, and return whether it was."""
    return conn.execute(sa.delete(insight_merges).where(insight_merges.c.insight_id == insight_id)).rowcount == 1


def merged_into(conn: sa.Connection, insight_id: int) -> list[int]:
    """Return the insights that are merged into this one."""
    query = sa.select(insight_merges.c.insight_id).where(insight_merges.c.into_id == insight_id)
    return list(conn.scalars(query.order_by(insight_merges.c.insight_id)))


def all_merged_into(conn: sa.Connection, insight_ids: Collection[int]) -> dict[int, int]:
    """Return the insights that are merged into any of these, each with the one that it is merged into."""
    query = sa.select(insight_merges).where(insight_merges.c.into_id.in_(insight_ids))
    return {row.insight_id: row.into_id for row in conn.execute(query.order_by(insight_merges.c.insight_id))}


def note_presence(conn: sa.Connection, insight_id: int, user_id: int, at: datetime) -> None:
    """Write down that somebody has an insight open."""
    insert = insert_into(conn, desk_presence).values(insight_id=insight_id, user_id=user_id, at=at)
    conn.execute(insert.on_conflict_do_update(index_elements=["insight_id", "user_id"], set_={"at": at}))
    conn.execute(sa.delete(desk_presence).where(desk_presence.c.at < at - PRESENT))


def others_present(conn: sa.Connection, insight_id: int, user_id: int, at: datetime) -> list[str]:
    """Return the addresses of the others who have an insight open."""
    query = (
        sa.select(users.c.email)
        .join(desk_presence, desk_presence.c.user_id == users.c.id)
        .where(
            desk_presence.c.insight_id == insight_id,
            desk_presence.c.user_id != user_id,
            desk_presence.c.at >= at - PRESENT,
        )
        .order_by(users.c.email)
    )
    return list(conn.scalars(query))


def awake(conn: sa.Connection, at: datetime) -> list[Item]:
    """Return the insights whose sleep is over."""
    over = sa.and_(insights.c.is_snoozed, insights.c.snoozed_until <= at)
    ids = list(conn.scalars(sa.select(insights.c.id).where(over).order_by(insights.c.id)))
    return [item for insight_id in ids if (item := item_of(conn, insight_id, locked=True))]


def insight_answered(conn: sa.Connection, comment_id: int) -> int | None:
    """Return the insight in the comment that this one is a reply to, by somebody else; None where there is none."""
    answered = comments.alias()
    query = (
        sa.select(insights.c.id)
        .select_from(
            comments.join(
                answered,
                sa.and_(
                    answered.c.native_id == comments.c.parent_native_id,
                    answered.c.community_id == comments.c.community_id,
                    answered.c.discussion_id == comments.c.discussion_id,
                ),
            ).join(insights, insights.c.comment_id == answered.c.id)
        )
        .where(comments.c.id == comment_id)
        .order_by(answered.c.created_at.desc())
        .limit(1)
    )
    found: int | None = conn.scalar(query)
    return found


def _items() -> sa.Select[*tuple[object, ...]]:
    into = sa.select(insight_merges.c.into_id).where(insight_merges.c.insight_id == insights.c.id).scalar_subquery()
    return sa.select(*(insights.c[name] for name in ITEM), into.label("into_id"))


ITEM = (
    "id",
    "community_id",
    "comment_id",
    "state",
    "version",
    "on_desk_at",
    "is_urgent",
    "assignee_id",
    "is_snoozed",
    "snoozed_until",
)
