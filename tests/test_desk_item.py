"""One insight at the desk: what an editor sees of it, does with it, and what its author receives."""

import html
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from forum import Forum
from mail_server import Inbox
from plugin.consent import Purpose
from plugin.contributors import everything_of
from plugin.delivery import send_mail
from plugin.service import Service
from plugin.store.addresses import address_of, confirm_address, save_address
from plugin.store.audit import entries
from plugin.store.communities import Community, add_community, change_community
from plugin.store.consents import give
from plugin.store.desk import item_of
from plugin.store.links import LASTS, new_link
from plugin.store.opening import reading, writing
from plugin.store.replies import keep_saved
from plugin.store.staff import StaffRole, add_staff, new_sign_in_link
from plugin.store.tables import comments, credits, insight_types, insights, outbox, receipts, tag_decisions

ONLY_ON = "sqlite"

DAD = (
    "I look after my father. His evening tablets came four hours late, and Dr Ignatius Brockworth (07700 900318) was "
    "alone that night. So now we keep a chart by the bed."
)
AGAIN = (
    "I look after my father. His evening tablets came three hours late, and Dr Ignatius Brockworth was "
    "alone that night. So now we keep a chart by the bed, and it helps."
)
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."

ADDRESSES = {
    "base_url": "https://other.example.org",
    "sign_up_url": "https://other.example.org/register",
    "sign_in_url": "https://other.example.org/login",
    "editorial_address": "editors@other.example.org",
    "moderators_address": "moderators@other.example.org",
}

Enter = Callable[[str], "Editor"]


class Editor:
    """Somebody at the desk, in their own browser."""

    def __init__(self, browser: FlaskClient, user_id: int) -> None:
        self.browser, self.id = browser, user_id

    def open(self, path: str) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, path
        return plain(answer)

    def do(self, path: str, *, page: str | None = None, follow: bool = True, **fields: str) -> TestResponse:
        """Press a button on a page, with the version that stands in it."""
        source = html.unescape(page or self.browser.get("/desk/insights/1").text)
        token = re.search(r'name="csrf_token" value="([^"]+)"', source)
        seen = re.search(r'name="seen" value="([^"]+)"', source)
        assert token is not None
        known = {"csrf_token": token[1]} | ({"seen": seen[1]} if seen else {})
        return self.browser.post(path, data=known | fields, follow_redirects=follow)


def plain(answer: TestResponse) -> str:
    """Return what a page says, in one line."""
    words = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
    return re.sub(r"\s+([,.;:])", r"\1", " ".join(html.unescape(words).split()))


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def enter(app: Flask, service: Service, community: Community) -> Enter:
    def come_in(name: str, role: StaffRole = "editor") -> Editor:
        with writing(service.db) as conn:
            user_id = add_staff(conn, f"{name}@hub.example.org", role, community.id)
            link = new_sign_in_link(conn, user_id, datetime.now(UTC))
        browser = app.test_client()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(f"/staff/enter/{link}").text)
        assert token is not None
        browser.post(f"/staff/enter/{link}", data={"csrf_token": token[1]})
        return Editor(browser, user_id)

    return come_in


def agreed(service: Service, comment_id: int, purpose: Purpose, *, yes: bool = True) -> None:
    with writing(service.db) as conn:
        give(conn, comment_id, purpose, yes, None, datetime.now(UTC))


def own_page(service: Service, client: FlaskClient, author_id: int = 1) -> str:
    with writing(service.db) as conn:
        token = new_link(conn, author_id, datetime.now(UTC), lasts=LASTS)
    return plain(client.get(f"/members/hub/mine/{token}"))


