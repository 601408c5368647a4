"""Staff sign in here, and every page of theirs says whom it is for."""

import functools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from flask import Blueprint, Flask, abort, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user, user_logged_out
from flask_security import Security, SQLAlchemySessionUserDatastore, login_user, user_authenticated
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.orm import scoped_session, sessionmaker

from plugin.service import Service
from plugin.store.audit import record
from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.staff import (
    Role,
    StaffRole,
    User,
    WebAuthn,
    communities_open_to,
    end_sessions,
    has_role,
    is_live_link,
    use_sign_in_link,
)
from webhooks.api.bearers import communities_of_bearer, let_program_in
from webhooks.api.errors import is_program
from webhooks.audience import ANY_STAFF, OPEN, Way, declared, open_to_all
from webhooks.wiring import NAME, service

View = TypeVar("View", bound=Callable[..., Any])

staff = Blueprint("staff", __name__, url_prefix="/staff")
csrf = CSRFProtect()


def init_staff(app: Flask) -> None:
    """Set up accounts, sessions and the pages to sign in with."""
    found: Service = app.extensions[NAME]
    app.config.update(SECURITY)
    app.config.update(
        SESSION_COOKIE_SECURE=found.public_url.startswith("https://"),
        REMEMBER_COOKIE_SECURE=found.public_url.startswith("https://"),
        SECURITY_TOTP_SECRETS={"1": found.vault.key_for("totp").hex()},
    )
    csrf.init_app(app)
    orm = scoped_session(sessionmaker(found.db))
    app.teardown_appcontext(lambda _: orm.remove())
    Security(app, SQLAlchemySessionUserDatastore(orm, User, Role, WebAuthn))
    # Nobody signs in by a token. Flask-Security would look for one in the body of every request, the
    # door's included, and parse it before we have verified it.
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    for endpoint, audience in AUDIENCES.items():
        declared(app.view_functions[endpoint], audience)
    user_logged_out.connect(_sign_out_everywhere, app)
    user_authenticated.connect(_record_password, app)
    app.register_error_handler(CSRFError, _stale_page)
    app.register_blueprint(staff)
    _limit_guessing(app)


def staff_only(role: StaffRole, way: Way = "session") -> Callable[[View], View]:
    """Let only staff with this role see a view; others are sent to sign in (302) or refused (403).

    A view that names a community in its address is 404 for those who have the role only elsewhere. What
    changes something needs the token of a form of ours. With `way` either, a program may ask too, by its token.
    """

    def guard(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            if way == "either" and is_program():
                let_program_in(role)
            elif not current_user.is_authenticated:
                return _to_sign_in()
            else:
                with reading(service().db) as conn:
                    if not has_role(conn, current_user.id, role):
                        abort(403)
            if "community" in kwargs and kwargs["community"] not in {found.slug for found in communities_for(role)}:
                abort(404)
            csrf.protect()
            answer: ResponseReturnValue = view(*args, **kwargs)
            return answer

        return declared(guarded, role, way)  # type: ignore[return-value]

    return guard


def any_staff(view: View) -> View:
    """Let whoever is signed in see a view, whatever they may do elsewhere."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if not current_user.is_authenticated:
            return _to_sign_in()
        csrf.protect()
        answer: ResponseReturnValue = view(*args, **kwargs)
        return answer

    return declared(guarded, ANY_STAFF)  # type: ignore[return-value]


def communities_for(role: StaffRole) -> list[Community]:
    """Return the communities in which the person at the screen, or the one whose token is sent, has this role."""
    if g.get("bearer"):
        return communities_of_bearer(role)
    if not current_user.is_authenticated:
        return []
    # A page asks several times, and its request is over before anybody has changed a role.
    known: dict[tuple[int, StaffRole], list[Community]] = g.setdefault("communities_for", {})
    asked = (current_user.id, role)
    if asked not in known:
        with reading(service().db) as conn:
            known[asked] = communities_open_to(conn, current_user.id, role)
    return list(known[asked])


@staff.get("/enter/<token>")
@open_to_all
def enter(token: str) -> ResponseReturnValue:
    """Show the one button that a sign-in link leads to: mail scanners follow links, and press nothing."""
    with reading(service().db) as conn:
        if not is_live_link(conn, token, datetime.now(UTC)):
            return _dead_link()
    return render_template("staff/enter.html", token=token)


@staff.post("/enter/<token>")
@open_to_all
def let_in(token: str) -> ResponseReturnValue:
    """Sign the link's owner in; it works once."""
    csrf.protect()
    now = datetime.now(UTC)
    with writing(service().db) as conn:
        user_id = use_sign_in_link(conn, token, now)
        if user_id:
            who = f"staff:{user_id}"
            record(conn, service().vault, by=who, act="signed in", subject=who, at=now)
    user = current_app.extensions["security"].datastore.find_user(id=user_id) if user_id else None
    if user is None or not user.active:
        return _dead_link()
    # Nothing that was put into the session before may live on in it.
    session.clear()
    login_user(user, remember=False, authn_via=["link"])
    return redirect("/")


@staff.get("/sign-out")
@any_staff
def leave() -> ResponseReturnValue:
    """Show the one button that signs out; a mere link could be followed for somebody."""
    return render_template("staff/leave.html")


@staff.app_context_processor
def _ways_out() -> dict[str, str]:
    # `sign_out_address` is in every page of somebody who is signed in, and in no other.
    return {"sign_out_address": url_for("staff.leave")} if current_user.is_authenticated else {}


def _to_sign_in() -> ResponseReturnValue:
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("security.login", next=back))


