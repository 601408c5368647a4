"""What somebody may do with what is their own: answer for a comment, choose a role and a credit, erase everything.

Whoever calls has made sure that the comment is theirs (`is_own`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from plugin.basis import Sending, basis_for
from plugin.consent import Credit, Purpose, Receipt, answers
from plugin.deciding import Decided, Decision
from plugin.delivery import CARRY_WORDS, call_back, put_up
from plugin.desk import reopen
from plugin.model import Tag
from plugin.outcomes import Step
from plugin.service import Service
from plugin.store.addresses import address_of
from plugin.store.authors import erase_author
from plugin.store.comments import StoredComment, author_of, comment_ids_by, comments_by, erase_comments
from plugin.store.communities import Community
from plugin.store.consents import credits_for, give, receipts_for, set_credit
from plugin.store.desk import Said, replies_of
from plugin.store.discussions import StoredDiscussion, discussion_by_id
from plugin.store.insights import insights_by, sendings_of
from plugin.store.outbox import Recall, recalls_of, sent_moments
from plugin.store.steps import steps_of
from plugin.store.tags import decide_tag, decisions_for
from plugin.telling import tell_groups, tell_tags


@dataclass(frozen=True, slots=True)
class Contribution:
    """One comment as its author sees it: its tags and their history, what was agreed, and what became of it.

    `replies` are what the editors answered, oldest first.
    `sent_at` is when its mail went to the editors; `sending` is what holds of it for the next one, None where there is
    nothing to forward.
    """

    stored: StoredComment
    discussion: StoredDiscussion
    history: tuple[Decision, ...]
    answers: Mapping[Purpose, Receipt]
    credit: Credit
    insight_id: int | None
    sent_at: datetime | None
    steps: tuple[Step, ...]
    recalls: tuple[Recall, ...]
    replies: tuple[Said, ...]
    sending: Sending | None


def contributions_of(service: Service, conn: sa.Connection, author_id: int) -> list[Contribution]:
    """Return all that an author wrote and that we hold, the newest first."""
    stored = comments_by(conn, author_id)
    ids = [one.id for one in stored]
    histories = decisions_for(conn, ids)
    receipts = receipts_for(conn, ids)
    credits = credits_for(conn, service.vault, ids)
    insight_ids = insights_by(conn, ids)
    steps = steps_of(conn, insight_ids.values())
    sendings = sendings_of(conn, insight_ids.values(), "forward")
    sent = sent_moments(conn, insight_ids.values())
    replies = replies_of(conn, service.vault, insight_ids.values())
    found = []
    for one in reversed(stored):
        place = discussion_by_id(conn, one.discussion_id)
        if place is None:
            continue
        insight_id = insight_ids.get(one.id)
        found.append(
            Contribution(
                stored=one,
                discussion=place,
                history=tuple(histories.get(one.id, ())),
                answers=answers(receipts[one.id]),
                credit=credits.get(one.id, Credit("role")),
                insight_id=insight_id,
                steps=tuple(steps[insight_id]) if insight_id else (),
                sent_at=sent.get(insight_id) if insight_id else None,
                recalls=tuple(recalls_of(conn, insight_id)) if insight_id else (),
                replies=tuple(replies[insight_id]) if insight_id else (),
                sending=sendings.get(insight_id) if insight_id else None,
            )
        )
    return found


def is_own(conn: sa.Connection, author_id: int, comment_id: int) -> bool:
    """Return whether a comment is this author's."""
    return comment_id in comment_ids_by(conn, author_id)


def is_on_notice(one: Contribution, community: Community) -> bool:
    """Return whether the editors may read a comment for as long as its author does not object."""
    if one.sending is not None:
        return basis_for(replace(one.sending, receipts=())) == "notice"
    is_public = one.discussion.discussion.audience == "public" and one.stored.comment.state == "visible"
    return community.forwarding == "notice" and is_public


