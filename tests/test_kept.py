"""Words that wait while somebody signs up: not one character changes, nobody else reads them, nothing stays."""

import html
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
import time_machine
from flask.testing import FlaskClient
from test_prompting import HOSTILE
from werkzeug.test import TestResponse

from forum import Forum
from mail_server import Inbox, words_of
from plugin.consent import Choice, Credit
from plugin.keeping import LASTS, fingerprint, normalised
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.discussions import discussion_at
from plugin.store.kept import kept_by_key, opened, sweep_kept, take_mark
from plugin.store.opening import is_sqlite, reading, writing
from plugin.store.tables import kept_marks, kept_words, metadata

PAGE = "https://hub.example.org/blogs/co-production"
MUM = "My mum fell twice.\r\nNobody wrote it down, so I did."
LONG = (
    "\r\n"
    + ("The ward was quiet 🌙. לא ידענו.\r\n\t“Cafe\u0301”  two blanks & <b>no tag</b>.\r\n" * 140)
    + "The end \r\n"
)


# The store is asked on both databases; what a page says does not depend on them.
on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def keep(client: FlaskClient, words: str = MUM, **fields: object) -> str:
    """Press "Keep my words" and return the path of the link."""
    answer = client.post("/members/hub/keep", query_string={"url": PAGE}, data={"text": words} | fields)
    assert answer.status_code == 303, answer.text
    assert "Set-Cookie" not in answer.headers
    return str(answer.headers["Location"])


def shown_words(answer: TestResponse) -> str:
    """Return what the box on the page would hand over, by the rules of HTML: the first line end is dropped."""
    found = re.search(r"<textarea[^>]*>\n(.*)</textarea>", answer.text, re.S)
    assert found is not None
    return html.unescape(found[1])


def dump(service: Service) -> bytes:
    """Return every byte that the database holds of our tables, and for SQLite of its files."""
    if not is_sqlite(service.db):
        with reading(service.db) as conn:
            rows = [conn.execute(sa.select(table)).all() for table in metadata.sorted_tables]
        return repr(rows).encode()
    path = service.db.url.database
    service.db.dispose()
    with sqlite3.connect(path) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        logical = "\n".join(conn.iterdump()).encode()
    conn.close()
    files = [Path(f"{path}{ending}") for ending in ("", "-wal")]
    return logical + b"".join(file.read_bytes() for file in files if file.exists())


def test_what_comes_back_is_what_was_written(service: Service, client: FlaskClient, community: Community) -> None:
    for words in (MUM, LONG, "\r\n\r\nleading lines", "שלום", "a\u200d🏳️\u200d🌈", "one\nline end\rof each"):
        comes_back(service, client, community, words)


def comes_back(service: Service, client: FlaskClient, community: Community, words: str) -> None:
    path = keep(client, words)
    key = path.rpartition("/")[2]
    with reading(service.db) as conn:
        found = kept_by_key(conn, community.id, key, datetime.now(UTC))
    assert found is not None
    assert opened(found, key)[0].encode() == words.encode()
    file = client.post(f"{path}/text")
    assert file.data == words.encode()
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert shown_words(client.post(path)) == words


def test_a_long_text_has_ten_thousand_characters() -> None:
    assert len(LONG) > 9_000
    assert len(LONG.encode()) > 10_000


def test_the_link_alone_shows_nothing_and_changes_nothing(
    service: Service, client: FlaskClient, community: Community
) -> None:
    path = keep(client)
    before = dump(service)
    for ask in (client.get, client.head):
        answer = ask(path)
        assert answer.status_code == 200
        assert "Nobody wrote it down" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
    assert dump(service) == before
    assert len({shown_words(client.post(path)) for _ in range(3)}) == 1


