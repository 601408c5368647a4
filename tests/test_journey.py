"""Read this first: one comment travels the whole way, from a signed webhook to an editor's inbox and a summary."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from forum import Forum, minute
from mail_server import Inbox, words_of
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import reading
from plugin.store.tables import comments, metadata
from plugin.store.tags import tags_for

DAD = (
    "I care for my dad, who has vascular dementia. When he came home from hospital his blood thinner had been left off "
    "the discharge letter, and nobody noticed for nine days. Now I ask for the list before we leave the ward."
)
DANGER = (
    "My mum is on ward 6 right now and has had no insulin for two days. Nobody will listen to us. "
    "Please can someone help her tonight."
)


@pytest.fixture
def forum(inbox: Inbox, client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def test_a_carers_comment_reaches_the_editor_and_the_summary(
    forum: Forum, inbox: Inbox, worker: Callable[[], None], sign_in: Callable[..., FlaskClient]
) -> None:
    assert forum.posted(DAD).status_code == 202
    worker()

    (mail,) = inbox.mails
    assert inbox.recipients == ["editors@hub.example.org"]
    assert mail["Subject"] == "New insight: Patient safety and co-production"
    for part in (words_of(mail), words_of(mail, "html")):
        assert "Carer" in part
        assert "said in this comment, not confirmed" in part
        assert "https://hub.example.org/blogs/co-production#c1" in part
        assert "http://localhost:8080/desk/insights/" in part
        assert "left off" in part
        assert "Member 1" not in part
    assert "<mark" in words_of(mail, "html")

    page = sign_in("moderator").get("/moderators/discussions/1").text
    assert "Carer" in page
    assert "care for my dad" in page
    desk = sign_in("editor").get("/desk/").text
    assert "Patient safety and co-production" in desk


def test_an_insight_is_never_forwarded_twice(forum: Forum, inbox: Inbox, worker: Callable[[], None]) -> None:
    forum.posted(DAD)
    worker()
    forum.edited(DAD + " It still happens.", at=minute(5))
    forum.tell("comment.approved", at=minute(6), **_whole(DAD, minute(5)))
    worker()
    assert len({mail["Message-ID"] for mail in inbox.mails}) == len(inbox.mails) == 1


def test_a_comment_that_is_gone_by_then_is_not_forwarded(
    forum: Forum, inbox: Inbox, worker: Callable[[], None]
) -> None:
    forum.removed(at=minute(9))
    # PostgreSQL's workers take both up at once, and the mail could be gone before the removal is heard.
    worker()
    forum.posted(DAD)
    worker()
    assert inbox.mails == []


def test_an_urgent_comment_goes_to_the_moderators_and_not_to_the_editors(
    forum: Forum, inbox: Inbox, worker: Callable[[], None]
) -> None:
    forum.posted(DANGER)
    worker()
    assert inbox.recipients == ["moderators@hub.example.org"]
    assert "insulin" in words_of(inbox.mails[0])


def test_personal_data_is_taken_out_before_a_mail_leaves(
    forum: Forum, inbox: Inbox, worker: Callable[[], None]
) -> None:
    forum.posted(DAD + " Ring me on 0191 498 0122 or write to jo.carer@example.org.")
    worker()
    whole_mail = inbox.mails[0].as_string()
    assert "0191 498 0122" not in whole_mail
    assert "jo.carer@example.org" not in whole_mail


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("twice", range(4))
def test_any_order_of_the_news_ends_alike(
    app: Flask, forum: Forum, service: Service, worker: Callable[[], None], twice: int
) -> None:
    story = {
        "msg_posted": lambda: forum.tell("comment.created", delivery="msg_posted", **_whole(DAD)),
        "msg_edit1": lambda: forum.tell(
            "comment.updated", delivery="msg_edit1", at=minute(1), **_whole("Thanks.", minute(1))
        ),
        "msg_edit2": lambda: forum.tell(
            "comment.updated", delivery="msg_edit2", at=minute(2), **_whole(DAD, minute(2))
        ),
        "msg_gone": lambda: forum.tell(
            "comment.deleted", delivery="msg_gone", at=minute(3), comment={"id": "1", "created_at": minute(0)}
        ),
    }
    ends = set()
    for order in permutations(story):
        for name in (*order, order[twice]):
            assert story[name]().status_code == 202
        worker()
        ends.add(_held(service))
        _forget(service)
    assert ends == {("deleted", None, ())}


def _whole(text: str, at: str = "2026-11-22T12:00:00Z") -> dict[str, Any]:
    from forum import whole

    return whole(text, at=at)


def _held(service: Service) -> tuple[Any, ...]:
    with reading(service.db) as conn:
        row = conn.execute(sa.select(comments)).one()
        return row.state, row.text, tags_for(conn, [row.id])[row.id]


def _forget(service: Service) -> None:
    from plugin.store.opening import writing

    with writing(service.db) as conn:
        for table in reversed(metadata.sorted_tables):
            if table.name not in ("communities", "community_secrets"):
                conn.execute(sa.delete(table))
        conn.exec_driver_sql("DELETE FROM workflow_status")
