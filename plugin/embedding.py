"""Decide which sites may show what is ours, and where on their pages it stands."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from plugin.model import Discussion
from plugin.prompting import Host, origin_of, return_address

MOST_ORIGINS = 10
LONGEST_PLACE = 200
# Stands in the address of a forum's composer for the id of a discussion.
DISCUSSION = "{discussion}"


def origins_of(community: Host) -> tuple[str, ...]:
    """Return the origins of a community as a browser spells them, its home first."""
    return tuple(dict.fromkeys(origin_of(address) for address in (community.base_url, *community.origins)))


def origin_mistake(origin: str) -> str | None:
    """Return what is wrong with a further origin in one sentence, or None where it can be one."""
    try:
        parts = urlsplit(origin)
        is_bare = origin_of(origin) == origin.lower() and not parts.username
    except (ValueError, KeyError):
        is_bare = False
    # A policy is one line of words: what could end a word there is never an origin.
    if not is_bare or not parts.hostname or any(one in origin for one in "*;,' \t\r\n"):
        return "not an origin such as https://blog.example.org (no path, no usual port)"
    return None


def place_mistake(name: str, value: str) -> str | None:
    """Return what is wrong with where something stands on a community's pages, or None."""
    if name not in PLACES:
        return f"one of {', '.join(PLACES)}"
    if len(value) > LONGEST_PLACE or not value.isprintable():
        return f"at most {LONGEST_PLACE} characters on one line"
    return None


def compose_mistake(url: str, base_url: str) -> str | None:
    """Return what is wrong with where a forum takes kept words, or None: they go to the forum's own site alone."""
    if url.count(DISCUSSION) != 1 or return_address(url.replace(DISCUSSION, "1"), base_url) == base_url:
        return f"not an address on {origin_of(base_url)} with {DISCUSSION} in it"
    return None


def compose_address(compose_url: str | None, discussion: Discussion | None) -> str | None:
    """Return where the forum takes words for its reply form in a discussion; None where it cannot, or not there."""
    if compose_url is None or discussion is None or discussion.kind == "direct":
        return None
    return compose_url.replace(DISCUSSION, quote(discussion.native_id, safe=""))


# What /embed.js asks of a page, each a CSS selector but for `id` and `before`; docs/embed.md says the same.
PLACES: Mapping[str, str] = {
    "comment": "what holds one comment",
    "id": "the attribute of it that holds the comment's id",
    "before": "what stands before the id in that attribute",
    "tag": "what, inside a comment, its tag stands after",
    "panel": "what the invitation stands after",
    "member": "what is there only for somebody who is signed in: then there is no invitation",
    "page": "the element whose href is the address of the page",
}
