"""The desk for programs: what a token opens, what it can do, and what the documents promise."""

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import sqlalchemy as sa
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import TestResponse

from forum import CREATED, Forum, minute
from plugin.service import Service
from plugin.store.audit import entries, first_broken
from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.staff import add_staff, remove_staff
from plugin.store.tables import api_tokens, saved_replies
from plugin.store.tokens import new_token, tokens_of

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."


class Program:
    """A program with a token, which speaks JSON and keeps no cookie."""

    def __init__(self, app: Flask, token: str) -> None:
        self.client = app.test_client(use_cookies=False)
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(f"/api/v1{path}", query_string=query, headers=self.headers)

    def post(self, path: str, body: Any = None, seen: str | None = None) -> TestResponse:
        headers = self.headers | ({"If-Match": seen} if seen else {})
        return self.client.post(f"/api/v1{path}", json=body, headers=headers)


@pytest.fixture
def insights(client: FlaskClient, community: Community, secret: bytes, worker: Callable[[], None]) -> tuple[int, int]:
    """Two insights on the hub's desk: the older first."""
    forum = Forum(client, secret)
    forum.posted(DAD, "1")
    worker()
    forum.posted(NURSE, "2")
    worker()
    return 1, 2


@pytest.fixture
def program(app: Flask, service: Service, community: Community) -> Program:
    return Program(app, token_for(service, "ed@hub.example.org", community))


def csrf_of(browser: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/desk/tokens/").text)
    assert found, "the page has a form of ours"
    return found[1]


def token_for(service: Service, email: str, community: Community | None, *, may_write: bool = True) -> str:
    with writing(service.db) as conn:
        user_id = add_staff(conn, email, "editor", community.id if community else None)
        now = datetime.now(UTC)
        return new_token(conn, user_id, name="evening report", days=30, may_write=may_write, at=now)[1]


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


def test_a_token_is_made_at_a_screen_shown_once_and_dies_with_a_press_or_its_time_or_its_person(
    app: Flask, service: Service, community: Community, sign_in: Callable[[str], FlaskClient]
) -> None:
    ed = sign_in("editor")

    def make(**form: object) -> TestResponse:
        return ed.post("/desk/tokens/", data={"csrf_token": csrf_of(ed), **form})

    assert make(name="", days=30).status_code == 422
    assert make(name="Report", days=366).status_code == 422
    made = make(name="Report", days=30, rights="read")
    token = re.search(r"mv_[\w-]{40,}", made.text)
    assert token
    assert made.headers["Cache-Control"] == "no-store"
    assert "mv_" not in ed.get("/desk/tokens/").text
    with reading(service.db) as conn:
        assert token[0] not in str(conn.execute(sa.select(api_tokens)).all())
    program = Program(app, token[0])
    answer = program.get("/insights")
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (200, None)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Last used on" in ed.get("/desk/tokens/").text
    read_only = program.post("/insights/1/wake", None, '"1.0"')
    assert (read_only.status_code, read_only.json) == (403, {"error": "This token may only read."})
    # A cookie opens nothing here, and beside a token it does not count.
    assert ed.get("/api/v1/insights").status_code == 401
    assert ed.get("/api/v1/openapi.json").status_code == 200
    assert ed.get("/api/v1/openapi.json", headers={"Authorization": "Bearer mv_wrong"}).status_code == 401
    # The summaries are the moderators': an editor's token is refused.
    refused = program.client.get("/moderators/discussions.json", headers=program.headers)
    assert (refused.status_code, list(refused.json)) == (403, ["error"])
    with writing(service.db) as conn:
        add_staff(conn, "editor@hub.example.org", "moderator", community.id)
    assert program.client.get("/moderators/discussions.json", headers=program.headers).json == {"discussions": []}
    with time_machine.travel(datetime.now(UTC) + timedelta(days=31)):
        assert program.get("/insights").status_code == 401
    # The other role has signed them out; their programs go on.
    ed = sign_in("editor")
    make(name="Other", days=1, rights="write")
    assert ed.post("/desk/tokens/1/remove", data={"csrf_token": csrf_of(ed)}).status_code == 303
    gone = program.get("/insights")
    assert (gone.status_code, gone.headers["WWW-Authenticate"]) == (401, 'Bearer realm="Many Voices"')
    with writing(service.db) as conn:
        assert [one.name for one in tokens_of(conn, 1)] == ["Other"]
        remove_staff(conn, "editor@hub.example.org")
        assert conn.scalar(sa.select(sa.func.count()).select_from(api_tokens)) == 0


# schemathesis asks for chance by itself, inside of hypothesis.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
def test_nothing_that_fits_the_document_breaks_a_route_or_is_answered_by_what_it_does_not_name(
    app: Flask, program: Program, insights: tuple[int, int]
) -> None:
    """schemathesis makes up requests from the OpenAPI document, good ones and bad ones."""
    document = program.get("/openapi.json").json
    for status in (401, 403, 404, 409, 412, 422, 428, 429):
        told = [one for path in document["paths"].values() for one in path.values() if isinstance(one, dict)]
        assert any(str(status) in one["responses"] for one in told), status
    assert "://" not in str(document["paths"])
    app.testing = False  # What breaks is answered 500, as for anybody.
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    reached: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        names_one = any(one.name == "insight_id" for one in operation.path_parameters)
        ask(program, operation, GenerationMode.POSITIVE, insights[0] if names_one else None, reached)
        ask(program, operation, GenerationMode.NEGATIVE, None, reached)
    # It did get in, and it was refused in every way that does not need another person.
    assert {200, 201, 400, 401, 404, 409, 422} <= set(reached), reached


def ask(program: Program, operation: Any, mode: GenerationMode, insight_id: int | None, reached: Counter[int]) -> None:
    """Ask for one thing in several made-up ways: of an insight that is there and as it is, or of any."""
    known = {"path_parameters": {"insight_id": insight_id}} if insight_id else {}

    @settings(
        max_examples=7 if insight_id else 4,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **known))
    def asked(case: schemathesis.Case) -> None:
        seen = {"If-Match": program.get(f"/insights/{insight_id}").headers["ETag"]} if insight_id else {}
        answer = case.call(headers=program.headers | seen)
        case.validate_response(answer, checks=CHECKS)
        reached[answer.status_code] += 1

    asked()


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_the_examples_of_the_documentation_do_what_they_say(
    insights: tuple[int, int], service: Service, community: Community, live_url: str
) -> None:
    token = token_for(service, "ed@hub.example.org", community)
    page = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
    commands = re.findall(r"^curl .+$", page, re.M)
    told = [
        subprocess.run(
            ["bash", "-c", f"{line} -w '\\n%{{http_code}}'"],
            env={**os.environ, "VOICES": live_url, "TOKEN": token},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.rpartition("\n")
        for line in commands
    ]
    assert [status for _, _, status in told] == ["200"] * 10 + ["201", "200", "201"]
    assert [one["id"] for one in json.loads(told[0][0])["insights"]] == [insights[0]]
    assert json.loads(told[-2][0])["state"] == "used"
