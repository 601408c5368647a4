"""How Invision Community calls what it sends. It signs nothing, so a delivery is a hint at what to read."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plugin.forums.lenient import Unreadable
from plugin.forums.polled import Hint

if TYPE_CHECKING:
    from webhooks.forums import Delivery

HEADER = "Webhook-Event"
MOST_DIGITS = 18

# Consumers differ in the case of the names, so they are compared without it. A class name, then what happened to it;
# `_delete` and the second `_create` after an approval are read like any other: what holds is what REST says.
COMMENT = re.compile(
    r"(?:cmsrecordscomment(?P<database>[1-9][0-9]{0,5})|(?P<area>blogentrycomment|forumstopicpost))_(?:create|delete)"
)
AREAS = {"blogentrycomment": "blog", "forumstopicpost": "forums"}
MEMBER = {
    "member_create": "joined",
    "member_registration_complete": "completed",
    "member_edited": "changed",
    "member_delete": "removed",
    "member_merged": "merged",
}


def meaning(delivery: "Delivery", payload: Mapping[str, Any]) -> list[Hint]:
    """Return what a delivery asks us to read."""
    hint = hint_from(delivery.headers.get(HEADER, ""), payload)
    return [hint] if hint else []


def hint_from(name: str, payload: Mapping[str, Any]) -> Hint | None:
    """Return what a delivery of this name is about, or None where it is about nothing that we read.

    Raises:
        Unreadable: where it holds no id.
    """
    name = name.strip().lower()
    if found := COMMENT.fullmatch(name):
        kind = f"cms{found['database']}" if found["database"] else AREAS[found["area"]]
        return Hint(kind, _number(payload, "id"))
    kind = MEMBER.get(name, "")
    if kind == "merged":
        return Hint(kind, f"{_number(payload.get('kept'), 'id')}-{_number(payload.get('removed'), 'id')}")
    if kind:
        # An edit has the member beside what changed, and the others are the member.
        about = payload.get("member")
        return Hint(kind, _number(about if isinstance(about, dict) else payload, "id"))
    return None


def _number(part: Any, name: str) -> str:
    value = part.get(name) if isinstance(part, dict) else None
    digits = str(value)
    is_number = not isinstance(value, bool) and isinstance(value, int | str) and re.fullmatch(r"[0-9]+", digits)
    if not is_number or len(digits) > MOST_DIGITS or int(digits) == 0:
        raise Unreadable(f"{name} is no number of its own")
    return str(int(digits))
