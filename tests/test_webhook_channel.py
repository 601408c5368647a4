"""Telling a program something: signed so that anybody can check it, and never where we should not go."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from conftest import SECRET
from pytest_httpserver import HTTPServer
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from werkzeug import Request, Response

from plugin.channels import webhook
from plugin.channels.webhook import Message, NotTaken, Pace, Receiver, is_safe, send
from webhooks.signatures import PROFILES, new_secret, secret_bytes, verified

MESSAGE = Message("mv_1", "tag.clear", datetime(2026, 11, 22, 12, tzinfo=UTC), {"comment": {"id": "1"}})


def receiver(httpserver: HTTPServer, path: str = "/told", private_host: str | None = "localhost") -> Receiver:
    return Receiver(f"http://localhost:{httpserver.port}{path}", secret_bytes(SECRET), private_host)


def refused(receiver: Receiver, **how: Any) -> NotTaken:
    with pytest.raises(NotTaken) as found:
        send(receiver, MESSAGE, **how)
    return found.value


def test_what_arrives_is_what_the_owner_can_check(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/told", method="POST").respond_with_data("thank you", status=202)
    send(receiver(httpserver), MESSAGE)
    request, _ = httpserver.log[0]
    headers = dict(request.headers)
    told = Webhook(SECRET).verify(request.data.decode(), headers)
    assert told == {"type": "tag.clear", "timestamp": "2026-11-22T12:00:00+00:00", "data": {"comment": {"id": "1"}}}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(request.data.decode(), headers)
    found = verified(PROFILES["standard"], headers, request.data, [secret_bytes(SECRET)], time.time())
    assert found.ok
    assert found.delivery_id == "mv_1"
    assert request.headers["User-Agent"] == "ManyVoices (webhooks)"
    assert "Authorization" not in request.headers
    assert "Cookie" not in request.headers


@pytest.mark.parametrize(
    ("status", "permanent", "is_refusal"),
    [
        (401, True, True),
        (403, True, True),
        (410, True, False),
        (404, True, False),
        (400, True, False),
        (301, True, False),
        (307, True, False),
        (408, False, False),
        (429, False, False),
        (500, False, False),
        (502, False, False),
        (503, False, False),
    ],
)
def test_each_answer_says_whether_to_come_again(
    httpserver: HTTPServer, status: int, permanent: bool, is_refusal: bool
) -> None:
    httpserver.expect_request("/told").respond_with_data("somebody's secret words", status=status)
    error = refused(receiver(httpserver))
    assert (error.permanent, error.is_refusal) == (permanent, is_refusal)
    assert str(error) == f"the forum answered {status}"


@pytest.mark.parametrize(
    ("status", "header", "low", "high"),
    [
        (429, "17", 17, 17),
        (503, "3600", 3600, 3600),
        (429, "in half an hour", 1000, 1800),
        (429, "Sun, 22 Nov 1998 12:00:00 GMT", 0, 0),
        (429, "99999999999", 86_400, 86_400),
        (429, "soon", 0, 0),
        (429, "-5", 0, 0),
        (429, "", 0, 0),
        (500, "17", 0, 0),
    ],
)
def test_a_forum_that_asks_for_patience_gets_it(
    httpserver: HTTPServer, status: int, header: str, low: float, high: float
) -> None:
    if header == "in half an hour":
        header = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)
    httpserver.expect_request("/told").respond_with_data(status=status, headers={"Retry-After": header})
    assert low <= refused(receiver(httpserver)).after <= high


def test_a_redirect_leads_nowhere(httpserver: HTTPServer) -> None:
    inside = httpserver.url_for("/inside")
    httpserver.expect_request("/told").respond_with_data(status=302, headers={"Location": inside})
    httpserver.expect_request("/inside").respond_with_data("the canary")
    assert refused(receiver(httpserver)).permanent
    assert [request.path for request, _ in httpserver.log] == ["/told"]


def test_the_environment_sends_us_nowhere(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    httpserver.expect_request("/told").respond_with_data(status=204)
    send(receiver(httpserver), MESSAGE)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
        "[ff02::1]",
        "255.255.255.255",
        "forum.example.org@127.0.0.1",
    ],
)
def test_no_connection_is_made_to_where_we_should_not_go(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    connected: list[Any] = []
    monkeypatch.setattr(webhook.socket, "create_connection", lambda *where, **_: connected.append(where))
    error = refused(Receiver(f"https://{host}:{httpserver.port}/told", b"x" * 32))
    assert error.permanent or "gaierror" in str(error) or "ConnectionError" in str(error)
    assert connected == []
    assert httpserver.log == []
    assert host not in str(error)


@pytest.mark.parametrize("url", ["http://forum.example.org/told", "ftp://forum.example.org/", "https:///told", "told"])
def test_an_address_that_is_not_https_is_refused_unread(url: str) -> None:
    assert refused(Receiver(url, b"x" * 32, "localhost")).permanent


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_safe(address: str) -> None:
    assert is_safe(address)


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "0.0.0.0", "fe80::1", "::", "64:ff9b::a9fe:a9fe"])
def test_even_a_named_private_host_does_not_open_the_cloud_s_own_addresses(address: str) -> None:
    assert not is_safe(address, private=True)
    assert is_safe("10.0.0.1", private=True)


def test_a_name_that_changes_its_mind_reaches_nothing_inside(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first lookup says a public address, each later one says here: only what was checked is connected to."""
    answers = iter(["1.1.1.1"])
    looked: list[str] = []
    connected: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        looked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers, "127.0.0.1"), port))]

    def connect(where: tuple[str, int], **_: Any) -> socket.socket:
        connected.append(where[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(webhook.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(webhook.socket, "create_connection", connect)
    error = refused(Receiver(f"https://forum.example.org:{httpserver.port}/told", b"x" * 32))
    assert not error.permanent
    assert (looked, connected) == (["forum.example.org"], ["1.1.1.1"])
    assert refused(Receiver("https://forum.example.org/told", b"x" * 32)).permanent
    assert connected == ["1.1.1.1"]
    assert httpserver.log == []


def test_one_private_address_among_public_ones_is_a_trap(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(webhook.socket, "getaddrinfo", lambda *_, **__: both)
    assert str(refused(Receiver("https://forum.example.org/", b"x" * 32))) == "the host is not a public one"


@contextmanager
def dripping(first: bytes, then: bytes) -> Iterator[int]:
    """Serve one connection: something at once, then something again and again, for as long as anybody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    connection.sendall(first)
                    while True:
                        connection.sendall(then)
                        time.sleep(0.02)
                except OSError:
                    return

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"a"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
    ],
)
def test_an_answer_that_never_ends_is_hung_up_on(first: bytes, then: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with dripping(first, then) as port:
        began = time.monotonic()
        error = refused(Receiver(f"http://127.0.0.1:{port}/", b"x" * 32, "127.0.0.1"), patience=0.4)
        assert time.monotonic() - began < 2
    assert not error.permanent
    assert caplog.text == ""


def test_an_endless_body_after_a_yes_is_not_read() -> None:
    with dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 1000) as port:
        began = time.monotonic()
        send(Receiver(f"http://127.0.0.1:{port}/", b"x" * 32, "127.0.0.1"), MESSAGE, patience=5)
        assert time.monotonic() - began < 2


def test_a_silent_forum_is_not_waited_for(httpserver: HTTPServer) -> None:
    def sleep(_: Request) -> Response:
        time.sleep(2)
        return Response(status=204)

    httpserver.expect_request("/told").respond_with_handler(sleep)
    began = time.monotonic()
    assert not refused(receiver(httpserver), patience=0.3).permanent
    assert time.monotonic() - began < 1.8


def test_nobody_there_is_a_passing_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = refused(Receiver(f"http://localhost:{port}/", b"x" * 32, "localhost"))
    assert not error.permanent
    assert str(port) not in str(error)


def test_a_forum_that_was_told_enough_holds_no_other_up() -> None:
    pace = Pace(10)
    pace.wait("1")
    waiting = threading.Thread(target=pace.wait, args=("1",), daemon=True)
    waiting.start()
    began = time.monotonic()
    pace.wait("2")
    assert time.monotonic() - began < 1
    assert waiting.is_alive()
