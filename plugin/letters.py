"""What each kind of mail says, read from what holds at the moment it is sent; or why it is not sent after all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from plugin.basis import Withheld, basis_for, basis_on_desk
from plugin.channels.email import Mail
from plugin.consent import allows
from plugin.forwarding import KINDS, ForwardedCopy, forwarded_copy
from plugin.glances import Glance, glance_of
from plugin.model import Evidence
from plugin.outcomes import MEANINGS
from plugin.privacy import personal_data_in
from plugin.rendering import rendered
from plugin.service import Service
from plugin.store.addresses import StoredAddress, address_of, address_token
from plugin.store.balances import roles_in_discussions
from plugin.store.communities import Community, community_by_id
from plugin.store.consents import receipts_for
from plugin.store.desk import item_of
from plugin.store.desk_letters import DIGESTS, counts_by_state, laid_between, wish_of, woken_between
from plugin.store.digests import new_comments, staff_address, wants_digest
from plugin.store.discussions import discussions_of
from plugin.store.insights import StoredInsight, insight_by_id, on_desk
from plugin.store.links import LASTS, new_link
from plugin.store.outbox import STAFF, MailKind, Waiting, first_mail, waiting_mail
from plugin.store.queues import count_waiting
from plugin.store.replies import comments_answered_since
from plugin.store.routes import rules_of
from plugin.store.staff import communities_open_to, may_edit
from plugin.store.steps import Told, told_of

WEEK = timedelta(days=7)
NEWS = tuple(state for state, meaning in MEANINGS.items() if meaning.is_news)


@dataclass(frozen=True, slots=True)
class Letter:
    """A kind of mail: its template, its subject, and who writes it.

    `write` returns what the template is given beside the subject, or why there is nothing to send.
    """

    template: str
    subject: str
    write: Callable[[Service, sa.Connection, Waiting], "Written | Withheld"]


@dataclass(frozen=True, slots=True)
class Written:
    """A mail as far as it differs from others of its kind."""

    recipient: str
    title: str
    about: Mapping[str, object]
    answers: str | None = None
    stop_url: str | None = None


@dataclass(frozen=True, slots=True)
class DeskLine:
    """An insight in an editor's digest; `copy` is None where its words may not be mailed, with the reason."""

    insight_id: int
    title: str
    kind_words: str
    state: str
    url: str
    copy: ForwardedCopy | None
    withheld: str | None


@dataclass(frozen=True, slots=True)
class DigestLine:
    """A discussion in the letter of the week: how many comments are new, and who speaks there."""

    title: str
    url: str
    new: int
    glance: Glance


def mail_for(service: Service, conn: sa.Connection, waiting: Waiting) -> Mail | Withheld:
    """Return the mail of a row of the outbox as it is now, or why it is not sent."""
    letter = LETTERS[waiting.kind]
    written = letter.write(service, conn, waiting)
    if isinstance(written, Withheld):
        return written
    subject = letter.subject.format(title=written.title)
    return Mail(
        recipient=written.recipient,
        subject=subject,
        text=rendered(f"mail/{letter.template}.txt", **written.about),
        html=rendered(f"mail/{letter.template}.html", **written.about),
        message_id=sent_id(waiting),
        answers=written.answers,
        stop_url=written.stop_url,
    )


def sent_id(waiting: Waiting) -> str:
    """Return the Message-ID under which a mail goes this time: of the same time always the same."""
    if waiting.round == 1:
        return waiting.message_id
    before, _, host = waiting.message_id.rpartition("@")
    return f"{before}-{waiting.round}@{host}"


def copy_of(found: StoredInsight, public_url: str) -> ForwardedCopy:
    """Return what the mail about an insight says: the same for the mail and for the page that shows it."""
    stored = found.stored
    return forwarded_copy(
        comment=stored.comment,
        tags=stored.tags,
        evidence=_evidence(found),
        kind=stored.insight.kind if stored.insight else "none",
        personal_data=personal_data_in(stored.comment.text, known_names=found.names),
        discussion=found.discussion.discussion,
        desk_url=f"{public_url}{_place(found)}",
        credit=found.credit,
        name=stored.author.display_name,
        receipts=found.sending.receipts,
    )


