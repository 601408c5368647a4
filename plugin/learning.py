"""Fit the weights of `fallback.py` from labelled comments. The only module that knows scikit-learn.

It is never imported by the service: `manyvoices retrain` calls it, on the machine of whoever trains.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any
from zlib import crc32

from plugin.fallback import LinearModel
from plugin.insights import features_of, urgent_words, words_of
from plugin.marking import marked
from plugin.model import UNKNOWN
from plugin.reading import reading_of
from plugin.stakeholders import all_types
from plugin.tagging import believed, found_in, tags_of_reading, weighed
from plugin.vocabulary import default_vocabulary
from plugin.voices import IMPLIED, SAID, VoiceModel, voice_words

# Chosen by cross-validation on the development part, not on the part that figures are reported on.
INSIGHT_C = 10.0
INSIGHT_FEATURE_SCALE = 0.6
VOICE_C = 10.0
URGENT_C = 10.0
# A moderator would rather look once too often than miss one person; see docs/tagging.md for the trade.
URGENT_THRESHOLD = 0.6
WORDS_OF_A_CLASS = 1500
LEAST_WEIGHT = 0.2
MOST_HANDS = 20
PARTS = 5
# A voice is only named above this probability; see docs/tagging.md for the trade.
VOICE_THRESHOLD = 0.6
VOICE_LEAST = 0.4
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


def urgent_weights(comments: Sequence[Mapping[str, Any]], answers: Sequence[str] = ()) -> dict[str, Any]:
    """Return the model of the urgent lane, ready for JSON.

    Args:
        comments: labelled comments, with a `text` and `urgent`.
        answers: survey answers, as examples of complaints that can wait.
    """
    words = [urgent_words(reading_of(text)) for text in (*(one["text"] for one in comments), *answers)]
    labels = ["urgent" if one["urgent"] else "none" for one in comments] + ["none"] * len(answers)
    return _fitted(words, [{} for _ in words], labels, ("none", "urgent"), URGENT_C, 1.0, URGENT_THRESHOLD, rare=True)


def voice_weights(
    comments: Sequence[Mapping[str, Any]],
    fresh: Sequence[Mapping[str, Any]],
    corrected: Sequence[Mapping[str, Any]] = (),
    answers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the learned weights for who speaks, ready for JSON.

    Args:
        comments: labelled comments that were written to learn from.
        fresh: more of them, for which no frame was written: on these it is learned how far to trust frames and words.
        corrected: comments whose tags a person has decided, with `text`, `labels` and `author`. Of their words only
            those that five authors or more have used are learned.
        answers: survey answers of patients and families: examples of comments in which nobody speaks as staff.
    """
    import numpy as np

    labelled = [*fresh, *comments, *corrected]
    words = [_voice_words(one["text"]) for one in (*fresh, *comments)] + words_of_many(
        [(one["author"], _voice_words(one["text"])) for one in corrected]
    )
    words += [_voice_words(text) for text in answers]
    # A survey answer does not say whether a patient or somebody close to one wrote it.
    weight = {True: np.ones(len(words)), False: np.r_[np.ones(len(labelled)), np.zeros(len(answers))]}
    hands = _hands(fresh) + ["told"] * (len(words) - len(fresh))
    # Of a voice that nobody has in these comments nothing can be learned.
    classes = [name for name in all_types() if any(name in one["labels"] for one in labelled)]
    targets = [np.array([name in one["labels"] for one in labelled] + [False] * len(answers)) for name in classes]
    weights = [weight[name not in IMPLIED] for name in classes]
    vectoriser, matrix = _vectors(words)
    # Only the words that say most are kept; what is left is weighed anew, for the length of a comment counts.
    vectoriser, matrix = _vectors(
        words, _heaviest(vectoriser, [one.coef_[0] for one in _fits(matrix, targets, weights)])
    )
    fitted = _fits(matrix, targets, weights)
    leanings = [
        _cross_fitted(matrix, target, its, hands)[: len(fresh)] for target, its in zip(targets, weights, strict=True)
    ]
    return {
        "classes": list(classes),
        "words": _listed(vectoriser, [one.coef_[0] for one in fitted]),
        "intercepts": [round(float(one.intercept_[0]), 4) for one in fitted],
        "trust": _trust(fresh, classes, np.array(leanings).T),
        "threshold": VOICE_THRESHOLD,
        "least": VOICE_LEAST,
    }


