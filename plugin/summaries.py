"""Summarise a discussion for its moderators: who has spoken, when, what each group says, and who is not heard from.

Every line is somebody's own words, by their place in a comment. Nothing here is remembered of a comment but places
and figures, so a summary is always of what holds now.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from plugin.balance import FEWEST_PEOPLE, evenness, gini, people_per_type
from plugin.citing import Candidate, Fairness, Span, candidate, chosen_lines, fairness_of, questions_in
from plugin.crediting import somebody
from plugin.insights import telling_weight
from plugin.model import UNKNOWN, Insight
from plugin.stakeholders import label_of
from plugin.themes import FEWEST_COMMENTS, ThemeLexicon, digest_of, other_words, themes_for

MOST_QUESTIONS = 8
MOST_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Voice:
    """One visible comment: who wrote it, and the types it speaks for."""

    person: Hashable
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One stakeholder type in a discussion. Somebody with two roles stands in two rows."""

    type: str
    label: str
    people: int
    comments: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Who speaks in a discussion.

    `rows` are the expected types and those that spoke, by the alphabet; `not_heard` names the
    expected types with nobody, as in "a carer". `evenness` and `gini` are None where there is too little to say.
    """

    people: int
    comments: int
    rows: tuple[TypeRow, ...]
    not_heard: tuple[str, ...]
    people_not_said: int
    comments_not_said: int
    evenness: float | None
    gini: float | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """One visible comment with all that a summary is made from.

    `is_answered`: somebody else has replied to it.
    """

    id: int
    person: Hashable
    types: tuple[str, ...]
    created_at: datetime
    text: str
    insight: Insight | None = None
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence as it is cited: characters `start` to `end` of a comment, word for word.

    `types` are whom the comment speaks for, none where its author has not said; `is_cut` where the sentence goes on.
    """

    number: int
    comment: int
    start: int
    end: int
    words: str
    types: tuple[str, ...]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What those who speak for one type say."""

    type: str
    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """The comments of one day, week, month or year: when it begins, and how a person reads that."""

    start: date
    label: str
    comments: int


@dataclass(frozen=True, slots=True)
class ThemeRow:
    """A theme: how many people speak of it, and how many for each type of the picture, in its order."""

    id: str
    label: str
    people: int
    by_type: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ThemePicture:
    """Which type speaks of which theme. `covered` of `comments` comments have a theme; the others share these words."""

    types: tuple[tuple[str, str], ...]
    rows: tuple[ThemeRow, ...]
    comments: int
    covered: int
    other_words: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """A whole discussion, for the people who look after it.

    `silent` are the types that spoke and shared nothing to cite. `asked` counts every question, `open_questions` shows
    those that wait longest, one for each person. `themes` is None where there are too few comments.
    """

    who: Summary
    step: str
    timeline: tuple[Bin, ...]
    groups: tuple[Group, ...]
    lines: tuple[Line, ...]
    fairness: Fairness
    people_sharing: int
    silent: tuple[str, ...]
    asked: int
    waiting: int
    open_questions: tuple[Line, ...]
    themes: ThemePicture | None


@dataclass(frozen=True, slots=True)
class Gleaned:
    """What the words of one comment hold: its themes, its questions, and what each sentence of evidence tells."""

    themes: tuple[str, ...]
    questions: tuple[Span, ...]
    worth: tuple[float, ...]


class Gleanings:
    """What was found in comments, by a digest of what it was found in: no words are kept, and no comment's id."""

    def __init__(self) -> None:
        self._found: dict[bytes, Gleaned] = {}

    def of(self, spoken: Spoken, lexicon: ThemeLexicon, lexicon_digest: str) -> Gleaned:
        """Return what the words of a comment hold, read again only where they, or the list, are others."""
        places = [(one.start, one.end) for one in spoken.insight.evidence] if spoken.insight else []
        score = spoken.insight.score if spoken.insight else 0.0
        key = sha256(repr((spoken.text, places, score, lexicon_digest)).encode("utf-8", "surrogatepass")).digest()
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            found = self._found[key] = gleaned_from(spoken, lexicon)
        return found


def gleaned_from(spoken: Spoken, lexicon: ThemeLexicon) -> Gleaned:
    """Return what the words of a comment hold."""
    worth = []
    for one in spoken.insight.evidence if spoken.insight else ():
        weight = telling_weight(spoken.text[one.start : one.end])
        worth.append(round((spoken.insight.score if spoken.insight else 0) * (1 + weight) / (2 + weight), 4))
    themes = tuple(theme.id for theme in themes_for(spoken.text, lexicon=lexicon))
    return Gleaned(themes, questions_in(spoken.text), tuple(worth))


