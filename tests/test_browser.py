"""The pages in a real browser: three widths, by keyboard, without scripts, and with nothing left behind."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from test_pages import DAD, SECRET, practice_community, urgent_page
from werkzeug.serving import make_server

from forum import Forum
from plugin import engine
from plugin.evaluation import figures_of, judged
from plugin.jobs import JOBS
from plugin.service import Service
from plugin.store.opening import writing
from webhooks.commands.evaluating import page_of
from webhooks.signatures import secret_bytes

sync_api = pytest.importorskip("playwright.sync_api")
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDTHS = (320, 768, 1280)
NARROWEST_TARGET = 24

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

GUEST_PAGES = ("/", "/practice/", "/practice/?as=carys", "/practice/sign-up", "/practice/sign-in", "/nowhere")
MEMBER_PAGES = (
    "/members/practice/panel?url={home}/practice/",
    "/members/practice/panel?later=1&url={home}/practice/",
    "/members/practice/write?url={home}/practice/",
    "/members/practice/about-tags",
)
STAFF_PAGES = (
    *("/moderators/", "/moderators/discussions/1", "/desk/", "/desk/insights/1", "/desk/replies"),
    *("/staff/sign-in", "/staff/sign-out", "/staff/password"),
)


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    """Start chromium once for these tests, and end it with them: its event loop is in the way of the engine's."""
    if not CHROMIUM.exists():
        if os.environ.get("CI"):
            pytest.fail("chromium is missing, and CI must not leave it out")
        pytest.skip("chromium is not installed: the tests in a browser are left out")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def port() -> int:
    """Return a port that is free: here links must lead to the very server that is asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def environ(environ: dict[str, str], port: int) -> dict[str, str]:
    return environ | {"MANYVOICES_PORT": str(port), "MANYVOICES_PUBLIC_URL": f"http://localhost:{port}"}


@pytest.fixture
def live_url(app: Flask, port: int) -> Iterator[str]:
    """Serve the app where its public address says, and yield that address."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://localhost:{port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def worker(service: Service) -> Iterator[Callable[[], None]]:
    """Run the real engine from a thread of its own, away from the browser's event loop."""
    with ThreadPoolExecutor(1) as apart:
        apart.submit(engine.start, service, JOBS, poll=0.02).result()

        def settle(seconds: float = 20) -> None:
            deadline = time.monotonic() + seconds
            while engine.pending_jobs(service.db):
                assert time.monotonic() < deadline, "the jobs did not end"
                time.sleep(0.02)

        yield settle
        apart.submit(engine.stop, patience=1).result()


@pytest.fixture
def hub(service: Service, client: FlaskClient, live_url: str, worker: Callable[[], None]) -> str:
    """Serve the practice forum with a few comments, one of them urgent; return the address."""
    with writing(service.db) as conn:
        practice_community(conn, service)
    forum = Forum(client, secret_bytes(SECRET), slug="practice")
    page = {"id": "1", "title": "The bay that nobody could see into", "url": f"{service.public_url}/practice/"}
    forum.posted(DAD, "1", discussion=page)
    forum.posted("I'm a ward nurse. We read every list aloud now, since one was wrong in March.", "2", discussion=page)
    worker()
    forum.posted(
        "My mum is on the ward now, she cannot breathe and nobody is coming. Help us now.", "3", discussion=page
    )
    worker()
    return live_url


@pytest.fixture
def opened(browser: "sync_api.Browser", hub: str) -> Iterator[Callable[..., "sync_api.Page"]]:
    """Yield a function that opens a page in a browser without a past."""
    contexts = []

    def opens(path: str, width: int = 1280, *, staff: FlaskClient | None = None, **options) -> "sync_api.Page":
        # A button that is still fading from light to dark has no colour that could be judged.
        options = {"reduced_motion": "reduce", **options}
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        if staff is not None:
            cookie = staff.get_cookie("session")
            context.add_cookies([{"name": "session", "value": cookie.value, "url": hub}])
        page = context.new_page()
        page.goto(hub + path)
        return page

    yield opens
    for context in contexts:
        context.close()


def every_page(service: Service) -> tuple[str, ...]:
    return (
        *GUEST_PAGES,
        *(path.format(home=service.public_url) for path in MEMBER_PAGES),
        *STAFF_PAGES,
        urgent_page(service),
    )


def test_every_page_is_whole_and_accessible_at_every_width(opened, hub, service, sign_in) -> None:
    page = opened("/", staff=sign_in("admin"))
    for path in every_page(service):
        page.goto(hub + path)
        is_whole_and_accessible(page, path)


