"""Ask a forum by its REST interface: to checked addresses only, bounded, at a pace, and never again after a refusal."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from plugin.channels.reaching import USER_AGENT, Unsafe, Way, seconds_asked, session
from plugin.channels.webhook import NotTaken

# Seconds for one call, and the most that an answer may hold.
PATIENCE = 30.0
MOST_BYTES = 8 * 1024 * 1024

Params = Mapping[str, str | int] | Sequence[tuple[str, str | int]]


class Rest(Protocol):
    """The way to a forum's REST interface. Each raises NotTaken where the forum did not answer or refused us."""

    def get(self, path: str, params: Params) -> dict[str, Any] | None:
        """Return the object, or None where the forum says that there is none of this id."""
        ...

    def post(self, path: str, params: Params) -> dict[str, Any] | None:
        """Change something, by form fields, and return what the forum says of it."""
        ...

    def put(self, path: str, params: Params) -> dict[str, Any] | None:
        """Put something in the place of what is there, by form fields."""
        ...

    def delete(self, path: str, params: Params) -> dict[str, Any] | None:
        """Take something away, named by form fields."""
        ...


@dataclass(frozen=True, slots=True)
class Manners:
    """How one platform wants to be asked, and how it says no.

    `auth` and `headers` carry the key; `is_refusal(method, status)` says whether we may not ask at all any more;
    `is_missing(status, answer)` says whether there is none of the id that was asked for; `wait_asked(answer)` gives
    the seconds that the body of a 429 asks for, where its headers ask for none.
    """

    is_refusal: Callable[[str, int], bool]
    is_missing: Callable[[int, Mapping[str, Any]], bool]
    auth: tuple[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    wait_asked: Callable[[Mapping[str, Any]], float] = lambda _answer: 0


class RestClient:
    """Calls one forum with one key.

    `before()` is called before each call and waits or raises NotTaken; `refused(reason)` once, when the forum refused
    us: whoever holds the connection then stops it.
    """

    def __init__(
        self,
        api_url: str,
        manners: Manners,
        *,
        private_host: str | None,
        before: Callable[[], None],
        refused: Callable[[str], None],
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._manners = manners
        self._private_host = private_host
        self._before = before
        self._refused = refused

    def get(self, path: str, params: Params) -> dict[str, Any] | None:
        """Return the object, or None where there is none of this id; raise NotTaken for any other answer."""
        return self._call("GET", path, params=_pairs(params))

    def post(self, path: str, params: Params) -> dict[str, Any] | None:
        """Change something, by form fields."""
        return self._call("POST", path, data=_pairs(params))

    def put(self, path: str, params: Params) -> dict[str, Any] | None:
        """Put something in the place of what is there, by form fields."""
        return self._call("PUT", path, data=_pairs(params))

    def delete(self, path: str, params: Params) -> dict[str, Any] | None:
        """Take something away, named by form fields."""
        return self._call("DELETE", path, data=_pairs(params))

    def _call(self, method: str, path: str, **how: Any) -> dict[str, Any] | None:
        self._before()
        host = urlsplit(self._api_url).hostname or ""
        if urlsplit(self._api_url).scheme != "https" and host != self._private_host:
            raise NotTaken("the address is not one that we may send to", permanent=True)
        way = Way(host == self._private_host, PATIENCE)
        named = {"User-Agent": USER_AGENT, "Accept": "application/json", "Connection": "close"}
        with session(way) as going:
            try:
                with going.request(
                    method,
                    f"{self._api_url}/{path}",
                    auth=self._manners.auth,
                    headers={**named, **self._manners.headers},
                    timeout=PATIENCE,
                    allow_redirects=False,
                    stream=True,
                    **how,
                ) as answer:
                    status, after = answer.status_code, answer.headers.get("Retry-After", "")
                    body = b"".join(_bounded(answer))
            except Unsafe:
                raise NotTaken("the host is not a public one", permanent=True) from None
            except (requests.RequestException, OSError, ValueError) as error:
                raise NotTaken(f"the forum could not be reached ({type(error).__name__})", permanent=False) from None
        if way.is_over:
            raise NotTaken("the forum took too long", permanent=False)
        return self._read(method, status, after, body)

    def _read(self, method: str, status: int, after: str, body: bytes) -> dict[str, Any] | None:
        if self._manners.is_refusal(method, status):
            reason = f"the forum answered {status}"
            self._refused(reason)
            raise NotTaken(reason, permanent=False, is_refusal=True)
        # What stands in the way of a forum answers in HTML or plain text, and says no less.
        found = _object(body)
        if self._manners.is_missing(status, found or {}):
            return None
        if not 200 <= status < 300:
            passing = status in (408, 425, 429) or status >= 500
            wait = seconds_asked(after) or (self._manners.wait_asked(found or {}) if status == 429 else 0)
            raise NotTaken(f"the forum answered {status}", permanent=not passing, after=wait)
        if found is None and method == "DELETE":
            # There is nothing left to be said of it.
            return {}
        if found is None:
            raise NotTaken("the forum's answer is no JSON object", permanent=False)
        return found


def _pairs(params: Params) -> list[tuple[str, str | int]]:
    return list(params.items()) if isinstance(params, Mapping) else list(params)


def _bounded(answer: requests.Response) -> Iterator[bytes]:
    size = 0
    for piece in answer.iter_content(65_536):
        size += len(piece)
        if size > MOST_BYTES:
            raise ValueError("the answer is too large")
        yield piece


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        # The error carries the whole answer, so it goes no further.
        return None
    return found if isinstance(found, dict) else None
