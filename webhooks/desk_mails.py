"""How editors hear of insights: their letters, what could not be sent, the rules, and the programs that are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.channels.webhook import address_mistake
from plugin.delivery import try_again
from plugin.forwarding import KINDS
from plugin.outcomes import NotAllowed, NotSaid
from plugin.routing import Conditions, Rule, check_rule, conditions_to_record, matches, target_from
from plugin.stakeholders import all_types, label_of
from plugin.store.addresses import FREQUENCIES, Frequency
from plugin.store.audit import record
from plugin.store.communities import Community
from plugin.store.desk_letters import set_wish, wish_of
from plugin.store.insights import on_desk
from plugin.store.opening import reading, writing
from plugin.store.outbox import CONTRIBUTOR, STAFF, Failed, MailKind, failed_mails, failed_to, waiting_mail
from plugin.store.receivers import PREFIX as RECEIVER
from plugin.store.receivers import (
    add_receiver,
    receiver_by_id,
    receivers_of,
    remove_receiver,
    resume_receiver,
)
from plugin.store.routes import add_rule, facts_of, last_comments, remove_rule, rules_of
from plugin.store.staff import editors_of, has_role
from plugin.store.themes import current_theme_lexicon
from plugin.wording import one_line
from webhooks.signatures import new_secret
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

HOUR = 8
MOST_FAILED = 100
# A rule is tried on so many of the newest comments before it is saved.
TRIED_ON = 100
LONGEST_NAME = 100
LONGEST_URL = 2_000

letters = Blueprint("desk_mails", __name__, url_prefix="/desk")


@dataclass(frozen=True, slots=True)
class FailedRow:
    """Something that could not be sent, as the page says it. It holds nobody's words."""

    id: int
    what: str
    to: str
    insight_id: int | None
    reason: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a rule would have done: how many comments were looked at, how many insights they held, and which fit."""

    comments: int
    insights: int
    matching: Sequence[tuple[int, str, str]]
    urgent_left_out: int


@letters.get("/mails")
@staff_only("editor")
def mails() -> str:
    """Show how the person at the screen hears of insights, and what could not be sent."""
    mine = {community.id: community for community in communities_for("editor")}
    with reading(service().db) as conn:
        wish = wish_of(conn, current_user.id)
        failed = _failed_rows(conn, mine, failed_mails(conn, list(mine), limit=MOST_FAILED))
    return render_template(
        "desk/mails.html",
        frequency=wish.frequency if wish else "never",
        hour=wish.hour if wish else HOUR,
        frequencies=WAYS,
        zone=next((one.time_zone for one in mine.values()), "UTC"),
        failed=failed,
        saved="saved" in request.args,
        tried="tried" in request.args,
    )


@letters.post("/mails")
@staff_only("editor")
def choose() -> ResponseReturnValue:
    """Keep how the person at the screen wants to hear."""
    frequency, hour = request.form.get("frequency", ""), request.form.get("hour", default=HOUR, type=int)
    if frequency not in FREQUENCIES or not 0 <= hour <= 23:
        abort(400)
    now, who = datetime.now(UTC), f"{STAFF}{current_user.id}"
    with writing(service().db) as conn:
        before = wish_of(conn, current_user.id)
        set_wish(conn, current_user.id, frequency, hour, now)
        record(
            conn,
            service().vault,
            by=who,
            act="desk_letter_chosen",
            subject=who,
            at=now,
            before={"frequency": before.frequency, "hour": before.hour} if before else None,
            after={"frequency": frequency, "hour": hour},
        )
    return redirect(url_for("desk_mails.mails", saved=1), 303)


@letters.post("/mails/<int:outbox_id>/again")
@staff_only("editor")
def again(outbox_id: int) -> ResponseReturnValue:
    """Try something again that could not be sent."""
    now = datetime.now(UTC)
    mine = {community.id for community in communities_for("editor")}
    with writing(service().db) as conn:
        failed = waiting_mail(conn, outbox_id)
        if failed is None or failed.community_id not in mine:
            abort(404)
        if try_again(service(), conn, failed, now):
            _record(conn, failed.community_id, "mail_tried", f"mail:{outbox_id}", now)
    return redirect(url_for("desk_mails.mails", tried=1), 303)


@letters.get("/routes")
@staff_only("editor")
def first_rules() -> ResponseReturnValue:
    """Go to the rules of the editor's first community."""
    mine = communities_for("editor")
    if not mine:
        abort(404)
    return redirect(url_for("desk_mails.rules", community=mine[0].slug))


@letters.get("/routes/<community>")
@staff_only("editor")
def rules(community: str) -> str:
    """Show a community's rules and the programs that they may tell."""
    return _rules_page(_community(community))


