"""A small forum to try things out: one page, some made-up members, and real signed webhooks to the door."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import requests
import sqlalchemy as sa
from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin.model import Discussion
from plugin.prompting import return_address
from plugin.stakeholders import label_of, main_types, other_types
from plugin.store.communities import community_by_slug, live_secrets
from plugin.store.discussions import save_discussion
from plugin.store.opening import reading, writing
from plugin.store.practice import (
    PracticePost,
    add_member,
    add_post,
    all_posts,
    all_told,
    edit_post,
    keep_told,
    members_who_joined,
    post_by_id,
    remove_post,
)
from plugin.wording import one_line, tidy_text
from webhooks.audience import open_to_all
from webhooks.signatures import PROFILES, headers_for, verified
from webhooks.wiring import service

SLUG = "practice"
TITLE = "The bay that nobody could see into"
# Older than any comment, so that whatever the forum tells later holds.
PUBLISHED = datetime(2026, 1, 1, tzinfo=UTC)
# Seconds. The door is in this same process, so a slow answer means that something is wrong.
PATIENCE = 5
LONGEST_POST = 10_000
LONGEST_NAME = 60

forum = Blueprint("practice", __name__, url_prefix="/practice")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the practice forum. `role` is what their profile says, where it says anything."""

    id: str
    name: str
    who: str
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A post as the page shows it."""

    post: PracticePost
    author: Person
    is_own: bool
    labels: tuple[str, ...]


@forum.get("/")
@open_to_all
def page() -> str:
    """Show the page and its comments: to a guest the invitation, to a member the box to write in."""
    people = _people()
    me = people.get(request.args.get("as", ""))
    with reading(service().db) as conn:
        posts = all_posts(conn)
        known = all_told(conn)
    return render_template(
        "practice/page.html",
        title=TITLE,
        people=people.values(),
        me=me,
        posts=[
            Shown(post, people[post.member], me is not None and post.member == me.id, _labels(known, post))
            for post in posts
        ],
        note=known.get("note:discussion:1"),
        message=_message(known, me),
        told=_told(request.args.get("told", "")),
        address=_address(),
        slug=SLUG,
        longest=LONGEST_POST,
    )


@forum.post("/posts")
@open_to_all
def write() -> ResponseReturnValue:
    """Keep a post, and tell Many Voices of it as a real forum would."""
    me = _writer()
    text = _text()
    if not text:
        return _back(me, "empty")
    with writing(service().db) as conn:
        post = add_post(conn, me.id, text, datetime.now(UTC))
    return _back(me, _tell("comment.created", post.created_at, _whole(post, me)))


@forum.get("/posts/<int:post_id>")
@open_to_all
def change(post_id: int) -> str:
    """Show the box to change or remove one's own post."""
    me, post = _own(post_id, request.args.get("as", ""))
    return render_template("practice/post.html", post=post, me=me, longest=LONGEST_POST)


@forum.post("/posts/<int:post_id>")
@open_to_all
def changed(post_id: int) -> ResponseReturnValue:
    """Change or remove one's own post, and tell Many Voices."""
    _refuse_other_sites()
    me, post = _own(post_id, request.form.get("as", ""))
    now = datetime.now(UTC)
    if "remove" in request.form:
        with writing(service().db) as conn:
            remove_post(conn, post.id)
        gone = {"comment": {"id": str(post.id), "created_at": post.created_at.isoformat()}}
        return _back(me, _tell("comment.deleted", now, gone))
    text = _text()
    if not text:
        return _back(me, "empty")
    with writing(service().db) as conn:
        edit_post(conn, post.id, text, now)
    edited = PracticePost(post.id, post.member, text, post.created_at, now)
    return _back(me, _tell("comment.updated", now, _whole(edited, me)))


