"""What programs send and get: the fields of each request and answer, as the OpenAPI document has them."""

from datetime import UTC, datetime
from typing import Any, get_args

import marshmallow as ma
from marshmallow import fields, validate
from webargs import core
from webargs.flaskparser import FlaskParser

from plugin.desk import LONGEST_NOTE, LONGEST_REPLY
from plugin.model import InsightKind
from plugin.outcomes import LONGEST_SAID, State
from plugin.stakeholders import all_types
from webhooks.api.errors import Refused
from webhooks.json_border import BadJson, json_object

MOST_LISTED = 100
LISTED = 30
LARGEST_ID = 2**31 - 1
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Strict(FlaskParser):
    """Reads a body by the rules of the door, whatever its content type says, and knows no field that is not there."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {  # noqa: RUF012 - as webargs declares it
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": ma.RAISE,
        "json": ma.RAISE,
    }

    def load_json(self, req: Any, schema: ma.Schema) -> Any:
        """Return the object in the body; refuse what is not one (400). Without a body, nothing is said."""
        body = req.get_data()
        if not body.strip():
            return core.missing
        try:
            return json_object(body)
        except BadJson as error:
            raise Refused(400, f"The body is refused: {error.reason}.", field=error.field) from None


def _is_in_time(moment: datetime) -> None:
    if not EARLIEST <= moment < LATEST:
        raise ma.ValidationError("Must lie between 1970 and 2200.")


def _moment(about: str, **more: Any) -> fields.AwareDateTime:
    return fields.AwareDateTime(
        format="iso", default_timezone=UTC, validate=_is_in_time, metadata={"description": about}, **more
    )


def _told(about: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"description": about}, **more}


class Wish(ma.Schema):
    """Which insights a program wants to have listed: each that is set must hold."""

    community = fields.String(**_told("The slug of one community.", validate=validate.Length(1, 64)))
    state = fields.List(fields.String(validate=validate.OneOf(get_args(State))), **_told("Any of these; repeatable."))
    type = fields.String(**_told("Whom its author says they are.", validate=validate.OneOf(sorted(all_types()))))
    theme = fields.String(**_told("The id of a theme.", validate=validate.Regexp(r"\A[A-Za-z0-9_-]{1,64}\Z")))
    kind = fields.String(**_told("What it shares.", validate=validate.OneOf(get_args(InsightKind))))
    assignee = fields.Integer(**_told("Whose it is; 0 is nobody's.", validate=validate.Range(0, LARGEST_ID)))
    found_from = _moment("Found at this moment or later.")
    found_before = _moment("Found before this moment.")
    words = fields.String(**_told("All of these words, in whatever form.", validate=validate.Length(1, 200)))
    snoozed = fields.Boolean(**_told("Those out of the way instead of those that are not.", load_default=False))
    urgent = fields.Boolean(**_told("Only what is urgent, or only what is not."))
    history = fields.Boolean(
        **_told("Those from before the forum was attached instead of those since.", load_default=False)
    )
    before = fields.Integer(
        **_told("Only those with a smaller id: the cursor of the next page.", validate=validate.Range(1, LARGEST_ID))
    )
    limit = fields.Integer(
        **_told("How many at most.", load_default=LISTED, validate=validate.Range(1, MOST_LISTED)),
    )


class Place(ma.Schema):
    """The discussion in which an insight stands."""

    id = fields.Integer(required=True)
    title = fields.String(required=True)
    url = fields.String(required=True)
    summary = fields.String(required=True, metadata={"description": "Its summary as JSON, for its moderators."})


class Insight(ma.Schema):
    """One insight on the desk."""

    id = fields.Integer(required=True)
    version = fields.String(required=True, metadata={"description": "What If-Match names, in quotes."})
    community = fields.String(required=True)
    state = fields.String(required=True)
    next_states = fields.List(fields.String(), required=True)
    kind = fields.String(required=True)
    found_at = fields.AwareDateTime(required=True)
    is_urgent = fields.Boolean(required=True)
    is_from_before = fields.Boolean(required=True)
    assignee = fields.Integer(required=True, allow_none=True)
    is_snoozed = fields.Boolean(required=True)
    snoozed_until = fields.AwareDateTime(required=True, allow_none=True)
    merged_into = fields.Integer(required=True, allow_none=True)
    merged = fields.List(fields.Integer(), required=True, metadata={"description": "What is merged into it."})
    discussion = fields.Nested(Place, required=True)
    comment_url = fields.String(required=True)
    desk_url = fields.String(required=True)
    types = fields.List(fields.String(), required=True)
    speakers = fields.List(fields.String(), required=True)
    words = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "An excerpt without personal data; null where nobody may read it now: see withheld."},
    )
    evidence = fields.List(fields.String(), required=True)
    withheld = fields.String(required=True, allow_none=True)
    credit = fields.String(required=True, allow_none=True)
    quoting = fields.String(required=True)
    contact = fields.String(required=True)


class Page(ma.Schema):
    """Some insights, the newest first, and where the next page is."""

    insights = fields.List(fields.Nested(Insight), required=True)
    next = fields.String(required=True, allow_none=True, metadata={"description": "The address of the next page."})


class Problem(ma.Schema):
    """What did not go, in a sentence, and the field that it is about."""

    error = fields.String(required=True)
    field = fields.String()


class Changed(Problem):
    """Somebody else was quicker: the insight is as it is now, and nothing was changed."""

    insight = fields.Nested(Insight, required=True)


class Assignment(ma.Schema):
    """Whose an insight is to be."""

    to = fields.Integer(
        **_told("An editor of its community, null for nobody.", required=True, allow_none=True),
        validate=validate.Range(1, LARGEST_ID),
    )


class Sleep(ma.Schema):
    """Until when an insight is out of the way."""

    until = _moment("A moment to come; null until there is a reply.", required=True, allow_none=True)


class StepTaken(ma.Schema):
    """What became of an insight; the contributor is told of most of it."""

    state = fields.String(required=True, validate=validate.OneOf(get_args(State)))
    title = fields.String(**_told("used: what it was used in.", validate=validate.Length(1, LONGEST_SAID)))
    link = fields.String(**_told("used: the address of that.", validate=validate.Length(1, LONGEST_SAID)))
    body = fields.String(**_told("passed_to: who it was passed on to.", validate=validate.Length(1, LONGEST_SAID)))
    reason = fields.String(
        **_told(
            "change_planned, change_made, not_used: at least 20 characters.", validate=validate.Length(1, LONGEST_SAID)
        )
    )


class NewNote(ma.Schema):
    """A note to the other editors: it never leaves the desk."""

    note = fields.String(required=True, validate=validate.Length(1, LONGEST_NOTE))


class Note(ma.Schema):
    """A note of an editor."""

    id = fields.Integer(required=True)
    note = fields.String(required=True)
    by = fields.String(required=True)
    at = fields.AwareDateTime(required=True)


class Notes(ma.Schema):
    """The notes about an insight, oldest first."""

    notes = fields.List(fields.Nested(Note), required=True)


class NewReply(ma.Schema):
    """An answer to the author of an insight: it stands on their own page."""

    reply = fields.String(required=True, validate=validate.Length(1, LONGEST_REPLY))


class Joining(ma.Schema):
    """What an insight says the same as."""

    into = fields.Integer(required=True, validate=validate.Range(1, LARGEST_ID))


class SavedReply(ma.Schema):
    """A reply that editors wrote once and use often, with places for what differs."""

    id = fields.Integer(required=True)
    community = fields.String(required=True)
    title = fields.String(required=True)
    body = fields.String(required=True)


class SavedReplies(ma.Schema):
    """The saved replies of the person's communities."""

    saved_replies = fields.List(fields.Nested(SavedReply), required=True)


class Editor(ma.Schema):
    """Somebody whom an insight can be given to."""

    id = fields.Integer(required=True)
    email = fields.String(required=True)


class Desk(ma.Schema):
    """A community and who edits it."""

    slug = fields.String(required=True)
    name = fields.String(required=True)
    editors = fields.List(fields.Nested(Editor), required=True)


class Desks(ma.Schema):
    """Whose token this is, and the communities whose insights it opens."""

    me = fields.Integer(required=True)
    may_write = fields.Boolean(required=True)
    communities = fields.List(fields.Nested(Desk), required=True)
