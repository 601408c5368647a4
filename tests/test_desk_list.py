"""A morning with the list: find what to look at, do one thing with many, and take it away without what is not ours."""

import csv
import html
import io
import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from forum import Forum, minute
from plugin import desk
from plugin.desk import Actor
from plugin.outcomes import Step
from plugin.service import Service
from plugin.store.audit import entries
from plugin.store.communities import Community
from plugin.store.consents import give
from plugin.store.desk import Item, item_of
from plugin.store.listing import Wanted, listed
from plugin.store.opening import reading, writing
from plugin.store.staff import account_id
from plugin.store.tables import comments, insights
from webhooks.desk_filters import ON_A_PAGE

# The queries themselves are asked of both databases in tests/test_desk.py.
ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."
DANGER = "My mum is on the ward now, she cannot breathe and nobody is coming. Help us now."


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def numbers(service: Service, community: Community) -> list[int]:
    """Return the insights, the first that was found first."""
    with reading(service.db) as conn:
        return listed(conn, service.vault, [community.id], Wanted(), limit=500)[::-1]


def shown(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="insight-(\d+)"', page)]


def value(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]+)"', page)
    assert found, name
    return html.unescape(found[1])


def ticks(page: str, *, checked: bool = False) -> list[str]:
    boxes = re.findall(r'<input[^>]*name="item" value="([^"]+)"[^>]*>', page)
    return [one for one in boxes if not checked or re.search(rf'value="{one}"[^>]* checked>', page)]


def heading(page: str) -> str:
    return re.search(r'<h2 id="found"[^>]*>([^<]+)<', page)[1]


