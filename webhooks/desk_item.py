"""One insight at the editors' desk: each act is a form of its own, and one that came too late loses nothing."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import cast, get_args

import sqlalchemy as sa
from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin import answering
from plugin import desk as acts
from plugin.correcting import NotDone
from plugin.desk import Actor
from plugin.duplicates import differences
from plugin.letters import reply_as_mailed
from plugin.outcomes import LONGEST_SAID, MEANINGS, NotAllowed, NotSaid, State, Step
from plugin.replying import check_reply, filled
from plugin.store.audit import record
from plugin.store.desk import Said, Stale, item_of, note_presence
from plugin.store.opening import reading, writing
from plugin.store.outbox import confirm_recall, confirmed_at, waiting_mail
from plugin.store.replies import saved_reply
from plugin.store.steps import steps_of
from plugin.wording import one_line, tidy_text
from webhooks.correcting import ComeTooLate, asked_for, lock_as_seen, make_correction, meanwhile
from webhooks.desk_page import (
    LEFT,
    Desk,
    Past,
    Problem,
    beginning_of,
    desk_of,
    is_credited,
    names_of,
    page_of,
    since,
    words_in,
)
from webhooks.editors import desk
from webhooks.staff import communities_for, staff_only
from webhooks.wiring import service

# What an act does, inside one transaction: it returns the key of what is said afterwards (DONE).
Doing = Callable[[sa.Connection, Desk, Actor], str]


@desk.get("/insights/<int:insight_id>")
@staff_only("editor")
def insight(insight_id: int) -> str:
    """Show one insight with all that can be done with it, and note that somebody has it open."""
    with reading(service().db) as conn:
        page = page_of(conn, desk_of(conn, insight_id), done=DONE.get(request.args.get("done", "")))
    with writing(service().db) as conn:
        # Its author may have had it erased this very moment.
        if item_of(conn, insight_id):
            note_presence(conn, insight_id, current_user.id, datetime.now(UTC))
    return page


@desk.post("/insights/<int:insight_id>/steps")
@staff_only("editor")
def step(insight_id: int) -> ResponseReturnValue:
    """Say what was done with an insight; its contributor is told of most of it."""

    def take(conn: sa.Connection, one: Desk, actor: Actor) -> str:
        _may_be_read(one)
        state = request.form.get("state", "")
        if state not in get_args(State):
            abort(400)
        needs = MEANINGS[cast(State, state)].needs
        said = {field: one_line(request.form.get(field, ""))[:LONGEST_SAID] or None for field in needs}
        acts.take(service(), conn, insight_id, Step(cast(State, state), actor.at, **said), actor)
        return "step"

    return _done(insight_id, "step", take)


@desk.post("/insights/<int:insight_id>/assignee")
@staff_only("editor")
def assign(insight_id: int) -> ResponseReturnValue:
    """Give an insight to oneself, to a colleague, or to nobody."""
    to = request.form.get("to", "")
    if to not in ("", "me") and not (to.isascii() and to.isdigit()):
        abort(400)

    def give(conn: sa.Connection, one: Desk, actor: Actor) -> str:
        user_id = current_user.id if to == "me" else int(to) if to else None
        acts.assign(service(), conn, one.item.id, user_id, actor)
        return "assigned"

    return _done(insight_id, "assign", give)


@desk.post("/insights/<int:insight_id>/notes")
@staff_only("editor")
def note(insight_id: int) -> ResponseReturnValue:
    """Keep a note for colleagues: it never leaves the desk, and is in nobody's way."""

    def keep(conn: sa.Connection, one: Desk, actor: Actor) -> str:
        acts.note(service(), conn, one.item.id, tidy_text(request.form.get("note", "")), actor)
        return "noted"

    return _done(insight_id, "note", keep, needs_version=False)


