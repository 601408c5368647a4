"""The desk for programs: what a token opens, what it can do, and what the documents promise."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from programs import Program, token_for, two_insights

from forum import CREATED, Forum, minute
from plugin.service import Service
from plugin.store.audit import entries, first_broken
from plugin.store.communities import Community
from plugin.store.opening import writing
from plugin.store.tables import saved_replies


@pytest.fixture
def insights(client: FlaskClient, community: Community, secret: bytes, worker: Callable[[], None]) -> tuple[int, int]:
    """Two insights on the hub's desk: the older first."""
    return two_insights(client, secret, worker)


@pytest.fixture
def program(app: Flask, service: Service, community: Community) -> Program:
    return Program(app, token_for(service, "ed@hub.example.org", community))


def test_a_program_reads_the_desk_and_changes_only_what_it_saw(
    program: Program, insights: tuple[int, int], service: Service, community: Community
) -> None:
    older, newer = insights
    page = program.get("/insights", limit=1)
    assert [one["id"] for one in page.json["insights"]] == [newer]
    assert page.headers["Link"] == f'<{page.json["next"]}>; rel="next"'
    following = program.client.get(page.json["next"], headers=program.headers)
    assert [one["id"] for one in following.json["insights"]] == [older]
    assert following.json["next"] is None
    assert [one["id"] for one in program.get("/insights", words="tablet", type="carer").json["insights"]] == [older]
    seen = program.get(f"/insights/{older}")
    assert "His evening tablets came four hours late" in seen.json["words"]
    assert (seen.json["types"], seen.json["community"], seen.json["withheld"]) == (["carer"], "hub", None)
    etag = seen.headers["ETag"]

    me = program.get("/communities").json
    assert me["communities"][0]["editors"] == [{"id": me["me"], "email": "ed@hub.example.org"}]
    unnamed = program.post(f"/insights/{older}/assign", {"to": me["me"]})
    assert (unnamed.status_code, unnamed.json["field"]) == (428, "If-Match")
    assert program.post(f"/insights/{older}/assign", {"to": me["me"]}, "*").status_code == 428
    assigned = program.post(f"/insights/{older}/assign", {"to": me["me"]}, etag)
    assert (assigned.status_code, assigned.json["assignee"]) == (200, me["me"])
    late = program.post(f"/insights/{older}/snooze", {"until": None}, etag)
    assert (late.status_code, late.json["insight"]["assignee"]) == (412, me["me"])
    assert late.headers["ETag"] == assigned.headers["ETag"]

    asleep = program.post(f"/insights/{older}/snooze", {"until": "2199-01-01T00:00:00Z"}, late.headers["ETag"])
    assert (asleep.json["is_snoozed"], program.get("/insights", snoozed=True).json["insights"][0]["id"]) == (
        True,
        older,
    )
    awake = program.post(f"/insights/{older}/wake", None, asleep.headers["ETag"])
    joined = program.post(f"/insights/{older}/merge", {"into": newer}, awake.headers["ETag"])
    assert (joined.json["merged_into"], program.get(f"/insights/{newer}").json["merged"]) == (newer, [older])
    apart = program.post(f"/insights/{older}/unmerge", None, joined.headers["ETag"])
    assert apart.json["merged_into"] is None
    short = program.post(f"/insights/{older}/steps", {"state": "not_used", "reason": "No."}, apart.headers["ETag"])
    assert (short.status_code, short.json["field"]) == (422, "reason")
    used = {"state": "used", "title": "Late tablets", "link": "https://hub.example.org/late"}
    taken = program.post(f"/insights/{older}/steps", used, apart.headers["ETag"])
    assert (taken.json["state"], "closed" in taken.json["next_states"]) == ("used", True)
    again = program.post(f"/insights/{older}/steps", {"state": "in_review"}, taken.headers["ETag"])
    assert again.status_code == 409
    replied = program.post(f"/insights/{older}/replies", {"reply": "Thank you: it helped us."}, taken.headers["ETag"])
    noted = program.post(f"/insights/{older}/notes", {"note": "Ring the ward first."})
    assert (replied.status_code, noted.status_code) == (201, 201)
    assert [one["note"] for one in program.get(f"/insights/{older}/notes").json["notes"]] == ["Ring the ward first."]

    with writing(service.db) as conn:
        now = datetime.now(UTC)
        row = {"community_id": community.id, "title": "Thanks", "body": "Thank you.", "by": "staff:1", "at": now}
        conn.execute(sa.insert(saved_replies).values(row))
        done = [(entry.by, entry.act) for entry in entries(conn, [community.id])][::-1]
        assert first_broken(conn, service.vault) is None
    assert [one["title"] for one in program.get("/saved-replies").json["saved_replies"]] == ["Thanks"]
    acts = ("assigned", "snoozed", "woken", "merged", "unmerged", "step", "replied", "noted")
    assert done == [("token:1", act) for act in acts]


def test_words_that_may_not_be_read_are_not_told_and_bodies_are_strict(
    program: Program, insights: tuple[int, int], client: FlaskClient, secret: bytes, worker: Callable[[], None]
) -> None:
    older, newer = insights
    gone = {"comment": {"id": "1", "created_at": CREATED}}
    Forum(client, secret).tell("comment.hidden", delivery="hide", at=minute(5), **gone)
    worker()
    hidden = program.get(f"/insights/{older}").json
    assert (hidden["words"], hidden["evidence"], hidden["credit"]) == (None, [], None)
    assert "not visible" in hidden["withheld"]
    for body, status, field in (
        (b'{"note": "a", "note": "b"}', 400, "note"),
        (b'{"note": "\\ud800"}', 400, "note"),
        (b"[]", 400, None),
        (b"", 422, "note"),
        (b'{"note": "a", "whose": 1}', 422, "whose"),
    ):
        answer = program.client.post(f"/api/v1/insights/{newer}/notes", data=body, headers=program.headers)
        assert (answer.status_code, answer.json.get("field")) == (status, field), body
    wrong = program.get("/insights", stat="new")
    assert (wrong.status_code, wrong.json["field"]) == (422, "stat")
    assert program.get("/insights/99999999999999999999").status_code == 404
