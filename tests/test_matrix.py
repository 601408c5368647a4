"""Every route of the app, for everybody who may come: who gets in, who is sent away, and who finds nothing there."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import IntegerConverter, Rule
from werkzeug.test import TestResponse

from forum import Forum, minute
from plugin.service import Service
from plugin.store.communities import Community, add_community
from plugin.store.links import new_link
from plugin.store.opening import reading, writing
from plugin.store.staff import ROLES, StaffRole, add_staff, new_sign_in_link
from plugin.store.tables import comments, insights, outbox
from plugin.store.tokens import new_token
from webhooks.audience import ANY_STAFF, OPEN, SIGNED, Way

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
DANGER = "My mum is on the ward now, she cannot breathe and nobody is coming. Please help us now."
# What only the hub's own people may see on a page of staff.
HUBS = ("evening tablets", "co-production", "cannot breathe")


@dataclass
class Person:
    """Somebody who comes: by which roles, of the hub or of elsewhere, at a screen or by a program's token."""

    name: str
    client: FlaskClient
    roles: tuple[str, ...] = ()
    is_of_hub: bool = True
    is_program: bool = False
    may_write: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def open(self, method: str, address: str, body: Any = None, *, with_form: bool = False) -> TestResponse:
        # Each from a place of their own: some forms are taken from one only so often.
        place = {"REMOTE_ADDR": f"192.0.2.{sum(map(ord, self.name)) % 250}"}
        form = {"csrf_token": self.csrf, **FORM} if with_form and method != "GET" else None
        more: dict[str, Any] = {"json": body} if self.is_program and body is not None else {"data": form}
        return self.client.open(address, method=method, headers=self.headers, environ_base=place, **more)


@dataclass(frozen=True)
class Route:
    """A route with one of its methods, and what it declares."""

    rule: Rule
    method: str
    audience: str
    way: Way
    writes: bool

    @property
    def names_something(self) -> bool:
        """Whether the address names something of a community; a queue is the same in all."""
        return bool(self.rule._converters.keys() - {"queue"})


def routes(app: Flask) -> Iterator[Route]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.rpartition(".")[2] == "static":
            continue
        view = app.view_functions[rule.endpoint]
        declared = [getattr(view, name, None) for name in ("audience", "way", "writes")]
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Route(rule, method, *declared)  # type: ignore[arg-type]


def undeclared(app: Flask) -> list[str]:
    known = {OPEN, SIGNED, ANY_STAFF, *ROLES}
    return [str(one.rule) for one in routes(app) if one.audience not in known or one.way not in get_args(Way)]


def test_every_route_says_whom_it_is_for(app: Flask) -> None:
    assert undeclared(app) == []
    app.add_url_rule("/forgotten", "forgotten", lambda: "")
    assert undeclared(app) == ["/forgotten"]


def test_every_route_opens_for_those_it_is_for_and_for_nobody_else(
    app: Flask, service: Service, community: Community, secret: bytes, worker: Callable[[], None]
) -> None:
    things = something_of_each(app, service, community, secret, worker)
    guest = Person("guest", app.test_client())
    people = [*staff_of(app, service, community, elsewhere(service)), guest]
    for route in routes(app):
        if route.rule.endpoint in ("security.logout", "security.login"):
            continue
        address = place_of(app, route.rule, things)
        asked_by_a_guest = guest.open(route.method, address)
        for person in who_asks(route, people):
            where = f"{route.method} {address} ({route.rule.endpoint}) for {route.audience}, as {person.name}"
            expected = verdict(route, person)
            body = BODIES.get(route.rule.endpoint)
            answer = person.open(route.method, address, body, with_form=expected == "not there")
            assert answer.status_code < 500, where
            is_sent_to_sign_in = answer.status_code == 302 and "/staff/sign-in" in (answer.location or "")
            assert is_sent_to_sign_in == (expected == "sign in"), f"{where}: {answer.status}"
            if expected == "as anybody":
                assert answer.status_code == asked_by_a_guest.status_code, where
                assert route.audience == OPEN or answer.status_code == 401, where
            elif expected in STATUSES:
                assert answer.status_code == STATUSES[expected], f"{where}: {answer.status}"
            elif expected == "in":
                assert answer.status_code not in (401, 403), f"{where}: {answer.status}"
                assert answer.status_code != 404 or not KNOWN.issuperset(route.rule._converters), where
            if expected == "in" and not person.is_of_hub:
                assert not [words for words in HUBS if words in answer.text], where