def test_an_editor_sees_the_words_the_proof_and_what_stands_around_and_no_name(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None], enter: Enter
) -> None:
    forum.posted(DAD, "1", comment={"parent_id": "0"})
    worker()
    forum.posted("Does anybody keep a chart? My name is Carys Penhallow.", "0")
    forum.posted("Thank you both.", "3")
    worker()
    ann = enter("ann")
    with writing(service.db) as conn:
        conn.execute(
            sa.update(comments).where(comments.c.native_id == "0").values(created_at=datetime(2026, 11, 22, tzinfo=UTC))
        )
    page = ann.open("/desk/insights/1")
    assert "and [name removed] ([phone number removed]) was alone" in page
    assert "Brockworth" not in page
    assert "07700" not in page
    assert "Carys Penhallow" not in page
    # Who speaks, and why we think so; what stands around; what was agreed.
    assert "Carer Said in this comment, not confirmed: “I look after my father”." in page
    assert "Why?" in page
    assert "This insight answers it" in page
    assert "Thank you both." in page
    assert "Please do not quote it: its author has not been asked yet." in page
    assert "The summary of this discussion" not in page
    assert "The insight, to editors@hub.example.org" in page
    agreed(service, 1, "quote")
    moderator = enter("mod")
    enter("mod", "moderator")
    moderator = enter("mod")
    page = moderator.open("/desk/insights/1")
    assert "You may quote from it. Credit: Carer" in page
    assert "The summary of this discussion" in page
    # Two people have it open, and each is told of the other.
    assert "ann@hub.example.org has this open too" in page
    assert "mod@hub.example.org has this open too" in ann.open("/desk/insights/1")
    # Its author takes it back: the words are gone, and nothing can be done with them.
    agreed(service, 1, "forward", yes=False)
    page = ann.open("/desk/insights/1")
    assert "The words are not shown: its author does not want it forwarded." in page
    assert "tablets" not in page
    assert "Thank you both." not in page
    refused = ann.do("/desk/insights/1/steps", state="in_review")
    assert refused.status_code == 409
    assert ann.do("/desk/insights/1/reply", reply="We read it.", do="send").status_code == 409


def test_an_editor_takes_gives_puts_away_and_says_what_became_of_it(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None], enter: Enter, client: FlaskClient
) -> None:
    forum.posted(DAD, "1")
    worker()
    ann, ben = enter("ann"), enter("ben")
    with writing(service.db) as conn:
        change_community(conn, community.id, time_zone="America/New_York")
        stranger = add_staff(conn, "stranger@hub.example.org", "moderator", community.id)
    assert "you have it" in plain(ann.do("/desk/insights/1/assignee", to="me"))
    assert "ben@hub.example.org has it" in plain(ann.do("/desk/insights/1/assignee", to=str(ben.id)))
    assert ann.do("/desk/insights/1/assignee", to=str(stranger)).status_code == 409
    # A day begins by the community's clock.
    assert ann.do("/desk/insights/1/sleep", until="").status_code == 422
    past = ann.do("/desk/insights/1/sleep", until="2020-01-01")
    assert past.status_code == 422
    assert 'href="#until"' in past.text
    assert 'value="2020-01-01"' in past.text
    assert "out of the way until 3 June 2038" in plain(ann.do("/desk/insights/1/sleep", until="2038-06-03"))
    with reading(service.db) as conn:
        item = item_of(conn, 1)
    assert item is not None
    assert item.snoozed_until == datetime(2038, 6, 3, 4, tzinfo=UTC)
    assert "out of the way until" not in plain(ann.do("/desk/insights/1/wake"))
    assert "until somebody replies" in plain(ann.do("/desk/insights/1/sleep", do="reply"))
    # What is missing is named, and what was typed stays.
    short = ann.do("/desk/insights/1/steps", state="change_made", reason="Better now", title="Kept too")
    assert short.status_code == 422
    assert 'href="#reason"' in short.text
    assert "Better now" in short.text
    assert "Kept too" in short.text
    assert "Error:" in short.text
    assert "at least 20 characters" in plain(short)
    page = plain(
        ann.do("/desk/insights/1/steps", state="change_made", reason="Two nurses now bring the evening round.")
    )
    assert "ann@hub.example.org made it “Change made”: Two nurses now bring the evening round." in page
    assert "ann@hub.example.org gave it to somebody" in page
    assert "Two nurses now bring the evening round." in own_page(service, client)
    # A note stays on the desk.
    assert "A note" in plain(ann.do("/desk/insights/1/notes", note=""))
    assert "Ring ward 6 first" in plain(ann.do("/desk/insights/1/notes", note="Ring ward 6 first"))
    assert "Ring ward 6 first" in ben.open("/desk/insights/1")
    assert "Ring ward 6" not in own_page(service, client)


