"""What an author agreed to holds in the words they read, until they take it back."""

from datetime import UTC, datetime, timedelta

import pytest

from plugin import consent
from plugin.consent import Choice, Credit, Receipt, Wording, allows, choice_from_record, choice_to_record

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def answer(purpose: consent.Purpose, given: bool, *, minutes: int = 0, wording: str | None = None) -> Receipt:
    wording = wording or consent.newest_wording(purpose).version
    return Receipt(purpose, given, wording, NOON + timedelta(minutes=minutes))


def test_nothing_is_allowed_before_anybody_answered() -> None:
    assert not any(allows([], act) for act in consent.WORDINGS)


@pytest.mark.parametrize("purpose", consent.WORDINGS)
def test_a_yes_allows_its_own_purpose_and_no_other(purpose: consent.Purpose) -> None:
    receipts = [answer(purpose, True)]
    assert [act for act in consent.WORDINGS if allows(receipts, act)] == [purpose]


def test_the_newest_answer_holds() -> None:
    receipts = [answer("quote", True), answer("quote", False, minutes=1)]
    assert not allows(receipts, "quote")
    assert allows([*receipts, answer("quote", True, minutes=2)], "quote")


def test_a_receipt_never_grows_with_a_later_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = Wording("forward-2", "… and partner organisations may read it.", frozenset({"forward", "partners"}))
    monkeypatch.setitem(consent.WORDINGS, "forward", (*consent.WORDINGS["forward"], wider))  # type: ignore[arg-type]
    old, new = answer("forward", True, wording="forward-1"), answer("forward", True, wording="forward-2")
    assert allows([old], "forward")
    assert not allows([old], "partners")
    assert allows([new], "partners")


def test_a_wording_that_nobody_knows_allows_nothing() -> None:
    assert not allows([answer("forward", True, wording="forward-99")], "forward")


@pytest.mark.parametrize(
    "choice",
    [
        Choice(),
        Choice(("patient", "carer"), ("forward",), Credit("chosen", "Zoë 🌱")),
        Choice((), ("forward", "quote"), Credit("none")),
    ],
)
def test_a_choice_comes_back_as_it_was_made(choice: Choice) -> None:
    assert choice_from_record(choice_to_record(choice)) == choice
