"""The comments and where each of them stands."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from plugin.events import CommentRef, Source
from plugin.model import Author, Comment, CommentState, Insight, Tag, Urgency
from plugin.ordering import Standing
from plugin.store.authors import author_from
from plugin.store.insights_rows import insight_from, urgency_from
from plugin.store.opening import insert_into
from plugin.store.searching import forget_words
from plugin.store.tables import (
    authors,
    comments,
    discussions,
    insights,
    metadata,
    outbox,
    summary_inputs,
    summary_lines,
)
from plugin.store.tags import tags_for


@dataclass(frozen=True, slots=True)
class Kept:
    """The row of a comment: its id, what holds of it, and whom and what it belongs to.

    `is_new`: this is the first that we hear of it. `is_erased`: its author had it erased, and no news brings it back.
    """

    id: int
    standing: Standing
    author_id: int | None
    discussion_id: int | None
    source: Source
    is_new: bool
    is_erased: bool


@dataclass(frozen=True, slots=True)
class StoredComment:
    """A comment with all that we know of it. `forwarded` is the outbox status of its mail, or None."""

    id: int
    discussion_id: int
    comment: Comment
    author_id: int | None
    author: Author
    tags: tuple[Tag, ...]
    insight: Insight | None
    urgency: Urgency | None
    forwarded: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Which comment of its forum this is, and where it stands; that outlives its words."""

    native_id: str
    created_at: datetime
    state: CommentState
    source: Source
    discussion_native_id: str | None


def kept_comment(
    conn: sa.Connection, community_id: int, comment: Comment | CommentRef, *, source: Source, at: datetime
) -> Kept:
    """Return the row of a comment, making an empty one where this is the first we hear of it."""
    identity = {"community_id": community_id, "native_id": comment.native_id, "created_at": comment.created_at}
    insert = insert_into(conn, comments).values(**identity, state="hidden", source=source, received_at=at)
    is_new = conn.execute(insert.on_conflict_do_nothing().returning(comments.c.id)).first() is not None
    row = conn.execute(sa.select(comments).filter_by(**identity).with_for_update()).one()
    standing = Standing(row.text, row.text_at, row.shown_state, row.shown_at, row.approved_at, row.deleted_at)
    is_erased = row.erased_at is not None
    return Kept(row.id, standing, row.author_id, row.discussion_id, row.source, is_new, is_erased)


def direct_author(conn: sa.Connection, community_id: int, native_id: str) -> int | None:
    """Return who sent these words to the editors without an account, or None where they were not sent yet."""
    theirs = sa.and_(comments.c.community_id == community_id, comments.c.native_id == native_id)
    author_id: int | None = conn.scalar(sa.select(comments.c.author_id).where(theirs, comments.c.source == "direct"))
    return author_id


def add_direct_comment(
    conn: sa.Connection,
    community_id: int,
    comment: Comment,
    *,
    discussion_id: int,
    author_id: int,
    is_held: bool,
) -> int:
    """Store what somebody sent to the editors without an account and return its id: nothing of it is ever public."""
    row = {
        "community_id": community_id,
        "native_id": comment.native_id,
        "created_at": comment.created_at,
        "discussion_id": discussion_id,
        "author_id": author_id,
        "text": comment.text,
        "text_at": comment.updated_at,
        "state": "direct",
        "shown_state": "direct",
        "shown_at": comment.created_at,
        "source": "direct",
        "received_at": comment.created_at,
        "is_asked": True,
        "held_at": comment.created_at if is_held else None,
    }
    return int(conn.execute(sa.insert(comments).values(row).returning(comments.c.id)).scalar_one())


def held_comments(conn: sa.Connection, community_ids: Collection[int]) -> list[StoredComment]:
    """Return what a program may have sent and nobody has looked at yet, oldest first."""
    return stored_comments(conn, comments.c.community_id.in_(community_ids), comments.c.held_at.is_not(None))


def let_through(conn: sa.Connection, comment_id: int) -> None:
    """Record that somebody looked, and that a person wrote this."""
    conn.execute(sa.update(comments).where(comments.c.id == comment_id).values(held_at=None))


def save_standing(conn: sa.Connection, comment_id: int, standing: Standing) -> None:
    """Store what holds of a comment now."""
    conn.execute(
        sa.update(comments)
        .where(comments.c.id == comment_id)
        .values(
            text=standing.text,
            text_at=standing.text_at,
            state=standing.state,
            shown_state=standing.shown_state,
            shown_at=standing.shown_at,
            approved_at=standing.approved_at,
            deleted_at=standing.deleted_at,
        )
    )
    if standing.text is None:
        _forget_digests(conn, [comment_id])
        forget_words(conn, [comment_id])


