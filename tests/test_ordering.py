"""Whatever order the news of a comment arrives in, and however often, the same holds in the end."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from plugin.events import CommentApproved, CommentEdited, CommentHidden, CommentPosted, CommentRef, CommentRemoved
from plugin.model import Author, Comment, Discussion
from plugin.ordering import Standing, after

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def told(kind: type, minute: int, text: str = "", state: str = "visible") -> object:
    facts = {"key": f"k{minute}", "community": "hub", "occurred_at": at(minute), "source": "webhook"}
    if kind in (CommentHidden, CommentRemoved):
        return kind(comment=CommentRef("7", NOON), **facts)
    comment = Comment("7", NOON, at(minute), text, state=state)  # type: ignore[arg-type]
    discussion = Discussion("1", "A blog", "https://hub.example.org/1")
    return kind(comment=comment, discussion=discussion, author=Author("5", "member"), **facts)


def ended(events: list[object]) -> Standing:
    standing = Standing()
    for event in events:
        standing = after(standing, event)  # type: ignore[arg-type]
    return standing


POSTED = told(CommentPosted, 0, "first")
EDITED = told(CommentEdited, 1, "second")
EDITED_AGAIN = told(CommentEdited, 2, "third")
HIDDEN = told(CommentHidden, 3)
REMOVED = told(CommentRemoved, 4)
APPROVED = told(CommentApproved, 5, "third")


@pytest.mark.parametrize("twice", range(4))
def test_a_removed_comment_stays_removed_in_all_96_orders(twice: int) -> None:
    story = [POSTED, EDITED, EDITED_AGAIN, REMOVED]
    ends = {ended([*order, story[twice]]) for order in permutations(story)}
    ends |= {ended([story[twice], *order]) for order in permutations(story)}
    assert {(end.state, end.text) for end in ends} == {("deleted", None)}


@pytest.mark.parametrize("order", list(permutations([POSTED, EDITED, EDITED_AGAIN])))
def test_the_latest_words_hold(order: tuple[object, ...]) -> None:
    end = ended([*order, order[0]])
    assert (end.state, end.text, end.text_at) == ("visible", "third", at(2))


@pytest.mark.parametrize("order", list(permutations([POSTED, HIDDEN, REMOVED, APPROVED])))
def test_an_approval_after_a_removal_brings_the_comment_back_with_its_words(order: tuple[object, ...]) -> None:
    end = ended(list(order))
    assert (end.state, end.text) == ("visible", "third")


def test_hide_approve_hide_are_three_facts() -> None:
    again = told(CommentHidden, 6)
    end = ended([POSTED, HIDDEN, APPROVED, again])
    assert (end.state, end.text) == ("hidden", "third")


@pytest.mark.parametrize("state", ["pending", "hidden"])
def test_a_comment_that_waits_for_approval_is_not_shown(state: str) -> None:
    assert ended([told(CommentPosted, 0, "first", state)]).state == state


def test_a_comment_that_is_told_as_deleted_leaves_no_words() -> None:
    assert ended([POSTED, told(CommentEdited, 3, "gone", "deleted")]) == ended(
        [told(CommentEdited, 3, "gone", "deleted"), POSTED]
    )
    assert ended([POSTED, told(CommentEdited, 3, "gone", "deleted")]).text is None
