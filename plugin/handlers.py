"""What happens when a forum tells us something: one function for each kind of event, in the order things happen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from plugin.community_lexicons import Lexicon, lexicon_of
from plugin.deciding import Decision
from plugin.delivery import call_back, put_up
from plugin.desk import reopen
from plugin.events import (
    CommentApproved,
    CommentEdited,
    CommentHidden,
    CommentPosted,
    CommentRemoved,
    DiscussionEdited,
    DiscussionPosted,
    Event,
    MemberChanged,
    MemberCompleted,
    MemberJoined,
    MemberMerged,
    MemberRemoved,
    Ping,
    WholeComment,
)
from plugin.listening import Heard, heard_in
from plugin.model import Author, Tag
from plugin.ordering import Standing, after
from plugin.service import Service
from plugin.stakeholders import Taxonomy, type_for_alias
from plugin.store.addresses import forget_address
from plugin.store.authors import author_id_of, mark_left, merge_authors, native_id_of, save_author
from plugin.store.comments import Kept, comment_ids_by, kept_comment, mark_asked, place_comment, save_standing
from plugin.store.communities import Community, community_by_id
from plugin.store.consents import save_choice
from plugin.store.desk import insight_answered
from plugin.store.discussions import save_discussion
from plugin.store.events import close_event, received
from plugin.store.insights import insights_by, save_insight
from plugin.store.kept import take_mark
from plugin.store.links import close_links
from plugin.store.opening import writing
from plugin.store.prompts import count_prompt
from plugin.store.searching import index_words
from plugin.store.tags import decide_tag, decisions_for
from plugin.store.themes import read_comment
from plugin.telling import tell_groups, tell_tags


@dataclass(frozen=True, slots=True)
class Telling:
    """What a handler works with: the service, one transaction, whose event it is, and the time."""

    service: Service
    conn: sa.Connection
    community: Community
    at: datetime

    @property
    def lexicon(self) -> Lexicon:
        """Return the words that this community's comments are heard with."""
        return lexicon_of(self.community.slug, self.service.lexicons)


def handle(service: Service, key: str) -> None:
    """Do all that the event of this key calls for, in one transaction; an event that is done stays done."""
    with writing(service.db, patient=True) as conn:
        found = received(conn, key)
        if found is None or found.event is None:
            return
        community = community_by_id(conn, found.community_id)
        if community is None:
            return
        telling = Telling(service, conn, community, datetime.now(UTC))
        comment_id = HANDLERS[type(found.event)](telling, found.event)
        close_event(conn, key, "done", telling.at, comment_id)


def give_up(service: Service, key: str) -> None:
    """Record that an event could not be handled."""
    with writing(service.db, patient=True) as conn:
        close_event(conn, key, "failed", datetime.now(UTC))


def take_comment(telling: Telling, event: WholeComment) -> int:
    """Keep a comment's newest words, say who speaks and what they share, and put the mail up that it calls for."""
    kept = kept_comment(telling.conn, telling.community.id, event.comment, source=event.source, at=telling.at)
    if kept.is_erased:
        return kept.id
    standing = after(kept.standing, event)
    save_standing(telling.conn, kept.id, standing)
    discussion_id = save_discussion(telling.conn, telling.community.id, event.discussion, event.occurred_at)
    author_id = _author(telling, kept, event)
    place_comment(telling.conn, kept.id, event.comment, discussion_id=discussion_id, author_id=author_id)
    history = decisions_for(telling.conn, [kept.id]).get(kept.id, [])
    _tag_by_profile(telling, kept.id, event.author, history)
    if standing.text is not None:
        if kept.standing.text is None:
            _take_over_choice(telling, kept.id, discussion_id, standing.text)
        heard = heard_in(standing.text, vocabulary=telling.lexicon.vocabulary)
        _tag(telling, kept.id, standing, heard, history)
        _weigh(telling, kept, standing, heard)
        text_at = standing.text_at or telling.at
        read_comment(telling.conn, telling.community.id, kept.id, standing.text, text_at, heard.personal_data)
    if kept.standing.text is None and event.comment.parent_id and event.source != "backfill":
        _wake(telling, kept.id)
    tell_tags(telling.service, telling.conn, telling.community, kept.id)
    return kept.id


def take_absence(telling: Telling, event: CommentHidden | CommentRemoved) -> int:
    """Take a comment out of sight, or let go of its words for good. It may be one that we have yet to hear of."""
    kept = kept_comment(telling.conn, telling.community.id, event.comment, source=event.source, at=telling.at)
    if kept.is_erased:
        return kept.id
    standing = after(kept.standing, event)
    save_standing(telling.conn, kept.id, standing)
    if standing.state == "deleted" and (insight_id := insights_by(telling.conn, [kept.id]).get(kept.id)):
        call_back(telling.service, telling.conn, [insight_id])
    tell_tags(telling.service, telling.conn, telling.community, kept.id)
    return kept.id


def take_discussion(telling: Telling, event: DiscussionPosted | DiscussionEdited) -> None:
    """Keep a page's title and address."""
    save_discussion(telling.conn, telling.community.id, event.discussion, event.occurred_at)


def welcome_member(telling: Telling, event: MemberJoined) -> None:
    """Keep who joined, and count one more."""
    save_author(telling.conn, telling.community.id, event.author, event.occurred_at)
    count_prompt(telling.conn, telling.community.id, "joined", on=event.occurred_at.date())


def take_member(telling: Telling, event: MemberChanged) -> None:
    """Keep a member's new name, groups and declared types, and tag what they wrote accordingly."""
    author_id = save_author(telling.conn, telling.community.id, event.author, event.occurred_at)
    theirs = comment_ids_by(telling.conn, author_id)
    histories = decisions_for(telling.conn, theirs)
    for comment_id in theirs:
        _tag_by_profile(telling, comment_id, event.author, histories.get(comment_id, []))
        tell_tags(telling.service, telling.conn, telling.community, comment_id)


