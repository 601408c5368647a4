"""How programs are told that something did not go: always one JSON form, with a sentence and the field it is about."""

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import HTTPException


class Refused(HTTPException):
    """Something that a program asked for and does not get. The sentence is for whoever wrote the program.

    `field` names what it is about, `insight` is how the insight stands now, where that is the matter.
    """

    def __init__(
        self,
        code: int,
        sentence: str,
        *,
        field: str | None = None,
        insight: Mapping[str, Any] | None = None,
        www_authenticate: WWWAuthenticate | None = None,
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.field = field
        self.insight = insight
        self.www_authenticate = www_authenticate

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Return the headers of the answer, with those that the error is told by."""
        more = [("WWW-Authenticate", self.www_authenticate.to_header())] if self.www_authenticate else []
        if self.insight:
            more.append(("ETag", f'"{self.insight["version"]}"'))
        return [*super().get_headers(*args, **kwargs), *more]


def is_program() -> bool:
    """Return whether the request says by a header whom it speaks for: then its cookies do not count."""
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def is_for_a_program() -> bool:
    """Return whether whoever asks reads JSON and no page."""
    return request.path.startswith("/api/") or is_program()


def told(error: HTTPException, heading: str, response: Response) -> Response:
    """Fill the answer with what a program is told of an error."""
    sentence, field = heading, None
    if isinstance(error, Refused):
        sentence, field = error.description or heading, error.field
    elif messages := getattr(error, "data", {}).get("messages"):
        field, sentence = _first(messages)
    body: dict[str, Any] = {"error": sentence}
    if field:
        body["field"] = field
    if isinstance(error, Refused) and error.insight:
        body["insight"] = error.insight
    response.data = jsonify(body).data
    response.content_type = "application/json"
    response.headers["Cache-Control"] = "no-store"
    return response


def _first(messages: Any) -> tuple[str | None, str]:
    """Return the first field that a schema complains of, with dots, and the sentence; its location is left out."""
    path: list[str] = []
    while isinstance(messages, Mapping):
        name, messages = next(iter(messages.items()))
        path.append(str(name))
    sentence = messages[0] if isinstance(messages, list) else str(messages)
    return ".".join(path[1:]).removesuffix("._schema") or None, sentence
