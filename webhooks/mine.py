"""What a contributor meets on their own page: their comments, the tags, what they agreed to, and what became of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin import contributors
from plugin.consent import CREDITS, FIRST, LATER, Credit, Purpose, newest_wording
from plugin.contributors import Contribution, contributions_of, everything_of
from plugin.crediting import source_words, speaker_words
from plugin.delivery import ask_address, mail_link
from plugin.doors import Door, doors_for, doors_of
from plugin.excerpts import Piece, pieces_of
from plugin.explaining import explanation_of
from plugin.model import Tag
from plugin.outcomes import MEANINGS
from plugin.stakeholders import label_of, main_types, other_types
from plugin.store.addresses import (
    FREQUENCIES,
    StoredAddress,
    address_by_token,
    address_of,
    confirm_address,
    forget_address,
    set_frequency,
)
from plugin.store.authors import members_called, native_id_of
from plugin.store.communities import Community, community_by_slug
from plugin.store.opening import reading, writing
from plugin.telling import has_inbox, send_private_link
from plugin.wording import one_line
from webhooks.audience import open_to_all
from webhooks.knowing import LinkOver, Visitor, refuse_other_sites, visitor
from webhooks.wiring import service

LONGEST_NAME = 60
LONGEST_ADDRESS = 254
# For so long may what somebody wrote be about what they need now.
STILL_LATE = timedelta(days=14)

mine = Blueprint("mine", __name__, url_prefix="/members")


@dataclass(frozen=True, slots=True)
class Told:
    """A tag as its author sees it: the role, the words behind it, why, and where we know it from."""

    type: str
    speaker: str
    evidence: str | None
    why: str
    source: str
    is_confirmed: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of what became of a contribution."""

    at: datetime | None
    words: str
    title: str | None = None
    link: str | None = None
    body: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One purpose with the words in which it is asked, and the answer that holds: yes, no or None."""

    purpose: Purpose
    words: str
    answer: bool | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One contribution as the page shows it."""

    id: int
    one: Contribution
    pieces: tuple[Piece, ...]
    tags: tuple[Told, ...]
    others: tuple[str, ...]
    asked: tuple[Asked, ...]
    lines: tuple[Line, ...]
    on_notice: bool


@mine.get("/<community>/mine/<token>")
@open_to_all
def page(community: str, token: str) -> str:
    """Show a contributor everything that is theirs."""
    with reading(service().db) as conn:
        who = visitor(conn, community, token)
        found = contributions_of(service(), conn, who.author.id)
        address = address_of(conn, service().vault, who.author.id)
        asks_for_a_fresh_link = _needs_fresh_link(conn, who)
    return render_template(
        "members/mine.html",
        community=who.community,
        token=token,
        shown=[_shown(one, who) for one in found],
        address=address,
        frequencies=FREQUENCIES,
        credits=CREDITS,
        labels={type_: label_of(type_) for type_ in (*main_types(), *other_types())},
        doors=_doors(found, who),
        other_doors=(),
        asks_for_a_fresh_link=asks_for_a_fresh_link,
        done=request.args.get("done", ""),
        longest_name=LONGEST_NAME,
    )


@mine.post("/<community>/mine/<token>/comments/<int:comment_id>/roles")
@open_to_all
def roles(community: str, token: str, comment_id: int) -> ResponseReturnValue:
    """Confirm, change, remove or add a role, by one press."""
    refuse_other_sites()
    chosen: dict[str, bool] = {}
    for field, is_theirs in (("remove", False), ("change", False), ("confirm", True), ("add", True)):
        type_ = request.form.get(field)
        if type_:
            chosen[type_] = is_theirs
    if "change" in request.form:
        chosen[request.form.get("to", "")] = True
    if not chosen or not chosen.keys() <= {*main_types(), *other_types()}:
        abort(400)
    with writing(service().db) as conn:
        who = _own(conn, community, token, comment_id)
        contributors.choose_roles(service(), conn, who.community, comment_id, chosen, datetime.now(UTC))
    return _back(community, token, comment_id)