def overview_of(
    comments: Iterable[Spoken],
    expected_types: Sequence[str],
    lexicon: ThemeLexicon,
    gleanings: Gleanings | None = None,
) -> Overview:
    """Return the summary of a whole discussion, whatever order its comments come in.

    Args:
        comments: the visible ones.
        expected_types: whom the community hopes to hear from.
        lexicon: the list of theme words.
        gleanings: what is known of the comments from before; only speed depends on it.
    """
    spoken = sorted(comments, key=lambda one: (one.created_at, one.id))
    known, digest = gleanings or Gleanings(), digest_of(lexicon)
    found = {one.id: known.of(one, lexicon, digest) for one in spoken}
    by_id = {one.id: one for one in spoken}
    candidates = [found_one for one in spoken for found_one in _candidates(one, found[one.id])]
    chosen = chosen_lines(candidates)
    groups = _groups(chosen, by_id)
    step, timeline = timeline_of([one.created_at for one in spoken])
    asked = [(one, span) for one in spoken for span in found[one.id].questions]
    waiting = [(one, span) for one, span in asked if not one.is_answered]
    who = summary_of([Voice(one.person, one.types) for one in spoken], expected_types)
    return Overview(
        who=who,
        step=step,
        timeline=timeline,
        groups=groups,
        lines=tuple(sorted({line for group in groups for line in group.lines}, key=lambda line: line.number)),
        fairness=fairness_of(candidates, chosen),
        people_sharing=len({one.person for one in candidates}),
        silent=_silent(who, candidates),
        asked=len(asked),
        waiting=len(waiting),
        open_questions=_questions(waiting),
        themes=_themes(spoken, found, lexicon) if len(spoken) >= FEWEST_COMMENTS else None,
    )


def summary_of(comments: Iterable[Voice], expected_types: Sequence[str]) -> Summary:
    """Return who speaks in these comments, whatever order they come in."""
    voices = list(comments)
    roles: dict[Hashable, set[str]] = {}
    for voice in voices:
        roles.setdefault(voice.person, set()).update(voice.types)
    rows = _rows(voices, roles.values(), expected_types)
    speaks_enough = len(roles) >= FEWEST_PEOPLE
    expected = people_per_type(roles.values(), expected_types)
    return Summary(
        people=len(roles),
        comments=len(voices),
        rows=rows,
        not_heard=tuple(somebody(row.type) for row in rows if not row.people),
        people_not_said=sum(not held for held in roles.values()),
        comments_not_said=sum(not voice.types for voice in voices),
        evenness=evenness(list(expected.values())) if speaks_enough else None,
        gini=gini(list(Counter(voice.person for voice in voices).values())) if speaks_enough else None,
    )


def _rows(voices: Sequence[Voice], roles: Iterable[set[str]], expected_types: Sequence[str]) -> tuple[TypeRow, ...]:
    people = Counter(role for held in roles for role in held)
    comments = Counter(role for voice in voices for role in set(voice.types))
    rows = [TypeRow(type_, label_of(type_), people[type_], comments[type_]) for type_ in {*expected_types, *people}]
    # By the alphabet, so that no order says who matters more.
    return tuple(sorted(rows, key=lambda row: row.label))


def _candidates(spoken: Spoken, found: Gleaned) -> list[Candidate]:
    spans = [(one.start, one.end) for one in spoken.insight.evidence] if spoken.insight else []
    return [
        candidate(
            spoken.text,
            span,
            comment=spoken.id,
            person=spoken.person,
            groups=tuple(dict.fromkeys(spoken.types)) or (UNKNOWN,),
            worth=worth,
        )
        for span, worth in zip(spans, found.worth, strict=True)
    ]


def _line(number: int, spoken: Spoken, start: int, end: int) -> Line:
    is_cut = end < len(spoken.text) and spoken.text[end - 1] not in ENDINGS and spoken.text[end] == " "
    return Line(number, spoken.id, start, end, spoken.text[start:end], spoken.types, is_cut)


def _groups(chosen: Sequence[Candidate], by_id: Mapping[int, Spoken]) -> tuple[Group, ...]:
    """Return the lines under each type they speak for, by the alphabet; those who have not said stand last."""
    shown = sorted({group for one in chosen for group in one.groups}, key=_place)
    numbers: dict[Candidate, int] = {}
    for type_ in shown:
        for one in chosen:
            if type_ in one.groups:
                numbers.setdefault(one, len(numbers) + 1)
    return tuple(
        Group(
            type_,
            label_of(type_),
            tuple(_line(numbers[one], by_id[one.comment], one.start, one.end) for one in chosen if type_ in one.groups),
        )
        for type_ in shown
    )


