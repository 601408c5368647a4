"""An Invision Community as far as docs/invision.md knows it, over real HTTP: its REST interface and its hooks.

It does what the source is known to do: hooks are unsigned JSON that is called a form, come once whatever they are
answered, and do not come at all for an edit, a hide or an unhide; an approval comes as a second `_create`; a bad key
is refused once and its sender banned after that.
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from asked_forum import served
from werkzeug import Request, Response

KEY = "canary-key-0c2f6e1a"
EMAIL = "canary.ann@example.net"
IP = "203.0.113.77"
BIRTHDAY = "1961-02-29"
CANARIES = (KEY, EMAIL, IP, BIRTHDAY, "canary-warning")
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
Told = Callable[[str, bytes, dict[str, str]], None]


@dataclass
class FakeInvision:
    """Switches: `hooks` off loses deliveries; `answers` go out before any other; `is_down` answers 503."""

    told: Told = lambda _event, _body, _headers: None
    comments: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    pages: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    members: dict[int, dict[str, Any]] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    called_at: list[float] = field(default_factory=list)
    clock: Callable[[], float] = time.monotonic
    answers: list[tuple[int, dict[str, str], dict[str, str]]] = field(default_factory=list)
    hooks: bool = True
    lowercase: bool = False
    key: str = KEY
    bad_calls: int = 0
    is_down: bool = False
    url: str = ""
    _number: int = 100
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What people do there.

    def page(self, area: str, title: str, holder: int = 1, **about: Any) -> int:
        number = self._next()
        kind = {"blog": "blog", "forums": "forum"}.get(area, "category")
        page = {"id": number, "title": title, "url": f"https://hub.example.org/{area}/{number}", "date": _z(START)}
        page |= {kind: {"id": holder, "name": "Here"}, "hidden": False, "tags": [], "entry": "<p>The article.</p>"}
        self.pages.setdefault(area, {})[number] = page | about
        return number

    def join(self, name: str, *groups: int, role: str | None = None) -> int:
        number = self._next()
        named = {12: "Carer", 30: "Book club"}
        self.members[number] = {
            "id": number,
            "name": name,
            "profileUrl": f"https://hub.example.org/profile/{number}",
            "email": EMAIL,
            "registrationIpAddress": IP,
            "birthday": BIRTHDAY,
            "warningPoints": "canary-warning",
            "primaryGroup": {"id": 3, "name": "Members", "formattedName": "Members"},
            "secondaryGroups": [{"id": group, "name": named[group]} for group in groups],
            "customFields": {"1": {"name": "About", "fields": {"7": {"name": "I am a", "value": role}}}},
        }
        return number

    def post(self, area: str, page: int, text: str, author: int | str = 0, *, hidden: int = 0, **about: Any) -> int:
        """Let a member (by number) or a guest (by name) post; -3 is "post before registering", which tells nobody."""
        number = self._next()
        guest = {"id": 0, "name": author, "email": EMAIL, "registrationIpAddress": IP}
        self.comments.setdefault(area, {})[number] = {
            "id": number,
            "item_id": page,
            "author": guest if isinstance(author, str) else self.members[author],
            "date": _z(START + timedelta(seconds=number)),
            "content": f"<p>{text}</p>",
            "hidden": hidden,
            "url": f"https://hub.example.org/{area}/{page}/?do=findComment&comment={number}",
            "ip_address": IP,
            "reactions": [],
        } | about
        if hidden != -3:
            self._tell(area, number, "create")
        return number

    def edit(self, area: str, number: int, text: str) -> None:
        self.comments[area][number]["content"] = f"<p>{text}</p>"

    def hide(self, area: str, number: int) -> None:
        self.comments[area][number]["hidden"] = -1

    def show(self, area: str, number: int) -> None:
        was = self.comments[area][number]["hidden"]
        self.comments[area][number]["hidden"] = 0
        if was == 1:
            self._tell(area, number, "create")

    def delete(self, area: str, number: int) -> None:
        gone = self._seen(self.comments[area][number])
        del self.comments[area][number]
        self._send(f"{CLASSES.get(area, CMS.format(area[3:]))}_delete", gone)

    def complete(self, number: int) -> None:
        """Finish signing up: what was posted before comes into sight, and only the member is told of."""
        for comments in self.comments.values():
            for comment in comments.values():
                if comment["hidden"] == -3 and comment["author"]["name"] == self.members[number]["name"]:
                    comment |= {"hidden": 0, "author": self.members[number]}
        self._send("member_registration_complete", self.members[number])

    def shown(self) -> dict[str, str]:
        """Return the words of each comment that anybody can see."""
        return {
            f"{area}:{number}": comment["content"].removeprefix("<p>").removesuffix("</p>")
            for area, comments in self.comments.items()
            for number, comment in comments.items()
            if comment["hidden"] == 0 and not self.pages[area][comment["item_id"]]["hidden"]
        }

    def most_calls_in(self, seconds: float) -> int:
        """Return the most calls that came within any such time."""
        times = self.called_at
        return max((sum(1 for at in times if first <= at < first + seconds) for first in times), default=0)

    # What programs see.

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ)
        with self._lock:
            return self._answer(request)(environ, start)

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/api/")
        self.calls.append(f"{request.method} {path}")
        self.called_at.append(self.clock())
        if self.is_down:
            return Response("<h1>Down</h1>", status=503)
        if self.answers:
            status, headers, body = self.answers.pop(0)
            return Response(json.dumps(body), status=status, headers=headers)
        if request.authorization is None or request.authorization.username != self.key:
            self.bad_calls += 1
            return _error(*(("INVALID_API_KEY", 401) if self.bad_calls == 1 else ("IP_ADDRESS_BANNED", 403)))
        form = [(name, value) for name, value in parse_qsl(request.get_data(as_text=True), keep_blank_values=True)]
        return self._routed(request.method, path.split("/"), dict(request.args), form)

    def _routed(self, method: str, path: list[str], args: dict[str, str], form: list[tuple[str, str]]) -> Response:
        if path == ["core", "hello"]:
            return _json({"communityName": "The hub"})
        if path == ["core", "messages"]:
            self.messages.append(dict(form))
            return _json({"id": len(self.messages)})
        if path[:2] == ["core", "members"]:
            return self._one(self.members, int(path[2]), method, form)
        area = f"cms{path.pop(2)}" if path[0] == "cms" else path[0]
        if path[1] in ("comments", "posts"):
            rows = self.comments.setdefault(area, {})
            if len(path) > 2:
                return self._one(rows, int(path[2]), method, form)
            return self._listed(area, rows, args)
        rows = self.pages.setdefault(area, {})
        if len(path) > 2:
            return self._one(rows, int(path[2]), method, form)
        if method == "POST":
            return self._topic(dict(form))
        held = [row for row in rows.values() if row["forum"]["id"] in map(int, args["forums"].split(","))]
        return _json({"page": 1, "perPage": 25, "totalResults": len(held), "totalPages": 1, "results": held})

    def _one(self, rows: dict[int, Any], number: int, method: str, form: list[tuple[str, str]]) -> Response:
        if number not in rows:
            return _error("INVALID_ID", 404)
        if method == "POST":
            for name, value in dict(form).items():
                # Tags go in as a list with commas and come out as objects.
                kept = [{"name": tag} for tag in value.split(",") if tag] if name == "tags" else value
                rows[number][{"post": "content"}.get(name, name)] = kept
            if any(name.startswith("secondaryGroups") for name, _ in form):
                given = [int(value) for name, value in form if name == "secondaryGroups[]"]
                rows[number].pop("secondaryGroups[]", None)
                rows[number]["secondaryGroups"] = [{"id": group, "name": str(group)} for group in given]
        return _json(self._seen(rows[number]))

    def _listed(self, area: str, rows: dict[int, Any], args: dict[str, str]) -> Response:
        holder = {"blog": "blogs", "forums": "forums"}.get(area, "categories")
        kind = {"blog": "blog", "forums": "forum"}.get(area, "category")
        found = [row for row in rows.values() if row["hidden"] != -3]
        if "hidden" in args:
            found = [row for row in found if bool(row["hidden"]) is (args["hidden"] == "1")]
        if "authors" in args:
            found = [row for row in found if str((row["author"] or {"id": 0})["id"]) == args["authors"]]
        if holder in args:
            found = [
                row for row in found if str(self.pages[area][row["item_id"]][kind]["id"]) in args[holder].split(",")
            ]
        found.sort(key=lambda row: row["date"], reverse=args.get("sortDir") == "desc")
        size, page = int(args.get("perPage", "25")), int(args.get("page", "1"))
        results = [self._seen(row) for row in found[(page - 1) * size : page * size]]
        pages = max(1, -(-len(found) // size))
        about = {"page": page, "perPage": size, "totalResults": len(found), "totalPages": pages}
        return _json(about | {"results": results})

    def _topic(self, form: dict[str, str]) -> Response:
        post = self._next()
        number = self.page("forums", form["title"], int(form["forum"]))
        first = {"id": post, "item_id": number, "content": form["post"], "hidden": 0, "date": _z(START)}
        self.comments.setdefault("forums", {})[post] = first | {
            "author": {"id": int(form.get("author", 0)), "name": "Us"}
        }
        self.pages["forums"][number]["firstPost"] = self.comments["forums"][post]
        return _json(self.pages["forums"][number])

    def _seen(self, row: dict[str, Any]) -> dict[str, Any]:
        # Both hidden states look the same.
        return row | ({"hidden": bool(row["hidden"])} if "hidden" in row else {})

    def _tell(self, area: str, number: int, what: str) -> None:
        self._send(f"{CLASSES.get(area, CMS.format(area[3:]))}_{what}", self._seen(self.comments[area][number]))

    def _send(self, event: str, payload: dict[str, Any]) -> None:
        if self.hooks:
            event = event.lower() if self.lowercase else event
            basic = base64.b64encode(f"{self.key}:".encode()).decode()
            headers = {
                "Webhook-Event": event,
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": "InvisionCommunity/5000000",
                "Authorization": f"Basic {basic}",
            }
            self.told(event, json.dumps(payload).encode(), headers)

    def _next(self) -> int:
        self._number += 1
        return self._number


@contextmanager
def running(forum: FakeInvision) -> Iterator[FakeInvision]:
    """Serve it on this machine."""
    with served(forum) as url:
        forum.url = url + "/api"
        yield forum


def _json(body: Any) -> Response:
    return Response(json.dumps(body), content_type="application/json")


def _error(message: str, status: int) -> Response:
    return Response(json.dumps({"errorCode": "1S290/D", "errorMessage": message}), status=status)


def _z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


CMS = "cmsRecordsComment{}"
CLASSES = {"blog": "blogEntryComment", "forums": "forumsTopicPost"}
