"""Tell a program something by a signed webhook (Standard Webhooks). The answer's body is never read."""

import hmac
import json
import socket
import threading
import time
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from pyrate_limiter import InMemoryBucket, Limiter, Rate

from plugin.channels.reaching import USER_AGENT, Unsafe, Way, is_safe, seconds_asked, session

# Seconds for all of it: the way there, the answer's head, whatever is dripped in between.
PATIENCE = 10.0


class NotTaken(Exception):  # noqa: N818 - named for the fact
    """A webhook was not taken. Holds no words, no address and no secret.

    `permanent`: trying again is of no use. `is_refusal`: our signature or right was refused, and so will the next one
    be. `after`: seconds before the other side wants to see us again.
    """

    def __init__(self, fact: str, *, permanent: bool, is_refusal: bool = False, after: float = 0) -> None:
        super().__init__(fact)
        self.permanent = permanent
        self.is_refusal = is_refusal
        self.after = after


@dataclass(frozen=True, slots=True)
class Message:
    """One webhook. The same `id` marks the same message, however often it is tried; `at` stays the same with it."""

    id: str
    type: str
    at: datetime
    data: dict[str, Any]

    @property
    def body(self) -> bytes:
        """Return the bytes that are signed and sent."""
        return json.dumps({"type": self.type, "timestamp": self.at.isoformat(), "data": self.data}).encode()


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where messages go, the key they are signed with, and the one host that need not be public."""

    url: str = field(repr=False)
    key: bytes = field(repr=False)
    private_host: str | None = None


class Pace:
    """Lets at most so many a minute through, to each receiver by itself; in one process."""

    def __init__(self, per_minute: int = 50) -> None:
        # A tenth of a minute at a time, so that nobody waits for long; and a little over it, because the way there
        # is not always equally long and it is the forum that counts.
        self._rate = Rate(per_minute // 10, 6_100) if per_minute >= 10 else Rate(per_minute, 61_000)
        self._limiters: dict[str, Limiter] = {}
        self._lock = threading.Lock()

    def wait(self, receiver: str) -> None:
        """Return once this receiver may be told one thing more."""
        with self._lock:
            limiter = self._limiters.setdefault(receiver, Limiter(InMemoryBucket([self._rate])))
        limiter.try_acquire(receiver)


def send(receiver: Receiver, message: Message, *, patience: float = PATIENCE) -> None:
    """Send a message; raise NotTaken where it was not answered with 2xx.

    Args:
        receiver: to whom.
        message: what.
        patience: seconds for all of it.
    """
    host = _host(receiver)
    now = int(time.time())
    body = message.body
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Connection": "close",
        "webhook-id": message.id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(receiver.key, message.id, now, body),
    }
    way = Way(host == receiver.private_host, patience)
    with session(way) as going:
        try:
            with going.post(
                receiver.url, data=body, headers=headers, timeout=patience, allow_redirects=False, stream=True
            ) as answer:
                status, after = answer.status_code, answer.headers.get("Retry-After", "")
        except Unsafe:
            raise NotTaken("the host is not a public one", permanent=True) from None
        except (requests.RequestException, OSError, ValueError) as error:
            raise NotTaken(f"the forum could not be reached ({type(error).__name__})", permanent=False) from None
    if way.is_over:
        # A head that was cut off says nothing that we could rely on.
        raise NotTaken("the forum took too long", permanent=False)
    if not 200 <= status < 300:
        raise _refusal(status, after)


def address_mistake(url: str, private_host: str | None) -> str | None:
    """Return what is wrong with an address that somebody wants webhooks sent to, in a sentence, or None.

    Where its name leads is looked up at every sending, and not here.
    """
    try:
        host = _host(Receiver(url, b"", private_host))
        # Anything but a dotted number is a name, for the resolver: `127.1` and `0x7f000001` mean this machine.
        inside = host != private_host and not is_safe(socket.inet_ntoa(socket.inet_aton(host)))
    except (NotTaken, ValueError):
        return "Please give an address that begins with https:// and has no password in it."
    except OSError:
        inside = host != private_host and (("." not in host and ":" not in host) or not _may_be_public(host))
    return "Please give the address of a public host." if inside else None


def _may_be_public(host: str) -> bool:
    try:
        return is_safe(host)
    except ValueError:
        return not host.rstrip(".").endswith((".localhost", ".local", ".internal", "localhost"))


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`; `timestamp` is in seconds since 1970."""
    signed = b".".join((message_id.encode("ascii"), str(timestamp).encode("ascii"), body))
    return "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode("ascii")


def _host(receiver: Receiver) -> str:
    parts = urlsplit(receiver.url)
    host = parts.hostname or ""
    is_https = parts.scheme == "https" or (parts.scheme == "http" and host == receiver.private_host)
    if not host or not is_https or "@" in parts.netloc:
        raise NotTaken("the address is not one that we may send to", permanent=True)
    return host


def _refusal(status: int, after: str) -> NotTaken:
    passing = status in (408, 425, 429) or status >= 500
    return NotTaken(
        f"the forum answered {status}",
        permanent=not passing,
        is_refusal=status in (401, 403),
        after=seconds_asked(after) if status in (429, 503) else 0,
    )
