"""The moderators' pages in a real browser: three widths, light and dark, by keyboard, and without scripts."""

# ruff: noqa: F811 - pytest hands fixtures over by their name
import re

import pytest

# The fixtures stand there: a browser, an address, a community with comments.
from test_browser import (  # noqa: F401
    browser,
    environ,
    hub,
    is_whole_and_accessible,
    live_url,
    opened,
    port,
    press,
    to,
    worker,
)

PAGES = (
    *("/moderators/", "/moderators/?community=practice", "/moderators/comments/1"),
    *(f"/moderators/queues/{name}" for name in ("urgent", "personal", "unconfirmed", "reported")),
    *("/moderators/themes/practice", "/moderators/themes/practice/about/none", "/moderators/themes/practice/words"),
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


def test_every_page_of_the_moderators_is_whole_and_accessible(opened, hub, sign_in) -> None:
    page = opened("/", staff=sign_in("moderator"))
    for path in PAGES:
        page.goto(hub + path)
        # What is folded away has to be whole too.
        page.evaluate("document.querySelectorAll('details').forEach((one, number) => { one.open = number < 4; })")
        is_whole_and_accessible(page, path)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_moderator_corrects_a_tag_by_keyboard_alone_with_scripts_and_without(
    opened,
    sign_in,
    scripts: bool,
) -> None:
    page = opened("/moderators/comments/1", 320, staff=sign_in("moderator"), java_script_enabled=scripts)
    to(page, page.locator("summary", has_text="This is not right").first)
    page.keyboard.press("Enter")
    to(page, page.get_by_label("Why?").first)
    page.keyboard.type("He speaks of a neighbour")
    press(page, page.get_by_role("button", name=re.compile("^Remove")))
    assert "The tag is removed" in page.get_by_role("status").inner_text()
    assert "He speaks of a neighbour" in page.content()


def test_a_moderator_confirms_many_by_keyboard(opened, sign_in) -> None:
    page = opened("/moderators/queues/unconfirmed", 768, staff=sign_in("moderator"))
    for box in page.get_by_role("checkbox").all():
        to(page, box)
        page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="These are right"))
    assert "done" in page.get_by_role("status").inner_text()
    assert page.get_by_role("checkbox").count() == 0
