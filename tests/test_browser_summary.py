"""The summary of a discussion in a real browser: the seed thread and 500 comments, three widths, keyboard, paper."""

import html
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from test_browser import (
    NARROWEST_TARGET,
    TARGETS,
    WIDTHS,
    axe_api,
    browser,
    environ,
    live_url,
    port,
    press,
    sync_api,
    to,
)

from plugin.events import CommentPosted
from plugin.handlers import Telling, take_comment
from plugin.model import Author, Comment, Discussion
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import writing

__all__ = ["browser", "environ", "live_url", "port"]

DATA = Path(__file__).parent / "data"
SEED, LONG = "/moderators/discussions/1", "/moderators/discussions/2"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def threads(service: Service, community: Community) -> None:
    """Store the seed thread, and a thread of 500 comments by some who write often and many who write once."""
    seed = json.loads((DATA / "seed_thread.json").read_text(encoding="utf-8"))
    told = [json.loads(line) for line in (DATA / "dev_comments.jsonl").read_text(encoding="utf-8").splitlines()]
    chance, start = random.Random(1), datetime(2026, 3, 1, 8, tzinfo=UTC)
    with writing(service.db) as conn:
        telling = Telling(service, conn, community, datetime.now(UTC))
        for one in seed["comments"]:
            words = html.unescape(re.sub(r"<[^>]+>", "", one["body"].replace("</p><p>", "\n\n")))
            at = datetime.fromisoformat(one["created_at"].replace("Z", "+00:00"))
            _take(telling, "1", seed["title"], one["id"], at, words, str(one["author"]["id"]), one["parent"])
        for number in range(500):
            words = f"{chance.choice(told)['text']} ({number})"
            writer = str(int(chance.paretovariate(0.7)) % 180)
            at = start + timedelta(hours=7 * number)
            _take(telling, "2", "What would make leaving hospital safer?", f"L{number}", at, words, writer)


def _take(
    telling: Telling, page: str, title: str, id_: str, at: datetime, words: str, writer: str, parent: str | None = None
) -> None:
    discussion = Discussion(page, title, f"https://hub.example.org/blogs/{page}")
    comment = Comment(id_, at, at, words, f"{discussion.url}#{id_}", parent)
    author = Author(writer, "member", f"Member {writer}")
    take_comment(
        telling,
        CommentPosted(
            key=id_,
            community="hub",
            occurred_at=at,
            # Taken in from before: nothing of it is mailed.
            source="backfill",
            comment=comment,
            discussion=discussion,
            author=author,
        ),
    )


@pytest.fixture
def page(browser: "sync_api.Browser", threads: None, live_url: str, sign_in: Callable[..., FlaskClient]):
    """Yield a page of a browser in which a moderator is signed in."""
    cookie = sign_in("moderator").get_cookie("session")
    view = {"width": 1280, "height": 800}
    context = browser.new_context(base_url=live_url, viewport=view, reduced_motion="reduce")
    context.add_cookies([{"name": "session", "value": cookie.value, "url": live_url}])
    yield context.new_page()
    context.close()


def test_the_summary_is_whole_at_every_width_by_keyboard_and_on_paper(page: "sync_api.Page") -> None:
    axe = axe_api.Axe()
    for path, schemes in ((SEED, ("light", "dark")), (LONG, ("light",))):
        page.goto(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            spills = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not spills, f"{path} is wider than {width} px"
            small = [size for size in page.evaluate(TARGETS) if min(size) < NARROWEST_TARGET]
            assert not small, f"{path} has something too small to press at {width} px"
        assert page.evaluate(CUT_OFF) == [], f"{path} has words that are cut off in a picture"
        # All comments are drawn alike: a few are enough.
        page.evaluate("[...document.querySelectorAll('article')].slice(6).forEach(one => one.remove())")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            found = axe.run(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"

    page.goto(LONG)
    assert page.locator("article").count() == 50
    to(page, page.get_by_role("link", name="The comments"))
    page.keyboard.press("Enter")
    press(page, page.get_by_role("link", name="Later comments").first)
    assert page.locator("article").count() == 50
    assert page.locator("#who").count() == 0
    page.goto(LONG)
    cited = page.locator(".cited a[href*='page=']").first
    comment = cited.inner_text()
    cited.click()
    assert page.locator(f"#{comment.lower().replace(' ', '-')}").is_visible()

    page.goto(SEED)
    page.emulate_media(media="print")
    assert page.get_by_role("navigation").count() == 0
    assert page.locator("article").first.is_hidden()
    assert page.locator(".picture svg").count() == 3
    assert page.locator(".three").is_visible()
    assert page.get_by_role("button").count() == 0


CUT_OFF = """[...document.querySelectorAll('.picture svg')].flatMap(svg => {
    const frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll('text')].filter(text => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
            || box.bottom > frame.bottom + 1;
    }).map(text => text.textContent); })"""