def place_comment(
    conn: sa.Connection, comment_id: int, comment: Comment, *, discussion_id: int, author_id: int
) -> None:
    """Store where a comment stands and who wrote it."""
    conn.execute(
        sa.update(comments)
        .where(comments.c.id == comment_id)
        .values(
            discussion_id=discussion_id,
            author_id=author_id,
            parent_native_id=comment.parent_id,
            url=comment.url,
        )
    )


def comments_in(conn: sa.Connection, discussion_id: int) -> list[StoredComment]:
    """Return the visible comments of a discussion, oldest first."""
    return stored_comments(conn, comments.c.discussion_id == discussion_id, comments.c.state == "visible")


def shown_comments_at(conn: sa.Connection, community_id: int, url: str) -> dict[str, int]:
    """Return the id of each visible comment of a public page by the forum's own id; none for any other page.

    A forum may give the id of a comment that is gone to a new one: the newest holds it.
    """
    query = (
        sa.select(comments.c.native_id, comments.c.id)
        .join(discussions, discussions.c.id == comments.c.discussion_id)
        .where(
            discussions.c.community_id == community_id,
            discussions.c.url == url,
            discussions.c.audience == "public",
            comments.c.state == "visible",
        )
        .order_by(comments.c.created_at, comments.c.id)
    )
    return {row.native_id: row.id for row in conn.execute(query)}


def comments_around(
    conn: sa.Connection, stored: StoredComment, *, most: int
) -> tuple[list[StoredComment], list[StoredComment]]:
    """Return up to `most` visible comments before and after one in its discussion, oldest first.

    What it replies to stands first among those before it, however long ago that was written.
    """
    place, own = sa.tuple_(comments.c.created_at, comments.c.id), (stored.comment.created_at, stored.id)
    seen = (
        comments.c.discussion_id == stored.discussion_id,
        comments.c.state == "visible",
        comments.c.text.is_not(None),
        comments.c.id != stored.id,
    )
    ids = sa.select(comments.c.id).where(*seen).limit(most)
    before = list(conn.scalars(ids.where(place < own).order_by(comments.c.created_at.desc(), comments.c.id.desc())))
    after = list(conn.scalars(ids.where(place > own).order_by(comments.c.created_at, comments.c.id)))
    if stored.comment.parent_id is not None:
        before += conn.scalars(ids.where(comments.c.native_id == stored.comment.parent_id))
    found = stored_comments(conn, comments.c.id.in_([*before, *after]))
    return [one for one in found if one.id in before], [one for one in found if one.id in after]


def comment_by_id(conn: sa.Connection, comment_id: int) -> StoredComment | None:
    """Return one comment whatever its state, or None where its words are gone or never came."""
    found = stored_comments(conn, comments.c.id == comment_id)
    return found[0] if found else None


def place_of(conn: sa.Connection, comment_id: int) -> Place | None:
    """Return which comment of its forum this is, even where its words are gone; None where we know of none."""
    query = (
        sa.select(
            comments.c.native_id, comments.c.created_at, comments.c.state, comments.c.source, discussions.c.native_id
        )
        .select_from(comments.outerjoin(discussions, discussions.c.id == comments.c.discussion_id))
        .where(comments.c.id == comment_id)
    )
    row = conn.execute(query).one_or_none()
    return Place(*row) if row else None


def comment_ids_beside(conn: sa.Connection, comment_id: int) -> Sequence[int]:
    """Return the visible comments of the discussion that a comment stands in."""
    this = sa.select(comments.c.discussion_id).where(comments.c.id == comment_id).scalar_subquery()
    return conn.scalars(
        sa.select(comments.c.id).where(comments.c.discussion_id == this, comments.c.state == "visible")
    ).all()


def comment_ids_by(conn: sa.Connection, author_id: int) -> Sequence[int]:
    """Return the ids of everything an author wrote."""
    return conn.scalars(sa.select(comments.c.id).where(comments.c.author_id == author_id)).all()


def author_of(conn: sa.Connection, comment_id: int) -> int | None:
    """Return who wrote a comment, or None where nobody is known or there is no such comment."""
    found: int | None = conn.scalar(sa.select(comments.c.author_id).where(comments.c.id == comment_id))
    return found


