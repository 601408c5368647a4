"""Fit the weights of `voices.py` from labelled comments, and make the families of words that they look at.

Like `learning.py` it is never imported by the service.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from math import log
from typing import Any, NamedTuple
from zlib import crc32

from plugin.learning import FEWEST_DOCUMENTS, vectors
from plugin.marking import Marked, marked
from plugin.model import UNKNOWN
from plugin.reading import reading_of
from plugin.stakeholders import all_types
from plugin.tagging import findings_in, tags_of_reading
from plugin.vocabulary import default_vocabulary
from plugin.voices import IMPLIED, SAID, Together, VoiceModel, clauses_in, voice_words, voices_from

# Chosen by cross-validation, hand by hand, on comments that no figure is reported on.
VOICE_C = 0.5
# Closer than this the regression changes nothing that we report.
CLOSE = 1e-3
LEAST_WEIGHT = 0.5
# More words than these would take more memory than we may; the rest is said too seldom, or leans too little.
MOST_WORDS = 40_000
# Who answers a survey is a patient or somebody close to one and does not say which: a weak example of nobody's. Beside
# very many lessons each has to speak up.
SHARE_OF_AN_ANSWER = 0.4
BESIDE_LESSONS = 50
# By hands left out, three times the weight of a labelled comment was best for what an encoder heard.
SHARE_OF_A_LESSON = 3.0
FEWEST_LESSONS = 5
MOST_HANDS = 20
PARTS = 5
# A voice is only named above this probability; see docs/tagging.md for the trade.
VOICE_THRESHOLD = 0.55
VOICE_LEAST = 0.45
# Words of fewer people would go out with the weights and could point to one of them (RULINGS, "Retention").
FEWEST_AUTHORS = 5


def voice_weights(
    comments: Sequence[Mapping[str, Any]],
    fresh: Sequence[Mapping[str, Any]],
    corrected: Sequence[Mapping[str, Any]] = (),
    answers: Sequence[str] = (),
    taught: Sequence[Mapping[str, Any]] = (),
    watch: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> dict[str, Any]:
    """Return the learned weights for who speaks, ready for JSON.

    Args:
        comments: labelled comments that were written to learn from. Where one has `evidence`, its clauses are learned
            from one by one.
        fresh: more of them, for which no frame was written: on these it is learned how far to trust frames and words.
        corrected: comments whose tags a person has decided, with `text`, `labels` and `author`. Of their words only
            those that five authors or more have used are learned.
        answers: survey answers of patients and families: examples of comments in which nobody speaks as staff.
        taught: texts with the shares of their `voices`, as `teaching.py` heard them; it must not have seen `fresh`.
        watch: gives back the names of the hands one by one while each is left out in turn, to show how far it is.
    """
    told = [_told(one, hand) for one, hand in zip(fresh, _hands(fresh), strict=True)]
    told += [_told(one) for one in comments]
    words = words_of_many([(one["author"], _told(one).words) for one in corrected])
    told += [_Told([its], frozenset(one["labels"])) for its, one in zip(words, corrected, strict=True)]
    said = Counter(word for one in told for word in set(one.words))
    often = {word for word, comments_with_it in said.items() if comments_with_it >= FEWEST_DOCUMENTS}
    lessons = [_told({"text": one["text"], "labels": one["voices"]}) for one in taught]
    said = Counter(word for one in lessons for word in set(one.words))
    known = sorted(often.union(word for word, lessons_with_it in said.items() if lessons_with_it >= FEWEST_LESSONS))
    share = SHARE_OF_AN_ANSWER * (BESIDE_LESSONS if taught else 1)
    told += [_told({"text": text, "labels": [UNKNOWN]}, share=share) for text in answers]
    heard = [(one, _as_heard(one, lesson["voices"])) for one, lesson in zip(lessons, taught, strict=True)]
    rows = {
        "comment": [row for one in told for row in _whole(one)] + [row for _, its in heard for row in its],
        # Which clause of a lesson it was that told is not known: those of one clause alone can say.
        "clause": [row for one in told for row in _by_clause(one)]
        + [row for one, its in heard for row in its if len(one.clauses) == 1],
    }
    # Of a voice that nobody has in these comments nothing can be learned.
    classes = [name for name in (*all_types(), UNKNOWN) if any(name in one.labels for one in told)]
    # These lean, and do not know yet how far to trust their leanings.
    untrusted = {"trust": {}, "beside": {}, "together": {}, "threshold": 0.0, "least": 0.0}
    leaning: dict[str, VoiceModel] = {}
    for hand in watch(sorted({one.hand for one in told if one.hand})):
        others = {part: [row for row in its if row.hand != hand] for part, its in rows.items()}
        leaning[hand] = voices_from({**_fitted(others, classes, known), **untrusted})
    pairs = [(comment, leaning[one.hand]) for comment, one in zip(fresh, told, strict=False)]
    return {
        **_fitted(rows, classes, known),
        **_trust(pairs, _together([one["labels"] for one in (*comments, *fresh)])),
        "threshold": VOICE_THRESHOLD,
        "least": VOICE_LEAST,
    }


@dataclass(frozen=True, slots=True)
class _Told:
    """A comment to learn from: the words of its clauses, its voices, and which of them each clause gives away.

    Where nobody has marked the clauses `shown` is None. It counts as much as `share` of a comment. `hand` is set for
    fresh comments alone.
    """

    clauses: Sequence[Collection[str]]
    labels: frozenset[str]
    shown: Sequence[frozenset[str]] | None = None
    share: float = 1.0
    hand: str = ""

    @property
    def words(self) -> list[str]:
        return [word for words in self.clauses for word in words]


class _Row(NamedTuple):
    """One example of one voice, and how much it counts."""

    words: Collection[str]
    voice: str
    share: float
    hand: str


def _told(comment: Mapping[str, Any], hand: str = "", share: float = 1.0) -> _Told:
    text = comment["text"]
    copy = marked(reading_of(text), default_vocabulary())
    spans = clauses_in(copy.text)
    labels = frozenset(comment["labels"])
    proofs = list(zip(comment["labels"], comment.get("evidence") or (), strict=False))
    shown = [_shown_in(copy, span, text, proofs) for span in spans] if proofs or labels == {UNKNOWN} else None
    return _Told([voice_words(copy.text[slice(*span)]) for span in spans], labels, shown, share, hand)


def _shown_in(copy: Marked, span: tuple[int, int], text: str, proofs: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the voices whose proof stands, in whole or in part, in this clause."""
    own = copy.evidence(*span)
    shown = set()
    for name, proof in proofs:
        place = text.find(proof)
        while place >= 0:
            if place < own.end and place + len(proof) > own.start:
                shown.add(name)
            place = text.find(proof, place + 1)
    return frozenset(shown)


