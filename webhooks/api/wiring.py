"""Put the desk for programs into the app: its routes, its OpenAPI document, and how often a token may ask."""

import functools
import threading
from typing import Any

from flask import Flask, Response, jsonify
from flask_login import current_user
from flask_smorest import Api, Blueprint

from plugin.store.opening import reading
from plugin.store.replies import saved_for
from plugin.store.staff import editors_of
from webhooks.api import schemas
from webhooks.api.bearers import communities_of_bearer, let_program_in, limit_programs, speaks_for
from webhooks.api.documenting import operation
from webhooks.api.errors import is_program
from webhooks.api.insights import insights
from webhooks.audience import ANY_STAFF, declared
from webhooks.wiring import service

desks = Blueprint("api_desks", __name__, url_prefix="/api/v1", description="Whose the desk is, and what is ready.")


class Document(Api):  # type: ignore[misc]
    """The OpenAPI document, put together when it is asked for: every command makes an app, and few are asked.

    How errors look is settled for the whole app in webhooks/pages.py.
    """

    ERROR_SCHEMA = schemas.Problem
    DEFAULT_ERROR_RESPONSE_NAME = None

    def register_blueprint(self, blp: Blueprint) -> None:
        """Add the routes of a part; what they take and give is written down later."""
        self._app.extensions["flask-smorest"]["blp_name_to_api"][blp.name] = self
        self._app.register_blueprint(blp)

    @functools.cached_property
    def written(self) -> dict[str, Any]:
        """Return the document of the parts that this app has."""
        for name, blp in self._app.blueprints.items():
            if isinstance(blp, Blueprint):
                blp.register_views_in_doc(self, self._app, self.spec, name=name, parameters=None)
                self.spec.tag({"name": name, "description": blp.description})
        told: dict[str, Any] = self.spec.to_dict()
        return told

    def _register_error_handlers(self) -> None:
        pass


def init_api(app: Flask) -> None:
    """Add the routes under /api/v1."""
    app.config.update(API_TITLE="Many Voices: the editors’ desk", API_VERSION="1", OPENAPI_VERSION="3.0.3")
    document = Document(app, spec_kwargs=SPEC)
    for blueprint in (desks, insights):
        document.register_blueprint(blueprint)

    one_writer = threading.Lock()

    def openapi() -> Response:
        # Somebody at a screen may read it too; nothing else of the API looks at a cookie.
        if is_program() or not current_user.is_authenticated:
            let_program_in(None)
        with one_writer:
            return jsonify(document.written)

    app.add_url_rule("/api/v1/openapi.json", "api_openapi", declared(openapi, ANY_STAFF, "either"))
    limit_programs(app)


@operation(desks, "GET", "/communities", gives=schemas.Desks)
def list_communities() -> dict[str, Any]:
    """List the communities whose insights the token opens, with whom an insight can be given to."""
    whose = speaks_for()
    mine = communities_of_bearer("editor")
    with reading(service().db) as conn:
        found = [
            {
                "slug": one.slug,
                "name": one.name,
                "editors": [{"id": id_, "email": email} for id_, email in editors_of(conn, [one.id]).items()],
            }
            for one in mine
        ]
    return {"me": whose.user_id, "may_write": whose.may_write, "communities": found}


@operation(desks, "GET", "/saved-replies", gives=schemas.SavedReplies)
def list_saved_replies() -> dict[str, Any]:
    """List the replies that the editors of the token's communities have saved, by title."""
    mine = {one.id: one.slug for one in communities_of_bearer("editor")}
    with reading(service().db) as conn:
        saved = saved_for(conn, mine)
    told = [{"id": one.id, "community": mine[one.community_id], "title": one.title, "body": one.body} for one in saved]
    return {"saved_replies": told}


def _keep_nothing(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


for _blueprint in (desks, insights):
    _blueprint.after_request(_keep_nothing)

SPEC: dict[str, Any] = {
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "mv_…"}}},
    "security": [{"token": []}],
    "info": {"description": "See docs/api.md. Every answer that is not what was asked for is a Problem."},
}
