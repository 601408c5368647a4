"""A Discourse as far as docs/discourse.md knows it, over real HTTP: its REST interface and its hooks.

It does what its source is known to do: hooks are signed over the body alone; a retry carries the words of before under
a new event id, a redelivery the same bytes under the same id; an author who deletes leaves a note in their place;
limits are answered in three forms; a hook that got 404 or 410 is given up.
"""

import hmac
import json
import random
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

KEY = "canary-key-5d0be2a41f"
EMAIL = "canary.ann@example.net"
IP = "203.0.113.78"
BIRTHDAY = "1961-02-28"
CANARIES = (KEY, EMAIL, IP, BIRTHDAY)
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACCOUNT = "many-voices"
Told = Callable[[bytes, dict[str, str]], int]

TOO_MANY: dict[str, tuple[int, dict[str, str], str]] = {
    "app": (
        429,
        {"Content-Type": "application/json", "Retry-After": "10"},
        json.dumps({"errors": ["Too many."], "error_type": "rate_limit", "extras": {"wait_seconds": 10}}),
    ),
    "tracker": (
        429,
        {"Content-Type": "text/plain", "Retry-After": "7", "Discourse-Rate-Limit-Error-Code": "ip_10_secs_limit"},
        "Slow down, you're making too many requests.\nPlease retry again in 7 seconds.\nError code: ip_10_secs_limit.",
    ),
    "proxy": (429, {"Content-Type": "text/html"}, "<html><h1>429 Too Many Requests</h1></html>"),
    "body": (
        429,
        {"Content-Type": "application/json"},
        json.dumps({"errors": ["Too many."], "error_type": "rate_limit", "extras": {"wait_seconds": 24}}),
    ),
}