def test_nothing_stays_once_they_are_posted(service: Service, client: FlaskClient, community: Community) -> None:
    path = keep(client, LONG)
    key = path.rpartition("/")[2]
    client.post(path)
    held = dump(service)
    assert b"The ward was quiet" not in held
    assert key.encode() not in held
    gone = client.post(f"{path}/done", data={"posted": "yes"})
    assert "Thank you for posting" in gone.text
    after = dump(service)
    for trace in (b"The ward was quiet", b"two blanks", key.encode()):
        assert trace not in after
    for answer in (client.get(path), client.post(path), client.post(f"{path}/text"), client.post(f"{path}/done")):
        assert answer.status_code == 410
        assert "no longer kept" in answer.text


def test_after_three_days_and_one_sweep_nothing_is_left(
    service: Service, client: FlaskClient, community: Community
) -> None:
    path = keep(client)
    key = path.rpartition("/")[2]
    with reading(service.db) as conn:
        sealed = conn.scalar(sa.select(kept_words.c.sealed))
    with time_machine.travel(datetime.now(UTC) + LASTS - timedelta(minutes=1), tick=False):
        assert client.get(path).status_code == 200
    with time_machine.travel(datetime.now(UTC) + LASTS + timedelta(minutes=1), tick=False):
        assert client.get(path).status_code == 410
        assert client.post(path).status_code == 410
        with writing(service.db) as conn:
            assert sweep_kept(conn, datetime.now(UTC)) == 1
            assert sweep_kept(conn, datetime.now(UTC)) == 0
    after = dump(service)
    for trace in (b"Nobody wrote it down", key.encode(), sealed[:32]):
        assert trace not in after


