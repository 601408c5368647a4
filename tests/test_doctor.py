"""An owner looks whether a community is well attached: a line for each thing, and what to do until all is well."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import sqlalchemy as sa
from click.testing import CliRunner
from flask.testing import FlaskClient

from forum import Forum
from mail_server import Inbox, free_port
from plugin.service import Service
from plugin.store.communities import Community, change_community
from plugin.store.connections import save_connection, stop_connection
from plugin.store.opening import writing
from plugin.store.staff import StaffRole, add_staff
from webhooks.cli import main

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
OK, NOT_OK = "ok", "NOT OK"


@dataclass
class FrontPage:
    """The front page of a forum, whose clock goes `off` seconds before ours."""

    off: float = 0
    calls: list[str] = field(default_factory=list)


@contextmanager
def at_home(service: Service, community: Community, page: FrontPage) -> Iterator[None]:
    """Let the hub stand on this machine."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            page.calls.append(self.path)
            self.send_response(200)
            self.end_headers()

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string(time.time() + page.off)

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        with writing(service.db) as conn:
            home = f"http://127.0.0.1:{server.server_port}"
            change_community(conn, community.id, base_url=home, private_host="127.0.0.1")
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def asked(environ: dict[str, str], **more: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return how the doctor ends, and of each thing whether it is well and what is said of it."""
    result = CliRunner().invoke(main, ["doctor", "hub"], env=environ | more)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines = re.findall(r"^(.{24})(ok|NOT OK) *(.*)$", result.stdout, re.M)
    assert len(lines) == len(result.stdout.splitlines()), result.stdout
    return result.exit_code, {what.strip(): (how, words) for what, how, words in lines}


def all_set_up(service: Service, community: Community) -> None:
    with writing(service.db) as conn:
        change_community(conn, community.id, doors={"complaint": "Write to care@hub.example.org."})
        add_staff(conn, "mo@hub.example.org", "moderator", community.id)
        add_staff(conn, "ed@hub.example.org", "editor", None)


def test_the_doctor_says_what_to_do_until_all_is_well(
    inbox: Inbox,
    environ: dict[str, str],
    client: FlaskClient,
    service: Service,
    community: Community,
    secret: bytes,
    worker: Callable[[], None],
    sign_in: Callable[[StaffRole], FlaskClient],
    live_url: str,
) -> None:
    no_mail = {name: value for name, value in environ.items() if "SMTP" not in name}
    code, first = asked(no_mail)
    assert (code, [what for what, (how, _) in first.items() if how == NOT_OK]) == (
        1,
        ["address", "webhook", "first comment", "doors to help", "who moderates", "editors", "clock", "mail"],
    )
    assert (first["database"], first["keys"]) == ((OK, ""), (OK, "1 live"))
    assert "set MANYVOICES_PUBLIC_URL" in first["address"][1]
    assert "`manyvoices staff add EMAIL --role moderator --community hub`" in first["who moderates"][1]
    assert "set MANYVOICES_SMTP_HOST" in first["mail"][1]

    owner, page = sign_in("admin"), FrontPage()
    assert "things are left to be done" in owner.get("/").text
    assert "left to be done" not in client.get("/").text + sign_in("editor").get("/").text

    all_set_up(service, community)
    with at_home(service, community, page):
        shown = owner.get("/staff/first-steps").text
        assert "none has come yet: write one on the forum" in shown
        assert "<code>manyvoices doctor hub</code> tries the server and sends nothing" in shown
        Forum(client, secret).posted(DAD, "1")
        worker()
        assert len(inbox.mails) == 1
        # A page asks nobody: what it shows is what arrived and what went.
        assert "All is well" in owner.get("/staff/first-steps").text
        assert ("left to be done" in owner.get("/").text, page.calls) == (False, [])
        code, well = asked(environ, MANYVOICES_PUBLIC_URL=live_url)
    assert (code, {how for how, _ in well.values()}) == (0, {OK})
    assert well["private host"][1].startswith("127.0.0.1 need not be public")
    assert well["webhook"][1].startswith("the last signed event came on ")
    assert well["mail"][1] == "127.0.0.1 lets us in; nothing was sent"
    assert (len(inbox.mails), page.calls) == (1, ["/"])


def test_the_doctor_names_what_broke_since(
    inbox: Inbox, environ: dict[str, str], service: Service, community: Community, live_url: str, tmp_path: Path
) -> None:
    all_set_up(service, community)
    environ |= {"MANYVOICES_PUBLIC_URL": live_url}
    with at_home(service, community, FrontPage(off=-90)):
        told = asked(environ)[1]["clock"]
        assert (told[0], bool(re.match("(89|90|91) s ahead of the forum's", told[1]))) == (NOT_OK, True)
    with at_home(service, community, FrontPage(off=55)):
        assert asked(environ)[1]["clock"][0] == OK
        nobody = f"http://127.0.0.1:{free_port()}"
        found = asked(environ, MANYVOICES_PUBLIC_URL=nobody, MANYVOICES_SMTP_PORT=nobody.rpartition(":")[2])[1]
        assert found["address"] == (
            NOT_OK,
            f"{nobody}/healthz: it could not be reached (ConnectionError). "
            "Is `manyvoices serve` running, and the proxy set?",
        )
        assert "could not be reached (ConnectionRefusedError)" in found["mail"][1]
        # Our server knows no accounts, so a name and a password get nobody in.
        account = {"MANYVOICES_SMTP_USER": "voices", "MANYVOICES_SMTP_PASSWORD": "hunter2"}
        assert asked(environ, **account)[1]["mail"][0] == NOT_OK
        assert inbox.mails == []
        # The key in the data folder was lost, and another was made in its place.
        own_key = {name: value for name, value in environ.items() if name != "MANYVOICES_SECRET_KEY"}
        found = asked(own_key, MANYVOICES_DATA_DIR=str(tmp_path / "fresh"))[1]
        assert (found["secret key"][0], found["keys"][0]) == (OK, NOT_OK)
        assert "MANYVOICES_SECRET_KEY_FALLBACKS" in found["keys"][1]
        (tmp_path / "fresh" / "secret_key").chmod(0o644)
        assert asked(own_key, MANYVOICES_DATA_DIR=str(tmp_path / "fresh"))[1]["secret key"][0] == NOT_OK
        with writing(service.db) as conn:
            change_community(conn, community.id, write_back_url="https://hub.example.org/voices")
            change_community(conn, community.id, write_back_stopped_at=datetime.now(UTC), write_back_stop_reason="401")
        assert "--write-back …` goes on" in asked(environ)[1]["write-back"][1]
        with writing(service.db) as conn:
            conn.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
        assert asked(environ) == (1, {"database": (NOT_OK, "run `manyvoices migrate`")})


def test_a_forum_that_is_asked_is_looked_at_once_it_is_connected(
    environ: dict[str, str], service: Service, community: Community
) -> None:
    with writing(service.db) as conn:
        change_community(conn, community.id, platform="discourse", private_host="127.0.0.1")
    found = asked(environ)[1]
    assert found["connection"] == (NOT_OK, "not connected: `manyvoices community connect hub …`")
    assert "webhook" not in found
    about = {"settings": {"account": "voices", "categories": "5", "per_minute": "40"}, "keys": {"api_key": "a key"}}
    with writing(service.db) as conn:
        save_connection(conn, service.vault, community.id, api_url=f"http://127.0.0.1:{free_port()}", **about)
    found = asked(environ)[1]
    assert (found["connection"][0], found["pacing"][1]) == (OK, "at most 40 calls a minute")
    assert "could not be reached" in found["address and key"][1]
    with writing(service.db) as conn:
        stop_connection(conn, community.id, "the forum answered 403", datetime.now(UTC))
    found = asked(environ)[1]
    assert re.fullmatch("stopped .* UTC: the forum answered 403. Mend the key, .*", found["connection"][1])
    assert (found["clock"], "address and key" in found) == ((NOT_OK, "not compared: the forum refused us"), False)
