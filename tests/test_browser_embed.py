"""The invitation and the agreed roles on three forums' pages, served from another origin, in a real browser."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask, request
from test_browser import axe_api, browser, environ, live_url, port, sync_api  # noqa: F401 - the service, served
from test_browser_guests import Watched
from werkzeug.serving import make_server

from plugin.model import Discussion, Tag
from plugin.service import Service
from plugin.store.communities import add_community, change_community
from plugin.store.consents import give
from plugin.store.discussions import save_discussion
from plugin.store.opening import writing
from plugin.store.tables import comments
from plugin.store.tags import decide_tag

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
ONLY_ON = "sqlite"

PAGES = Path(__file__).parent / "data" / "embed"
PATHS = {"invision": "/blogs/co-production/", "discourse": "/t/co-production/7", "flaskbb": "/topic/7-co-production"}


class Pages:
    """Three forums' pages on an origin of their own, with the script in them (twice, by mistake) or the plain frame."""

    def __init__(self, service: str) -> None:
        self.service = service
        pages = Flask("forum")
        pages.add_url_rule("/<way>/<platform>/<path:path>", view_func=self._page)
        pages.add_url_rule("/manyvoices/compose/<native_id>", view_func=self._compose, methods=["POST"])
        self.composed: list[tuple[str, str, str]] = []
        self._server = make_server("127.0.0.1", 0, pages, threaded=True)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def at(self, way: str, platform: str) -> str:
        return f"{self.origin}/{way}/{platform}{PATHS[platform]}"

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _page(self, way: str, platform: str, path: str) -> str:
        here = f"{self.origin}/{way}/{platform}/{path}"
        script = f'<script src="{self.service}/embed.js" data-community="{platform}" async></script>'
        frame = (
            f'<iframe title="Join the discussion" src="{self.service}/members/{platform}/panel?url={quote(here)}" '
            'style="display:block; width:100%; height:110rem; border:0"></iframe>'
        )
        whole = (PAGES / f"{platform}.html").read_text()
        return whole.replace("{page}", here).replace("{embed}", frame if way == "frame" else script * 2)

    def _compose(self, native_id: str) -> str:
        self.composed.append((native_id, request.form["text"], request.headers.get("Referer", "")))
        return "<title>Reply</title>"


@pytest.fixture
def pages(service: Service, live_url: str) -> Iterator[Pages]:  # noqa: F811
    """Serve the pages, attach a community for each, and let one of two authors agree."""
    pages = Pages(live_url)
    with writing(service.db) as conn:
        for platform in PATHS:
            attach(conn, platform, pages)
    yield pages
    pages.end()


def attach(conn: sa.Connection, platform: str, pages: Pages) -> None:
    at = datetime.now(UTC)
    community_id = add_community(
        conn,
        slug=platform,
        platform=platform if platform != "flaskbb" else "standard",
        name="The hub",
        base_url=pages.origin,
        sign_up_url=f"{pages.origin}/register",
        sign_in_url=f"{pages.origin}/login",
        editorial_address="editors@hub.example.org",
        moderators_address="moderators@hub.example.org",
    )
    # A forum that speaks Standard Webhooks may be anything: its owner says where things stand.
    composer = f"{pages.origin}/manyvoices/compose/{{discussion}}"
    places = {"comment": "#topic-posts .post-row", "tag": ".post-content", "panel": "#topic-posts"}
    change_community(conn, community_id, public_tags="consented", compose_url=composer)
    if platform == "flaskbb":
        change_community(conn, community_id, places=places)
    page = Discussion("7", "Patient safety and co-production", pages.at("script", platform))
    discussion_id = save_discussion(conn, community_id, page, at)
    for native_id in ("1", "2"):
        row = {"community_id": community_id, "discussion_id": discussion_id, "native_id": native_id, "created_at": at}
        told = {"state": "visible", "source": "webhook", "received_at": at, "text": "I care for my dad.", "text_at": at}
        comment_id = conn.execute(sa.insert(comments).values(row | told).returning(comments.c.id)).scalar_one()
        decide_tag(
            conn, comment_id, Tag("carer", 1.0, None, "author"), "confirmed", source="author", by="author", at=at
        )
        give(conn, comment_id, "show_tag", native_id == "1", None, at)


class Reader(Watched):
    """A guest on a forum's page: who else is asked, and what is kept, is watched."""

    def reads(self, address: str) -> None:
        self.page.goto(address)
        self.page.locator("iframe").wait_for()
        self.page.frame_locator("iframe").get_by_role("heading", level=1).wait_for()

    def roles(self) -> list[str]:
        """Return what stands beside each comment."""
        told = "[...document.querySelectorAll('article, .post-row')].map(one => one.textContent.split('Says')[1] ?? '')"
        return [text.strip() for text in self.page.evaluate(told)]

    def leaves(self, pages: Pages) -> None:
        assert self.asked == {urlsplit(pages.origin).netloc, urlsplit(pages.service).netloc}
        assert self.cookies == []
        assert self.context.cookies() == []
        assert self.complaints == []
        self.context.close()


