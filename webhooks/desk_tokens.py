"""Where each of the staff makes and removes the tokens of their own programs."""

from datetime import UTC, datetime

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from plugin.store.audit import record
from plugin.store.opening import reading, writing
from plugin.store.tokens import LONGEST_NAME, MOST_DAYS, new_token, remove_token, tokens_of
from plugin.wording import one_line
from webhooks.staff import any_staff, communities_for
from webhooks.wiring import service

# Nobody has use for more, and a form that is pressed by a script must end somewhere.
MOST_TOKENS = 20

tokens = Blueprint("tokens", __name__, url_prefix="/desk/tokens")


@tokens.get("/")
@any_staff
def mine() -> Response:
    """Show somebody's tokens and the form for another one."""
    return _page(done=DONE.get(request.args.get("done", "")))


@tokens.post("/")
@any_staff
def make() -> ResponseReturnValue:
    """Make a token and show it, this once."""
    name = one_line(request.form.get("name", ""))[:LONGEST_NAME]
    days = request.form.get("days", type=int) or 0
    may_write = request.form.get("rights") == "write"
    if not name:
        return _page(problem="Please give it a name, such as the program that uses it.", field="name", status=422)
    if not 1 <= days <= MOST_DAYS:
        return _page(problem=f"Please choose from 1 to {MOST_DAYS} days.", field="days", status=422)
    now, by = datetime.now(UTC), f"staff:{current_user.id}"
    with writing(service().db) as conn:
        if len(tokens_of(conn, current_user.id)) >= MOST_TOKENS:
            full = f"You have {MOST_TOKENS} tokens. Please remove one that you no longer use."
        else:
            full = None
            given = {"name": name, "days": days, "may_write": may_write}
            id_, token = new_token(conn, current_user.id, at=now, **given)  # type: ignore[arg-type]
            record(conn, service().vault, by=by, act="token made", subject=f"token:{id_}", at=now, after=given)
    return _page(problem=full, status=409) if full else _page(made=token, made_name=name)


@tokens.post("/<int:token_id>/remove")
@any_staff
def remove(token_id: int) -> ResponseReturnValue:
    """End a token at once."""
    now, by = datetime.now(UTC), f"staff:{current_user.id}"
    with writing(service().db) as conn:
        if not remove_token(conn, current_user.id, token_id):
            abort(404)
        record(conn, service().vault, by=by, act="token removed", subject=f"token:{token_id}", at=now)
    return redirect(url_for("tokens.mine", done="removed"), 303)


def _page(status: int = 200, **about: str | None) -> Response:
    with reading(service().db) as conn:
        found = tokens_of(conn, current_user.id)
    page = render_template(
        "desk/tokens.html",
        tokens=found,
        now=datetime.now(UTC),
        most_days=MOST_DAYS,
        longest_name=LONGEST_NAME,
        form=request.form,
        sees_trail=bool(communities_for("editor")),
        **about,
    )
    answer = make_response(page, status)
    # The page that shows a token once must not stay in a browser's memory.
    answer.headers["Cache-Control"] = "no-store"
    return answer


DONE = {"removed": "The token is removed. Programs that use it are refused from now on."}