@on_one_database
def test_another_link_opens_nothing(client: FlaskClient, community: Community) -> None:
    path = keep(client)
    assert client.get(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 410
    assert client.get(path.replace("/hub/", "/other/")).status_code == 410


def test_what_was_chosen_waits_for_the_comment_that_says_the_same(
    service: Service, client: FlaskClient, community: Community, secret: bytes, worker: Callable[[], None]
) -> None:
    Forum(client, secret).posted("The first comment here.", "1")
    worker()
    path = keep(client, MUM, type=["carer", "patient"], forward="yes")
    now = datetime.now(UTC)
    with writing(service.db) as conn:
        place = discussion_at(conn, community.id, PAGE)
        assert place is not None
        # Not before its writer came back for it.
        assert take_mark(conn, service.vault, place.id, MUM, now) is None
    assert "goes along" in client.post(path).text
    client.post(path)
    with writing(service.db) as conn:
        assert take_mark(conn, service.vault, place.id, MUM + " And more.", now) is None
        reformatted = "\n  My mum fell twice.\n\nNobody wrote it down,   so I did. "
        taken = take_mark(conn, service.vault, place.id, reformatted, now)
        assert taken == Choice(("carer", "patient"), ("forward",), Credit("role"))
        assert take_mark(conn, service.vault, place.id, MUM, now) is None


@on_one_database
def test_a_mark_ends_after_three_days(
    service: Service, client: FlaskClient, community: Community, secret: bytes, worker: Callable[[], None]
) -> None:
    Forum(client, secret).posted("The first comment here.", "1")
    worker()
    client.post(keep(client))
    with writing(service.db) as conn:
        place = discussion_at(conn, community.id, PAGE)
        assert place is not None
        assert take_mark(conn, service.vault, place.id, MUM, datetime.now(UTC) + LASTS) is None
        assert conn.scalar(sa.select(sa.func.count()).select_from(kept_marks)) == 0


@on_one_database
def test_on_a_page_that_we_do_not_know_it_is_said_what_does_not_go_along(
    client: FlaskClient, community: Community
) -> None:
    assert "does not go along" in client.post(keep(client)).text


def test_the_same_words_have_the_same_print_whatever_a_forum_does_to_their_blanks() -> None:
    key = b"k" * 32
    assert normalised("Cafe\u0301\r\n\r\nat  ten\u00a0") == "Caf\u00e9 at ten"
    assert fingerprint(key, 1, "a b") == fingerprint(key, 1, " a\r\n b")
    assert len({fingerprint(key, 1, "a b"), fingerprint(key, 2, "a b"), fingerprint(b"x" * 32, 1, "a b")}) == 3


def test_the_link_comes_by_mail_and_the_address_is_nowhere(
    inbox: Inbox, service: Service, client: FlaskClient, community: Community, caplog: pytest.LogCaptureFixture, capfd
) -> None:
    path = keep(client)
    assert "mailed" in client.get(path).text
    answer = client.post(f"{path}/mail", data={"address": "bea@elsewhere.example"})
    assert "on its way" in answer.text
    (mail,) = inbox.mails
    assert mail["To"] == "bea@elsewhere.example"
    assert mail["Subject"] == "The link to your words for The hub"
    for kind in ("plain", "html"):
        assert path in words_of(mail, kind)
        assert "Nobody wrote it down" not in words_of(mail, kind)
    assert path.rpartition("/")[2] not in mail["Message-ID"]
    out, err = capfd.readouterr()
    for told in (dump(service), out.encode(), err.encode(), caplog.text.encode()):
        assert b"bea@elsewhere" not in told
        assert path.encode() not in told


@on_one_database
def test_a_mail_that_cannot_go_is_said_plainly(inbox: Inbox, client: FlaskClient, community: Community) -> None:
    path = keep(client)
    inbox.rcpt = "550 No such user"
    refused = client.post(f"{path}/mail", data={"address": "bea@elsewhere.example"})
    assert refused.status_code == 503
    assert "copy the link instead" in refused.text
    wrong = client.post(f"{path}/mail", data={"address": "bea"})
    assert wrong.status_code == 422
    assert "<title>Error:" in wrong.text
    assert 'href="#address"' in wrong.text
    client.post(f"{path}/mail", data={"address": "bea@elsewhere.example"})
    assert client.post(f"{path}/mail", data={"address": "bea@elsewhere.example"}).status_code == 429


@on_one_database
def test_without_a_mail_server_no_mail_is_offered(client: FlaskClient, community: Community, service: Service) -> None:
    path = keep(client)
    assert "by mail" not in client.get(path).text
    assert client.post(f"{path}/mail", data={"address": "bea@elsewhere.example"}).status_code == 404
    assert not service.post.folder.exists()


@on_one_database
def test_kept_words_never_lead_off_the_communitys_site(client: FlaskClient, community: Community) -> None:
    for n, address in enumerate(HOSTILE[:-1]):
        leads_nowhere_else(client, address, f"10.0.0.{n}")


def leads_nowhere_else(client: FlaskClient, address: str, remote: str) -> None:
    client.environ_base["REMOTE_ADDR"] = remote
    kept = client.post("/members/hub/keep", query_string={"url": address}, data={"text": MUM}).headers["Location"]
    pages = [
        client.get("/members/hub/write", query_string={"url": address}).text,
        client.post("/members/hub/review", query_string={"url": address}, data={"text": MUM}).text,
        client.get(kept).text,
        client.post(kept).text,
        client.post(f"{kept}/done", data={"posted": "yes"}).text,
    ]
    for page in pages:
        for tag, link in re.findall(r'(<[^<]*(?:href|action)="([^"]*)"[^>]*>)', page):
            there = urlsplit(html.unescape(link))
            # The doors lead to help that the community chose.
            if there.scheme or there.netloc:
                is_ours = (there.scheme, there.netloc) == ("https", "hub.example.org")
                assert is_ours or there.scheme in ("mailto", "tel", "sms") or 'rel="noreferrer"' in tag, tag


@on_one_database
def test_what_cannot_be_kept_is_refused_kindly_and_given_back(client: FlaskClient, community: Community) -> None:
    for words, why in (("  \r\n ", "few words"), ("one\x00two", "cannot keep"), ("a" * 20_001, "longer than")):
        answer = client.post("/members/hub/keep", query_string={"url": PAGE}, data={"text": words})
        assert answer.status_code == 422
        assert why in answer.text
        assert "<title>Error: " in answer.text
        assert 'href="#text"' in answer.text
        assert shown_words(answer) == words.replace("\x00", "")
    assert client.post("/members/hub/keep", data={"text": "a\r\n" * 10_000}).status_code == 303
