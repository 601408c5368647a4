"""Send one mail to one person, by SMTP or into a folder where no server is set."""

import contextlib
import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import css_inline

# Seconds for one answer: a mail server that hangs must not hold the others up (HARDENING, section 3).
PATIENCE = 30
# And for all of them together: one that says a letter every few seconds never hangs.
LONGEST = 120
# What a mail server greets with that takes mail.
READY = 220


class DeliveryError(Exception):
    """A mail was not taken. Holds no address.

    `permanent`: trying again is of no use. `is_unsure`: the words were on their way and no answer came, so that the
    server may have taken them all the same.
    """

    def __init__(self, fact: str, *, permanent: bool, is_unsure: bool = False) -> None:
        super().__init__(fact)
        self.permanent = permanent
        self.is_unsure = is_unsure


@dataclass(frozen=True, slots=True)
class Post:
    """How mail leaves: by SMTP, or as `.eml` files in `folder` where no server is set.

    `security` is one of starttls, tls, none.
    """

    sender: str
    folder: Path
    host: str | None = None
    port: int = 587
    user: str | None = None
    password: str | None = None
    security: str = "starttls"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person. The same `message_id` marks the same mail, however often it is tried.

    `answers` is the Message-ID of the mail that this one belongs under; `stop_url` ends such mails with one press
    (RFC 8058).
    """

    recipient: str
    subject: str
    text: str
    html: str
    message_id: str
    answers: str | None = None
    stop_url: str | None = None


def send(post: Post, mail: Mail) -> None:
    """Send a mail; raise DeliveryError where the server did not take it."""
    message = _message(post, mail)
    if post.host is None:
        _file(post, mail, message)
        return
    handing_over = False
    try:
        with _server(post) as server:
            server.ehlo_or_helo_if_needed()
            handing_over = True
            server.send_message(message)
            handing_over = False
    except smtplib.SMTPRecipientsRefused as refused:
        # One recipient a mail, so there is one code. 4xx is "not now" (greylisting), 5xx is "never".
        code = next(iter(refused.recipients.values()))[0]
        raise _answered(code) from None
    except smtplib.SMTPResponseException as answer:
        raise _answered(answer.smtp_code, is_unsure=isinstance(answer, smtplib.SMTPDataError)) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _unreached(error, is_unsure=handing_over) from None


def greet(post: Post) -> None:
    """Say hello to the mail server and sign in, as before a mail, and send nothing; raise DeliveryError for a no."""
    try:
        with _server(post) as server:
            server.ehlo_or_helo_if_needed()
            code, _ = server.noop()
    except smtplib.SMTPResponseException as answer:
        raise _answered(answer.smtp_code) from None
    except (smtplib.SMTPException, OSError) as error:
        raise _unreached(error, is_unsure=False) from None
    if code != 250:
        raise _answered(code)


def _unreached(error: Exception, *, is_unsure: bool) -> DeliveryError:
    fact = (
        f"the mail server took longer than {LONGEST} seconds"
        if isinstance(error, _TooLong)
        else f"the mail server could not be reached ({type(error).__name__})"
    )
    return DeliveryError(fact, permanent=False, is_unsure=is_unsure)


def _answered(code: int, *, is_unsure: bool = False) -> DeliveryError:
    # smtplib has -1 for what is no answer at all; after the words it says nothing of what became of them.
    fact = f"the mail server answered {code}" if code > 0 else "the mail server's answer made no sense"
    return DeliveryError(fact, permanent=code >= 500, is_unsure=is_unsure and code < 0)


def _message(post: Post, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"] = post.sender
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Message-ID"] = mail.message_id
    message["Date"] = format_datetime(datetime.now(UTC))
    # No holiday notice back, and no place among the replies of a person.
    message["Auto-Submitted"] = "auto-generated"
    if mail.answers:
        message["In-Reply-To"] = message["References"] = mail.answers
    if mail.stop_url:
        message["List-Unsubscribe"] = f"<{mail.stop_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(css_inline.inline(mail.html), subtype="html")
    return message


def _file(post: Post, mail: Mail, message: EmailMessage) -> None:
    post.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = mail.message_id.strip("<>").replace("@", "_at_") + ".eml"
    # Written aside and moved, so that nobody finds half a mail; the same mail again is the same file.
    draft = post.folder / f".{name}"
    draft.touch(mode=0o600)
    draft.write_bytes(message.as_bytes())
    os.replace(draft, post.folder / name)


class _TooLong(OSError):  # noqa: N818 - named for the fact
    """The whole conversation with a mail server took longer than it may."""


class _Conversation(smtplib.SMTP):
    """A conversation that another thread can end, whatever it waits for: a name, an encryption, an answer."""

    is_over = False
    line: socket.socket | None = None

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        # smtplib's own place to connect at. The line is kept beside it: under TLS the socket becomes another one.
        found = socket.create_connection((host, port), timeout)
        self.line = found.dup()
        if self.is_over:
            self.hang_up()
        return found

    def hang_up(self) -> None:
        """End it now: whoever waits for an answer has an error instead."""
        self.is_over = True
        if self.line:
            with contextlib.suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of both ends."""
        super().close()
        if self.line:
            self.line.close()


class _SealedConversation(smtplib.SMTP_SSL, _Conversation):
    """The same, encrypted from its first byte."""


@contextlib.contextmanager
def _server(post: Post) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if post.security == "tls":
        server: _Conversation = _SealedConversation(timeout=PATIENCE, context=context)
    else:
        server = _Conversation(timeout=PATIENCE)
    clock = threading.Timer(LONGEST, server.hang_up)
    clock.daemon = True
    clock.start()
    try:
        with _talking(server, post, context):
            yield server
    except (smtplib.SMTPException, OSError):
        # Half of an answer is none.
        if server.is_over:
            raise _TooLong from None
        raise
    finally:
        clock.cancel()


@contextlib.contextmanager
def _talking(server: smtplib.SMTP, post: Post, context: ssl.SSLContext) -> Iterator[None]:
    try:
        # Its name is needed to check the certificate with, and is set only where it connects at once.
        server._host = post.host or ""  # type: ignore[attr-defined]
        code, _ = server.connect(post.host or "", post.port)
        if code != READY:
            raise smtplib.SMTPConnectError(code, "")
        if post.security == "starttls":
            server.starttls(context=context)
        if post.user and post.password:
            server.login(post.user, post.password)
        try:
            yield
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
            _say_goodbye(server)
            raise
        _say_goodbye(server)
    finally:
        server.close()


def _say_goodbye(server: smtplib.SMTP) -> None:
    # What became of the mail is known by now: whatever becomes of this, it must not be sent once more.
    with contextlib.suppress(smtplib.SMTPException, OSError):
        server.quit()