def answer(
    service: Service,
    conn: sa.Connection,
    community: Community,
    comment_id: int,
    given: Mapping[Purpose, bool],
    at: datetime,
) -> None:
    """Store what an author answers for a comment, with a receipt for each answer that changed, and act on it."""
    known = answers(receipts_for(conn, [comment_id])[comment_id])
    for purpose, yes in given.items():
        if purpose not in known or known[purpose].given != yes:
            give(conn, comment_id, purpose, yes, None, at)
    if given.get("join_group") is False:
        # Who leaves by one press leaves, wherever else they once agreed.
        _leave_groups(conn, comment_id, at)
    insight_id = insights_by(conn, [comment_id]).get(comment_id)
    if insight_id is not None:
        put_up(service, conn, community, insight_id)
        if any(not yes and known.get(purpose) and known[purpose].given for purpose, yes in given.items()):
            reopen(service, conn, insight_id, by="author", at=at)
    tell_tags(service, conn, community, comment_id)


def _leave_groups(conn: sa.Connection, comment_id: int, at: datetime) -> None:
    author_id = author_of(conn, comment_id)
    theirs = comment_ids_by(conn, author_id) if author_id is not None else []
    for other_id, given in receipts_for(conn, theirs).items():
        answered = answers(given).get("join_group")
        if answered and answered.given:
            give(conn, other_id, "join_group", False, None, at)


def choose_credit(service: Service, conn: sa.Connection, comment_id: int, credit: Credit, at: datetime) -> None:
    """Store how an author wants to be credited from now on."""
    if credits_for(conn, service.vault, [comment_id]).get(comment_id) != credit:
        set_credit(conn, service.vault, comment_id, credit, at)


def choose_roles(
    service: Service,
    conn: sa.Connection,
    community: Community,
    comment_id: int,
    chosen: Mapping[str, bool],
    at: datetime,
) -> None:
    """Store which roles an author says they speak in (True) and which they do not (False), for one comment."""
    history = decisions_for(conn, [comment_id]).get(comment_id, [])
    last = {decision.type: decision.decided for decision in history if decision.source == "author"}
    for type_, is_theirs in chosen.items():
        decided: Decided = "confirmed" if is_theirs else "removed"
        if last.get(type_) != decided:
            tag = Tag(type_, 1.0, None, "author", source="author")
            decide_tag(conn, comment_id, tag, decided, source="author", by="author", at=at)
    tell_tags(service, conn, community, comment_id)


def erase(service: Service, conn: sa.Connection, community: Community, author_id: int, at: datetime) -> None:
    """Erase an author and all that they wrote, and call back what was sent of it."""
    theirs = comment_ids_by(conn, author_id)
    tell_groups(service, conn, community, author_id, is_leaving=True)
    call_back(service, conn, list(insights_by(conn, theirs).values()), CARRY_WORDS)
    erase_comments(conn, author_id, at)
    for comment_id in theirs:
        tell_tags(service, conn, community, comment_id)
    erase_author(conn, author_id)


def everything_of(service: Service, conn: sa.Connection, author_id: int) -> dict[str, Any]:
    """Return all that is held of an author as JSON can hold it: words, tags, agreements, sendings, outcomes."""
    address = address_of(conn, service.vault, author_id)
    return {
        "address": {"address": address.address, "frequency": address.frequency, "confirmed_at": address.verified_at}
        if address
        else None,
        "contributions": [_record(one) for one in contributions_of(service, conn, author_id)],
    }


def _record(one: Contribution) -> dict[str, Any]:
    comment = one.stored.comment
    return {
        "written_at": comment.created_at,
        "discussion": {"title": one.discussion.discussion.title, "url": one.discussion.discussion.url},
        "name": one.stored.author.display_name,
        "text": comment.text,
        "tags": [asdict(tag) for tag in one.stored.tags],
        "history_of_tags": [asdict(decision) for decision in one.history],
        "insight": asdict(one.stored.insight) if one.stored.insight else None,
        "urgent": asdict(one.stored.urgency) if one.stored.urgency else None,
        "agreements": [asdict(receipt) for receipt in one.answers.values()],
        "credit": asdict(one.credit),
        "mail_to_the_editors": {"status": one.stored.forwarded, "sent_at": one.sent_at},
        "called_back": [asdict(recall) for recall in one.recalls],
        "what_became_of_it": [asdict(step) for step in one.steps],
        # Who of the editors wrote it is theirs to say.
        "answers_of_the_editors": [{"text": reply.text, "at": reply.at} for reply in one.replies],
    }
