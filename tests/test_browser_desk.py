"""A morning at the desk in a real browser: two editors, forty new insights, by keyboard alone."""

# ruff: noqa: F811 - pytest hands fixtures over by their name
import csv
import hashlib
import io
import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

# The fixtures stand there: a browser, an address, a community with comments.
from test_browser import (  # noqa: F401
    browser,
    environ,
    hub,
    is_whole_and_accessible,
    live_url,
    opened,
    port,
    sync_api,
    worker,
)
from test_pages import SECRET

from forum import Forum
from mail_server import Inbox, words_of
from plugin.handing_out import send_desk_digests
from plugin.service import Service
from plugin.store.insights import author_of
from plugin.store.links import new_link
from plugin.store.opening import reading, writing
from plugin.store.tables import credits, insight_steps, insight_types, insights, receipts
from webhooks.signatures import secret_bytes

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

# What people shared in the night; every fourth says nearly the same.
SHARED = (
    "I look after my father. His evening insulin came {n} hours late on the ward, so now we keep a chart by the bed.",
    "I am a community nurse. We changed our handover in week {n}: whoever visits next rings the family first.",
    "As a patient I waited {n} days for my discharge letter, and the blood thinner was missing from it. Nobody rang.",
    "I am a social worker. For {n} months we have sat down with each family before the hospital sends them home.",
)
ANSWER = "Thank you. We shall ask the wards how they time the evening insulin."
NOTE = "Ring the ward sister before we print this."


@pytest.fixture
def forty(inbox: Inbox, hub: str, service: Service, client, worker: Callable[..., None]) -> Forum:
    """Return the forum after a night in which forty people shared something."""
    # The first few deliveries have their numbers from the forum of `hub`.
    forum = Forum(client, secret_bytes(SECRET), slug="practice", numbers=itertools.count(100))
    place = {"id": "1", "title": "The bay that nobody could see into", "url": f"{service.public_url}/practice/"}
    for n in range(40):
        author = {"id": f"a{n}", "kind": "member", "display_name": f"Member {n}"}
        forum.posted(SHARED[n % 4].format(n=n + 2), f"m{n}", discussion=place, author=author)
    worker(90)
    inbox.mails.clear()
    return forum


def reach(page: "sync_api.Page", target: "sync_api.Locator") -> None:
    """Press Tab until the target has the focus; how often is counted first, because a list has many places to stop."""
    for _ in range(target.evaluate(STOPS)):
        page.keyboard.press("Tab")
    # A field for a day has four places to stop at.
    for _ in range(40):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail("the keyboard does not reach it")


# From where the page was entered. Rather too few than too many: of a group of radio buttons one is a place to stop.
STOPS = """target => {
  const named = document.getElementById(location.hash.slice(1));
  const from = document.activeElement === document.body && named ? named : document.activeElement;
  const all = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')];
  const between = all.filter(one => one.checkVisibility() && one.type !== 'radio'
    && from.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING
    && one.compareDocumentPosition(target) & Node.DOCUMENT_POSITION_FOLLOWING);
  return Math.max(0, between.length - 2);
}"""


def enter(page: "sync_api.Page", target: "sync_api.Locator") -> None:
    reach(page, target)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def unfold(page: "sync_api.Page", words: str) -> None:
    summary = page.locator("summary", has_text=words)
    if not summary.evaluate("one => one.parentElement.open"):
        reach(page, summary)
        page.keyboard.press("Enter")


def rows(service: Service) -> str:
    """Return a digest of all that belongs to insights themselves."""
    tables = (insights, insight_types, receipts, credits, insight_steps)
    with reading(service.db) as conn:
        told = {table.name: [list(row) for row in conn.execute(sa.select(table))] for table in tables}
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()


def own_page_of(service: Service, client: FlaskClient, insight_id: int) -> str:
    """Return what the author of an insight reads on their own page."""
    with writing(service.db) as conn:
        author = author_of(conn, insight_id)
        assert author is not None
        link = new_link(conn, author[0], datetime.now(UTC))
    return client.get(f"/members/practice/mine/{link}").text


def in_two_days() -> datetime:
    return datetime.now(UTC) + timedelta(days=2)


def found(page: "sync_api.Page") -> str:
    return page.locator("#found").inner_text()