def _place(type_: str) -> tuple[bool, str]:
    return (type_ == UNKNOWN, label_of(type_))


def _silent(who: Summary, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    sharing = {group for one in candidates for group in one.groups}
    return tuple(row.label for row in who.rows if row.people and row.type not in sharing)


def _questions(waiting: Sequence[tuple[Spoken, Span]]) -> tuple[Line, ...]:
    """Return one question for each person, those that have waited longest."""
    first: dict[Hashable, tuple[Spoken, Span]] = {}
    for one, span in waiting:
        first.setdefault(one.person, (one, span))
    shown = list(first.values())[:MOST_QUESTIONS]
    return tuple(_line(number, one, *span) for number, (one, span) in enumerate(shown, start=1))


def _themes(spoken: Sequence[Spoken], found: Mapping[int, Gleaned], lexicon: ThemeLexicon) -> ThemePicture:
    people: dict[str, dict[str, set[Hashable]]] = {}
    for one in spoken:
        for theme in found[one.id].themes:
            for type_ in one.types or (UNKNOWN,):
                # Somebody who writes often counts once.
                people.setdefault(theme, {}).setdefault(type_, set()).add(one.person)
    types = sorted({type_ for one in spoken for type_ in one.types or (UNKNOWN,)}, key=_place)
    rows = [
        ThemeRow(
            theme.id,
            theme.label,
            len(set().union(*people[theme.id].values())),
            tuple(len(people[theme.id].get(type_, ())) for type_ in types),
        )
        for theme in lexicon.themes
        if theme.id in people
    ]
    # What several groups speak of stands first: common cause, not the loudest.
    rows.sort(key=lambda row: (-sum(count > 0 for count in row.by_type), -row.people, row.label))
    without = [one.text for one in spoken if not found[one.id].themes]
    return ThemePicture(
        types=tuple((type_, label_of(type_)) for type_ in types),
        rows=tuple(rows),
        comments=len(spoken),
        covered=len(spoken) - len(without),
        other_words=other_words(without),
    )


def timeline_of(moments: Sequence[datetime]) -> tuple[str, tuple[Bin, ...]]:
    """Return how many comments were written when, in UTC: by day, or by week, month or year where it took long."""
    if not moments:
        return "day", ()
    days = sorted(moment.astimezone(UTC).date() for moment in moments)
    span = (days[-1] - days[0]).days
    step = next(name for name, (longest, _, _, _) in STEPS.items() if span <= longest)
    _, start_of, next_after, label = STEPS[step]
    counts = Counter(map(start_of, days))
    bins, start = [], start_of(days[0])
    while start <= days[-1]:
        bins.append(Bin(start, label(start), counts[start]))
        start = next_after(start)
    return step, tuple(bins)


ENDINGS = frozenset(".!?…:;")

# Up to how many days each step is used for, where it begins, where the next begins, and what it is called.
Step = tuple[int, Callable[[date], date], Callable[[date], date], Callable[[date], str]]
STEPS: Mapping[str, Step] = {
    "day": (20, lambda day: day, lambda day: day + timedelta(1), lambda day: f"{day.day} {day:%b %Y}"),
    "week": (
        140,
        lambda day: day - timedelta(day.weekday()),
        lambda day: day + timedelta(7),
        lambda day: f"week of {day.day} {day:%b %Y}",
    ),
    "month": (
        730,
        lambda day: day.replace(day=1),
        lambda day: (day + timedelta(31)).replace(day=1),
        lambda day: f"{day:%b %Y}",
    ),
    "year": (
        10**6,
        lambda day: day.replace(month=1, day=1),
        lambda day: day.replace(year=day.year + 1),
        lambda day: str(day.year),
    ),
}


def note_words(who: Summary) -> str:
    """Return who speaks in a discussion as a note for a forum's moderators: figures only, no quotes and no names.

    A forum keeps the history of its notes longer than we keep words.
    """
    spoke = ", ".join(f"{row.label} {row.people}" for row in who.rows if row.people) or "nobody has said their role"
    missing = f" Nobody here has said they are {_listed(who.not_heard)}." if who.not_heard else ""
    return f"People: {who.people}. Comments: {who.comments}. By role: {spoke}.{missing}"


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
