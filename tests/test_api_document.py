"""What the documents promise to programs, and how their tokens begin and end."""

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
from programs import Program, token_for, two_insights
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import TestResponse

from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.staff import add_staff, remove_staff
from plugin.store.tables import api_tokens
from plugin.store.tokens import tokens_of

ONLY_ON = "sqlite"


@pytest.fixture
def insights(client: FlaskClient, community: Community, secret: bytes, worker: Callable[[], None]) -> tuple[int, int]:
    """Two insights on the hub's desk: the older first."""
    return two_insights(client, secret, worker)


@pytest.fixture
def program(app: Flask, service: Service, community: Community) -> Program:
    return Program(app, token_for(service, "ed@hub.example.org", community))


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
        max_examples=5 if insight_id else 3,
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


def csrf_of(browser: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/desk/tokens/").text)
    assert found, "the page has a form of ours"
    return found[1]


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
