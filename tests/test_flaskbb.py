"""A real FlaskBB is attached: what Many Voices holds is what the forum shows, whatever people and machines do."""

import os
import re
import runpy
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from flask import Flask
from flaskbb_forum import NEEDS_FLASKBB, PASSWORD, PLUGIN, FlaskBB, Person, installed, running, write_back
from werkzeug.serving import BaseWSGIServer, make_server

from mail_server import Inbox, free_port, serving
from plugin import engine
from plugin.jobs import JOBS
from plugin.service import Service
from plugin.store.communities import add_community, add_secret
from plugin.store.opening import reading, writing
from plugin.store.tables import authors, comments, discussions, events
from plugin.store.tags import tags_for
from webhooks.app import create_app
from webhooks.settings import settings_from
from webhooks.signatures import secret_bytes
from webhooks.wiring import NAME

if not os.environ.get(NEEDS_FLASKBB):
    # They take three minutes and an environment of their own: `make test-flaskbb`.
    pytest.skip("FlaskBB itself was left out: make test-flaskbb runs it", allow_module_level=True)

sync_api = pytest.importorskip("playwright.sync_api")
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
DAD = "I care for my dad. His blood thinner had been left off the discharge letter, and nobody noticed for nine days."


Stood = tuple[str, str, bool] | None


class Door:
    """Our service, listening: it may be shut and opened again, or be there and never answer."""

    def __init__(self, app: Flask, port: int) -> None:
        self.app, self.port = app, port
        self.url = f"http://127.0.0.1:{port}"
        self._server: BaseWSGIServer | None = None
        self._deaf: socket.socket | None = None
        self._thread = threading.Thread()

    def open(self) -> None:
        if self._deaf is not None:
            self._deaf.close()
            self._deaf = None
        self._server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def shut(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    def fall_silent(self) -> None:
        """Take connections, and never say a word: the worst way for a receiver to be dead."""
        self.shut()
        self._deaf = socket.create_server(("127.0.0.1", self.port))

    def close(self) -> None:
        self.shut()
        if self._deaf is not None:
            self._deaf.close()


WAS = ("1", "old words", True)


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        (None, ("1", "words", True), ["created"]),
        (None, ("1", "words", False), []),
        (None, None, []),
        (WAS, WAS, []),
        (WAS, None, ["deleted"]),
        (WAS, ("1", "new words", True), ["updated"]),
        (WAS, ("1", "old words", False), ["hidden"]),
        (WAS, ("1", "new words", False), ["hidden", "updated"]),
        (("1", "old words", False), WAS, ["approved"]),
        (("1", "old words", False), ("1", "new words", True), ["approved"]),
        (("1", "old words", False), ("1", "new words", False), ["updated"]),
        # The number of a row was given to another one.
        (WAS, ("2", "old words", True), ["deleted", "created"]),
        (WAS, ("2", "old words", False), ["deleted"]),
    ],
)
def test_only_a_difference_is_news(told: Stood, now: Stood, expected: list[str]) -> None:
    decided = runpy.run_path(str(PLUGIN / "manyvoices_flaskbb" / "news.py"))
    standing = decided["Standing"]
    assert list(decided["news"](told and standing(*told), now and standing(*now))) == expected