def _about_an_insight(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    found = insight_by_id(conn, service.vault, waiting.id)
    if found is None:
        return Withheld("the comment is gone")
    basis = basis_for(found.sending)
    if isinstance(basis, Withheld):
        return basis
    address = _editor_address(conn, waiting)
    if isinstance(address, Withheld):
        return address
    copy = copy_of(found, service.public_url)
    return Written(address, copy.discussion_title, {"copy": copy, "basis": basis}, answers=_thread(conn, waiting))


def _about_an_item(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    """Write to one of the staff about one insight, without its words: they are on the desk."""
    found = insight_by_id(conn, service.vault, waiting.id)
    item = item_of(conn, waiting.insight_id) if waiting.insight_id else None
    if found is None or item is None or isinstance(basis_on_desk(found.sending), Withheld):
        return Withheld("the comment is gone, or may not be read any longer")
    if waiting.kind != "routed" and f"{STAFF}{item.assignee_id}" != waiting.recipient:
        return Withheld("it is somebody else's by now")
    address = _editor_address(conn, waiting)
    if isinstance(address, Withheld):
        return address
    title = found.discussion.discussion.title
    about = {
        "occasion": waiting.kind,
        "title": title,
        "kind_words": KINDS[found.stored.insight.kind if found.stored.insight else "none"],
        "state": MEANINGS[item.state].label,
        "desk_url": f"{service.public_url}/desk/insights/{item.id}",
    }
    return Written(address, title, about, answers=_thread(conn, waiting))


def _thread(conn: sa.Connection, waiting: Waiting) -> str | None:
    """Return the mail that this one belongs under: the first in which its reader, or the shared address, heard."""
    community = community_by_id(conn, waiting.community_id)
    if waiting.insight_id is None or community is None or waiting.kind == "urgent":
        return None
    first = first_mail(conn, waiting.insight_id, [waiting.recipient, community.editorial_address])
    # A mail that goes once more belongs under itself, as it went the first time.
    return first.message_id if first and sent_id(first) != sent_id(waiting) else None


def _editor_address(conn: sa.Connection, waiting: Waiting) -> str | Withheld:
    """Return where a mail goes: as the row says, or to the account that it names, if they are still an editor."""
    if not waiting.recipient.startswith(STAFF):
        return waiting.recipient
    user_id = int(waiting.recipient.removeprefix(STAFF))
    address = staff_address(conn, user_id)
    if address is None or not may_edit(conn, user_id, waiting.community_id):
        return Withheld("they are no editor of this community any longer")
    if waiting.kind == "forward" and not _hears_each(conn, user_id, waiting):
        return Withheld("they do not want it any longer")
    return address


def _hears_each(conn: sa.Connection, user_id: int, waiting: Waiting) -> bool:
    wish = wish_of(conn, user_id)
    targets = {str(rule.target) for rule in rules_of(conn, waiting.community_id)}
    return (wish is not None and wish.frequency == "each") or f"mail:{user_id}" in targets


def enclosed_by(service: Service, conn: sa.Connection, waiting: Waiting) -> list[int]:
    """Return the insights whose words stand in an editor's digest as it is now."""
    user_id = int(waiting.recipient.removeprefix(STAFF))
    return [line.insight_id for line in _desk_lines(service, conn, waiting, user_id) if line.copy]


def digest_ends(conn: sa.Connection, waiting: Waiting) -> datetime:
    """Return until when an editor's digest tells of what came to the desk: authors keep their time to object."""
    theirs = communities_open_to(conn, int(waiting.recipient.removeprefix(STAFF)), "editor")
    return waiting.created_at - timedelta(minutes=max((one.wait_minutes for one in theirs), default=0))


def _desk_digest(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    user_id = int(waiting.recipient.removeprefix(STAFF))
    address, wish = staff_address(conn, user_id), wish_of(conn, user_id)
    theirs = [one.id for one in communities_open_to(conn, user_id, "editor")]
    if address is None or wish is None or wish.frequency not in DIGESTS or not theirs:
        return Withheld("nobody wants it any longer")
    lines = _desk_lines(service, conn, waiting, user_id)
    woken_ids = woken_between(conn, theirs, user_id, wish.told_up_to, digest_ends(conn, waiting))
    woken = _lines_of(service, conn, woken_ids)
    if not lines and not woken:
        return Withheld("there is nothing new to tell")
    counts = counts_by_state(conn, theirs)
    about = {
        "lines": lines,
        "woken": woken,
        "counts": [(meaning.label, counts[state]) for state, meaning in MEANINGS.items() if counts[state]],
        "desk_url": f"{service.public_url}/desk/",
        "mails_url": f"{service.public_url}/desk/mails",
    }
    new = str(len(lines) or "none")
    return Written(address, f"{new}, and {len(woken)} that woke" if woken else new, about)


def _desk_lines(service: Service, conn: sa.Connection, waiting: Waiting, user_id: int) -> list[DeskLine]:
    wish = wish_of(conn, user_id)
    theirs = [one.id for one in communities_open_to(conn, user_id, "editor")]
    if wish is None or not theirs:
        return []
    new = laid_between(conn, theirs, wish.told_up_to, digest_ends(conn, waiting))
    return _lines_of(service, conn, new)


def _lines_of(service: Service, conn: sa.Connection, insight_ids: list[int]) -> list[DeskLine]:
    return [
        _desk_line(service, found)
        for found in on_desk(conn, service.vault, insight_ids)
        if not isinstance(basis_on_desk(found.sending), Withheld)
    ]


def _desk_line(service: Service, found: StoredInsight) -> DeskLine:
    basis = basis_for(found.sending)
    copy = copy_of(found, service.public_url)
    withheld = basis.reason if isinstance(basis, Withheld) else None
    return DeskLine(
        insight_id=found.insight_id,
        title=copy.discussion_title,
        kind_words=copy.kind_words,
        state=MEANINGS[found.state].label,
        url=copy.desk_url,
        copy=None if withheld else copy,
        withheld=withheld,
    )


def _recall(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    original = waiting_mail(conn, waiting.recalls_id) if waiting.recalls_id else None
    sent_at = original and f"{original.created_at.day} {original.created_at:%B %Y}"
    about = {"confirm_url": f"{service.public_url}/desk/recalls/{waiting.id}", "sent_at": sent_at}
    recipient: str | None = waiting.recipient
    if waiting.recipient.startswith(STAFF):
        # Whoever has a copy is asked, an editor or not by now.
        recipient = staff_address(conn, int(waiting.recipient.removeprefix(STAFF)))
    if recipient is None:
        return Withheld("their account is gone")
    if original and original.kind == "enclosed":
        # The words stood in a digest, and that is the mail to delete.
        digest = waiting_mail(conn, original.recalls_id) if original.recalls_id else None
        return Written(recipient, "", about, answers=sent_id(digest) if digest else None)
    # The mail may be on its way once more by now: this is about the time before.
    called_back = replace(original, round=waiting.up_to or 1) if original else None
    return Written(recipient, "", about, answers=sent_id(called_back) if called_back else None)


def _news(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    known = _contributor(service, conn, waiting)
    if isinstance(known, Withheld):
        return known
    address, community = known
    if address.verified_at is None or address.frequency == "never":
        return Withheld("the contributor does not want mails")
    told: list[Told] = told_of(
        conn, address.author_id, after_id=address.told_up_to, up_to=waiting.up_to or 0, states=NEWS
    )
    if not told:
        return Withheld("the contributor knows already")
    stop = f"{service.public_url}/members/{community.slug}/stop/{address_token(service.vault, address, 'stop')}"
    mine = _own_page(service, conn, community, address.author_id)
    about = {"news": told, "meanings": MEANINGS, "community": community, "page_url": mine, "stop_url": stop}
    return Written(address.address, community.name, about, stop_url=stop)


def _reply(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    known = _contributor(service, conn, waiting)
    if isinstance(known, Withheld):
        return known
    address, community = known
    if address.verified_at is None or address.frequency == "never":
        return Withheld("the contributor does not want mails")
    answered = comments_answered_since(conn, address.author_id, waiting.up_to or 0)
    if not any(allows(receipts, "contact") for receipts in receipts_for(conn, answered).values()):
        return Withheld("the contributor has not agreed that anybody writes to them")
    stop = f"{service.public_url}/members/{community.slug}/stop/{address_token(service.vault, address, 'stop')}"
    mine = _own_page(service, conn, community, address.author_id)
    about = {"community": community, "page_url": mine, "stop_url": stop}
    return Written(address.address, community.name, about, stop_url=stop)


def reply_as_mailed(service: Service, community: Community) -> tuple[str, str]:
    """Return the subject and the text of the mail that tells of an answer, with dots where it has links of its own."""
    letter = LETTERS["reply"]
    page = f"{service.public_url}/members/{community.slug}"
    about = {"community": community, "page_url": f"{page}/mine/…", "stop_url": f"{page}/stop/…"}
    return letter.subject.format(title=community.name), rendered(f"mail/{letter.template}.txt", **about)


def _verify(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    known = _contributor(service, conn, waiting)
    if isinstance(known, Withheld):
        return known
    address, community = known
    if address.verified_at is not None:
        return Withheld("the address is confirmed already")
    token = address_token(service.vault, address, "verify")
    about = {"community": community, "verify_url": f"{service.public_url}/members/{community.slug}/address/{token}"}
    return Written(address.address, community.name, about)


def _link(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    known = _contributor(service, conn, waiting)
    if isinstance(known, Withheld):
        return known
    address, community = known
    if address.verified_at is None:
        return Withheld("the address is not confirmed")
    about = {"community": community, "page_url": _own_page(service, conn, community, address.author_id)}
    return Written(address.address, community.name, about)


def _digest(service: Service, conn: sa.Connection, waiting: Waiting) -> Written | Withheld:
    user_id = int(waiting.recipient.removeprefix("staff:"))
    address = staff_address(conn, user_id)
    theirs = {one.id: one for one in communities_open_to(conn, user_id, "moderator")}
    if address is None or not theirs or not wants_digest(conn, user_id):
        return Withheld("nobody wants it any longer")
    new = new_comments(conn, theirs.keys(), waiting.created_at - WEEK)
    if not new:
        return Withheld("there is nothing new to tell")
    roles = roles_in_discussions(conn, theirs.keys())
    told = [
        DigestLine(
            title=row.stored.discussion.title,
            url=f"{service.public_url}/moderators/discussions/{row.stored.id}",
            new=new[row.stored.id],
            glance=glance_of(
                roles.get(row.stored.id, {}).values(), row.people, theirs[row.stored.community_id].expected_types
            ),
        )
        for row in discussions_of(conn, theirs.keys())
        if row.stored.id in new
    ]
    waits = sum(count_waiting(conn, theirs.keys()).values())
    about = {"lines": told, "waits": waits, "home_url": f"{service.public_url}/moderators/"}
    return Written(address, "", about)


def _contributor(service: Service, conn: sa.Connection, waiting: Waiting) -> tuple[StoredAddress, Community] | Withheld:
    address = address_of(conn, service.vault, waiting.author_id) if waiting.author_id else None
    community = community_by_id(conn, waiting.community_id)
    if address is None or community is None:
        return Withheld("the contributor has no address any longer")
    return address, community


def _own_page(service: Service, conn: sa.Connection, community: Community, author_id: int) -> str:
    # Made when the mail is sent: a job carries ids only, and the database holds no link.
    token = new_link(conn, author_id, datetime.now(UTC), lasts=LASTS)
    return f"{service.public_url}/members/{community.slug}/mine/{token}"


def _place(found: StoredInsight) -> str:
    # What is urgent is read beside its mail, by moderators; the desk knows an insight by its own number.
    return f"/moderators/urgent/{found.mail_id}" if found.kind == "urgent" else f"/desk/insights/{found.insight_id}"


def _evidence(found: StoredInsight) -> tuple[Evidence, ...]:
    about = found.stored.urgency if found.kind == "urgent" else found.stored.insight
    return about.evidence if about else ()


LETTERS: dict[MailKind, Letter] = {
    # The subject says nothing of who speaks: it shows on a lock screen (RULINGS).
    "forward": Letter("new_insight", "New insight: {title}", _about_an_insight),
    "urgent": Letter("urgent", "Please look now: {title}", _about_an_insight),
    "recall": Letter("recall", "Please delete your copy of an insight", _recall),
    "news": Letter("news", "What became of what you shared with {title}", _news),
    "reply": Letter("reply", "The editors of {title} have answered you", _reply),
    "verify": Letter("verify", "Please confirm your address for {title}", _verify),
    "link": Letter("link", "Your own page at {title}", _link),
    "digest": Letter("digest", "Your discussions this week", _digest),
    "desk_digest": Letter("desk_digest", "New insights: {title}", _desk_digest),
    "assigned": Letter("about_item", "Yours to look at: {title}", _about_an_item),
    "reopened": Letter("about_item", "Open again: {title}", _about_an_item),
    "woken": Letter("about_item", "Somebody has answered: {title}", _about_an_item),
    "routed": Letter("about_item", "Please look at the desk: {title}", _about_an_item),
}
