"""Decide whether a comment holds something the editors can use, and whether somebody must look at once.

An insight is a concrete experience, practice, lesson, concern or suggestion. Its length proves
nothing: what counts is what happened, what was changed, a number, a thing of safety.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from plugin.beginnings import Beginnings
from plugin.fallback import LinearModel, families, model_named
from plugin.model import Evidence, Insight, InsightKind, Urgency
from plugin.reading import Reading, reading_of
from plugin.vocabulary import lexicon_file

THRESHOLD = 0.5
# So few words in which no feature is seen are how people introduce themselves; an editor could point at nothing.
FEW_WORDS = 8
MOST_EVIDENCE = 3
URGENT_FROM = 3
# Where the rules find something urgent, the words need lean so little that way.
LEAST_BESIDE_RULES = 0.1
# In a long text some of these words stand by chance.
LONG = 450


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """Something an editor would point at: its name, its weight for a whole comment, and what shows it."""

    name: str
    weight: float
    pattern: re.Pattern[str]
    kind: InsightKind = "none"


@dataclass(frozen=True, slots=True)
class InsightRules:
    """The features of `lexicon/insight.toml`, and the words of the urgent lane, compiled."""

    features: tuple[Feature, ...]
    self_harm: re.Pattern[str]
    harm: re.Pattern[str]
    grave: re.Pattern[str]
    now: re.Pattern[str]
    help: re.Pattern[str]
    danger: re.Pattern[str]
    past: re.Pattern[str]
    present: Mapping[str, re.Pattern[str]]
    beginnings: Beginnings


@cache
def default_rules() -> InsightRules:
    """Return the rules that come with the program, compiled once."""
    return rules_from(lexicon_file("insight.toml"))


def rules_from(content: Mapping[str, Any]) -> InsightRules:
    """Return the rules of a parsed file."""
    features = tuple(
        Feature(one["name"], one["weight"], re.compile(by_first_letter(one["pattern"])), one["kind"])
        for one in content["feature"]
    )
    families = content["urgent"].get("present", {})
    urgent = {
        name: re.compile(by_first_letter(pattern)) for name, pattern in content["urgent"].items() if name != "present"
    }
    present = {name: re.compile(by_first_letter(pattern)) for name, pattern in families.items()}
    first_asked = (urgent["danger"], urgent["self_harm"], urgent["harm"], *present.values())
    return InsightRules(
        features,
        **urgent,
        present=present,
        beginnings=Beginnings([*(one.pattern for one in features), *first_asked]),
    )


_LISTING = re.compile(r" \(\?:(.*)\)(\\b|\(\?=[^()]*\))?", re.DOTALL)


def by_first_letter(pattern: str) -> str:
    """Return a pattern " (?:one|other|…)" with its alternatives grouped by their first letter.

    It finds the same: alternatives that begin with different letters cannot both match. It is tried
    several times faster, for a place in the text looks at one group and not at a hundred words.
    """
    listing = _LISTING.fullmatch(pattern)
    alternatives = _alternatives(listing[1]) if listing else []
    if listing is None or not alternatives:
        return pattern
    groups: dict[str, list[str]] = {}
    for one in alternatives:
        groups.setdefault(one[0] if _PLAIN_START.match(one) else "", []).append(one)
    others = groups.pop("", [])
    grouped = [f"{letter}(?:{'|'.join(one[1:] for one in some)})" for letter, some in groups.items()]
    return f" (?:{'|'.join((*others, *grouped))}){listing[2] or ''}"


_PLAIN_START = re.compile(r"[a-z](?![?*+{])")


def _alternatives(listing: str) -> list[str]:
    """Return the alternatives, parted where a bar stands outside all brackets; none if it is more than one listing."""
    found, depth, start, place, in_class = [], 0, 0, 0, False
    while place < len(listing):
        letter = listing[place]
        if letter == "\\":
            place += 1
        elif in_class:
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
        elif letter == "|" and not depth:
            found.append(listing[start:place])
            start = place + 1
        else:
            depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return []
        place += 1
    return [*found, listing[start:]]


def insight_in(text: str) -> Insight:
    """Return how far a comment shares something usable: score 0 to 1, kind, evidence, reasons."""
    return insight_of_reading(reading_of(text))


def insight_of_reading(reading: Reading, sight: "Sight | None" = None) -> Insight:
    """Return the insight of a comment that has been read already, and perhaps looked through."""
    found = _found(reading, sight or sight_of(reading))
    score = _score(reading, found)
    reasons = tuple(feature.name for feature in found.seen if found.seen[feature])
    if score < THRESHOLD:
        return Insight(is_insight=False, score=round(score, 3), kind="none", reasons=reasons)
    return Insight(True, round(score, 3), _kind(found), _evidence(reading, found), reasons)


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the sentences of a comment are, and in which of them each feature was seen."""

    sentences: Sequence[tuple[int, int]]
    seen: Mapping[Feature, Collection[int]]


