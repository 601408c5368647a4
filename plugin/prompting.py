"""Decide how a guest is invited, and where they come back to after signing up."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from plugin.crediting import somebody
from plugin.model import Discussion

LONGEST_ADDRESS = 2_048
# White space, control characters and backslashes: browsers drop or bend them, so two readers would not agree.
BENT = re.compile(r"[\s\\\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e]")
# A forum that cuts the origin off would be left with `//elsewhere`, which is another site.
DOUBLE_SLASH = re.compile(r"[/\\]{2}")
DEFAULT_PORTS = {"http": 80, "https": 443}
# What our own form calls it; docs/standard-webhooks.md tells a forum to read it.
RETURN_FIELD = "return_to"


class Host(Protocol):
    """What an invitation needs to know of a community."""

    @property
    def name(self) -> str:
        """What the community calls itself."""

    @property
    def base_url(self) -> str:
        """Its home."""

    @property
    def origins(self) -> Sequence[str]:
        """Further sites of its own."""

    @property
    def sign_up_url(self) -> str:
        """Where somebody makes an account."""

    @property
    def sign_in_url(self) -> str:
        """Where a member signs in."""

    @property
    def editorial_address(self) -> str:
        """Where the editors read what somebody sends without an account."""

    @property
    def question(self) -> str | None:
        """How its panel asks, in its own words with {title} and {roles}; None for ours."""

    @property
    def expected_types(self) -> Sequence[str]:
        """Whom its discussions want to hear from."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The invitation that a guest sees under a page; `discussion_title` is None for a page we have not heard of.

    `roles` are whom the page asks, as in "a carer"; `question` is how the community asks in its own words, None where
    it leaves that to us.
    """

    community_name: str
    discussion_title: str | None
    roles: tuple[str, ...]
    return_to: str
    sign_up_url: str
    sign_in_url: str
    editorial_address: str
    question: str | None = None


def prompt_for(community: Host, discussion: Discussion | None, url: str = "") -> Prompt:
    """Return the invitation to join a discussion.

    Args:
        community: whose guest it is.
        discussion: the page, where we know it.
        url: what the page says its address is: used where it lies on the community's own site.
    """
    return_to = return_address(discussion.url if discussion else url, community.base_url, community.origins)
    # A guest is not told what a page is called that only members may open.
    is_open = discussion is not None and discussion.audience == "public"
    title = discussion.title if discussion and is_open else None
    roles = tuple(somebody(type_) for type_ in community.expected_types)
    return Prompt(
        community_name=community.name,
        discussion_title=title,
        roles=roles,
        return_to=return_to,
        sign_up_url=with_return(community.sign_up_url, return_to),
        sign_in_url=with_return(community.sign_in_url, return_to),
        editorial_address=community.editorial_address,
        question=_in_their_words(community.question, title, roles),
    )


def question_mistake(question: str) -> str | None:
    """Return what is wrong with a community's own question in one sentence, or None where it can be asked."""
    try:
        question.format(title="", roles="")
    except (KeyError, IndexError, ValueError):
        return "only {title} and {roles} may stand in braces"
    return None


def is_theirs(url: str, community: Host) -> bool:
    """Return whether an address lies on a community's own sites."""
    home = community.base_url
    return url == home or return_address(url, home, community.origins) != home


def return_address(url: str, base_url: str, origins: Sequence[str] = ()) -> str:
    """Return `url` where it lies on the exact origin of `base_url` or on one of `origins`, otherwise `base_url`.

    Nobody is sent elsewhere.
    """
    theirs = (_on_its_site(url, home) for home in (base_url, *origins))
    return next((address for address in theirs if address), base_url)


def _on_its_site(url: str, base_url: str) -> str | None:
    if len(url) > LONGEST_ADDRESS or BENT.search(url):
        return None
    try:
        there, home = urlsplit(url), urlsplit(base_url)
        if _origin(there) != _origin(home) or "@" in there.netloc:
            return None
    except ValueError:
        return None
    path = _unquoted(there.path)
    if BENT.search(path.replace(" ", "")) or DOUBLE_SLASH.search(path) or "/../" in f"{path}/":
        return None
    # The community's own spelling of its origin stands in what we hand on.
    return urlunsplit((home.scheme, home.netloc, there.path or "/", there.query, there.fragment))


def origin_of(url: str) -> str:
    """Return the scheme, host and port of a web address, as a browser compares them."""
    scheme, host, port = _origin(urlsplit(url))
    host = f"[{host}]" if host and ":" in host else host
    return f"{scheme}://{host}" + (f":{port}" if port != DEFAULT_PORTS[scheme] else "")


def with_return(page: str, return_to: str) -> str:
    """Return the address of a sign-up or sign-in page that also says where to come back to."""
    parts = urlsplit(page)
    asked = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != RETURN_FIELD]
    return urlunsplit(parts._replace(query=urlencode([*asked, (RETURN_FIELD, return_to)])))


def _in_their_words(question: str | None, title: str | None, roles: Sequence[str]) -> str | None:
    if not question:
        return None
    *first, last = roles or ("somebody involved",)
    return question.format(title=title or "this page", roles=f"{', '.join(first)} or {last}" if first else last)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("not a web address")
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]


def _unquoted(path: str) -> str:
    """Return the path as the most eager reader would decode it."""
    for _ in range(3):
        path = unquote(path)
    return path