def test_whoever_comes_too_late_loses_nothing_and_sees_both_versions(
    forum: Forum, worker: Callable[[], None], enter: Enter
) -> None:
    forum.posted(DAD, "1")
    worker()
    ann, ben = enter("ann"), enter("ben")
    as_ann_saw_it = ann.browser.get("/desk/insights/1").text
    ben.do("/desk/insights/1/assignee", to="me")
    ben.do("/desk/insights/1/steps", state="passed_to", body="The ward manager")
    late = ann.do(
        "/desk/insights/1/steps",
        page=as_ann_saw_it,
        state="used",
        title="Evening rounds",
        link="https://hub.example.org/e",
    )
    assert late.status_code == 409
    said = plain(late)
    assert "As it stands now It is “Passed on”, and ben@hub.example.org has it." in said
    assert "ben@hub.example.org made it “Passed on”: The ward manager" in said
    assert "ben@hub.example.org gave it to somebody" in said
    assert "What you were about to save What was done with it: Used Used in: the title: Evening rounds" in said
    # It is all in the form still, and can be saved again, knowingly.
    assert 'value="Evening rounds"' in late.text
    again = ann.do(
        "/desk/insights/1/steps", page=late.text, state="used", title="Evening rounds", link="https://hub.example.org/e"
    )
    assert again.status_code == 200
    assert "ann@hub.example.org made it “Used”: Evening rounds" in plain(again)
    # A note is in nobody's way, and an answer that came too late is kept.
    assert ann.do("/desk/insights/1/notes", page=as_ann_saw_it, note="Mine all the same").status_code == 200
    answer = ann.do("/desk/insights/1/reply", page=as_ann_saw_it, reply="Thank you, we used it.", do="send")
    assert answer.status_code == 409
    assert answer.text.count("Thank you, we used it.") == 2
    # Who speaks is corrected under the same rule.
    seen = re.search(r'name="seen" value="(\d+\.\d+)"', as_ann_saw_it)
    assert seen is not None
    wrong = {"act": "remove", "type": "carer", "reason": "He speaks of a neighbour"}
    assert "He speaks of a neighbour" in plain(ben.do("/desk/insights/1/tags", seen=seen[1], **wrong))
    late = ann.do("/desk/insights/1/tags", seen=seen[1], act="confirm", type="carer")
    assert late.status_code == 409
    assert "Carer: removed" in plain(late)


