"""What a summary is made from, the receipts that moderators keep of one, and what became of what was shared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.types import NULLTYPE

from plugin.lexicons import WordList, lexicon_of
from plugin.outcomes import State, Step
from plugin.sealing import Vault
from plugin.store.comments import StoredComment, comments_in
from plugin.store.steps import steps_of
from plugin.store.tables import (
    authors,
    comments,
    discussions,
    insights,
    outbox,
    summary_inputs,
    summary_lines,
    summary_receipts,
    tag_decisions,
)
from plugin.store.themes import current_theme_lexicon
from plugin.summaries import Gleanings, Overview, Spoken, overview_of
from plugin.verifying import PURPOSE, Input, Receipt, SealedLine, input_of, parameters_for, sealed_line


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt in the list: its number, and when it was kept."""

    id: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """What became of everything that a discussion's visible comments share.

    `states` says how many insights stand in each state, in the order of the one table of states; `steps` are those
    taken with them, each with its comment, oldest first.
    """

    states: tuple[tuple[State, int], ...]
    steps: tuple[tuple[int, Step], ...]


def spoken_from(stored: Sequence[StoredComment]) -> list[Spoken]:
    """Return the comments of a discussion as a summary takes them."""
    writers = {one.comment.native_id: one.author_id for one in stored}
    answered = {
        one.comment.parent_id
        for one in stored
        if one.comment.parent_id and writers.get(one.comment.parent_id) != one.author_id
    }
    return [
        Spoken(
            id=one.id,
            # A guest's comments have an author each: nobody can say that two are by one person.
            person=one.author_id if one.author_id is not None else f"comment {one.id}",
            types=tuple(tag.type for tag in one.tags),
            created_at=one.comment.created_at,
            text=one.comment.text,
            insight=one.insight,
            is_answered=one.comment.native_id in answered,
        )
        for one in stored
    ]


@dataclass(frozen=True, slots=True)
class Discussed:
    """A discussion as it is at this moment: its visible comments, oldest first, and its summary.

    `words` is the list of theme words that they were read with.
    """

    words: WordList
    stored: tuple[StoredComment, ...]
    spoken: tuple[Spoken, ...]
    overview: Overview


def discussed(
    conn: sa.Connection,
    discussion_id: int,
    expected_types: Sequence[str],
    gleanings: Gleanings | None = None,
    *,
    words: WordList | None = None,
) -> Discussed:
    """Return what a discussion holds now, and its summary.

    Args:
        conn: to read from.
        discussion_id: which discussion.
        expected_types: whom its community hopes to hear from.
        gleanings: what was found in comments before, to save time.
        words: another list of theme words than the one that its community uses now, for an old summary.
    """
    words = words or _words_now(conn, discussion_id)
    stored = comments_in(conn, discussion_id)
    spoken = spoken_from(stored)
    overview = overview_of(spoken, expected_types, lexicon_of(words), gleanings)
    return Discussed(words, tuple(stored), tuple(spoken), overview)


def _words_now(conn: sa.Connection, discussion_id: int) -> WordList:
    community_id = conn.scalar(sa.select(discussions.c.community_id).where(discussions.c.id == discussion_id))
    return current_theme_lexicon(conn, community_id or 0).words


def inputs_digest(conn: sa.Connection, discussion_id: int) -> bytes:
    """Return a digest of every row that the summary of a discussion is made from: it changes when any of them does.

    The rows are read as the database holds them, so this costs a fraction of making the summary again.
    """
    here = sa.and_(comments.c.discussion_id == discussion_id, comments.c.state == "visible")
    writers = sa.select(comments.c.author_id).where(here)
    # What somebody disclosed elsewhere stands by their words here too.
    theirs = sa.select(comments.c.id).where(sa.or_(comments.c.author_id.in_(writers), here))
    questions = (
        _plain(comments).where(here),
        _plain(comments, "id", "author_id", "state", "created_at", "text_at").where(comments.c.id.in_(theirs)),
        _plain(authors).where(authors.c.id.in_(writers)),
        _plain(tag_decisions).where(tag_decisions.c.comment_id.in_(theirs)),
        _plain(insights).where(insights.c.comment_id.in_(theirs)),
        _plain(outbox, "id", "status", "kind").where(
            outbox.c.insight_id.in_(sa.select(insights.c.id).where(insights.c.comment_id.in_(theirs)))
        ),
    )
    digest = sha256(_words_now(conn, discussion_id).digest.encode())
    for question in questions:
        for row in conn.execute(question):
            digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _plain(table: sa.Table, *names: str) -> sa.Select[*tuple[Any, ...]]:
    """Return a question for columns as they lie there: nothing is made of them but a digest."""
    columns = [table.c[name] for name in names] or list(table.c)
    return sa.select(*(sa.type_coerce(column, NULLTYPE) for column in columns)).order_by(table.c.id)