def complete_member(telling: Telling, event: MemberCompleted) -> None:
    """Keep who a member is by now: they were counted when they joined."""
    save_author(telling.conn, telling.community.id, event.author, event.occurred_at)


def forget_member(telling: Telling, event: MemberRemoved) -> None:
    """Let go of who a member was, and of every way to reach them or their page."""
    if event.author.native_id is None:
        return
    mark_left(telling.conn, telling.community.id, event.author.native_id, event.occurred_at)
    author_id = author_id_of(telling.conn, telling.community.id, event.author.native_id)
    if author_id is not None:
        close_links(telling.conn, author_id)
        forget_address(telling.conn, author_id)


def merge_member(telling: Telling, event: MemberMerged) -> None:
    """Give what one account wrote, with what was agreed for it, to the account that stays."""
    kept_id = save_author(telling.conn, telling.community.id, event.into, event.occurred_at)
    gone = event.author.native_id
    gone_id = author_id_of(telling.conn, telling.community.id, gone) if gone else None
    if gone_id is not None:
        merge_authors(telling.conn, gone_id, kept_id)
        tell_groups(telling.service, telling.conn, telling.community, kept_id)


def answer_ping(_telling: Telling, _event: Ping) -> None:
    """Do nothing: that it was heard is the answer."""


def _author(telling: Telling, kept: Kept, event: WholeComment) -> int:
    # A guest has no id by which we would know them again, so their comment keeps the author it has. But who takes
    # their name off a comment is not to be known by it any longer.
    if event.author.native_id is None and kept.author_id is not None:
        hides = event.author.kind == "anonymous" and native_id_of(telling.conn, kept.author_id) is not None
        if not hides:
            return kept.author_id
    return save_author(telling.conn, telling.community.id, event.author, event.occurred_at)


def _take_over_choice(telling: Telling, comment_id: int, discussion_id: int, text: str) -> None:
    """Give a comment what its author chose when they kept its words with us; nothing of it goes before they agreed."""
    choice = take_mark(telling.conn, telling.service.vault, discussion_id, text, telling.at)
    if choice is None:
        return
    mark_asked(telling.conn, comment_id)
    save_choice(telling.conn, telling.service.vault, comment_id, choice, telling.at)
    for type_ in choice.types:
        tag = Tag(type_, 1.0, None, "author", source="author")
        decide_tag(telling.conn, comment_id, tag, "confirmed", source="author", by="author", at=telling.at)
    count_prompt(telling.conn, telling.community.id, "posted", discussion_id, on=telling.at.date())


def _tag(telling: Telling, comment_id: int, standing: Standing, heard: Heard, history: Sequence[Decision]) -> None:
    if any(decision.source == "text" and decision.text_at == standing.text_at for decision in history):
        return
    for tag in heard.tags:
        decide_tag(
            telling.conn,
            comment_id,
            tag,
            "suggested",
            source="text",
            by="tagger",
            at=telling.at,
            text_at=standing.text_at,
        )


def _tag_by_profile(telling: Telling, comment_id: int, author: Author, history: Sequence[Decision]) -> None:
    declared = _declared_types(author, telling.lexicon.taxonomy)
    last = {decision.type: decision.decided for decision in history if decision.source == "profile"}
    for type_ in declared:
        if last.get(type_) != "suggested":
            tag = Tag(type_, 1.0, None, "profile", source="profile")
            decide_tag(telling.conn, comment_id, tag, "suggested", source="profile", by="profile", at=telling.at)
    for type_, decided in last.items():
        if decided == "suggested" and type_ not in declared:
            tag = Tag(type_, 1.0, None, "profile", source="profile")
            decide_tag(telling.conn, comment_id, tag, "removed", source="profile", by="profile", at=telling.at)


def _declared_types(author: Author, taxonomy: Taxonomy) -> list[str]:
    said = [value for _, value in author.declared] + list(author.groups)
    found = [type_ for one in said if (type_ := type_for_alias(one, taxonomy=taxonomy))]
    return list(dict.fromkeys(found))


def _weigh(telling: Telling, kept: Kept, standing: Standing, heard: Heard) -> None:
    insight_id = save_insight(
        telling.conn,
        telling.community.id,
        kept.id,
        heard.insight,
        heard.urgency,
        text_at=standing.text_at or telling.at,
        at=telling.at,
    )
    if insight_id is None:
        return
    if standing.text is not None:
        index_words(telling.conn, telling.service.vault, kept.id, standing.text)
    put_up(telling.service, telling.conn, telling.community, insight_id)
    if kept.standing.text is not None and kept.standing.text != standing.text:
        reopen(telling.service, telling.conn, insight_id, by="author", at=telling.at)


def _wake(telling: Telling, comment_id: int) -> None:
    """Let an insight come back to the desk that somebody has just replied to."""
    answered = insight_answered(telling.conn, comment_id)
    if answered is not None:
        reopen(telling.service, telling.conn, answered, by="forum", at=telling.at)


HANDLERS: dict[type[Event], Callable[[Telling, Any], int | None]] = {
    CommentPosted: take_comment,
    CommentEdited: take_comment,
    CommentApproved: take_comment,
    CommentHidden: take_absence,
    CommentRemoved: take_absence,
    DiscussionPosted: take_discussion,
    DiscussionEdited: take_discussion,
    MemberJoined: welcome_member,
    MemberCompleted: complete_member,
    MemberChanged: take_member,
    MemberRemoved: forget_member,
    MemberMerged: merge_member,
    Ping: answer_ping,
}
