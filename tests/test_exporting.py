"""What may be in an export, whatever an author said and wherever their comment stands."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.basis import Sending, Withheld, basis_on_desk
from plugin.consent import Receipt, allows, newest_wording
from plugin.exporting import csv_head, csv_lines, exported, json_lines, no_text_because, safe_cell
from plugin.forwarding import forwarded_copy
from plugin.model import Comment, Discussion, Tag
from plugin.outcomes import Step

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
WORDS = "We changed our handover last spring, and nobody is missed any more."
COMMENT = Comment("c1", AT, AT, WORDS, "https://hub.example.org/1#c1")
DISCUSSION = Discussion("d1", "Co-production", "https://hub.example.org/1")
CARER = Tag("carer", 0.9, None, "am")

receipts = st.lists(
    st.builds(
        lambda purpose, given: Receipt(purpose, given, newest_wording(purpose).version, AT),
        st.sampled_from(["forward", "quote", "contact", "details"]),
        st.booleans(),
    ),
    max_size=6,
)
sendings = st.builds(
    Sending,
    kind=st.just("forward"),
    state=st.sampled_from(["visible", "hidden", "pending", "deleted", "direct"]),
    source=st.sampled_from(["webhook", "backfill", "direct"]),
    audience=st.sampled_from(["public", "members", "private"]),
    forwarding=st.sampled_from(["notice", "ask"]),
    is_insight=st.booleans(),
    is_urgent=st.booleans(),
    is_asked=st.booleans(),
    is_held=st.booleans(),
    receipts=receipts,
)


def row(sending: Sending, title: str = DISCUSSION.title):
    discussion = replace(DISCUSSION, title=title)
    copy = forwarded_copy(
        comment=COMMENT,
        tags=[CARER],
        evidence=[],
        kind="practice",
        personal_data=[],
        discussion=discussion,
        desk_url="",
        receipts=sending.receipts,
    )
    return exported(
        id=7,
        found_at=AT,
        community="The hub",
        discussion_url=discussion.url,
        copy=copy,
        kind="practice",
        tags=[CARER],
        credit=None,
        sending=sending,
        themes=["Handover"],
        state="used",
        steps=[Step("in_review", AT), Step("used", AT, title="Late tablets", link="https://hub.example.org/late")],
        assignee=None,
        merged_into=None,
    )


@settings(max_examples=300, deadline=None)
@given(sendings)
def test_words_are_in_an_export_only_with_live_consent_to_be_quoted(sending: Sending) -> None:
    may_read = not isinstance(basis_on_desk(sending), Withheld)
    may_quote = may_read and allows(sending.receipts, "quote")
    one = row(sending)
    file = csv_lines([one]) + json_lines([one])
    assert (one.text == WORDS) == may_quote
    assert (one.no_text_because is None) == may_quote
    assert ("handover last spring" in file) == may_quote
    # Of those who took their words back it does not say who they are either.
    assert ("carer" in file) == may_read
    assert bool(one.credit) == may_read


def test_the_reason_is_the_one_that_an_editor_can_act_on() -> None:
    public = Sending("forward", "visible", "webhook", "public", "notice", is_insight=True, is_urgent=False)
    no = Receipt("forward", False, newest_wording("forward").version, AT)
    reasons = {
        "no_quote_consent": public,
        "withdrawn": replace(public, receipts=[no]),
        "held_for_a_look": replace(public, is_held=True),
        "comment_hidden": replace(public, state="hidden"),
        "comment_deleted": replace(public, state="deleted", receipts=[no]),
        "not_asked": replace(public, forwarding="ask"),
        "discussion_not_public": replace(public, audience="members"),
    }
    assert {why: no_text_because(sending) for why, sending in reasons.items()} == {why: why for why in reasons}


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", ' "=1', "' =1", "＝1", "\ufeff=1", "“=1", "\tplain", "-"],
)
def test_no_cell_is_a_formula_however_it_begins(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"
    public = Sending("forward", "visible", "webhook", "public", "notice", is_insight=True, is_urgent=False)
    [read] = csv.DictReader(io.StringIO((csv_head() + csv_lines([row(public, cell)])).removeprefix("\ufeff")))
    assert read["discussion_title"] == f"'{cell}"
    # A program is given the words as they are.
    assert json.loads(json_lines([row(public, cell)]))["discussion_title"] == cell


@given(st.text())
def test_a_cell_that_is_no_formula_is_left_as_it_is(text: str) -> None:
    assert safe_cell(text) in (text, f"'{text}")
    assert safe_cell(f"a{text}") == f"a{text}"
