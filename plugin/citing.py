"""Choose the sentences that a summary cites: people's own words, every group that shared something, nobody too often.

The order in which comments come decides nothing: a sentence is ranked by what it tells, and where two tell as much,
by a digest of their words.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from plugin.insights import sentences_of
from plugin.reading import reading_of

# So many lines for each group, where it has them.
LINES_EACH = 3
# How much what a sentence tells counts against how far it repeats what is cited already (MMR).
TELLING = 0.7
# Of each group the best so many are compared with each other.
MOST_COMPARED = 40
# A longer sentence is cut between two words.
LONGEST_LINE = 320
# "Really?" and "Why not?" ask nobody anything.
FEWEST_WORDS_ASKED = 4

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that could be cited: characters `start` to `end` of a comment.

    `groups` are the types its comment speaks for, or unknown; `worth`, from 0 to 1, is what it tells.
    """

    comment: int
    person: Hashable
    groups: tuple[str, ...]
    start: int
    end: int
    worth: float
    words: frozenset[str]
    tie: str


@dataclass(frozen=True, slots=True)
class Fairness:
    """Whether the lines are fair: `not_cited` are groups that shared something and have no line.

    `most_by_one` is how many lines one person has, `allowed` how many they may have.
    """

    not_cited: tuple[str, ...]
    most_by_one: int
    allowed: int

    @property
    def holds(self) -> bool:
        """Return whether everybody who shared something is cited, and nobody too often."""
        return not self.not_cited and self.most_by_one <= self.allowed