def _whole(one: _Told) -> list[_Row]:
    return [_Row(one.words, voice, one.share / len(one.labels), one.hand) for voice in sorted(one.labels)]


def _as_heard(lesson: _Told, voices: Mapping[str, float]) -> list[_Row]:
    return [_Row(lesson.words, voice, share * SHARE_OF_A_LESSON, "") for voice, share in voices.items()]


def _by_clause(one: _Told) -> list[_Row]:
    """Return a row for each voice of each clause; a clause that gives none away is nobody's."""
    if one.shown is None:
        return _whole(one)
    return [
        _Row(words, voice, one.share / max(1, len(shown)), one.hand)
        for words, shown in zip(one.clauses, one.shown, strict=True)
        for voice in sorted(shown) or [UNKNOWN]
    ]


def _fitted(rows: Mapping[str, Sequence[_Row]], classes: Sequence[str], known: Sequence[str]) -> dict[str, Any]:
    """Return the weights of two regressions over all voices, one of comments and one of clauses, ready for JSON."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    intercepts: list[float] = []
    weights: dict[str, list[float]] = {}
    said: Counter[str] = Counter()
    for part, its in enumerate(rows.values()):
        vectoriser, matrix = vectors([row.words for row in its], known)
        fitted = LogisticRegression(C=VOICE_C, max_iter=1000, tol=CLOSE, class_weight="balanced").fit(
            matrix, [row.voice for row in its], sample_weight=[row.share for row in its]
        )
        order = [list(fitted.classes_).index(name) for name in classes]
        intercepts += [round(float(fitted.intercept_[n]), 4) for n in order]
        worth = (fitted.coef_[order] * vectoriser.idf_).T
        names = vectoriser.get_feature_names_out()
        for word, of_word, count in zip(names, worth, matrix.getnnz(axis=0), strict=True):
            said[str(word)] += int(count)
            heavy = [(n, round(float(one), 2)) for n, one in enumerate(of_word) if abs(one) >= LEAST_WEIGHT]
            weights.setdefault(str(word), []).extend(
                value for n, one in heavy for value in (part * len(classes) + n, one)
            )
    telling = sorted(
        (word for word, entry in weights.items() if entry),
        key=lambda word: -max(map(abs, weights[word][1::2])) * said[word] ** 0.5,
    )
    listed = [[word, weights[word]] for word in sorted(telling[:MOST_WORDS])]
    return {"classes": list(classes), "intercepts": intercepts, "words": listed}


def _trust(fresh: Sequence[tuple[Mapping[str, Any], VoiceModel]], together: Together) -> dict[str, Mapping[str, Any]]:
    """Return how far leanings and frames are trusted, and leanings alone beside a voice that is named.

    Args:
        fresh: comments that no frame was written for, each with weights that were fitted to nothing of the same hand.
        together: as `_together` returns it.
    """
    rows: dict[str, list[dict[str, float]]] = {"trust": [], "beside": []}
    right: dict[str, list[bool]] = {"trust": [], "beside": []}
    for comment, model in fresh:
        findings = findings_in(marked(reading_of(comment["text"]), default_vocabulary()), default_vocabulary())
        said = {one.type: one.frame.doubt for one in findings.kept}
        leanings = model.leanings_in(findings.words, findings.free)
        for name in all_types():
            leaning = (leanings.whole if name in said else leanings.alone).get(name)
            if leaning is None:
                continue
            signs = {sign: float(said.get(name) == n) for n, sign in enumerate(SAID)}
            signs |= {"comment": leaning.comment, "clause": leaning.clause}
            signs |= {"others": float(len(said) > (name in said)), "implied": float(name in IMPLIED)}
            rows["trust"].append(signs)
            right["trust"].append(name in comment["labels"])
            if said and name not in findings.settled:
                rows["beside"].append(leanings.beside(name, said, together))
                right["beside"].append(name in comment["labels"])
    # Where nobody has two voices, none is named beside another.
    beside = _weights_of(rows["beside"], right["beside"]) if any(right["beside"]) else NO_SECOND
    return {"trust": _weights_of(rows["trust"], right["trust"]), "beside": beside, "together": together}


NO_SECOND = {"start": -100.0, "comment": 0.0, "clause": 0.0, "whole": 0.0, "left": 0.0, "together": 0.0}


def _together(labels: Sequence[Sequence[str]]) -> Together:
    """Return for each voice how often each other stands beside it, in log-odds, the rare ones drawn to `FEW_PAIRS`."""
    voices = Counter(name for one in labels for name in one)
    pairs = Counter(pair for one in labels for pair in permutations(one, 2))
    few, many = FEW_PAIRS
    return {
        one: {
            other: round(log((pairs[one, other] + few) / (voices[one] - pairs[one, other] + many)), 2)
            for other in all_types()
            if other != one
        }
        for one in all_types()
    }


# As many comments more, with both voices and with one of them, as if they had been seen.
FEW_PAIRS = 0.7, 10


def _weights_of(rows: Sequence[Mapping[str, float]], right: Sequence[bool]) -> dict[str, float]:
    """Return the weight of each sign, and of none at all."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(max_iter=3000).fit([list(row.values()) for row in rows], right)
    weights = {sign: round(float(one), 3) for sign, one in zip(rows[0], fitted.coef_[0], strict=True)}
    return {"start": round(float(fitted.intercept_[0]), 3), **weights}


