"""Decide which other doors may be right for what somebody writes: urgent help, safeguarding, an incident, a complaint.

Nothing here sends anything or tells anybody. A false alarm costs a kind paragraph, a miss may cost a life: so the
words of `lexicon/doors.toml` are broad, and what the urgent lane hears (`plugin.insights`) is heard here too.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Literal, get_args

from plugin.insights import default_rules, sentences_of, spaced, urgency_of_reading, urgent_by_rules
from plugin.model import Evidence
from plugin.reading import MOST_READ, Reading, reading_of
from plugin.vocabulary import lexicon_file

NeedKind = Literal["crisis", "danger", "safeguarding", "incident", "complaint"]
# In the order in which doors are shown: urgent help stands first.
KINDS: tuple[NeedKind, ...] = get_args(NeedKind)
URGENT: frozenset[NeedKind] = frozenset(("crisis", "danger"))
# Beside one of these nobody needs to be shown more help because of their words alone.
HELPED = URGENT | {"safeguarding"}

MOST_EVIDENCE = 5
# Of a very long text its beginning and its end are heard: a crisis stands at the end of many a long story.
BEGINNING = 12_000
END = 6_000
# Pieces of a long text overlap, so that no phrase falls between two of them.
OVERLAP = 300
NEARBY = 2
LONGEST_DOOR = 2_000


@dataclass(frozen=True, slots=True)
class Need:
    """What somebody may need, and their own words that suggest it (the first `MOST_EVIDENCE`)."""

    kind: NeedKind
    evidence: tuple[Evidence, ...]

    @property
    def is_urgent(self) -> bool:
        """Return whether help has to be near at once."""
        return self.kind in URGENT


@dataclass(frozen=True, slots=True)
class Door:
    """Where help is for one kind of need: a heading, and the lines that a community or we wrote."""

    kind: NeedKind
    heading: str
    text: str

    @property
    def is_urgent(self) -> bool:
        """Return whether this door stands first, under its own heading."""
        return self.kind in URGENT

    @property
    def lines(self) -> tuple[tuple[tuple[str, str | None], ...], ...]:
        """Return the text line by line, each in pieces: the words, and where they lead (or None).

        Numbers to call or text, and https addresses, can be pressed; nothing is fetched before that.
        """
        return tuple(tuple(_pieces(line)) for line in self.text.splitlines() if line.strip())


def doors_for(text: str) -> tuple[Need, ...]:
    """Return what the author's own words suggest that somebody needs, urgent help first; most often nothing.

    Of a text above 18,000 characters its beginning and its end are heard. What the author quotes does not count.
    """
    found: dict[NeedKind, set[tuple[int, int]]] = {}
    for first, last in _parts(len(text)):
        for kind, one in _heard(reading_of(text[first:last])):
            found.setdefault(kind, set()).add((first + one.start, first + one.end))
    return tuple(Need(kind, _in_order(text, found[kind])) for kind in KINDS if kind in found)


def doors_of(community_doors: Mapping[str, str]) -> tuple[Door, ...]:
    """Return every door in the order it is shown: the community's own words where it has some, else the defaults."""
    return tuple(
        Door(kind, heading, community_doors.get(kind, "").strip() or text) for kind, (heading, text) in DOORS.items()
    )


def doors_apart(text: str, community_doors: Mapping[str, str]) -> tuple[tuple[Door, ...], tuple[Door, ...]]:
    """Return the doors that may be right for what somebody wrote, and the others, urgent help first in both."""
    kinds = {need.kind for need in doors_for(text)}
    doors = doors_of(community_doors)
    return tuple(one for one in doors if one.kind in kinds), tuple(one for one in doors if one.kind not in kinds)


def door_mistake(kind: str, text: str) -> str | None:
    """Return in one sentence what is wrong with a door that somebody sets, or None. Empty text is right."""
    if kind not in DOORS:
        return f"{kind or 'nothing'} is not a kind of door: one of {', '.join(DOORS)}"
    if len(text) > LONGEST_DOOR:
        return f"longer than {LONGEST_DOOR:,} characters"
    if any(not character.isprintable() and character != "\n" for character in text):
        return "only characters that can be seen, and line ends"
    return None


