"""What people shared that the editors could use."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from plugin.basis import Sending
from plugin.consent import Credit
from plugin.model import Insight, Urgency
from plugin.outcomes import State
from plugin.sealing import Vault
from plugin.store.comments import StoredComment, stored_comments
from plugin.store.consents import credits_for, receipts_for
from plugin.store.discussions import StoredDiscussion, discussions_by_id
from plugin.store.outbox import Status
from plugin.store.tables import authors, comments, communities, discussions, insights, outbox
from plugin.store.tags import note_types

Kind = Literal["forward", "urgent"]


@dataclass(frozen=True, slots=True)
class StoredInsight:
    """One insight, for one kind of mail about it: what was shared, where, and what became of the mail, if there is one.

    `names` are those of everybody who wrote in the discussion, so that they can be taken out of its words. `sending`
    is what holds of it now, `credit` how its author wants to be credited, None where they did not choose.
    """

    mail_id: int | None
    stored: StoredComment
    discussion: StoredDiscussion
    found_at: datetime
    kind: Kind
    status: Status | None
    reason: str | None
    finished_at: datetime | None
    names: frozenset[str]
    insight_id: int
    state: State
    sending: Sending
    credit: Credit | None


def sendings_of(conn: sa.Connection, insight_ids: Collection[int], kind: Kind) -> dict[int, Sending]:
    """Return what holds of each of these insights now, for whoever decides whether to send it."""
    query = (
        sa.select(
            insights.c.id,
            insights.c.comment_id,
            insights.c.is_insight,
            insights.c.is_urgent,
            comments.c.state,
            comments.c.source,
            comments.c.is_asked,
            comments.c.held_at,
            discussions.c.audience,
            communities.c.forwarding,
        )
        .select_from(
            insights.join(comments, comments.c.id == insights.c.comment_id)
            .join(discussions, discussions.c.id == comments.c.discussion_id)
            .join(communities, communities.c.id == insights.c.community_id)
        )
        .where(insights.c.id.in_(insight_ids))
    )
    rows = conn.execute(query).all()
    receipts = receipts_for(conn, [row.comment_id for row in rows])
    return {
        row.id: Sending(
            kind=kind,
            state=row.state,
            source=row.source,
            audience=row.audience,
            forwarding=row.forwarding,
            is_insight=row.is_insight,
            is_urgent=row.is_urgent,
            is_asked=row.is_asked,
            is_held=row.held_at is not None,
            receipts=tuple(receipts[row.comment_id]),
        )
        for row in rows
    }


def insights_by(conn: sa.Connection, comment_ids: Collection[int]) -> dict[int, int]:
    """Return the id of what each of these comments shares, of those that share something."""
    query = sa.select(insights.c.comment_id, insights.c.id).where(insights.c.comment_id.in_(comment_ids))
    return {row.comment_id: row.id for row in conn.execute(query)}


def author_of(conn: sa.Connection, insight_id: int) -> tuple[int, int] | None:
    """Return the author and the community of an insight, or None where it or its author was erased."""
    query = (
        sa.select(comments.c.author_id, comments.c.community_id)
        .join(insights, insights.c.comment_id == comments.c.id)
        .where(insights.c.id == insight_id, comments.c.author_id.is_not(None))
    )
    row = conn.execute(query).first()
    return (row.author_id, row.community_id) if row else None


def save_insight(
    conn: sa.Connection,
    community_id: int,
    comment_id: int,
    insight: Insight,
    urgency: Urgency,
    *,
    text_at: datetime,
    at: datetime,
) -> int | None:
    """Store what was found in a comment's newest words and return the insight's id.

    Return None where nothing was found now or before: most comments need no row.
    """
    known: int | None = conn.scalar(sa.select(insights.c.id).where(insights.c.comment_id == comment_id))
    if known is None and not (insight.is_insight or urgency.is_urgent):
        return None
    found = {
        "is_insight": insight.is_insight,
        "score": insight.score,
        "kind": insight.kind,
        "evidence": [[evidence.start, evidence.end] for evidence in insight.evidence],
        "reasons": list(insight.reasons),
        "is_urgent": urgency.is_urgent,
        "urgent_evidence": [[evidence.start, evidence.end] for evidence in urgency.evidence],
        "text_at": text_at,
    }
    if known is not None:
        conn.execute(sa.update(insights).where(insights.c.id == known).values(**found))
    else:
        insert = sa.insert(insights).values(community_id=community_id, comment_id=comment_id, found_at=at, **found)
        known = conn.execute(insert.returning(insights.c.id)).scalar_one()
    note_types(conn, [comment_id])
    return known


def insight_by_id(conn: sa.Connection, vault: Vault, outbox_id: int) -> StoredInsight | None:
    """Return what one mail is about, or None where there is no such mail or its words are gone."""
    found = _read(conn, vault, _mails().where(outbox.c.id == outbox_id))
    return found[0] if found else None


def on_desk(conn: sa.Connection, vault: Vault, insight_ids: Sequence[int]) -> list[StoredInsight]:
    """Return these insights as the desk shows them, in this order; those whose words are gone are left out."""
    found = {one.insight_id: one for one in _read(conn, vault, _desk().where(insights.c.id.in_(insight_ids)))}
    return [found[insight_id] for insight_id in insight_ids if insight_id in found]


def _desk() -> sa.Select[*tuple[object, ...]]:
    # The mail to the community's editors; other copies, to one of them or to a program, have rows of their own.
    first = (
        sa.select(sa.func.min(outbox.c.id))
        .where(outbox.c.insight_id == insights.c.id, outbox.c.kind == "forward")
        .correlate(insights)
        .scalar_subquery()
    )
    query = sa.select(*_columns(sa.literal("forward").label("kind"))).select_from(
        insights.join(comments, comments.c.id == insights.c.comment_id)
        .join(discussions, discussions.c.id == comments.c.discussion_id)
        .outerjoin(outbox, outbox.c.id == first)
    )
    return query.where(comments.c.text.is_not(None))


def _mails() -> sa.Select[*tuple[object, ...]]:
    # Whatever else a row tells of an insight goes by what holds for the editors' copy of it.
    kind = sa.case((outbox.c.kind == "urgent", "urgent"), else_="forward").label("kind")
    query = sa.select(*_columns(kind)).select_from(
        outbox.join(insights, insights.c.id == outbox.c.insight_id)
        .join(comments, comments.c.id == insights.c.comment_id)
        .join(discussions, discussions.c.id == comments.c.discussion_id)
    )
    # A comment that was deleted since keeps its row but has no words left to show.
    return query.where(comments.c.text.is_not(None))


def _columns(kind: sa.ColumnElement[str]) -> tuple[sa.ColumnElement[Any], ...]:
    return (
        outbox.c.id,
        kind,
        outbox.c.status,
        outbox.c.reason,
        outbox.c.finished_at,
        insights.c.id.label("insight_id"),
        insights.c.state,
        insights.c.found_at,
        insights.c.comment_id,
        comments.c.discussion_id,
    )


def _read(conn: sa.Connection, vault: Vault, query: sa.Select[*tuple[object, ...]]) -> list[StoredInsight]:
    rows = conn.execute(query).all()
    if not rows:
        return []
    sendings: dict[tuple[int, Kind], Sending] = {}
    for kind in KINDS:
        ids = [row.insight_id for row in rows if row.kind == kind]
        # Most of what is read is of one kind, and each question is a part of the page's time.
        found = sendings_of(conn, ids, kind) if ids else {}
        sendings |= {(insight_id, kind): sending for insight_id, sending in found.items()}
    credits = credits_for(conn, vault, [row.comment_id for row in rows])
    stored = {item.id: item for item in stored_comments(conn, comments.c.id.in_([row.comment_id for row in rows]))}
    places = discussions_by_id(conn, {row.discussion_id for row in rows})
    names = _names_in(conn, places)
    return [
        StoredInsight(
            mail_id=row.id,
            stored=stored[row.comment_id],
            discussion=places[row.discussion_id],
            found_at=row.found_at,
            kind=row.kind,
            status=row.status,
            reason=row.reason,
            finished_at=row.finished_at,
            names=frozenset(names[row.discussion_id]),
            insight_id=row.insight_id,
            state=row.state,
            sending=sendings[row.insight_id, row.kind],
            credit=credits.get(row.comment_id),
        )
        # PostgreSQL answers each of these questions as of its own moment, and words may go in between.
        for row in rows
        if row.comment_id in stored
    ]


def _names_in(conn: sa.Connection, discussion_ids: Collection[int]) -> dict[int, set[str]]:
    """Return what those who wrote in each of these discussions are called."""
    query = (
        sa.select(comments.c.discussion_id, authors.c.display_name)
        .join(comments, comments.c.author_id == authors.c.id)
        .where(comments.c.discussion_id.in_(discussion_ids), authors.c.display_name.is_not(None))
        .distinct()
    )
    found: dict[int, set[str]] = {discussion_id: set() for discussion_id in discussion_ids}
    for row in conn.execute(query):
        found[row.discussion_id].add(row.display_name)
    return found


KINDS: tuple[Kind, ...] = ("forward", "urgent")
