"""Tell a program something by a signed webhook (Standard Webhooks), and never reach where we should not.

The name is looked up once, each address is checked, and the connection goes to a checked address: a name that changes
its mind afterwards reaches nothing. No proxy, no redirect, no netrc; the answer's body is never read.
"""

import hmac
import ipaddress
import json
import logging
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from pyrate_limiter import InMemoryBucket, Limiter, Rate
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

# Seconds for all of it: the way there, the answer's head, whatever is dripped in between.
PATIENCE = 10.0
USER_AGENT = "ManyVoices (webhooks)"
# A forum that says "come back next year" is asked again tomorrow.
LONGEST_WAIT = 24 * 60 * 60
# Packs an IPv4 address into IPv6 and would let a private one through: RFC 6052.
NAT64 = ipaddress.ip_network("64:ff9b::/96")

# urllib3 would write down the address, and of a broken answer whatever the other side put into it.
logging.getLogger("urllib3").setLevel(logging.ERROR)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    way = _Way(host == receiver.private_host, patience)
    with _session(way) as session:
        try:
            with session.post(
                receiver.url, data=body, headers=headers, timeout=patience, allow_redirects=False, stream=True
            ) as answer:
                status, after = answer.status_code, answer.headers.get("Retry-After", "")
        except _Unsafe:
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


def is_safe(address: str, *, private: bool = False) -> bool:
    """Return whether we may connect to an address.

    Args:
        address: an IP address, as a resolver gives it.
        private: whether its host was named as one that need not be public.
    """
    found = _plain(address)
    if found is None or found.is_multicast or found.is_unspecified or found.is_link_local:
        return False
    return private or (found.is_global and not found.is_reserved)


def _plain(address: str) -> Address | None:
    """Return an address without what it is wrapped in; None where what is inside could be anything."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv4Address):
        return found
    if found.ipv4_mapped:
        return found.ipv4_mapped
    return None if found in NAT64 or found.sixtofour or found.teredo or found.is_site_local else found


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
        after=_seconds(after) if status in (429, 503) else 0,
    )


def _seconds(after: str) -> float:
    """Return the seconds that a Retry-After asks for, in either of its forms; 0 where it makes no sense."""
    if after.strip().isdecimal():
        return min(float(after), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(after)
    except ValueError:
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0), LONGEST_WAIT)


class _Unsafe(Exception):  # noqa: N818 - named for the fact
    """A name leads to where we do not go."""


class _Way:
    """One way to one host: looks the name up, checks, connects, and hangs up when the time is over."""

    def __init__(self, private: bool, patience: float) -> None:
        self._private = private
        self._deadline = time.monotonic() + patience
        self._open: list[socket.socket] = []
        self.is_over = False
        self._clock = threading.Timer(patience, self._hang_up)
        self._clock.daemon = True
        self._clock.start()

    def connected(self, host: str, port: int) -> socket.socket:
        """Return a socket to a checked address of this host."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        # One bad address among good ones is a trap, not an accident.
        if not addresses or not all(is_safe(address, private=self._private) for address in addresses):
            raise _Unsafe
        error: OSError = TimeoutError("no time is left")
        for address in addresses:
            left = self._deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return self._kept(socket.create_connection((address, port), timeout=left))
            except OSError as failure:
                error = failure
        raise error

    def end(self) -> None:
        """Stop the clock and let go of what is open."""
        self._clock.cancel()
        for one in self._open:
            one.close()

    def _kept(self, sock: socket.socket) -> socket.socket:
        # A second handle on the same connection: TLS takes the first one away.
        self._open.append(sock.dup())
        return sock

    def _hang_up(self) -> None:
        self.is_over = True
        for one in self._open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


@contextmanager
def _session(way: _Way) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", _Adapter(way))
        session.mount("https://", _Adapter(way))
        try:
            yield session
        finally:
            way.end()


class _Adapter(HTTPAdapter):
    """Gives urllib3 connections that go our way."""

    def __init__(self, way: _Way) -> None:
        self._way = way
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager, with our kinds of pool."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._way),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._way),
        }


def _pool(pool: type[Any], connection: type[Any], way: _Way) -> type[Any]:
    def connect(self: Any) -> socket.socket:
        return way.connected(self._dns_host, self.port)

    going = type(connection.__name__, (connection,), {"_new_conn": connect})
    return type(pool.__name__, (pool,), {"ConnectionCls": going})
