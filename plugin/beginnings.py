"""Know how a pattern's matches can begin, so that many patterns are tried only where one of them can.

Over three hundred patterns are looked for in every comment. Searched for one by one each would read
the whole text; here one look at what follows each blank says which of them could begin there. What is
found, and in which order, is the same as that of `re.Pattern.finditer`.
"""

import importlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

# Python's own reader of regular expressions; should it ever go, every pattern is searched for as usual.
_PARSER: Any = importlib.import_module("re._parser")

# So much of the text behind a blank is looked at, and a pattern with more beginnings than this is cut shorter.
LONGEST = 5
MOST_BEGINNINGS = 200
MOST_LETTERS_OF_A_CLASS = 12
# People use the same words: what was looked up once is kept, up to this many beginnings.
MOST_REMEMBERED = 50_000

# A match begins at the blank, at the letter behind it, or with the mark before it.
AT_BLANK, BEHIND, BEFORE = 0, 1, -1


class Beginnings:
    """Several patterns and what their matches can begin with; a set of patterns is an int, one bit for each."""

    def __init__(self, patterns: Sequence[re.Pattern[str]]) -> None:
        self.patterns = patterns
        self._numbers: dict[int, tuple[int, ...]] = {}
        self._match = [pattern.match for pattern in patterns]
        self.starts: list[tuple[int, ...]] = []
        self.anywhere = 0
        everywhere: dict[str, int] = {}
        after_marks: dict[str, int] = {}
        for number, pattern in enumerate(patterns):
            found = _beginnings_of(pattern)
            self.starts.append(tuple(sorted({start for start, _ in found})))
            if not found:
                self.anywhere |= 1 << number
            for start, words in found:
                table = everywhere if start == AT_BLANK else after_marks
                table[words] = table.get(words, 0) | 1 << number
        self._in_text = _Table(everywhere)
        self._after_mark = _Table(after_marks)

    def places_in(self, text: str) -> list[tuple[int, int]]:
        """Return (place of a blank, patterns that can begin there) for each blank behind which one can."""
        blanks = []
        blank = text.find(" ")
        while blank >= 0:
            blanks.append(blank)
            blank = text.find(" ", blank + 1)
        beginnings = [text[blank + 1 : blank + 1 + LONGEST] for blank in blanks]
        found = self._in_text.look_up(beginnings)
        if self._after_mark.beginnings:
            marks = [n for n, blank in enumerate(blanks) if text[blank - 1] in MARKS]
            for n, more in zip(marks, self._after_mark.look_up([beginnings[n] for n in marks]), strict=True):
                found[n] |= more
        return [one for one in zip(blanks, found, strict=True) if one[1]]

    def able_at(self, known: str) -> tuple[int, int]:
        """Return which patterns can begin with these letters behind a blank: anywhere, and after a mark only.

        Where the letters end before it is decided, the pattern is taken to be able to.
        """
        return self._in_text.able_at(known), self._after_mark.able_at(known)

    def is_decided_by(self, known: str) -> bool:
        """Return whether no letter after these is looked at."""
        return known not in self._in_text.undecided and known not in self._after_mark.undecided

    def matches(
        self, text: str, wanted: int, places: Iterable[tuple[int, int]], start: int = 0, end: int = sys.maxsize
    ) -> list[tuple[int, re.Match[str]]]:
        """Return (number of the pattern, match) for all that `finditer` would find, by pattern and then by place."""
        found = []
        free_from: dict[int, int] = {}
        numbers_of, starts, matches = self._numbers, self.starts, self._match
        for blank, able in places:
            if able := able & wanted:
                for number in numbers_of.get(able) or self._remember(able):
                    for offset in starts[number]:
                        place = blank + offset
                        match = matches[number](text, place, end)
                        if match and place >= free_from.get(number, start):
                            found.append((number, match))
                            free_from[number] = max(match.end(), place + 1)
        for number in numbers_in(wanted & self.anywhere):
            found += [(number, match) for match in self.patterns[number].finditer(text, start, end)]
        found.sort(key=_number)
        return found

    def _remember(self, patterns: int) -> tuple[int, ...]:
        if len(self._numbers) >= MOST_REMEMBERED:
            self._numbers.clear()
        self._numbers[patterns] = tuple(numbers_in(patterns))
        return self._numbers[patterns]


_number = itemgetter(0)


