"""What a mail server answers decides whether we try again, and no answer gets an address into an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mail_server import Inbox, serving, words_of
from plugin.channels.email import DeliveryError, Mail, Post, send

MAIL = Mail("editor@hub.example.org", "New insight: Falls", "Text.", "<p>Text.</p>", "<insight-1@localhost>")


@contextmanager
def post_to(inbox: Inbox, folder: Path) -> Iterator[Post]:
    with serving(inbox):
        yield Post("manyvoices@hub.example.org", folder, "127.0.0.1", inbox.port, security="none")


def test_a_mail_arrives_with_both_parts_and_its_own_id(tmp_path: Path) -> None:
    inbox = Inbox()
    with post_to(inbox, tmp_path) as post:
        send(post, MAIL)
    (mail,) = inbox.mails
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<insight-1@localhost>", "auto-generated")
    assert (words_of(mail).strip(), "Text." in words_of(mail, "html")) == ("Text.", True)


@pytest.mark.parametrize(
    ("rcpt", "data", "permanent"),
    [
        ("451 greylisted, come back", "250 OK", False),
        ("550 no such user", "250 OK", True),
        ("250 OK", "452 full", False),
        ("250 OK", "554 refused", True),
    ],
)
def test_the_servers_answer_says_whether_to_try_again(tmp_path: Path, rcpt: str, data: str, permanent: bool) -> None:
    with post_to(Inbox(rcpt, data), tmp_path) as post, pytest.raises(DeliveryError) as refused:
        send(post, MAIL)
    assert refused.value.permanent is permanent
    assert "editor" not in str(refused.value)


def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as refused:
        send(Post("a@b.example", tmp_path, "127.0.0.1", 9, security="none"), MAIL)
    assert not refused.value.permanent


def test_without_a_server_the_mail_lies_in_a_folder_once(tmp_path: Path) -> None:
    post = Post("manyvoices@hub.example.org", tmp_path / "mail")
    send(post, MAIL)
    send(post, MAIL)
    (file,) = (tmp_path / "mail").iterdir()
    assert "New insight: Falls" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