@forum.post("/write-backs")
@open_to_all
def told() -> ResponseReturnValue:
    """Take what Many Voices tells this forum, as a real one would: signed, fresh, and in place of what it knew."""
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        community = community_by_slug(conn, SLUG)
        keys = live_secrets(conn, service().vault, community.id, now) if community else []
    body = request.get_data()
    if not verified(PROFILES["standard"], list(request.headers.items()), body, keys, now.timestamp()).ok:
        return "", 401
    # What is signed by the one key that both of us have is well-formed.
    message = json.loads(body)
    about = ABOUT.get(message["type"])
    if about:
        with writing(service().db) as conn:
            keep_told(conn, about(message["data"]), message["data"], datetime.fromisoformat(message["timestamp"]))
    return "", 204


@forum.get("/sign-up")
@open_to_all
def sign_up() -> str:
    """Show the sign-up form of the practice forum."""
    return _sign_up_page()


@forum.post("/sign-up")
@open_to_all
def join() -> ResponseReturnValue:
    """Make somebody a member, tell Many Voices, and take them back to where they were."""
    _refuse_other_sites()
    name = one_line(request.form.get("name", ""))[:LONGEST_NAME]
    if not name:
        return _sign_up_page(error="Please give a name to show."), 422
    role = request.form.get("role", "")
    now = datetime.now(UTC)
    with writing(service().db) as conn:
        joined = add_member(conn, name, role if role in _roles() else None, now)
    me = _person(f"m{joined.id}", joined.name, joined.role)
    told = _tell("member.created", now, {"author": _author(me)})
    return redirect(_returning(request.form.get("return_to", ""), me, told), 303)


@forum.get("/sign-in")
@open_to_all
def sign_in() -> str:
    """Let somebody choose who to be: there are no passwords in a practice forum."""
    back = request.args.get("return_to", "")
    return render_template(
        "practice/sign_in.html",
        people=[(person, _returning(back, person)) for person in _people().values()],
        guest=_home(back),
    )


def publish(conn: sa.Connection, community_id: int, public_url: str) -> None:
    """Store the page as if its forum had announced it, so that the first guest is invited by its title."""
    save_discussion(conn, community_id, Discussion("1", TITLE, f"{public_url}/practice/"), PUBLISHED)


def _sign_up_page(error: str | None = None) -> str:
    return render_template(
        "practice/sign_up.html",
        error=error,
        name=request.form.get("name", ""),
        role=request.form.get("role", ""),
        roles=_roles(),
        return_to=request.values.get("return_to", ""),
        longest_name=LONGEST_NAME,
    )


def _roles() -> dict[str, str]:
    return {type_: label_of(type_) for type_ in (*main_types(), *other_types())}


def _people() -> dict[str, Person]:
    with reading(service().db) as conn:
        joined = members_who_joined(conn)
    return PEOPLE | {f"m{one.id}": _person(f"m{one.id}", one.name, one.role) for one in joined}


def _person(id_: str, name: str, role: str | None) -> Person:
    return Person(id_, name, f"signed up here, {label_of(role).lower() if role else 'role not said'}", role)


def _writer() -> Person:
    _refuse_other_sites()
    me = _people().get(request.form.get("as", ""))
    if me is None:
        abort(400)
    return me


def _own(post_id: int, person: str) -> tuple[Person, PracticePost]:
    me = _people().get(person)
    with reading(service().db) as conn:
        post = post_by_id(conn, post_id)
    if me is None or post is None or post.member != me.id:
        abort(404)
    return me, post


def _refuse_other_sites() -> None:
    # There is no session to steal here, but a page elsewhere must not post in somebody's browser either.
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)


def _text() -> str:
    return tidy_text(request.form.get("text", "")).strip()[:LONGEST_POST]


def _address() -> str:
    return service().public_url + url_for("practice.page")


def _home(back: str) -> str:
    return return_address(back, _address())


def _returning(back: str, person: Person, told: str | None = None) -> str:
    parts = urlsplit(_home(back))
    query = {"as": person.id} | ({"told": told} if told else {})
    return urlunsplit(parts._replace(query=urlencode(query), fragment="comments"))


def _back(me: Person, told: str) -> ResponseReturnValue:
    return redirect(_returning("", me, told), 303)


