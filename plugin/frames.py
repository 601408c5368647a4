"""The grammar of disclosure: the ways in which people say, or plainly imply, who they are.

The frames themselves are data, in `lexicon/grammar.toml`; docs/tagging.md explains each id.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from plugin.vocabulary import MOST_REMEMBERED, lexicon_file


@dataclass(frozen=True, slots=True)
class Frame:
    """One way of disclosing a role.

    `types` are the symbols of the types it proves; empty where a role noun (the group `role`) or a place (the
    group `place`) says it. One of `needs` must stand in a sentence, and one of `besides`, or the pattern is
    not tried: looking for a piece of text is many times cheaper. A `weak` frame is believed only where
    nothing stronger says who speaks, a `faint` one where no other frame speaks at all; after one that `leads`
    a second role may follow. `names` is what the pattern takes its types from. In an `org_voice` frame an
    organisation speaks. One of `word` must stand in the author's own words: kin and a ward sister share a
    symbol. None of `unless` may stand in the text. An `event` is something that happened in care, not a role:
    saying "nobody told me" does not deny it. A frame `across` sentences is tried on the whole text, a
    `closing` one from the last sentence on, any other on one sentence at a time. `doubt` is 0, 1 for a weak
    frame, 2 for a faint one.
    """

    id: str
    confidence: float
    pattern: re.Pattern[str]
    types: str
    needs: frozenset[str]
    weak: bool
    leads: bool
    names: str
    org_voice: bool
    word: tuple[str, ...]
    says: str
    faint: bool = False
    event: bool = False
    unless: frozenset[str] = frozenset()
    across: bool = False
    besides: frozenset[str] = frozenset()
    closing: bool = False
    doubt: int = 0


@dataclass(frozen=True, slots=True)
class Pieces:
    """What frames ask for before they are tried, kept so that one look at each word of a sentence is enough.

    A piece without a blank is the beginning of a word ("incident"), one with a blank behind it a
    whole word (" us "), one with blanks inside several words ("on my ").
    """

    words: Mapping[str, tuple[str, ...]]
    beginnings: frozenset[str]
    lengths: tuple[int, ...]
    phrases: Mapping[str, tuple[str, ...]]
    remembered: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, pieces: Collection[str]) -> "Pieces":
        """Return these pieces, sorted by how they are looked for."""
        words: dict[str, tuple[str, ...]] = {}
        phrases: dict[str, tuple[str, ...]] = {}
        beginnings = set()
        for piece in sorted(pieces):
            first, *more = piece.split()
            if more:
                phrases[first] = (*phrases.get(first, ()), piece)
            elif piece.endswith(" "):
                words[first] = (*words.get(first, ()), piece)
            else:
                beginnings.add(piece)
        lengths = tuple(sorted({len(piece.strip()) for piece in beginnings}))
        return cls(words, frozenset(beginnings), lengths, phrases)

    def present_in(self, sentence: str) -> set[str]:
        """Return the pieces that stand in a sentence; "role" and "place" where a symbol of that sort does."""
        present: set[str] = set()
        for word in set(sentence.split()):
            of_word = self.remembered.get(word)
            if of_word is None:
                of_word = self._remember(word)
            present.update(of_word[0])
            present.update([piece for piece in of_word[1] if piece in sentence])
        return present

    def _remember(self, word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if len(self.remembered) >= MOST_REMEMBERED:
            self.remembered.clear()
        begun = [word[:length] for length in self.lengths if word[:length] in self.beginnings]
        begun += [f" {word[:length]}" for length in self.lengths if f" {word[:length]}" in self.beginnings]
        if word in _ROLE_SYMBOLS:
            begun.append("role")
        if word[0] == "O":
            begun.append("place")
        self.remembered[word] = (*self.words.get(word, ()), *begun), self.phrases.get(word, ())
        return self.remembered[word]


@dataclass(frozen=True, slots=True)
class Grammar:
    """All frames; what blocks one by standing before it in its sentence; how a second role follows a first."""

    frames: tuple[Frame, ...]
    blocked_before: re.Pattern[str]
    event_blocked_before: re.Pattern[str]
    second_role: re.Pattern[str]
    pieces: Pieces
    called_by: Mapping[str, tuple[int, ...]]
    barred_by: Mapping[str, tuple[int, ...]]
    always: tuple[int, ...]

    def tried_on(self, marked_text: str) -> Iterator[tuple[Frame, int, int]]:
        """Yield each frame that can match, with the stretch it is tried on: one sentence, or the whole text.

        A frame is called by its `needs`; a sentence that holds none of them costs nothing more.
        """
        everything: set[str] = set()
        sentences = []
        for start, end in pairwise([bar.start() for bar in _BAR.finditer(marked_text)]):
            if end - start > SHORTEST_SENTENCE:
                present = self.pieces.present_in(marked_text[start - 1 : end + 2])
                everything |= present
                sentences.append((present, start - 1, end + 2))
        barred = {number for piece in everything for number in self.barred_by.get(piece, ())}
        for present, start, end in sentences:
            for frame in self._called(present, barred, across=False):
                yield frame, start, end
        last = sentences[-1][1] if sentences else 0
        for frame in self._called(everything, barred, across=True):
            yield frame, last if frame.closing else 0, len(marked_text)

    def _called(self, present: set[str], barred: set[int], *, across: bool) -> Iterator[Frame]:
        numbers = {number for piece in present for number in self.called_by.get(piece, ())}
        numbers.update(self.always)
        for number in sorted(numbers - barred):
            frame = self.frames[number]
            if frame.across != across or (frame.names and frame.names not in present):
                continue
            if not frame.besides or not frame.besides.isdisjoint(present):
                yield frame


@cache
def default_grammar() -> Grammar:
    """Return the grammar that comes with the program, compiled once."""
    return grammar_from(lexicon_file("grammar.toml"))


def grammar_from(content: Mapping[str, Any]) -> Grammar:
    """Return the grammar of a parsed file."""
    parts: dict[str, str] = content["parts"]
    frames = tuple(_frame_from(entry, parts) for entry in content["frame"])
    blockers = {name: re.compile(filled(pattern, parts)) for name, pattern in content["blockers"].items()}
    second = re.compile(filled(content["second"]["pattern"], parts))
    called_by: dict[str, tuple[int, ...]] = {}
    barred_by: dict[str, tuple[int, ...]] = {}
    for number, frame in enumerate(frames):
        for piece in frame.needs:
            called_by[piece] = (*called_by.get(piece, ()), number)
        for piece in frame.unless:
            barred_by[piece] = (*barred_by.get(piece, ()), number)
    return Grammar(
        frames,
        blockers["before"],
        blockers["event"],
        second,
        Pieces.of({piece for frame in frames for piece in frame.needs | frame.unless | frame.besides}),
        called_by,
        barred_by,
        tuple(number for number, frame in enumerate(frames) if not frame.needs),
    )


def _frame_from(entry: Mapping[str, Any], parts: Mapping[str, str]) -> Frame:
    return Frame(
        id=entry["id"],
        confidence=entry["confidence"],
        pattern=re.compile(filled(entry["pattern"], parts)),
        types=entry.get("types", ""),
        needs=frozenset(entry["needs"].split("~")) if entry.get("needs") else frozenset(),
        weak=entry.get("weak", False),
        leads=entry.get("leads", "(?P<role>" in filled(entry["pattern"], parts)),
        names=next((group for group in ("role", "place") if f"(?P<{group}>" in filled(entry["pattern"], parts)), ""),
        org_voice=entry.get("org_voice", False),
        word=tuple(entry["word"].split("~")) if entry.get("word") else (),
        says=entry.get("says", ""),
        faint=entry.get("faint", False),
        event=entry.get("event", entry["id"].startswith(("patient.", "carer.")) and bool(entry.get("types"))),
        unless=frozenset(entry["unless"].split("~")) if entry.get("unless") else frozenset(),
        across=entry.get("across", False),
        besides=frozenset(entry["besides"].split("~")) if entry.get("besides") else frozenset(),
        closing=entry.get("closing", False),
        doubt=2 if entry.get("faint") else 1 if entry.get("weak") else 0,
    )


_BAR = re.compile(r"\|")
# Two bars and a blank between them hold nothing.
SHORTEST_SENTENCE = 2
_ROLE_SYMBOLS = frozenset(symbol + many for symbol in "PCLHSQMEVRI" for many in ("", "s"))
_PART = re.compile(r"(?<!\?P)<([A-Z]+)>")


def filled(pattern: str, parts: Mapping[str, str]) -> str:
    """Return the pattern with each <NAME> replaced by that part, parts within parts included."""
    while _PART.search(pattern):
        pattern = _PART.sub(lambda part: parts[part.group(1)], pattern)
    return pattern
