"""Read what a forum says in a form of its own: take what is named, let all else fall, and repeat no value in errors."""

import re
from datetime import UTC, datetime
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, pre_load

LONGEST_NAME = 200
LONGEST_TITLE = 1_000
LONGEST_TEXT = 200_000
LONGEST_URL = 2_000
MOST_GROUPS = 50

UNFIT = re.compile(r"[\x00\ud800-\udfff]")
PLAIN_URL = re.compile(
    r"https?://[^\x00-\x20\x7f-\xa0\u2028\u2029\\<>\"`@/]+(?:/[^\x00-\x20\x7f-\xa0\u2028\u2029\\<>\"`]*)?"
)


class Unreadable(ValueError):  # noqa: N818 - named for the fact
    """What the forum answered has not the form that we know. Holds the names of fields, never their values."""


class Lenient(Schema):
    """Takes the fields that are named and lets everything else fall: addresses, IPs, birthdays, warnings."""

    class Meta:
        """What is not on the list does not pass."""

        unknown = EXCLUDE

    @pre_load
    def leave_out_null(self, payload: Any, **_: Any) -> Any:
        """Read null as "not said"."""
        if not isinstance(payload, dict):
            return payload
        return {name: item for name, item in payload.items() if item is not None}


def loaded(schema: Schema, answer: Any) -> dict[str, Any]:
    """Return what a schema reads of an answer; raise Unreadable where it does not fit."""
    try:
        found: dict[str, Any] = schema.load(answer)
    except ValidationError as error:
        # The error holds what was sent, so it goes no further.
        names = error.messages if isinstance(error.messages, dict) else {}
        raise Unreadable("unlike what we know: " + ", ".join(sorted(map(str, names)))) from None
    return found


def fit(text: str) -> str:
    """Return text without what a database cannot hold: zero bytes and halves of characters."""
    return UNFIT.sub("\ufffd", text)


def plain_url(value: str | None) -> str | None:
    """Return an address that is safe to show as a link, or None."""
    return value if value and len(value) <= LONGEST_URL and PLAIN_URL.fullmatch(value) else None


def stamp(moment: datetime) -> str:
    """Return a moment as it stands in keys."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")
