"""One line for each thing that programs may ask: its route, whom it opens for, and what the OpenAPI document says."""

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import marshmallow as ma
from flask_smorest import Blueprint

from webhooks.api import schemas
from webhooks.api.bearers import token_only

View = TypeVar("View", bound=Callable[..., Any])


def operation(
    blueprint: Blueprint,
    method: Literal["GET", "POST"],
    rule: str,
    *,
    gives: type[ma.Schema],
    takes: type[ma.Schema] | None = None,
    status: int = 200,
    changes: bool = False,
) -> Callable[[View], View]:
    """Let editors' programs ask for something, and say in the document all that they may be answered.

    Args:
        blueprint: of which part of the API.
        method: GET reads; POST needs a token that may write.
        rule: where.
        gives: what the answer is.
        takes: what is sent: in the address for GET, as a JSON body for POST.
        status: of the answer, where all is well.
        changes: it could overwrite what somebody else did, so it names the version that was seen.
    """
    where = "query" if method == "GET" else "json"
    may_refuse = {401, 403, 429}
    may_refuse |= {404} if "insight_id" in rule else set()
    may_refuse |= {422} if takes else set()
    may_refuse |= {400, 413} if takes and where == "json" else set()
    may_refuse |= {409, 412, 428} if changes else set()

    def add(view: View) -> View:
        shown: Any = blueprint.response(status, gives, headers=HEADERS.get(gives))(view)
        if takes:
            shown = blueprint.arguments(takes, location=where)(shown)
        for refusal in sorted(may_refuse):
            schema = schemas.Changed if refusal == 412 else schemas.Problem
            shown = blueprint.alt_response(refusal, schema=schema, description=REASONS[refusal])(shown)
        if changes:
            shown = blueprint.doc(parameters=[IF_MATCH])(shown)
        guarded = token_only("editor", writes=method == "POST")(shown)
        blueprint.add_url_rule(rule, view_func=guarded, methods=[method])
        return view

    return add


IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of the insight as you saw it, in its quotes.",
    "schema": {"type": "string"},
}

HEADERS: dict[type[ma.Schema], dict[str, Any]] = {
    schemas.Insight: {"ETag": {"description": "Its version, for If-Match.", "schema": {"type": "string"}}},
    schemas.Page: {"Link": {"description": "The next page, as rel=next.", "schema": {"type": "string"}}},
}

REASONS = {
    400: "The body is not one strict JSON object.",
    401: "No token, or none that is live.",
    403: "The token may not do this.",
    404: "There is none on a desk that the token opens.",
    409: "It cannot be done from here.",
    412: "Somebody else was quicker: `insight` is how it stands now, and nothing was changed.",
    413: "The body is too long.",
    422: "Something is missing or wrong: `field` names it.",
    428: "No version was named, or a star.",
    429: "Too often: see Retry-After.",
}