@mine.post("/<community>/mine/<token>/comments/<int:comment_id>/answers")
@open_to_all
def answers(community: str, token: str, comment_id: int) -> ResponseReturnValue:
    """Agree to a purpose or take an agreement back, by one press either way."""
    refuse_other_sites()
    given = {
        purpose: value == "yes"
        for purpose, value in request.form.items()
        if purpose in (FIRST, *LATER, "show_tag", "join_group") and value in ("yes", "no")
    }
    if not given:
        abort(400)
    with writing(service().db) as conn:
        who = _own(conn, community, token, comment_id)
        contributors.answer(service(), conn, who.community, comment_id, given, datetime.now(UTC))
    return _back(community, token, comment_id)


@mine.post("/<community>/mine/<token>/comments/<int:comment_id>/credit")
@open_to_all
def credit(community: str, token: str, comment_id: int) -> ResponseReturnValue:
    """Choose how to be credited."""
    refuse_other_sites()
    kind = request.form.get("credit")
    name = one_line(request.form.get("name", ""))[:LONGEST_NAME] if kind == "chosen" else ""
    if kind not in CREDITS:
        abort(400)
    if kind == "chosen" and not name:
        return _back(community, token, comment_id, done=f"unnamed-{comment_id}")
    with writing(service().db) as conn:
        _own(conn, community, token, comment_id)
        choice = Credit(kind, name or None)
        contributors.choose_credit(service(), conn, comment_id, choice, datetime.now(UTC))
    return _back(community, token, comment_id)


@mine.post("/<community>/mine/<token>/address")
@open_to_all
def address(community: str, token: str) -> ResponseReturnValue:
    """Keep an address to be told at, change how often, or let go of it."""
    refuse_other_sites()
    frequency = request.form.get("frequency", "each")
    given = request.form.get("address", "").strip()
    if frequency not in FREQUENCIES:
        abort(400)
    if given and not is_address(given):
        return _back(community, token, done="no-address", anchor="told")
    with writing(service().db) as conn:
        who = visitor(conn, community, token)
        if "forget" in request.form:
            forget_address(conn, who.author.id)
        elif given:
            ask_address(service(), conn, who.community.id, who.author.id, given, frequency)
        else:
            set_frequency(conn, who.author.id, frequency)
    return _back(community, token, done="told", anchor="told")


@mine.post("/<community>/mine/<token>/fresh")
@open_to_all
def fresh(community: str, token: str) -> ResponseReturnValue:
    """Send a fresh link: to the address that its owner confirmed, or to their inbox on the forum."""
    refuse_other_sites()
    with writing(service().db) as conn:
        who = visitor(conn, community, token)
        if _is_confirmed(address_of(conn, service().vault, who.author.id)):
            mail_link(service(), conn, who.community.id, who.author.id)
        else:
            send_private_link(service(), conn, who.community, who.author.id)
    return _back(community, token, done="fresh", anchor="all")


@mine.get("/<community>/link")
@open_to_all
def ask_for_link(community: str) -> str:
    """Ask under which name somebody wrote, to have the link to their page sent to their inbox on the forum."""
    host = _host(community)
    with reading(service().db) as conn:
        is_sent = has_inbox(conn, host)
    return render_template("members/link.html", community=host, has_inbox=is_sent, is_done=False)


@mine.post("/<community>/link")
@open_to_all
def send_link(community: str) -> str:
    """Send the link where that name is known; the answer is the same where it is not."""
    refuse_other_sites()
    host = _host(community)
    name = one_line(request.form.get("name", ""))[:LONGEST_NAME]
    with writing(service().db) as conn:
        for author_id in members_called(conn, host.id, name) if name else ():
            send_private_link(service(), conn, host, author_id)
    return render_template("members/link.html", community=host, is_done=True)


