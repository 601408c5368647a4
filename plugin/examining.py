"""Decide what is well about how a community is attached, and say what to do where it is not.

Nothing here asks anybody: the doctor hands in what it was answered, the owner's checklist what the database knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from plugin.doors import KINDS
from plugin.forums.polled import Finding
from plugin.store.attachments import Attachment

# Seconds. Signatures are good for five minutes: a clock that is a minute off is on its way out.
MOST_OFF = 60
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Ourselves:
    """How we are set up: `public_url` begins every link; `mails_by` is our mail server, or None where there is none."""

    public_url: str
    mails_by: str | None


def checklist(found: Attachment, ourselves: Ourselves, *, is_asked: bool) -> list[Finding]:
    """Return what the owner has to see to, from what the database knows.

    Args:
        found: how the community is attached.
        ourselves: how we are set up.
        is_asked: whether its platform is one that we ask by its own interface.
    """
    return [address(found, ourselves), *standing(found, is_asked=is_asked), mail_so_far(found, ourselves)]


def standing(found: Attachment, *, is_asked: bool) -> list[Finding]:
    """Return the findings that need no network, in the order in which somebody sets a community up."""
    looks = ASKED if is_asked else TELLING
    return [finding for look in looks if (finding := look(found)) is not None]


def is_well(findings: Sequence[Finding]) -> bool:
    """Return whether nothing is left to be done."""
    return all(finding.is_ok for finding in findings)


def address(found: Attachment, ourselves: Ourselves) -> Finding:
    """Return whether a forum could reach us at all by the address that we give out."""
    parts = urlsplit(ourselves.public_url)
    if parts.hostname in LOOPBACK:
        forum = urlsplit(found.community.base_url).hostname
        if forum in LOOPBACK or forum == found.community.private_host:
            return Finding("address", True, f"{ourselves.public_url}, for this machine alone")
        return Finding("address", False, f"no forum reaches {ourselves.public_url}: set MANYVOICES_PUBLIC_URL")
    if parts.scheme != "https":
        return Finding("address", False, f"{ourselves.public_url} must begin with https://")
    return Finding("address", True, ourselves.public_url)


def address_answered(public_url: str, status: int | None, problem: str = "") -> Finding:
    """Return what came of asking ourselves by our public address; `problem` where no answer came."""
    if status == 200:
        return Finding("address", True, f"{public_url} answers")
    told = f"answered {status}" if status else problem
    return Finding("address", False, f"{public_url}/healthz: {told}. Is `manyvoices serve` running, and the proxy set?")


def clock(seconds_off: float | None, problem: str = "") -> Finding:
    """Return whether our clock agrees with the forum's; `problem` where the two could not be compared."""
    if seconds_off is None:
        return Finding("clock", False, f"not compared: {problem}")
    if abs(seconds_off) <= MOST_OFF:
        return Finding("clock", True, f"{abs(seconds_off):.0f} s from the forum's")
    way = "behind" if seconds_off > 0 else "ahead of"
    return Finding("clock", False, f"{abs(seconds_off):.0f} s {way} the forum's: let both machines keep time by NTP")


def pacing(per_minute: int) -> Finding:
    """Return how often a forum hears from us at most: it is for its owner to know whether that is permitted."""
    return Finding("pacing", True, f"at most {per_minute} calls a minute")


def mail_tried(ourselves: Ourselves, problem: str | None) -> Finding:
    """Return what came of saying hello to the mail server."""
    if ourselves.mails_by is None:
        return _no_mail_server()
    if problem is None:
        return Finding("mail", True, f"{ourselves.mails_by} lets us in; nothing was sent")
    return Finding("mail", False, f"{ourselves.mails_by}: {problem}. Look at the MANYVOICES_SMTP settings")


def mail_so_far(found: Attachment, ourselves: Ourselves) -> Finding:
    """Return whether mail works, as far as the mails that went say so."""
    if ourselves.mails_by is None:
        return _no_mail_server()
    if found.mails_failed:
        given_up = f"{found.mails_failed} {'mail' if found.mails_failed == 1 else 'mails'} could not be sent"
        return Finding("mail", False, f"{given_up}: {_doctor(found)} says why")
    if found.last_mail_at is None:
        return Finding("mail", False, f"none has gone yet. {_doctor(found)} tries the server and sends nothing")
    return Finding("mail", True, f"the last one went on {_day(found.last_mail_at)}")


def database(is_up_to_date: bool) -> Finding:
    """Return whether the tables are those that this release works with."""
    return Finding("database", is_up_to_date, "" if is_up_to_date else "run `manyvoices migrate`")