def test_a_members_link_opens_their_own_page_and_nothing_elsewhere(
    app: Flask, service: Service, community: Community, secret: bytes, worker: Callable[[], None]
) -> None:
    something_of_each(app, service, community, secret, worker)
    elsewhere(service)
    with writing(service.db) as conn:
        author_id = conn.scalar(sa.select(comments.c.author_id).where(comments.c.native_id == "1"))
        assert author_id is not None
        link = new_link(conn, author_id, datetime.now(UTC))
    member = app.test_client()
    assert "evening tablets" in member.get(f"/members/hub/mine/{link}").text
    assert member.get(f"/members/ward/mine/{link}").status_code in (404, 410)
    for path in (f"/staff/enter/{link}", f"/members/hub/kept/{link}", f"/members/hub/address/{link}"):
        assert member.get(path).status_code in (404, 410), path
    for path in ("/desk/", "/moderators/"):
        assert "/staff/sign-in" in member.get(path, headers={"Authorization": f"Bearer {link}"}).location
    assert member.get("/api/v1/insights", headers={"Authorization": f"Bearer {link}"}).status_code == 401


def who_asks(route: Route, people: list[Person]) -> list[Person]:
    """Return everybody, but of those to whom a route is all the same only a person, a program and the guest."""
    if route.audience in (OPEN, SIGNED):
        return people[:2]
    if route.way == "session":
        return [people[1], *(one for one in people if not one.is_program)]
    return people


def verdict(route: Route, person: Person) -> str:
    """Return what a route owes somebody, by what it declares."""
    if route.audience in (OPEN, SIGNED):
        return "as anybody"
    is_known = {"session": not person.is_program, "token": person.is_program, "either": True}[route.way]
    if not is_known or not person.roles:
        return "no token" if str(route.rule).startswith("/api/") else "sign in"
    if person.is_program and route.writes and not person.may_write:
        return "refused"
    if route.audience != ANY_STAFF and route.audience not in person.roles:
        return "refused"
    return "not there" if route.names_something and not person.is_of_hub and route.audience != ANY_STAFF else "in"


def staff_of(app: Flask, service: Service, hub: Community, ward_id: int) -> list[Person]:
    """Return everybody with a part in the hub, in another community or in all, and their programs."""
    found = []
    for role, community_id in (
        ("editor", hub.id),
        ("editor", ward_id),
        ("moderator", hub.id),
        ("moderator", ward_id),
        ("admin", None),
    ):
        name = f"{role} of {'all' if community_id is None else 'hub' if community_id == hub.id else 'ward'}"
        roles = ROLES if role == "admin" else (role,)
        about: dict[str, Any] = {"roles": roles, "is_of_hub": community_id != ward_id}
        browser, user_id = signed_in(app, service, role, community_id)  # type: ignore[arg-type]
        found.append(Person(name, browser, csrf=csrf_of(browser.get("/staff/password").text), **about))
        for may_write in (True, False) if role == "editor" else (True,):
            with writing(service.db) as conn:
                now = datetime.now(UTC)
                _, token = new_token(conn, user_id, name="matrix", days=1, may_write=may_write, at=now)
            headers = {"Authorization": f"Bearer {token}"}
            named = f"program of {name} that may {'write' if may_write else 'read'}"
            program = Person(named, app.test_client(), is_program=True, may_write=may_write, headers=headers, **about)
            found.append(program)
    return found