@dataclass
class Stage:
    """A forum, our service and the door between them; the stories share it, and each brings its own people."""

    forum: FlaskBB
    service: Service
    door: Door

    def settle(self) -> None:
        """Wait until the forum has said everything and our service has thought about it."""
        deadline = time.monotonic() + 60
        while waiting := self.forum.waiting() or engine.pending_jobs(self.service.db):
            assert time.monotonic() < deadline, f"{waiting} still wait: {self.forum.log.read_text()[-2000:]}"
            time.sleep(0.02)

    def agreed(self) -> dict[str, str]:
        """Wait, and show that forum and service agree; return what both show, by the forum's number of it."""
        self.settle()
        shown = self.forum.shown()
        assert held(self.service) == shown
        return shown


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Attach a forum that was just set up to a service that was just set up, and run both."""
    venv, template = installed()
    home = tmp_path_factory.mktemp("flaskbb")
    shutil.copy(sqlite_template, home / "manyvoices.sqlite")
    port = free_port()
    with serving(Inbox()) as inbox:
        environ = {
            "MANYVOICES_DATABASE_URL": f"sqlite:///{home / 'manyvoices.sqlite'}",
            "MANYVOICES_DATA_DIR": str(home / "var"),
            "MANYVOICES_SECRET_KEY": "a secret key for tests, forty characters!",
            "MANYVOICES_PORT": str(port),
            "MANYVOICES_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "MANYVOICES_SMTP_HOST": "127.0.0.1",
            "MANYVOICES_SMTP_PORT": str(inbox.port),
            "MANYVOICES_SMTP_SECURITY": "none",
            "MANYVOICES_MAIL_FROM": "manyvoices@hub.example.org",
        }
        app = create_app(settings_from(environ))
        service: Service = app.extensions[NAME]
        door = Door(app, port)
        forum = FlaskBB(venv, home / "forum", port=free_port(), receiver=door.url, secret=SECRET)
        shutil.copy(template, forum.database)
        attach(service, forum)
        # The engine starts in a thread of its own: a browser's event loop is in its way.
        with ThreadPoolExecutor(1) as apart, running(forum):
            apart.submit(engine.start, service, JOBS, poll=0.02).result()
            door.open()
            yield Stage(forum, service, door)
            door.close()
            apart.submit(engine.stop, patience=1).result()
        service.jobs.close()
        service.db.dispose()


def attach(service: Service, forum: FlaskBB) -> None:
    with writing(service.db) as conn:
        community_id = add_community(
            conn,
            slug="forum",
            platform="standard",
            name="The forum",
            base_url=forum.url,
            sign_up_url=f"{forum.url}/auth/register",
            sign_in_url=f"{forum.url}/auth/login",
            editorial_address="editors@hub.example.org",
            moderators_address="moderators@hub.example.org",
            wait_minutes=0,
        )
        add_secret(conn, service.vault, community_id, SECRET)


def held(service: Service) -> dict[str, str]:
    """Return the words of every comment that our service would show, by the forum's number of it."""
    with reading(service.db) as conn:
        rows = conn.execute(sa.select(comments.c.native_id, comments.c.text).where(comments.c.state == "visible"))
        return {row.native_id: row.text.strip() for row in rows}


def tags_of(service: Service, native_id: str) -> set[tuple[str, str]]:
    """Return the type and the source of each tag of a comment that is there now."""
    with reading(service.db) as conn:
        wanted = comments.c.native_id == native_id, comments.c.state == "visible"
        id_ = conn.execute(sa.select(comments.c.id).where(*wanted)).scalar_one()
        return {(tag.type, tag.source) for tag in tags_for(conn, [id_])[id_]}


def now() -> str:
    return datetime.now(UTC).isoformat()


def discussion_titles(service: Service, *titles: str) -> list[str]:
    with reading(service.db) as conn:
        query = sa.select(discussions.c.title).where(discussions.c.title.in_(titles)).order_by(discussions.c.id)
        return list(conn.execute(query).scalars())


def test_what_the_service_holds_is_what_the_forum_shows(stage: Stage) -> None:
    forum, service, agreed = stage.forum, stage.service, stage.agreed
    ann, mod = Person(forum, "Ann"), Person(forum, "admin").signs_in()
    page = ann.get("/auth/register").text
    assert page.index("Social care professional") < page.index("<summary>More") < page.index("Industry")
    ann.signs_up(roles=("carer",))
    topic = ann.opens("Going home", "Who checks the *letter*?")
    first = ann.writes(topic, "We waited & waited for it.")
    second = ann.writes(topic, DAD)
    assert set(agreed()) >= {first, second}
    assert ("carer", "profile") in tags_of(service, first)

    ann.edits(first, "We waited nine days for it.")
    assert agreed()[first] == "We waited nine days for it."
    mod.does("hide", f"/post/{first}")
    assert first not in agreed()
    mod.does("unhide", f"/post/{first}")
    assert first in agreed()
    for _ in range(2):
        mod.does("hide", f"/topic/{topic}")
        assert first not in agreed()
        mod.does("unhide", f"/topic/{topic}")
        assert first in agreed()

    # SQLite gives the number of the newest comment, once it is deleted, to the next one.
    mod.does("delete", f"/post/{second}")
    third = ann.writes(topic, "It came in the end.")
    assert third == second
    assert agreed()[third] == "It came in the end."
    with reading(service.db) as conn:
        of_number = conn.execute(sa.select(comments.c.state).where(comments.c.native_id == second))
        assert sorted(of_number.scalars()) == ["deleted", "visible"]

    assert ann.post("/manyvoices/who-i-am", manyvoices_role=["patient", "industry"]).status_code == 303
    stage.settle()
    assert {type_ for type_, source in tags_of(service, first) if source == "profile"} == {"patient", "industry"}
    assert 'value="patient" checked' in ann.get("/manyvoices/who-i-am").text

    mod.post(f"/topic/{topic}/edit", title="Going home, safely", content="Who checks the letter?")
    agreed()
    assert discussion_titles(service, "Going home", "Going home, safely") == ["Going home, safely"]
    mod.does("delete", f"/topic/{topic}")
    again = mod.opens("Another topic", "It has the number of the one before.")
    assert again == topic
    agreed()
    assert discussion_titles(service, "Going home, safely", "Another topic") == ["Going home, safely", "Another topic"]


