"""Fit the weights of `fallback.py` from labelled comments. The only module that knows scikit-learn.

It is never imported by the service: `manyvoices retrain` calls it, on the machine of whoever trains.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from plugin.fallback import LinearModel
from plugin.insights import features_of, words_of
from plugin.marking import marked
from plugin.model import UNKNOWN
from plugin.reading import reading_of
from plugin.tagging import voice_words
from plugin.vocabulary import default_vocabulary

# Chosen by cross-validation on the development part, not on the part that figures are reported on.
INSIGHT_C = 10.0
INSIGHT_FEATURE_SCALE = 0.6
VOICE_C = 10.0
IMPLIED = ("carer", "patient")
# A voice is only named above this probability; see docs/tagging.md for the trade.
VOICE_THRESHOLD = 0.5
FEWEST_DOCUMENTS = 2
# Words of fewer people would go out with the weights and could point to one of them (RULINGS, "Retention").
FEWEST_AUTHORS = 5


def insight_weights(comments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the insight model fitted to comments with a `text` and an `insight_kind`, ready for JSON."""
    readings = [reading_of(one["text"]) for one in comments]
    labels = ["insight" if one["insight_kind"] != "none" else "none" for one in comments]
    features = [features_of(reading) for reading in readings]
    return _fitted(
        [words_of(reading) for reading in readings],
        features,
        labels,
        ("none", "insight"),
        INSIGHT_C,
        INSIGHT_FEATURE_SCALE,
        0.5,
    )


def voice_weights(comments: Sequence[Mapping[str, Any]], corrected: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return the fallback for who speaks, read from marked copies.

    Args:
        comments: labelled comments that were written to learn from.
        corrected: comments whose tags a person has decided, with `text`, `labels` and `author`. Of their words only
            those that five authors or more have used are learned.

    It knows only the two voices that people imply and seldom name. A role at work is said or it is
    not: trained on all types, the weights took every praised nurse for the author.
    """
    words = [_voice_words(one["text"]) for one in comments] + words_of_many(
        [(one["author"], _voice_words(one["text"])) for one in corrected]
    )
    labels = [one["labels"][0] if one["labels"][0] in IMPLIED else UNKNOWN for one in (*comments, *corrected)]
    return _fitted(words, [{} for _ in words], labels, (UNKNOWN, *IMPLIED), VOICE_C, 1.0, VOICE_THRESHOLD)


def words_of_many(written: Sequence[tuple[Hashable, Sequence[str]]]) -> list[list[str]]:
    """Return the words of each comment without those that fewer than five authors have used."""
    authors: dict[str, set[Hashable]] = {}
    for author, words in written:
        for word in words:
            authors.setdefault(word, set()).add(author)
    return [[word for word in words if len(authors[word]) >= FEWEST_AUTHORS] for _, words in written]


def _voice_words(text: str) -> list[str]:
    return voice_words(marked(reading_of(text), default_vocabulary()))


def _fitted(
    words: Sequence[Sequence[str]],
    features: Sequence[Mapping[str, float]],
    labels: Sequence[str],
    classes: Sequence[str],
    strength: float,
    scale: float,
    threshold: float,
) -> dict[str, Any]:
    import numpy as np
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    analyse: Callable[[Sequence[str]], Sequence[str]] = list
    vectoriser = TfidfVectorizer(analyzer=analyse, sublinear_tf=True, min_df=FEWEST_DOCUMENTS)
    matrix = vectoriser.fit_transform(words)
    names = sorted({name for one in features for name in one})
    if names:
        shares = csr_matrix(np.array([[one.get(name, 0.0) * scale for name in names] for one in features]))
        matrix = hstack([matrix, shares]).tocsr()
    numbers = [classes.index(label) for label in labels]
    regression = LogisticRegression(C=strength, max_iter=3000).fit(matrix, numbers)
    weights, known = regression.coef_, vectoriser.get_feature_names_out()
    return {
        "classes": list(classes),
        "words": {
            str(word): [round(float(vectoriser.idf_[n]), 4), *(round(float(row[n]), 4) for row in weights)]
            for n, word in enumerate(known)
        },
        "features": {
            name: [round(float(row[len(known) + n] * scale), 4) for row in weights] for n, name in enumerate(names)
        },
        "intercepts": [round(float(one), 6) for one in regression.intercept_],
        "threshold": threshold,
    }


def accuracy_of(name: str, model: LinearModel, comments: Sequence[Mapping[str, Any]]) -> float:
    """Return how often a model is right: about insight, or about the first voice of a comment."""
    right = 0
    for one in comments:
        if name == "insight":
            reading = reading_of(one["text"])
            likely = model.probabilities(words_of(reading), features_of(reading))["insight"] >= model.threshold
            right += likely == (one.get("insight_kind", "none") != "none")
        else:
            odds = model.probabilities(_voice_words(one["text"]), {})
            voice = one["labels"][0] if one["labels"][0] in IMPLIED else UNKNOWN
            right += max(odds, key=lambda kind: odds[kind]) == voice
    return right / len(comments)
