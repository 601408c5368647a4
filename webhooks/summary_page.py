"""The page of one discussion: who spoke, when, what each group says, what became of it; and the same as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import ceil
from typing import Any

import sqlalchemy as sa

from plugin.balance import FEWEST_PEOPLE
from plugin.crediting import source_words, speaker_words
from plugin.drawing import Bars, Columns, Grid, bars_of, columns_of, grid_of
from plugin.excerpts import Piece, pieces_of
from plugin.forwarding import KINDS
from plugin.model import UNKNOWN, Author, Evidence
from plugin.outcomes import MEANINGS
from plugin.privacy import personal_data_in
from plugin.sealing import Vault
from plugin.stakeholders import label_of
from plugin.store.comments import StoredComment
from plugin.store.communities import Community
from plugin.store.discussions import StoredDiscussion
from plugin.store.summaries import (
    Discussed,
    KeptReceipt,
    Shared,
    discussed,
    inputs_digest,
    receipt_for,
    receipts_of,
    shared_in,
)
from plugin.summaries import Gleanings, Line, Overview
from plugin.themes import FEWEST_COMMENTS
from webhooks.editors import mail_words

# A long discussion must not drown the summary, nor 5,000 comments a telephone: so many stand on a page.
COMMENTS_EACH = 50

# What was found in comments, by digest: no words, no names.
GLEANINGS = Gleanings()
# So many summaries are remembered whole, each until anything that it is made from changes.
MOST_REMEMBERED = 16


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
class CitedLine:
    """A cited sentence with the ways to its comment, here and on the forum. No name stands beside it.

    `also` are the other types that it speaks for, `source` says where we know the type from, and `caution` that it may
    hold something that identifies a person.
    """

    number: int
    comment: int
    words: str
    is_cut: bool
    created_at: datetime
    page: int
    url: str
    also: tuple[str, ...]
    source: str | None
    caution: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What those of one type say."""

    type: str
    heading: str
    lines: tuple[CitedLine, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Something that became of what a comment shares, and the page that its comment stands on."""

    comment: int
    page: int
    label: str
    at: datetime
    said: tuple[str, ...]
    link: str | None


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """Everything that the template draws."""

    place: StoredDiscussion
    overview: Overview
    bars: Bars
    columns: Columns
    grid: Grid | None
    said: tuple[Said, ...]
    questions: tuple[CitedLine, ...]
    states: tuple[tuple[str, int], ...]
    outcomes: tuple[Outcome, ...]
    receipts: Sequence[KeptReceipt]
    page: int
    pages: int
    first: int
    entries: tuple[Entry, ...]
    fewest_people: int = FEWEST_PEOPLE
    fewest_comments: int = FEWEST_COMMENTS


def summary_page(conn: sa.Connection, place: StoredDiscussion, community: Community, page: int) -> SummaryPage | None:
    """Return what the page of a discussion shows now, with one page of its comments; None where that page is not."""
    citing = _remembered(conn, place, community)
    now = citing.now
    pages = max(1, ceil(len(now.stored) / COMMENTS_EACH))
    if not 1 <= page <= pages:
        return None
    first = (page - 1) * COMMENTS_EACH
    overview = now.overview
    shared = shared_in(conn, place.id)
    return SummaryPage(
        place=place,
        overview=overview,
        bars=bars_of(overview.who.rows),
        columns=columns_of(overview.timeline),
        grid=grid_of(overview.themes) if overview.themes and overview.themes.rows else None,
        said=tuple(
            Said(group.type, _heading(group.type), tuple(citing.line(one, group.type) for one in group.lines))
            for group in overview.groups
        ),
        questions=tuple(citing.line(one) for one in overview.open_questions),
        states=tuple((MEANINGS[state].label, count) for state, count in shared.states),
        outcomes=became_of(shared, citing.pages),
        receipts=receipts_of(conn, place.id),
        page=page,
        pages=pages,
        first=first,
        entries=tuple(entry_of(stored, place) for stored in now.stored[first : first + COMMENTS_EACH]),
    )


def summary_json(conn: sa.Connection, vault: Vault, place: StoredDiscussion, community: Community) -> dict[str, Any]:
    """Return a summary as JSON, with its receipt: docs/summaries.md says what each field means.

    `lines` are in `groups` by their numbers. `evenness` and `gini` are null under five people, `themes` under fifteen
    comments. `receipt` is what `manyvoices verify-summary --file` checks.
    """
    citing = _remembered(conn, place, community)
    now, overview = citing.now, citing.now.overview
    shared = shared_in(conn, place.id)
    who = overview.who
    return {
        "discussion": {"id": place.id, "title": place.discussion.title, "url": place.discussion.url},
        "people": who.people,
        "comments": who.comments,
        "not_said": {"people": who.people_not_said, "comments": who.comments_not_said},
        "types": [asdict(row) for row in who.rows],
        "not_heard": [row.type for row in who.rows if not row.people],
        "evenness": who.evenness,
        "gini": who.gini,
        "timeline": {
            "step": overview.step,
            "bins": [{"start": one.start.isoformat(), "comments": one.comments} for one in overview.timeline],
        },
        "groups": [{"type": one.type, "lines": [line.number for line in one.lines]} for one in overview.groups],
        "lines": [_line_json(line, citing) for line in overview.lines],
        "fairness": {"holds": overview.fairness.holds, **asdict(overview.fairness)},
        "questions": {
            "asked": overview.asked,
            "open": overview.waiting,
            "longest_open": [_line_json(line, citing) for line in overview.open_questions],
        },
        "themes": _themes_json(overview),
        "shared": {"states": dict(shared.states)},
        "receipt": asdict(receipt_for(vault, place.id, community.expected_types, now)),
    }


def became_of(shared: Shared, pages: Mapping[int, int]) -> tuple[Outcome, ...]:
    """Return what became of what people shared, as far as there is something to tell: the newest first."""
    return tuple(
        Outcome(
            comment,
            pages[comment],
            MEANINGS[step.state].label,
            step.at,
            tuple(said for said in (step.title, step.body, step.reason) if said),
            step.link,
        )
        for comment, step in reversed(shared.steps)
        if MEANINGS[step.state].is_news and comment in pages
    )


class _Citing:
    """Knows of each comment what stands beside its cited lines."""

    def __init__(self, now: Discussed, place: StoredDiscussion) -> None:
        self.now = now
        self._place = place
        self._drawn: dict[tuple[Line, str | None], CitedLine] = {}
        self._stored = {one.id: one for one in now.stored}
        self._names = {one.author.display_name for one in now.stored if one.author.display_name}
        self.pages = {one.id: number // COMMENTS_EACH + 1 for number, one in enumerate(now.stored)}

    def url(self, comment: int) -> str:
        return self._stored[comment].comment.url or self._place.discussion.url

    def line(self, line: Line, type_: str | None = None) -> CitedLine:
        if (line, type_) not in self._drawn:
            self._drawn[line, type_] = self._draw(line, type_)
        return self._drawn[line, type_]

    def _draw(self, line: Line, type_: str | None) -> CitedLine:
        stored = self._stored[line.comment]
        return CitedLine(
            number=line.number,
            comment=line.comment,
            words=line.words,
            is_cut=line.is_cut,
            created_at=stored.comment.created_at,
            page=self.pages[line.comment],
            url=self.url(line.comment),
            also=tuple(label_of(one) for one in line.types if one != type_),
            source=next((source_words(tag) for tag in stored.tags if tag.type == type_), None),
            caution=bool(personal_data_in(line.words, known_names=self._names)),
        )


_RECENT: dict[int, tuple[object, _Citing]] = {}


def _remembered(conn: sa.Connection, place: StoredDiscussion, community: Community) -> _Citing:
    """Return a summary as it is now; it is made anew when anything that it is made from has changed."""
    key = (str(conn.engine.url), inputs_digest(conn, place.id), community.expected_types, place)
    kept = _RECENT.pop(place.id, None)
    citing = kept[1] if kept and kept[0] == key else None
    if citing is None:
        citing = _Citing(discussed(conn, place.id, community.expected_types, GLEANINGS), place)
    while len(_RECENT) >= MOST_REMEMBERED:
        _RECENT.pop(next(iter(_RECENT)), None)
    _RECENT[place.id] = (key, citing)
    return citing


def _heading(type_: str) -> str:
    return "Those who have not said their role" if type_ == UNKNOWN else label_of(type_)


def _line_json(line: Line, citing: _Citing) -> dict[str, Any]:
    return {
        "number": line.number,
        "comment": line.comment,
        "start": line.start,
        "end": line.end,
        "words": line.words,
        "types": list(line.types),
        "url": citing.url(line.comment),
    }


def _themes_json(overview: Overview) -> dict[str, Any] | None:
    themes = overview.themes
    if themes is None:
        return None
    types = [type_ for type_, _ in themes.types]
    return {
        "comments": themes.comments,
        "covered": themes.covered,
        "themes": [
            {
                "id": row.id,
                "label": row.label,
                "people": row.people,
                "by_type": dict(zip(types, row.by_type, strict=True)),
            }
            for row in themes.rows
        ],
        "other_words": [{"word": word, "comments": count} for word, count in themes.other_words],
    }


def entry_of(stored: StoredComment, place: StoredDiscussion) -> Entry:
    """Return a comment as the page shows it, with the words that say a role and those that share something."""
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
