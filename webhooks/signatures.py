"""Decide who signed the bytes that reached the door: HMAC profiles as data, one verifier for all of them."""

import binascii
import hmac
import re
import secrets as randomness
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
Part = Literal["id", "timestamp", "body"]
Refusal = Literal[
    "header missing",
    "header doubled",
    "header malformed",
    "too many signatures",
    "time too far away",
    "no key fits",
]

MOST_SIGNATURES = 10
LONGEST_HEADER = 2_048
SECRET_PREFIX = "whsec_"  # noqa: S105 - the public prefix of every secret, not a secret
SECRET_SIZES = range(24, 65)  # bytes, as the Standard Webhooks specification asks

TIMESTAMP = re.compile(r"[0-9]{1,12}")
# A full stop would let `id.timestamp.body` be cut in two ways; a comma is how a server joins a header
# that was sent twice; a slash would not fit the address of the look-up; and the id is a database key.
DELIVERY_ID = re.compile(r"[A-Za-z0-9_:=+@~-]{1,128}")

# Takes the place of a missing key, so that an unknown community costs the same time as a known one.
NOBODYS_KEY = bytes(32)


@dataclass(frozen=True, slots=True)
class Coding:
    """How a digest is written: only the one canonical spelling of 32 bytes fits `pattern`."""

    pattern: re.Pattern[str]
    encode: Callable[[bytes], bytes]
    decode: Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Profile:
    """How one platform signs: `header` holds `prefix` + digest, the digest is taken over `signed` joined by dots.

    `separator` is what stands between several signatures, or None where there is only ever one. `tolerance` is in
    seconds, both ways. Without `timestamp_header` nothing tells a replay: the delivery id has to.
    """

    header: str
    coding: Coding
    prefix: str
    separator: str | None
    signed: tuple[Part, ...]
    id_header: str
    timestamp_header: str | None = None
    tolerance: int = 300
    algorithm: str = "sha256"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier found: the delivery id and the position of the key that fits, or why not.

    `delivery_id` is None in a refusal, and where a profile that does not sign it brought none that we could keep.
    """

    refusal: Refusal | None
    delivery_id: str | None = None
    key: int | None = None

    @property
    def ok(self) -> bool:
        """Return whether one of the keys signed these bytes."""
        return self.refusal is None


class BadSecret(ValueError):  # noqa: N818 - named for the fact
    """A secret is not `whsec_` and base64 of 24 to 64 bytes. The message never holds it."""


def verified(profile: Profile, headers: Headers, body: bytes, secrets: Sequence[bytes], now: float) -> Verdict:
    """Return whether one of `secrets` signed `body` in the form of `profile`; never raises.

    Args:
        profile: a row of PROFILES.
        headers: as they came in, in any case; pairs where a name may come twice.
        body: the bytes as they came in, before any parsing.
        secrets: the live keys of the community; none for a community that we do not know.
        now: seconds since 1970.
    """
    try:
        claim = _claim(profile, _named(headers), now)
    except _Refused as refused:
        return Verdict(refused.refusal)
    message = _signed_bytes(profile, claim.delivery_id, claim.timestamp, body)
    # An empty key would let anybody sign, so it counts as none.
    keys = [secret or NOBODYS_KEY for secret in secrets] or [NOBODYS_KEY]
    key = _key_that_fits(profile, message, claim.offered, keys)
    if key is None or not secrets or not secrets[key]:
        return Verdict("no key fits")
    return Verdict(None, claim.delivery_id or None, key)


def signature_for(profile: Profile, secret: bytes, delivery_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the profile's signature header; `timestamp` is in seconds since 1970."""
    message = _signed_bytes(profile, delivery_id, str(timestamp), body)
    written = profile.coding.encode(hmac.digest(secret, message, profile.algorithm))
    return profile.prefix + written.decode("ascii")


