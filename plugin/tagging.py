"""Decide who is speaking: which stakeholder types an author disclosed, and the words that prove each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plugin.frames import Frame, default_grammar
from plugin.marking import Marked, marked
from plugin.model import Flag, Tag
from plugin.reading import Reading, reading_of
from plugin.stakeholders import type_of_symbol
from plugin.vocabulary import Term, Vocabulary, default_vocabulary

MOST_TAGS = 3


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One type that a frame found in a marked copy, before the findings are weighed together."""

    type: str
    frame: Frame
    start: int
    end: int
    confidence: float
    flags: tuple[Flag, ...] = ()
    blocked: str = ""


def tags_in(text: str, *, vocabulary: Vocabulary | None = None) -> tuple[Tag, ...]:
    """Return the stakeholder types the author discloses, primary first, at most three; empty if none.

    Every tag carries the author's own unquoted words; offsets count code points of `text`.
    """
    return tags_of_reading(reading_of(text), vocabulary or default_vocabulary())


def tags_of_reading(reading: Reading, vocabulary: Vocabulary) -> tuple[Tag, ...]:
    """Return the tags of a comment that has been read already."""
    copy = marked(reading, vocabulary)
    found = [one for one in disclosures(copy, vocabulary) if not one.blocked]
    return tuple(_tag(copy, one) for one in weighed(found)[:MOST_TAGS])


def _tag(copy: Marked, found: Disclosure) -> Tag:
    return Tag(
        type=found.type,
        confidence=found.confidence,
        evidence=copy.evidence(found.start, found.end),
        frame=found.frame.id,
        flags=found.flags,
    )


def disclosures(copy: Marked, vocabulary: Vocabulary) -> Iterator[Disclosure]:
    """Yield what every frame finds, the blocked findings with the reason that blocks them."""
    for frame in default_grammar().frames:
        if not frame.may_stand_in(copy.text):
            continue
        for match in frame.pattern.finditer(copy.text):
            yield from _disclosed(copy, frame, match, vocabulary)


def _disclosed(copy: Marked, frame: Frame, match: re.Match[str], vocabulary: Vocabulary) -> Iterator[Disclosure]:
    start, end = match.span()
    groups = match.groupdict()
    blocked = _blocker(copy.text, start)
    flags: tuple[Flag, ...] = ()
    if frame.types:
        types = frame.types
    elif "place" in groups:
        types = groups["place"][1].upper()
    else:
        place = match.end("role") - len(groups["role"].split()[-1])
        term = copy.term_at(place)
        if term is None:
            return
        types = term.types
        flags = _flags(match.group(), term)
        blocked = blocked or _attribute(copy.text, match.end("role"), vocabulary)
    for n, symbol in enumerate(types):
        confidence = frame.confidence - 0.05 * n
        yield Disclosure(type_of_symbol(symbol), frame, start, end, confidence, flags, blocked)


def _blocker(text: str, start: int) -> str:
    sentence = text.rfind("|", 0, start + 1)
    before = text[sentence + 1 : start + 1]
    found = default_grammar().blocked_before.search(before)
    if found:
        return found.group().strip()
    return ""


def _attribute(text: str, end: int, vocabulary: Vocabulary) -> str:
    after = text[end + 1 : end + 30].split(" ", 1)[0]
    return f"{after} after the role" if after in vocabulary.attributes or after in ("'s", "'") else ""


_STUDENT = re.compile(r" (?:student|trainee|in training|training (?:as|to be)|apprentice|studying)(?= )")
_FORMER = re.compile(
    r" (?:former|formerly|retired|ex|previously|used to be|was|had been|once|by training|lapsed|late)(?= )"
)


def _flags(words: str, term: Term) -> tuple[Flag, ...]:
    flags: list[Flag] = []
    padded = f" {words} "
    if _FORMER.search(padded):
        flags.append("former")
    if "student" in term.flags or (_STUDENT.search(padded) and term.symbol in "HS"):
        flags.append("student")
    if "non_clinical" in term.flags:
        flags.append("non_clinical")
    return tuple(flags)


def weighed(found: Sequence[Disclosure]) -> list[Disclosure]:
    """Return one disclosure for each type, the primary first."""
    best: dict[str, Disclosure] = {}
    for one in found:
        if one.type not in best or _rank(one) < _rank(best[one.type]):
            best[one.type] = one
    declared = [one for one in best.values() if not one.frame.implied]
    kept = [one for one in best.values() if not (declared and one.frame.id == "patient.my-service")]
    return sorted(
        kept, key=lambda one: ("former" in one.flags, -one.confidence if one.frame.implied else -1, one.start)
    )


def _rank(one: Disclosure) -> tuple[float, int]:
    return (-one.confidence, one.start)
