"""Nothing is sent without a basis, and what is withheld says why."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.basis import Sending, Withheld, basis_for

SHARED = Sending(
    kind="forward",
    state="visible",
    source="webhook",
    audience="public",
    forwarding="notice",
    is_insight=True,
    is_urgent=False,
)


def test_a_public_comment_goes_to_its_own_editors_on_notice() -> None:
    assert basis_for(SHARED) == "notice"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "deleted"}, "gone"),
        ({"state": "hidden"}, "not visible"),
        ({"state": "pending"}, "not visible"),
        ({"source": "backfill"}, "before Many Voices was attached"),
        ({"audience": "members"}, "not public"),
        ({"forwarding": "ask"}, "not been asked"),
        ({"is_insight": False}, "no longer shares an insight"),
        ({"is_urgent": True}, "went to the moderators"),
    ],
)
def test_what_is_withheld_says_why(change: dict[str, object], said: str) -> None:
    answer = basis_for(replace(SHARED, **change))  # type: ignore[arg-type]
    assert isinstance(answer, Withheld)
    assert said in answer.reason


@given(
    st.builds(
        Sending,
        kind=st.sampled_from(["forward", "urgent"]),
        state=st.sampled_from(["visible", "pending", "hidden", "deleted"]),
        source=st.sampled_from(["webhook", "reconcile", "backfill"]),
        audience=st.sampled_from(["public", "members", "private"]),
        forwarding=st.sampled_from(["notice", "ask"]),
        is_insight=st.booleans(),
        is_urgent=st.booleans(),
    )
)
def test_whatever_holds_history_and_what_is_gone_are_never_sent(sending: Sending) -> None:
    basis = basis_for(sending)
    if not isinstance(basis, Withheld):
        assert sending.source != "backfill"
        assert sending.state != "deleted"
        assert basis == ("duty" if sending.kind == "urgent" else "notice")
        if basis == "notice":
            assert (sending.state, sending.audience, sending.forwarding) == ("visible", "public", "notice")