def test_a_dead_receiver_slows_nobody_and_loses_nothing(stage: Stage) -> None:
    forum, door = stage.forum, stage.door
    bea = Person(forum, "Bea")
    bea.signs_up()
    topic = bea.opens("Nobody rang", "Who rings the family?")

    def seconds_to_write() -> float:
        taken = []
        token = bea.get(f"/topic/{topic}/post/new").text.partition('name="csrf_token"')[2].split('"')[3]
        for number in range(15):
            begun = time.perf_counter()
            answer = bea.session.post(
                f"{forum.url}/topic/{topic}/post/new",
                data={"csrf_token": token, "content": f"Day {number}."},
                allow_redirects=False,
                timeout=30,
            )
            taken.append(time.perf_counter() - begun)
            assert answer.status_code == 302
        return statistics.median(taken)

    open_door = seconds_to_write()
    stage.settle()
    door.fall_silent()
    silent_door = seconds_to_write()
    assert silent_door - open_door < 0.05, f"{silent_door:.3f} s against {open_door:.3f} s"

    changed = bea.writes(topic, "Nobody rang.")
    bea.edits(changed, "Nobody rang us back.")
    bea.edits(changed, "Nobody rang us back, not once.")
    taken_back = bea.writes(topic, "My name is Bea Brown and I want this gone.")
    Person(forum, "admin").signs_in().does("delete", f"/post/{taken_back}")
    Person(forum, "Ivy").signs_up()
    # What its author took back waits nowhere any more, and an address was never written down.
    for never in ("Bea Brown", "@example.org"):
        assert not forum.ask("SELECT 1 FROM manyvoices_queue WHERE body LIKE ?", f"%{never}%")

    # Then the forum's own machine goes down, too.
    forum.kill()
    door.shut()
    waiting = forum.waiting()
    assert waiting == [*["comment.created"] * 16, *["comment.updated"] * 2, "comment.deleted", "member.created"]
    forum.start()
    time.sleep(0.5)
    assert forum.waiting() == waiting
    assert "whsec_" not in forum.log.read_text()
    door.open()
    assert stage.agreed()[changed] == "Nobody rang us back, not once."
    with reading(stage.service.db) as conn:
        assert set(conn.execute(sa.select(events.c.status)).scalars()) == {"done"}