def secret_key(mode: int | None) -> Finding:
    """Return whether the secret key is kept from others; `mode` is that of its file, None where it is a setting."""
    if mode is None:
        return Finding("secret key", True, "from MANYVOICES_SECRET_KEY")
    if mode & 0o077:
        return Finding(
            "secret key", False, "others can read its file: chmod 600 the file secret_key in the data folder"
        )
    return Finding("secret key", True, "in the data folder; keep a copy elsewhere, or what is sealed is lost with it")


def _private_host(found: Attachment) -> Finding | None:
    host = found.community.private_host
    return Finding("private host", True, f"{host} need not be public and may do without https") if host else None


def _keys(found: Attachment) -> Finding:
    slug = found.community.slug
    if found.unreadable or not found.is_connection_readable:
        return Finding(
            "keys", False, "sealed with another secret key: put the old one into MANYVOICES_SECRET_KEY_FALLBACKS"
        )
    if not found.secrets:
        return Finding("keys", False, f"no secret is live: `manyvoices community rotate-secret {slug}`")
    return Finding("keys", True, f"{found.secrets} live")


def _connection(found: Attachment) -> Finding:
    slug = found.community.slug
    if not found.is_connected:
        return Finding("connection", False, f"not connected: `manyvoices community connect {slug} …`")
    if found.stopped_at:
        at = _day(found.stopped_at)
        return Finding("connection", False, f"stopped {at}: {found.stop_reason}. Mend the key, then connect again")
    if found.last_read_at is None:
        return Finding("connection", True, "not looked through yet: that is done every ten minutes")
    return Finding("connection", True, f"looked through on {_day(found.last_read_at)}")


def _webhook(found: Attachment) -> Finding:
    if found.last_signed_at is None:
        return Finding("webhook", False, "no signed event has come yet: does the forum post to us, with our secret?")
    return Finding("webhook", True, f"the last signed event came on {_day(found.last_signed_at)}")


def _first_comment(found: Attachment) -> Finding:
    if found.first_comment_at is None:
        return Finding("first comment", False, "none has come yet: write one on the forum")
    return Finding("first comment", True, f"came on {_day(found.first_comment_at)}")


def _write_back(found: Attachment) -> Finding | None:
    community = found.community
    if community.write_back_url is None:
        return None
    if community.write_back_stopped_at:
        stopped = f"stopped {_day(community.write_back_stopped_at)}: {community.write_back_stop_reason}"
        again = f"`manyvoices community set {community.slug} --write-back …` goes on"
        return Finding("write-back", False, f"{stopped}. {again}")
    return Finding("write-back", True, community.write_back_url)


def _doors(found: Attachment) -> Finding:
    slug = found.community.slug
    own = [kind for kind in KINDS if found.community.doors.get(kind, "").strip()]
    if not own:
        advice = f"people are shown our own lines, for the whole UK: `manyvoices community set {slug} --door KIND=TEXT`"
        return Finding("doors to help", False, advice)
    ours = [kind for kind in KINDS if kind not in own]
    return Finding("doors to help", True, f"our own lines stand for {', '.join(ours)}" if ours else "all your own")


def _moderators(found: Attachment) -> Finding:
    if found.moderators:
        return Finding(
            "who moderates", True, f"{_people(found.moderators)}; mail to {found.community.moderators_address}"
        )
    return Finding("who moderates", False, _invite("moderator", found))


def _editors(found: Attachment) -> Finding:
    if found.editors:
        return Finding("editors", True, f"{_people(found.editors)}; mail to {found.community.editorial_address}")
    return Finding("editors", False, _invite("editor", found))


def _invite(role: str, found: Attachment) -> str:
    return f"nobody yet: `manyvoices staff add EMAIL --role {role} --community {found.community.slug}`"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"


def _no_mail_server() -> Finding:
    return Finding("mail", False, "mails are kept as files and go to nobody: set MANYVOICES_SMTP_HOST")


def _doctor(found: Attachment) -> str:
    return f"`manyvoices doctor {found.community.slug}`"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y %H:%M} UTC"


Look = Callable[[Attachment], Finding | None]

# Of a forum that tells us everything by itself.
TELLING: tuple[Look, ...] = (
    _private_host,
    _keys,
    _webhook,
    _first_comment,
    _write_back,
    _doors,
    _moderators,
    _editors,
)
# Of one whose hooks are hints, and that we ask.
ASKED: tuple[Look, ...] = (_private_host, _keys, _connection, _first_comment, _doors, _moderators, _editors)