def test_a_guest_meets_the_invitation_once_and_roles_only_where_agreed(
    browser: "sync_api.Browser",  # noqa: F811
    pages: Pages,
) -> None:
    reader = Reader(browser, pages.service, 320, scripts=True)
    page = reader.page
    for platform in PATHS:
        page.set_viewport_size({"width": 320, "height": 800})
        reader.reads(pages.at("script", platform))
        page.get_by_text("Says they are here as: Carer").first.wait_for()
        assert reader.roles() == ["they are here as: Carer", ""], platform
        assert page.locator("iframe").count() == 1
        page.wait_for_function("document.querySelector('iframe').style.height !== '40rem'")
        reader.look()
        # It is as tall as what is in it, on a phone and a desk: nobody scrolls inside a frame, nor past an empty one.
        heights = []
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            for _ in range(50):
                page.wait_for_timeout(100)
                needed, given, spills = page.frames[1].evaluate(
                    "[document.querySelector('main').scrollHeight, innerHeight,"
                    " document.documentElement.scrollWidth > document.documentElement.clientWidth]"
                )
                if needed <= given <= needed + 40:
                    break
            assert needed <= given <= needed + 40, (platform, width)
            assert not spills
            heights.append(given)
        assert heights[0] > heights[1]
    reader.leaves(pages)


def test_on_a_page_that_changes_without_loading_nothing_doubles_and_nothing_stays(
    browser: "sync_api.Browser",  # noqa: F811
    pages: Pages,
) -> None:
    reader = Reader(browser, pages.service, 1280, scripts=True)
    page = reader.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    reader.reads(pages.at("script", "discourse") + "/2?u=carys")
    page.get_by_text("Says they are here as: Carer").wait_for()
    # Reading on changes the address, and comments come and go.
    page.evaluate("""() => {
      history.replaceState({}, '', location.pathname.replace(/2$/, '9'));
      const stream = document.querySelector('.post-stream');
      const more = stream.lastElementChild.cloneNode(true); stream.append(more);
      more.firstElementChild.dataset.postId = '1';
      const first = stream.firstElementChild; first.remove(); setTimeout(() => stream.prepend(first), 50);
    }""")
    page.wait_for_timeout(900)
    told = page.evaluate("document.body.innerText.split('Says they are here').length - 1")
    assert (told, page.locator("iframe").count()) == (2, 1)
    before = asked.count("/members/discourse/tags")
    page.evaluate("""() => { history.pushState({}, '', '/script/discourse/t/another/8');
      document.body.className = 'archetype-private_message'; document.querySelector('#topic-footer-buttons').remove();
    }""")
    page.wait_for_function("!document.querySelector('iframe')")
    page.wait_for_timeout(400)
    assert "Says they are here" not in page.content()
    # A private conversation is nobody's business; the next topic is asked about once.
    assert asked.count("/members/discourse/tags") == before
    page.evaluate("""() => { document.body.className = ''; history.pushState({}, '', '/script/discourse/t/another/9');
      document.querySelector('.topic-post').remove(); }""")
    page.wait_for_timeout(600)
    assert asked.count("/members/discourse/tags") == before + 1
    # Somebody who is signed in is not invited.
    page.evaluate("""() => { document.querySelector('header').innerHTML = '<a id="current-user">Me</a>';
      document.querySelector('main').insertAdjacentHTML('beforeend', '<div id="topic-footer-buttons"></div>'); }""")
    page.wait_for_timeout(500)
    assert page.locator("iframe").count() == 0
    reader.leaves(pages)


def test_without_scripts_the_plain_frame_is_enough_and_without_the_service_nothing_shows(
    browser: "sync_api.Browser",  # noqa: F811
    pages: Pages,
    service: Service,
) -> None:
    reader = Reader(browser, pages.service, 320, scripts=False)
    for platform in ("invision", "flaskbb"):
        reader.reads(pages.at("frame", platform))
        reader.look()
        assert reader.page.locator("iframe").count() == 1
        assert "Says they" not in reader.page.content()
        inside = reader.page.frames[1]
        assert inside.get_by_role("link", name="Sign up for free").get_attribute("target") == "_top"
    reader.leaves(pages)
    away = Reader(browser, pages.service, 1280, scripts=True)
    away.context.route("**/members/**", lambda route: route.abort())
    away.page.goto(pages.at("script", "invision"))
    away.page.wait_for_timeout(800)
    assert away.page.locator("iframe").count() == 0
    assert away.roles() == ["", ""]
    away.context.close()


def test_kept_words_reach_the_reply_form_by_one_press_and_no_address_ever_holds_them(
    browser: "sync_api.Browser",  # noqa: F811
    pages: Pages,
) -> None:
    words = "I care for my dad 🌙.\nHis tablets were changed."
    writer = Reader(browser, pages.service, 320, scripts=False)
    page = writer.page
    asked: list[str] = []
    writer.context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{pages.service}/members/flaskbb/write?url={quote(pages.at('script', 'flaskbb'), safe='')}")
    page.get_by_label("Your words").fill(words)
    page.get_by_role("button", name="Look it over").click()
    page.get_by_role("button", name="Keep my words").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Show my words").click()
    writer.look()
    with page.expect_popup() as reply:
        page.get_by_role("button", name="Take my words to the forum").click()
    reply.value.wait_for_load_state()
    assert reply.value.title() == "Reply"
    # The link to the words is told to nobody, and the words stay until their writer has posted them.
    assert pages.composed == [("7", words.replace("\n", "\r\n"), "")]
    assert page.get_by_label("Your words").input_value() == words
    assert not [url for url in asked if "tablets" in url or "dad" in url]
    assert writer.complaints == []
    writer.context.close()
