"""What a saved reply says in its places, and how somebody hears of an answer."""

from datetime import UTC, datetime

import pytest

from plugin.consent import Receipt
from plugin.outcomes import NotSaid
from plugin.replying import check_reply, check_saved, filled, hearing_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_a_saved_reply_is_filled_with_what_is_known_and_an_open_place_is_not_sent() -> None:
    body = "Thank you for what you wrote under “{discussion}”. It is in {title}: {link}"
    check_saved("Used", body)
    text = filled(body, {"discussion": "Handover", "title": None, "link": "https://hub.example.org/{community}"})
    assert (
        text == "Thank you for what you wrote under “Handover”. It is in {title}: https://hub.example.org/{community}"
    )
    with pytest.raises(NotSaid, match=r"in place of \{title\}: the title of what it was used in"):
        check_reply(text)
    # Braces that never were ours may stand.
    check_reply("We wrote it as {x} in the form.")


@pytest.mark.parametrize(
    ("title", "body", "field", "said"),
    [
        ("", "Thank you.", "title", "name"),
        ("Thanks", " \n", "body", "nothing"),
        ("Thanks", "Dear {name}, thank you.", "body", r"\{name\}"),
        ("Thanks", "Thank you.{}", "body", r"\{\}"),
        ("Thanks", "a" * 5001, "body", "longer"),
        ("T" * 101, "Thank you.", "title", "longer"),
    ],
)
def test_a_saved_reply_with_something_wrong_is_refused_by_name(title: str, body: str, field: str, said: str) -> None:
    with pytest.raises(NotSaid, match=said) as refused:
        check_saved(title, body)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("agreed", "has_mail", "wants_mail", "has_inbox", "way"),
    [
        (False, True, True, True, "page"),
        (True, True, True, True, "mail"),
        (True, True, False, True, "page"),
        (True, False, False, True, "forum"),
        (True, False, False, False, "page"),
    ],
)
def test_nobody_is_written_to_who_did_not_agree(
    agreed: bool, has_mail: bool, wants_mail: bool, has_inbox: bool, way: str
) -> None:
    receipts = [Receipt("contact", agreed, "contact-1", NOW)]
    hearing = hearing_of(receipts, has_mail=has_mail, wants_mail=wants_mail, has_inbox=has_inbox)
    assert hearing.way == way
    assert "their own page" in hearing.sentence
