"""What a forum is answered at the door, and that nothing is lost by a refusal."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from forum import Forum, whole
from plugin.service import Service
from plugin.store.communities import Community, add_secret, retire_secrets
from plugin.store.opening import is_sqlite, reading, writing
from plugin.store.tables import comments, events
from webhooks.signatures import PROFILES, headers_for

WORDS = "I care for my dad, and his blood thinner was left off the discharge letter twice."


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def rows(service: Service, table: sa.Table) -> int:
    with reading(service.db) as conn:
        return int(conn.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_a_signed_comment_is_stored_before_it_is_acknowledged(forum: Forum, service: Service) -> None:
    answer = forum.posted(WORDS)
    assert (answer.status_code, answer.json) == (202, {"status": "accepted", "delivery": "msg_0"})
    assert rows(service, events) == 1


def test_the_same_delivery_again_is_accepted_and_changes_nothing(forum: Forum, service: Service) -> None:
    for _ in range(3):
        assert forum.tell("comment.created", delivery="msg_same", **whole(WORDS)).status_code == 202
    assert rows(service, events) == 1


def test_an_unknown_community_and_a_wrong_key_get_the_same_answer(
    client: FlaskClient, community: Community, secret: bytes, other_secret: bytes, service: Service
) -> None:
    answers = [
        Forum(client, other_secret).posted(WORDS),
        Forum(client, secret, slug="nobody").posted(WORDS),
        client.post("/webhooks/standard/hub", json={}),
        client.post("/webhooks/unheard-of/hub", json={}),
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}
    assert answers[0].json == {"error": "not signed by a key we know"}
    assert rows(service, events) == 0


# The clock goes on while the request is made; tests/test_signatures.py holds the bound to the second.
@pytest.mark.parametrize("seconds", [-301, 330])
def test_an_old_or_future_signature_is_refused(
    client: FlaskClient, community: Community, secret: bytes, seconds: int
) -> None:
    headers = headers_for(PROFILES["standard"], secret, "msg_1", int(time.time()) + seconds, b"{}")
    assert client.post("/webhooks/standard/hub", data=b"{}", headers=headers).status_code == 401


def test_two_secrets_are_live_while_a_forum_changes_over(
    client: FlaskClient, community: Community, secret: bytes, service: Service
) -> None:
    from datetime import UTC, datetime

    from webhooks.signatures import new_secret, secret_bytes

    fresh = new_secret()
    with writing(service.db) as conn:
        add_secret(conn, service.vault, community.id, fresh)
    assert Forum(client, secret).posted(WORDS).status_code == 202
    assert Forum(client, secret_bytes(fresh)).posted(WORDS, "2").status_code == 202
    with writing(service.db) as conn:
        retire_secrets(conn, community.id, except_newest=True, at=datetime.now(UTC))
    assert Forum(client, secret).posted(WORDS, "3").status_code == 401


def test_a_body_over_256_kib_is_413(forum: Forum, service: Service) -> None:
    answer = forum.posted("x" * 300 * 1024)
    assert (answer.status_code, answer.json) == (413, {"error": "the body is larger than 256 KiB"})
    assert rows(service, events) == 0


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"[" * 100_000, "deep"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":NaN}', "number"),
        (b'{"a":1,"a":2}', "twice"),
        (b"\xff\xfe{}", "UTF-8"),
        (b'{"type":"ping"', "JSON"),
    ],
)
def test_what_is_not_strict_json_is_400_and_says_why(forum: Forum, body: bytes, named: str) -> None:
    answer = forum.post(body)
    assert answer.status_code == 400
    assert named.lower() in str(answer.json).lower()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""]
)
def test_another_content_type_is_415(forum: Forum, kind: str) -> None:
    answer = forum.post(b'{"type":"ping","timestamp":"2026-11-22T12:00:00Z","data":{}}', **{"Content-Type": kind})
    assert answer.status_code == 415


def test_a_compressed_body_is_415(forum: Forum) -> None:
    assert forum.post(b"{}", **{"Content-Encoding": "gzip"}).status_code == 415


def test_a_missing_field_is_named_and_never_echoed(forum: Forum, service: Service) -> None:
    data = whole(WORDS)
    data["comment"]["created_at"] = "last Tuesday"
    answer = forum.tell("comment.created", **data)
    assert answer.status_code == 422
    assert list(answer.json["fields"]) == ["data.comment.created_at"]
    assert "Tuesday" not in answer.text
    assert rows(service, events) == 0


def test_a_private_discussion_goes_no_further_than_the_door(forum: Forum, service: Service) -> None:
    answer = forum.posted(WORDS, discussion={"audience": "private"})
    assert answer.status_code == 202
    assert rows(service, events) == 0


def test_a_ping_is_answered(forum: Forum, worker: Callable[[], None]) -> None:
    assert forum.tell("ping", delivery="msg_ping").status_code == 202
    worker()
    assert forum.ask("msg_ping").json["status"] == "done"


def test_the_sender_learns_what_became_of_a_delivery(forum: Forum, worker: Callable[[], None]) -> None:
    forum.tell("comment.created", delivery="msg_dad", **whole(WORDS))
    worker()
    told = forum.ask("msg_dad").json
    assert told["status"] == "done"
    assert told["outcome"] == {"tags": ["carer"], "insight": True, "urgent": False, "forward": "sent"}
    assert "dad" not in json.dumps(told["outcome"])


def test_a_question_signed_for_one_delivery_opens_no_other(forum: Forum, client: FlaskClient, secret: bytes) -> None:
    forum.tell("comment.created", delivery="msg_dad", **whole(WORDS))
    signed = headers_for(PROFILES["standard"], secret, "msg_other", int(time.time()), b"")
    assert client.get("/webhooks/standard/hub/deliveries/msg_dad", headers=signed).status_code == 401
    assert forum.ask("msg_never").status_code == 404


def test_a_full_disk_is_503_and_loses_nothing(forum: Forum, service: Service, worker: Callable[[], None]) -> None:
    if not is_sqlite(service.db):
        pytest.skip("a page limit is SQLite's")
    limit = full(service)
    refused = [forum.posted(WORDS + "x" * 100_000, str(number)) for number in range(3)]
    assert [answer.status_code for answer in refused] == [503] * 3
    assert {(answer.headers["Retry-After"], answer.content_type) for answer in refused} == {("30", "application/json")}
    room_again(service, limit)
    assert forum.posted(WORDS, "later").status_code == 202
    worker()
    assert rows(service, comments) == 1


def full(service: Service) -> Any:
    """Let the database grow no further; return the listener, to lift the limit with."""

    def limit(dbapi_conn: Any, _record: Any, _proxy: Any) -> None:
        pages = dbapi_conn.execute("PRAGMA page_count").fetchone()[0]
        dbapi_conn.execute(f"PRAGMA max_page_count={pages}")

    sa.event.listen(service.db, "checkout", limit)
    return limit


def room_again(service: Service, limit: Any) -> None:
    sa.event.remove(service.db, "checkout", limit)

    @sa.event.listens_for(service.db, "checkout")
    def lift(dbapi_conn: Any, _record: Any, _proxy: Any) -> None:
        dbapi_conn.execute("PRAGMA max_page_count=1073741823")
