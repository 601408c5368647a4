"""A small forum that tells us things, signed as docs/standard-webhooks.md says."""

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from webhooks.signatures import PROFILES, headers_for

CREATED = "2026-11-22T12:00:00Z"


@dataclass
class Forum:
    """Posts deliveries through a test client; `tell` returns the door's answer."""

    client: FlaskClient
    secret: bytes
    slug: str = "hub"
    numbers: Any = field(default_factory=itertools.count)

    def tell(self, type_: str, *, delivery: str = "", at: str = CREATED, **data: Any) -> TestResponse:
        body = json.dumps({"type": type_, "timestamp": at, "data": data}).encode()
        return self.post(body, delivery=delivery)

    def post(self, body: bytes, *, delivery: str = "", **headers: str) -> TestResponse:
        delivery = delivery or f"msg_{next(self.numbers)}"
        signed = headers_for(PROFILES["standard"], self.secret, delivery, int(time.time()), body)
        return self.client.post(
            f"/webhooks/standard/{self.slug}",
            data=body,
            headers={"Content-Type": "application/json", **signed, **headers},
        )

    def ask(self, delivery: str) -> TestResponse:
        signed = headers_for(PROFILES["standard"], self.secret, delivery, int(time.time()), b"")
        return self.client.get(f"/webhooks/standard/{self.slug}/deliveries/{delivery}", headers=signed)

    def posted(self, text: str, id_: str = "1", *, at: str = CREATED, **about: Any) -> TestResponse:
        return self.tell("comment.created", at=at, **whole(text, id_, at=at, **about))

    def edited(self, text: str, id_: str = "1", *, at: str, **about: Any) -> TestResponse:
        return self.tell("comment.updated", at=at, **whole(text, id_, at=at, **about))

    def removed(self, id_: str = "1", *, at: str) -> TestResponse:
        return self.tell("comment.deleted", at=at, comment={"id": id_, "created_at": CREATED})

    def hidden(self, id_: str = "1", *, at: str) -> TestResponse:
        return self.tell("comment.hidden", at=at, comment={"id": id_, "created_at": CREATED})


def whole(text: str, id_: str = "1", *, at: str = CREATED, author: Any = None, **about: Any) -> dict[str, Any]:
    """Return the data of a comment's event."""
    discussion = {
        "id": "d1",
        "title": "Patient safety and co-production",
        "url": "https://hub.example.org/blogs/co-production",
        "kind": "blog",
    }
    comment = {
        "id": id_,
        "url": f"https://hub.example.org/blogs/co-production#c{id_}",
        "text": text,
        "created_at": CREATED,
        "updated_at": at,
    }
    return {
        "comment": comment | about.get("comment", {}),
        "discussion": discussion | about.get("discussion", {}),
        "author": author or {"id": f"a{id_}", "kind": "member", "display_name": f"Member {id_}"},
    }


def minute(minutes: int) -> str:
    """Return a moment this many minutes after the comment was created."""
    return f"2026-11-22T12:{minutes:02d}:00Z"