def test_an_answer_is_seen_before_it_goes_and_its_author_hears_of_it_as_they_agreed(
    inbox: Inbox,
    forum: Forum,
    service: Service,
    community: Community,
    worker: Callable[[], None],
    enter: Enter,
    client: FlaskClient,
) -> None:
    forum.posted(DAD, "1")
    worker()
    ann = enter("ann")
    kept = ann.browser.get("/desk/replies").text
    unknown = ann.do("/desk/replies", page=kept, community="1", title="Used", body="Dear {name}, it is in {title}.")
    assert unknown.status_code == 422
    assert "Nothing is known as {name}." in plain(unknown)
    assert "Dear {name}, it is in {title}." in unknown.text
    body = "It is in “{title}”: {link}. Thank you from {community} for “{discussion}”."
    assert "The reply is saved." in plain(ann.do("/desk/replies", page=kept, community="1", title="Used", body=body))
    assert ann.do("/desk/replies", page=kept, community="1", title="Used", body="Thanks.").status_code == 422
    # Nothing was used yet, so the places stay open, and nothing goes.
    filled = ann.do("/desk/insights/1/reply", do="fill", saved="1", reply="Good morning.")
    assert "Good morning.\n\nIt is in “{title}”: {link}. Thank you from The hub for" in filled.text
    open_ = ann.do("/desk/insights/1/reply", do="preview", reply="It is in {title}.")
    assert open_.status_code == 422
    assert 'href="#reply"' in open_.text
    ann.do("/desk/insights/1/steps", state="used", title="Evening rounds", link="https://hub.example.org/e")
    filled = ann.do("/desk/insights/1/reply", do="fill", saved="1", reply="")
    text = "It is in “Evening rounds”: https://hub.example.org/e. Thank you from The hub for “Patient safety and co-"
    text += "production”."
    assert text in filled.text
    # Without their agreement it stands on their page, and nothing is sent.
    preview = ann.do("/desk/insights/1/reply", do="preview", reply=text)
    assert "Nothing has gone yet. It will stand on their own page. They have not agreed" in plain(preview)
    shown = "The editors of The hub wrote to you on"
    assert shown in plain(preview)
    assert 'href="https://hub.example.org/e"' in preview.text
    assert shown not in own_page(service, client)
    assert "stands on its author’s own page." in plain(
        ann.do("/desk/insights/1/reply", page=preview.text, do="send", reply=text)
    )
    worker()
    assert text in own_page(service, client)
    assert len(inbox.mails) == 1
    # With it, a mail says that an answer is there, and holds none of its words.
    agreed(service, 1, "contact")
    with writing(service.db) as conn:
        save_address(conn, service.vault, 1, "dad@example.org", "each", datetime.now(UTC))
        stored = address_of(conn, service.vault, 1)
        assert stored is not None
        confirm_address(conn, stored.id, datetime.now(UTC))
    preview = ann.do("/desk/insights/1/reply", do="preview", reply="The chart is on every ward now.")
    assert "a mail tells them that an answer is there" in plain(preview)
    ann.do("/desk/insights/1/reply", page=preview.text, do="send", reply="The chart is on every ward now.")
    worker()
    mail = inbox.mails[-1]
    assert mail["To"] == "dad@example.org"
    assert mail["Subject"] == "The editors of The hub have answered you"
    assert mail["Subject"] in plain(preview)
    told = mail.get_body(("plain",)).get_content()
    assert "chart" not in mail.as_string()
    link = re.search(r"/members/hub/mine/\S+", told)
    assert link is not None
    assert "The chart is on every ward now." in plain(client.get(link[0]))
    with reading(service.db) as conn:
        assert "The chart is on every ward now." in json.dumps(everything_of(service, conn, 1), default=str)
    assert "That an answer is there, to its author: Its mail was sent" in ann.open("/desk/insights/1")


def test_a_mail_waits_for_its_day_and_does_not_go_where_the_agreement_went(
    inbox: Inbox, forum: Forum, service: Service, community: Community, worker: Callable[[], None], enter: Enter
) -> None:
    forum.posted(DAD, "1")
    worker()
    ann = enter("ann")
    agreed(service, 1, "contact")
    with writing(service.db) as conn:
        save_address(conn, service.vault, 1, "dad@example.org", "weekly", datetime.now(UTC))
        stored = address_of(conn, service.vault, 1)
        assert stored is not None
        confirm_address(conn, stored.id, datetime.now(UTC))
    for text in ("The first answer.", "The second answer."):
        ann.do("/desk/insights/1/reply", do="send", reply=text)
    with reading(service.db) as conn:
        waiting = conn.execute(sa.select(outbox).where(outbox.c.kind == "reply")).all()
    assert [row.status for row in waiting] == ["waiting"]
    agreed(service, 1, "contact", yes=False)
    send_mail(service, f"{waiting[0].id}.1")
    page = ann.open("/desk/insights/1")
    assert "the contributor has not agreed that anybody writes to them" in page
    assert len(inbox.mails) == 1
    # Where there is no address, the forum's inbox gets a link, if it takes them.
    agreed(service, 1, "contact")
    with writing(service.db) as conn:
        conn.execute(sa.text("DELETE FROM addresses"))
        change_community(conn, community.id, write_back_url="https://hub.example.org/back")
    assert "a link to it goes to their inbox" in plain(ann.do("/desk/insights/1/reply", do="send", reply="The third."))
    with reading(service.db) as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM write_backs WHERE kind = 'private_link'")) == 1


