"""The whole way of a guest in a real browser: by keyboard alone, on a phone and a desk, with scripts and without."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from test_browser import (  # noqa: F401 - these fixtures serve the practice forum
    NARROWEST_TARGET,
    TARGETS,
    axe_api,
    browser,
    environ,
    live_url,
    port,
    press,
    sync_api,
    to,
)
from test_pages import practice_community

from mail_server import Inbox
from plugin.service import Service
from plugin.store.opening import writing

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

WORDS = "I care for my dad 🌙. His tablets were changed, and nobody told us.\nRing me on 07700 900123."
WATCH = """window.kept = [];
for (const name of ['setItem', 'getItem']) { const real = Storage.prototype[name];
  Storage.prototype[name] = function (...given) { window.kept.push(name); return real.apply(this, given); }; }
indexedDB.open = () => { window.kept.push('indexedDB'); };
const jar = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
Object.defineProperty(document, 'cookie', { get: () => jar.get.call(document),
  set: (given) => { window.kept.push('cookie'); jar.set.call(document, given); } });"""


@pytest.fixture
def hub(inbox: Inbox, service: Service, live_url: str) -> str:  # noqa: F811 - the fixture of that name
    with writing(service.db) as conn:
        practice_community(conn, service)
    return live_url


class Watched:
    """A browser without a past, and all that a page asks of it or of anybody else."""

    def __init__(self, browser: "sync_api.Browser", hub: str, width: int, *, scripts: bool) -> None:  # noqa: F811
        self.scripts, self.hub = scripts, hub
        self.context = browser.new_context(viewport={"width": width, "height": 800}, java_script_enabled=scripts)
        self.context.add_init_script(WATCH)
        self.asked: set[str] = set()
        self.cookies: list[str] = []
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        self.page.on("response", self._answered)
        self.page.on("console", lambda message: self.complaints.append(message.text))

    def _answered(self, answer: "sync_api.Response") -> None:
        if "set-cookie" in answer.headers:
            self.cookies.append(answer.url)

    def look(self) -> None:
        """See that the page is whole, can be heard, and keeps nothing."""
        self.page.wait_for_load_state()  # a page that has only begun to arrive has no width to ask for
        spills = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        assert not spills, f"{self.page.url} is too wide"
        if self.scripts:
            assert self.page.evaluate("window.kept") == []
            small = [size for size in self.page.evaluate(TARGETS) if 1 < min(size) < NARROWEST_TARGET]
            assert not small, f"{self.page.url} has something too small to press"
            found = axe_api.Axe().run(self.page)
            assert found.violations_count == 0, f"{self.page.url}: {found.generate_report()}"

    def end(self) -> None:
        assert self.asked <= {urlsplit(self.hub).netloc}
        assert self.cookies == []
        assert self.context.cookies() == []
        assert self.complaints == []
        self.context.close()


@pytest.fixture
def devices(browser: "sync_api.Browser", hub: str) -> Iterator[list[Watched]]:  # noqa: F811
    opened: list[Watched] = []
    yield opened
    for device in opened:
        device.context.close()


@pytest.mark.parametrize(("width", "scripts"), [(320, False), (1280, True)])
def test_a_guest_keeps_their_words_and_finds_them_on_another_device_by_keyboard_alone(
    browser: "sync_api.Browser",  # noqa: F811
    hub: str,
    devices: list[Watched],
    width: int,
    scripts: bool,
) -> None:
    phone = Watched(browser, hub, width, scripts=scripts)
    devices.append(phone)
    page = phone.page
    page.goto(f"{hub}/practice/")
    assert page.evaluate("document.activeElement === document.body") if scripts else True
    panel = page.frame_locator("iframe")
    to(page, panel.get_by_label("Carer", exact=True))
    page.keyboard.press("Space")
    press(page, panel.get_by_role("button", name="Write first"))
    assert "carer" not in page.url
    assert page.get_by_label("Carer", exact=True).is_checked()
    phone.look()
    to(page, page.get_by_label("Your words"))
    page.keyboard.insert_text(WORDS)
    press(page, page.get_by_role("button", name="Look it over"))
    phone.look()
    assert page.locator("mark").first.inner_text() == "07700 900123"
    assert not page.locator("#keep-forward").is_checked()
    press(page, page.get_by_role("button", name="Keep my words"))
    phone.look()
    link = page.get_by_label("The link to your words").input_value()
    assert WORDS[:20] not in page.content()
    other = Watched(browser, hub, 1600 - width, scripts=scripts)
    devices.append(other)
    elsewhere = other.page
    elsewhere.goto(link)
    other.look()
    press(elsewhere, elsewhere.get_by_role("button", name="Show my words"))
    other.look()
    assert elsewhere.get_by_label("Your words").input_value() == WORDS
    with elsewhere.expect_download() as download:
        to(elsewhere, elsewhere.get_by_role("button", name="Download as a text file"))
        elsewhere.keyboard.press("Enter")
    assert download.value.path().read_bytes() == WORDS.replace("\n", "\r\n").encode()
    press(elsewhere, elsewhere.get_by_role("button", name="I have posted them"))
    other.look()
    assert "Thank you for posting" in elsewhere.content()
    elsewhere.goto(link)
    other.look()
    assert "no longer kept" in elsewhere.content()
    other.complaints = [line for line in other.complaints if "410" not in line]
    phone.end()
    other.end()


@pytest.mark.parametrize(("width", "scripts"), [(320, False), (1280, True)])
def test_a_guest_sends_their_words_without_an_account_by_keyboard_alone(
    browser: "sync_api.Browser",  # noqa: F811
    hub: str,
    devices: list[Watched],
    width: int,
    scripts: bool,
) -> None:
    guest = Watched(browser, hub, width, scripts=scripts)
    devices.append(guest)
    page = guest.page
    page.goto(f"{hub}/members/practice/panel?url={hub}/practice/")
    guest.look()
    press(page, page.get_by_role("button", name="Write to the editors"))
    to(page, page.get_by_label("Your words"))
    page.keyboard.insert_text(WORDS)
    press(page, page.get_by_role("button", name="Look it over"))
    press(page, page.get_by_role("button", name="Send to the editors"))
    guest.look()
    assert page.title().startswith("Error:")
    to(page, page.locator("#forward"))
    page.keyboard.press("Space")
    press(page, page.get_by_role("button", name="Send to the editors"))
    guest.look()
    assert "We have your words" in page.content()
    assert "/members/practice/mine/" in page.get_by_label("The link to your page").input_value()
    guest.complaints = [line for line in guest.complaints if "422" not in line]
    guest.end()


def test_a_link_is_copied_by_a_button_where_scripts_run(
    browser: "sync_api.Browser",  # noqa: F811
    hub: str,
    devices: list[Watched],
) -> None:
    guest = Watched(browser, hub, 768, scripts=True)
    devices.append(guest)
    guest.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = guest.page
    page.goto(f"{hub}/members/practice/write?url={hub}/practice/")
    page.get_by_label("Your words").fill(WORDS)
    page.get_by_role("button", name="Look it over").click()
    page.get_by_role("button", name="Keep my words").click()
    page.get_by_role("button", name="Copy the link").click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.get_by_label("The link to your words").input_value()
