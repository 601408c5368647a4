"""Reach another host, and never one where we should not.

The name is looked up once, each address is checked, and the connection goes to a checked address: a name that changes
its mind afterwards reaches nothing. No proxy, no redirect, no netrc.
"""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

USER_AGENT = "ManyVoices (webhooks)"
# A forum that says "come back next year" is asked again tomorrow.
LONGEST_WAIT = 24 * 60 * 60
# Packs an IPv4 address into IPv6 and would let a private one through: RFC 6052.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


# urllib3 would write down the address, and of a broken answer whatever the other side put into it.
logging.getLogger("urllib3").setLevel(logging.ERROR)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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


def seconds_asked(after: str) -> float:
    """Return the seconds that a Retry-After asks for, in either of its forms; 0 where it makes no sense."""
    if after.strip().isdecimal():
        return min(float(after), LONGEST_WAIT)
    try:
        at = parsedate_to_datetime(after)
    except ValueError:
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0), LONGEST_WAIT)


class Unsafe(Exception):  # noqa: N818 - named for the fact
    """A name leads to where we do not go."""


class Way:
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
            raise Unsafe
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
def session(way: Way) -> Iterator[requests.Session]:
    """Yield a session that goes this way only; the way ends with it."""
    with requests.Session() as found:
        found.trust_env = False
        found.mount("http://", _Adapter(way))
        found.mount("https://", _Adapter(way))
        try:
            yield found
        finally:
            way.end()


class _Adapter(HTTPAdapter):
    """Gives urllib3 connections that go our way."""

    def __init__(self, way: Way) -> None:
        self._way = way
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool manager, with our kinds of pool."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._way),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._way),
        }


def _pool(pool: type[Any], connection: type[Any], way: Way) -> type[Any]:
    def connect(self: Any) -> socket.socket:
        return way.connected(self._dns_host, self.port)

    going = type(connection.__name__, (connection,), {"_new_conn": connect})
    return type(pool.__name__, (pool,), {"ConnectionCls": going})