@letters.post("/routes/<community>")
@staff_only("editor")
def change_rules(community: str) -> ResponseReturnValue:
    """Try a new rule on the newest comments, then save it; or take one away."""
    here, now, act = _community(community), datetime.now(UTC), request.form.get("act", "")
    if act == "remove":
        rule_id = request.form.get("rule", default=0, type=int)
        with writing(service().db) as conn:
            if remove_rule(conn, here.id, rule_id):
                _record(conn, here.id, "rule_removed", f"rule:{rule_id}", now)
        return redirect(url_for("desk_mails.rules", community=here.slug), 303)
    if act not in ("try", "save"):
        abort(400)
    try:
        with writing(service().db) as conn:
            rule = _rule(conn, here)
            if act == "try":
                return _rules_page(here, dry_run=_dry_run(conn, here, rule), form=request.form)
            new = add_rule(conn, here.id, rule, by=f"staff:{current_user.id}", at=now)
            after = conditions_to_record(rule.conditions) | {"name": rule.name, "target": str(rule.target)}
            _record(conn, here.id, "rule_added", f"rule:{new}", now, after)
    except (NotSaid, NotAllowed) as wrong:
        return _rules_page(here, error=str(wrong), form=request.form), 422
    return redirect(url_for("desk_mails.rules", community=here.slug), 303)


@letters.post("/routes/<community>/receivers")
@staff_only("admin")
def change_receivers(community: str) -> ResponseReturnValue:
    """Add a program and show its secret, once; take one away; or let one be told again that was stopped."""
    here, now, act = _community(community, "admin"), datetime.now(UTC), request.form.get("act", "")
    receiver_id = request.form.get("receiver", default=0, type=int)
    if act == "add":
        name, url = one_line(request.form.get("name", "")), request.form.get("url", "").strip()
        mistake = _receiver_mistake(name, url, here)
        if mistake:
            return _rules_page(here, error=mistake, form=request.form), 422
        secret = new_secret()
        try:
            with writing(service().db) as conn:
                new = add_receiver(conn, service().vault, here.id, name, url, secret, now)
                _record(conn, here.id, "receiver_added", f"receiver:{new}", now, {"name": name, "url": url})
        except NotAllowed as wrong:
            return _rules_page(here, error=str(wrong), form=request.form), 422
        return _rules_page(here, secret=secret, made=name), 200, {"Cache-Control": "no-store"}
    if act not in ("remove", "resume"):
        abort(400)
    with writing(service().db) as conn:
        found = receiver_by_id(conn, receiver_id)
        if found is None or found.community_id != here.id:
            abort(404)
        if act == "remove":
            remove_receiver(conn, here.id, receiver_id)
            _record(conn, here.id, "receiver_removed", f"receiver:{receiver_id}", now)
        else:
            resume_receiver(conn, receiver_id)
            for failed in failed_to(conn, f"{RECEIVER}{receiver_id}"):
                try_again(service(), conn, failed, now)
            _record(conn, here.id, "receiver_resumed", f"receiver:{receiver_id}", now)
    return redirect(url_for("desk_mails.rules", community=here.slug), 303)


def _rules_page(
    here: Community,
    *,
    error: str | None = None,
    dry_run: DryRun | None = None,
    form: dict[str, str] | None = None,
    secret: str | None = None,
    made: str | None = None,
) -> str:
    with reading(service().db) as conn:
        editors = editors_of(conn, [here.id])
        programs = receivers_of(conn, [here.id])
        saved = rules_of(conn, here.id)
        themes = current_theme_lexicon(conn, here.id).words.themes
        is_admin = has_role(conn, current_user.id, "admin") and here.id in {one.id for one in communities_for("admin")}
    targets = {f"mail:{id_}": f"mail it to {address}" for id_, address in editors.items()}
    targets |= {f"assign:{id_}": f"give it to {address}" for id_, address in editors.items()}
    targets |= {f"webhook:{one.id}": f"tell the receiver {one.name}" for one in programs}
    labels = {theme.id: theme.label for theme in themes}
    return render_template(
        "desk/routes.html",
        here=here,
        communities=communities_for("editor"),
        rules=[(one, in_words(one.conditions, labels), targets.get(str(one.target), GONE)) for one in saved],
        targets=targets,
        types={type_: label_of(type_) for type_ in all_types()},
        themes=labels,
        kinds=KINDS,
        receivers=programs,
        is_admin=is_admin,
        error=error,
        dry_run=dry_run,
        form=form or {},
        secret=secret,
        made=made,
        tried_on=TRIED_ON,
    )


def in_words(conditions: Conditions, themes: dict[str, str]) -> str:
    """Return what a rule asks for, in words; `themes` are the names of the community's themes."""
    said = [
        *([KINDS[conditions.kind]] if conditions.kind else []),
        *([f"written by somebody who is {label_of(conditions.type).lower()}"] if conditions.type else []),
        *([f"about {themes.get(conditions.theme, conditions.theme)}"] if conditions.theme else []),
        *(["urgent" if conditions.urgent else "not urgent"] if conditions.urgent is not None else []),
    ]
    return ", ".join(said) or "every insight"


