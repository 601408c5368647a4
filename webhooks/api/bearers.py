"""Programs show whom they speak for by a token: it opens what its person may do now, and nothing else does."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask import Flask, g, request
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.datastructures import WWWAuthenticate

from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.staff import StaffRole, communities_open_to, has_role
from plugin.store.tokens import Bearer, bearer_of, is_use_due, note_use
from webhooks.api.errors import Refused, is_program
from webhooks.audience import declared
from webhooks.wiring import service

View = TypeVar("View", bound=Callable[..., Any])

# For each token, and for each address that comes without a good one.
PACE = "300 per minute"


def token_only(role: StaffRole, *, writes: bool = False) -> Callable[[View], View]:
    """Let only a token whose person has this role see a view: 401 without one, 403 where it may not. No cookie is read.

    `writes`: the token must be one that may write.
    """

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            let_program_in(role, writes=writes)
            answer: ResponseReturnValue = view(*args, **kwargs)
            return answer

        return declared(guarded, role, "token", writes=writes)  # type: ignore[return-value]

    return guard


def let_program_in(role: StaffRole | None, *, writes: bool = False) -> Bearer:
    """Return whom the request's token speaks for, or refuse it: 401 for no good token, 403 for too little."""
    found = speaks_for()
    if writes and not found.may_write:
        raise Refused(403, "This token may only read.")
    with reading(service().db) as conn:
        if role and not has_role(conn, found.user_id, role):
            raise Refused(403, f"Whose token this is has no role as {role}.")
    return found


def speaks_for() -> Bearer:
    """Return whom the request's token speaks for; refuse it where there is no good one (401)."""
    found = bearer()
    if found is None:
        raise Refused(
            401,
            "Send a token that is live as Authorization: Bearer mv_…",
            www_authenticate=WWWAuthenticate("bearer", {"realm": "Many Voices"}),
        )
    return found


def bearer() -> Bearer | None:
    """Return whom the request's token speaks for, or None; it is looked up once a request."""
    if "bearer" not in g:
        g.bearer = _looked_up()
    found: Bearer | None = g.bearer
    return found


def communities_of_bearer(role: StaffRole) -> list[Community]:
    """Return the communities in which the person of the token has this role now."""
    found = bearer()
    if found is None:
        return []
    with reading(service().db) as conn:
        return communities_open_to(conn, found.user_id, role)


def limit_programs(app: Flask) -> None:
    """Count what programs ask, each token by itself, on every route that takes one."""
    limiter = Limiter(_counted_by, app=app, storage_uri="memory://", headers_enabled=True)
    views: dict[str, Any] = app.view_functions
    for endpoint, view in list(views.items()):
        if getattr(view, "way", "session") != "session":
            views[endpoint] = limiter.limit(PACE, exempt_when=_is_somebody_at_a_screen)(view)


def _looked_up() -> Bearer | None:
    if not is_program():
        return None
    _, _, token = request.headers["Authorization"].partition(" ")
    now = datetime.now(UTC)
    with reading(service().db) as conn:
        found = bearer_of(conn, token.strip(), now)
        is_due = found is not None and is_use_due(conn, found.token_id, now)
    if found and is_due:
        with writing(service().db) as conn:
            note_use(conn, found.token_id, now)
    return found


def _counted_by() -> str:
    found = bearer()
    return f"token:{found.token_id}" if found else get_remote_address()


def _is_somebody_at_a_screen() -> bool:
    return not is_program() and not request.path.startswith("/api/")
