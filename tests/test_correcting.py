"""Moderators correct who speaks in a comment; the author's own choice stays the author's."""

import re
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forum import Forum, minute
from plugin.model import Tag
from plugin.service import Service
from plugin.store.communities import Community, add_community
from plugin.store.opening import reading, writing
from plugin.store.staff import add_staff, new_sign_in_link
from plugin.store.tables import comments, tag_decisions
from plugin.store.tags import decide_tag, history_of, standing_types, tags_for

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DAD = "I care for my dad, who is 81. The evening tablets came four hours late, so I keep a chart by the bed now."
NURSE = "I am a ward nurse. We read every list aloud now."
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def page(forum: Forum, worker) -> str:
    """A comment by a carer; return the address of its page."""
    forum.posted(DAD)
    worker()
    return "/moderators/comments/1"


def value(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found, name
    return found[1]


def press(browser: FlaskClient, address: str, page: str | None = None, **fields):
    """Press a button on a page as it was shown; return the answer."""
    page = page or browser.get(address).text
    hidden = {name: value(page, name) for name in ("csrf_token", "seen")}
    return browser.post(address, data=hidden | fields)


def standing(service: Service, comment_id: int = 1) -> list[tuple[str, str, str]]:
    with reading(service.db) as conn:
        return [(tag.type, tag.source, tag.status) for tag in tags_for(conn, [comment_id])[comment_id]]


def chosen_by_author(service: Service, type_: str, decision="confirmed", comment_id: int = 1) -> None:
    with writing(service.db) as conn:
        tag = Tag(type_, 1.0, None, "author", source="author")
        decide_tag(conn, comment_id, tag, decision, source="author", by="author", at=NOW)


def test_a_moderator_sees_the_words_why_and_everything_decided(page: str, sign_in) -> None:
    shown = sign_in("moderator").get(page).text
    assert re.search(r'<mark class="says">[^<]*care for my dad', shown)
    assert "Said in this comment, not confirmed" in shown
    assert "Why this tag?" in shown
    assert "the program, in the words of the comment" in shown


def test_a_tag_is_confirmed_and_keeps_its_words(page: str, sign_in, service: Service) -> None:
    browser = sign_in("moderator")
    assert press(browser, page, act="confirm", type="carer").status_code == 303
    assert standing(service) == [("carer", "moderator", "confirmed")]
    shown = browser.get(page).text
    assert "moderator@hub.example.org" in shown
    assert re.search(r'<mark class="says">[^<]*care for my dad', shown)


def test_a_wrong_tag_is_changed_with_a_reason_that_the_author_can_read(page: str, sign_in, service: Service) -> None:
    browser = sign_in("moderator")
    refused = press(browser, page, act="change", type="carer", other="patient")
    assert refused.status_code == 409
    assert "Please say why" in refused.text
    press(browser, page, act="change", type="carer", other="patient", reason="She writes of her own stay")
    assert standing(service) == [("patient", "moderator", "confirmed")]
    with reading(service.db) as conn:
        assert [line.reason for line in history_of(conn, 1)][1:] == ["She writes of her own stay"] * 2


def test_a_tag_is_added_and_another_removed(page: str, sign_in, service: Service) -> None:
    browser = sign_in("moderator")
    press(browser, page, act="add", type="health_professional", reason="She says so in her second comment")
    press(browser, page, act="remove", type="carer", reason="It is about her work")
    assert standing(service) == [("health_professional", "moderator", "confirmed")]
    assert "at most" not in browser.get(page).text


def test_what_the_author_chose_is_hidden_with_a_reason_and_never_replaced(page: str, sign_in, service: Service) -> None:
    chosen_by_author(service, "industry")
    browser = sign_in("moderator")
    for act in ("remove", "change", "confirm"):
        answer = press(browser, page, act=act, type="industry", other="patient", reason="No")
        assert answer.status_code == 409
        assert "The author has chosen this" in answer.text
    assert press(browser, page, act="hide", type="industry").status_code == 409
    press(browser, page, act="hide", type="industry", reason="This account sells beds under a patient's name")
    assert standing(service) == [("carer", "text", "suggested")]
    chosen_by_author(service, "industry")
    assert standing(service) == [("carer", "text", "suggested")], "choosing it again is no way around"
    press(browser, page, act="show", type="industry")
    assert ("industry", "author", "confirmed") in standing(service)


def test_what_the_author_took_off_cannot_be_put_back(page: str, sign_in, service: Service) -> None:
    chosen_by_author(service, "carer", "removed")
    browser = sign_in("moderator")
    answer = press(browser, page, act="add", type="carer", reason="It says so")
    assert answer.status_code == 409
    assert "theirs to say" in answer.text
    assert standing(service) == []


def test_of_two_moderators_the_second_is_told_what_was_decided_meanwhile(page: str, sign_in, service: Service) -> None:
    first, second = sign_in("moderator"), sign_in("admin")
    seen_by_second = second.get(page).text
    press(first, page, act="remove", type="carer", reason="He speaks of a film")
    late = press(second, page, seen_by_second, act="change", type="carer", other="patient", reason="Her own words")
    assert late.status_code == 409
    assert "Nothing was changed" in late.text
    assert "Carer: removed, by moderator@hub.example.org" in re.sub(r"\s+", " ", late.text)
    assert "He speaks of a film" in late.text
    assert 'value="Her own words"' in late.text, "what the second one wrote is kept"
    assert standing(service) == []


def test_an_edit_by_the_author_comes_before_a_correction_of_the_old_words(
    page: str, forum: Forum, worker, sign_in
) -> None:
    browser = sign_in("moderator")
    before = browser.get(page).text
    forum.edited("As I said, the tablets were late.", at=minute(5))
    worker()
    late = press(browser, page, before, act="confirm", type="carer")
    assert late.status_code == 409
    assert "Its author has edited the words" in late.text


def test_a_correction_shows_nothing_in_public(page: str, sign_in, client: FlaskClient, service: Service) -> None:
    press(sign_in("moderator"), page, act="confirm", type="carer")
    with reading(service.db) as conn:
        assert conn.scalar(sa.text("SELECT count(*) FROM receipts")) == 0


def test_a_comment_of_another_community_is_not_there(page: str, sign_in, service: Service, app) -> None:
    with writing(service.db) as conn:
        other = add_community(
            conn,
            slug="ward",
            platform="standard",
            name="The ward",
            base_url="https://ward.example.org",
            sign_up_url="https://ward.example.org/join",
            sign_in_url="https://ward.example.org/in",
            editorial_address="editors@ward.example.org",
            moderators_address="moderators@ward.example.org",
        )
        add_staff(conn, "wendy@ward.example.org", "moderator", other)
        link = new_sign_in_link(conn, add_staff(conn, "wendy@ward.example.org", "moderator", other), datetime.now(UTC))
    browser = app.test_client()
    browser.post(f"/staff/enter/{link}", data={"csrf_token": token_of(browser.get(f"/staff/enter/{link}").text)})
    assert browser.get(page).status_code == 404
    assert browser.get("/moderators/themes/hub").status_code == 404
    assert "care for my dad" not in browser.get("/moderators/queues/unconfirmed").text
    ticked = {"csrf_token": token_of(browser.get("/staff/sign-out").text), "act": "confirm", "item": "1:carer:1.0"}
    assert "not there any more" in browser.post("/moderators/queues/unconfirmed", data=ticked).text
    assert standing(service) == [("carer", "text", "suggested")]


def test_words_for_the_editors_alone_are_not_the_moderators_to_read(page: str, sign_in, service: Service) -> None:
    with writing(service.db) as conn:
        conn.execute(sa.update(comments).values(state="direct"))
    browser = sign_in("moderator")
    assert browser.get(page).status_code == 404
    assert "care for my dad" not in browser.get("/moderators/queues/unconfirmed").text


def token_of(page: str) -> str:
    return value(page, "csrf_token")


# Counting the types that stand in one query

DECISIONS = st.lists(
    st.tuples(
        st.sampled_from(["carer", "patient"]),
        st.sampled_from(["suggested", "confirmed", "removed", "hidden"]),
        st.sampled_from(["author", "moderator", "profile", "text", "earlier"]),
        st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=DECISIONS)
def test_the_types_counted_are_the_tags_that_stand(
    history, forum: Forum, service: Service, community: Community
) -> None:
    with reading(service.db) as conn, conn.begin():
        conn.execute(sa.delete(tag_decisions))
        conn.execute(sa.delete(comments))
        made = {"community_id": community.id, "native_id": "1", "created_at": NOW, "text": DAD, "text_at": NOW}
        row = sa.insert(comments).values(**made, state="visible", source="webhook", received_at=NOW)
        comment_id = conn.execute(row.returning(comments.c.id)).scalar_one()
        for type_, decision, source, is_of_old_words in history:
            text_at = NOW.replace(hour=9 if is_of_old_words else 18) if source == "text" else None
            tag = Tag(type_, 0.9, None, source, source=source)
            decide_tag(conn, comment_id, tag, decision, source=source, by=source, at=NOW, text_at=text_at)
        held = standing_types(comments.c.community_id == community.id)
        counted = {(row.type, row.source) for row in conn.execute(sa.select(held))}
        stand = {(tag.type, tag.source) for tag in tags_for(conn, [comment_id])[comment_id]}
        conn.rollback()
    assert counted == stand