def test_two_that_say_the_same_are_looked_at_merged_and_taken_apart(
    forum: Forum, service: Service, community: Community, worker: Callable[[], None], enter: Enter
) -> None:
    for number, text in enumerate((DAD, NURSE, AGAIN), start=1):
        forum.posted(text, str(number))
        worker()
    ann = enter("ann")
    agreed(service, 3, "quote")
    before = rows_of(service)
    page = ann.open("/desk/insights/1")
    assert "1 other insight says nearly the same: Look at insight 3 beside this one" in page
    assert ann.browser.get("/desk/insights/1/beside?other=x").status_code == 422
    assert ann.browser.get("/desk/insights/1/beside?other=99").status_code == 404
    beside = ann.browser.get("/desk/insights/1/beside?other=3")
    assert '<mark class="only">three ' in beside.text
    assert "Brockworth" not in beside.text
    merged = ann.do("/desk/insights/1/merge", page=beside.text, other="3", lead="1", **{"seen-1": "1", "seen-3": "1"})
    said = plain(merged)
    assert "They are merged." in said
    assert "You may quote from it. May be written to: not asked yet: please do not. Credit: Carer" in said
    assert "Look at insight 3 beside" not in said
    assert "is merged into it" in ann.open("/desk/insights/3")
    twice = ann.do("/desk/insights/1/merge", page=beside.text, other="3", lead="1", **{"seen-1": "1", "seen-3": "1"})
    assert twice.status_code == 409
    # Once one may not be read any longer, it is suggested no more; the other is as it was before.
    assert "It stands by itself again" in plain(ann.do("/desk/insights/3/unmerge"))
    assert rows_of(service) == before
    agreed(service, 3, "forward", yes=False)
    assert "We found no other that says nearly the same." in ann.open("/desk/insights/1")
    assert ann.do("/desk/insights/1/merge", page=beside.text, other="3", lead="1", **{"seen-3": "1"}).status_code == 409
    with reading(service.db) as conn:
        acts = [one.act for one in entries(conn, [community.id], subject="insight:3")]
    assert acts == ["unmerged", "merged"]


def test_nobody_reaches_what_is_not_theirs(
    forum: Forum, service: Service, worker: Callable[[], None], enter: Enter, client: FlaskClient
) -> None:
    forum.posted(DAD, "1")
    worker()
    with writing(service.db) as conn:
        other = add_community(conn, slug="other", platform="standard", name="Another", **ADDRESSES)
        theirs = keep_saved(conn, other, "Theirs", "Of another community.", by="staff:9", at=datetime.now(UTC))
    assert client.get("/desk/insights/1").status_code == 302
    assert enter("mod", "moderator").browser.get("/desk/insights/1").status_code == 403
    ann = enter("ann")
    assert ann.browser.get("/desk/insights/99").status_code == 404
    assert ann.browser.get("/desk/replies/99").status_code == 404
    # A saved reply is its community's: it is not listed, opened, changed, deleted or put into an answer elsewhere.
    kept = ann.browser.get("/desk/replies").text
    assert "Theirs" not in kept
    assert ann.browser.get(f"/desk/replies/{theirs}").status_code == 404
    assert ann.do("/desk/replies", page=kept, id=str(theirs), title="Mine", body="Mine.").status_code == 404
    assert ann.do("/desk/replies", page=kept, community=str(other), title="Mine", body="Mine.").status_code == 404
    assert ann.do(f"/desk/replies/{theirs}/drop", page=kept).status_code == 404
    assert "Of another" not in ann.do("/desk/insights/1/reply", do="fill", saved=str(theirs), reply="").text
    # One's own is changed and deleted.
    ann.do("/desk/replies", page=kept, community="1", title="Thanks", body="Thank you.")
    own = re.search(r'href="/desk/replies/(\d+)"', ann.browser.get("/desk/replies").text)
    assert own is not None
    ann.do("/desk/replies", page=kept, id=own[1], title="Thanks", body="Thank you, from {community}.")
    filled = ann.do("/desk/insights/1/reply", do="fill", saved=own[1], reply="").text
    assert "Thank you, from The hub." in filled
    assert "Thanks" not in plain(ann.do(f"/desk/replies/{own[1]}/drop", page=kept))
    assert ann.browser.post("/desk/insights/1/notes", data={"note": "x"}).status_code == 400
    for path in ("steps", "assignee", "tags", "merge"):
        assert ann.do(f"/desk/insights/1/{path}", seen="x", to="9x", state="x").status_code in (400, 409), path


def rows_of(service: Service) -> str:
    tables = (insights, insight_types, receipts, credits, tag_decisions)
    with reading(service.db) as conn:
        rows = {table.name: [list(row) for row in conn.execute(sa.select(table))] for table in tables}
    return json.dumps(rows, default=str)
