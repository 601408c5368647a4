"""What a platform says in our own form (docs/standard-webhooks.md), and the event that it means."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from plugin.events import (
    CommentApproved,
    CommentEdited,
    CommentHidden,
    CommentPosted,
    CommentRef,
    CommentRemoved,
    DiscussionEdited,
    DiscussionPosted,
    Event,
    MemberChanged,
    MemberCompleted,
    MemberJoined,
    MemberMerged,
    MemberRemoved,
    Ping,
)
from plugin.model import Author, Comment, Discussion
from plugin.wording import one_line, plain_text, tidy_text

LONGEST_ID = 128
LONGEST_TEXT = 200_000
LONGEST_URL = 2_000
LONGEST_TITLE = 1_000
LONGEST_NAME = 200
MOST_GROUPS = 50
YEARS = range(1970, 2201)

STATES = ("visible", "pending", "hidden", "deleted")
AUTHOR_KINDS = ("member", "guest", "anonymous", "staff", "bot", "system", "remote")
AUDIENCES = ("public", "members", "private")

# RFC 3339, section 5.6; a leap second and 24:00 are left to fall through `fromisoformat`.
MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
UNFIT_FOR_URL = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\\<>\"`]")

MISSING = "is missing"
EMPTY = "may not be null"


class BadPayload(ValueError):  # noqa: N818 - named for the fact
    """A signed payload does not fit the schema. `fields` maps each path to what is wrong there, never to its value."""

    status = 422

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("does not fit the schema: " + ", ".join(fields))
        self.fields = dict(fields)


class Named(fields.Field[str]):
    """An id: a string or an integer there, always a string here."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValidationError("not a string or an integer")
        name = str(value)
        if not name or name != one_line(name):
            raise ValidationError("not an id: empty, or with spaces around or control characters in it")
        if len(name) > LONGEST_ID:
            raise ValidationError(f"longer than {LONGEST_ID} characters")
        return name


class Moment(fields.Field[datetime]):
    """An RFC 3339 date and time with a time zone, in UTC."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> datetime:
        if not isinstance(value, str) or not MOMENT.fullmatch(value):
            raise ValidationError("not a date and time with a time zone")
        try:
            moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            # 30 February, 24:00, a leap second; or the last hours of the year 9999, seen from UTC.
            raise ValidationError("not a date and time with a time zone") from None
        if moment.year not in YEARS:
            raise ValidationError(f"not between the years {YEARS[0]} and {YEARS[-1]}")
        return moment


class Url(fields.Field[str]):
    """An http or https address that is safe to show as a link."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("not a string")
        if len(value) > LONGEST_URL:
            raise ValidationError(f"longer than {LONGEST_URL} characters")
        try:
            parts = urlsplit(value)
            fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            fits = False
        # A name before the @ makes one site look like another.
        if not fits or parts.username is not None or UNFIT_FOR_URL.search(value):
            raise ValidationError("not an http or https address")
        return value


class Words(fields.Field[str]):
    """A string of bounded length, brought into the form that `tidy` gives it."""

    def __init__(self, longest: int, tidy: Callable[[str], str] = one_line, **options: Any) -> None:
        super().__init__(**options)
        self.longest = longest
        self.tidy = tidy

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("not a string")
        if len(value) > self.longest:
            raise ValidationError(f"longer than {self.longest} characters")
        return self.tidy(value)