@desk.post("/insights/<int:insight_id>/sleep")
@staff_only("editor")
def sleep(insight_id: int) -> ResponseReturnValue:
    """Put an insight out of the way until a day begins, by the community's clock, or until somebody replies."""

    def put_away(conn: sa.Connection, one: Desk, actor: Actor) -> str:
        until = None
        if request.form.get("do") != "reply":
            until = beginning_of(request.form.get("until", ""), one.community)
            if until is None:
                raise NotSaid("until", "Please choose a day, such as 3 June 2027.")
        acts.snooze(service(), conn, one.item.id, until, actor)
        return "snoozed"

    return _done(insight_id, "sleep", put_away)


@desk.post("/insights/<int:insight_id>/wake")
@staff_only("editor")
def wake(insight_id: int) -> ResponseReturnValue:
    """Bring an insight back that was put out of the way."""

    def bring_back(conn: sa.Connection, one: Desk, actor: Actor) -> str:
        acts.wake(service(), conn, one.item.id, actor)
        return "woken"

    return _done(insight_id, "sleep", bring_back)


@desk.post("/insights/<int:insight_id>/tags")
@staff_only("editor")
def tags(insight_id: int) -> ResponseReturnValue:
    """Correct who speaks, by the rules that hold for moderators."""
    asked = asked_for(request.form.get("type", ""))

    def correct(conn: sa.Connection, one: Desk, _actor: Actor) -> str:
        _may_be_read(one)
        if not is_credited(one):
            raise NotAllowed("Its author asks for no credit, so their role does not stand here.")
        lock_as_seen(conn, one.item.comment_id, request.form.get("seen", ""))
        make_correction(conn, one.item.comment_id, asked)
        return "tags"

    return _done(insight_id, "tags", correct, needs_version=False)


@desk.post("/insights/<int:insight_id>/reply")
@staff_only("editor")
def reply(insight_id: int) -> ResponseReturnValue:
    """Fill the answer from a saved reply, show it as its reader will see it, or send it."""
    do = request.form.get("do", "preview")
    if do == "send":
        return _done(insight_id, "reply", _send_reply)
    text = tidy_text(request.form.get("reply", ""))
    with reading(service().db) as conn:
        one = desk_of(conn, insight_id)
        if do == "fill":
            text = "\n\n".join(part for part in (text.strip(), _from_saved(conn, one)) if part)
        if do != "preview":
            return page_of(conn, one, act="reply", said={"reply": text})
        try:
            _may_be_read(one)
            check_reply(text)
        except NotSaid as missing:
            return _kept(conn, one, "reply", Problem(str(missing), missing.field)), 422
        except NotAllowed as wrong:
            return _kept(conn, one, "reply", Problem(str(wrong))), 409
        subject, mail = reply_as_mailed(service(), one.community)
        return render_template(
            "desk/reply.html",
            item=one.item,
            copy=one.copy,
            text=text,
            seen=_seen(),
            seen_as=[Said(0, text, "", datetime.now(UTC))],
            community=one.community,
            hearing=answering.hearing_for(service(), conn, one.community, insight_id),
            subject=subject,
            mail=mail,
        )


@desk.get("/insights/<int:insight_id>/beside")
@staff_only("editor")
def beside(insight_id: int) -> ResponseReturnValue:
    """Show two insights side by side with what differs, and the form that merges them."""
    other_id = request.args.get("other", type=int)
    with reading(service().db) as conn:
        one = desk_of(conn, insight_id)
        if other_id is None or other_id == insight_id:
            problem = Problem("Please give the number of another insight.", "other")
            return page_of(conn, one, act="merge", said=request.args, problem=problem), 422
        return _beside(one, desk_of(conn, other_id))


