"""Fit the weights of `fallback.py` from labelled comments.

This module and `learning_voices.py` alone know scikit-learn. The service never imports them: `manyvoices retrain` calls
them, on the machine of whoever trains.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from plugin.fallback import LinearModel
from plugin.insights import features_of, insight_words, urgent_words
from plugin.reading import reading_of

# Chosen by cross-validation, hand by hand, on comments that no figure is reported on.
INSIGHT_C = 0.2
INSIGHT_FEATURE_SCALE = 0.6
INSIGHT_THRESHOLD = 0.5
URGENT_C = 0.3
# A moderator would rather look once too often than miss one person; see docs/tagging.md for the trade.
URGENT_THRESHOLD = 0.4
# A word of less weight than this is left out: so many of them say so little.
LEAST_WEIGHT = 0.5
FEWEST_DOCUMENTS = 2


def insight_weights(comments: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the insight model fitted to comments with a `text` and an `insight_kind`, ready for JSON."""
    readings = [reading_of(one["text"]) for one in comments]
    labels = [one["insight_kind"] != "none" for one in comments]
    features = [features_of(reading) for reading in readings]
    return _fitted([insight_words(reading) for reading in readings], features, labels, INSIGHT_C, INSIGHT_THRESHOLD)


def urgent_weights(comments: Sequence[Mapping[str, Any]], answers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the model of the urgent lane, ready for JSON.

    Args:
        comments: labelled comments, with a `text` and `urgent`.
        answers: survey answers, as examples of complaints that can wait.
    """
    words = [urgent_words(reading_of(text)) for text in (*(one["text"] for one in comments), *answers)]
    labels = [one["urgent"] for one in comments] + [False] * len(answers)
    return _fitted(words, [{} for _ in words], labels, URGENT_C, URGENT_THRESHOLD, rare=True)


def vectors(words: Sequence[Collection[str]], known: Sequence[str] | None = None) -> tuple[Any, Any]:
    """Return a vectoriser and the vectors of these words, or of those among them that are known.

    Each word counts by how rare it is, divided by the root of how many words there are. Those that are not known are
    counted too: so one that says nothing can be left out later, and nothing else changes by it.
    """
    import numpy as np
    from scipy.sparse import diags  # type: ignore[import-untyped]
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    analyse: Callable[[Collection[str]], Sequence[str]] = list
    least = 1 if known else FEWEST_DOCUMENTS
    vectoriser = TfidfVectorizer(analyzer=analyse, min_df=least, vocabulary=known, lowercase=False, norm=None)
    counts = np.array([max(1, len(one)) for one in words])
    return vectoriser, diags(1 / np.sqrt(counts)) @ vectoriser.fit_transform(words)


def _fitted(
    words: Sequence[Collection[str]],
    features: Sequence[Mapping[str, float]],
    labels: Sequence[bool],
    strength: float,
    threshold: float,
    *,
    rare: bool = False,
) -> dict[str, Any]:
    """Fit one regression; where the yes is `rare` it weighs as much as the no."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    vectoriser, matrix = vectors([set(one) for one in words])
    names = sorted({name for one in features for name in one})
    if names:
        shares = [[one.get(name, 0.0) * INSIGHT_FEATURE_SCALE for name in names] for one in features]
        matrix = hstack([matrix, csr_matrix(np.array(shares))]).tocsr()
    balance = "balanced" if rare else None
    regression = LogisticRegression(C=strength, max_iter=3000, class_weight=balance).fit(matrix, labels)
    weights, known = regression.coef_[0], vectoriser.get_feature_names_out()
    worth = {str(word): round(float(vectoriser.idf_[n] * weights[n]), 3) for n, word in enumerate(known)}
    return {
        "words": {word: weight for word, weight in worth.items() if abs(weight) >= LEAST_WEIGHT},
        "features": {
            name: round(float(weights[len(known) + n] * INSIGHT_FEATURE_SCALE), 4) for n, name in enumerate(names)
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
        likely = model.probability(insight_words(reading), features_of(reading)) >= model.threshold
        right += likely == (one.get("insight_kind", "none") != "none")
    return right / len(comments)
