"""What Many Voices writes back: a tag beside a comment, a note for the moderators, a member's private link."""

import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Response, current_app, jsonify, request
from flaskbb.extensions import db
from flaskbb.forum.models import Post, Topic
from flaskbb.user.models import User

from manyvoices_flaskbb.moments import identity, read, written
from manyvoices_flaskbb.settings import Settings, settings
from manyvoices_flaskbb.signing import is_signed
from manyvoices_flaskbb.tables import links, notes, tags

MOST_BYTES = 64 * 1024
MOST_LABELS = 12
LONGEST_LABEL = 60
LONGEST_NOTE = 10_000
LONGEST_URL = 2_000
KEY = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
NUMBERED = re.compile(r"[0-9]{1,18}")
NAMED = re.compile(r"([0-9]{1,18})-[0-9]{20}")


class NotThere(Exception):  # noqa: N818 - named for the fact
    """What is meant is not in this forum, or not any more."""


class Unfit(ValueError):  # noqa: N818 - named for the fact
    """A field is missing or wrong; its path is all that is said."""


def take() -> tuple[Response, int]:
    """Take one signed write-back. A repeat changes nothing, and an older one never overwrites a newer one."""
    found = settings()
    if (request.content_length or 0) > MOST_BYTES:
        return _answer(413, error="the body is too large")
    request.max_content_length = MOST_BYTES
    body = request.get_data()
    if found is None or not is_signed(request.headers, body, found.keys, time.time()):
        return _answer(401, error="not signed by a key we know")
    try:
        told = json.loads(body)
        if not isinstance(told, dict) or b"\\u0000" in body:
            raise Unfit("the body")
        do, data, said_at = DOES.get(str(told.get("type"))), told.get("data"), read(told.get("timestamp"))
        if do is None or not isinstance(data, dict) or said_at is None:
            raise Unfit("type" if do is None else "timestamp" if said_at is None else "data")
        is_new = do(found, data, written(said_at))
        db.session.commit()
    except (ValueError, RecursionError) as error:
        return _answer(422, error="missing or wrong", field=str(error) if isinstance(error, Unfit) else "the body")
    except NotThere:
        return _answer(404, error="not in this forum")
    return _answer(202, result="done" if is_new else "known")


def _set_tag(found: Settings, data: dict[str, Any], said_at: str) -> bool:
    post_id, created_at = _comment(data)
    labels = data.get("labels")
    if not isinstance(labels, list) or not 1 <= len(labels) <= MOST_LABELS:
        raise Unfit("data.labels")
    if not all(isinstance(one, str) and one.strip() and len(one) <= LONGEST_LABEL for one in labels):
        raise Unfit("data.labels")
    values = {"created_at": created_at, "labels": labels, "url": _link(found, data, needed=False)}
    return _put(tags, {"post_id": post_id}, values, said_at, same=tags.c.created_at == created_at)


def _clear_tag(_found: Settings, data: dict[str, Any], said_at: str) -> bool:
    post_id, created_at = _comment(data)
    values = {"created_at": created_at, "labels": [], "url": ""}
    return _put(tags, {"post_id": post_id}, values, said_at, same=tags.c.created_at == created_at)


def _put_note(found: Settings, data: dict[str, Any], said_at: str) -> bool:
    topic_id, known_as = named(Topic, data, "discussion")
    key, text = data.get("key"), data.get("text")
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise Unfit("data.key")
    if not isinstance(text, str) or len(text) > LONGEST_NOTE:
        raise Unfit("data.text")
    values = {"known_as": known_as, "text": text, "url": _link(found, data, needed=False)}
    return _put(notes, {"topic_id": topic_id, "key": key}, values, said_at, same=notes.c.known_as == known_as)


def _put_link(found: Settings, data: dict[str, Any], said_at: str) -> bool:
    user_id, known_as = named(User, data, "author")
    values = {"known_as": known_as, "url": _link(found, data, needed=True)}
    return _put(links, {"user_id": user_id}, values, said_at, same=links.c.known_as == known_as)


def _put(table: sa.Table, which: dict[str, Any], values: dict[str, Any], said_at: str, *, same: Any) -> bool:
    """Write a row unless a newer one stands there, and return whether it was written.

    A row about somebody or something else, which had the same number once, is no newer one.
    """
    this = [table.c[name] == value for name, value in which.items()]
    before = db.session.execute(sa.select(table.c.said_at, same.label("same")).where(*this)).first()
    if before is None:
        db.session.execute(sa.insert(table).values(**which, **values, said_at=said_at))
        return True
    older = sa.or_(~same, table.c.said_at < said_at)
    return bool(db.session.execute(sa.update(table).where(*this, older).values(**values, said_at=said_at)).rowcount)


def _comment(data: dict[str, Any]) -> tuple[int, str]:
    about = data.get("comment")
    native_id, created = (about.get("id"), read(about.get("created_at"))) if isinstance(about, dict) else ("", None)
    if not NUMBERED.fullmatch(str(native_id)):
        raise Unfit("data.comment.id")
    if created is None:
        raise Unfit("data.comment.created_at")
    stands = db.session.scalar(sa.select(Post.date_created).where(Post.id == int(str(native_id))))
    if stands is None or written(stands) != written(created):
        raise NotThere
    return int(str(native_id)), written(created)


def named(model: type[Topic] | type[User], data: dict[str, Any], part: str) -> tuple[int, str]:
    """Return the number and the name of the topic or member that `data[part]` names.

    Raises:
        Unfit: where it is no such name.
        NotThere: where the number belongs to another one by now.
    """
    about = data.get(part)
    match = NAMED.fullmatch(str(about.get("id"))) if isinstance(about, dict) else None
    if match is None:
        raise Unfit(f"data.{part}.id")
    row_id = int(match[1])
    born = Topic.date_created if model is Topic else User.date_joined
    created = db.session.scalar(sa.select(born).where(model.id == row_id))
    if created is None or identity(row_id, created) != match[0]:
        raise NotThere
    return row_id, match[0]


def _link(found: Settings, data: dict[str, Any], *, needed: bool) -> str:
    """Return the address to link to; only Many Voices itself is ever linked to."""
    url = data.get("url") or ""
    if not isinstance(url, str) or len(url) > LONGEST_URL or (needed and not url):
        raise Unfit("data.url")
    there, home = urlsplit(url), urlsplit(found.url)
    if url and ((there.scheme, there.netloc) != (home.scheme, home.netloc) or re.search(r"[\s\\]", url)):
        raise Unfit("data.url")
    return url


def _answer(status: int, **said: str) -> tuple[Response, int]:
    current_app.logger.info("Many Voices wrote back: %s", status)
    return jsonify(said), status


DOES: dict[str, Callable[[Settings, dict[str, Any], str], bool]] = {
    "tag.set": _set_tag,
    "tag.clear": _clear_tag,
    "staff_note.put": _put_note,
    "private_link.put": _put_link,
}
