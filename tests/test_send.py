"""A file of comments is sent as a forum would send it, and what became of each is told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from webhooks.cli import main
from webhooks.signatures import PROFILES, new_secret, secret_bytes, verified

SECRET = new_secret()
THREAD = {
    "title": "Falls at home",
    "url": "https://hub.example.org/blogs/falls",
    "date": "2024-06-18",
    "comments": [
        {
            "id": "c01",
            "parent": None,
            "author": {"id": 4101, "name": "Jacinta", "groups": ["Members"], "declared_role": "carer"},
            "created_at": "2024-06-18T16:42:00Z",
            "edited_at": None,
            "body": "<p>I care for my dad.</p>",
        },
        {
            "id": "c02",
            "parent": "c01",
            "author": {"id": None, "name": "Norah", "groups": ["Guests"], "declared_role": None},
            "created_at": "2024-06-19T16:42:00Z",
            "edited_at": "2024-06-20T16:42:00Z",
            "body": "<p>So do I.</p>",
        },
    ],
}
OUTCOME = {"tags": ["carer"], "insight": True, "urgent": False, "forward": "sent"}


class Service:
    """A small service that checks every signature, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, Any]] = {}
        self.posts = 0
        self.busy = 0
        self.answer = 202
        self.outcome: dict[str, Any] = OUTCOME
        self.status = "done"

    def take(self, request: Request) -> Response:
        self.posts += 1
        if self.busy:
            self.busy -= 1
            return Response(status=503, headers={"Retry-After": "0"})
        verdict = verified(
            PROFILES["standard"], request.headers, request.data, [secret_bytes(SECRET)], float(now_of(request))
        )
        if not verdict.ok:
            return Response(status=401)
        if self.answer != 202:
            said = {"error": "some fields are missing or wrong", "fields": {"data.comment.text": "is missing"}}
            return Response(json.dumps(said), status=self.answer, content_type="application/json")
        self.told[verdict.delivery_id or ""] = json.loads(request.data)
        return Response(status=202)

    def look_up(self, request: Request) -> Response:
        delivery = request.path.rpartition("/")[2]
        assert verified(
            PROFILES["standard"], request.headers, b"", [secret_bytes(SECRET)], float(now_of(request))
        ).ok, "the look-up is signed"
        said = {"delivery": delivery, "status": self.status, "outcome": self.outcome}
        return Response(json.dumps(said), content_type="application/json")


def now_of(request: Request) -> str:
    return request.headers["webhook-timestamp"]


@pytest.fixture
def service(httpserver: HTTPServer) -> Service:
    service = Service()
    httpserver.expect_request("/webhooks/standard/hub", method="POST").respond_with_handler(service.take)
    look_up = re.compile(r"/webhooks/standard/hub/deliveries/.+")
    httpserver.expect_request(look_up, method="GET").respond_with_handler(service.look_up)
    return service


@pytest.fixture
def send(httpserver: HTTPServer, service: Service, tmp_path: Path):
    (tmp_path / "secret").write_text(SECRET + "\n")

    def send(name: str, content: str, *more: str) -> Result:
        (tmp_path / name).write_text(content)
        where = ["--to", httpserver.url_for("").rstrip("/"), "--community", "hub"]
        words = ["send", str(tmp_path / name), *where, "--secret-file", str(tmp_path / "secret"), *more]
        result = CliRunner().invoke(main, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return send


def figures(result: Result) -> dict[str, str]:
    return dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in result.stdout.splitlines())


def test_a_thread_arrives_as_its_forum_would_tell_it(send, service: Service) -> None:
    result = send("falls.json", json.dumps(THREAD))
    assert result.exit_code == 0, result.output
    first, second = service.told.values()
    assert first["type"] == "comment.created"
    assert first["data"]["discussion"] == {
        "id": "falls",
        "title": "Falls at home",
        "url": "https://hub.example.org/blogs/falls",
        "published_at": "2024-06-18T00:00:00Z",
    }
    assert first["data"]["comment"]["html"] == "<p>I care for my dad.</p>"
    assert first["data"]["author"]["declared"] == {"role": "carer"}
    assert first["data"]["author"]["groups"] == ["Members"]
    assert second["data"]["comment"]["parent_id"] == first["data"]["comment"]["id"]
    assert second["data"]["author"]["kind"] == "guest"
    assert second["timestamp"] == "2024-06-20T16:42:00Z"


