"""Ask a forum by its REST interface: to checked addresses only, bounded, at a pace, and never again after a refusal."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from plugin.channels.webhook import USER_AGENT, NotTaken, _seconds, _session, _Unsafe, _Way

# Seconds for one call, and the most that an answer may hold.
PATIENCE = 30.0
MOST_BYTES = 8 * 1024 * 1024
REFUSALS = (401, 403)

log = logging.getLogger(__name__)


class RestClient:
    """Calls one forum with one key.

    `before()` is called before each call and waits or raises NotTaken; `refused(reason)` once, when the forum refused
    us: whoever holds the connection then stops it. `refusals` are the status codes that say so.
    """

    def __init__(
        self,
        api_url: str,
        key: str,
        *,
        private_host: str | None,
        before: Callable[[], None],
        refused: Callable[[str], None],
        refusals: Sequence[int] = REFUSALS,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._key = key
        self._private_host = private_host
        self._before = before
        self._refused = refused
        self._refusals = refusals

    def get(self, path: str, params: Mapping[str, str | int]) -> dict[str, Any] | None:
        """Return the object, or None where there is none of this id; raise NotTaken for any other answer."""
        return self._call("GET", path, params=list(params.items()))

    def post(self, path: str, params: Sequence[tuple[str, str | int]]) -> dict[str, Any] | None:
        """Change something, by form fields."""
        return self._call("POST", path, data=list(params))

    def _call(self, method: str, path: str, **how: Any) -> dict[str, Any] | None:
        self._before()
        host = urlsplit(self._api_url).hostname or ""
        if urlsplit(self._api_url).scheme != "https" and host != self._private_host:
            raise NotTaken("the address is not one that we may send to", permanent=True)
        way = _Way(host == self._private_host, PATIENCE)
        with _session(way) as session:
            try:
                with session.request(
                    method,
                    f"{self._api_url}/{path}",
                    # The key is the name and there is no password.
                    auth=(self._key, ""),
                    headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Connection": "close"},
                    timeout=PATIENCE,
                    allow_redirects=False,
                    stream=True,
                    **how,
                ) as answer:
                    status, after = answer.status_code, answer.headers.get("Retry-After", "")
                    body = b"".join(_bounded(answer))
            except _Unsafe:
                raise NotTaken("the host is not a public one", permanent=True) from None
            except (requests.RequestException, OSError, ValueError) as error:
                raise NotTaken(f"the forum could not be reached ({type(error).__name__})", permanent=False) from None
        if way.is_over:
            raise NotTaken("the forum took too long", permanent=False)
        return self._read(status, after, body)

    def _read(self, status: int, after: str, body: bytes) -> dict[str, Any] | None:
        if status in self._refusals:
            reason = f"the forum answered {status}"
            self._refused(reason)
            raise NotTaken(reason, permanent=False, is_refusal=True)
        found = _object(body)
        if status == 404 and found is not None and found.get("errorMessage") == "INVALID_ID":
            return None
        if not 200 <= status < 300:
            raise NotTaken(f"the forum answered {status}", permanent=400 <= status < 500, after=_seconds(after))
        if found is None:
            raise NotTaken("the forum's answer is no JSON object", permanent=False)
        return found


def _bounded(answer: requests.Response) -> Any:
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
