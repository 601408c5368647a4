"""Which themes moderators are shown: shared by many kinds of people, rising, or said by few."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from math import exp, factorial

import pytest

from plugin.lanes import (
    REACHED_WITHIN,
    WEEKS_BEFORE,
    ThemeFigures,
    lanes_of,
    poisson_tail,
    rising_of,
    weeks_of_past,
    weeks_until,
)

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
TYPES = ("patient", "carer", "health_professional", "social_care_professional")
PLANTED = ("corridors", "hearing_loops", "oxygen")


def theme(id_: str = "falls", *, people: int = 9, discussions: int = 2, weeks: Iterable[int] = (), **types: int):
    counted = (*weeks, *[0] * (WEEKS_BEFORE + 1))[: WEEKS_BEFORE + 1]
    return ThemeFigures(id_, id_.title(), people, discussions, people, types, counted)


def lanes(*themes: ThemeFigures):
    return lanes_of(themes, weeks_before=WEEKS_BEFORE, today=TODAY)


@pytest.mark.parametrize(
    ("mean", "count", "chance"), [(1.5, 5, 0.0186), (1.5, 4, 0.0656), (1.0, 3, 0.0803), (3.0, 0, 1.0)]
)
def test_the_tail_is_as_computed_by_hand(mean: float, count: int, chance: float) -> None:
    assert poisson_tail(count, mean) == pytest.approx(chance, abs=0.00005)


@pytest.mark.parametrize("mean", [0.25, 1.0, 7.3, 40.0])
def test_the_tail_agrees_with_its_definition_on_both_sides_of_the_mean(mean: float) -> None:
    for count in range(1, 60):
        lower = sum(exp(-mean) * mean**number / factorial(number) for number in range(count))
        assert poisson_tail(count, mean) == pytest.approx(1 - lower, abs=1e-12)


def test_large_figures_are_no_trouble() -> None:
    assert 0 < poisson_tail(5_300, 5_000.0) < 0.0001
    loud = [theme(f"loud {number}", weeks=[5_000, *[5_000] * 12]) for number in range(6)]
    assert [one.theme.id for one in lanes(*loud, theme("risen", weeks=[5_900, *[5_000] * 12])).rising] == ["risen"]


def test_a_theme_of_three_types_in_two_discussions_is_common_cause() -> None:
    shared = theme("falls", patient=3, carer=3, health_professional=3)
    two_types = theme("food", patient=9, carer=9)
    one_page = theme("waiting", discussions=1, patient=3, carer=3, health_professional=3)
    assert [one.theme.id for one in lanes(shared, two_types, one_page).common_cause] == ["falls"]


def test_the_loudest_theme_does_not_come_first() -> None:
    loud = theme("loud", people=102, patient=100, carer=1, health_professional=1)
    even = theme("even", people=6, patient=2, carer=2, health_professional=2)
    assert [one.theme.id for one in lanes(loud, even).common_cause] == ["even", "loud"]


def test_a_theme_rises_against_its_own_past() -> None:
    quiet = [theme(f"quiet {number}", weeks=[1, *[1] * 12]) for number in range(5)]
    usual = theme("usual", weeks=[11, *[11] * 12])
    risen = theme("risen", weeks=[9, *[1] * 12])
    (one,) = lanes(*quiet, usual, risen).rising
    assert (one.theme.id, one.mean) == ("risen", 1.0)
    assert poisson_tail(9, 1.0) <= one.chance < 0.001


def test_in_a_week_when_everybody_writes_nothing_rises() -> None:
    busy = [theme(f"busy {number}", weeks=[12, *[4] * 12]) for number in range(6)]
    assert lanes(*busy).rising == ()
    (one,) = lanes(*busy, theme("risen", weeks=[30, *[4] * 12])).rising
    assert (one.theme.id, one.mean) == ("risen", 12.0)


def test_three_people_are_never_a_rise() -> None:
    assert lanes(theme(weeks=[3])).rising == ()


def test_a_community_of_yesterday_has_no_rising_theme() -> None:
    assert rising_of([theme(weeks=[30])], 3) == ()


def test_the_first_weeks_are_a_shorter_past_and_not_an_empty_one() -> None:
    began = NOW - timedelta(weeks=6)
    assert weeks_of_past(began, NOW) == 5
    assert weeks_of_past(None, NOW) == 0
    assert weeks_of_past(NOW - timedelta(days=900), NOW) == WEEKS_BEFORE
    steady = theme(weeks=[6, 3, 3, 3, 3, 3])
    assert rising_of([steady], 5) == ()


def test_the_newest_week_ends_with_today() -> None:
    begins = weeks_until(NOW)
    assert len(begins) == WEEKS_BEFORE + 1
    assert begins[0] == datetime(2026, 11, 16, tzinfo=UTC)
    assert begins[0] - begins[-1] == timedelta(weeks=12)


def test_who_is_said_by_few_takes_turns_and_nobody_is_left_out() -> None:
    few = [theme(f"rare {number}", people=1) for number in range(20)]
    this_week, next_week = lanes(*few), lanes_of(few, weeks_before=12, today=TODAY + timedelta(days=7))
    assert {one.id for one in (*this_week.few_now, *this_week.few_later)} == {one.id for one in few}
    assert this_week.few_now == next_week.few_later
    assert this_week.few_now
    assert this_week.few_later


def test_what_nobody_has_said_is_silent_and_not_said_by_few() -> None:
    found = lanes(theme("lifts", people=0), theme("food", people=5))
    assert [one.id for one in found.silent] == ["lifts"]
    assert (found.few_now, found.few_later) == ((), ())


@pytest.mark.parametrize("run", range(100))
def test_a_theme_of_one_comment_reaches_a_moderator_within_fourteen_days(run: int) -> None:
    """Themes come and go meanwhile, and the moderator looks now and then: at least every fourth day."""
    chance = random.Random(run)
    began = TODAY + timedelta(days=chance.randrange(400))
    others = [f"theme {number}" for number in range(60)]
    looks, day = [], chance.randrange(4)
    while day <= REACHED_WITHIN.days:
        looks.append(day)
        day += chance.randint(1, 4)
    seen = False
    for day in looks:
        there = [theme(id_, people=1) for id_ in ("rare", *chance.sample(others, chance.randrange(40)))]
        shown = lanes_of(there, weeks_before=12, today=began + timedelta(days=day), seed=str(run)).few_now
        seen = seen or "rare" in {one.id for one in shown}
    assert seen


# Forty discussions, with and without three themes that rise

Line = tuple[str, int, str, int, int]


def forty_discussions(seed: int, *, planted: bool = True) -> list[Line]:
    """Return who spoke of what: theme, person, type, discussion, week (0 is the newest)."""
    chance = random.Random(seed)
    people = [(person, chance.choice(TYPES)) for person in range(300)]
    usual = [f"usual {number}" for number in range(18)] + list(PLANTED)
    lines: list[Line] = []
    for theme_id in usual:
        # One type each: what is common cause is planted, and is not there by chance.
        own = chance.choice(TYPES)
        speakers = [one for one in people if one[1] == own]
        for week in range(WEEKS_BEFORE + 1):
            for _ in range(chance.choice((0, 1, 1, 2, 3))):
                lines.append((theme_id, *chance.choice(speakers), chance.randrange(40), week))
    if planted:
        for theme_id in PLANTED:
            for person, type_ in chance.sample(people, 14):
                lines.append((theme_id, person, type_, chance.randrange(40), 0))
    return lines


def figures(lines: Iterable[Line]) -> list[ThemeFigures]:
    rows = list(lines)
    found = []
    for id_ in sorted({line[0] for line in rows}):
        mine = [line for line in rows if line[0] == id_]
        types = Counter(type_ for _, type_ in {(person, type_) for _, person, type_, _, _ in mine})
        weeks = Counter(week for _, week in {(person, week) for _, person, _, _, week in mine})
        counted = tuple(weeks[week] for week in range(WEEKS_BEFORE + 1))
        discussions = len({line[3] for line in mine})
        found.append(ThemeFigures(id_, id_, len({line[1] for line in mine}), discussions, len(mine), types, counted))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_three_planted_themes_are_found_among_forty_discussions(seed: int) -> None:
    found = lanes(*figures(forty_discussions(seed)))
    assert {one.theme.id for one in found.rising} == set(PLANTED)
    assert {one.theme.id for one in found.common_cause} == set(PLANTED)


def test_twenty_shuffled_replicas_raise_at_most_one_false_alarm_in_all() -> None:
    alarms = 0
    for seed in range(20):
        lines = forty_discussions(seed)
        weeks = [line[4] for line in lines]
        random.Random(1000 + seed).shuffle(weeks)
        alarms += len(lanes(*figures((*line[:4], week) for line, week in zip(lines, weeks, strict=True))).rising)
    assert alarms <= 1