def test_what_we_write_back_is_shown_to_whom_it_is_for(stage: Stage, other_secret: bytes) -> None:
    forum, service, secret = stage.forum, stage.service, secret_bytes(SECRET)
    cath, guest, mod = Person(forum, "Cath"), Person(forum), Person(forum, "admin").signs_in()
    cath.signs_up()
    topic = cath.opens("The letter", "Who checks the letter?")
    post = cath.writes(topic, DAD)
    stage.settle()
    with reading(service.db) as conn:
        wanted = comments.c.native_id == post, comments.c.state == "visible"
        kept = conn.execute(sa.select(comments).where(*wanted)).one()
        title = discussions.c.title == "The letter"
        discussion = conn.execute(sa.select(discussions.c.native_id).where(title)).scalar_one()
        author = conn.execute(sa.select(authors.c.native_id).where(authors.c.display_name == "Cath")).scalar_one()
    comment = {"id": post, "created_at": kept.created_at.isoformat()}
    early, late = now(), (datetime.now(UTC) + timedelta(seconds=1)).isoformat()

    def back(type_: str, at: str, **data: object) -> int:
        return write_back(forum, secret, type_, at=at, **data).status_code

    assert back("tag.set", early, comment=comment, labels=["Carer <b>"]) == 202
    assert "Says they are here as:" in guest.get(f"/topic/{topic}").text
    assert "Carer &lt;b&gt;" in guest.get(f"/topic/{topic}").text
    assert back("tag.clear", late, comment=comment) == 202
    assert back("tag.set", early, comment=comment, labels=["Carer"]) == 202
    assert "Says they are here as:" not in guest.get(f"/topic/{topic}").text

    note = {"discussion": {"id": discussion}, "key": "summary", "url": f"{service.public_url}/moderators/"}
    other = comment | {"created_at": "2026-01-01T00:00:00Z"}
    assert write_back(forum, other_secret, "tag.clear", at=late, comment=comment).status_code == 401
    assert write_back(forum, secret, "tag.clear", at=late, age=301, comment=comment).status_code == 401
    assert requests.post(f"{forum.url}/manyvoices/webhooks", data=b"{}", timeout=20).status_code == 401
    assert back("tag.set", late, comment=other, labels=["Carer"]) == 404
    assert back("staff_note.put", late, **note | {"url": "https://elsewhere.org/"}, text="x") == 422

    assert back("staff_note.put", early, **note, text="One voice, a carer.") == 202
    assert back("staff_note.put", late, **note, text="One voice, a carer. No patient yet.") == 202
    assert mod.get(f"/topic/{topic}").text.count("One voice") == 1
    assert "No patient yet." in mod.get(f"/topic/{topic}").text
    for somebody in (cath, guest):
        assert "One voice" not in somebody.get(f"/topic/{topic}").text

    link = f"{service.public_url}/mine/a-token"
    assert back("private_link.put", late, author={"id": author}, url=link) == 202
    assert link in cath.get(f"/topic/{topic}").text
    for somebody in (mod, guest):
        assert link not in somebody.get(f"/topic/{topic}").text


