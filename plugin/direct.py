"""Take what somebody sends to the editors without an account, and show them before what the editors will get."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from plugin.consent import Choice, Receipt, newest_wording
from plugin.delivery import put_up
from plugin.forwarding import ForwardedCopy, forwarded_copy
from plugin.listening import Heard, heard_in
from plugin.model import Author, Comment, Discussion, Insight, PersonalData, Tag
from plugin.privacy import redacted
from plugin.service import Service
from plugin.store.authors import save_author
from plugin.store.comments import add_direct_comment
from plugin.store.communities import Community
from plugin.store.consents import save_choice
from plugin.store.discussions import StoredDiscussion, letters_to_editors
from plugin.store.insights import save_insight
from plugin.store.tags import decide_tag

# What a detector missed was still sent by a person on purpose.
ON_PURPOSE = "sent on purpose"


@dataclass(frozen=True, slots=True)
class Preview:
    """What somebody is about to send: what could identify a person in it, and the very copy that the editors get.

    `without` is the copy where the writer wants the marked parts out, `with_all` where they leave them; `taken_out`
    are the words as they are stored in the first case.
    """

    personal_data: tuple[PersonalData, ...]
    taken_out: str
    without: ForwardedCopy
    with_all: ForwardedCopy


def preview_of(text: str, choice: Choice, title: str) -> Preview:
    """Return what the editors would get of these words; nothing is stored."""
    found = heard_in(text).personal_data
    taken_out = redacted(text, found)
    left = (Receipt("details", True, newest_wording("details").version, datetime.now(UTC)),)
    return Preview(found, taken_out, _copy(taken_out, choice, title), _copy(text, choice, title, left))


def take_direct(
    service: Service,
    conn: sa.Connection,
    community: Community,
    place: StoredDiscussion | None,
    words: Comment,
    choice: Choice,
    *,
    is_held: bool,
) -> int:
    """Store words for the editors with what was chosen for them, put up their mail, and return their new author's id.

    Args:
        service: keys and jobs.
        conn: inside a transaction.
        community: whose editors.
        place: the page they were written from, None for one that we do not know.
        words: the text, with an id of their own and the time.
        choice: roles, agreements and credit.
        is_held: a program may have sent it, so a person looks first; only what may be urgent is put up before.
    """
    at = words.created_at
    discussion_id = place.id if place else letters_to_editors(conn, community, at)
    author_id = save_author(conn, community.id, Author(None, "guest"), at)
    comment_id = add_direct_comment(
        conn, community.id, words, discussion_id=discussion_id, author_id=author_id, is_held=is_held
    )
    save_choice(conn, service.vault, comment_id, choice, at)
    heard = heard_in(words.text)
    for type_ in choice.types:
        decide_tag(conn, comment_id, _chosen(type_), "confirmed", source="author", by="author", at=at)
    for tag in heard.tags:
        decide_tag(conn, comment_id, tag, "suggested", source="text", by="tagger", at=at, text_at=words.updated_at)
    insight_id = save_insight(
        conn, community.id, comment_id, _insight(heard), heard.urgency, text_at=words.updated_at, at=at
    )
    if insight_id is not None:
        # What is held goes nowhere; what may be urgent reaches a human all the same.
        put_up(service, conn, community, insight_id)
    return author_id


def _copy(text: str, choice: Choice, title: str, receipts: Sequence[Receipt] = ()) -> ForwardedCopy:
    heard = heard_in(text)
    insight = _insight(heard)
    now = datetime.now(UTC)
    return forwarded_copy(
        comment=Comment("", now, now, text, state="direct"),
        tags=tuple(_chosen(type_) for type_ in choice.types),
        evidence=insight.evidence,
        kind=insight.kind,
        personal_data=heard.personal_data,
        discussion=Discussion("", title, ""),
        desk_url="",
        credit=choice.credit,
        receipts=receipts,
    )


def _chosen(type_: str) -> Tag:
    return Tag(type_, 1.0, None, "author", source="author", status="confirmed")


def _insight(heard: Heard) -> Insight:
    found = heard.insight
    if found.is_insight:
        return found
    return replace(found, is_insight=True, kind="experience", reasons=(*found.reasons, ON_PURPOSE))