def receipt_for(vault: Vault, discussion_id: int, expected_types: Sequence[str], now: Discussed) -> Receipt:
    """Return what a summary is made from, without a word of it."""
    key = vault.key_for(PURPOSE)
    inputs = [input_of(key, one, stored.tags) for one, stored in zip(now.spoken, now.stored, strict=True)]
    return Receipt(
        discussion=discussion_id,
        parameters=parameters_for(expected_types),
        lexicon=now.words.digest,
        comments=len(now.spoken),
        inputs=tuple(sorted(inputs, key=lambda one: one.comment)),
        lines=tuple(sealed_line(key, line) for line in now.overview.lines),
    )


def shared_in(conn: sa.Connection, discussion_id: int) -> Shared:
    """Return what became of what the visible comments of a discussion share."""
    query = (
        sa.select(insights.c.id, insights.c.comment_id, insights.c.state)
        .join(comments, comments.c.id == insights.c.comment_id)
        .where(comments.c.discussion_id == discussion_id, comments.c.state == "visible", insights.c.is_insight)
    )
    rows = conn.execute(query).all()
    counts = Counter(row.state for row in rows)
    of = {row.id: row.comment_id for row in rows}
    steps = [(of[insight_id], step) for insight_id, taken in steps_of(conn, of).items() for step in taken]
    return Shared(
        tuple((state, counts[state]) for state in get_args(State) if counts[state]),
        tuple(sorted(steps, key=lambda item: item[1].at)),
    )


def keep_receipt(conn: sa.Connection, receipt: Receipt, *, by: str, at: datetime) -> int:
    """Store a receipt and return its number."""
    insert = sa.insert(summary_receipts).values(
        discussion_id=receipt.discussion,
        parameters=dict(receipt.parameters),
        lexicon=receipt.lexicon,
        comments=receipt.comments,
        by=by,
        made_at=at,
    )
    number: int = conn.execute(insert.returning(summary_receipts.c.id)).scalar_one()
    if receipt.inputs:
        rows = [
            {"receipt_id": number, "comment_id": one.comment, "words": one.words, "tags": one.tags, "about": one.about}
            for one in receipt.inputs
        ]
        conn.execute(sa.insert(summary_inputs), rows)
    if receipt.lines:
        lines = [
            {
                "receipt_id": number,
                "number": one.number,
                "comment_id": one.comment,
                "start": one.start,
                "end": one.end,
                "digest": one.digest,
            }
            for one in receipt.lines
        ]
        conn.execute(sa.insert(summary_lines), lines)
    return number


def receipts_of(conn: sa.Connection, discussion_id: int) -> list[KeptReceipt]:
    """Return the receipts that were kept of a discussion, the newest first."""
    query = sa.select(summary_receipts.c.id, summary_receipts.c.made_at).order_by(summary_receipts.c.id.desc())
    return [KeptReceipt(*row) for row in conn.execute(query.where(summary_receipts.c.discussion_id == discussion_id))]


def receipt_by_id(conn: sa.Connection, number: int) -> Receipt | None:
    """Return a receipt as it was kept, less what was removed since; None where there is none."""
    row = conn.execute(sa.select(summary_receipts).where(summary_receipts.c.id == number)).first()
    if row is None:
        return None
    inputs = conn.execute(
        sa.select(summary_inputs).where(summary_inputs.c.receipt_id == number).order_by(summary_inputs.c.comment_id)
    )
    lines = conn.execute(
        sa.select(summary_lines).where(summary_lines.c.receipt_id == number).order_by(summary_lines.c.number)
    )
    return Receipt(
        discussion=row.discussion_id,
        parameters=row.parameters,
        lexicon=row.lexicon,
        comments=row.comments,
        inputs=tuple(Input(one.comment_id, one.words, one.tags, one.about) for one in inputs),
        lines=tuple(SealedLine(one.number, one.comment_id, one.start, one.end, one.digest) for one in lines),
    )
