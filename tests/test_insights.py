"""What the editors can use, and what somebody must see at once."""

import pytest

from plugin.insights import insight_in, urgency_of


@pytest.mark.parametrize(
    "text",
    [
        "Dad's soup was hot. He's blind.",
        "Crash trolleys shouldn't need a key.",
        "My allergy band fell off. Nobody noticed.",
        "We now print the batch number on a sticker, and recalls take an hour instead of a week.",
    ],
)
def test_a_short_true_thing_is_an_insight(text):
    insight = insight_in(text)
    assert insight.is_insight
    assert insight.evidence
    assert all(text[one.start : one.end] == one.text for one in insight.evidence)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thank you for this.",
        "I care for my dad at home.",
        "Is there a recording of the webinar?",
        "Boost your team with our course! Use code SAFE20 at checkout.",
        "What a thoughtful piece. " * 12 + "I look forward to the next one.",
    ],
)
def test_thanks_questions_and_emptiness_are_none(text):
    assert not insight_in(text).is_insight
    assert insight_in(text).kind == "none"


@pytest.mark.parametrize(
    "text",
    [
        "I can't do this anymore. Tonight's the night I think.",
        "My tongue is swelling and I've used my pen. Nobody is coming, what do I do?",
        "He is tied to the chair with a sheet right now. Who do I phone?",
        "My neighbour on ward 6 has been lying in blood since last night and no one answers the bell",
    ],
)
def test_a_person_in_danger_is_urgent(text):
    urgency = urgency_of(text)
    assert urgency.is_urgent
    assert urgency.evidence


@pytest.mark.parametrize(
    "text",
    [
        "I nearly died laughing at the cartoon.",
        "These passwords are going to be the death of me.",
        "Back in the nineties I was held face down for twenty minutes. I'm fine.",
        "Thank you for this.",
    ],
)
def test_idioms_and_the_long_past_are_not_urgent(text):
    assert not urgency_of(text).is_urgent


@pytest.mark.parametrize(
    ("text", "urgent"),
    [
        ("My son is on bay 3 right now, his sats are 82 and no one will come.", True),
        ("The wrong blood is hanging now and they won't take it down.", True),
        ("A child in my class told me today that her uncle comes into her room.", True),
        ("My ex has found out which refuge we're in.", True),
        ("I can't see a way through tonight.", True),
        ("They've stopped her insulin and she's vomiting, it's been six hours.", True),
        ("If someone says they can't see a way forward, what do you say?", False),
        ("When a surgeon smells of drink everyone should feel able to speak.", False),
        ("The pump free-flowed in 2018 and was withdrawn.", False),
        ("I can't go on the webinar tonight, will it be recorded?", False),
    ],
)
def test_danger_that_is_present_calls_somebody_and_what_is_over_or_supposed_does_not(text, urgent):
    assert urgency_of(text).is_urgent is urgent