def signed_in(app: Flask, service: Service, role: StaffRole, community_id: int | None) -> tuple[FlaskClient, int]:
    with writing(service.db) as conn:
        user_id = add_staff(conn, f"{role}{community_id or ''}@example.org", role, community_id)
        link = new_sign_in_link(conn, user_id, datetime.now(UTC))
    browser = app.test_client()
    token = csrf_of(browser.get(f"/staff/enter/{link}").text)
    # Signing in by a link is taken from one place only so often.
    place = {"REMOTE_ADDR": f"198.51.100.{user_id}"}
    assert browser.post(f"/staff/enter/{link}", data={"csrf_token": token}, environ_base=place).status_code == 302
    return browser, user_id


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has a form of ours"
    return found[1]


def elsewhere(service: Service) -> int:
    """Attach a second community, which has nothing yet, and return its id."""
    home = "https://ward.example.org"
    with writing(service.db) as conn:
        return add_community(
            conn,
            slug="ward",
            platform="standard",
            name="The ward",
            base_url=home,
            sign_up_url=f"{home}/join",
            sign_in_url=f"{home}/in",
            editorial_address="editors@ward.example.org",
            moderators_address="moderators@ward.example.org",
        )


def something_of_each(
    app: Flask, service: Service, hub: Community, secret: bytes, worker: Callable[[], None]
) -> dict[str, Any]:
    """Let the hub have an insight, an urgent comment and a copy that was called back; return what addresses name."""
    forum = Forum(app.test_client(), secret)
    forum.posted(DAD, "1")
    forum.posted(DANGER, "2")
    forum.posted(DAD + " Every evening.", "3")
    worker()
    forum.removed("3", at=minute(5))
    worker()
    with reading(service.db) as conn:
        mails = {row.kind: row.id for row in conn.execute(sa.select(outbox.c.kind, outbox.c.id))}
        comment_id = conn.scalar(sa.select(comments.c.id).where(comments.c.native_id == "1"))
        insight_id = conn.scalar(sa.select(insights.c.id).where(insights.c.comment_id == comment_id))
    assert {"forward", "urgent", "recall"} <= set(mails)
    return {
        "community": hub.slug,
        "comment_id": comment_id,
        "insight_id": insight_id,
        "discussion_id": 1,
        "editors.recall.outbox_id": mails["recall"],
        "editors.confirm.outbox_id": mails["recall"],
        "moderators.urgent.outbox_id": mails["urgent"],
        "queue": "urgent",
        "theme": "none",
    }


def place_of(app: Flask, rule: Rule, things: dict[str, Any]) -> str:
    """Return an address of a route that names the hub's own things; what is not known is called 1, or hub."""
    values = {
        name: things.get(
            f"{rule.endpoint}.{name}",
            things.get(name, 1 if isinstance(converter, IntegerConverter) else "hub"),
        )
        for name, converter in rule._converters.items()
    }
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build(rule.endpoint, values))


STATUSES = {"no token": 401, "refused": 403, "not there": 404}

# The names in addresses of which the hub has one: nobody of the hub may find nothing there.
KNOWN = frozenset({"community", "comment_id", "insight_id", "discussion_id", "outbox_id", "queue", "theme"})

# What every form is sent with, so that nothing but whose it is decides.
FORM = {
    "seen": "1",
    "state": "in_review",
    "answer": "through",
    "to": "",
    "do": "send",
    "reply": "Thank you.",
    # Two insights that are to be merged.
    "other": "2",
    "lead": "1",
    "seen-2": "1",
}

# And what programs send.
BODIES: dict[str, Any] = {
    "api_insights.assign": {"to": None},
    "api_insights.snooze": {"until": None},
    "api_insights.take_step": {"state": "in_review"},
    "api_insights.add_note": {"note": "Ring the ward first."},
    "api_insights.add_reply": {"reply": "Thank you."},
    "api_insights.merge": {"into": 1},
}
