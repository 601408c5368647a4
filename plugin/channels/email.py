"""Send one mail to one person, by SMTP or into a folder where no server is set."""

import contextlib
import os
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

import css_inline

# Seconds for one attempt: a mail server that hangs must not hold the others up (HARDENING, section 3).
PATIENCE = 30


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
    fact = f"the mail server could not be reached ({type(error).__name__})"
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


@contextlib.contextmanager
def _server(post: Post) -> Iterator[smtplib.SMTP]:
    host = post.host or ""
    context = ssl.create_default_context()
    if post.security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, post.port, timeout=PATIENCE, context=context)
    else:
        server = smtplib.SMTP(host, post.port, timeout=PATIENCE)
    try:
        if post.security == "starttls":
            server.starttls(context=context)
        if post.user and post.password:
            server.login(post.user, post.password)
        try:
            yield server
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
