"""A real mail server that keeps what it takes and answers as it is told."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Inbox:
    """Answers `rcpt` to each recipient and `data` to each mail; keeps the mails that it took."""

    def __init__(self, rcpt: str = "250 OK", data: str = "250 OK") -> None:
        self.rcpt, self.data = rcpt, data
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.port = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.data.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
            self.recipients += envelope.rcpt_tos
        return self.data


@contextmanager
def serving(inbox: Inbox) -> Iterator[Inbox]:
    """Run the server on a free port of this machine, which `inbox.port` then holds."""
    inbox.port = free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    controller.start()
    try:
        yield inbox
    finally:
        controller.stop()


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def words_of(mail: EmailMessage, kind: str = "plain") -> str:
    """Return the plain or the html part of a mail."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())