def newest_by(conn: sa.Connection, author_id: int) -> str | None:
    """Return what the forum calls the newest visible comment of an author, or None where there is none."""
    theirs = sa.select(comments.c.native_id).where(comments.c.author_id == author_id, comments.c.state == "visible")
    found: str | None = conn.scalar(theirs.order_by(comments.c.created_at.desc()).limit(1))
    return found


def comments_by(conn: sa.Connection, author_id: int) -> list[StoredComment]:
    """Return everything that an author wrote and that has words, oldest first."""
    return stored_comments(conn, comments.c.author_id == author_id)


def mark_asked(conn: sa.Connection, comment_id: int) -> None:
    """Record that nothing of a comment goes anywhere before its author agreed."""
    conn.execute(sa.update(comments).where(comments.c.id == comment_id).values(is_asked=True))


def erase_comments(conn: sa.Connection, author_id: int, at: datetime) -> None:
    """Erase what an author wrote with all that hangs on it; only the forum's own ids stay, to refuse them again."""
    theirs = sa.select(comments.c.id).where(comments.c.author_id == author_id).scalar_subquery()
    for table in metadata.sorted_tables[::-1]:
        for column in table.columns:
            # Whatever would go with the row goes now. An event keeps nothing but its key.
            if any(key.column is comments.c.id and key.ondelete == "CASCADE" for key in column.foreign_keys):
                conn.execute(sa.delete(table).where(column.in_(theirs)))
    forget_words(conn, sa.select(comments.c.id).where(comments.c.author_id == author_id))
    nothing = dict.fromkeys(("text", "text_at", "url", "parent_native_id", "author_id", "shown_state", "shown_at"))
    gone = {"state": "deleted", "deleted_at": at, "erased_at": at, "approved_at": None, "held_at": None}
    conn.execute(sa.update(comments).where(comments.c.author_id == author_id).values(**nothing, **gone))


def forget_old_words(conn: sa.Connection, before: datetime) -> int:
    """Let go of the words of every comment that was last changed before a moment, and return how many there were."""
    old = sa.and_(comments.c.text.is_not(None), comments.c.text_at < before)
    _forget_digests(conn, sa.select(comments.c.id).where(old))
    forget_words(conn, sa.select(comments.c.id).where(old))
    return conn.execute(sa.update(comments).where(old).values(text=None)).rowcount


def _forget_digests(conn: sa.Connection, which: Sequence[int] | sa.Select[tuple[int]]) -> None:
    """Let go of what a summary's receipt knows of these comments: digests of words go with the words."""
    nothing = dict.fromkeys(("words", "tags", "about"))
    conn.execute(sa.update(summary_inputs).where(summary_inputs.c.comment_id.in_(which)).values(**nothing))
    conn.execute(sa.update(summary_lines).where(summary_lines.c.comment_id.in_(which)).values(digest=None))


def stored_comments(conn: sa.Connection, *which: sa.ColumnElement[bool]) -> list[StoredComment]:
    """Return the comments that have words and fit, oldest first."""
    query = (
        sa.select(
            comments,
            authors.c.native_id.label("author_native_id"),
            authors.c.kind.label("author_kind"),
            authors.c.display_name,
            authors.c.profile_url,
            authors.c.groups,
            authors.c.declared,
            insights.c.is_insight,
            insights.c.score,
            insights.c.kind,
            insights.c.evidence,
            insights.c.reasons,
            insights.c.is_urgent,
            insights.c.urgent_evidence,
            sa.select(outbox.c.status)
            .where(outbox.c.insight_id == insights.c.id, outbox.c.kind == "forward")
            .limit(1)
            .scalar_subquery()
            .label("forwarded"),
        )
        .select_from(
            comments.join(authors, authors.c.id == comments.c.author_id).outerjoin(
                insights, insights.c.comment_id == comments.c.id
            )
        )
        .where(comments.c.text.is_not(None), *which)
        .order_by(comments.c.created_at, comments.c.id)
    )
    rows = conn.execute(query).all()
    tags = tags_for(conn, [row.id for row in rows])
    return [_stored(row, tags[row.id]) for row in rows]


def _stored(row: sa.Row[*tuple[object, ...]], tags: tuple[Tag, ...]) -> StoredComment:
    return StoredComment(
        id=row.id,
        discussion_id=row.discussion_id,
        comment=Comment(row.native_id, row.created_at, row.text_at, row.text, row.url, row.parent_native_id, row.state),
        author_id=row.author_id,
        author=author_from(row),
        tags=tags,
        insight=insight_from(row, row.text),
        urgency=urgency_from(row, row.text),
        forwarded=row.forwarded,
    )