def numbers_in(patterns: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, the lowest first."""
    while patterns:
        lowest = patterns & -patterns
        yield lowest.bit_length() - 1
        patterns ^= lowest


# Signs that stand alone between blanks in a marked copy, and after which some patterns begin.
MARKS = frozenset("|,;:()-\"'/~?!&+.")


class _Table:
    """Which patterns can begin with which letters, looked up by the letters behind a blank."""

    def __init__(self, beginnings: dict[str, int]) -> None:
        self.beginnings = beginnings
        self.lengths = sorted({len(words) for words in beginnings})
        # What could still begin where no more letters are known than these.
        self.undecided: dict[str, int] = {}
        for words, patterns in beginnings.items():
            for length in range(1, len(words)):
                self.undecided[words[:length]] = self.undecided.get(words[:length], 0) | patterns
        self.remembered: dict[str, int] = {}

    def able_at(self, known: str) -> int:
        return self._all_of(known) | self.undecided.get(known, 0)

    def look_up(self, beginnings: Sequence[str]) -> list[int]:
        found: list[Any] = list(map(self.remembered.get, beginnings))
        if None in found:
            for n, words in enumerate(beginnings):
                if found[n] is None:
                    found[n] = self._remember(words)
        return found

    def _all_of(self, words: str) -> int:
        found = 0
        for length in self.lengths:
            if length <= len(words):
                found |= self.beginnings.get(words[:length], 0)
        return found

    def _remember(self, words: str) -> int:
        found = self._all_of(words)
        if len(self.remembered) >= MOST_REMEMBERED:
            self.remembered.clear()
        self.remembered[words] = found
        return found


def _beginnings_of(pattern: re.Pattern[str]) -> set[tuple[int, str]]:
    """Return (where it starts, the letters behind the blank) for every way to begin; nothing if there is no telling."""
    if pattern.flags & (re.IGNORECASE | re.MULTILINE):
        return set()
    parsed = list(_PARSER.parse(pattern.pattern))
    found: set[tuple[int, str]] = set()
    for words, behind_blank in _heads(parsed):
        if behind_blank:
            found.add((BEHIND, words[:LONGEST]))
        elif words[:1] == " ":
            found.add((AT_BLANK, words[1 : LONGEST + 1]))
        elif words[:1] in MARKS and words[1:2] == " ":
            found.add((BEFORE, words[2 : LONGEST + 2]))
        else:
            return set()
    return found


def _heads(parsed: Sequence[Any]) -> set[tuple[str, bool]]:
    """Return the beginnings, each with whether the pattern asks for a blank before it."""
    heads: set[tuple[str, bool]] = set()
    for asked, rest in _asking(parsed):
        length = LONGEST + 2
        while len(words := _first_letters(rest, length)) > MOST_BEGINNINGS:
            length -= 1
        heads.update((one, asked) for one in words)
    return heads


def _asking(parsed: Sequence[Any]) -> list[tuple[bool, list[Any]]]:
    """Part a pattern that begins with "(?<=…)" in all or some of its alternatives by whether a blank must precede."""
    if not parsed:
        return [(False, [])]
    (kind, value), rest = parsed[0], list(parsed[1:])
    name = str(kind)
    if name == "ASSERT" and value[0] < 0:
        return [(_ends_in_blank(value[1]), rest)]
    if name == "SUBPATTERN":
        return _asking([*value[3], *rest])
    if name == "BRANCH":
        return [one for way in value[1] for one in _asking([*way, *rest])]
    if name in {"ASSERT_NOT", "ASSERT"}:
        return _asking(rest)
    return [(False, list(parsed))]


def _ends_in_blank(parsed: Sequence[Any]) -> bool:
    kind, value = parsed[-1]
    return str(kind) == "LITERAL" and chr(value) == " " and _first_of(parsed[0]) <= MARKS


def _first_of(part: Any) -> frozenset[str]:
    kind, value = part
    if str(kind) == "LITERAL":
        return frozenset(chr(value))
    if str(kind) == "IN" and all(str(one) == "LITERAL" for one, _ in value):
        return frozenset(chr(one) for _, one in value)
    return frozenset("a")


def _first_letters(parsed: Sequence[Any], length: int) -> set[str]:
    """Return what every match must begin with, each at most `length` letters long."""
    unfinished, finished = _extended({""}, parsed, length)
    return unfinished | finished


def _extended(heads: set[str], parsed: Iterable[Any], length: int) -> tuple[set[str], set[str]]:
    """Return `heads` with what follows, parted into those that may grow and those that may not."""
    finished: set[str] = set()
    for kind, value in parsed:
        if not heads:
            break
        heads, done = _step(heads, str(kind), value, length)
        finished |= done
        full = {one for one in heads if len(one) >= length}
        if full:
            finished |= {one[:length] for one in full}
            heads = heads - full
        if len(heads) + len(finished) > 2 * MOST_BEGINNINGS:
            return set(), finished | heads
    return heads, finished


def _step(heads: set[str], kind: str, value: Any, length: int) -> tuple[set[str], set[str]]:
    if kind in ("ASSERT", "ASSERT_NOT", "AT"):
        return heads, set()
    if kind == "BRANCH":
        ways = [_extended(heads, way, length) for way in value[1]]
        return set().union(*(open_ for open_, _ in ways)), set().union(*(done for _, done in ways))
    if kind == "SUBPATTERN":
        return _extended(heads, value[3], length)
    if kind in ("MAX_REPEAT", "MIN_REPEAT"):
        least, most, item = value
        return _repeated(heads, (least, int(most)), item, length)
    letters = chr(value) if kind == "LITERAL" else _letters_of(value) if kind == "IN" else ""
    return ({one + letter for one in heads for letter in letters}, set()) if letters else (set(), heads)


def _letters_of(members: Sequence[Any]) -> str:
    """Return the letters of a small class, "" for a large one. Of digits only our own ten are meant."""
    letters = ""
    for kind, value in members:
        if str(kind) == "LITERAL":
            letters += chr(value)
        elif str(value) == "CATEGORY_DIGIT":
            letters += "0123456789"
        else:
            return ""
    return letters if len(letters) <= MOST_LETTERS_OF_A_CLASS else ""


def _repeated(heads: set[str], times: tuple[int, int], item: Any, length: int) -> tuple[set[str], set[str]]:
    least, most = times
    reached = set(heads) if not least else set()
    finished: set[str] = set()
    now = heads
    for n in range(1, min(most, length) + 1):
        now, done = _extended(now, item, length)
        finished |= done
        if len(now) > MOST_LETTERS_OF_A_CLASS * len(heads) / 2:
            # Of a number the first digit is enough.
            return set(), finished | reached | now
        if n >= least:
            if now <= reached:
                break
            reached |= now
        if len(reached) > 2 * MOST_BEGINNINGS:
            return set(), finished | reached
    return reached, finished