def test_a_morning_at_the_desk_by_keyboard_alone(inbox, forty, opened, hub, service, sign_in, worker, client) -> None:
    ann = opened("/desk/", staff=sign_in("editor"))
    ben = opened("/desk/", staff=sign_in("admin"))

    # What may be urgent stands on top. Ann looks for insulin, and the address keeps what she chose.
    assert ann.locator("h2").first.inner_text() == "1 may be urgent"
    assert found(ann) == "42 insights"
    reach(ann, ann.get_by_label("Words in it"))
    ann.keyboard.type("insulin")
    with ann.expect_navigation():
        ann.keyboard.press("Enter")
    assert found(ann) == "10 insights"
    ann.reload()
    assert found(ann) == "10 insights"
    insulin = [int(one.get_attribute("value").partition(":")[0]) for one in ann.locator("input[name=item]").all()][-10:]
    first, second = insulin[0], insulin[1]

    # She takes the first. Ben sees whose it is, and that she has it open.
    enter(ann, ann.locator(f"#insight-{first} a"))
    enter(ann, ann.get_by_role("button", name="I take it"))
    assert "you have it" in ann.locator(".standing").inner_text()
    ben.goto(f"{hub}/desk/insights/{first}")
    assert "editor@hub.example.org has it" in ben.locator(".standing").inner_text()
    assert "has this open too" in ben.get_by_role("note").first.inner_text()

    # She leaves a note for him; he, who saw an older page, saves over nothing and loses nothing.
    unfold(ann, "Notes to colleagues")
    reach(ann, ann.get_by_label("A note"))
    ann.keyboard.type(NOTE)
    enter(ann, ann.get_by_role("button", name="Keep the note"))
    assert NOTE in ann.content()
    ann.get_by_label("What was done with it").select_option("in_review")
    enter(ann, ann.locator("#step").get_by_role("button", name="Save"))
    ben.get_by_label("What was done with it").select_option("waiting")
    enter(ben, ben.locator("#step").get_by_role("button", name="Save"))
    told = ben.get_by_role("alert").inner_text()
    assert "As it stands now" in told
    assert "“In review”" in told
    assert "Waiting" in told
    assert ben.get_by_label("What was done with it").input_value() == "waiting"

    # The second one can wait until somebody replies.
    ann.goto(f"{hub}/desk/insights/{second}")
    unfold(ann, "Put it out of the way")
    enter(ann, ann.get_by_role("button", name="Until somebody replies"))
    ann.goto(f"{hub}/desk/?words=insulin")
    assert found(ann) == "9 insights"
    enter(ann, ann.get_by_role("link", name="Asleep"))
    assert found(ann) == "1 insight"

    # All that is open, at once; meanwhile Ben has taken three of them.
    ann.goto(f"{hub}/desk/?size=200&words=nurse")
    enter(ann, ann.get_by_role("link", name="Tick all on this page"))
    ticked = [
        int(one.get_attribute("value").partition(":")[0]) for one in ann.locator("input[name=item]:checked").all()
    ]
    assert len(ticked) >= 10
    for one in ticked[:3]:
        ben.goto(f"{hub}/desk/insights/{one}")
        enter(ben, ben.get_by_role("button", name="I take it"))
    reach(ann, ann.get_by_role("radio", name="Give them to").first)
    ann.keyboard.press("Space")
    ann.get_by_label("Say that they are", exact=True).check()
    ann.get_by_label("Where they stand now").select_option("in_review")
    enter(ann, ann.get_by_role("button", name="Do this with the ticked ones"))
    report = ann.get_by_role("alert").inner_text()
    assert f"{len(ticked) - 3} are done. 3 were left as they were" in report
    assert report.count("admin@hub.example.org") == 3

    # Two that say the same become one, and are taken apart again: every row is as it was.
    ann.goto(f"{hub}/desk/insights/{first}")
    before = rows(service)
    enter(ann, ann.get_by_role("link", name=re.compile("beside this one")).first)
    enter(ann, ann.get_by_role("button", name="Merge them"))
    assert "merged into this one" in ann.locator("main").inner_text()
    enter(ann, ann.get_by_role("button", name="out again"))
    assert rows(service) == before

    # An answer is seen before it goes; and then where it was used.
    ann.goto(f"{hub}/desk/insights/{first}")
    unfold(ann, "Answer its author")
    reach(ann, ann.get_by_label("Your answer"))
    ann.keyboard.type(ANSWER)
    enter(ann, ann.get_by_role("button", name="See it as its author will"))
    assert ANSWER in ann.locator("main").inner_text()
    enter(ann, ann.get_by_role("button", name=re.compile("^Send")))
    ann.goto(f"{hub}/desk/insights/{first}")
    ann.get_by_label("What was done with it").select_option("used")
    reach(ann, ann.get_by_label("Used in: the title of the page"))
    ann.keyboard.type("Evening insulin, on time")
    reach(ann, ann.get_by_label("Used in: its address"))
    ann.keyboard.type("https://hub.example.org/insulin")
    enter(ann, ann.locator("#step").get_by_role("button", name="Save"))
    mine = own_page_of(service, client, first)
    assert ANSWER in mine
    assert "Evening insulin, on time" in mine
    assert NOTE not in mine

    # She takes the list away; without their yes nobody's words are in it.
    ann.goto(f"{hub}/desk/?state=any&words=insulin")
    reach(ann, ann.get_by_role("button", name="As a table (CSV)"))
    with ann.expect_download() as download:
        ann.keyboard.press("Enter")
    table = list(csv.DictReader(io.StringIO(download.value.path().read_text(encoding="utf-8-sig"))))
    assert len(table) == 9
    assert {row["text"] for row in table} == {""}

    # Ben would rather have one letter a day, and gets it.
    ben.goto(f"{hub}/desk/mails")
    reach(ben, ben.get_by_role("radio", checked=True))
    ben.keyboard.press("ArrowDown")
    ben.keyboard.press("ArrowDown")
    assert ben.get_by_role("radio", name="A digest a day").is_checked()
    enter(ben, ben.get_by_role("button", name="Save", exact=True))
    forty.posted(SHARED[0].format(n=77), "m77", author={"id": "a77", "kind": "member", "display_name": "Member 77"})
    worker()
    inbox.mails.clear()
    send_desk_digests(service, in_two_days())
    worker()
    (letter,) = [mail for mail in inbox.mails if mail["To"] == "admin@hub.example.org"]
    assert "77 hours late" in words_of(letter)
    assert not [mail for mail in inbox.mails if NOTE in mail.as_string()]


def test_every_page_of_the_desk_is_whole_and_accessible(inbox, forty, opened, hub, service, sign_in) -> None:
    page = opened("/desk/?state=any", staff=sign_in("admin"))
    first = page.locator("input[name=item]").last.get_attribute("value").partition(":")[0]
    paths = (
        *("/desk/?state=any&kind=experience&nonsense=1", f"/desk/insights/{first}", "/desk/replies", "/desk/mails"),
        *("/desk/routes", "/desk/trail", "/desk/tokens", f"/desk/insights/{first}/beside?other={int(first) + 4}"),
    )
    for path in paths:
        page.goto(hub + path)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        is_whole_and_accessible(page, path)