def _dead_link() -> ResponseReturnValue:
    return render_template("staff/dead_link.html"), 410


def _stale_page(_error: CSRFError) -> ResponseReturnValue:
    return render_template("staff/stale.html"), 400


def _sign_out_everywhere(_app: Flask, user: Any = None, **_more: Any) -> None:
    # The session lives in a signed cookie: a copy of it dies only with the identity that it names.
    if user is not None and user.is_authenticated:
        with writing(service().db) as conn:
            end_sessions(conn, user.id)


def _record_password(app: Flask, user: Any, authn_via: Iterable[str] | None = None, **_more: Any) -> None:
    # A link is recorded where it is used up, in the same transaction.
    if "password" not in (authn_via or ()):
        return
    # A password that was hashed anew is not yet written, and SQLite has one writer at a time.
    app.extensions["security"].datastore.commit()
    who = f"staff:{user.id}"
    with writing(service().db) as conn:
        record(conn, service().vault, by=who, act="signed in by password", subject=who, at=datetime.now(UTC))


def _limit_guessing(app: Flask) -> None:
    """Count tries to sign in by address and by account, whether they are right or wrong."""
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    views: dict[str, Any] = app.view_functions
    for endpoint, limit, key in LIMITS:
        views[endpoint] = limiter.limit(limit, key_func=key, methods=["POST"])(views[endpoint])


def _account_tried() -> str:
    return request.form.get("email", "").strip().casefold()[:255]


# Flask-Security's own views, and whom each is for.
AUDIENCES = {
    "security.login": OPEN,
    "security.logout": OPEN,
    "security.change_password": ANY_STAFF,
    "security.verify": ANY_STAFF,
}

LIMITS = (
    ("security.login", "20 per hour", get_remote_address),
    ("security.login", "10 per hour", _account_tried),
    ("security.verify", "10 per hour", get_remote_address),
    ("staff.let_in", "20 per hour", get_remote_address),
)

SECURITY = {
    "SECURITY_URL_PREFIX": "/staff",
    "SECURITY_LOGIN_URL": "/sign-in",
    "SECURITY_LOGOUT_URL": "/sign-out",
    "SECURITY_CHANGE_URL": "/password",
    "SECURITY_VERIFY_URL": "/verify",
    "SECURITY_POST_CHANGE_VIEW": "/",
    "SECURITY_CHANGEABLE": True,
    "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
    "SECURITY_LOGOUT_CSRF": True,
    "SECURITY_LOGOUT_USER_TEMPLATE": "staff/leave.html",
    # The same answer, after the same work, whether the account or only the password is unknown.
    "SECURITY_RETURN_GENERIC_RESPONSES": True,
    "SECURITY_SCRIPT_NONCE_KEY": "csp_nonce",
    # OWASP's floor for argon2id is 19 MiB, two rounds, one lane.
    "SECURITY_PASSWORD_HASH": "argon2",
    "SECURITY_PASSWORD_SCHEMES": ["argon2"],
    "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
    "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
        "argon2__type": "ID",
        "argon2__memory_cost": 19_456,
        "argon2__time_cost": 2,
        "argon2__parallelism": 1,
    },
    "SECURITY_PASSWORD_LENGTH_MIN": 12,
    "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
    "SESSION_COOKIE_HTTPONLY": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
    "REMEMBER_COOKIE_HTTPONLY": True,
    "REMEMBER_COOKIE_SAMESITE": "Lax",
    "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
    # Each view asks for itself, once it knows that there is a session to protect: guests have none.
    "WTF_CSRF_CHECK_DEFAULT": False,
    # A form may stay open for a working day; the token dies with the session.
    "WTF_CSRF_TIME_LIMIT": None,
    # Our pages send no referrer, so there is none to compare; the token and the Lax cookie do this work.
    "WTF_CSRF_SSL_STRICT": False,
}