@dataclass(frozen=True, slots=True)
class Sight:
    """A text with a blank before every word, and the places where features or words of the urgent lane can begin.

    Insight and urgency ask for the same, so it is made once for both.
    """

    text: str
    places: Sequence[tuple[int, int]]


def sight_of(reading: Reading) -> Sight:
    """Return the text of a reading with the places where something that counts can begin."""
    text = spaced(reading.folded)
    return Sight(text, default_rules().beginnings.places_in(text))


def _found(reading: Reading, sight: Sight) -> _Found:
    sentences = list(sentences_of(reading.folded))
    starts = [start for start, _ in sentences]
    rules = default_rules()
    seen: dict[Feature, set[int]] = {feature: set() for feature in rules.features}
    every_feature = (1 << len(rules.features)) - 1
    for number, match in rules.beginnings.matches(sight.text, every_feature, sight.places):
        seen[rules.features[number]].add(bisect_right(starts, match.start()) - 1)
    return _Found(sentences, seen)


def spaced(folded: str) -> str:
    """Return the text with a blank before every word: a pattern that begins with one is found much faster.

    A match of " word" at n stands for the word at n of `folded`.
    """
    return " " + folded.translate(_BLANKS)


def telling_weight(sentence: str) -> float:
    """Return how much a sentence tells by itself: the weights of the features seen in it, never below 0."""
    text = spaced(reading_of(sentence).folded)
    return max(0.0, sum(feature.weight for feature in default_rules().features if feature.pattern.search(text)))


_BLANKS = dict.fromkeys(map(ord, '\n("-/[*'), " ")


def features_of(reading: Reading) -> dict[str, float]:
    """Return for each feature the share of sentences that show it: length by itself counts for nothing."""
    return _shares(_found(reading, sight_of(reading)))


def _shares(found: _Found) -> dict[str, float]:
    count = len(found.sentences) or 1
    return {feature.name: len(sentences) / count for feature, sentences in found.seen.items() if sentences}


_WORD = re.compile(r"[\w']+|[?!]")


def insight_words(reading: Reading) -> list[str]:
    """Return what the learned weights look at for an insight: words and their families."""
    words = _WORD.findall(reading.folded)
    family_of = families().get
    return words + [family for word in words if (family := family_of(word))]


def _score(reading: Reading, found: _Found) -> float:
    shares = _shares(found)
    if not shares and len(reading.folded.split()) <= FEW_WORDS:
        return 0.0
    model = model_named("insight")
    return _unlearned_score(found) if model is None else model.probability(insight_words(reading), shares)


def _unlearned_score(found: _Found) -> float:
    """Return the score by the hand-set weights alone, for a house without learned ones."""
    weight = sum(feature.weight * math.log2(1 + min(len(seen), 3)) for feature, seen in found.seen.items())
    return 1 / (1 + math.exp(-(weight - 2.2)))


def _kind(found: _Found) -> InsightKind:
    strength: dict[InsightKind, float] = {}
    for feature, seen in found.seen.items():
        if feature.kind != "none":
            strength[feature.kind] = strength.get(feature.kind, 0) + feature.weight * math.log2(1 + len(seen))
    best = max(strength, key=lambda kind: strength[kind])
    return best if strength[best] else "experience"


_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|[.!?](?=\w)|\n|$)+")


