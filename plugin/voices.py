"""Know towards which voice the words of a comment lean, where people imply who they are and do not say it.

The weights were learned offline (`learning.py`) and are read from JSON: no library, no pickle. What a frame has found
counts beside them; how far each is trusted was learned too.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, pairwise
from typing import Any, NamedTuple

from plugin.fallback import Tally, WordWeights, families
from plugin.frames import MOST_SENTENCES
from plugin.model import UNKNOWN
from plugin.vocabulary import LEXICON


class Leaning(NamedTuple):
    """How far words lean towards one voice, in log-odds: all words of a comment, and those of its best clause.

    `at` is the number of that clause among those that were weighed.
    """

    comment: float
    clause: float
    at: int


# Of a voice that nothing was learned about.
UNHEARD = Leaning(0.0, 0.0, 0)

# For each voice that is named, how often each other stands beside it, in log-odds.
Together = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Leanings:
    """How far a comment leans towards each voice: the `whole` of it, and the clauses in which words speak `alone`."""

    whole: Mapping[str, Leaning]
    alone: Mapping[str, Leaning]

    def beside(self, name: str, named: Collection[str], together: Together) -> dict[str, float]:
        """Return what speaks for a voice beside those that are `named` already, as the names of `VoiceModel.beside`."""
        leaning, whole = self.alone[name], self.whole[name].comment
        left = 1 - sum(_likelihood(self.whole[one].comment) for one in named if one in self.whole)
        share = min(_likelihood(whole) / max(left, TINY), 1.0)
        return {
            "comment": leaning.comment,
            "clause": leaning.clause,
            "whole": whole,
            "left": _odds(share),
            "together": max((together[one][name] for one in named if one in together), default=SELDOM),
        }


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """How much the words of a comment lean towards each voice, and how far that is trusted beside the frames.

    `words` weighs the words of a comment, and, by as many classes more, those of one clause. `trust` holds the
    weights of a last regression: `comment` and `clause` for these leanings, `said`, `weak` and `faint` for what a
    frame found of the voice, `others` for what the frames found of other voices, `implied` for the voices that people
    imply, `start` for nothing at all. `beside` holds those of another, for a voice by words alone beside one that is
    named: `comment` and `clause` for the clauses where words speak alone, `whole` for all of the comment, `left` for
    its share of what the voices named leave, and `together` for how often the two stand together, which the table
    `together` tells. Words alone need `threshold` to name a voice; what a weak frame found stays from `least`.
    """

    classes: tuple[str, ...]
    words: WordWeights
    trust: Mapping[str, float]
    beside: Mapping[str, float]
    together: Together
    threshold: float
    least: float

    def leanings_in(self, clauses: Sequence[Collection[str]], free: Sequence[int]) -> Leanings:
        """Return how far a comment leans towards each voice.

        Args:
            clauses: the `voice_words` of each.
            free: the numbers of those in which words may speak alone.
        """
        tallies = [self.words.tally_of(words) for words in clauses]
        by_clause = slice(len(self.classes), None)
        each = [_shares(self.words.leanings(one, by_clause)) for one in tallies]
        whole = self._leanings_of(tallies, each, range(len(clauses)))
        return Leanings(whole, whole if len(free) == len(clauses) else self._leanings_of(tallies, each, free))

    def _leanings_of(
        self, tallies: Sequence[Tally], each: Sequence[Sequence[float]], numbers: Sequence[int]
    ) -> dict[str, Leaning]:
        if not numbers:
            return {}
        whole = Tally.of([tallies[n] for n in numbers])
        shares = _shares(self.words.leanings(whole, slice(len(self.classes))))
        leanings = {}
        for name, share, column in zip(
            self.classes, shares, zip(*(each[n] for n in numbers), strict=True), strict=True
        ):
            if name != UNKNOWN:
                best = max(column)
                leanings[name] = Leaning(_odds(share), _odds(best), numbers[column.index(best)])
        return leanings

    def likely(self, name: str, leaning: Leaning, doubt: int | None, *, others: bool) -> float:
        """Return how likely a voice is, from 0 to 1.

        Args:
            name: of the voice.
            leaning: how far the words lean towards it.
            doubt: of the frame that found it (0 said, 1 weak, 2 faint), or None if none did.
            others: whether the frames found another voice.
        """
        trust = self.trust
        odds = (
            trust["start"]
            + trust["comment"] * leaning.comment
            + trust["clause"] * leaning.clause
            + trust["others"] * others
            + trust["implied"] * (name in IMPLIED)
        )
        if doubt is not None:
            odds += trust[SAID[doubt]]
        return _likelihood(odds)

    def likely_alone(self, name: str, leanings: Leanings, named: Collection[str]) -> float:
        """Return how likely a voice is by words alone, beside those that are `named` already."""
        if not named:
            return self.likely(name, leanings.alone[name], None, others=False)
        signs = leanings.beside(name, named, self.together)
        return _likelihood(self.beside["start"] + sum(self.beside[sign] * value for sign, value in signs.items()))


def _likelihood(odds: float) -> float:
    return 1 / (1 + math.exp(-max(min(odds, 500.0), -500.0)))


def _shares(weights: Sequence[float]) -> list[float]:
    """Return how likely each class is, of which one must hold."""
    highest = max(weights)
    powers = [math.exp(one - highest) for one in weights]
    total = sum(powers)
    return [power / total for power in powers]


def _odds(share: float) -> float:
    return math.log(max(share, TINY) / max(1 - share, TINY))


# No voice is surer than one in a thousand million.
TINY = 1e-9
# Of two voices that nobody has had together.
SELDOM = -4.0

SAID = ("said", "weak", "faint")
# People imply that they are these and seldom say so.
IMPLIED = ("carer", "patient")


def voices_from(content: Mapping[str, Any]) -> VoiceModel:
    """Return the voice model of what `voice_weights` of `learning_voices.py` returns; its words may be any iterable."""
    return VoiceModel(
        classes=tuple(content["classes"]),
        words=WordWeights(content["words"], content["intercepts"]),
        trust=content["trust"],
        beside=content["beside"],
        together=content["together"],
        threshold=content["threshold"],
        least=content["least"],
    )


@cache
def default_voices() -> VoiceModel | None:
    """Return the voice model that comes with the program, or None before the first training."""
    if not VOICE_WEIGHTS.exists():
        return None
    with VOICE_WEIGHTS.open(encoding="utf-8") as lines:
        return voices_from({**json.loads(next(lines)), "words": map(json.loads, lines)})


# One line of JSON for the model, and one for each word: itself, and its entry for `WordWeights`.
# Read line by line, for the lists of a whole file would fill the memory.
VOICE_WEIGHTS = LEXICON / "voice_weights.jsonl"


def as_lines(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the file that `default_voices` reads."""
    head = {name: value for name, value in content.items() if name != "words"}
    for one in (head, *content["words"]):
        yield json.dumps(one, ensure_ascii=False, separators=(",", ":"))


