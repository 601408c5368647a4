"""The grammar of disclosure: the ways in which people say, or plainly imply, who they are.

The frames themselves are data, in `lexicon/grammar.toml`; docs/tagging.md explains each id.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from plugin.beginnings import LONGEST, MARKS, Beginnings, numbers_in
from plugin.vocabulary import MOST_REMEMBERED, lexicon_file

# Strong frames, weak ones, faint ones.
DOUBTS = (0, 1, 2)


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
    whole word (" us "), one with blanks inside several words ("on my "). What a piece calls for is an int,
    and so is what a word or a sentence calls for: all that their pieces do.
    """

    words: Mapping[str, int]
    beginnings: Mapping[str, int]
    lengths: tuple[int, ...]
    phrases: Mapping[str, tuple[tuple[str, int], ...]]
    symbols: Mapping[str, int]

    @classmethod
    def of(cls, pieces: Mapping[str, int]) -> "Pieces":
        """Return these pieces, sorted by how they are looked for; "role" and "place" stand for any such symbol."""
        words: dict[str, int] = {}
        phrases: dict[str, tuple[tuple[str, int], ...]] = {}
        beginnings: dict[str, int] = {}
        for piece in sorted(pieces):
            first, *more = piece.split()
            if more:
                phrases[first] = (*phrases.get(first, ()), (piece.lstrip(), pieces[piece]))
            elif piece.endswith(" "):
                words[first] = words.get(first, 0) | pieces[piece]
            else:
                beginnings[first] = beginnings.get(first, 0) | pieces[piece]
        symbols = {name: beginnings.pop(name, 0) for name in ("role", "place")}
        return cls(words, beginnings, tuple(sorted(set(map(len, beginnings)))), phrases, symbols)

    def called_by_word(self, word: str) -> int:
        """Return what a word of a marked copy calls for by itself."""
        called = self.words.get(word, 0)
        for length in self.lengths:
            called |= self.beginnings.get(word[:length], 0)
        if word in _ROLE_SYMBOLS:
            called |= self.symbols["role"]
        if word[:1] == "O":
            called |= self.symbols["place"]
        return called

    def called_by_pair(self, word: str, following: str) -> tuple[int, tuple[tuple[str, int], ...]]:
        """Return what two words call for, and the longer phrases that they may be the beginning of."""
        called = 0
        longer = []
        for piece, more in self.phrases.get(word, ()):
            _, second, *others = piece.split(" ")
            if (others == [""] and second == following) or (not others and following.startswith(second)):
                called |= more
            elif others and others != [""] and second == following:
                longer.append((f" {piece}", more))
        return called, tuple(longer)


