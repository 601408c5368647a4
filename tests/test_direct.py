"""Somebody writes to the editors without an account: seen before, sent once, theirs to take back."""

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from test_pages import Outline, said_on

from forum import Forum
from mail_server import Inbox, words_of
from plugin.service import Service
from plugin.store.comments import stored_comments
from plugin.store.communities import Community
from plugin.store.discussions import discussion_at, discussions_of
from plugin.store.opening import reading
from plugin.store.tables import comments, credits, outbox, receipts

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

PAGE = "https://hub.example.org/blogs/co-production"
DAD = (
    "When my dad came home from hospital his blood thinner had been left off the discharge letter, and nobody noticed "
    "for nine days. Ring me on 07700 900123."
)
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Guest:
    """Somebody without an account, who fills in the forms as a browser would."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def review(self, text: str = DAD, **fields: object) -> str:
        return self.client.post("/members/hub/review", query_string={"url": PAGE}, data={"text": text} | fields).text

    def send(self, text: str = DAD, **fields: object):
        return self.client.post("/members/hub/direct", query_string={"url": PAGE}, data={"text": text} | fields)

    def receipt(self, text: str = DAD, **fields: object) -> str:
        sent = self.send(text, forward="yes", **fields)
        assert sent.status_code == 303, sent.text
        return self.client.get(sent.headers["Location"]).text


@pytest.fixture
def guest(inbox: Inbox, client: FlaskClient, community: Community) -> Guest:
    return Guest(client)


def stored(service: Service):
    with reading(service.db) as conn:
        return stored_comments(conn, comments.c.source == "direct")


def test_words_reach_the_editors_as_their_writer_saw_them(
    guest: Guest, inbox: Inbox, service: Service, community: Community, worker: Callable[[], None]
) -> None:
    seen = guest.review(type=["carer"])
    assert "<mark>07700 900123</mark>" in seen
    assert "phone number" in seen
    page = guest.receipt(type=["carer", "student"], credit="chosen", name="Bea", details="out")
    assert "Thank you" in page
    worker()
    (mail,) = inbox.mails
    assert mail["To"] == "editors@hub.example.org"
    letter = " ".join(words_of(mail).split())
    assert "without an account" in letter
    assert "Carer (chosen by the author)" in letter
    assert "Bea (the name that its author chose)" in letter
    assert "its author agreed" in letter
    assert "07700" not in mail.as_string()
    copy = re.search(r"With the marked parts out.*?<div class=\"words\">(.*?)</div>", seen, re.S)
    assert said_on(copy[1]) in re.sub("[«»]", "", letter)
    (one,) = stored(service)
    assert "07700" not in one.comment.text
    assert one.comment.state == "direct"
    assert [tag.type for tag in one.tags][:1] == ["carer"]
    assert all(tag.status == "confirmed" for tag in one.tags if tag.source == "author")
    assert one.insight is not None
    assert one.insight.is_insight
    with reading(service.db) as conn:
        assert conn.execute(sa.select(receipts.c.purpose, receipts.c.wording)).all() == [("forward", "forward-1")]
        assert conn.scalar(sa.select(comments.c.is_asked)) is True
        assert "Bea" not in conn.scalar(sa.select(credits.c.sealed_name))
        # It stands for no page of the forum.
        assert discussions_of(conn, [community.id]) == []
        assert discussion_at(conn, community.id, community.base_url) is None


def test_the_writer_may_leave_the_marked_parts_in(
    guest: Guest, inbox: Inbox, service: Service, worker: Callable[[], None]
) -> None:
    guest.receipt(details="leave")
    worker()
    (mail,) = inbox.mails
    assert "07700 900123" in words_of(mail)
    assert "as it was written" in " ".join(words_of(mail).split())
    (one,) = stored(service)
    assert one.comment.text == DAD


@on_one_database
def test_without_a_yes_nothing_is_sent_and_nothing_is_lost(guest: Guest, service: Service) -> None:
    answer = guest.send(type="carer", credit="chosen", address="not an address")
    assert answer.status_code == 422
    assert "<title>Error: Look it over" in answer.text
    outline = Outline(answer.text)
    links = {attrs["href"] for attrs in outline.all("a") if (attrs["href"] or "").startswith("#")}
    ids = {f"#{attrs['id']}" for _, attrs in outline.tags if "id" in attrs}
    assert {"#forward", "#name", "#address"} <= links <= ids
    assert "07700 900123" in answer.text
    assert stored(service) == []


@on_one_database
def test_no_box_is_ticked_for_anybody(guest: Guest, client: FlaskClient) -> None:
    for page in (
        client.get(f"/members/hub/panel?url={PAGE}").text,
        client.get(f"/members/hub/write?url={PAGE}").text,
        guest.review(),
    ):
        boxes = [attrs for attrs in Outline(page).all("input") if attrs.get("type") == "checkbox"]
        assert boxes
        assert [attrs["id"] for attrs in boxes if "checked" in attrs] == []


@on_one_database
def test_a_button_pressed_twice_sends_once(
    guest: Guest, inbox: Inbox, service: Service, worker: Callable[[], None]
) -> None:
    once = re.search(r'name="once" value="(\w+)"', guest.review())[1]
    first, second = guest.receipt(once=once), guest.receipt(once=once)
    worker()
    assert len(inbox.mails) == 1
    assert len(stored(service)) == 1
    assert "Thank you" in first
    assert "Thank you" in second


@on_one_database
def test_the_receipt_leads_to_a_page_of_ones_own(guest: Guest, client: FlaskClient, worker) -> None:
    page = guest.receipt(type="carer")
    link = re.search(r'id="link" value="http://localhost:8080(/members/hub/mine/[\w-]+)"', page)[1]
    mine = client.get(link)
    assert "his blood thinner had been left off" in mine.text
    assert "It does not show on the forum" in mine.text
    assert client.get("/members/hub/sent/nonsense").status_code == 410


@on_one_database
def test_an_address_is_asked_before_it_is_used(guest: Guest, inbox: Inbox, worker: Callable[[], None]) -> None:
    guest.receipt(address="bea@elsewhere.example")
    worker()
    (ask,) = [mail for mail in inbox.mails if mail["To"] == "bea@elsewhere.example"]
    assert ask["Subject"] == "Please confirm your address for The hub"


@on_one_database
def test_a_bare_thank_you_sent_on_purpose_reaches_the_editors(
    guest: Guest, inbox: Inbox, worker: Callable[[], None]
) -> None:
    guest.receipt("Thank you all.")
    worker()
    (mail,) = inbox.mails
    assert "Thank you all." in words_of(mail)


@on_one_database
def test_what_is_urgent_goes_to_the_moderators(guest: Guest, inbox: Inbox, worker: Callable[[], None]) -> None:
    danger = "My mum is on the ward now, she cannot breathe and nobody is coming. Please help us now."
    assert "If you need help now" in guest.review(danger)
    guest.receipt(danger)
    worker()
    (mail,) = inbox.mails
    assert mail["To"] == "moderators@hub.example.org"
    assert "without an account" in words_of(mail)


@on_one_database
def test_on_a_page_that_we_know_it_belongs_there(
    guest: Guest, client: FlaskClient, secret: bytes, inbox: Inbox, worker: Callable[[], None]
) -> None:
    Forum(client, secret).posted("Good.", "1")
    worker()
    guest.receipt()
    worker()
    assert inbox.mails[-1]["Subject"] == "New insight: Patient safety and co-production"
    assert "Written to the editors" not in inbox.mails[-1].as_string()


@pytest.mark.parametrize("answer", ["through", "erase"])
@on_one_database
def test_what_a_program_may_have_sent_waits_for_a_person(
    guest: Guest, inbox: Inbox, service: Service, sign_in, worker: Callable[[], None], answer: str
) -> None:
    page = guest.receipt(second_subject="cheap pills", address="bea@elsewhere.example")
    assert "Thank you" in page
    worker()
    assert inbox.mails == []
    moderator = sign_in("moderator")
    held = moderator.get("/moderators/held/")
    assert "his blood thinner had been left off" in held.text
    (one,) = stored(service)
    token = re.search(r'name="csrf_token" value="([^"]+)"', held.text)[1]
    moderator.post(f"/moderators/held/{one.id}", data={"csrf_token": token, "answer": answer})
    worker()
    assert "nothing to look at" in moderator.get("/moderators/held/").text
    told = sorted(mail["To"] for mail in inbox.mails)
    assert told == (["bea@elsewhere.example", "editors@hub.example.org"] if answer == "through" else [])
    assert len(stored(service)) == (1 if answer == "through" else 0)


@on_one_database
def test_another_site_cannot_send_in_somebodys_name(guest: Guest, client: FlaskClient, service: Service) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8080"},
    ):
        answer = client.post("/members/hub/direct", data={"text": DAD, "forward": "yes"}, headers=headers)
        assert answer.status_code == 403
        assert "Your words are not lost" in answer.text
        assert "07700 900123" in answer.text
    assert stored(service) == []
    ours = {"Origin": "http://localhost:8080"}
    sent = client.post("/members/hub/direct", data={"text": DAD, "forward": "yes"}, headers=ours)
    assert sent.status_code == 303


@on_one_database
def test_who_sends_too_often_waits_and_loses_nothing(guest: Guest, service: Service) -> None:
    answers = [guest.send(f"This is number {n}.", forward="yes") for n in range(11)]
    assert [answer.status_code for answer in answers] == [303] * 10 + [429]
    assert "This is number 10." in answers[-1].text
    assert "Retry-After" in answers[-1].headers
    assert len(stored(service)) == 10
    with reading(service.db) as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(outbox)) == 10
