"""Decide which labels may stand beside a comment, or become a group of its author, where everybody sees them."""

from collections.abc import Sequence

from plugin.consent import Receipt, allows
from plugin.model import CommentState, Tag
from plugin.stakeholders import label_of


def public_labels(
    tags: Sequence[Tag], receipts: Sequence[Receipt], state: CommentState, public_tags: str
) -> tuple[str, ...]:
    """Return the labels that may be shown; none without the author's own live consent (RULINGS).

    Args:
        tags: those that stand for the comment.
        receipts: what its author answered, oldest first.
        state: where the comment stands.
        public_tags: the community's setting, `none` or `consented`.
    """
    if public_tags != "consented" or state != "visible" or not allows(receipts, "show_tag"):
        return ()
    return _certain(tags)


def group_labels(tags: Sequence[Tag], receipts: Sequence[Receipt], state: CommentState) -> tuple[str, ...]:
    """Return the labels whose groups of the forum a comment's author agreed to be in, by what they said in it."""
    return _certain(tags) if state == "visible" and allows(receipts, "join_group") else ()


def _certain(tags: Sequence[Tag]) -> tuple[str, ...]:
    # What we read from the words alone is a guess until somebody says that it is right.
    return tuple(label_of(tag.type) for tag in tags if tag.source == "author" or tag.status == "confirmed")
