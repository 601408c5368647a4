"""What waits for a moderator, with the reason; and who dealt with it."""

import re

import pytest
from flask.testing import FlaskClient
from test_correcting import DAD, NURSE, chosen_by_author, standing, value

from forum import Forum, minute
from plugin.service import Service
from plugin.store.communities import Community

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DANGER = "My mum is on the ward now, she cannot breathe and nobody is coming. Help us now."
PHONE = "Thank you for this. Please ring me on 07700 900123 about the tablets."


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def moderator(forum: Forum, worker, sign_in) -> FlaskClient:
    """A moderator, with five comments waiting in different queues."""
    for number, text in enumerate((DAD, NURSE, DANGER, PHONE, "Lovely weather today."), start=1):
        forum.posted(text, str(number))
        # One by one, so that each has the number that the tests know it by.
        worker()
    return sign_in("moderator")


def ticks(page: str) -> list[str]:
    return re.findall(r'name="item" value="([^"]+)"', page)


def act(browser: FlaskClient, address: str, page: str, **fields):
    return browser.post(address, data={"csrf_token": value(page, "csrf_token"), **fields})


def test_each_queue_has_its_comments_with_the_reason_and_the_words(moderator: FlaskClient) -> None:
    urgent = moderator.get("/moderators/queues/urgent").text
    assert "May be urgent: “" in urgent
    assert ticks(urgent) == ["3"]
    personal = moderator.get("/moderators/queues/personal").text
    assert "May hold a phone number" in personal
    assert '<mark class="says">07700 900123</mark>' in personal
    unconfirmed = moderator.get("/moderators/queues/unconfirmed").text
    assert {tick.split(":")[1] for tick in ticks(unconfirmed)} >= {"carer", "health_professional"}
    assert "Carer: said in this comment, not confirmed" in unconfirmed


def test_the_home_page_counts_what_waits(moderator: FlaskClient) -> None:
    home = moderator.get("/moderators/").text
    assert re.search(r"May be urgent</a> <strong>1<", home)
    assert re.search(r"Possible personal data</a> <strong>1<", home)


def test_the_queue_of_reports_says_that_no_forum_tells_us(moderator: FlaskClient) -> None:
    assert "no forum tells us when a comment is reported" in moderator.get("/moderators/queues/reported").text
    assert moderator.get("/moderators/queues/nonsense").status_code == 404


def test_many_tags_are_confirmed_at_once_and_what_does_not_go_is_said(moderator: FlaskClient, service: Service) -> None:
    address = "/moderators/queues/unconfirmed"
    page = moderator.get(address).text
    chosen_by_author(service, "carer", comment_id=1)
    answer = act(moderator, address, page, act="confirm", item=ticks(page))
    assert answer.status_code == 409
    assert "1 was left as it is" in answer.text
    assert "Carer: set or confirmed by the author" in answer.text
    assert standing(service, 2) == [("health_professional", "moderator", "confirmed")]
    assert standing(service, 1) == [("carer", "author", "confirmed")]


def test_many_are_removed_with_one_reason_and_never_without(moderator: FlaskClient, service: Service) -> None:
    address = "/moderators/queues/unconfirmed"
    page = moderator.get(address).text
    without = act(moderator, address, page, act="remove", item=ticks(page))
    assert "Please say why" in without.text
    done = act(moderator, address, page, act="remove", item=ticks(page), reason="These are from a play")
    assert done.status_code == 303
    assert standing(service, 1) == standing(service, 2) == []
    assert "Every tag that was found has been looked at" in moderator.get(address).text


def test_nothing_ticked_changes_nothing(moderator: FlaskClient) -> None:
    address = "/moderators/queues/unconfirmed"
    answer = act(moderator, address, moderator.get(address).text, act="confirm")
    assert answer.status_code == 400
    assert "Nothing was ticked" in answer.text


def test_what_was_handled_is_gone_until_its_words_change(moderator: FlaskClient, forum: Forum, worker, sign_in) -> None:
    address = "/moderators/queues/urgent"
    page = moderator.get(address).text
    other = sign_in("admin")
    seen_by_other = other.get(address).text
    assert act(moderator, address, page, item="3", act="handled").status_code == 303
    shown = moderator.get(address).text
    assert ticks(shown) == []
    assert "by moderator@hub.example.org" in shown, "who handled it, and when"
    late = act(other, address, seen_by_other, item="3", act="handled")
    assert "Another moderator has handled it already" in late.text
    forum.edited(f"{DANGER} She is turning blue.", "3", at=minute(9))
    worker()
    assert ticks(moderator.get(address).text) == ["3"]


def test_a_queue_is_filtered_by_who_speaks_and_by_community(moderator: FlaskClient) -> None:
    address = "/moderators/queues/unconfirmed"
    only = ticks(moderator.get(f"{address}?type=health_professional").text)
    assert [tick.split(":")[:2] for tick in only] == [["2", "health_professional"]]
    assert ticks(moderator.get(f"{address}?community=elsewhere").text) == []


def test_a_hidden_comment_waits_nowhere(moderator: FlaskClient, forum: Forum, worker) -> None:
    forum.hidden("4", at=minute(5))
    worker()
    assert ticks(moderator.get("/moderators/queues/personal").text) == []


def test_a_long_queue_is_paged(forum: Forum, worker, sign_in) -> None:
    for number in range(32):
        forum.posted(NURSE, str(number))
    worker()
    browser = sign_in("moderator")
    first = browser.get("/moderators/queues/unconfirmed").text
    older = re.search(r'href="(/moderators/queues/unconfirmed\?before=\d+)"', first)
    assert older
    assert len(ticks(first)) == 30
    assert len(ticks(browser.get(older[1]).text)) == 2