@desk.post("/insights/<int:insight_id>/merge")
@staff_only("editor")
def merge(insight_id: int) -> ResponseReturnValue:
    """Merge two insights: one of them stands for both from now on."""
    with reading(service().db) as conn:
        desk_of(conn, insight_id)
    other_id, lead_id = (request.form.get(name, type=int) for name in ("other", "lead"))
    if other_id is None or lead_id not in (insight_id, other_id):
        abort(400)
    merged_id = insight_id if lead_id == other_id else other_id
    actor = Actor(f"staff:{current_user.id}", datetime.now(UTC), request.form.get(f"seen-{merged_id}", type=int))
    if actor.seen is None:
        abort(400)
    try:
        with writing(service().db) as conn:
            for one in (desk_of(conn, insight_id), desk_of(conn, other_id)):
                _may_be_read(one)
            acts.merge(service(), conn, merged_id, lead_id, actor)
    except (NotAllowed, Stale) as wrong:
        sentence = str(wrong) if isinstance(wrong, NotAllowed) else TOO_LATE
        with reading(service().db) as conn:
            return _beside(desk_of(conn, insight_id), desk_of(conn, other_id), sentence), 409
    return redirect(url_for("editors.insight", insight_id=lead_id, done="merged"), 303)


@desk.post("/insights/<int:insight_id>/unmerge")
@staff_only("editor")
def unmerge(insight_id: int) -> ResponseReturnValue:
    """Take an insight out of what it was merged into, by one press."""
    lead: list[int] = []

    def take_out(conn: sa.Connection, one: Desk, actor: Actor) -> str:
        lead.append(one.item.into_id or insight_id)
        acts.unmerge(service(), conn, insight_id, actor)
        return "unmerged"

    return _done(insight_id, "merge", take_out, needs_version=False, back_to=lead)


@desk.get("/recalls/<int:outbox_id>")
@staff_only("editor")
def recall(outbox_id: int) -> str:
    """Ask whether the copy that was called back is gone."""
    with reading(service().db) as conn:
        _recalled(conn, outbox_id)
        return render_template("desk/recall.html", outbox_id=outbox_id, confirmed_at=confirmed_at(conn, outbox_id))


@desk.post("/recalls/<int:outbox_id>")
@staff_only("editor")
def confirm(outbox_id: int) -> ResponseReturnValue:
    """Record that the copy is gone; its author sees it on their page."""
    with writing(service().db) as conn:
        community_id = _recalled(conn, outbox_id)
        by, now = f"staff:{current_user.id}", datetime.now(UTC)
        confirm_recall(conn, outbox_id, by=by, at=now)
        subject = f"mail:{outbox_id}"
        record(conn, service().vault, by=by, act="recall confirmed", subject=subject, at=now, community_id=community_id)
    return redirect(url_for("editors.recall", outbox_id=outbox_id), 303)


def _done(
    insight_id: int, act: str, doing: Doing, *, needs_version: bool = True, back_to: list[int] | None = None
) -> ResponseReturnValue:
    """Do something with an insight and go back to it; where that may not be, show it with all that was typed."""
    try:
        with writing(service().db) as conn:
            # First of all: what somebody may not see is not there, whatever they sent with it.
            one = desk_of(conn, insight_id)
            actor = Actor(f"staff:{current_user.id}", datetime.now(UTC), _seen() if needs_version else None)
            done = doing(conn, one, actor)
    except NotSaid as missing:
        status, problem = 422, Problem(str(missing), missing.field)
    except (NotAllowed, NotDone) as wrong:
        status, problem = 409, Problem(str(wrong))
    except (Stale, ComeTooLate):
        status, problem = 409, Problem(TOO_LATE, is_stale=True)
    else:
        here = back_to[0] if back_to else insight_id
        return redirect(url_for("editors.insight", insight_id=here, done=done), 303)
    with reading(service().db) as conn:
        return _kept(conn, desk_of(conn, insight_id), act, problem), status


def _kept(conn: sa.Connection, one: Desk, act: str, problem: Problem) -> str:
    """Return the page with what was typed, and where somebody was quicker, with both versions."""
    if problem.is_stale:
        changes: tuple[Past, ...]
        if act == "tags":
            late = meanwhile(conn, one.item.comment_id, request.form.get("seen", ""))
            changes = tuple(Past(line.at, line.who, line.what) for line in late)
        else:
            changes = since(conn, one, _seen())
        problem = Problem(problem.sentence, None, changes, _was_to_be(conn, request.form), is_stale=True)
    return page_of(conn, one, act=act, said=request.form, problem=problem)


