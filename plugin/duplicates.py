"""Find insights that say nearly the same, and show where two of them differ. A person decides whether to merge."""

from collections.abc import Mapping
from dataclasses import dataclass

from rapidfuzz import fuzz, process, utils
from rapidfuzz.distance import Indel

# Fewer words than this are like too much: "Thank you for this" is no duplicate of another.
FEWEST_WORDS = 8
# In 100. Of the 804,546 pairs of 1,269 different comments of tests/data the closest has 77 by the same words in any
# order; of copies that lost one word in seven, 19 of 20 have 81 and more (tests/test_duplicates.py).
SAME_WORDS = 78
# One holds nearly all of the other, as where somebody quotes it or writes on. The closest different pair has 92.
ONE_WITHIN_THE_OTHER = 95
MOST_SUGGESTED = 5


@dataclass(frozen=True, slots=True)
class Alike:
    """Another insight that says nearly the same; `score` is how nearly, in 100."""

    id: int
    score: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some words of one of two texts, and whether the other has them in this place too."""

    text: str
    is_shared: bool


def alike(words: str, others: Mapping[int, str], *, margin: int = 0, most: int = MOST_SUGGESTED) -> list[Alike]:
    """Return which of the others say nearly the same as these words, the nearest first.

    Args:
        words: what to compare with.
        others: other texts, by the id of their insight.
        margin: how far below the bounds something may lie, for whoever looks more closely afterwards.
        most: how many to return.
    """
    plain = _plain(words)
    if not plain:
        return []
    copies = {id_: copy for id_, text in others.items() if (copy := _plain(text))}
    found: dict[int, float] = {}
    for scorer, bound in SCORERS:
        for _, score, id_ in process.extract(plain, copies, scorer=scorer, score_cutoff=bound - margin, limit=None):
            found[id_] = max(score, found.get(id_, 0))
    nearest = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return [Alike(id_, round(score)) for id_, score in nearest[:most]]


def differences(first: str, second: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return both texts in parts, each knowing whether the other text has it too; the parts make the whole text."""
    left, right = _words(first), _words(second)
    steps = Indel.opcodes([word.strip().casefold() for word in left], [word.strip().casefold() for word in right])
    ours, theirs = [], []
    for step in steps:
        ours.append(Part("".join(left[step.src_start : step.src_end]), step.tag == "equal"))
        theirs.append(Part("".join(right[step.dest_start : step.dest_end]), step.tag == "equal"))
    return tuple(part for part in ours if part.text), tuple(part for part in theirs if part.text)


def _plain(text: str) -> str:
    plain = utils.default_process(text)
    return plain if len(plain.split()) >= FEWEST_WORDS else ""


def _words(text: str) -> list[str]:
    """Return a text in words, each with the space after it; joined they are the text."""
    words: list[str] = []
    word = ""
    for before, letter in zip(" " + text, text, strict=False):
        if before.isspace() and not letter.isspace() and word:
            words.append(word)
            word = ""
        word += letter
    return [*words, word] if word else words


SCORERS = ((fuzz.token_sort_ratio, SAME_WORDS), (fuzz.token_set_ratio, ONE_WITHIN_THE_OTHER))
