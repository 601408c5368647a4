"""Fit the weights of `fallback.py` from labelled comments.

This module and `learning_voices.py` alone know scikit-learn. The service never imports them: `manyvoices retrain` calls
them, on the machine of whoever trains.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from plugin.fallback import LinearModel
from plugin.insights import features_of, urgent_words, words_of
from plugin.reading import reading_of

# Chosen by cross-validation on the development part, not on the part that figures are reported on.
INSIGHT_C = 10.0
INSIGHT_FEATURE_SCALE = 0.6
URGENT_C = 10.0
# A moderator would rather look once too often than miss one person; see docs/tagging.md for the trade.
URGENT_THRESHOLD = 0.6
WORDS_OF_A_CLASS = 1500
FEWEST_DOCUMENTS = 2


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


def urgent_weights(comments: Sequence[Mapping[str, Any]], answers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the model of the urgent lane, ready for JSON.

    Args:
        comments: labelled comments, with a `text` and `urgent`.
        answers: survey answers, as examples of complaints that can wait.
    """
    words = [urgent_words(reading_of(text)) for text in (*(one["text"] for one in comments), *answers)]
    labels = ["urgent" if one["urgent"] else "none" for one in comments] + ["none"] * len(answers)
    return _fitted(words, [{} for _ in words], labels, ("none", "urgent"), URGENT_C, 1.0, URGENT_THRESHOLD, rare=True)


def vectors(words: Sequence[Sequence[str]], known: Sequence[str] | None = None) -> tuple[Any, Any]:
    """Return a vectoriser and the vectors of these words, or of those among them that are known."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    analyse: Callable[[Sequence[str]], Sequence[str]] = list
    least = 1 if known else FEWEST_DOCUMENTS
    vectoriser = TfidfVectorizer(analyzer=analyse, binary=True, min_df=least, vocabulary=known, lowercase=False)
    return vectoriser, vectoriser.fit_transform(words)


def heaviest(vectoriser: Any, weights: Sequence[Any]) -> list[str]:
    """Return the words that say most of some class."""
    import numpy as np

    names = vectoriser.get_feature_names_out()
    heavy = {n for row in weights for n in np.argsort(-np.abs(row[: len(names)]))[:WORDS_OF_A_CLASS]}
    return sorted(str(names[n]) for n in heavy)


def _fitted(
    words: Sequence[Sequence[str]],
    features: Sequence[Mapping[str, float]],
    labels: Sequence[str],
    classes: Sequence[str],
    strength: float,
    scale: float,
    threshold: float,
    *,
    rare: bool = False,
) -> dict[str, Any]:
    """Fit one regression; where a class is `rare` it weighs as much as the others, and few words are kept."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped]
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    def fit(matrix: Any) -> Any:
        balance = "balanced" if rare else None
        return LogisticRegression(C=strength, max_iter=3000, class_weight=balance).fit(matrix, numbers)

    numbers = [classes.index(label) for label in labels]
    vectoriser, matrix = vectors(words)
    if rare:
        vectoriser, matrix = vectors(words, heaviest(vectoriser, fit(matrix).coef_))
    names = sorted({name for one in features for name in one})
    if names:
        shares = csr_matrix(np.array([[one.get(name, 0.0) * scale for name in names] for one in features]))
        matrix = hstack([matrix, shares]).tocsr()
    regression = fit(matrix)
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


def urgent_f2(model: LinearModel, comments: Sequence[Mapping[str, Any]]) -> float:
    """Return the F2 of a model for the urgent lane by itself: a miss weighs four times a false alarm."""
    given = [model.probability(urgent_words(reading_of(one["text"])), {}) >= model.threshold for one in comments]
    gold = [bool(one.get("urgent")) for one in comments]
    right = sum(one and other for one, other in zip(gold, given, strict=True))
    return 5 * right / max(1, 4 * sum(gold) + sum(given))


def insight_accuracy(model: LinearModel, comments: Sequence[Mapping[str, Any]]) -> float:
    """Return how often a model is right about whether a comment holds an insight."""
    right = 0
    for one in comments:
        reading = reading_of(one["text"])
        likely = model.probability(words_of(reading), features_of(reading)) >= model.threshold
        right += likely == (one.get("insight_kind", "none") != "none")
    return right / len(comments)
