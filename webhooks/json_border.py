"""Turn bytes into one strict JSON object, or say in a sentence which rule they break; never what they say."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple

DEEPEST = 32
MOST_KEYS = 2_000
SMALLEST, LARGEST = -(2**63), 2**63 - 1  # what a database column holds

# Every alternative ends in something that is always there, so no start is scanned twice: linear on hostile input.
STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
NOT_BRACKETS = re.compile(r"[^\[\]{}]++")
STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
# Strict JSON refuses these characters as they are; only an escape can bring them in.
RISKY_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
SURROGATE = re.compile("[\ud800-\udfff]")
WHITE = re.compile(r"[ \t\n\r]*+")
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")

TOO_LARGE_A_NUMBER = "an integer does not fit in 63 bits"
NOT_A_NUMBER = "a number is not finite"
TWICE = "an object holds the same name twice"
HALF_A_CHARACTER = "a string holds half of a surrogate pair"
NUL = "a string holds a NUL character"


class BadJson(ValueError):  # noqa: N818 - named for the fact
    """The bytes are not one strict JSON object.

    `reason` is a sentence that names the rule; `field` is the path of the place where that is known.
    """

    status = 400

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class _Wrong(NamedTuple):
    """Stands in the place of a value that breaks a rule, until the walk tells where that place is."""

    reason: str
    path: tuple[str | int, ...] = ()


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object that `body` spells; raise BadJson where a rule of the border is broken.

    The rules (docs/standard-webhooks.md): UTF-8 without a byte order mark, one object and nothing after it, at most
    32 levels and 2,000 names, no name twice, integers within 63 bits, finite numbers, whole characters, no NUL.
    """
    text = _text(body)
    _measure(text)
    wrongs: list[_Wrong] = []
    payload = _parsed(text, wrongs)
    if wrongs or RISKY_ESCAPE.search(text):
        found = _first_wrong(payload)
        if found:
            raise BadJson(found.reason, _field(found.path))
    if not isinstance(payload, dict):
        raise BadJson("the body is not a JSON object")
    return payload


def _text(body: bytes) -> str:
    if not body.strip():
        raise BadJson("the body is empty")
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\x00" in body:
        # A zero byte is never JSON in UTF-8; it is every second byte of English in UTF-16.
        raise BadJson("the body is not UTF-8 without a byte order mark")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        # The error quotes the bytes, so it goes no further.
        raise BadJson("the body is not UTF-8 without a byte order mark") from None


def _measure(text: str) -> None:
    """Refuse what is too deep or has too many names before the parser meets it."""
    bare = STRINGS.sub("", text)
    if bare.count(":") > MOST_KEYS:
        raise BadJson("the body holds more than 2,000 names")
    brackets = NOT_BRACKETS.sub("", bare)
    if max(accumulate(map(STEP.__getitem__, brackets.encode("ascii"))), default=0) > DEEPEST:
        raise BadJson("the body is nested more than 32 levels deep")


def _parsed(text: str, wrongs: list[_Wrong]) -> Any:
    """Return the value, with a `_Wrong` in the place of each one that breaks a rule."""

    def wrong(reason: str, *path: str) -> _Wrong:
        wrongs.append(_Wrong(reason, path))
        return wrongs[-1]

    def integer(digits: str) -> int | _Wrong:
        # Thousands of digits are refused by their length: turning them into a number is the attack.
        if len(digits) > 20 or not SMALLEST <= (number := int(digits)) <= LARGEST:
            return wrong(TOO_LARGE_A_NUMBER)
        return number

    def decimal(digits: str) -> float | _Wrong:
        number = float(digits)
        return number if math.isfinite(number) else wrong(NOT_A_NUMBER)

    def whole(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Wrong:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        counts = Counter(name for name, _ in pairs)
        return wrong(TWICE, next(name for name, count in counts.items() if count > 1))

    decoder = json.JSONDecoder(
        object_pairs_hook=whole,
        parse_int=integer,
        parse_float=decimal,
        parse_constant=lambda _: wrong(NOT_A_NUMBER),
    )
    try:
        payload, end = decoder.raw_decode(text, _after_white(text, 0))
    except json.JSONDecodeError:
        # The error carries the whole document, so it goes no further.
        raise BadJson("the body is not JSON") from None
    if _after_white(text, end) != len(text):
        raise BadJson("something follows the JSON value")
    return payload


def _after_white(text: str, start: int) -> int:
    white = WHITE.match(text, start)
    return white.end() if white else start


def _first_wrong(value: Any) -> _Wrong | None:
    """Return the first value that breaks a rule, with its path. No deeper than `_measure` let through."""
    if isinstance(value, str):
        if SURROGATE.search(value):
            return _Wrong(HALF_A_CHARACTER)
        return _Wrong(NUL) if "\x00" in value else None
    if isinstance(value, dict):
        if any(map(_first_wrong, value)):
            return next(filter(None, map(_first_wrong, value)))
        steps: Iterable[tuple[str | int, Any]] = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    else:
        return value if isinstance(value, _Wrong) else None
    for step, item in steps:
        # Most of a hostile list is numbers: they are passed over without a call.
        if item and not isinstance(item, int | float) and (found := _first_wrong(item)):
            return _Wrong(found.reason, (step, *found.path))
    return None


def _field(path: tuple[str | int, ...]) -> str | None:
    """Return the path with dots; a name that could be somebody's words is not repeated."""
    names = [str(step) if isinstance(step, int) or PLAIN_NAME.fullmatch(step) else "?" for step in path]
    return ".".join(names) or None
