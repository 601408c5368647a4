"""Sign what leaves the forum and check what comes in, in the form of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence

from werkzeug.datastructures import Headers

PREFIX = "whsec_"
SIZES = range(24, 65)
TOLERANCE = 300
MOST_SIGNATURES = 10
LONGEST_HEADER = 2_048
TIMESTAMP = re.compile(r"[0-9]{1,12}")
DELIVERY = re.compile(r"[A-Za-z0-9_:=+@~-]{1,128}")
# 32 bytes leave two spare bits in the last character but one: zero, or the text has a second spelling.
DIGEST = re.compile(r"v1,([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)")


class BadSecret(ValueError):  # noqa: N818 - named for the fact
    """A secret is not `whsec_` and base64 of 24 to 64 bytes. The message never holds it."""


def secret_bytes(secret: str) -> bytes:
    """Return the key that a `whsec_` secret stands for; raise BadSecret where it stands for none."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except ValueError:
        key = b""
    if len(key) not in SIZES:
        raise BadSecret("not a secret of Many Voices")
    return key


def headers_for(key: bytes, delivery: str, now: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign `body`; `now` is in seconds since 1970."""
    return {
        "content-type": "application/json",
        "webhook-id": delivery,
        "webhook-timestamp": str(now),
        "webhook-signature": "v1," + b64encode(_digest(key, delivery, str(now), body)).decode("ascii"),
    }


def is_signed(headers: Headers, body: bytes, keys: Sequence[bytes], now: float) -> bool:
    """Return whether one of `keys` signed `body` within the last five minutes; never raises."""
    delivery, timestamp, signatures = (
        _only(headers, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not DELIVERY.fullmatch(delivery) or not TIMESTAMP.fullmatch(timestamp) or len(signatures) > LONGEST_HEADER:
        return False
    written = [match[1] for match in map(DIGEST.fullmatch, signatures.split(" ")) if match]
    if abs(now - int(timestamp)) > TOLERANCE or len(written) > MOST_SIGNATURES:
        return False
    offered = [b64decode(one) for one in written]
    # All keys are tried, whatever was found: the time that it takes tells nothing.
    fits = [
        hmac.compare_digest(_digest(key, delivery, timestamp, body), digest)
        for key in keys
        if key
        for digest in offered
    ]
    return any(fits)


def _only(headers: Headers, name: str) -> str:
    """Return the one value of a header; of two, nobody could say which one was meant."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else ""


def _digest(key: bytes, delivery: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, f"{delivery}.{timestamp}.".encode("ascii") + body, "sha256")