def _hands(comments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return who wrote each comment, as its id says ("h2-017"); where it does not, five parts stand for five hands."""
    hands = [str(one["id"]).partition("-")[0] for one in comments]
    if 1 < len(set(hands)) <= MOST_HANDS:
        return hands
    return [str(crc32(str(one["id"]).encode()) % PARTS) for one in comments]


def words_of_many(written: Sequence[tuple[Hashable, Sequence[str]]]) -> list[list[str]]:
    """Return the words of each comment without those that fewer than five authors have used."""
    authors: dict[str, set[Hashable]] = {}
    for author, words in written:
        for word in words:
            authors.setdefault(word, set()).add(author)
    return [[word for word in words if len(authors[word]) >= FEWEST_AUTHORS] for _, words in written]


def families_of(lines: Iterable[str], seen: Collection[str], count: int) -> list[list[str]]:
    """Return families of words that are used alike, the words of each from the commonest to the rarest.

    Args:
        lines: a word and its vector, parted by blanks, from the commonest word to the rarest, as GloVe comes.
        seen: the words of the texts that will be learned from; a family with fewer than three of them is left out.
        count: how many families to make before that.

    Raises:
        ValueError: a line is not a word and numbers, or there are fewer words than families.
    """
    import numpy as np
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]

    words: list[str] = []
    vectors: list[Any] = []
    for word, *numbers in islice((line.split() for line in lines), MOST_RANKED):
        if _PLAIN_WORD.fullmatch(word):
            words.append(word)
            vectors.append(np.array(numbers, dtype=np.float32))
    words, vectors = words[COMMONEST : COMMONEST + FAMILY_WORDS], vectors[COMMONEST : COMMONEST + FAMILY_WORDS]
    if len(words) < count:
        raise ValueError(f"{len(words)} words for {count} families")
    matrix = np.stack(vectors)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    families: list[list[str]] = [[] for _ in range(count)]
    for word, number in zip(
        words, KMeans(count, n_init=1, max_iter=25, random_state=0).fit(matrix).labels_, strict=True
    ):
        families[number].append(word)
    return sorted(family for family in families if len(set(family) & set(seen)) >= FEWEST_SEEN)


# Of 400,000 words of news and encyclopaedia the first are those that people use; "the" and "of" are kin to every word.
MOST_RANKED = 60_000
FAMILY_WORDS = 25_000
COMMONEST = 120
FEWEST_SEEN = 3
_PLAIN_WORD = re.compile(r"[a-z][a-z'-]+")


def voice_f1(voices: VoiceModel, comments: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean F1 of the types, unknown included, that the tagger reaches with these weights."""
    given = [
        {tag.type for tag in tags_of_reading(reading_of(one["text"]), default_vocabulary(), voices)} or {UNKNOWN}
        for one in comments
    ]
    gold = [set(one["labels"]) for one in comments]
    scores = []
    for name in sorted(set().union(*gold)):
        right = sum(name in one and name in other for one, other in zip(gold, given, strict=True))
        scores.append(2 * right / (sum(name in one for one in gold) + sum(name in one for one in given)))
    return sum(scores) / len(scores)
