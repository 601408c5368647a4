"""Score words with weights that were learned offline: no library, no pickle, one dict look-up a word.

The weights are those of a logistic regression over TF-IDF (scikit-learn, see `learning.py`), written
as JSON. The same numbers come out here as there; tests/test_evaluation.py compares them.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from plugin.vocabulary import LEXICON


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A logistic regression. `words` holds for each word its idf and then its weight for each class."""

    classes: tuple[str, ...]
    words: Mapping[str, Sequence[float]]
    features: Mapping[str, Sequence[float]]
    intercepts: tuple[float, ...]
    threshold: float

    def probabilities(self, words: Iterable[str], features: Mapping[str, float]) -> dict[str, float]:
        """Return how likely each class is, from 0 to 1."""
        sums = [0.0] * len(self.intercepts)
        squares = 0.0
        classes = range(len(sums))
        for value, entry in weighted(words, self.words):
            squares += value * value
            for n in classes:
                sums[n] += value * entry[n + 1]
        length = math.sqrt(squares) or 1.0
        sums = [start + one / length for start, one in zip(self.intercepts, sums, strict=True)]
        for name, share in features.items():
            for n, weight in enumerate(self.features.get(name, ())):
                sums[n] += share * weight
        return self._probabilities(sums)

    def _probabilities(self, sums: list[float]) -> dict[str, float]:
        if len(sums) == 1:
            likely = 1 / (1 + math.exp(-max(min(sums[0], 500.0), -500.0)))
            return {self.classes[0]: 1 - likely, self.classes[1]: likely}
        highest = max(sums)
        powers = [math.exp(one - highest) for one in sums]
        return {name: power / sum(powers) for name, power in zip(self.classes, powers, strict=True)}


def weighted(words: Iterable[str], known: Mapping[str, Sequence[float]]) -> Iterator[tuple[float, Sequence[float]]]:
    """Yield (TF-IDF, entry) for each known word of a text; an entry begins with the idf of its word."""
    entry_of = known.get
    for word, count in Counter(words).items():
        entry = entry_of(word)
        if entry is not None:
            yield ((1 + math.log(count)) * entry[0] if count > 1 else entry[0]), entry


def model_from(content: Mapping[str, Any]) -> LinearModel:
    """Return the model that a parsed JSON file describes."""
    return LinearModel(
        classes=tuple(content["classes"]),
        words=content["words"],
        features=content["features"],
        intercepts=tuple(content["intercepts"]),
        threshold=content["threshold"],
    )


@cache
def model_named(name: str) -> LinearModel | None:
    """Return a model that comes with the program ("insight"), or None before the first training."""
    path = LEXICON / f"{name}_weights.json"
    if not path.exists():
        return None
    return model_from(json.loads(path.read_text(encoding="utf-8")))
