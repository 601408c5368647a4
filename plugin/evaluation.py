"""Measure what the tagger, the insight detector, the urgent lane and the privacy filter get right.

Pure: comments with labels go in, figures come out. The command `manyvoices evaluate` prints them.
"""

import hashlib
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugin.listening import Heard, heard_in
from plugin.model import UNKNOWN
from plugin.privacy import is_nhs_number
from plugin.stakeholders import all_types

# A fifth of the development comments is never tuned on: official figures are for that part alone.
HELD_OUT_PERCENT = 20
RESAMPLES = 1000
SEED = 20261122


def is_held_out(comment_id: str) -> bool:
    """Return whether a comment belongs to the part that is never tuned on: decided by a hash of its id."""
    return int(hashlib.sha256(comment_id.encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


def is_learned_from(answer: str) -> bool:
    """Return whether a survey answer is of the half to learn from; false tags are counted on the other half."""
    return hashlib.sha256(answer.encode()).digest()[-1] % 2 == 1


@dataclass(frozen=True, slots=True)
class Judged:
    """A labelled comment and what was heard in it."""

    comment: Mapping[str, Any]
    heard: Heard
    seconds: float

    @property
    def gold(self) -> frozenset[str]:
        """Return the types a reader gave it; empty for unknown."""
        return frozenset(self.comment["labels"]) - {UNKNOWN}

    @property
    def given(self) -> frozenset[str]:
        """Return the types the tagger gave it; empty for unknown."""
        return frozenset(tag.type for tag in self.heard.tags)

    @property
    def is_miss(self) -> bool:
        """Return whether any answer about this comment differs from the label."""
        return bool(misses_of(self))


@dataclass(frozen=True, slots=True)
class Rate:
    """A precision, recall and F1 with their counts, and the 95 % interval of the F1."""

    right: int
    wrong: int
    missed: int
    interval: tuple[float, float] = (0.0, 0.0)

    @property
    def precision(self) -> float:
        """Return the share of answers that are right; 1 where there was no answer."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Return the share of what was there that was found; 1 where nothing was there."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of precision and recall."""
        return (
            2 * self.right / (2 * self.right + self.wrong + self.missed)
            if self.right + self.wrong + self.missed
            else 0.0
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is measured on one set of comments."""

    comments: int
    by_type: Mapping[str, Rate]
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    tags: Rate
    coverage: float
    unknown_comments: int
    false_on_unknown: int
    two_roles: int
    two_roles_exact: int
    insight: Rate
    insight_hard: tuple[int, int]
    urgent: Rate
    personal_data: Rate
    personal_data_by_kind: Mapping[str, Rate]
    per_second: float
    p99_ms: float
    precision_at: Sequence[tuple[float, float, float]] = field(default_factory=tuple)


def judged(comments: Iterable[Mapping[str, Any]]) -> list[Judged]:
    """Hear every comment, and keep the time each took."""
    return [judge(comment) for comment in comments]


def judge(comment: Mapping[str, Any]) -> Judged:
    """Hear one labelled comment."""
    began = time.perf_counter()
    heard = heard_in(comment["text"])
    return Judged(comment, heard, time.perf_counter() - began)


def figures_of(results: Sequence[Judged]) -> Figures:
    """Return the figures for a set of judged comments; intervals by bootstrap with a fixed seed."""
    classes = (*all_types(), UNKNOWN)
    by_type = {name: _rate(results, name) for name in classes}
    present = [name for name in classes if by_type[name].right + by_type[name].missed]
    unknown = [one for one in results if not one.gold]
    known = [one for one in results if one.gold]
    two = [one for one in results if len(one.gold) > 1]
    hard = [one for one in results if str(one.comment.get("notes", "")).startswith("hard")]
    seconds = sorted(one.seconds for one in results)
    samples = _resampled(results, present)
    return Figures(
        comments=len(results),
        by_type={name: _with_interval(by_type[name], [sample[name] for sample in samples]) for name in present},
        macro_f1=_mean([by_type[name].f1 for name in present]),
        macro_f1_interval=_middle([_mean(list(sample.values())) for sample in samples]),
        tags=_all_tags(results),
        coverage=sum(bool(one.given) for one in known) / len(known) if known else 0.0,
        unknown_comments=len(unknown),
        false_on_unknown=sum(bool(one.given) for one in unknown),
        two_roles=len(two),
        two_roles_exact=sum(one.gold == one.given for one in two),
        insight=_yes_or_no(results, _has_insight, lambda one: one.heard.insight.is_insight),
        insight_hard=(sum(_has_insight(one) == one.heard.insight.is_insight for one in hard), len(hard)),
        urgent=_yes_or_no(results, _is_urgent, lambda one: one.heard.urgency.is_urgent),
        personal_data=_personal_data(results),
        personal_data_by_kind={kind: _personal_data(results, kind) for kind in _kinds_in(results)},
        per_second=len(results) / sum(seconds) if seconds else 0.0,
        p99_ms=1000 * seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))] if seconds else 0.0,
        precision_at=_precision_at(results),
    )


def misses_of(one: Judged) -> list[str]:
    """Return in plain words what was got wrong about a comment."""
    found = [f"{name} was not found" for name in sorted(one.gold - one.given)]
    found += [f"{name} is not so" for name in sorted(one.given - one.gold)]
    if _has_insight(one) != one.heard.insight.is_insight:
        found.append("an insight was not seen" if _has_insight(one) else "it is no insight")
    if _is_urgent(one) != one.heard.urgency.is_urgent:
        found.append("urgency was not seen" if _is_urgent(one) else "it is not urgent")
    texts = _found_data(one)
    found += [f"personal data was not seen: {text}" for text in one.comment.get("pii", ()) if text not in texts]
    return found


def cause_of(one: Judged) -> str:
    """Return in few words how the tags of a comment differ from its labels; "" if they do not."""
    if one.gold == one.given:
        return ""
    if not one.gold:
        return "named where nobody says"
    if not one.given:
        return "nothing heard"
    if one.given < one.gold:
        return "a second voice missed"
    return "a voice too many" if one.gold < one.given else "taken for another"


def tags_that_differ(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]
) -> list[tuple[Any, tuple[str, ...], tuple[str, ...]]]:
    """Return (id, types before, types now) of each answer of `manyvoices tag` whose types differ."""
    earlier = {one["id"]: tuple(tag["type"] for tag in one["tags"]) for one in before}
    later = {one["id"]: tuple(tag["type"] for tag in one["tags"]) for one in now}
    return [(key, earlier.get(key, ()), types) for key, types in later.items() if earlier.get(key, ()) != types]


def _has_insight(one: Judged) -> bool:
    return bool(one.comment.get("insight_kind", "none") != "none")


def _is_urgent(one: Judged) -> bool:
    return bool(one.comment.get("urgent", False))


def _found_data(one: Judged) -> list[str]:
    return [one.comment["text"][data.start : data.end] for data in one.heard.personal_data]


def _rate(results: Sequence[Judged], name: str) -> Rate:
    def has(types: frozenset[str]) -> bool:
        return name in types if name != UNKNOWN else not types

    return _yes_or_no(results, lambda one: has(one.gold), lambda one: has(one.given))


def _yes_or_no(results: Sequence[Judged], gold: Callable[[Judged], bool], given: Callable[[Judged], bool]) -> Rate:
    pairs = [(gold(one), given(one)) for one in results]
    return Rate(pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False)))


def _all_tags(results: Sequence[Judged]) -> Rate:
    return Rate(
        sum(len(one.gold & one.given) for one in results),
        sum(len(one.given - one.gold) for one in results),
        sum(len(one.gold - one.given) for one in results),
    )


def _personal_data(results: Sequence[Judged], kind: str | None = None) -> Rate:
    """Count spans found, of one kind or of all. A label gives the words alone, so its kind is told from their shape."""
    right = wrong = missed = 0
    for one in results:
        wanted, found = list(one.comment.get("pii", ())), _found_data(one)
        right += sum(text in found for text in wanted if kind in (None, kind_of_data(text)))
        missed += sum(text not in found for text in wanted if kind in (None, kind_of_data(text)))
        kinds = [data.kind for data in one.heard.personal_data]
        wrong += sum(text not in wanted for text, its in zip(found, kinds, strict=True) if kind in (None, its))
    return Rate(right, wrong, missed)


def _kinds_in(results: Sequence[Judged]) -> list[str]:
    labelled = {kind_of_data(text) for one in results for text in one.comment.get("pii", ())}
    return sorted(labelled | {data.kind for one in results for data in one.heard.personal_data})


def kind_of_data(words: str) -> str:
    """Return what sort of personal data labelled words are, told from their shape alone."""
    digits = "".join(filter(str.isdigit, words))
    if "@" in words or _SPELT_AT.search(words):
        return "email"
    if is_nhs_number(digits) and not words.startswith(("0", "+", "(")):
        return "nhs_number"
    if _NINO_SHAPE.fullmatch(words):
        return "national_insurance"
    if _POSTCODE_SHAPE.fullmatch(words):
        return "postcode"
    if len(digits) in (6, 8) and _DATE_SHAPE.fullmatch(words):
        return "date_of_birth"
    return "phone" if len(digits) > 7 else "name"


_SPELT_AT = re.compile(r"[(\[ ]at[)\] ]", re.I)
_NINO_SHAPE = re.compile(r"[a-z]{2}(?:[ -]*\d){6}[ -]*[a-d]", re.I)
_POSTCODE_SHAPE = re.compile(r"[a-z]{1,2}\d[a-z\d]?[ -]*\d[a-z]{2}", re.I)
_DATE_SHAPE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}")


def _precision_at(results: Sequence[Judged]) -> list[tuple[float, float, float]]:
    """Return (confidence, coverage of comments with a role, precision of tags) for rising confidence."""
    known = sum(bool(one.gold) for one in results) or 1
    rows = []
    for bound in (0.0, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95):
        kept = [(one, [tag for tag in one.heard.tags if tag.confidence >= bound]) for one in results]
        tags = [(tag.type in one.gold) for one, some in kept for tag in some]
        covered = sum(bool(some) for one, some in kept if one.gold) / known
        rows.append((bound, covered, sum(tags) / len(tags) if tags else 1.0))
    return rows


def _resampled(results: Sequence[Judged], names: Sequence[str]) -> list[dict[str, float]]:
    """Return the F1 of each type in samples drawn with replacement; the same ones each time."""
    dice = random.Random(SEED)  # noqa: S311 - statistics, not secrets
    sets = [(one.gold or {UNKNOWN}, one.given or {UNKNOWN}) for one in results]
    samples = []
    for _ in range(RESAMPLES if results else 0):
        right, wrong, missed = dict.fromkeys(names, 0), dict.fromkeys(names, 0), dict.fromkeys(names, 0)
        for gold, given in dice.choices(sets, k=len(sets)):
            for name in gold & given:
                right[name] += 1
            for name in given - gold:
                wrong[name] = wrong.get(name, 0) + 1
            for name in gold - given:
                missed[name] += 1
        samples.append({name: Rate(right[name], wrong[name], missed[name]).f1 for name in names})
    return samples


def _with_interval(rate: Rate, samples: Sequence[float]) -> Rate:
    return Rate(rate.right, rate.wrong, rate.missed, _middle(samples))


def _middle(samples: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(samples)
    if not ordered:
        return (0.0, 0.0)
    return ordered[int(0.025 * len(ordered))], ordered[min(len(ordered) - 1, int(0.975 * len(ordered)))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