def _vectors(words: Sequence[Sequence[str]], known: Sequence[str] | None = None) -> tuple[Any, Any]:
    """Return a vectoriser and the vectors of these words, or of those among them that are known."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]

    analyse: Callable[[Sequence[str]], Sequence[str]] = list
    least = 1 if known else FEWEST_DOCUMENTS
    vectoriser = TfidfVectorizer(analyzer=analyse, sublinear_tf=True, min_df=least, vocabulary=known, lowercase=False)
    return vectoriser, vectoriser.fit_transform(words)


def _heaviest(vectoriser: Any, weights: Sequence[Any]) -> list[str]:
    """Return the words that say most of some class."""
    import numpy as np

    names = vectoriser.get_feature_names_out()
    heavy = {n for row in weights for n in np.argsort(-np.abs(row[: len(names)]))[:WORDS_OF_A_CLASS]}
    return sorted(str(names[n]) for n in heavy)


def _regression() -> Any:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    return LogisticRegression(C=VOICE_C, max_iter=3000, class_weight="balanced")


def _hands(comments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return who wrote each comment, as its id says ("h2-017"); where it does not, five parts stand for five hands."""
    hands = [str(one["id"]).partition("-")[0] for one in comments]
    if 1 < len(set(hands)) <= MOST_HANDS:
        return hands
    return [str(crc32(str(one["id"]).encode()) % PARTS) for one in comments]


def _fits(matrix: Any, targets: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
    return [_regression().fit(matrix, target, sample_weight=its) for target, its in zip(targets, weights, strict=True)]


def _cross_fitted(matrix: Any, target: Any, weight: Any, hands: Sequence[str]) -> Any:
    """Return the log-odds of each fresh row by weights that were fitted without anything by the same hand."""
    import numpy as np

    odds = np.zeros(len(target))
    by = np.array(hands)
    for hand in sorted(set(hands) - {"told"}):
        others = by != hand
        fitted = _regression().fit(matrix[others], target[others], sample_weight=weight[others])
        odds[~others] = fitted.decision_function(matrix[~others])
    return odds


def _listed(vectoriser: Any, weights: Sequence[Any]) -> dict[str, list[float]]:
    """Return for each word its idf, and in turn number and weight of the classes that it says something of."""
    found: dict[str, list[float]] = {}
    for n, word in enumerate(vectoriser.get_feature_names_out()):
        pairs = [(number, round(float(row[n]), 2)) for number, row in enumerate(weights) if abs(row[n]) >= LEAST_WEIGHT]
        found[str(word)] = [round(float(vectoriser.idf_[n]), 2), *(value for pair in pairs for value in pair)]
    return found


def _trust(fresh: Sequence[Mapping[str, Any]], classes: Sequence[str], leanings: Any) -> dict[str, float]:
    """Return how far leanings and frames are trusted, fitted on comments that no frame was written for."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    rows, right = [], []
    for comment, odds in zip(fresh, leanings, strict=True):
        copy = marked(reading_of(comment["text"]), default_vocabulary())
        said = {one.type: one.frame.doubt for one in weighed(believed(found_in(copy, default_vocabulary())))}
        for name, leaning in zip(classes, odds, strict=True):
            doubt = said.get(name)
            said_of_it = [doubt == n for n in range(len(SAID))]
            rows.append([leaning, *said_of_it, len(said) > (name in said), name in IMPLIED])
            right.append(name in comment["labels"])
    fitted = LogisticRegression(max_iter=3000).fit(np.array(rows, dtype=float), right)
    names = ("learned", *SAID, "others", "implied")
    trust = {name: round(float(one), 3) for name, one in zip(names, fitted.coef_[0], strict=True)}
    return {"start": round(float(fitted.intercept_[0]), 3), **trust}


def words_of_many(written: Sequence[tuple[Hashable, Sequence[str]]]) -> list[list[str]]:
    """Return the words of each comment without those that fewer than five authors have used."""
    authors: dict[str, set[Hashable]] = {}
    for author, words in written:
        for word in words:
            authors.setdefault(word, set()).add(author)
    return [[word for word in words if len(authors[word]) >= FEWEST_AUTHORS] for _, words in written]


def _voice_words(text: str) -> list[str]:
    return voice_words(marked(reading_of(text), default_vocabulary()).text)


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
    from sklearn.linear_model import LogisticRegression

    def fit(matrix: Any) -> Any:
        balance = "balanced" if rare else None
        return LogisticRegression(C=strength, max_iter=3000, class_weight=balance).fit(matrix, numbers)

    numbers = [classes.index(label) for label in labels]
    vectoriser, matrix = _vectors(words)
    if rare:
        vectoriser, matrix = _vectors(words, _heaviest(vectoriser, fit(matrix).coef_))
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
    given = [
        model.probabilities(urgent_words(reading_of(one["text"])), {})["urgent"] >= model.threshold for one in comments
    ]
    gold = [bool(one.get("urgent")) for one in comments]
    right = sum(one and other for one, other in zip(gold, given, strict=True))
    return 5 * right / max(1, 4 * sum(gold) + sum(given))


def insight_accuracy(model: LinearModel, comments: Sequence[Mapping[str, Any]]) -> float:
    """Return how often a model is right about whether a comment holds an insight."""
    right = 0
    for one in comments:
        reading = reading_of(one["text"])
        likely = model.probabilities(words_of(reading), features_of(reading))["insight"] >= model.threshold
        right += likely == (one.get("insight_kind", "none") != "none")
    return right / len(comments)


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