def candidate(
    text: str, span: Span, *, comment: int, person: Hashable, groups: Sequence[str], worth: float
) -> Candidate:
    """Return a sentence that could be cited, cut where it is too long to read."""
    start, end = span
    end = min(end, len(text))
    if end - start > LONGEST_LINE:
        end = max(text.rfind(" ", start, start + LONGEST_LINE), start + LONGEST_LINE // 2)
    said = text[start:end]
    words = frozenset(_WORD.findall(said.lower()))
    return Candidate(comment, person, tuple(groups), start, end, worth, words, sha256(said.encode()).hexdigest())


def chosen_lines(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """Return the sentences to cite, the same ones whatever order they come in.

    First one for each group, each by another person. Then more for each group, telling and unlike what is there.
    Nobody ever has more than max(1, ⌊2 × lines / people⌋).
    """
    ranked = sorted(set(candidates), key=_rank)
    choice = _Choice(ranked)
    choice.quote_each_group()
    choice.quote_who_is_left()
    choice.add_until_each_has(LINES_EACH)
    return tuple(sorted(choice.lines, key=_rank))


def fairness_of(candidates: Collection[Candidate], lines: Collection[Candidate]) -> Fairness:
    """Return whether these lines are a fair choice of what could be cited."""
    shared = {group for one in candidates for group in one.groups}
    cited = {group for one in lines for group in one.groups}
    by_one = Counter(one.person for one in lines)
    people = len({one.person for one in candidates})
    return Fairness(tuple(sorted(shared - cited)), max(by_one.values(), default=0), most_allowed(len(lines), people))


def most_allowed(lines: int, people: int) -> int:
    """Return how many of these lines one of the people who share something may have."""
    return max(1, 2 * lines // people) if people else 1


def questions_in(text: str) -> tuple[Span, ...]:
    """Return where the author asks something in their own words; a question that they quote is not theirs."""
    if "?" not in text:
        return ()
    reading = reading_of(text)
    found = []
    for start, end in sentences_of(reading.folded):
        asked = reading.folded[start:end]
        if asked.endswith("?") and len(asked.split()) >= FEWEST_WORDS_ASKED:
            evidence = reading.evidence(start, end)
            found.append((evidence.start, evidence.end))
    return tuple(found)


class _Choice:
    """The lines as they are chosen, one after the other."""

    def __init__(self, ranked: Sequence[Candidate]) -> None:
        self.lines: list[Candidate] = []
        self._ranked = ranked
        self._of = {group: [one for one in ranked if group in one.groups] for group in _groups(ranked)}
        self._people = len({one.person for one in ranked})
        self._by: Counter[Hashable] = Counter()
        self._quoted: Counter[str] = Counter()

    def quote_each_group(self) -> None:
        """Give each group a line by a person of its own, for as many groups as that is possible (Kuhn's algorithm)."""
        best = {group: _best_of_each(ranked) for group, ranked in self._of.items()}
        speaks_for: dict[Hashable, str] = {}
        for group in self._of:
            _find_speaker(group, best, speaks_for, set())
        for person, group in sorted(speaks_for.items(), key=lambda item: item[1]):
            self._take(best[group][person])

    def quote_who_is_left(self) -> None:
        """Quote the groups that only share their speaker with another: once others have lines enough for a second."""
        for group in self._of:
            if not self._quoted[group] and not self._take_best(self._of[group]):
                self._widen_for(group)

    def add_until_each_has(self, lines: int) -> None:
        """Go round the groups, a line for each at a time."""
        for wanted in range(2, lines + 1):
            for group in self._of:
                if self._quoted[group] < wanted:
                    self._take_best(self._of[group][:MOST_COMPARED], by=self._value)

    def _take_best(self, ranked: Sequence[Candidate], *, by: Callable[[Candidate], float] | None = None) -> bool:
        free = [one for one in ranked if self._may_take(one)]
        if not free:
            return False
        self._take(free[0] if by is None else max(free, key=lambda one: (by(one), one.tie, -one.comment, -one.start)))
        return True

    def _may_take(self, one: Candidate) -> bool:
        return one not in self.lines and self._by[one.person] < most_allowed(len(self.lines) + 1, self._people)

    def _take(self, one: Candidate) -> None:
        self.lines.append(one)
        self._by[one.person] += 1
        self._quoted.update(one.groups)

    def _widen_for(self, group: str) -> None:
        """Give a line to people who have none, the most telling first, until this group's speaker may have another."""
        before = len(self.lines)
        for one in _best_of_each(self._ranked).values():
            if not self._by[one.person]:
                self._take(one)
                if self._take_best(self._of[group]):
                    return
        # One person speaks for too much of it: no number of lines makes that even. The page says so.
        for one in self.lines[before:]:
            self._by[one.person] -= 1
            self._quoted.subtract(one.groups)
        del self.lines[before:]

    def _value(self, one: Candidate) -> float:
        return TELLING * one.worth - (1 - TELLING) * max((_likeness(one, line) for line in self.lines), default=0.0)


def _groups(candidates: Iterable[Candidate]) -> list[str]:
    return sorted({group for one in candidates for group in one.groups})


def _rank(one: Candidate) -> tuple[float, str, int, int]:
    return (-one.worth, one.tie, one.comment, one.start)


def _best_of_each(ranked: Iterable[Candidate]) -> dict[Hashable, Candidate]:
    best: dict[Hashable, Candidate] = {}
    for one in ranked:
        best.setdefault(one.person, one)
    return best


def _find_speaker(
    group: str,
    best: Mapping[str, Mapping[Hashable, Candidate]],
    speaks_for: dict[Hashable, str],
    tried: set[Hashable],
) -> bool:
    """Find a person for a group; somebody who speaks for another group is freed where that group has another."""
    for person in best[group]:
        if person in tried:
            continue
        tried.add(person)
        if person not in speaks_for or _find_speaker(speaks_for[person], best, speaks_for, tried):
            speaks_for[person] = group
            return True
    return False


def _likeness(one: Candidate, other: Candidate) -> float:
    """Return which part of their words two sentences share, from 0 to 1 (Jaccard)."""
    shared = len(one.words & other.words)
    return shared / (len(one.words) + len(other.words) - shared) if shared else 0.0


_WORD = re.compile(r"[^\W\d_]{4,}")
