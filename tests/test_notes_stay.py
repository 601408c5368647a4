"""What editors write to one another never leaves the desk, whatever they write and whatever is done there."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import Program
from pytest_httpserver import HTTPServer
from test_matrix import Person, elsewhere, place_of, routes, something_of_each, staff_of

from forum import Forum, minute
from mail_server import Inbox
from plugin.digests import note_discussions
from plugin.routing import Conditions, Rule, Target
from plugin.service import Service
from plugin.store.addresses import address_of, confirm_address, save_address
from plugin.store.communities import Community, change_community
from plugin.store.links import new_link
from plugin.store.opening import writing
from plugin.store.receivers import add_receiver
from plugin.store.routes import add_rule
from plugin.store.tables import comments
from webhooks.audience import OPEN

ONLY_ON = "sqlite"

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
CANARY = "Zyzzyva4Note"
RECEIVER_SECRET = "whsec_" + b64encode(b"only for tests, and known to all").decode()

ACTS = {
    "assign": {"to": None},
    "snooze": {"until": None},
    "wake": None,
    "steps": {"state": "used", "title": "Late tablets", "link": "https://hub.example.org/late"},
    "replies": {"reply": "Thank you: it helped us."},
    "merge": {"into": 2},
    "unmerge": None,
}

# Anything that a JSON body may hold: no NUL, and no half of a character.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)


@pytest.fixture
def stories() -> list[tuple[str, list[str]]]:
    """Notes with the canary in them, and what is done after each; made up before the engine runs beside them."""
    found = [("", ["assign", "snooze", "merge", "unmerge", "steps", "replies", "edit", "answer"])]

    @settings(max_examples=5, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(before=TEXTS, after=TEXTS, acts=st.lists(st.sampled_from([*ACTS, "edit", "answer"]), max_size=5))
    def make(before: str, after: str, acts: list[str]) -> None:
        found.append((f"{before}{CANARY}{after}", acts))

    make()
    return [(note or CANARY, acts) for note, acts in found]


def write_and_act(program: Program, forum: Forum, note: str, acts: list[str]) -> None:
    """Write a note, and do things with the insight and its comment."""
    written = program.post("/insights/1/notes", {"note": note})
    assert written.status_code == 201
    for act in acts:
        if act in ACTS:
            program.post(f"/insights/1/{act}", ACTS[act], program.get("/insights/1").headers["ETag"])
        elif act == "edit":
            forum.edited("I look after my father. His tablets came late again, so we keep a chart.", at=minute(7))
        else:
            forum.posted("How did you do that?", "9", at=minute(8), comment={"parent_id": "1"})


def test_no_note_is_in_anything_that_leaves_the_desk(
    stories: list[tuple[str, list[str]]],
    inbox: Inbox,
    app: Flask,
    service: Service,
    community: Community,
    secret: bytes,
    worker: Callable[[], None],
    httpserver: HTTPServer,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    httpserver.expect_request(re.compile(".*")).respond_with_data("", 200)
    with writing(service.db) as conn:
        url = httpserver.url_for("/")
        change_community(
            conn,
            community.id,
            write_back_url=url,
            private_host=httpserver.host,
            staff_notes=True,
            public_tags="consented",
        )
        # A program of the hub's is told of every insight, of its steps, and that it was taken back.
        receiver_id = add_receiver(conn, service.vault, community.id, "Archive", f"{url}receiver", RECEIVER_SECRET, NOW)
        rule = Rule(0, "All of it", Conditions(), Target("webhook", receiver_id))
        add_rule(conn, community.id, rule, by="staff:1", at=NOW)
    things = something_of_each(app, service, community, secret, worker)
    people = staff_of(app, service, community, elsewhere(service))
    forum = Forum(app.test_client(), secret)
    forum.numbers = iter(range(100, 1000))
    program = Program(app, people[1].headers["Authorization"].removeprefix("Bearer "))
    with writing(service.db) as conn:
        author_id = conn.scalar(sa.select(comments.c.author_id).where(comments.c.native_id == "1"))
        assert author_id is not None
        save_address(conn, service.vault, author_id, "dad@example.org", "each", NOW)
        address = address_of(conn, service.vault, author_id)
        assert address is not None
        confirm_address(conn, address.id, NOW)
    for note, acts in stories:
        write_and_act(program, forum, note, acts)
        worker()
    note_discussions(service, datetime.now(UTC))
    worker()
    # It is there for those for whom it is.
    assert CANARY in program.get("/insights/1/notes").text

    for place, told in everything_shown(app, service, people, things):
        assert CANARY not in told, place
    # Its author takes the comment back; who got a copy is told, and not what was noted about it.
    forum.removed("1", at=minute(30))
    worker()
    for place, told in everything_sent(inbox, httpserver):
        assert CANARY not in told, place
    out, err = capfd.readouterr()
    assert CANARY not in out + err
    # The database holds it sealed, so no table of the engine's does, nor any other file of ours.
    for path in [one for one in tmp_path.rglob("*") if one.is_file()]:
        assert CANARY.encode() not in path.read_bytes(), path


def everything_sent(inbox: Inbox, forum: HTTPServer) -> Iterator[tuple[str, str]]:
    """Yield every mail and every webhook that went out."""
    assert {"editors@hub.example.org", "dad@example.org"} <= set(inbox.recipients)
    for mail in inbox.mails:
        yield "a mail", str(mail.items())
        for part in mail.walk():
            if not part.is_multipart():
                yield "a mail", str(part.get_content())
    assert forum.log
    to_receiver = [request for request, _ in forum.log if request.path == "/receiver"]
    told_of = {request.get_json()["type"] for request in to_receiver}
    assert {"insight.new", "insight.step", "insight.recalled"} <= told_of
    for request, _ in forum.log:
        yield f"a webhook to {request.path}", f"{request.headers}{request.get_data(as_text=True)}"


def everything_shown(
    app: Flask, service: Service, people: list[Person], things: dict[str, object]
) -> Iterator[tuple[str, str]]:
    """Yield every page and answer that others than the hub's editors get, and what these take along."""
    with writing(service.db) as conn:
        author_id = conn.scalar(sa.select(comments.c.author_id).where(comments.c.native_id == "1"))
        assert author_id is not None
        link = new_link(conn, author_id, datetime.now(UTC))
    guest = Person("guest", app.test_client())
    yield "the contributor's page", guest.client.get(f"/members/hub/mine/{link}").text
    origin = {"Origin": service.public_url}
    taken = guest.client.post(f"/members/hub/mine/{link}/download", headers=origin)
    assert taken.status_code == 200
    yield "the contributor's download", taken.text
    for route in routes(app):
        if route.method != "GET":
            continue
        address = place_of(app, route.rule, things)
        for person in [*(one for one in people if "admin" not in one.roles), guest]:
            # A program at a page is sent away, and what is open is the same for all: tests/test_matrix.py.
            if (person.is_program and route.way == "session") or (route.audience == OPEN and person is not guest):
                continue
            answer = person.open("GET", address)
            is_editor_of_hub = "editor" in person.roles and person.is_of_hub
            # The hub's editors read notes on their pages; what they take along is no page.
            if not (is_editor_of_hub and (answer.mimetype == "text/html" or address.endswith("/notes"))):
                yield f"{address} for {person.name}", answer.text