class OneOf(fields.Field[str]):
    """One of a few words."""

    def __init__(self, words: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise ValidationError("not one of: " + ", ".join(self.words))
        return value


class Declared(fields.Field[tuple[tuple[str, str], ...]]):
    """What a member says of themselves in profile fields: an object of strings. No error repeats its names."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise ValidationError("not an object of strings")
        if len(value) > MOST_GROUPS:
            raise ValidationError(f"more than {MOST_GROUPS} fields")
        if any(len(name) > LONGEST_NAME or len(item) > LONGEST_NAME for name, item in value.items()):
            raise ValidationError(f"a field longer than {LONGEST_NAME} characters")
        return tuple((one_line(name), one_line(item)) for name, item in value.items())


class Strict(Schema):
    """Takes the fields that are named below and lets everything else fall: addresses, IPs, birthdays, tokens."""

    class Meta:
        """What is not on the list does not pass."""

        unknown = EXCLUDE

    error_messages = {"type": "not an object"}  # noqa: RUF012 - marshmallow's own way

    @pre_load
    def leave_out_null(self, payload: Any, **_: Any) -> Any:
        """Read null as "not said" wherever a field may be left out."""
        if not isinstance(payload, dict):
            return payload
        return {name: item for name, item in payload.items() if item is not None or self._is_required(name)}

    def _is_required(self, name: str) -> bool:
        return name in self.fields and self.fields[name].required


SAYS: dict[str, str | list[Any] | dict[Any, Any]] = {"required": MISSING, "null": EMPTY}


class CommentRefSchema(Strict):
    """Which comment: enough to hide it or take it away."""

    id = Named(required=True, error_messages=SAYS)
    created_at = Moment(required=True, error_messages=SAYS)


class CommentSchema(CommentRefSchema):
    """A whole comment."""

    parent_id = Named(load_default=None)
    url = Url(load_default=None)
    html = Words(LONGEST_TEXT, plain_text)
    text = Words(LONGEST_TEXT, tidy_text)
    updated_at = Moment(load_default=None)
    state = OneOf(STATES, load_default="visible")

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def one_body(self, _: Any, payload: Any, **__: Any) -> None:
        """Refuse two bodies, which might differ, and none, which would look like an empty comment."""
        sent = [name for name in ("html", "text") if isinstance(payload, dict) and payload.get(name) is not None]
        if len(sent) != 1:
            raise ValidationError("send one of html and text, and not both", "text")


class DiscussionSchema(Strict):
    """A page of the forum."""

    id = Named(required=True, error_messages=SAYS)
    title = Words(LONGEST_TITLE, required=True, error_messages=SAYS)
    url = Url(required=True, error_messages=SAYS)
    kind = Words(40, load_default="blog")
    published_at = Moment(load_default=None)
    audience = OneOf(AUDIENCES, load_default="public")


class AuthorSchema(Strict):
    """Who wrote, as far as everybody may see it."""

    id = Named(load_default=None)
    kind = OneOf(AUTHOR_KINDS, required=True, error_messages=SAYS)
    display_name = Words(LONGEST_NAME, load_default=None)
    profile_url = Url(load_default=None)
    groups = fields.List(
        Words(LONGEST_NAME, error_messages=SAYS),
        load_default=list,
        validate=validate.Length(max=MOST_GROUPS, error=f"more than {MOST_GROUPS} groups"),
        error_messages={"invalid": "not a list"},
    )
    declared = Declared(load_default=())


class MemberSchema(AuthorSchema):
    """Somebody with an account, and so with an id."""

    id = Named(required=True, error_messages=SAYS)
    kind = OneOf(AUTHOR_KINDS, load_default="member")


class WholeCommentSchema(Strict):
    """A comment with the page that it stands on and the person who wrote it."""

    comment = fields.Nested(CommentSchema, required=True, error_messages=SAYS)
    discussion = fields.Nested(DiscussionSchema, required=True, error_messages=SAYS)
    author = fields.Nested(AuthorSchema, required=True, error_messages=SAYS)


class CommentGoneSchema(Strict):
    """Which comment went out of sight."""

    comment = fields.Nested(CommentRefSchema, required=True, error_messages=SAYS)


class AboutDiscussionSchema(Strict):
    """A page by itself."""

    discussion = fields.Nested(DiscussionSchema, required=True, error_messages=SAYS)


class AboutMemberSchema(Strict):
    """A member by themselves."""

    author = fields.Nested(MemberSchema, required=True, error_messages=SAYS)


class MemberGoneSchema(Strict):
    """Which member left: only the id is read, for they asked to be forgotten."""

    author = fields.Nested(MemberSchema(only=("id", "kind")), required=True, error_messages=SAYS)


class MembersMergedSchema(MemberGoneSchema):
    """Which account went, and into which."""

    into = fields.Nested(MemberSchema, required=True, error_messages=SAYS)


def event_from(payload: dict[str, Any], *, community: str, delivery_id: str) -> Event:
    """Return the event that a verified payload means.

    A private discussion gives an event too (`plugin.events.is_private`): the door answers and drops it.

    Raises:
        BadPayload: with every field that does not fit, by its path.
    """
    event_type = payload.get("type")
    if not isinstance(event_type, str) or event_type not in TYPES:
        raise BadPayload({"type": MISSING if event_type is None else "not one of: " + ", ".join(TYPES)})
    envelope, event = TYPES[event_type]
    try:
        loaded = envelope.load(payload)
    except ValidationError as error:
        # The error holds what was sent, so it goes no further.
        refused = dict(_by_path(error.messages))
        raise BadPayload(refused) from None
    about = loaded.get("data", {})
    parts = {part: PARTS[part](about[part]) for part in about}
    return event(
        **parts,
        key=f"standard:{community}:{delivery_id}",
        community=community,
        occurred_at=loaded["timestamp"],
        source="webhook",
    )


def _comment(loaded: dict[str, Any]) -> Comment | CommentRef:
    if "state" not in loaded:
        return CommentRef(native_id=loaded["id"], created_at=loaded["created_at"])
    return Comment(
        native_id=loaded["id"],
        created_at=loaded["created_at"],
        # Some platforms count the first save a moment before the posting.
        updated_at=max(loaded["created_at"], loaded["updated_at"] or loaded["created_at"]),
        text=loaded["html"] if "html" in loaded else loaded["text"],
        url=loaded["url"],
        parent_id=loaded["parent_id"],
        state=loaded["state"],
    )


def _approved(**facts: Any) -> CommentApproved:
    """Return the approval of a comment, which is visible whatever its state says."""
    return CommentApproved(**facts | {"comment": replace(facts["comment"], state="visible")})


def _discussion(loaded: dict[str, Any]) -> Discussion:
    return Discussion(native_id=loaded.pop("id"), **loaded)


def _author(loaded: dict[str, Any]) -> Author:
    if loaded["kind"] == "anonymous":
        # Groups and profile fields point at a person as surely as a name does.
        return Author(native_id=loaded["id"], kind="anonymous")
    return Author(
        native_id=loaded["id"],
        kind=loaded["kind"],
        display_name=loaded.get("display_name") or None,
        profile_url=loaded.get("profile_url"),
        groups=tuple(loaded.get("groups", ())),
        declared=loaded.get("declared", ()),
    )


def _by_path(messages: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield the path and the first sentence of each error."""
    if isinstance(messages, dict):
        for name, below in messages.items():
            yield from _by_path(below, path if name == "_schema" else (*path, str(name)))
    else:
        yield ".".join(path), messages[0]


def _envelope(data: type[Schema] | None) -> Schema:
    """Return the schema of a body whose `data` has this schema, or whose `data` is not read.

    Made once: a schema copies all its fields when it is made, which took a fifth of the door's time.
    """
    shape: dict[str, fields.Field[Any]] = {"timestamp": Moment(required=True, error_messages=SAYS)}
    if data:
        shape["data"] = fields.Nested(data, required=True, error_messages=SAYS)
    return Strict.from_dict(shape)()


WHOLE_COMMENT = _envelope(WholeCommentSchema)
COMMENT_GONE = _envelope(CommentGoneSchema)
DISCUSSION = _envelope(AboutDiscussionSchema)
MEMBER = _envelope(AboutMemberSchema)
MEMBER_GONE = _envelope(MemberGoneSchema)
MEMBERS_MERGED = _envelope(MembersMergedSchema)
NOTHING = _envelope(None)

PARTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "comment": _comment,
    "discussion": _discussion,
    "author": _author,
    "into": _author,
}

TYPES: dict[str, tuple[Schema, Callable[..., Event]]] = {
    "comment.created": (WHOLE_COMMENT, CommentPosted),
    "comment.updated": (WHOLE_COMMENT, CommentEdited),
    "comment.approved": (WHOLE_COMMENT, _approved),
    "comment.hidden": (COMMENT_GONE, CommentHidden),
    "comment.deleted": (COMMENT_GONE, CommentRemoved),
    "discussion.created": (DISCUSSION, DiscussionPosted),
    "discussion.updated": (DISCUSSION, DiscussionEdited),
    "member.created": (MEMBER, MemberJoined),
    "member.completed": (MEMBER, MemberCompleted),
    "member.updated": (MEMBER, MemberChanged),
    "member.deleted": (MEMBER_GONE, MemberRemoved),
    "member.merged": (MEMBERS_MERGED, MemberMerged),
    "ping": (NOTHING, Ping),
}