def _parts(length: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that are heard, each short enough to be read at once."""
    beginning = length if length <= BEGINNING + END else BEGINNING
    for first in range(0, max(beginning - OVERLAP, 1), MOST_READ - OVERLAP):
        yield first, min(first + MOST_READ, beginning)
    if beginning < length:
        yield length - END, length


def _in_order(text: str, spans: set[tuple[int, int]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(start, end, text[start:end]) for start, end in sorted(spans)[:MOST_EVIDENCE])


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of one kind of need: some count by themselves, some only where nothing in the sentence blocks them."""

    says: re.Pattern[str]
    hints: re.Pattern[str] | None
    unless: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """The whole of `lexicon/doors.toml`, compiled."""

    words: Mapping[NeedKind, _Words]
    signs: re.Pattern[str]
    now: re.Pattern[str]
    denied: re.Pattern[str]
    blockers: Mapping[str, re.Pattern[str]]


@cache
def _rules() -> _Rules:
    content = lexicon_file("doors.toml")
    names = content["names"]

    def words(lines: Sequence[str], end: str = "(?= )") -> re.Pattern[str]:
        return re.compile(f" (?! )(?:{'|'.join(_pattern(line, names) for line in lines)}){end}")

    def of_kind(section: Mapping[str, Any]) -> _Words:
        hints = section.get("hints")
        return _Words(words(section["says"]), words(hints) if hints else None, tuple(section["unless"]))

    return _Rules(
        words={kind: of_kind(content[kind]) for kind in KINDS},
        signs=words(content["danger"]["signs"]),
        now=words(content["danger"]["now"]),
        denied=words(content["denied"]["lines"], end=" *$"),
        blockers={name: words(content[name]["lines"]) for name in ("talk", "work", "past", "still")},
    )


def _pattern(line: str, names: Mapping[str, str]) -> str:
    """Return the regular expression behind a line of the file; its head says what the signs mean."""
    for name, words in names.items():
        line = line.replace("{" + name + "}", words)
    line = line.replace("'", "'?").replace(" … ", r" (?:\S++ ){0,3}?")
    return re.sub(" [?]?", lambda blank: " *+" if blank.group() == " ?" else " ++", line)


def _heard(reading: Reading) -> Iterator[tuple[NeedKind, Evidence]]:
    """Yield each need that a reading of at most `MOST_READ` characters shows, with the words that show it."""
    story = _Story(reading)
    heard = False
    for kind, (start, end) in story.needs():
        heard = heard or kind in HELPED
        yield kind, reading.evidence(start, end)
    # Whoever the moderators are told of by the words alone is shown urgent help, if no other help is shown.
    if not heard:
        for one in urgency_of_reading(reading).evidence:
            yield "danger", one


class _Story:
    """One reading, its sentences, and what stands in them."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        # A blank before: the place of a match is the place of its first letter in the reading.
        self.flat = " " + _NO_WORD.sub(" ", reading.folded) + " "
        self.sentences = list(sentences_of(reading.folded)) or [(0, len(reading.folded))]
        self.starts = [start for start, _ in self.sentences]
        self.rules = _rules()

    def needs(self) -> Iterator[tuple[NeedKind, tuple[int, int]]]:
        """Yield each need that the rules find, and where."""
        for kind in KINDS:
            for place in self.places(kind):
                yield kind, place
        for place in self.dangers():
            yield "danger", place
        # What the urgent lane would tell the moderators of, its author is shown a door for.
        despair = list(default_rules().self_harm.finditer(spaced(self.reading.folded)))
        for match in despair:
            if not _NOT_MEANT.search(match.group()) and not self.is_blocked(match.start(), LONG_OVER):
                yield "crisis", (match.start(), min(match.end() - 1, len(self.reading.folded)))
        if not despair:
            for place in self.urgent_sentences():
                yield "danger", place

    def places(self, kind: NeedKind) -> Iterator[tuple[int, int]]:
        """Yield where the words of a kind stand, without those that are denied or blocked."""
        words = self.rules.words[kind]
        yield from islice(self._found(words.says, ()), MOST_EVIDENCE)
        if words.hints:
            yield from islice(self._found(words.hints, words.unless), MOST_EVIDENCE)

    def dangers(self) -> Iterator[tuple[int, int]]:
        """Yield the signs of danger that have a word of nearness in time close by."""
        near = {self._sentence(match.start()) for match in self.rules.now.finditer(self.flat)}
        if not near:
            return
        near = {n + step for n in near for step in range(-NEARBY, NEARBY + 1)}
        signs = self._found(self.rules.signs, self.rules.words["danger"].unless)
        yield from islice((sign for sign in signs if self._sentence(sign[0]) in near), MOST_EVIDENCE)

    def urgent_sentences(self) -> Iterator[tuple[int, int]]:
        """Yield the sentences for which the rules of the urgent lane call somebody."""
        for span in urgent_by_rules(self.reading):
            if not self.is_blocked(span[0], LONG_OVER):
                yield span

    def _found(self, pattern: re.Pattern[str], unless: Sequence[str]) -> Iterator[tuple[int, int]]:
        for match in pattern.finditer(self.flat):
            if not self._is_denied(match.start()) and not (unless and self.is_blocked(match.start(), unless)):
                yield match.start(), match.end() - 1

    def _is_denied(self, place: int) -> bool:
        # "No. Suicide is all I think of": what another sentence denies is not denied here.
        start = max(self.sentences[self._sentence(place)][0], place - 40)
        return self.rules.denied.search(self.flat, start, place + 1) is not None

    def is_blocked(self, place: int, unless: Sequence[str]) -> bool:
        """Return whether the sentence of a place holds words by which a hint means something else."""
        start, end = self.sentences[self._sentence(place)]
        blockers = self.rules.blockers

        def holds(name: str) -> bool:
            return blockers[name].search(self.flat, start, end + 2) is not None

        return any(holds(name) and not (name == "past" and holds("still")) for name in unless)

    def _sentence(self, place: int) -> int:
        return max(bisect_right(self.starts, place) - 1, 0)


_NO_WORD = re.compile(r"[^\w']")
# Of what the lane takes for despair: "took 90" is more often minutes than tablets (those stand in our own words).
_NOT_MEANT = re.compile(r"\d|\b(?:not|never)(?: \w+)? suicidal")
LONG_OVER = ("past", "talk")

_LINK = re.compile(r"https://[^\s<>\"]+[^\s<>\".,;:!?)]|(?<=\b[Cc]all )\d[\d ]*\d|(?<=\b[Tt]ext )\d[\d ]*\d")


def _pieces(line: str) -> Iterator[tuple[str, str | None]]:
    last = 0
    for link in _LINK.finditer(line):
        if link.start() > last:
            yield line[last : link.start()], None
        words = link.group()
        number = words.replace(" ", "")
        way = "sms:" if line[: link.start()].lower().endswith("text ") else "tel:"
        yield words, words if words.startswith("https") else way + number
        last = link.end()
    if last < len(line):
        yield line[last:], None


# Facts only, for the United Kingdom: a site owner replaces them where others are nearer (`community set --door`).
DOORS: dict[NeedKind, tuple[str, str]] = {
    "crisis": (
        "If you, or somebody you know, may be thinking of suicide or self-harm",
        "If a life is at risk now: call 999, or go to A&E. To talk to somebody, day or night: call 116 123 "
        "(Samaritans, free).\n"
        "For a mental health crisis, day or night: call 111 and choose option 2 (England and Wales) or the "
        "mental health option (Scotland). In Northern Ireland, Lifeline: call 0808 808 8000.\n"
        "Shout answers by text message, day and night, free: text 85258 with the word SHOUT.\n"
        "Childline, for anybody under 19, free: call 0800 1111.",
    ),
    "danger": (
        "If somebody is in danger now",
        "For an ambulance or the police: call 999.\n"
        "A&E departments are open day and night.\n"
        "In a hospital or a care home: the emergency bell, or the nurse in charge. Many hospitals have a number for "
        "Martha’s Rule or “Call for Concern”: it asks another team to look at a patient who is getting worse.\n"
        "When it is urgent but no life is at risk: call 111 (England, Scotland and Wales).",
    ),
    "safeguarding": (
        "If an adult or a child may be harmed or neglected",
        "In danger now: call 999. Otherwise the police: call 101.\n"
        "Each council (in Northern Ireland, each health and social care trust) has a team for safeguarding adults and "
        "one for children. Anybody may tell them of a worry.\n"
        "About a child, the NSPCC helpline: call 0808 800 5000. Children and young people, Childline: call 0800 1111.\n"
        "About an older person, Hourglass: call 0808 808 8141.\n"
        "Domestic abuse, for women in England, day and night: call 0808 2000 247.",
    ),
    "incident": (
        "If something went wrong in care",
        "The service where it happened can record it as a patient safety event, also when nobody was hurt. "
        "Patients and families can ask for that.\n"
        "Health staff in England record it in their own system or in Learn from patient safety events (LFPSE): "
        "https://record.learn-from-patient-safety-events.nhs.uk\n"
        "Side effects and faults of medicines, vaccines and medical devices: the Yellow Card scheme, open to everyone: "
        "https://yellowcard.mhra.gov.uk",
    ),
    "complaint": (
        "If you want to complain, or want an answer",
        "Each health or care service has somebody who takes complaints. In England a hospital’s PALS can help "
        "before it comes to that.\n"
        "Free, independent help with a complaint about health care: NHS complaints advocacy (England, through your "
        "council), Llais (Wales), the Patient Advice and Support Service (Scotland), the Patient and Client Council "
        "(Northern Ireland).\n"
        "When the service has given its last answer: the Ombudsman. For the NHS in England, call 0345 015 4033 or see "
        "https://www.ombudsman.org.uk",
    ),
}
