"""What moderators read: who speaks in a discussion, who is missing, and the words that say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, render_template

from plugin.balance import FEWEST_PEOPLE
from plugin.crediting import source_words, speaker_words
from plugin.excerpts import Piece, pieces_of
from plugin.forwarding import KINDS
from plugin.letters import copy_of
from plugin.model import Author, Evidence
from plugin.store.comments import StoredComment, comments_in
from plugin.store.discussions import StoredDiscussion, discussion_by_id
from plugin.store.insights import insight_by_id
from plugin.store.opening import reading
from plugin.summaries import TypeRow, Voice, summary_of
from webhooks.editors import mail_words, status_words
from webhooks.moderators_home import home_page
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

# The picture is drawn at this size and shrinks as a whole: on a screen of 320 px its text is still readable.
WIDTH = 320
FOR_NUMBERS = 36
ROW = 76
ROW_OF_NOBODY = 46

moderators = Blueprint("moderators", __name__, url_prefix="/moderators")


@dataclass(frozen=True, slots=True)
class Told:
    """A tag as the page shows it: who speaks, the words that say so, where we know it from."""

    speaker: str
    evidence: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Fact:
    """Something else to know of a comment, as that it was forwarded."""

    heading: str
    detail: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One comment on the page, drawn the same way whoever speaks."""

    id: int
    name: str
    created_at: datetime
    url: str
    tags: tuple[Told, ...]
    facts: tuple[Fact, ...]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of the picture, in its own units."""

    label: str
    people: int
    comments: int
    top: int
    people_width: float
    comments_width: float


@dataclass(frozen=True, slots=True)
class Bars:
    """The picture of who has spoken."""

    width: int
    height: int
    rows: tuple[Bar, ...]


@moderators.get("/")
@staff_only("moderator")
def discussions() -> str:
    """Show the moderators' home: discussions at a glance, what waits, and what people speak of."""
    return home_page()


@moderators.get("/discussions/<int:discussion_id>")
@staff_only("moderator")
def discussion(discussion_id: int) -> str:
    """Show who has spoken in a discussion and who has not, with the comments that say so."""
    mine = {community.id: community for community in communities_for("moderator")}
    with reading(service().db) as conn:
        place = discussion_by_id(conn, discussion_id)
        if place is None or place.community_id not in mine:
            abort(404)
        comments = comments_in(conn, discussion_id)
    summary = summary_of(map(_voice, comments), mine[place.community_id].expected_types)
    return render_template(
        "moderators/discussion.html",
        place=place,
        summary=summary,
        bars=bars_of(summary.rows),
        entries=[_entry(stored, place) for stored in comments],
        fewest_people=FEWEST_PEOPLE,
    )


@moderators.get("/urgent/<int:outbox_id>")
@staff_only("moderator")
def urgent(outbox_id: int) -> str:
    """Show a comment that may be urgent, as the moderators were told of it."""
    mine = {community.id for community in communities_for("moderator")}
    with reading(service().db) as conn:
        found = insight_by_id(conn, service().vault, outbox_id)
    if found is None or found.kind != "urgent" or found.discussion.community_id not in mine:
        abort(404)
    return render_template(
        "moderators/urgent.html", found=found, copy=copy_of(found, service().public_url), status=status_words(found)
    )


def bars_of(rows: Sequence[TypeRow]) -> Bars:
    """Return the picture: both kinds of bar on one scale, every type drawn alike."""
    most = max([1, *(max(row.people, row.comments) for row in rows)])
    unit = (WIDTH - FOR_NUMBERS) / most
    bars, top = [], 0
    for row in rows:
        bars.append(
            Bar(row.label, row.people, row.comments, top, round(unit * row.people, 1), round(unit * row.comments, 1))
        )
        top += ROW if row.people else ROW_OF_NOBODY
    return Bars(WIDTH, top, tuple(bars))


def _voice(stored: StoredComment) -> Voice:
    # Where we do not know the author, nobody can say that two comments are by one person.
    person = stored.author_id if stored.author_id is not None else f"comment {stored.id}"
    return Voice(person, tuple(tag.type for tag in stored.tags))


def _entry(stored: StoredComment, place: StoredDiscussion) -> Entry:
    shared = stored.insight.evidence if stored.insight and stored.insight.is_insight else ()
    return Entry(
        id=stored.id,
        name=_name(stored.author),
        created_at=stored.comment.created_at,
        url=stored.comment.url or place.discussion.url,
        tags=tuple(
            Told(speaker_words(tag), tag.evidence.text if tag.evidence else None, source_words(tag))
            for tag in stored.tags
        ),
        facts=tuple(_facts(stored)),
        pieces=pieces_of(
            stored.comment.text,
            says=_spans([tag.evidence for tag in stored.tags if tag.evidence]),
            shares=_spans(shared),
        ),
    )


def _spans(evidence: Sequence[Evidence]) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in evidence]


def _facts(stored: StoredComment) -> list[Fact]:
    facts = []
    if stored.urgency and stored.urgency.is_urgent:
        facts.append(Fact("May be urgent", "the moderators were told"))
    if stored.insight and stored.insight.is_insight:
        status = mail_words(stored.forwarded)
        facts.append(Fact(f"Shares {KINDS[stored.insight.kind]}", status[0].lower() + status[1:]))
    return facts


def _name(author: Author) -> str:
    if author.kind == "anonymous":
        return "Somebody who wrote anonymously"
    return author.display_name or ("A guest" if author.kind == "guest" else "A member")
