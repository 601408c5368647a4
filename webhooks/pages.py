"""The first page, the plain words when something is not there, and what every page needs to be drawn."""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from webhooks.api.errors import is_for_a_program, told
from webhooks.audience import open_to_all
from webhooks.checklist import count_left

# A figure smaller than this could point at a person.
FEWEST_SHOWN = 5

pages = Blueprint("pages", __name__)


@pages.get("/")
@open_to_all
def home() -> str:
    """Say what this is, in a practice run where to go, and to an owner what is left to be done."""
    return render_template("home.html", practising=current_app.config["PRACTISING"], left=count_left())


@pages.app_errorhandler(HTTPException)
def say_plainly(error: HTTPException) -> Response:
    """Answer an error in plain words; a program at the door gets the same as JSON."""
    # Built by werkzeug, so that Allow and Retry-After stay.
    response = Response(status=error.code)
    response.headers.extend(
        (name, value) for name, value in error.get_headers(request.environ) if name.lower() not in ("content-type",)
    )
    heading, *sentences = ERRORS.get(error.code or 500, ERRORS[500])
    if is_for_a_program():
        return told(error, sentences[0], response)
    if request.path.startswith("/webhooks/"):
        response.data = jsonify(error=heading.lower()).data
        response.content_type = "application/json"
        return response
    response.data = render_template("error.html", heading=heading, sentences=sentences)
    response.content_type = "text/html; charset=utf-8"
    return response


@pages.app_template_filter()
def day(at: datetime) -> str:
    """Return a moment as people write it: "3 June 2026, 14:05 UTC"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


@pages.app_template_filter()
def few(figure: int) -> str:
    """Return a figure, or that it is too small to show."""
    return str(figure) if figure >= FEWEST_SHOWN else f"fewer than {FEWEST_SHOWN}"


ERRORS = {
    400: (
        "That could not be read",
        "Something in the request was not as it should be.",
        "Please go back and try again.",
    ),
    403: (
        "This page is not for everyone",
        "You are signed in, but this page needs a permission that you do not have.",
        "Ask whoever runs this service if you think that you should have it.",
    ),
    404: (
        "There is no such page",
        "The address may be mistyped, or the page may have gone.",
        "If a link brought you here, please tell whoever made it.",
    ),
    405: ("That cannot be done here", "This address does not take that kind of request."),
    413: ("That is too long", "What you sent is larger than we can take.", "Please shorten it and try again."),
    429: ("Please wait a little", "That was tried too often.", "Please try again later."),
    500: (
        "Something went wrong on our side",
        "It has been noted. Nothing that you did caused it.",
        "Please try again in a few minutes.",
    ),
    503: (
        "We cannot take anything in just now",
        "Nothing was lost, and nothing was kept.",
        "Please try again in a minute.",
    ),
}