def said(page: str) -> str:
    """Return what stands in the notes of a page, in one line."""
    notes = re.findall(r'<div class="note" role="\w+">(.*?)</div>', page, re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", " ".join(notes))).split())


def act(browser: FlaskClient, page: str, address: str = "/desk/bulk", **fields):
    return browser.post(address, data={"csrf_token": value(page, "csrf_token"), **fields})


def test_the_filter_lives_in_the_address_and_what_means_nothing_in_it_is_said(
    forum: Forum, service: Service, community: Community, worker, sign_in
) -> None:
    forum.posted(DAD, "1")
    worker()
    forum.posted(NURSE, "2")
    worker()
    forum.posted(DANGER, "3")
    worker()
    dad, nurse, danger = numbers(service, community)
    editor = sign_in("editor")
    page = editor.get("/desk/").text
    assert shown(page) == [danger, nurse, dad]
    assert page.index("1 may be urgent") < page.index('id="found"') < page.index(f'id="insight-{nurse}"')
    assert heading(page) == "2 insights"
    assert "Carer (said in this comment, not confirmed). Found <time" in page
    assert "<mark>" in page
    assert "Nobody’s yet" in page

    # A form sends its empty fields too; the address that stays is one to pass on, and shows what was chosen.
    answer = editor.get("/desk/?words=tablet&type=carer&state=new&state=waiting&theme=&age=week&size=")
    assert answer.status_code == 302
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {
        "words": ["tablet"],
        "type": ["carer"],
        "state": ["new", "waiting"],
        "age": ["week"],
    }
    # Whatever else somebody writes into it stays a name in the address.
    odd = editor.get("/desk/?words=&endpoint=x&_external=1&_scheme=javascript")
    assert odd.headers["Location"] == "/desk/?endpoint=x&_external=1&_scheme=javascript"
    page = editor.get(answer.headers["Location"]).text
    # What is urgent stands on top whatever was asked for.
    assert shown(page) == [danger, dad]
    assert heading(page) == "1 insight"
    assert '<option value="carer" selected>' in page
    assert re.search(r'value="waiting" id="state-waiting" checked', page)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for query, found in {
        "type=health_professional": [nurse],
        "words=ringing+families": [nurse],
        "words=tablets+handover": [],
        "words=!!": [],
        f"from={today}": [nurse, dad],
        "to=2020-01-01": [],
        "age=day&whose=nobody": [nurse, dad],
        "whose=mine": [],
        "state=used": [],
        "history=yes": [],
        "snoozed=yes": [],
        "community=hub": [nurse, dad],
    }.items():
        assert shown(editor.get(f"/desk/?{query}").text) == [danger, *found], query
    assert shown(editor.get("/desk/?urgent=yes").text) == [danger]

    wrong = editor.get(
        "/desk/?type=dragon&state=eaten&from=soon&to=0001-01-01&whose=99999&community=moon&theme=x&kind=y&age=never"
        "&before=99999999999999999999&size=7&done=-1&snoozed=perhaps&words=%00"
    )
    assert wrong.status_code == 200
    assert heading(wrong.text) == "2 insights"
    for sentence in (
        "“dragon” is no stakeholder type. It was left out.",
        "“eaten” is no state. It was left out.",
        "“soon” is no day. Please write it like 2026-11-23. It was left out.",
        "“99999” is no editor here. It was left out.",
        "“moon” is no community of yours. It was left out.",
    ):
        assert sentence in said(wrong.text)
    # Words that were taken off the forum are shown no more, nor who spoke them.
    forum.hidden("1", at=minute(3))
    worker()
    page = editor.get("/desk/?whose=nobody").text
    assert "The words are not shown: the comment is not visible on the forum." in page
    assert "tablets" not in page
    assert shown(editor.get("/desk/?words=tablets").text) == [danger]


def test_a_view_is_kept_shared_and_let_go_by_who_made_it(
    forum: Forum, service: Service, community: Community, sign_in
) -> None:
    editor, other = sign_in("editor"), sign_in("admin")
    page = editor.get("/desk/?type=carer&age=month").text
    for name, whose in (("My carers", "own"), ("Carers lately", "hub")):
        kept = act(editor, page, "/desk/views?type=carer&age=month", name=name, **{"for": whose})
        assert kept.status_code == 303
    assert act(editor, page, "/desk/views", name=" ", **{"for": "own"}).status_code == 422
    assert act(editor, page, "/desk/views", name="For all", **{"for": "moon"}).status_code == 400
    mine, theirs = editor.get("/desk/").text, other.get("/desk/").text
    link = '<a href="/desk/?type=carer&amp;age=month">'
    assert f"{link}My carers</a>" in mine
    assert f"{link}Carers lately</a>" in mine
    assert "My carers" not in theirs
    assert f"{link}Carers lately</a>" in theirs
    assert "shared by editor@hub.example.org" in theirs
    assert 'aria-current="true">Carers lately' in other.get("/desk/?type=carer&age=month").text
    remove = re.findall(r'action="(/desk/views/\d+/remove)"', mine)
    assert len(remove) == 2
    assert act(other, theirs, remove[0]).status_code == 404
    assert [act(editor, mine, one).status_code for one in remove] == [303, 303]
    assert "Carers lately" not in other.get("/desk/").text
    with reading(service.db) as conn:
        assert [one.act for one in entries(conn, None) if one.subject.startswith("view:")] == [
            *["view_removed"] * 2,
            *["view_saved"] * 2,
        ]
    assert "let go of a view" in other.get("/desk/trail/").text


def test_of_two_hundred_ticked_at_once_all_go_that_can_and_the_page_says_why_three_did_not(
    forum: Forum, service: Service, community: Community, worker, sign_in
) -> None:
    forum.posted(DAD, "1")
    forum.posted(NURSE, "2")
    forum.posted(DANGER, "3")
    worker()
    copied(service, 200)
    ids = numbers(service, community)
    editor, _ = sign_in("editor"), sign_in("admin")
    page = editor.get("/desk/").text
    assert heading(page) == "202 insights"
    assert len(ticks(page)) == ON_A_PAGE + 1
    page = editor.get("/desk/?size=200&tick=all").text
    ticked = ticks(page, checked=True)
    assert len(ticked) == 200
    assert act(editor, page, item=[]).status_code == 422
    # Meanwhile somebody else takes one, and another is dealt with.
    taken, dealt_with, *_ = (int(one.split(":")[0]) for one in ticked)
    admin = actor(service, "admin")
    with writing(service.db) as conn:
        desk.assign(service, conn, taken, account_id(conn, "admin@hub.example.org"), admin)
        reason = "Others have told us the same before."
        desk.take(service, conn, dealt_with, Step("not_used", admin.at, reason=reason), admin)
    gone = ticked[2].split(":")[0]
    with writing(service.db) as conn:
        conn.execute(sa.update(insights).where(insights.c.id == int(gone)).values(on_desk_at=None))
    answer = act(editor, page, "/desk/bulk?size=200", item=ticked, act="step", step="in_review")
    assert answer.status_code == 409
    report = said(answer.text)
    assert "197 are done. 3 were left as they were:" in report
    assert "admin@hub.example.org gave it to somebody, or to nobody. It is “New” now." in report
    assert "admin@hub.example.org said what became of it. It is “Not used” now." in report
    assert f"Insight {gone}: It is not on your desk any more." in report
    # They are still ticked, each with what it is by now: who has read the report may go on.
    left = ticks(answer.text, checked=True)
    assert sorted(left) == sorted([f"{taken}:2", f"{dealt_with}:2"])
    again = act(editor, answer.text, item=left, act="step", step="in_review")
    assert again.status_code == 409
    assert "From “Not used” this cannot become “In review”." in said(again.text)
    assert standing(service, taken).state == "in_review"
    assert standing(service, dealt_with).state == "not_used"
    assert sum(standing(service, one).state == "in_review" for one in ids) == 198

    few = [f"{one}:{standing(service, one).version}" for one in ids[10:12]]
    done = act(editor, page, item=few, act="assign", assignee=str(user(service, "editor")))
    assert done.status_code == 303
    assert "2 insights are done." in said(editor.get(done.headers["Location"]).text)
    assert heading(editor.get("/desk/?whose=mine").text) == "2 insights"
    few = [f"{one}:{standing(service, one).version}" for one in ids[10:12]]
    assert act(editor, page, item=few, act="snooze", sleep="week").status_code == 303
    asleep = editor.get("/desk/?snoozed=yes").text
    assert heading(asleep) == "2 insights"
    assert "Asleep until <time" in asleep
    urgent = f"{next(one for one in ids if standing(service, one).is_urgent)}:1"
    refused = act(editor, page, item=[urgent], act="snooze", sleep="reply")
    assert "What is urgent cannot be put out of the way." in said(refused.text)


MISTAKES = [
    ({"act": ""}, "Please choose what to do with the ticked ones.", "act"),
    ({"act": "snooze", "sleep": "day", "until": "2020-01-01"}, "a day that is still to come", "until"),
    ({"act": "snooze", "sleep": "day", "until": "soon"}, "the day on which they come back", "until"),
    ({"act": "not_used", "reason": "No."}, "Please say more: at least 20 characters.", "reason"),
    ({"act": "step", "step": "used"}, "Please choose where they stand now.", "step"),
    ({"act": "assign", "assignee": "me"}, "Please choose whom to give them to.", "assignee"),
    ({"act": "assign", "assignee": "0", "item": ["1:x", "one"]}, "Nothing was ticked", "found"),
    ({"act": "assign", "assignee": "0", "item": [f"{n}:1" for n in range(1, 202)]}, "more than 200", "found"),
]


def test_a_mistake_in_what_to_do_is_named_and_nothing_that_was_typed_is_lost(
    forum: Forum, service: Service, worker, sign_in
) -> None:
    forum.posted(DAD, "1")
    worker()
    editor = sign_in("editor")
    page = editor.get("/desk/").text
    for fields, sentence, where in MISTAKES:
        answer = act(editor, page, **({"item": ticks(page)} | fields))
        assert answer.status_code == 422
        assert sentence in said(answer.text)
        assert f'<a href="#{where}">' in answer.text
        assert f'id="{where}"' in answer.text
        assert "<title>Error: " in answer.text
        if "item" not in fields:
            assert ticks(answer.text, checked=True) == ticks(page)
        assert fields.get("until", "") in answer.text
        assert fields.get("reason", "") in answer.text
    assert standing(service, 1).version == 1
    assert editor.post("/desk/bulk", data={"item": ticks(page), "act": "assign", "assignee": "0"}).status_code == 400


def test_an_export_has_a_row_for_each_and_words_only_where_their_author_agreed_to_be_quoted(
    forum: Forum, service: Service, community: Community, worker, sign_in
) -> None:
    forum.posted(f"{DAD} My name is Oswald Quillfeather, ring 07700 900123.", "1")
    worker()
    forum.posted(NURSE, "2", discussion={"id": "d2", "title": '=HYPERLINK("http://evil.example")'})
    worker()
    forum.posted(f"{DAD} Every evening.", "3")
    worker()
    forum.posted(f"{DAD} Each night.", "4")
    worker()
    one, two, three, four = numbers(service, community)
    editor = sign_in("editor")
    by = actor(service, "editor")
    with writing(service.db) as conn:
        for insight_id in (one, three):
            give(conn, standing(service, insight_id).comment_id, "quote", True, None, by.at)
        give(conn, standing(service, three).comment_id, "forward", False, None, by.at)
        desk.note(service, conn, one, "CANARY: ring the ward first.", by)
        link = "https://hub.example.org/late"
        desk.take(service, conn, one, Step("used", by.at, title="Late tablets", link=link), by)
        desk.merge(service, conn, four, two, by)
    page = editor.get("/desk/?state=any").text
    answer = act(editor, page, "/desk/export?state=any", **{"as": "csv"})
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert "CANARY" not in answer.text
    rows = {int(row["id"]): row for row in csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))}
    assert list(rows) == [three, two, four, one]
    assert "chart by the bed" in rows[one]["text"]
    assert "07700" not in answer.text
    assert rows[one]["types"] == "Carer (said in this comment, not confirmed)"
    assert rows[one]["outcome"] == "Used: Late tablets, https://hub.example.org/late"
    assert (rows[one]["quote"], rows[one]["no_text_because"]) == ("yes", "")
    assert (rows[two]["text"], rows[two]["no_text_because"]) == ("", "no_quote_consent")
    assert rows[two]["discussion_title"] == '\'=HYPERLINK("http://evil.example")'
    assert (rows[three]["text"], rows[three]["no_text_because"]) == ("", "withdrawn")
    assert rows[three]["types"] == rows[three]["credit"] == ""
    assert rows[four]["merged_into"] == str(two)

    lines = act(editor, page, "/desk/export?type=carer&state=any", **{"as": "jsonl"}).text.splitlines()
    told = {line["id"]: line for line in map(json.loads, lines)}
    assert list(told) == [three, one]
    assert told[one]["types"] == [{"type": "carer", "label": "Carer", "source": "said in this comment, not confirmed"}]
    assert told[one]["outcome"]["title"] == "Late tablets"
    assert told[three]["text"] == ""
    assert act(editor, page, "/desk/export", **{"as": "xls"}).status_code == 400
    with reading(service.db) as conn:
        trail = entries(conn, [community.id], act="exported")
    assert [(entry.by, entry.subject) for entry in trail] == [(by.by, "desk")] * 2

    # What breaks on the way breaks the transfer off: no file ends as if it were whole.
    with writing(service.db) as conn:
        conn.exec_driver_sql("DROP TABLE insight_steps")
    broken = act(editor, page, "/desk/export", **{"as": "jsonl"})
    with pytest.raises(sa.exc.OperationalError):
        broken.get_data()


def user(service: Service, role: str) -> int:
    with reading(service.db) as conn:
        return account_id(conn, f"{role}@hub.example.org") or 0


def actor(service: Service, role: str) -> Actor:
    return Actor(f"staff:{user(service, role)}", datetime.now(UTC))


def standing(service: Service, insight_id: int) -> Item:
    with reading(service.db) as conn:
        found = item_of(conn, insight_id)
    assert found is not None
    return found


def copied(service: Service, times: int) -> None:
    """Lay copies of the first insight and its comment on the desk, as if so many had been heard."""
    with writing(service.db) as conn:
        insight = conn.execute(sa.select(insights).where(insights.c.is_insight).limit(1)).one()._asdict()
        comment = conn.execute(sa.select(comments).where(comments.c.id == insight["comment_id"])).one()._asdict()
        new = range(1_000, 1_000 + times)
        conn.execute(sa.insert(comments), [comment | {"id": one, "native_id": str(one)} for one in new])
        conn.execute(sa.insert(insights), [insight | {"id": one, "comment_id": one} for one in new])
