"""The figures of voice balance, against values worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.balance import evenness, gini, people_per_type

counts = st.lists(st.integers(0, 50), min_size=2, max_size=8)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([2, 1, 6, 0], 0.612),
        ([3, 3, 3, 3], 1.000),
        ([4, 2, 3, 1], 0.923),
        ([1, 1, 1, 0], 0.792),
        ([5, 5, 0, 0], 0.500),
        ([0, 0, 8, 0], 0.000),
    ],
)
def test_evenness_has_the_values_worked_out_by_hand(people, expected):
    assert evenness(people) == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize(
    ("comments", "expected"), [([1, 1, 1, 7], 0.450), ([1, 2, 3, 4], 0.250), ([1, 1, 1, 1], 0.000)]
)
def test_gini_has_the_values_worked_out_by_hand(comments, expected):
    assert gini(comments) == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize("people", [[], [4], [0, 0, 0]])
def test_no_evenness_without_two_types_or_without_people(people):
    assert evenness(people) is None


def test_no_gini_without_comments():
    assert gini([]) is None


@given(counts, st.randoms())
def test_the_order_of_types_and_people_does_not_matter(people, random):
    shuffled = random.sample(people, len(people))
    assert evenness(shuffled) == pytest.approx(evenness(people))
    assert gini(shuffled) == pytest.approx(gini(people))


@given(counts.filter(any))
def test_one_more_in_the_largest_type_never_looks_more_even(people):
    largest = people.index(max(people))
    more = [*people[:largest], people[largest] + 1, *people[largest + 1 :]]
    assert evenness(more) <= evenness(people) + 1e-12


def test_a_person_with_two_roles_counts_half_and_half():
    people = people_per_type([{"patient"}, {"patient", "carer"}, set()], ["patient", "carer", "health_professional"])
    assert people == {"patient": 1.5, "carer": 0.5, "health_professional": 0}


def test_a_role_that_is_not_expected_takes_its_half_away():
    assert people_per_type([{"patient", "industry"}], ["patient", "carer"]) == {"patient": 0.5, "carer": 0}