def test_what_became_of_them_is_told_in_a_small_table(send) -> None:
    said = figures(send("falls.json", json.dumps(THREAD)))
    seconds = said.pop("seconds")
    assert said == {
        "accepted": "2",
        "tagged": "2",
        "carer": "2",
        "insights": "2",
        "forwarded": "2",
        "urgent": "0",
        "failed": "0",
    }
    assert float(seconds) < 10


def test_an_urgent_comment_is_not_counted_as_forwarded(send, service: Service) -> None:
    service.outcome = OUTCOME | {"urgent": True}
    said = figures(send("falls.json", json.dumps(THREAD)))
    assert (said["urgent"], said["forwarded"]) == ("2", "0")


def test_sending_again_repeats_the_same_ids(send, service: Service) -> None:
    send("falls.json", json.dumps(THREAD))
    before = set(service.told)
    send("falls.json", json.dumps(THREAD))
    assert set(service.told) == before


def test_a_table_is_sent_row_by_row(send, service: Service) -> None:
    result = send("survey.csv", 'comment,mark\n"I am a nurse, still.",1\n"",2\nThank you.,3\n')
    assert result.exit_code == 0, result.output
    assert [told["data"]["comment"]["text"] for told in service.told.values()] == ["I am a nurse, still.", "Thank you."]
    assert {told["data"]["author"]["kind"] for told in service.told.values()} == {"guest"}


def test_the_column_can_be_named_and_the_rows_limited(send, service: Service) -> None:
    send("survey.csv", "answer,text\nyes,no\nfirst,second\n", "--text-column", "answer", "--limit", "1")
    assert [told["data"]["comment"]["text"] for told in service.told.values()] == ["yes"]


def test_lines_of_json_keep_their_own_ids(send, service: Service) -> None:
    send("lines.jsonl", '{"id": "a7", "text": "I am a patient."}\n\n{"id": "a8", "text": "Thanks."}\n')
    assert [told["data"]["comment"]["id"] for told in service.told.values()] == ["lines-a7", "lines-a8"]


def test_a_busy_service_is_asked_again_when_it_says_so(send, service: Service) -> None:
    service.busy = 3
    assert figures(send("falls.json", json.dumps(THREAD)))["accepted"] == "2"
    assert service.posts == 5


def test_what_is_refused_is_counted_with_the_reason(send, service: Service) -> None:
    service.answer = 422
    result = send("falls.json", json.dumps(THREAD))
    assert result.exit_code == 1
    assert "refused: 422 some fields are missing or wrong (data.comment.text)" in result.output


def test_what_failed_ends_with_an_error(send, service: Service) -> None:
    service.status = "failed"
    result = send("falls.json", json.dumps(THREAD))
    assert (result.exit_code, figures(result)["failed"]) == (1, "2")


def test_a_secret_that_does_not_fit_is_told_once(send, service: Service, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(new_secret())
    result = send("falls.json", json.dumps(THREAD))
    assert result.exit_code == 1
    assert "does not know this secret" in result.stderr
    assert service.posts == 1


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("falls.json", "[]", "is neither a thread"),
        ("falls.json", "{", "is neither a thread"),
        ("falls.json", '{"title": "x", "comments": []}', "There is no comment in falls.json."),
        ("survey.csv", "a,b\n1,2\n", "It has: a, b. Name one with --text-column."),
        ("lines.jsonl", '{"text": "fine"}\nnot json\n', "Line 2 of lines.jsonl is not JSON."),
        ("lines.jsonl", "[1]\n", "Line 1 of lines.jsonl is not an object."),
    ],
)
def test_a_file_that_cannot_be_read_is_explained(send, service: Service, name: str, content: str, told: str) -> None:
    result = send(name, content)
    assert result.exit_code == 1
    assert told in result.stderr
    assert service.posts == 0


def test_a_service_that_does_not_run_is_one_plain_sentence(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "falls.json").write_text(json.dumps(THREAD))
    words = ["send", str(tmp_path / "falls.json"), "--to", "http://127.0.0.1:1", "--secret-file"]
    result = CliRunner().invoke(main, [*words, str(tmp_path / "secret")])
    assert result.exit_code == 1
    assert result.stderr == "Error: Nothing answers at http://127.0.0.1:1. Is `manyvoices serve` running?\n"


def test_without_a_practice_secret_the_way_to_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "falls.json").write_text(json.dumps(THREAD))
    environ = {"MANYVOICES_DATA_DIR": str(tmp_path / "var")}
    result = CliRunner().invoke(main, ["send", str(tmp_path / "falls.json")], env=environ)
    assert result.exit_code == 1
    assert "Start `manyvoices serve --practice` first" in result.stderr
