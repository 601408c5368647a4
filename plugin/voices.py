"""Know towards which voice the words of a comment lean, where people imply who they are and do not say it.

The weights were learned offline (`learning.py`) and are read from JSON: no library, no pickle. What a frame has found
counts beside them; how far each is trusted was learned too.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from plugin.fallback import weighted
from plugin.vocabulary import LEXICON


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """How much the words of a comment lean towards each voice, and how far that is trusted beside the frames.

    One logistic regression for each class. `words` holds for each word its idf, and then in turn the number of a
    class and its weight there; a class that is not listed has none. `trust` holds the weights of a last regression:
    `learned` for the leaning, `said`, `weak` and `faint` for what a frame found of the class, `others` for what the
    frames found of other classes, `implied` for the voices that people imply, `start` for nothing at all.
    Words alone need `threshold` to name a voice; what a weak frame found stays from `least`.
    """

    classes: tuple[str, ...]
    words: Mapping[str, Sequence[float]]
    intercepts: tuple[float, ...]
    trust: Mapping[str, float]
    threshold: float
    least: float

    def leanings_of(self, marked_text: str) -> dict[str, float]:
        """Return the log-odds of each class by the words of a marked copy alone."""
        return dict(zip(self.classes, self.leanings(voice_words(marked_text)), strict=True))

    def leanings(self, words: Iterable[str]) -> list[float]:
        """Return the log-odds of each class, in their order, by these words alone."""
        sums, length = self._sums(words)
        return [start + one / length for start, one in zip(self.intercepts, sums, strict=True)]

    def _sums(self, words: Iterable[str]) -> tuple[list[float], float]:
        sums = [0.0] * len(self.intercepts)
        squares = 0.0
        for value, entry in weighted(words, self.words):
            squares += value * value
            for n in range(1, len(entry), 2):
                sums[int(entry[n])] += value * entry[n + 1]
        return sums, math.sqrt(squares) or 1.0

    def likely(self, name: str, leaning: float, doubt: int | None, *, others: bool) -> float:
        """Return how likely a class is, from 0 to 1.

        Args:
            name: of the class.
            leaning: its log-odds by the words alone.
            doubt: of the frame that found it (0 said, 1 weak, 2 faint), or None if none did.
            others: whether the frames found another class.
        """
        trust = self.trust
        odds = (
            trust["start"]
            + trust["learned"] * leaning
            + trust["others"] * others
            + trust["implied"] * (name in IMPLIED)
        )
        if doubt is not None:
            odds += trust[SAID[doubt]]
        return 1 / (1 + math.exp(-max(min(odds, 500.0), -500.0)))


SAID = ("said", "weak", "faint")
# People imply that they are these and seldom say so.
IMPLIED = ("carer", "patient")


def voices_from(content: Mapping[str, Any]) -> VoiceModel:
    """Return the voice model that a parsed JSON file describes."""
    return VoiceModel(
        classes=tuple(content["classes"]),
        words=content["words"],
        intercepts=tuple(content["intercepts"]),
        trust=content["trust"],
        threshold=content["threshold"],
        least=content["least"],
    )


@cache
def default_voices() -> VoiceModel | None:
    """Return the voice model that comes with the program, or None before the first training."""
    path = LEXICON / "voice_weights.json"
    return voices_from(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def voice_words(marked_text: str) -> list[str]:
    """Return what the learned weights look at in the text of a marked copy.

    Single words, neighbours, neighbours but one, the first letters of longer words, and who does it: a content word
    with the "i", "we", "my" or "our" that stands shortly before it.
    """
    words = ["X" if word in _ROLES else word for word in SUPPOSED.sub(" ", marked_text).split()]
    seen = words + [f"{one} {other}" for one, other in pairwise(words)]
    seen += [f"{one} _ {other}" for one, other in zip(words, words[2:], strict=False)]
    own, place = "", -FARTHEST_OWN
    for n, word in enumerate(words):
        long = len(word) > LONGEST_STEM
        if long:
            seen.append(f"{word[:LONGEST_STEM]}-")
        if word == "|":
            place = -FARTHEST_OWN
        elif word in _OWN:
            own, place = _OWN[word], n
        elif n - place <= FARTHEST_OWN and (len(word) >= SHORTEST_CONTENT or word[0].isupper()):
            seen.append(f"{own}~{word[:LONGEST_STEM]}")
    return seen


# A sentence that only supposes says nothing of its author.
SUPPOSED = re.compile(
    r"(?<=\|) (?:(?:but|and|so|or|even|just|now) )*"
    r"(?:if|imagine|suppose|supposing|what if|let 's say|let us say|say|i wish|had i) [^|]*(?=\|)"
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