def test_what_goes_past_the_forums_own_code_is_found_by_the_sweep(stage: Stage) -> None:
    forum, service = stage.forum, stage.service
    dot, mod = Person(forum, "Dot"), Person(forum, "admin").signs_in()
    dot.signs_up()
    topic = dot.opens("Behind the back", "Who checks the letter?")
    kept, changed, gone = (dot.writes(topic, words) for words in ("One.", "Two.", "Three."))
    stage.agreed()
    forum.ask("UPDATE posts SET content = 'Two and a half.' WHERE id = ?", changed)
    forum.ask("DELETE FROM posts WHERE id = ?", gone)
    assert "2 pieces" in forum.run("voices", "sweep")
    assert stage.agreed()[changed] == "Two and a half."
    # What was there before the plugin came is history, and not news.
    assert forum.ask("SELECT 1 FROM posts WHERE content LIKE 'Have fun%'")
    assert not any(said.startswith("Have fun") for said in held(service).values())

    # A member leaves, and takes their name along.
    (dots_id,) = forum.ask("SELECT id FROM users WHERE username = 'Dot'")[0]
    mod.does("delete", f"/admin/users/{dots_id}")
    assert kept in stage.agreed()
    with reading(service.db) as conn:
        assert "Dot" not in conn.execute(sa.select(authors.c.display_name)).scalars().all()

    # The room is closed to guests and members: what was said there is out of sight, and nothing new is told.
    roles = dict(forum.ask("SELECT role, id FROM groups"))
    about = {"title": "Welcome", "description": "", "position": "1", "category": "1", "moderators": "", "external": ""}
    room = "/admin/forums/1/edit"
    assert mod.post(room, **about, groups=[str(roles["admin"])]).status_code == 302
    ours = mod.writes(topic, "Only for us.")
    deadline = time.monotonic() + 60
    while held(service):
        assert time.monotonic() < deadline, forum.waiting()
        time.sleep(0.05)
    stage.settle()
    with reading(service.db) as conn:
        assert not conn.execute(sa.select(comments).where(comments.c.text.contains("Only for us"))).all()
    assert mod.post(room, **about, groups=[str(id_) for id_ in roles.values()]).status_code == 302
    while ours not in held(service):
        assert time.monotonic() < deadline + 60, forum.waiting()
        time.sleep(0.05)
    assert {kept, changed, ours} <= set(stage.agreed())


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    """Start chromium once for these tests."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("chromium is missing, and CI must not leave it out")
        pytest.skip("chromium is not installed: the tests in a browser are left out")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


@pytest.mark.browser
def test_a_guest_is_invited_joins_and_comes_back_to_the_topic(stage: Stage, browser: "sync_api.Browser") -> None:
    forum = stage.forum
    ann = Person(forum, "Eve")
    ann.signs_up()
    topic = ann.opens("On the ward", "Who reads the list aloud?")
    stage.settle()
    assert "manyvoices-invitation" not in ann.get(f"/topic/{topic}").text
    for name, scripts in (("Fay", True), ("Gus", False)):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda said, refused=refused: refused.append(said.text))
        page.goto(f"{forum.url}/topic/{topic}")
        frame = page.frame_locator("iframe")
        assert "On the ward" in frame.locator("main").inner_text()
        inside = next(one for one in page.frames if "/panel" in one.url)
        if scripts:
            assert inside.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
            assert axe_api.Axe().run(page, context=".manyvoices-invitation").violations_count == 0
        frame.get_by_role("link", name="Sign up for free").click()
        page.wait_for_url(re.compile(r"/auth/register\?next="))
        page.get_by_text("More", exact=True).click()
        page.get_by_label("Lived experience partner").check()
        page.get_by_label("Username").fill(name)
        page.get_by_label("Email address").fill(f"{name}@example.org")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Confirm password").fill(PASSWORD)
        page.get_by_label("I accept the Terms of Service").check()
        page.get_by_role("button", name="Register").click()
        page.wait_for_url(re.compile(rf"^{forum.url}/topic/{topic}\b"))
        assert page.locator("iframe").count() == 0
        assert not [said for said in refused if "frame" in said.lower()]
        context.close()
    stage.settle()
    with reading(stage.service.db) as conn:
        said = conn.execute(sa.select(authors.c.declared).where(authors.c.display_name == "Gus")).scalar_one()
    assert said == [["role", "Lived experience partner"]]


@pytest.mark.browser
@pytest.mark.parametrize("scripts", [True, False])
def test_kept_words_are_looked_over_before_anything_is_posted(
    stage: Stage, browser: "sync_api.Browser", scripts: bool
) -> None:
    forum = stage.forum
    name = f"Hal{scripts:d}"
    hal = Person(forum, name)
    hal.signs_up()
    hal.opens("Falls", "Where do the frames stand?")
    stage.settle()
    with reading(stage.service.db) as conn:
        native = (
            conn.execute(sa.select(discussions.c.native_id).where(discussions.c.title == "Falls")).scalars().all()[-1]
        )
    words = f"Her frame stood in the corridor. <b>&amp; nobody</b> saw it, {name}."
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"{forum.url}/auth/login")
    page.get_by_label("Username or Email address").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    # The kept-words page stands on another site, so the browser sends no cookie along.
    elsewhere = f"http://localhost:{stage.door.port}/kept"
    form = (
        f'<form method="post" action="{forum.url}/manyvoices/compose/{native}" target="_top">'
        f'<textarea name="text">{escape(words)}</textarea><button>Post them</button></form>'
    )
    page.route(elsewhere, lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto(elsewhere)
    page.get_by_role("button", name="Post them").click()
    assert page.get_by_label("What you wrote").input_value() == words
    if scripts:
        assert axe_api.Axe().run(page).violations_count == 0
    page.get_by_role("button", name="Take them to the reply form").click()
    box = page.locator("textarea[name=content]")
    assert box.input_value() == words
    assert name not in page.url
    assert words not in stage.agreed().values()
    page.get_by_role("button", name="Reply").click()
    page.wait_for_url(re.compile(rf"^{forum.url}/topic/\d"))
    assert any(name in said for said in stage.agreed().values())
    assert [one["name"] for one in context.cookies() if one["name"] == "session"] == ["session"]
    context.close()