def headers_for(profile: Profile, secret: bytes, delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign `body`, as our own sender and the practice forum send them."""
    headers = {profile.id_header: delivery_id}
    if profile.timestamp_header:
        headers[profile.timestamp_header] = str(timestamp)
    headers[profile.header] = signature_for(profile, secret, delivery_id, timestamp, body)
    return headers


def secret_bytes(secret: str) -> bytes:
    """Return the key that a `whsec_` secret stands for; raise BadSecret where it stands for none."""
    if not secret.startswith(SECRET_PREFIX):
        raise BadSecret("a secret begins with whsec_")
    try:
        key = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise BadSecret("what follows whsec_ is not base64") from None
    if len(key) not in SECRET_SIZES:
        raise BadSecret("a secret holds 24 to 64 bytes")
    return key


def as_written(key: bytes) -> bytes:
    """Return the key of a platform that signs with the letters of a secret and does not read them as base64."""
    return (SECRET_PREFIX + b64encode(key).decode("ascii")).encode("ascii")


def new_secret() -> str:
    """Return a fresh secret in `whsec_` form: 32 random bytes."""
    return SECRET_PREFIX + b64encode(randomness.token_bytes(32)).decode("ascii")


def _named(headers: Headers) -> dict[str, list[str]]:
    """Return the values of each header, in order, under its lower-case name."""
    named: dict[str, list[str]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        named.setdefault(name.lower(), []).append(value)
    return named


class _Refused(Exception):  # noqa: N818 - named for the fact
    """The headers claim nothing that could be checked."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


class _Claim(NamedTuple):
    """What the headers say, well-formed, before anybody knows whether it is true."""

    delivery_id: str
    timestamp: str
    offered: list[bytes]


def _claim(profile: Profile, named: dict[str, list[str]], now: float) -> _Claim:
    """Return what the headers claim, or raise _Refused."""
    delivery_id = _only(named, profile.id_header) if "id" in profile.signed else _first(named, profile.id_header)
    if not DELIVERY_ID.fullmatch(delivery_id):
        if "id" in profile.signed:
            raise _Refused("header malformed")
        delivery_id = ""
    timestamp = ""
    if profile.timestamp_header:
        timestamp = _only(named, profile.timestamp_header)
        if not TIMESTAMP.fullmatch(timestamp):
            raise _Refused("header malformed")
        if abs(now - int(timestamp)) > profile.tolerance:
            raise _Refused("time too far away")
    return _Claim(delivery_id, timestamp, _offered(profile, _only(named, profile.header)))


def _only(named: dict[str, list[str]], name: str) -> str:
    """Return the one value of a header. Of two, we could not say which one the sender meant."""
    values = named.get(name.lower(), [])
    if len(values) != 1:
        raise _Refused("header doubled" if values else "header missing")
    return values[0]


def _first(named: dict[str, list[str]], name: str) -> str:
    return named.get(name.lower(), [""])[0]


def _offered(profile: Profile, header: str) -> list[bytes]:
    """Return the digests that a signature header offers."""
    # Two spaces between signatures are a slip of the pen, not a forgery.
    written = [part for part in header.split(profile.separator) if part] if profile.separator else [header]
    if len(header) > LONGEST_HEADER or len(written) > MOST_SIGNATURES:
        raise _Refused("too many signatures")
    # A version that we do not know (v1a, v2) stands beside the one we know during a change: pass it over.
    spelled = [part.removeprefix(profile.prefix) for part in written if part.startswith(profile.prefix)]
    offered = [profile.coding.decode(part) for part in spelled if profile.coding.pattern.fullmatch(part)]
    if not offered:
        raise _Refused("header malformed")
    return offered


def _signed_bytes(profile: Profile, delivery_id: str, timestamp: str, body: bytes) -> bytes:
    parts = {"id": delivery_id.encode("ascii"), "timestamp": timestamp.encode("ascii"), "body": body}
    return b".".join(parts[name] for name in profile.signed)


def _key_that_fits(profile: Profile, message: bytes, offered: list[bytes], secrets: list[bytes]) -> int | None:
    """Return the position of the first key that made one of the digests; tries all, whatever it finds."""
    fits = None
    for position, secret in enumerate(secrets):
        expected = hmac.digest(secret, message, profile.algorithm)
        for candidate in offered:
            if hmac.compare_digest(expected, candidate) and fits is None:
                fits = position
    return fits


BASE64 = Coding(
    # 32 bytes leave two spare bits in the last character but one: zero, or the text has a second spelling.
    pattern=re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
    encode=b64encode,
    decode=b64decode,
)
HEX = Coding(pattern=re.compile(r"[0-9a-f]{64}"), encode=binascii.hexlify, decode=bytes.fromhex)

PROFILES = {
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    "standard": Profile(
        header="webhook-signature",
        coding=BASE64,
        prefix="v1,",
        separator=" ",
        signed=("id", "timestamp", "body"),
        id_header="webhook-id",
        timestamp_header="webhook-timestamp",
    ),
    # Signs the body alone; a redelivery repeats the event id, a retry does not.
    "discourse": Profile(
        header="X-Discourse-Event-Signature",
        coding=HEX,
        prefix="sha256=",
        separator=None,
        signed=("body",),
        id_header="X-Discourse-Event-Id",
    ),
}
