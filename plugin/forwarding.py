"""What the editors and moderators get of a comment: its words without personal data, and no name."""

from collections.abc import Sequence
from dataclasses import dataclass

from plugin.consent import Credit, Purpose, Receipt, allows, answers
from plugin.crediting import credit_for, source_words, speaker_words
from plugin.excerpts import excerpt_around, pieces_of, without_personal_data
from plugin.model import Comment, Discussion, Evidence, InsightKind, PersonalData, Tag
from plugin.privacy import MOST_READ


@dataclass(frozen=True, slots=True)
class ForwardedCopy:
    """One copy for one mail and one page of the desk, so that both show the same.

    `segments` are the words in order, each with whether it is evidence; `speakers` are the roles, each with where we
    know it from, and empty where the author has not said, or asked for no credit at all. `quoting` and `contact` say
    what else the author agreed to. `is_direct`: it was written to the editors and stands on no page; `is_as_written`:
    its author wants nothing taken out.
    """

    discussion_title: str
    speakers: tuple[str, ...]
    segments: tuple[tuple[str, bool], ...]
    kind_words: str
    comment_url: str
    desk_url: str
    credit: str
    quoting: str
    contact: str
    is_direct: bool = False
    is_as_written: bool = False


def forwarded_copy(
    *,
    comment: Comment,
    tags: Sequence[Tag],
    evidence: Sequence[Evidence],
    kind: InsightKind,
    personal_data: Sequence[PersonalData],
    discussion: Discussion,
    desk_url: str,
    credit: Credit | None = None,
    name: str | None = None,
    receipts: Sequence[Receipt] = (),
) -> ForwardedCopy:
    """Return what leaves the house of a comment: an excerpt, personal data replaced, the evidence marked.

    Nothing in it says more of its author than the `credit` that they chose; `name` is what their forum calls them.
    """
    shown = told_tags(tags, credit)
    is_as_written = allows(receipts, "details")
    # Beyond this nobody looked for personal data, so it is not sent.
    text = comment.text[:MOST_READ]
    redacted, moved = without_personal_data(
        text, () if is_as_written else personal_data, [(one.start, one.end) for one in evidence]
    )
    excerpt, marked = excerpt_around(redacted, moved)
    return ForwardedCopy(
        discussion_title=discussion.title,
        speakers=tuple(f"{speaker_words(tag)} ({source_words(tag)})" for tag in shown),
        segments=tuple((piece.text, bool(piece.marks)) for piece in pieces_of(excerpt, evidence=marked)),
        kind_words=KINDS[kind],
        comment_url=comment.url or discussion.url,
        desk_url=desk_url,
        credit=credit_for(shown, credit, name),
        quoting=_answer(receipts, "quote"),
        contact=_answer(receipts, "contact"),
        is_direct=comment.state == "direct",
        is_as_written=is_as_written,
    )


def told_tags(tags: Sequence[Tag], credit: Credit | None) -> list[Tag]:
    """Return the tags that leave the house with the words of a comment: none where its author asks for no credit."""
    if credit and credit.kind == "none":
        return []
    # What somebody said earlier is for the staff of the community, and is never mailed (RULINGS).
    return [tag for tag in tags if tag.source != "earlier" and tag.status != "removed"]


def _answer(receipts: Sequence[Receipt], purpose: Purpose) -> str:
    answer = answers(receipts).get(purpose)
    if answer is None:
        return "not asked yet: please do not"
    return "yes" if allows(receipts, purpose) else "no"


KINDS: dict[InsightKind, str] = {
    "experience": "an experience",
    "practice": "something that people do well",
    "lesson": "a lesson learnt",
    "concern": "a concern",
    "suggestion": "a suggestion",
    "none": "a comment",
}
