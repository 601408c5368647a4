"""Score words with weights that were learned offline: no library, no pickle, one dict look-up a word.

The weights are those of logistic regressions (scikit-learn, see `learning.py`), written as JSON. A word counts once in
a part of a text, however often it is said there, and the more words a text has the less each of them counts.
tests/test_evaluation.py compares the numbers with scikit-learn's.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from struct import Struct
from typing import Any, NamedTuple

from plugin.vocabulary import LEXICON

# All weights of a word are the fields of one whole number. To weigh a text is then to add up numbers, which Python does
# many times faster than it walks through lists. The weights of all words together do not spill over a field; a negative
# field takes one from the next, which is nothing at this scale.
FIELD_BITS = 32
SCALE = 1 << 12
ALL = slice(None)


class WordWeights:
    """One logistic regression over the words of a text for each of some classes."""

    __slots__ = ("_fields", "_intercepts", "_packed")

    def __init__(self, words: Iterable[tuple[str, Sequence[float]]], intercepts: Sequence[float]) -> None:
        """Pack the weights.

        Args:
            words: each word with, in turn, the number of a class and the weight there; a class that is not listed has
                none.
            intercepts: of each class.
        """
        self._intercepts = tuple(intercepts)
        self._fields = Struct(f"<{len(self._intercepts)}i")
        self._packed = {word: _packed(entry) for word, entry in words}

    def tally_of(self, words: Collection[str]) -> "Tally":
        """Return what these words, each of them said once, have to say."""
        return Tally(sum(map(self._packed.get, words, repeat(0))), len(words))

    def leanings(self, tally: "Tally", classes: slice = ALL) -> list[float]:
        """Return the log-odds of these classes, in their order, by what was heard."""
        sums = self._fields.unpack(tally.weights.to_bytes(self._fields.size, "little", signed=True))
        length = SCALE * (math.sqrt(tally.words) or 1.0)
        return [start + one / length for start, one in zip(self._intercepts[classes], sums[classes], strict=True)]


class Tally(NamedTuple):
    """What was heard in a text or a part of it: the weights of its words, added up field by field, and their number."""

    weights: int
    words: int

    @classmethod
    def of(cls, parts: Iterable["Tally"]) -> "Tally":
        """Return what was heard in all of these parts together."""
        weights, words = zip(*parts, strict=True)
        return cls(sum(weights), sum(words))


def _packed(entry: Sequence[float]) -> int:
    return sum(round(entry[n + 1] * SCALE) << (FIELD_BITS * int(entry[n])) for n in range(0, len(entry), 2))


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A logistic regression that says yes or no, over the words of a text and some named features of it."""

    words: WordWeights
    features: Mapping[str, float]
    threshold: float

    def probability(self, words: Iterable[str], features: Mapping[str, float]) -> float:
        """Return how likely the yes is, from 0 to 1."""
        (odds,) = self.words.leanings(self.words.tally_of(set(words)))
        odds += sum(share * self.features.get(name, 0.0) for name, share in features.items())
        return 1 / (1 + math.exp(-max(min(odds, 500.0), -500.0)))


def model_from(content: Mapping[str, Any]) -> LinearModel:
    """Return the model that a parsed JSON file describes."""
    return LinearModel(
        words=WordWeights(((word, (0, weight)) for word, weight in content["words"].items()), content["intercepts"]),
        features=content["features"],
        threshold=content["threshold"],
    )


@cache
def model_named(name: str) -> LinearModel | None:
    """Return a model that comes with the program ("insight"), or None before the first training."""
    path = LEXICON / f"{name}_weights.json"
    if not path.exists():
        return None
    return model_from(json.loads(path.read_text(encoding="utf-8")))


@cache
def families() -> dict[str, str]:
    """Return the family of each word that has one: words that are used alike (docs/tagging.md says whence)."""
    lines = (LEXICON / "families.txt").read_text(encoding="utf-8").splitlines()
    named = {f"#{n}": line for n, line in enumerate(lines)}
    return {word: name for name, line in named.items() for word in line.split()}
