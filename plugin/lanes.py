"""Put themes in three lanes, so that none is heard only because it is loud: common cause, rising, said by few.

A person counts once for a theme, and once for a theme in a week, however much they write.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import exp, fsum, lgamma, log, log1p

from plugin.balance import evenness

# A theme is common cause when this many types speak of it, in this many discussions.
FEWEST_TYPES = 3
FEWEST_DISCUSSIONS = 2
# A week is held against the weeks before it, and against no fewer than four: less is no past to speak of.
WEEK = timedelta(weeks=1)
WEEKS_BEFORE = 12
FEWEST_WEEKS_BEFORE = 4
FEWEST_RISING = 4
FALSE_DISCOVERIES = 0.05
# No mean below one person a month: a theme that was never spoken of would rise with every word.
LEAST_MEAN = 0.25
# Spoken of by so few that it would stand at the end of any list by number.
MOST_OF_FEW = 4
# Whoever looks every fourth day sees each theme of few within this many days.
REACHED_WITHIN = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class ThemeFigures:
    """What is counted of one theme in a community, over the newest week and the twelve before it.

    `weeks` are the people of each week, the newest first; `types` the people of each stakeholder type.
    """

    id: str
    label: str
    people: int
    discussions: int
    comments: int
    types: Mapping[str, int]
    weeks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CommonCause:
    """A theme that several types of people share. `evenness` runs from 0 to 1, over the types that speak of it."""

    theme: ThemeFigures
    evenness: float


@dataclass(frozen=True, slots=True)
class Rising:
    """A theme spoken of by more people this week than its own past lets expect.

    `mean` is what is expected, `chance` how likely so many or more are by chance alone.
    """

    theme: ThemeFigures
    mean: float
    chance: float


@dataclass(frozen=True, slots=True)
class Lanes:
    """The three lanes, and the themes that nobody has spoken of. `few_later` has its turn next week."""

    common_cause: tuple[CommonCause, ...]
    rising: tuple[Rising, ...]
    few_now: tuple[ThemeFigures, ...]
    few_later: tuple[ThemeFigures, ...]
    silent: tuple[ThemeFigures, ...]
    weeks_before: int


def lanes_of(themes: Sequence[ThemeFigures], *, weeks_before: int, today: date, seed: str = "") -> Lanes:
    """Return the lanes; a theme may stand in more than one.

    Args:
        themes: all themes of the list, those without a comment too.
        weeks_before: how many weeks before the newest the community has a past, at most twelve.
        today: whose turn it is among the themes of few depends on it.
        seed: what tells one community's turns from another's.
    """
    few = [theme for theme in themes if 0 < theme.people <= MOST_OF_FEW]
    return Lanes(
        common_cause=_common_cause(themes),
        rising=rising_of(themes, weeks_before),
        few_now=tuple(sorted((one for one in few if has_its_turn(one.id, today, seed)), key=_label)),
        few_later=tuple(sorted((one for one in few if not has_its_turn(one.id, today, seed)), key=_label)),
        silent=tuple(sorted((one for one in themes if not one.people), key=_label)),
        weeks_before=weeks_before,
    )


def _common_cause(themes: Sequence[ThemeFigures]) -> tuple[CommonCause, ...]:
    """Return what many kinds of people share: by the number of types, then how evenly they do. Never by loudness."""
    found = [
        CommonCause(theme, evenness(list(theme.types.values())) or 0.0)
        for theme in themes
        if len(theme.types) >= FEWEST_TYPES and theme.discussions >= FEWEST_DISCUSSIONS
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.theme.types), -round(one.evenness, 6), _label(one.theme))))


def rising_of(themes: Sequence[ThemeFigures], weeks_before: int) -> tuple[Rising, ...]:
    """Return the themes that rise this week, the least likely by chance first; none without a past of four weeks.

    Benjamini and Hochberg (1995) decide over all themes together: of those named, about one in twenty is chance.
    """
    if weeks_before < FEWEST_WEEKS_BEFORE:
        return ()
    everything = [sum(theme.weeks[week] for theme in themes) for week in range(weeks_before + 1)]
    tried = []
    for theme in themes:
        busier = _busier([whole - own for whole, own in zip(everything, theme.weeks, strict=False)])
        past = sum(theme.weeks[1 : weeks_before + 1])
        mean = max(past / weeks_before, LEAST_MEAN) * busier
        # A mean of twelve weeks is itself a matter of chance. Taken for exact, it names twice as many by mistake.
        chance = max(poisson_tail(theme.weeks[0], mean), _given_the_past(theme.weeks[0], past, busier / weeks_before))
        # Tried whether or not it has enough people: the choice must not depend on what is found.
        tried.append(Rising(theme, mean, chance))
    tried.sort(key=lambda one: (one.chance, _label(one.theme)))
    passed = [rank for rank, one in enumerate(tried, start=1) if one.chance <= FALSE_DISCOVERIES * rank / len(tried)]
    named = tried[: max(passed, default=0)]
    return tuple(one for one in named if one.theme.weeks[0] >= FEWEST_RISING)


def _busier(others: Sequence[int]) -> float:
    """Return how many times as much as usual is said of everything else this week, and 1 in a quiet one.

    In a week when everybody writes, everything would rise.
    """
    usual = sum(others[1:]) / len(others[1:])
    return max(1.0, others[0] / usual) if usual else 1.0


def _given_the_past(count: int, past: int, weight: float) -> float:
    """Return how likely `count` or more of all that was ever said falls into this week, which weighs so many pasts."""
    share, everything = weight / (1 + weight), count + past
    if count <= everything * share:
        return 1.0
    ways = lgamma(everything + 1) - lgamma(count + 1) - lgamma(past + 1)
    first = exp(ways + count * log(share) + past * log1p(-share))
    return _sum_from(first, count, lambda number: (everything - number + 1) / number * weight)


def poisson_tail(count: int, mean: float) -> float:
    """Return how likely chance alone brings `count` or more where `mean` is usual: 0.0186 for 5 where 1.5 is."""
    if count > mean:
        return _sum_from(exp(count * log(mean) - mean - lgamma(count + 1)), count, lambda number: mean / number)
    term = exp(-mean)
    lower = [term]
    for number in range(1, count):
        term *= mean / number
        lower.append(term)
    return 1.0 - fsum(lower) if count > 0 else 1.0


def _sum_from(term: float, number: int, factor: Callable[[int], float]) -> float:
    """Return a sum of ever smaller terms: summed from here, as one minus the rest would lose the small figures."""
    terms = [term]
    while term > terms[0] * 1e-17:
        number += 1
        term *= factor(number)
        terms.append(term)
    return min(1.0, fsum(terms))


def has_its_turn(theme_id: str, today: date, seed: str = "") -> bool:
    """Return whether a theme of few stands in front this week. Half of them do, and the other half the week after.

    It depends on nothing but the theme and the week, so a theme that comes or goes never costs another its turn.
    """
    half = hashlib.sha256(f"{seed}:{theme_id}".encode()).digest()[0] % 2
    return today.toordinal() // WEEK.days % 2 == half


def weeks_until(now: datetime) -> tuple[datetime, ...]:
    """Return where each of the thirteen weeks begins, the newest first; the newest ends with this day (UTC)."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return tuple(midnight - WEEK * number for number in range(1, WEEKS_BEFORE + 2))


def weeks_of_past(first: datetime | None, now: datetime) -> int:
    """Return how many whole weeks before the newest a community has been written in since `first`."""
    if first is None:
        return 0
    return max(0, min(WEEKS_BEFORE, (weeks_until(now)[0] - first) // WEEK))


def _label(theme: ThemeFigures) -> str:
    return theme.label.casefold()
