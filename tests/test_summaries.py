"""What moderators read about a discussion, decided without a server."""

import random

from plugin.summaries import Voice, summary_of

MAIN = ("patient", "carer", "health_professional", "social_care_professional")


def test_it_counts_people_and_comments_by_the_alphabet():
    summary = summary_of(
        [Voice(1, ("patient",)), Voice(1, ("patient",)), Voice(2, ("carer", "health_professional"))], MAIN
    )
    assert [(row.label, row.people, row.comments) for row in summary.rows] == [
        ("Carer", 1, 1),
        ("Health professional", 1, 1),
        ("Patient", 1, 2),
        ("Social care professional", 0, 0),
    ]
    assert (summary.people, summary.comments) == (2, 3)


def test_it_names_who_is_not_heard_from_and_how_many_have_not_said():
    summary = summary_of([Voice(1, ("patient",)), Voice(2, ()), Voice(2, ())], MAIN)
    assert summary.not_heard == ("a carer", "a health professional", "a social care professional")
    assert (summary.people_not_said, summary.comments_not_said) == (1, 2)


def test_somebody_who_says_their_role_once_has_said_it():
    summary = summary_of([Voice(1, ("carer",)), Voice(1, ())], MAIN)
    assert summary.people_not_said == 0
    assert summary.comments_not_said == 1


def test_a_type_nobody_asked_for_is_listed_and_never_missing():
    summary = summary_of([Voice(1, ("industry",))], ("patient", "carer"))
    assert [row.label for row in summary.rows] == ["Carer", "Industry", "Patient"]
    assert summary.not_heard == ("a carer", "a patient")


def test_under_five_people_no_figure_says_how_even_it_is():
    few = summary_of([Voice(number, ("patient",)) for number in range(4)], MAIN)
    enough = summary_of([Voice(number, ("patient",)) for number in range(5)], MAIN)
    assert (few.evenness, few.gini) == (None, None)
    assert (enough.evenness, enough.gini) == (0, 0)


def test_an_empty_discussion_is_summarised_too():
    summary = summary_of([], MAIN)
    assert (summary.people, summary.comments, summary.evenness) == (0, 0, None)
    assert len(summary.not_heard) == 4


def test_the_order_of_comments_does_not_matter():
    voices = [Voice(number % 7, MAIN[: number % 3]) for number in range(30)]
    shuffled = random.Random(1).sample(voices, len(voices))
    assert summary_of(shuffled, MAIN) == summary_of(voices, MAIN)