@pytest.mark.usefixtures("database_url")
def test_the_page_of_an_evaluation_is_whole_and_accessible_too(browser, tmp_path) -> None:
    labels = {
        "I'm a ward sister, and my dad was sent home.": ["carer"],
        "My mum fell twice.": ["carer"],
        "W" * 300: ["unknown"],
    }
    results = judged([{"id": f"a-{text[:9]}", "text": text, "labels": its} for text, its in labels.items()])
    file = tmp_path / "page.html"
    file.write_text(page_of(figures_of(results), results), encoding="utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    is_whole_and_accessible(page, "the page of an evaluation")
    page.close()


def is_whole_and_accessible(page: "sync_api.Page", path: str) -> None:
    """Look at an open page at three widths, and judge it in the light where it is wide, in the dark where narrow."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        spills = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not spills, f"{path} is wider than {width} px"
        # What is folded away has no size at all.
        small = [size for size in page.evaluate(TARGETS) if 0 < min(size) < NARROWEST_TARGET]
        assert not small, f"{path} has something too small to press at {width} px"
    axe = axe_api.Axe()
    for scheme, width in (("light", WIDTHS[-1]), ("dark", WIDTHS[0])):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        found = axe.run(page)
        assert found.violations_count == 0, f"{path}, {scheme}: {found.generate_report()}"
        # It is in the page by now, and half a megabyte to read again.
        axe.axe_script = "0"
    page.emulate_media(color_scheme="light")


TARGETS = """[...document.querySelectorAll('a.btn, button, select, summary, input:not([type=hidden]), nav a')]
    .map(one => one.getBoundingClientRect()).map(box => [box.width, box.height])"""


def test_a_guest_leaves_with_nothing_and_nobody_else_is_asked(browser, hub, service) -> None:
    context = browser.new_context()
    context.add_init_script(
        """window.kept = [];
        for (const name of ['setItem', 'getItem']) { const real = Storage.prototype[name];
          Storage.prototype[name] = function (...given) { window.kept.push(name); return real.apply(this, given); }; }
        indexedDB.open = () => { window.kept.push('indexedDB'); };"""
    )
    page = context.new_page()
    asked: set[str] = set()
    cookies: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.on("response", lambda answer: cookies.append(answer.url) if "set-cookie" in answer.headers else None)
    page.on("console", lambda message: complaints.append(message.text))
    for path in (*GUEST_PAGES[:-1], *(path.format(home=service.public_url) for path in MEMBER_PAGES)):
        page.goto(hub + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.kept") == [], path
    assert asked == {urlsplit(hub).netloc}
    assert cookies == []
    assert context.cookies() == []
    assert complaints == []
    context.close()


def test_all_four_answers_to_the_invitation_are_the_same_size(opened, hub, service) -> None:
    for width in WIDTHS:
        page = opened(MEMBER_PAGES[0].format(home=service.public_url), width)
        boxes = [choice.bounding_box() for choice in page.locator(".choice").all()]
        assert len(boxes) == 4
        assert len({(round(box["width"]), round(box["height"])) for box in boxes}) == 1
        looks = page.evaluate(
            """[...document.querySelectorAll('.choice')].map(one => getComputedStyle(one))
            .map(one => [one.color, one.backgroundColor, one.borderColor, one.fontSize, one.fontWeight].join())"""
        )
        assert len(set(looks)) == 1


def test_the_invitation_fits_its_frame_at_every_width(opened, hub) -> None:
    for width in WIDTHS:
        page = opened("/practice/", width)
        frame = next(frame for frame in page.frames if "/panel" in frame.url)
        hidden = frame.evaluate("document.documentElement.scrollHeight - document.documentElement.clientHeight")
        assert hidden <= 0, f"{hidden} px of the invitation are cut off at {width} px"


@pytest.mark.parametrize("scripts", [True, False])
def test_a_guest_joins_and_writes_by_keyboard_alone_with_scripts_and_without(
    opened, worker, sign_in, scripts: bool
) -> None:
    page = opened("/practice/", 320, java_script_enabled=scripts)
    press(page, page.frame_locator("iframe").get_by_role("link", name="Sign up for free"))
    to(page, page.get_by_label("A name to show"))
    page.keyboard.type("Bea")
    press(page, page.get_by_role("button", name="Sign up"))
    to(page, page.get_by_label("Add a comment as Bea"))
    page.keyboard.type("As a physiotherapist I saw her frame in the corridor, so we moved the hooks.")
    press(page, page.get_by_role("button", name="Post the comment"))
    assert "answered 202" in page.get_by_role("status").inner_text()
    assert "so we moved the hooks" in page.content()
    worker()
    assert "so we moved the hooks" in sign_in("moderator").get("/moderators/discussions/1").text


def to(page: "sync_api.Page", target: "sync_api.Locator") -> None:
    """Press Tab until the target has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("one => one === one.ownerDocument.activeElement && one.ownerDocument.hasFocus()"):
            return
    pytest.fail("the keyboard does not reach it")


def press(page: "sync_api.Page", target: "sync_api.Locator") -> None:
    to(page, target)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_summary_prints_on_paper_without_the_furniture(opened, sign_in) -> None:
    page = opened("/moderators/discussions/1", staff=sign_in("moderator"))
    page.emulate_media(media="print")
    assert page.get_by_role("navigation").count() == 0
    assert page.get_by_role("table", name="People and comments for each").is_visible()
    assert page.locator(".picture svg").first.is_visible()
