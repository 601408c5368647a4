"""Which tag holds: the author is believed before a moderator, a moderator before the profile, the profile before us."""

from datetime import UTC, datetime, timedelta

import pytest

from plugin.deciding import Decided, Decision, standing_tags
from plugin.model import TagSource

TEXT = "I care for my dad. I was a ward sister for thirty years."
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def decision(type_: str, decided: Decided, source: TagSource, *, version: int = 0) -> Decision:
    read = source == "text"
    return Decision(
        type=type_,
        decided=decided,
        source=source,
        text_at=NOW + timedelta(minutes=version) if read else None,
        start=0 if read else None,
        end=17 if read else None,
        confidence=0.9,
        frame="care-for" if read else source,
        flags=(),
    )


def held(*history: Decision) -> list[tuple[str, TagSource, str]]:
    return [(tag.type, tag.source, tag.status) for tag in standing_tags(history, TEXT, NOW)]


def test_a_suggestion_shows_the_words_that_prove_it() -> None:
    (tag,) = standing_tags([decision("carer", "suggested", "text")], TEXT, NOW)
    assert tag.evidence is not None
    assert tag.evidence.text == "I care for my dad"


def test_what_was_read_from_older_words_counts_no_more() -> None:
    assert held(decision("carer", "suggested", "text", version=-5)) == []


def test_a_suggestion_that_its_author_removed_never_returns() -> None:
    removed = decision("carer", "removed", "author")
    assert held(removed, decision("carer", "suggested", "text")) == []
    assert held(decision("carer", "suggested", "text"), removed, decision("carer", "confirmed", "moderator")) == []


def test_the_authors_choice_stands_over_a_moderators_removal() -> None:
    history = [decision("carer", "confirmed", "author"), decision("carer", "removed", "moderator")]
    assert held(*history) == [("carer", "author", "confirmed")]


def test_a_confirmed_suggestion_keeps_its_evidence() -> None:
    history = [decision("carer", "suggested", "text"), decision("carer", "confirmed", "author")]
    (tag,) = standing_tags(history, TEXT, NOW)
    assert (tag.status, tag.evidence and tag.evidence.text) == ("confirmed", "I care for my dad")


def test_the_most_believed_source_comes_first() -> None:
    history = [
        decision("health_professional", "suggested", "text"),
        decision("carer", "suggested", "profile"),
        decision("patient", "confirmed", "author"),
    ]
    assert [type_ for type_, _, _ in held(*history)] == ["patient", "carer", "health_professional"]


@pytest.mark.parametrize("last", ["suggested", "removed"])
def test_within_a_source_the_last_word_holds(last: Decided) -> None:
    history = [decision("carer", "suggested", "profile"), decision("carer", last, "profile")]
    assert bool(held(*history)) is (last == "suggested")
