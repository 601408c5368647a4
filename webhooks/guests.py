"""How every page for guests behaves: nothing is kept on the device, and no words are lost on the way."""

import contextlib
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException

from plugin.consent import Choice, Credit, CreditKind, Purpose
from plugin.prompting import LONGEST_ADDRESS, Prompt, is_theirs, prompt_for
from plugin.stakeholders import all_types, label_of, main_types, other_types
from plugin.store.communities import Community, community_by_slug
from plugin.store.discussions import StoredDiscussion, discussion_at
from plugin.store.opening import reading, writing
from plugin.store.prompts import Step, count_prompt
from plugin.telling import has_inbox
from plugin.wording import one_line
from webhooks.knowing import refuse_other_sites
from webhooks.wiring import service

LONGEST_WORDS = 20_000
LONGEST_NAME = 60
# No person sees this field, and no browser fills it in.
TRAP = "second_subject"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Whose guest somebody is, the page they come from where we know it, and how they are invited.

    `has_inbox`: members can be sent the link to their own page.
    """

    host: Community
    place: StoredDiscussion | None
    prompt: Prompt
    url: str
    has_inbox: bool

    @property
    def place_id(self) -> int | None:
        """Return the id of the page, or None for one that we have not heard of."""
        return self.place.id if self.place else None

    @property
    def title(self) -> str | None:
        """Return what the page is called, as far as a guest may know."""
        return self.prompt.discussion_title


@dataclass(frozen=True, slots=True)
class Written:
    """What a guest's form carries from page to page: nothing of it is stored before they say so.

    `text` is exactly as it came. `way` is which of the two ways they came for. `is_from_program`: a field is filled in
    that no person sees.
    """

    text: str
    types: tuple[str, ...]
    purposes: tuple[Purpose, ...]
    credit: Credit
    way: str
    takes_out: bool
    is_from_program: bool

    @property
    def choice(self) -> Choice:
        """Return what was chosen for the words."""
        return Choice(self.types, self.purposes, self.credit)

    @property
    def length(self) -> int:
        """Return how many characters there are, each line end counted as one, as the browser counts."""
        return len(self.text) - self.text.count("\r\n")


def guests(name: str, import_name: str) -> Blueprint:
    """Return a blueprint for pages of guests, which behave as this module says."""
    blueprint = Blueprint(name, import_name, url_prefix="/members")
    blueprint.before_request(_refuse_forms_from_elsewhere)
    blueprint.after_request(keep_nothing)
    for status in REFUSALS:
        blueprint.register_error_handler(status, give_back)
    return blueprint


def invitation(slug: str, url: str | None = None) -> Invitation:
    """Return the invitation for the page that the address names, or abort with 404."""
    url = address_asked() if url is None else url
    with reading(service().db) as conn:
        host = community_by_slug(conn, slug)
        if host is None:
            abort(404)
        place = discussion_at(conn, host.id, url)
        is_sent = has_inbox(conn, host)
    # Another site's address goes no further, not even into an address of ours.
    prompt = prompt_for(host, place.discussion if place else None, url)
    return Invitation(host, place, prompt, url if is_theirs(url, host) else "", is_sent)


def address_asked() -> str:
    """Return the address of the page that a guest comes from, as the query says; empty where it is too long."""
    url = request.args.get("url", "")
    return url if len(url) <= LONGEST_ADDRESS else ""


def written() -> Written:
    """Return what the form carries."""
    form = request.form
    known = set(all_types())
    credit = form.get("credit", "role")
    kind = cast(CreditKind, credit if credit in ("chosen", "role", "none") else "role")
    asked: tuple[Purpose, ...] = ("forward",)
    takes_out = form.get("details") != "leave"
    purposes = tuple(purpose for purpose in asked if form.get(purpose) == "yes")
    return Written(
        text=form.get("text", ""),
        types=tuple(dict.fromkeys(type_ for type_ in form.getlist("type") if type_ in known)),
        purposes=purposes if takes_out else (*purposes, "details"),
        credit=Credit(kind, one_line(form.get("name", ""))[:LONGEST_NAME] if kind == "chosen" else None),
        way="direct" if form.get("way") == "direct" else "keep",
        takes_out=takes_out,
        is_from_program=bool(form.get(TRAP)),
    )


def roles_to_choose() -> dict[str, dict[str, str]]:
    """Return the stakeholder types with their labels, the main ones apart from the others."""
    return {
        "main": {type_: label_of(type_) for type_ in main_types()},
        "others": {type_: label_of(type_) for type_ in other_types()},
    }


def keeps_words_itself(host: Community) -> bool:
    """Return whether the forum lets a guest write first and sign up after, so that ours would be one box too many.

    Invision calls it "post before registering". Whether it is switched on becomes a setting of the community.
    """
    return host.platform in KEEP_WORDS_THEMSELVES


def count(step: Step, guest: Invitation) -> None:
    """Add one to a figure; nobody is counted with it."""
    if request.method == "HEAD":
        return
    # A figure is worth less than the page: a full or busy database must not turn a guest away.
    with contextlib.suppress(sa.exc.OperationalError), writing(service().db) as conn:
        count_prompt(conn, guest.host.id, step, guest.place_id)


def keep_nothing(response: Response) -> Response:
    """Let no cache keep a page of a guest, and no other site learn its address."""
    response.headers["Cache-Control"] = "no-store"
    # Our own forms must say where they come from; nobody else is told anything.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def give_back(error: HTTPException) -> ResponseReturnValue:
    """Refuse a form, and show the words that came with it, so that nothing is lost."""
    answer = Response(status=error.code)
    answer.headers.extend(pair for pair in error.get_headers(request.environ) if pair[0].lower() != "content-type")
    answer.content_type = "text/html; charset=utf-8"
    slug = (request.view_args or {}).get("community", "")
    with reading(service().db) as conn:
        host = community_by_slug(conn, slug)
    answer.data = render_template(
        "members/refused.html", reason=REFUSALS[error.code or 403], host=host, url=address_asked(), form=written()
    ).encode()
    return answer


def limit_guests(app: Flask) -> None:
    """Count what one address sends, so that nobody floods the editors or mails strangers through us."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    views: dict[str, Any] = app.view_functions
    for endpoint, limit, key in LIMITS:
        views[endpoint] = limiter.limit(limit, key_func=key, methods=["POST"])(views[endpoint])


def _refuse_forms_from_elsewhere() -> None:
    if request.method == "POST":
        refuse_other_sites()


def _address_and_link() -> str:
    return f"{get_remote_address()} {(request.view_args or {}).get('key')}"


KEEP_WORDS_THEMSELVES = frozenset(("invision",))

REFUSALS = {403: "elsewhere", 429: "often"}

# Generous for somebody who writes, and for a ward that shares an address; narrow for what reaches other people.
LIMITS = (
    ("writing.write", "120 per hour", get_remote_address),
    ("writing.review", "60 per hour", get_remote_address),
    ("writing.keep", "20 per hour", get_remote_address),
    ("writing.send", "10 per hour", get_remote_address),
    ("kept.show", "60 per hour", get_remote_address),
    ("kept.download", "60 per hour", get_remote_address),
    ("kept.mail", "3 per hour", _address_and_link),
    ("kept.mail", "10 per hour", get_remote_address),
    ("mine.send_link", "5 per hour", get_remote_address),
)
