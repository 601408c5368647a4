"""Programs that use the desk by a token, and the two insights that most of their stories are about."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from forum import Forum
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import writing
from plugin.store.staff import add_staff
from plugin.store.tokens import new_token

DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
NURSE = "I am a community nurse. We changed our handover last spring: whoever visits next rings the family first."


class Program:
    """A program with a token, which speaks JSON and keeps no cookie."""

    def __init__(self, app: Flask, token: str) -> None:
        self.client = app.test_client(use_cookies=False)
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(f"/api/v1{path}", query_string=query, headers=self.headers)

    def post(self, path: str, body: Any = None, seen: str | None = None) -> TestResponse:
        headers = self.headers | ({"If-Match": seen} if seen else {})
        return self.client.post(f"/api/v1{path}", json=body, headers=headers)


def token_for(service: Service, email: str, community: Community) -> str:
    with writing(service.db) as conn:
        user_id = add_staff(conn, email, "editor", community.id)
        now = datetime.now(UTC)
        return new_token(conn, user_id, name="evening report", days=30, may_write=True, at=now)[1]


def two_insights(client: FlaskClient, secret: bytes, worker: Callable[[], None]) -> tuple[int, int]:
    """Let a carer and then a nurse write on the hub, and return the numbers of their insights."""
    forum = Forum(client, secret)
    for number, text in enumerate((DAD, NURSE), start=1):
        forum.posted(text, str(number))
        worker()
    return 1, 2