@mine.post("/<community>/mine/<token>/download")
@open_to_all
def download(community: str, token: str) -> ResponseReturnValue:
    """Hand over everything that is held of a contributor, as JSON."""
    refuse_other_sites()
    with reading(service().db) as conn:
        who = visitor(conn, community, token)
        _insist_on_fresh_link(conn, who)
        found = everything_of(service(), conn, who.author.id)
    answer = Response(json.dumps(found, default=_plain, ensure_ascii=False, indent=2), mimetype="application/json")
    answer.headers["Content-Disposition"] = "attachment; filename=my-contributions.json"
    return answer


@mine.post("/<community>/mine/<token>/erase")
@open_to_all
def erase(community: str, token: str) -> ResponseReturnValue:
    """Ask once more, and then erase everything that is held of a contributor."""
    refuse_other_sites()
    is_sure = request.form.get("sure") == "yes"
    with writing(service().db) as conn:
        who = visitor(conn, community, token)
        _insist_on_fresh_link(conn, who)
        if is_sure:
            contributors.erase(service(), conn, who.community, who.author.id, datetime.now(UTC))
    template = "members/erased.html" if is_sure else "members/erase.html"
    return render_template(template, community=who.community, token=token)


@mine.get("/<community>/address/<token>")
@open_to_all
def ask_to_confirm(community: str, token: str) -> str:
    """Show the one button that confirms an address: mail scanners follow links, and press nothing."""
    with reading(service().db) as conn:
        _address(conn, token, "verify")
    return render_template("members/address.html", slug=community, token=token, purpose="verify", is_done=False)


@mine.post("/<community>/address/<token>")
@open_to_all
def confirm(community: str, token: str) -> str:
    """Confirm an address."""
    with writing(service().db) as conn:
        confirm_address(conn, _address(conn, token, "verify").id, datetime.now(UTC))
    return render_template("members/address.html", slug=community, token=token, purpose="verify", is_done=True)


@mine.get("/<community>/stop/<token>")
@open_to_all
def ask_to_stop(community: str, token: str) -> str:
    """Show the one button that ends the mails."""
    with reading(service().db) as conn:
        _address(conn, token, "stop")
    return render_template("members/address.html", slug=community, token=token, purpose="stop", is_done=False)


@mine.post("/<community>/stop/<token>")
@open_to_all
def stop(community: str, token: str) -> str:
    """End the mails. A mail program may press this for its reader (RFC 8058), so no page of ours need come before."""
    with writing(service().db) as conn:
        set_frequency(conn, _address(conn, token, "stop").author_id, "never")
    return render_template("members/address.html", slug=community, token=token, purpose="stop", is_done=True)


@mine.errorhandler(LinkOver)
def link_over(_error: LinkOver) -> ResponseReturnValue:
    """Say kindly that a link opens nothing, and how to get another."""
    return render_template("members/link_over.html"), 410


@mine.after_request
def keep_nothing(response: Response) -> Response:
    """Let no cache keep a private page, and no other site learn its address."""
    response.headers["Cache-Control"] = "no-store"
    # Our own forms must say where they come from; nobody else is told anything.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def is_address(given: str) -> bool:
    """Return whether this could be a mail address: enough to send the request to confirm it."""
    before, at, host = given.rpartition("@")
    is_plain = len(given) <= LONGEST_ADDRESS and given.isprintable() and not any(c in given for c in ' <>,;"()')
    return is_plain and bool(at and before and "." in host.strip(".") and "@" not in before)


def _own(conn: sa.Connection, community: str, token: str, comment_id: int) -> Visitor:
    who = visitor(conn, community, token)
    if not contributors.is_own(conn, who.author.id, comment_id):
        abort(404)
    return who


def _address(conn: sa.Connection, token: str, purpose: Any) -> StoredAddress:
    stored = address_by_token(conn, service().vault, token, purpose)
    if stored is None:
        raise LinkOver
    return stored