@dataclass
class FakeDiscourse:
    """Switches: `hooks` off loses deliveries; `answers` go out before any other; `is_down` answers 503; `watched` does
    something at the call of that number; `string_tags` gives tags as an older site does; `whispers` off posts a whisper
    in the open; `as_form` calls the body of a hook a form.
    """

    secret: bytes = b""
    told: Told = lambda _body, _headers: 202
    posts: dict[int, dict[str, Any]] = field(default_factory=dict)
    topics: dict[int, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[int, set[str]] = field(default_factory=lambda: {12: set(), 13: set(), 30: set()})
    calls: list[str] = field(default_factory=list)
    called_at: list[float] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    sent: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    watched: tuple[int, Callable[[], None]] = (0, lambda: None)
    hooks: bool = True
    is_active: bool = True
    as_form: bool = False
    is_down: bool = False
    string_tags: bool = False
    whispers: bool = True
    key: str = KEY
    url: str = ""
    _number: int = 100
    _random: random.Random = field(default_factory=lambda: random.Random(7))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What people do there.

    def topic(self, title: str, category: int = 5, archetype: str = "regular") -> int:
        """Open a page; its first post is the blog's own words."""
        number = self._next()
        self.topics[number] = {
            "id": number,
            "title": title,
            "slug": title.lower().replace(" ", "-"),
            "category_id": category,
            "archetype": archetype,
            "created_at": _z(START),
            "deleted_at": None,
            "tags": [],
        }
        self.join("editor")
        self.post(number, "The article itself.", "editor")
        return number

    def join(self, name: str, role: str | list[str] | None = None) -> str:
        if name not in self.users:
            user = {
                "id": self._next(),
                "username": name,
                "name": None,
                "email": EMAIL,
                "secondary_emails": [EMAIL],
                "ip_address": IP,
                "date_of_birth": BIRTHDAY,
                "trust_level": 1,
                "staged": False,
            }
            # The key is absent where nobody answered a field.
            self.users[name] = user | ({"user_fields": {"1": role, "2": BIRTHDAY}} if role else {})
        return name

    def tell_user(self, name: str, event: str) -> None:
        self._emit("user", event, self._seen_user(name))

    def post(self, topic: int, text: str, name: str, *, reply_to: int | None = None, **about: Any) -> int:
        number = self._next()
        made = START + timedelta(seconds=number)
        stands = [post for post in self.posts.values() if post["topic_id"] == topic]
        self.posts[number] = {
            "id": number,
            "topic_id": topic,
            "user_id": self.users[name]["id"],
            "username": name,
            "name": None,
            "post_number": len(stands) + 1,
            "post_type": 1,
            "created_at": _z(made),
            "updated_at": _z(made),
            "version": 1,
            "raw": text,
            "cooked": f"<p>{text}</p>",
            "hidden": False,
            "deleted_at": None,
            "user_deleted": False,
            "reply_to_post_number": reply_to,
            "primary_group_name": None,
            "score": 0.2,
            "reviewable_id": None,
            "ip_address": IP,
        } | about
        self._tell(number, "post_created")
        return number

    def edit(self, number: int, text: str) -> None:
        post = self.posts[number]
        post |= {
            "raw": text,
            "cooked": f"<p>{text}</p>",
            "version": post["version"] + 1,
            "updated_at": self._later(post),
        }
        self._tell(number, "post_edited")

    def hide(self, number: int) -> None:
        self.posts[number]["hidden"] = True
        self._tell(number, "post_edited")

    def show(self, number: int) -> None:
        self.posts[number]["hidden"] = False
        self._tell(number, "post_edited")

    def delete(self, number: int) -> None:
        self.posts[number]["deleted_at"] = _z(START + timedelta(hours=1, seconds=self._next()))
        self._tell(number, "post_destroyed")

    def delete_own(self, number: int) -> None:
        note = "(post deleted by author)"
        self.posts[number] |= {"user_deleted": True, "raw": note, "cooked": f"<p>{note}</p>"}
        self._tell(number, "post_destroyed")

    def recover(self, number: int, text: str | None = None) -> None:
        self.posts[number] |= {"deleted_at": None, "user_deleted": False}
        if text:
            self.posts[number] |= {"raw": text, "cooked": f"<p>{text}</p>"}
        self._tell(number, "post_recovered")

    def move(self, topic: int, category: int) -> None:
        self.topics[topic]["category_id"] = category
        self._emit("topic", "topic_edited", self.topics[topic])

    def delete_topic(self, topic: int) -> None:
        self.topics[topic]["deleted_at"] = _z(START + timedelta(hours=2))
        self._emit("topic", "topic_destroyed", self.topics[topic])

    def recover_topic(self, topic: int) -> None:
        self.topics[topic]["deleted_at"] = None
        self._emit("topic", "topic_recovered", self.topics[topic])

    def retry(self) -> None:
        """Send all once more, each under a new event id, with what it said then."""
        for body, headers in list(self.sent):
            self.told(body, headers | {"X-Discourse-Event-Id": str(self._next())})

    def redeliver(self) -> None:
        """Send all once more just as they were."""
        for body, headers in list(self.sent):
            self.told(body, headers)

    def shown(self) -> dict[str, str]:
        """Return the words of each comment that everybody can see, in the categories 5 and 8."""
        return {
            str(number): post["raw"]
            for number, post in self.posts.items()
            if self._is_public(post)
            and self.topics[post["topic_id"]]["category_id"] in (5, 8)
            and post["post_number"] > 1
            and post["username"] != ACCOUNT
            and post["user_id"] > 0
            and not (post["hidden"] or post["user_deleted"])
        }

    def messages(self) -> list[tuple[str, str, str]]:
        """Return the private messages: to whom, title, words."""
        private = [topic for topic in self.topics.values() if topic["archetype"] == "private_message"]
        return [(topic["to"], topic["title"], self._in(topic["id"])[0]["raw"]) for topic in private]

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
        self.calls.append(f"{request.method} {request.path[1:]}")
        if len(self.calls) == self.watched[0]:
            self.watched[1]()
        self.called_at.append(time.monotonic())
        if self.is_down:
            return Response("<h1>Down</h1>", status=503)
        if self.answers:
            status, headers, body = self.answers.pop(0)
            return Response(body, status=status, headers=headers)
        if (request.headers.get("Api-Key"), request.headers.get("Api-Username")) != (self.key, ACCOUNT):
            return _error("The API username or key is invalid.", "invalid_access", 403)
        form = parse_qsl(request.get_data(as_text=True), keep_blank_values=True)
        path = request.path[1:].removesuffix(".json").split("/")
        return self._routed(request.method, path, dict(request.args), form)

    def _routed(self, method: str, path: list[str], args: dict[str, str], form: list[tuple[str, str]]) -> Response:
        match method, path:
            case "GET", ["session", "current"]:
                return _json({"current_user": {"id": 1, "username": ACCOUNT}})
            case "GET", ["about"]:
                return _json({"about": {"stats": {"posts_count": len(self.posts)}}})
            case "GET", ["site"]:
                return _json({"whispers_allowed_groups_names": ["staff"], "can_tag_topics": True})
            case "GET", ["c", number, "show"]:
                if number not in ("5", "8", "9"):
                    return _missing()
                return _json({"category": {"id": int(number), "read_restricted": number == "9"}})
            case "GET", ["posts"]:
                return _json({"latest_posts": self._latest(int(args.get("before", 10**9)))})
            case "POST", ["posts"]:
                return self._made(dict(form))
            case "GET", ["posts", "by_number", topic, number]:
                found = [post for post in self._in(int(topic)) if post["post_number"] == int(number)]
                return _json(self._flat(found[0])) if found else _missing()
            case method, ["posts", number]:
                return self._one_post(method, int(number), dict(form))
            case "PUT", ["t", "-", number]:
                given = [value for name, value in form if name == "tags[]" and value]
                self.topics[int(number)]["tags"] = given
                return _json({"basic_topic": {"id": int(number)}})
            case "GET", ["t", number]:
                return self._one_topic(int(number), args)
            case "GET", ["topics", "private-messages-sent", _]:
                private = [topic for topic in self.topics.values() if topic["archetype"] == "private_message"]
                return _json({"topic_list": {"topics": private}})
            case "GET", ["u", name]:
                return _json({"user_badges": [], "user": self._seen_user(name)}) if name in self.users else _missing()
            case method, ["groups", number, "members"]:
                named = set(dict(form)["usernames"].split(","))
                held = self.members[int(number)]
                held |= named if method == "PUT" else set()
                held -= named if method == "DELETE" else set()
                return _json({"success": "OK", "usernames": sorted(named)})
        return _missing()

    def _latest(self, before: int) -> list[dict[str, Any]]:
        # It looks at so many ids and not at so many posts, so a page may be short, or empty.
        if before == 10**9:
            before = max(self.posts, default=0)
        window = [self.posts[number] for number in range(before, before - 50, -1) if number in self.posts]
        return [self._listed(post) for post in window if self._is_public(post)]

    def _is_public(self, post: dict[str, Any]) -> bool:
        topic = self.topics[post["topic_id"]]
        return (
            not (post["deleted_at"] or topic["deleted_at"])
            and topic["archetype"] == "regular"
            and post["post_type"] == 1
        )

    def _listed(self, post: dict[str, Any]) -> dict[str, Any]:
        topic = self.topics[post["topic_id"]]
        about = {"topic_title": topic["title"], "topic_slug": topic["slug"], "category_id": topic["category_id"]}
        return self._flat(post) | about

    def _flat(self, post: dict[str, Any]) -> dict[str, Any]:
        return post | {"yours": False, "actions_summary": [{"id": 2, "can_act": True}], "display_username": None}

    def _one_post(self, method: str, number: int, form: dict[str, str]) -> Response:
        if number not in self.posts:
            return _missing()
        if method == "DELETE":
            self.posts[number]["deleted_at"] = _z(START)
            return Response("", status=200)
        if method == "PUT":
            self.posts[number] |= {"raw": form["post[raw]"], "cooked": _cooked(form["post[raw]"])}
            return _json({"post": self._flat(self.posts[number])})
        return _json(self._flat(self.posts[number]))

    def _made(self, form: dict[str, str]) -> Response:
        self.join(ACCOUNT)
        kind = 4 if form.get("whisper") == "true" and self.whispers else 1
        if form.get("archetype") == "private_message":
            topic = self._next()
            self.topics[topic] = {"id": topic, "title": form["title"], "slug": "x", "category_id": None, "tags": []}
            self.topics[topic] |= {"archetype": "private_message", "to": form["target_recipients"], "deleted_at": None}
            self.topics[topic]["created_at"] = _z(START)
        else:
            topic = int(form["topic_id"])
        number = self.post(topic, form["raw"], ACCOUNT, post_type=kind, cooked=_cooked(form["raw"]))
        return _json(self._flat(self.posts[number]))

    def _one_topic(self, number: int, args: dict[str, str]) -> Response:
        topic = self.topics.get(number)
        if topic is None:
            return _missing()
        posts = self._in(number)
        if "username_filters" in args:
            posts = [post for post in posts if post["username"] == args["username_filters"] or post["post_number"] == 1]
        tags = topic["tags"] if self.string_tags else [{"id": 1, "name": tag, "slug": tag} for tag in topic["tags"]]
        stream = {"posts": [self._flat(post) for post in posts[:20]], "stream": [post["id"] for post in posts]}
        return _json(topic | {"tags": tags, "post_stream": stream, "details": {"participants": []}})

    def _in(self, topic: int) -> list[dict[str, Any]]:
        return [post for post in self.posts.values() if post["topic_id"] == topic]

    def _seen_user(self, name: str) -> dict[str, Any]:
        groups = [
            {"id": number, "name": GROUPS[number], "automatic": False}
            for number in self.members
            if name in self.members[number]
        ]
        everybody = {"id": 11, "name": "trust_level_1", "automatic": True}
        return self.users[name] | {"groups": [everybody, *groups]}

    def _tell(self, number: int, event: str) -> None:
        post = self.posts[number]
        topic = self.topics[post["topic_id"]]
        about = {
            "topic_title": topic["title"],
            "topic_slug": topic["slug"],
            "topic_archetype": topic["archetype"],
            "category_id": topic["category_id"],
            "topic_posts_count": 3,
            "topic_filtered_posts_count": 3,
        }
        self._emit("post", event, post | about)

    def _emit(self, kind: str, event: str, payload: dict[str, Any]) -> None:
        if not (self.hooks and self.is_active):
            return
        # What plugins add differs from site to site.
        extras = {f"plugin_{self._random.randrange(10**6)}": True for _ in range(2)}
        body = json.dumps({kind: payload | extras}, separators=(",", ":")).encode()
        headers = {
            "Accept": "*/*",
            "Connection": "close",
            "Content-Type": "application/x-www-form-urlencoded" if self.as_form else "application/json",
            "User-Agent": "Discourse/2026.10.0",
            "X-Discourse-Instance": "https://hub.example.org",
            "X-Discourse-Event-Id": str(self._next()),
            "X-Discourse-Event-Type": kind,
            "X-Discourse-Event": event,
            "X-Discourse-Event-Signature": signature(self.secret, body),
        }
        self.sent.append((body, headers))
        if self.told(body, headers) in (404, 410):
            self.is_active = False

    def _later(self, post: dict[str, Any]) -> str:
        return _z(datetime.fromisoformat(post["created_at"]) + timedelta(minutes=post["version"]))

    def _next(self) -> int:
        self._number += 1
        return self._number


def signature(secret: bytes, body: bytes) -> str:
    """Return the header that signs a body."""
    return "sha256=" + hmac.digest(secret, body, "sha256").hex()


@contextmanager
def running(forum: FakeDiscourse) -> Iterator[FakeDiscourse]:
    """Serve it on this machine."""
    with served(forum) as url:
        forum.url = url
        yield forum


def _json(body: Any) -> Response:
    return Response(json.dumps(body), content_type="application/json; charset=utf-8")


def _error(message: str, kind: str, status: int) -> Response:
    return Response(json.dumps({"errors": [message], "error_type": kind}), status=status)


def _missing() -> Response:
    return _error("The requested URL or resource could not be found.", "not_found", 404)


def _cooked(raw: str) -> str:
    return "".join(f"<p>{part}</p>" for part in raw.split("\n\n"))


def _z(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


GROUPS = {12: "Carers", 13: "Patients", 30: "book-club"}