def _was_to_be(conn: sa.Connection, form: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    state = form.get("state", "")
    meaning = MEANINGS.get(cast(State, state))
    wanted = [("What was done with it", meaning.label)] if meaning else []
    for field in meaning.needs if meaning else ("until", "reply", "reason"):
        if form.get(field):
            wanted.append((FIELDS[field], form[field]))
    if "to" in form:
        wanted.append(("Who has it", _who(conn, form["to"])))
    return tuple(wanted)


def _who(conn: sa.Connection, to: str) -> str:
    return "Nobody" if not to else "You" if to == "me" else names_of(conn).get(f"staff:{to}", LEFT)


def _send_reply(conn: sa.Connection, one: Desk, actor: Actor) -> str:
    text = tidy_text(request.form.get("reply", ""))
    return f"replied-{answering.reply(service(), conn, one.community, one.item.id, text, actor).way}"


def _from_saved(conn: sa.Connection, one: Desk) -> str:
    saved = saved_reply(conn, request.form.get("saved", 0, type=int))
    if saved is None or saved.community_id != one.item.community_id:
        return ""
    used = [step for step in steps_of(conn, [one.item.id])[one.item.id] if step.state == "used"]
    values = {
        "discussion": one.copy.discussion_title,
        "community": one.community.name,
        "title": used[-1].title if used else None,
        "link": used[-1].link if used else None,
    }
    return filled(saved.body, values)


def _beside(one: Desk, other: Desk, error: str | None = None) -> str:
    may_read = not (one.words_kept_back or other.words_kept_back)
    ours, theirs = differences(words_in(one.copy), words_in(other.copy)) if may_read else ((), ())
    return render_template(
        "desk/beside.html",
        pair=((one, ours), (other, theirs)),
        one=one,
        other=other,
        may_read=may_read,
        error=error,
        meanings=MEANINGS,
        # Who has waited longest is answered first.
        lead=min(one.item.id, other.item.id),
    )


def _may_be_read(one: Desk) -> None:
    if one.words_kept_back:
        raise NotAllowed(f"The words are not shown: {one.words_kept_back}. So nothing can be done with them.")


def _seen() -> int:
    seen = request.form.get("seen", type=int)
    if seen is None:
        abort(400)
    return seen


def _recalled(conn: sa.Connection, outbox_id: int) -> int:
    mine = {community.id for community in communities_for("editor")}
    found = waiting_mail(conn, outbox_id)
    if found is None or found.kind != "recall" or found.community_id not in mine:
        abort(404)
    return found.community_id


TOO_LATE = "Somebody else was quicker. Nothing of yours was saved yet, and nothing of it is lost."

# What is said once something was done.
DONE = {
    "step": "Saved. Its author sees what is told of it on their own page.",
    "assigned": "Saved. It is written above who has it.",
    "noted": "The note is kept. It stays on this desk.",
    "snoozed": "It is out of the way for now.",
    "woken": "It is back on the list.",
    "tags": "Who speaks is corrected.",
    "merged": "They are merged. What is done with this one is done with both.",
    "unmerged": "It stands by itself again, as it did before.",
    "replied-page": "Your answer stands on its author’s own page.",
    "replied-mail": "Your answer stands on its author’s own page, and a mail to say so is on its way.",
    "replied-forum": "Your answer stands on its author’s own page, and a link to it goes to their inbox on the forum.",
}

# What each field is called where somebody's own version is shown to them.
FIELDS = {
    "title": "Used in: the title",
    "link": "Used in: its address",
    "body": "Passed on to",
    "reason": "What changes, or why",
    "until": "Until",
    "reply": "Your answer",
}