def sentences_of(folded: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence begins and ends, without the blanks around it."""
    for match in _SENTENCE.finditer(folded):
        words = match.group()
        start = match.start() + len(words) - len(words.lstrip())
        end = match.start() + len(words.rstrip())
        if start < end:
            yield start, end


def _evidence(reading: Reading, found: _Found) -> tuple[Evidence, ...]:
    values = [0.0] * len(found.sentences)
    for feature, seen in found.seen.items():
        for n in seen:
            values[n] += feature.weight
    telling = sorted(range(len(values)), key=lambda n: -values[n])[:MOST_EVIDENCE]
    chosen = sorted(n for rank, n in enumerate(telling) if rank == 0 or values[n] > 1.5)
    return tuple(reading.evidence(*found.sentences[n]) for n in chosen)


def urgency_of(text: str) -> Urgency:
    """Return whether a person must look at once, and the sentences that say so."""
    return urgency_of_reading(reading_of(text))


def urgency_of_reading(reading: Reading, sight: Sight | None = None) -> Urgency:
    """Return the urgency of a comment that has been read already.

    The urgent lane would rather ask a moderator to look once too often than miss one person.
    """
    sight = sight or sight_of(reading)
    spans = urgent_by_rules(reading, sight)
    model = model_named("urgent")
    if model is not None:
        likely = model.probability(urgent_words(reading), {})
        if likely >= model.threshold and not spans:
            spans = [span for span in _most_urgent(model, reading) if not _SUPPOSED.search(sight.text, *span)]
        elif likely < LEAST_BESIDE_RULES:
            spans = []
    return Urgency(bool(spans), tuple(reading.evidence(start, end) for start, end in spans))


def urgent_words(reading: Reading) -> list[str]:
    """Return what the learned weights look at for urgency: words, neighbours, neighbours but one, first letters."""
    words = _WORD_OR_STOP.findall(reading.folded)
    seen = words + [f"{one} {other}" for one, other in pairwise(words)]
    seen += [f"{one} _ {other}" for one, other in zip(words, words[2:], strict=False)]
    return seen + [f"{word[:LONGEST_STEM]}-" for word in words if len(word) > LONGEST_STEM]


_WORD_OR_STOP = re.compile(r"[a-z']+|\d+|[.?!]")
LONGEST_STEM = 5


def _most_urgent(model: LinearModel, reading: Reading) -> list[tuple[int, int]]:
    spans = list(sentences_of(reading.folded))
    odds = [model.probability(_WORD_OR_STOP.findall(reading.folded[start:end]), {}) for start, end in spans]
    return spans[(best := odds.index(max(odds))) : best + 1] if spans else []


def urgent_by_rules(reading: Reading, sight: Sight | None = None) -> list[tuple[int, int]]:
    """Return where the sentences stand that the rules find urgent; none if it is not."""
    rules = default_rules()
    sight = sight or sight_of(reading)
    folded = sight.text
    count = len(rules.features)
    patterns = 3 + len(rules.present)
    asked = rules.beginnings.matches(folded, (1 << patterns) - 1 << count, sight.places)
    danger = next((match for number, match in asked if number == count), None)
    acute = next(
        (match for number, match in asked if number > count and not _is_supposed(folded, match.start())),
        None,
    )
    if (not acute and not danger) or not _is_urgent(folded, rules, acute is not None):
        return []
    places = [match.start() for match in (acute, danger) if match]
    return [span for span in sentences_of(reading.folded) if any(span[0] <= place < span[1] for place in places)]


# "If someone says they want to die": nobody in particular does.
_SUPPOSED = re.compile(
    r" (?:if|when|whenever|where|what if|imagine|suppose|supposing|say|asking|whether) (?:\w+ ){0,2}?"
    r"(?:someone|somebody|anyone|anybody|people|a|an|any|your|you|every|patients|residents|staff|we|one)(?= )"
)
_SENTENCE_END = re.compile(r"[.!?](?= )")


def _is_supposed(folded: str, place: int) -> bool:
    """Return whether the sentence before this place only supposes what follows."""
    first = max((match.end() for match in _SENTENCE_END.finditer(folded, max(0, place - LONG), place + 1)), default=0)
    return _SUPPOSED.search(folded, max(first, place - LONG), place + 1) is not None


def _is_urgent(folded: str, rules: InsightRules, acute: bool) -> bool:
    """Weigh danger, nearness in time and the call for help against signs that it is long over."""
    past = len(rules.past.findall(folded))
    if acute and not past:
        return True
    now = len({match.group() for match in rules.now.finditer(folded)})
    if acute and now and past < 2:
        return True
    if not now:
        return False
    danger = len({match.group() for match in rules.danger.finditer(folded)})
    calls = len({match.group() for match in rules.help.finditer(folded)})
    grave = len({match.group() for match in rules.grave.finditer(folded)})
    weight = min(now, 3) + min(danger, 3) + min(grave, 2) + min(calls, 2) - 2 * past
    return weight >= (URGENT_FROM if len(folded) < LONG else URGENT_FROM + 2)