def _whole(post: PracticePost, me: Person) -> dict[str, Any]:
    return {
        "comment": {
            "id": str(post.id),
            "url": f"{_address()}#post-{post.id}",
            "created_at": post.created_at.isoformat(),
            "updated_at": post.updated_at.isoformat(),
            "text": post.text,
            "state": "visible",
        },
        "discussion": {"id": "1", "title": TITLE, "url": _address(), "kind": "blog"},
        "author": _author(me),
    }


def _author(person: Person) -> dict[str, Any]:
    declared = {"role": label_of(person.role)} if person.role else {}
    return {"id": person.id, "kind": "member", "display_name": person.name, "declared": declared}


def _tell(event_type: str, at: datetime, data: dict[str, Any]) -> str:
    """Send a webhook and return what came of it: the status of the answer, or why there was none."""
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        community = community_by_slug(conn, SLUG)
        keys = live_secrets(conn, service().vault, community.id, now) if community else []
    if not keys:
        return "keyless"
    body = json.dumps({"type": event_type, "timestamp": at.isoformat(), "data": data}).encode()
    headers = headers_for(PROFILES["standard"], keys[0], f"practice-{uuid.uuid4()}", int(now.timestamp()), body)
    headers["Content-Type"] = "application/json"
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.post(
                f"{current_app.config['LOOPBACK_URL']}/webhooks/standard/{SLUG}",
                data=body,
                headers=headers,
                timeout=PATIENCE,
                allow_redirects=False,
            )
        except requests.RequestException:
            return "unreachable"
    return str(answer.status_code)


def _labels(known: dict[str, dict[str, Any]], post: PracticePost) -> tuple[str, ...]:
    told = known.get(_comment({"comment": {"id": str(post.id), "created_at": post.created_at.isoformat()}}), {})
    return tuple(told.get("labels", ()))


def _message(known: dict[str, dict[str, Any]], me: Person | None) -> dict[str, Any] | None:
    message = known.get(f"member:{me.id}") if me else None
    return message | {"until": datetime.fromisoformat(message["expires_at"])} if message else None


def _comment(data: dict[str, Any]) -> str:
    created_at = datetime.fromisoformat(data["comment"]["created_at"]).astimezone(UTC)
    return f"comment:{data['comment']['id']}:{created_at.isoformat()}"


def _told(outcome: str) -> str | None:
    """Return in words what came of the last webhook; only our own words are ever shown."""
    if outcome.isdecimal() and len(outcome) == 3:
        return OUTCOMES.get(outcome, f"The webhook was sent and answered {outcome}. The service’s log says why.")
    return OUTCOMES.get(outcome)


# What each message is about: the newest about the same thing holds.
ABOUT: dict[str, Callable[[dict[str, Any]], str]] = {
    "tag.set": _comment,
    "tag.clear": _comment,
    "staff_note.put": lambda data: f"note:{data['key']}",
    "private_link.put": lambda data: f"member:{data['author']['id']}",
}

OUTCOMES = {
    "202": "Done. A signed webhook was sent to Many Voices, and it answered 202: it has it.",
    "401": "The webhook was sent and answered 401: Many Voices does not know the key that signed it.",
    "503": "The webhook was sent and answered 503: Many Voices cannot store anything just now.",
    "unreachable": "The webhook could not be sent: nobody answered at the door. The post itself is kept.",
    "keyless": "The webhook could not be signed: there is no practice community with a secret.",
    "empty": "There were no words in it, so nothing was changed.",
}

# Some say their role on their profile and some only in what they write: Many Voices reads both.
PEOPLE = {
    person.id: person
    for person in (
        Person("maureen", "Maureen", "a patient, nothing on her profile"),
        Person("carys", "Carys_W", "a daughter who cares for her father, “Carer” on her profile", "carer"),
        Person("tom", "Tom B", "a ward nurse, nothing on his profile"),
        Person(
            "adaeze",
            "Adaeze",
            "deputy manager of a care home, “Social care professional” on her profile",
            "social_care_professional",
        ),
        Person("lena", "Lena_PSP", "a Patient Safety Partner, nothing on her profile"),
        Person("reader", "quiet_reader", "has never said who they are"),
    )
}