def _back(
    community: str, token: str, comment_id: int | None = None, *, done: str | None = None, anchor: str | None = None
) -> ResponseReturnValue:
    anchor = anchor or f"comment-{comment_id}"
    done = done or f"saved-{comment_id}"
    return redirect(url_for("mine.page", community=community, token=token, done=done, _anchor=anchor), 303)


def _host(slug: str) -> Community:
    with reading(service().db) as conn:
        found = community_by_slug(conn, slug)
    if found is None:
        abort(404)
    return found


def _needs_fresh_link(conn: sa.Connection, who: Visitor) -> bool:
    """Return whether somebody must ask for a new link first: where there is a way to send them one."""
    has_a_way = _is_confirmed(address_of(conn, service().vault, who.author.id)) or (
        has_inbox(conn, who.community) and native_id_of(conn, who.author.id) is not None
    )
    return has_a_way and not who.author.is_fresh


def _is_confirmed(address: StoredAddress | None) -> bool:
    return address is not None and address.verified_at is not None


def _insist_on_fresh_link(conn: sa.Connection, who: Visitor) -> None:
    if _needs_fresh_link(conn, who):
        abort(403)


def _shown(one: Contribution, who: Visitor) -> Shown:
    stored = one.stored
    text = stored.comment.text
    standing = {tag.type for tag in stored.tags}
    purposes: list[Purpose] = [FIRST, *LATER] + (["show_tag"] if who.community.public_tags == "consented" else [])
    purposes += ["join_group"] if who.has_groups and stored.author.native_id else []
    return Shown(
        id=stored.id,
        one=one,
        pieces=pieces_of(text, says=[(tag.evidence.start, tag.evidence.end) for tag in stored.tags if tag.evidence]),
        tags=tuple(_told(tag, text) for tag in stored.tags),
        others=tuple(type_ for type_ in (*main_types(), *other_types()) if type_ not in standing),
        asked=tuple(_asked(purpose, one, who) for purpose in purposes),
        lines=_lines(one),
        on_notice=contributors.is_on_notice(one, who.community),
    )


def _doors(found: Sequence[Contribution], who: Visitor) -> tuple[Door, ...]:
    """Return the doors that what somebody wrote of late suggests, urgent help first."""
    late = datetime.now(UTC) - STILL_LATE
    texts = [one.stored.comment.text for one in found if one.stored.comment.updated_at > late]
    needs = {need.kind for text in texts for need in doors_for(text)}
    return tuple(door for door in doors_of(who.community.doors) if door.kind in needs)


def _told(tag: Tag, text: str) -> Told:
    says = [one for one in explanation_of(text).findings if one.counted and one.type == tag.type] if text else []
    why = says[0].reason if says and tag.evidence else ""
    evidence = tag.evidence.text if tag.evidence else None
    return Told(tag.type, speaker_words(tag), evidence, why, source_words(tag), tag.source == "author")


def _asked(purpose: Purpose, one: Contribution, who: Visitor) -> Asked:
    words = newest_wording(purpose).words.format(community=who.community.name)
    answer = one.answers.get(purpose)
    return Asked(purpose, words, answer.given if answer else None, answer.at if answer else None)


def _lines(one: Contribution) -> tuple[Line, ...]:
    lines = [Line(one.sent_at, "The editors have received it.")] if one.sent_at else []
    for step in one.steps:
        told = MEANINGS[step.state].told
        if told:
            lines.append(Line(step.at, told, step.title, step.link, step.body, step.reason))
    for recall in one.recalls:
        lines.append(Line(recall.asked_at, "You took it back. The editors were asked to delete their copy."))
        if recall.confirmed_at:
            lines.append(Line(recall.confirmed_at, "The editors said that their copy is gone."))
        else:
            lines.append(Line(None, "The editors have not said yet that their copy is gone."))
    return tuple(lines)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(type(value).__name__)