def _rule(conn: sa.Connection, here: Community) -> Rule:
    """Return the rule that the form asks for; raise NotSaid or NotAllowed with a sentence."""
    form = request.form
    urgent = {"yes": True, "no": False}.get(form.get("urgent", ""))
    kind = form.get("kind") or None
    type_, theme = form.get("type") or None, form.get("theme") or None
    known = {one.id for one in current_theme_lexicon(conn, here.id).words.themes}
    if (kind and kind not in KINDS) or (type_ and type_ not in all_types()) or (theme and theme not in known):
        abort(400)
    try:
        target = target_from(form.get("target", ""))
    except ValueError:
        raise NotSaid("target", "Please choose what is to be done, and for whom.") from None
    conditions = Conditions(type_, theme, kind, urgent)
    rule = Rule(0, one_line(form.get("name", "")), conditions, target)
    check_rule(rule)
    if target.deed == "webhook":
        receiver = receiver_by_id(conn, target.id)
        is_known = receiver is not None and receiver.community_id == here.id
    else:
        is_known = target.id in editors_of(conn, [here.id])
    if not is_known:
        raise NotAllowed(GONE.capitalize() + ".")
    return rule


def _dry_run(conn: sa.Connection, here: Community, rule: Rule) -> DryRun:
    looked_at, insight_ids = last_comments(conn, here.id, TRIED_ON)
    facts = facts_of(conn, insight_ids)
    fitting = [insight_id for insight_id in insight_ids if matches(rule, facts[insight_id])]
    asks_all = Rule(0, rule.name, rule.conditions, target_from("mail:0"))
    left_out = sum(matches(asks_all, one) for one in facts.values()) - len(fitting)
    listed = [
        (
            one.insight_id,
            KINDS[one.stored.insight.kind if one.stored.insight else "none"],
            one.discussion.discussion.title,
        )
        for one in on_desk(conn, service().vault, fitting)
    ]
    return DryRun(looked_at, len(insight_ids), listed, left_out)


def _failed_rows(conn: sa.Connection, mine: dict[int, Community], failed: Sequence[Failed]) -> list[FailedRow]:
    people = editors_of(conn, list(mine))
    programs = {f"{RECEIVER}{one.id}": f"the receiver {one.name}" for one in receivers_of(conn, list(mine))}

    def whom(recipient: str) -> str:
        if recipient == CONTRIBUTOR:
            return "a contributor"
        if recipient.startswith(STAFF):
            return people.get(int(recipient.removeprefix(STAFF)), "one of the staff")
        return programs.get(recipient, "a receiver") if recipient.startswith(RECEIVER) else recipient

    return [
        FailedRow(
            one.mail.id, WHAT[one.mail.kind], whom(one.mail.recipient), one.mail.insight_id, one.mail.reason, one.at
        )
        for one in failed
    ]


def _receiver_mistake(name: str, url: str, here: Community) -> str | None:
    if not name or len(name) > LONGEST_NAME:
        return f"Please give the receiver a name of at most {LONGEST_NAME} characters."
    if len(url) > LONGEST_URL:
        return "That address is too long."
    return address_mistake(url, here.private_host)


def _community(slug: str, role: str = "editor") -> Community:
    mine = communities_for("admin" if role == "admin" else "editor")
    found = next((one for one in mine if one.slug == slug), None)
    if found is None:
        abort(404)
    return found


def _record(
    conn: sa.Connection,
    community_id: int,
    act: str,
    subject: str,
    at: datetime,
    after: dict[str, object] | None = None,
) -> None:
    by = f"staff:{current_user.id}"
    record(conn, service().vault, by=by, act=act, subject=subject, at=at, community_id=community_id, after=after)


GONE = "somebody who is not there any longer"

WAYS: dict[Frequency, str] = {
    "never": "Nothing: the shared address has them all",
    "each": "Each one as it comes",
    "daily": "A digest a day",
    "weekly": "A digest a week, on Mondays",
}

WHAT: dict[MailKind, str] = {
    "forward": "A new insight",
    "urgent": "Something urgent",
    "recall": "The request to delete a copy",
    "news": "What became of what they shared",
    "verify": "The question whether an address is theirs",
    "link": "The link to their own page",
    "digest": "The moderators’ letter of the week",
    "desk_digest": "A digest",
    "enclosed": "A copy in a digest",
    "assigned": "That an insight was given to somebody",
    "reopened": "That an insight is open again",
    "woken": "That an insight is no longer asleep",
    "routed": "That something urgent is on the desk",
    "insight.new": "A webhook: a new insight",
    "insight.step": "A webhook: a step of an insight",
    "insight.recalled": "A webhook: an insight was taken back",
}