@dataclass(slots=True)
class _Word:
    """What a word calls for, which frames can begin with it, and with it after a mark; the same with the next word.

    `pairs` is None where the next word makes no difference.
    """

    called: int
    able: int
    able_after_mark: int
    pairs: dict[str, tuple[int, int, int, tuple[tuple[str, int], ...]]] | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sentence, or the whole of a marked copy, with the frames that it calls and where they can begin."""

    start: int
    end: int
    frames: int
    places: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Grammar:
    """All frames; what blocks one by standing before it in its sentence; how a second role follows a first.

    A set of frames is an int, with one bit for each. What a piece calls for is four such sets, one shifted behind
    the other: the frames that need it, that want it besides, that take their types from it, and that it bars.
    """

    frames: tuple[Frame, ...]
    blocked_before: re.Pattern[str]
    event_blocked_before: re.Pattern[str]
    kin_at_work: re.Pattern[str]
    second_role: re.Pattern[str]
    pieces: Pieces
    beginnings: Beginnings
    unasked: int
    across: int
    closing: int
    by_doubt: Sequence[int]
    remembered: dict[str, _Word] = field(default_factory=dict)

    def called_on(self, marked_text: str) -> list[Stretch]:
        """Return the sentences that call a frame by its `needs`, and last the whole text for the frames across it.

        A sentence that holds nothing that a frame needs costs nothing more.
        """
        count = len(self.frames)
        everything = called = 0
        sentences = []
        places = []
        remembered = self.remembered
        words = marked_text.split(" ")[1:-1]
        blank = start = last = 0
        mark_before = False
        for word, following in zip(words, [*words[1:], ""], strict=True):
            one = remembered.get(word)
            if one is None:
                one = self._remember(word)
            called |= one.called
            if word == "|":
                # The bar belongs to both sentences, what begins with it only to the second.
                if blank - start > SHORTEST_SENTENCE:
                    everything |= called
                    sentences.append((self._called(called) & ~self.across, start, blank + 3))
                    last = start
                called, start = one.called, blank
            able = one.able_after_mark if mark_before else one.able
            if one.pairs is not None:
                pair = one.pairs.get(following)
                if pair is None:
                    pair = self._remember_pair(one, word, following)
                called |= pair[0]
                able |= pair[2] if mark_before else pair[1]
                for phrase, more in pair[3]:
                    if marked_text.startswith(phrase, blank):
                        called |= more
            if able:
                places.append((blank, able))
            mark_before = word[-1:] in MARKS
            blank += len(word) + 1
        del sentences[MOST_SENTENCES:]
        across = self._called(everything) & self.across
        sentences += [(across & ~self.closing, 0, len(marked_text)), (across & self.closing, last, len(marked_text))]
        barred = everything >> 3 * count
        stretches = []
        for frames, first, end in sentences:
            if frames := frames & ~barred:
                here = places[bisect_left(places, (first, 0)) : bisect_left(places, (end, 0))]
                if not frames & self.across:
                    del here[MOST_PLACES:]
                stretches.append(Stretch(first, end, frames, here))
        return stretches

    def _remember(self, word: str) -> _Word:
        if len(self.remembered) >= MOST_REMEMBERED:
            self.remembered.clear()
        known = f"{word} "
        able, able_after_mark = self.beginnings.able_at(known)
        pairs: dict[str, tuple[int, int, int, tuple[tuple[str, int], ...]]] | None = None
        if word in self.pieces.phrases or not self.beginnings.is_decided_by(known):
            # The next word decides.
            able = able_after_mark = 0
            pairs = {}
        one = _Word(self.pieces.called_by_word(word), able, able | able_after_mark, pairs)
        if len(word) <= LONGEST_REMEMBERED:
            self.remembered[word] = one
        return one

    def _remember_pair(
        self, first: _Word, word: str, following: str
    ) -> tuple[int, int, int, tuple[tuple[str, int], ...]]:
        called, longer = self.pieces.called_by_pair(word, following)
        able, able_after_mark = self.beginnings.able_at(f"{word} {following} "[:LONGEST])
        pair = called, able, able | able_after_mark, longer
        if first.pairs is not None and len(following) <= LONGEST_REMEMBERED:
            if len(first.pairs) >= MOST_REMEMBERED // 10:
                first.pairs.clear()
            first.pairs[following] = pair
        return pair

    def _called(self, called: int) -> int:
        count = len(self.frames)
        called |= self.unasked
        return called & called >> count & called >> 2 * count & (1 << count) - 1

    def found_in(
        self, marked_text: str, stretches: Sequence[Stretch], doubt: int
    ) -> Iterator[tuple[Frame, re.Match[str]]]:
        """Yield what the frames of one degree of doubt find, sentence by sentence, in the order of the grammar."""
        those = self.by_doubt[doubt]
        for one in stretches:
            if wanted := one.frames & those:
                for number, match in self.beginnings.matches(marked_text, wanted, one.places, one.start, one.end):
                    yield self.frames[number], match

    def tried_on(self, marked_text: str) -> Iterator[Frame]:
        """Yield the frames that are tried on a marked copy, sentence by sentence."""
        for stretch in self.called_on(marked_text):
            able = self.beginnings.anywhere
            for _, beginning in stretch.places:
                able |= beginning
            yield from (self.frames[number] for number in numbers_in(stretch.frames & able))


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
    count = len(frames)
    calls: dict[str, int] = {}
    unasked = 0
    for number, frame in enumerate(frames):
        wanted = (frame.needs, frame.besides, frozenset({frame.names} - {""}))
        for n, pieces in enumerate(wanted):
            if not pieces:
                unasked |= 1 << n * count + number
        for n, pieces in enumerate((*wanted, frame.unless)):
            for piece in pieces:
                calls[piece] = calls.get(piece, 0) | 1 << n * count + number
    return Grammar(
        frames,
        blockers["before"],
        blockers["event"],
        blockers["kin_at_work"],
        second,
        Pieces.of(calls),
        Beginnings([frame.pattern for frame in frames]),
        unasked,
        _set_of(n for n, frame in enumerate(frames) if frame.across),
        _set_of(n for n, frame in enumerate(frames) if frame.closing),
        tuple(_set_of(n for n, frame in enumerate(frames) if frame.doubt == doubt) for doubt in DOUBTS),
    )


def _set_of(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in numbers)


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


# Two bars and a blank between them hold nothing.
SHORTEST_SENTENCE = 2
# Ten minutes of speech have some hundred sentences; a flood of "my mum. my mum." must not cost more than a comment.
MOST_SENTENCES = 150
# Nor must a flood without a full stop: in so many places of one sentence a frame may begin.
MOST_PLACES = 500
# Longer words are rare, and a flood of them must not fill the memory.
LONGEST_REMEMBERED = 24
_ROLE_SYMBOLS = frozenset(symbol + many for symbol in "PCLHSQMEVRI" for many in ("", "s"))
_PART = re.compile(r"(?<!\?P)<([A-Z]+)>")


def filled(pattern: str, parts: Mapping[str, str]) -> str:
    """Return the pattern with each <NAME> replaced by that part, parts within parts included."""
    while _PART.search(pattern):
        pattern = _PART.sub(lambda part: parts[part.group(1)], pattern)
    return pattern