def clauses_in(marked_text: str) -> list[tuple[int, int]]:
    """Return from where to where each clause of a marked copy goes: "I test pumps for them, and I wear one" is two.

    A sentence that only supposes is left whole, for all that follows its "if" is supposed.
    """
    clauses = []
    for sentence in islice(_SENTENCE.finditer(marked_text), MOST_SENTENCES):
        start, end = sentence.span()
        if not SUPPOSED.match(marked_text, start):
            for joint in _JOINT.finditer(marked_text, start, end):
                blank = joint.end()
                before, behind = marked_text.count(" ", start, blank), marked_text.count(" ", blank, end) - 1
                if min(before, behind) >= FEWEST_WORDS:
                    clauses.append((start, blank + 1))
                    start = blank
        clauses.append((start, end))
    return clauses


# A mark ends a clause, a conjunction begins one; what is shorter than this tells of nobody by itself.
_JOINT = re.compile(r" [,;:()-](?= )|(?= (?:and|but|so|while|whereas|then|when|because|who|which) )")
FEWEST_WORDS = 3


def voice_words(clause: str) -> set[str]:
    """Return what the learned weights look at in a clause of a marked copy; nothing if it only supposes.

    Single words and their families, neighbours, the first letters of longer words, and who does it: a content word
    with the "i", "we", "my" or "our" that stands shortly before it.
    """
    if SUPPOSED.match(clause):
        return set()
    words = ["|", *("X" if word in _ROLES else word for word in clause.split()), "|"]
    seen = set(words[1:-1])
    seen.update([f"{one} {other}" for one, other in pairwise(words)])
    family_of = families().get
    own, place = "", -FARTHEST_OWN
    for n, word in enumerate(words):
        family = family_of(word)
        if family is not None:
            seen.add(family)
        if len(word) > LONGEST_STEM:
            seen.add(f"{word[:LONGEST_STEM]}-")
        if word in _OWN:
            own, place = _OWN[word], n
        elif n - place <= FARTHEST_OWN and (len(word) >= SHORTEST_CONTENT or word[0].isupper()):
            seen.add(f"{own}~{word[:LONGEST_STEM]}")
    return seen


_SENTENCE = re.compile(r"(?<=\|) [^|]*[^| ][^|]* (?=\|)")
# A sentence that only supposes says nothing of its author.
SUPPOSED = re.compile(
    r" (?:(?:but|and|so|or|even|just|now) )*"
    r"(?:if|imagine|suppose|supposing|what if|let 's say|let us say|say|i wish|had i) "
)
# Whose job it is, the frames know; to the weights all who work in care are one.
_ROLES = frozenset(symbol + many for symbol in "LHSQMEVRI" for many in ("", "s"))
LONGEST_STEM = 5
SHORTEST_CONTENT = 4
FARTHEST_OWN = 6
_OWN = {
    **dict.fromkeys(("i", "me", "myself"), "i"),
    **dict.fromkeys(("my", "mine"), "my"),
    **dict.fromkeys(("we", "us"), "we"),
    **dict.fromkeys(("our", "ours"), "our"),
}
