"""What Discourse says by REST, the event that it means, and how it is told something back.

Its hooks are signed, but a retry carries old words and the order is not promised (docs/discourse.md): so a post is read
by its id, and only what is said of a member is believed as it comes.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from marshmallow import fields, validate

from plugin.channels.webhook import Message, NotTaken
from plugin.events import (
    CommentApproved,
    CommentHidden,
    CommentPosted,
    CommentRef,
    CommentRemoved,
    DiscussionEdited,
    Event,
    MemberChanged,
    MemberCompleted,
    MemberJoined,
    MemberRemoved,
    Source,
)
from plugin.forums.lenient import (
    LONGEST_NAME,
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_GROUPS,
    Lenient,
    Unreadable,
    fit,
    loaded,
    plain_url,
    stamp,
)
from plugin.forums.polled import (
    LINK_TITLE,
    LINK_WORDS,
    Batch,
    Finding,
    Hint,
    MemberFacts,
    Memory,
    tags_wanted,
)
from plugin.forums.rest import Manners, Rest
from plugin.forums.settings import PER_MINUTE, BadSetting, groups_in, is_on, numbers_in, per_minute_in
from plugin.model import Audience, Author, Comment, Discussion
from plugin.store.held import Known
from plugin.wording import one_line, plain_text

# A list of newest posts looks at so many ids below the one it is given, and may find fewer posts there, or none.
IDS_ON_A_PAGE = 50
NEWEST_PAGES = 2
# What a poll or a backfill remembers of pages and people, so that it holds no more however long it reads.
MOST_REMEMBERED = 500
REGULAR_POST, WHISPER = 1, 4
# https://docs.discourse.org asks to be left alone for so long where nothing says how long.
WAIT = 10.0

# Above the words of a quote stand who is quoted, their picture, and buttons.
QUOTE_TITLE = re.compile(r'<div class="title">(?:\s*<div class="quote-controls">.*?</div>)?.*?</div>', re.DOTALL)
UNFIT_ACCOUNT = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of a connection, read.

    `account` is the user that our key stands for; what it wrote is never news. `categories` are the ids of those that
    we read; `role_fields` the ids of user fields that say a stakeholder type; `staff_group` takes the moderators'
    notes as messages, where they are not whispers; `groups` gives the group of the forum for a label of ours;
    `per_minute` is how many calls it permits.
    """

    account: str
    categories: frozenset[int]
    audience: Audience = "public"
    role_fields: frozenset[str] = frozenset()
    opening_posts: bool = False
    topic_tags: bool = False
    whispers: bool = False
    staff_group: str | None = None
    private_links: bool = True
    groups: Mapping[str, int] | None = None
    per_minute: int = PER_MINUTE
    anonymous_names: tuple[str, ...] = ("anonymous",)

    @property
    def sends_links(self) -> bool:
        """Return whether members can be sent the link to their own page."""
        return self.private_links


def setup_from(settings: Mapping[str, Any]) -> Setup:
    """Return the settings of a connection, as `manyvoices community connect --setting name=value` takes them.

    Raises:
        BadSetting: where one makes no sense.
    """
    account = str(settings.get("account") or "")
    if not account or UNFIT_ACCOUNT.search(account):
        raise BadSetting("account is the user name that the key stands for, such as account=many-voices")
    categories = frozenset(numbers_in(settings, "categories"))
    if not categories:
        # A key sees the staff's categories too, so "all" is never taken for an answer.
        raise BadSetting("categories is the numbers of the categories to read, such as categories=5,8")
    audience = settings.get("audience", "public")
    if audience not in ("public", "members"):
        raise BadSetting("audience is public or members")
    notes, _, group = str(settings.get("staff_notes", "off")).partition(":")
    if (notes, bool(group)) not in (("off", False), ("whisper", False), ("message", True)):
        raise BadSetting("staff_notes is off, whisper, or message:GROUP")
    return Setup(
        account=account,
        categories=categories,
        audience=audience,
        role_fields=frozenset(map(str, numbers_in(settings, "role_fields"))),
        opening_posts=is_on(settings, "opening_posts", default=False),
        topic_tags=is_on(settings, "topic_tags", default=False),
        whispers=notes == "whisper",
        staff_group=group or None,
        private_links=is_on(settings, "private_links", default=True),
        groups=groups_in(settings),
        per_minute=per_minute_in(settings),
        anonymous_names=tuple(
            one_line(name).casefold() for name in str(settings.get("anonymous_names", "anonymous")).split(",")
        ),
    )


def manners(keys: Mapping[str, str], setup: Setup) -> Manners:
    """Return how a Discourse is asked: the key and the account that it stands for go in headers of their own."""
    return Manners(
        # Something that we may not do is refused with 403 like a bad key, so that stops us only where we read.
        is_refusal=lambda method, status: status == 401 or (status == 403 and method == "GET"),
        is_missing=lambda status, _answer: status in (404, 410),
        headers={"Api-Key": keys["api_key"], "Api-Username": setup.account},
        wait_asked=_wait_asked,
    )


def _wait_asked(answer: Mapping[str, Any]) -> float:
    extras = answer.get("extras")
    seconds = extras.get("wait_seconds") if isinstance(extras, dict) else None
    return float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 86_400 else WAIT


class GroupSchema(Lenient):
    """A group of members."""

    id = fields.Integer(load_default=0)
    name = fields.String(load_default="")
    automatic = fields.Boolean(load_default=False)


class UserSchema(Lenient):
    """A member: no address, no IP, no birthday, though an administrator's key is told all of them."""

    id = fields.Integer(required=True)
    username = fields.String(load_default="")
    groups = fields.List(fields.Nested(GroupSchema), load_default=list)
    user_fields = fields.Raw(load_default=None)
    staged = fields.Boolean(load_default=False)


class PostSchema(Lenient):
    """A post, by hook or by REST: the two differ only in what falls."""

    id = fields.Integer(required=True, validate=validate.Range(min=1))
    topic_id = fields.Integer(required=True, validate=validate.Range(min=1))
    post_number = fields.Integer(required=True)
    post_type = fields.Integer(required=True)
    created_at = fields.AwareDateTime(required=True, format="iso", default_timezone=UTC)
    updated_at = fields.AwareDateTime(load_default=None, format="iso", default_timezone=UTC)
    version = fields.Integer(load_default=1)
    user_id = fields.Integer(load_default=0)
    username = fields.String(load_default="")
    primary_group_name = fields.String(load_default=None)
    raw = fields.String(load_default="", validate=validate.Length(max=LONGEST_TEXT))
    cooked = fields.String(load_default="", validate=validate.Length(max=LONGEST_TEXT))
    hidden = fields.Boolean(load_default=False)
    deleted_at = fields.String(load_default=None)
    user_deleted = fields.Boolean(load_default=False)
    reply_to_post_number = fields.Integer(load_default=None)
    category_id = fields.Integer(load_default=None)
    topic_archetype = fields.String(load_default=None)


class TopicSchema(Lenient):
    """A page, by hook or by REST."""

    id = fields.Integer(required=True, validate=validate.Range(min=1))
    title = fields.String(load_default="")
    slug = fields.String(load_default="")
    created_at = fields.AwareDateTime(load_default=None, format="iso", default_timezone=UTC)
    category_id = fields.Integer(load_default=None)
    archetype = fields.String(load_default="regular")
    deleted_at = fields.String(load_default=None)
    tags = fields.Raw(load_default=None)


@dataclass(frozen=True, slots=True)
class Mapper:
    """Turns what was read into events. Pure: the same objects, memory and moment give the same events."""

    community: str
    base_url: str
    setup: Setup

    def is_ours(self, topic: Mapping[str, Any]) -> bool:
        """Return whether a page stands where we read."""
        return topic["archetype"] == "regular" and topic["category_id"] in self.setup.categories

    def is_comment(self, post: Mapping[str, Any]) -> bool:
        """Return whether a post is somebody's contribution: no whisper, no note of the system, nothing of our own."""
        own = post["username"].casefold() == self.setup.account.casefold()
        is_opening = post["post_number"] == 1 and not self.setup.opening_posts
        return post["post_type"] == REGULAR_POST and not own and not is_opening and post["user_id"] >= 0

    def is_shown(self, post: Mapping[str, Any]) -> bool:
        """Return whether everybody who may read the page sees this post."""
        return not (post["hidden"] or self.is_gone(post))

    def is_gone(self, post: Mapping[str, Any]) -> bool:
        """Return whether a post was deleted: by staff, or by its author, whose words give way to a note at once."""
        return bool(post["deleted_at"] or post["user_deleted"])

    def is_anonymous(self, name: str) -> bool:
        """Return whether this is an account of those who write without a name: the forum numbers them."""
        return name.casefold().rstrip("0123456789") in self.setup.anonymous_names

    def author(self, post: Mapping[str, Any], user: Mapping[str, Any] | None) -> Author:
        """Return who wrote a post, with what the forum says of them now."""
        name = post["username"]
        if self.is_anonymous(name):
            return Author(native_id=None, kind="anonymous")
        if user is not None:
            return self.member(user)
        group = one_line(fit(post["primary_group_name"] or ""))[:LONGEST_NAME]
        return Author(
            native_id=str(post["user_id"]),
            kind="member",
            display_name=one_line(fit(name))[:LONGEST_NAME] or None,
            profile_url=self._profile(name),
            groups=(group,) if group else (),
        )

    def member(self, user: Mapping[str, Any]) -> Author:
        """Return a member as a look-up or a hook shows them; the groups that everybody is in say nothing."""
        named = (one_line(fit(group["name"]))[:LONGEST_NAME] for group in user["groups"] if not group["automatic"])
        return Author(
            native_id=str(user["id"]),
            kind="member",
            display_name=one_line(fit(user["username"]))[:LONGEST_NAME] or None,
            profile_url=self._profile(user["username"]),
            groups=tuple(dict.fromkeys(name for name in named if name))[:MOST_GROUPS],
            declared=tuple(self._declared(user["user_fields"])),
        )

    def discussion(self, topic: Mapping[str, Any]) -> Discussion:
        """Return the page that a comment stands on."""
        return Discussion(
            native_id=str(topic["id"]),
            title=one_line(fit(topic["title"]))[:LONGEST_TITLE] or f"Topic {topic['id']}",
            url=self._topic_url(topic),
            kind="topic",
            published_at=topic["created_at"],
            audience=self.setup.audience,
        )

    def words(self, post: Mapping[str, Any]) -> str:
        """Return what somebody wrote, from the HTML that the forum made of it: there quotes are marked for certain."""
        return plain_text(QUOTE_TITLE.sub("", fit(post["cooked"] or post["raw"])))

    def is_news(self, post: Mapping[str, Any], known: Known | None) -> bool:
        """Return whether a visible post differs from what we hold: in its words, or in whether it may be seen."""
        if known is None or known.created_at != post["created_at"].astimezone(UTC) or known.state != "visible":
            return True
        # We let go of its words, by age or for its author: a look by the clock does not bring them back.
        return known.text is not None and known.text != self.words(post)

    def shown(
        self,
        post: Mapping[str, Any],
        topic: Mapping[str, Any],
        author: Author,
        known: Known | None,
        *,
        parent: str | None,
        at: datetime,
        source: Source,
    ) -> Event:
        """Return the event that a visible post means."""
        created = post["created_at"].astimezone(UTC)
        kind: Callable[..., Event] = CommentPosted if known is None else CommentApproved
        return kind(
            key=self._key(post, "visible", known, source),
            community=self.community,
            occurred_at=created if source == "backfill" else max(at, created),
            source=source,
            comment=Comment(
                native_id=str(post["id"]),
                created_at=created,
                updated_at=max(created, (post["updated_at"] or created).astimezone(UTC)),
                text=self.words(post),
                url=plain_url(f"{self._topic_url(topic)}/{post['post_number']}"),
                parent_id=parent,
            ),
            discussion=self.discussion(topic),
            author=author,
        )

    def absent(self, native_id: str, known: Known, what: str, *, at: datetime, source: Source) -> Event:
        """Return that a comment which we hold is `hidden`, or `deleted`; an administrator may bring either back."""
        kind: Callable[..., Event] = CommentRemoved if what == "deleted" else CommentHidden
        return kind(
            key=f"discourse:{self.community}:{native_id}:{stamp(known.created_at)}:{what}:{known.transitions}",
            community=self.community,
            occurred_at=at,
            source=source,
            comment=CommentRef(native_id, known.created_at),
        )

    def page_changed(self, topic: Mapping[str, Any], *, at: datetime) -> Event:
        """Return that a page has a new title or address."""
        page = self.discussion(topic)
        digest = hashlib.sha256(f"{page.title}\n{page.url}".encode()).hexdigest()[:16]
        return DiscussionEdited(
            key=f"discourse:{self.community}:topic:{topic['id']}:{digest}:{stamp(at)}",
            community=self.community,
            occurred_at=at,
            source="webhook",
            discussion=page,
        )

    def about_member(self, what: str, user: Mapping[str, Any], *, at: datetime) -> list[Event]:
        """Return what a signed hook says of a member: joined, completed, changed, removed. Known by id, once each.

        A change has no number and no time of its own, so it counts again each minute: said twice it changes nothing.
        """
        if user["id"] <= 0 or user["staged"]:
            return []
        author = self.member(user)
        told = f"{author.display_name}\n{author.groups}\n{author.declared}"
        digest = f":{hashlib.sha256(told.encode()).hexdigest()[:16]}:{at:%Y%m%dT%H%M}" if what == "changed" else ""
        facts = MemberFacts(
            key=f"discourse:{self.community}:member:{user['id']}:{what}{digest}",
            community=self.community,
            occurred_at=at,
            source="webhook",
        )
        if what == "removed":
            return [MemberRemoved(**facts, author=Author(str(user["id"]), "member"))]
        return [MEMBER_EVENTS[what](**facts, author=author)]

    def _key(self, post: Mapping[str, Any], state: str, known: Known | None, source: Source) -> str:
        """Return the key of a fact; the number of what we stored before tells A, B and A again apart."""
        past = "backfill:" if source == "backfill" else ""
        updated = stamp(post["updated_at"] or post["created_at"])
        what = f"{past}{post['id']}:{stamp(post['created_at'])}:{state}:v{post['version']}:{updated}"
        return f"discourse:{self.community}:{what}:{known.transitions if known else 0}"

    def _topic_url(self, topic: Mapping[str, Any]) -> str:
        slug = f"/{topic['slug']}" if topic["slug"] else ""
        return plain_url(f"{self.base_url}/t{slug}/{topic['id']}") or self.base_url

    def _profile(self, name: str) -> str | None:
        return plain_url(f"{self.base_url}/u/{name}") if name else None

    def _declared(self, said: Any) -> Iterator[tuple[str, str]]:
        """Yield what the configured user fields say; members without any have none at all."""
        for number, value in said.items() if isinstance(said, dict) else ():
            for one in value if isinstance(value, list) else [value]:
                if str(number) in self.setup.role_fields and isinstance(one, str) and one_line(fit(one)):
                    yield str(number), one_line(fit(one))[:LONGEST_NAME]


class Discourse:
    """A Discourse that we can ask. Every method raises NotTaken where it did not answer."""

    def __init__(
        self,
        rest: Rest,
        memory: Memory,
        setup: Setup,
        *,
        community: str,
        base_url: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rest = rest
        self._memory = memory
        self._setup = setup
        self._mapper = Mapper(community, base_url, setup)
        self._now = now
        self._topics: dict[int, dict[str, Any] | None] = {}
        self._users: dict[str, dict[str, Any] | None] = {}

    def read(self, hint: Hint) -> list[Event]:
        """Return what holds now of what a hint is about; nothing where it is not ours to read."""
        self._forget()
        if not hint.native_id.isdecimal():
            return []
        return HINTS[hint.kind](self, int(hint.native_id)) if hint.kind in HINTS else []

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Yield what differs from what we hold: the newest posts, and an older page in turn.

        `cursor` holds below which id the older page begins.
        """
        self._forget()
        below: int | None = None
        for _ in range(NEWEST_PAGES):
            posts, below = self._page(below)
            yield Batch(tuple(self._news(posts)), dict(cursor), read=len(posts))
            if not below:
                break
        older = int(cursor.get("older") or 0) or below
        if older:
            posts, after = self._page(older)
            yield Batch(tuple(self._news(posts)), {"older": after}, read=len(posts))

    def history(self, cursor: Mapping[str, Any], since: datetime | None) -> Iterator[Batch]:
        """Yield all comments that can be seen, newest first, a page at a time.

        `cursor` holds below which id the next page begins, 0 at the end; a page read before gives the same keys.
        """
        self._forget()
        below: int | None = cursor.get("below")
        total = None if below == 0 else self._count()
        while below != 0:
            at = self._now()
            posts, below = self._page(below)
            fresh = [post for post in posts if since is None or post["created_at"] >= since]
            events = tuple(self._differing(fresh, at, source="backfill"))
            if since is not None and posts and not fresh:
                below = 0
            yield Batch(events, {"below": below}, read=len(posts), total=total)

    def examine(self) -> list[Finding]:
        """Look at the address, the key, its rights and the settings; stop at the first refusal."""
        found: list[Finding] = []
        for look in LOOKS:
            try:
                found += look(self)
            except NotTaken as error:
                what = "address and key" if not found else "right to read"
                found.append(Finding(what, False, f"{error}: {ADVICE if error.is_refusal else 'try again later'}"))
                return found
        # Which hooks there are can be asked by an administrator's key only, and ours need not be one.
        found.append(Finding("webhook", True, "see Admin > Advanced > Webhooks: docs/discourse.md, step 4"))
        return found

    def send(self, message: Message) -> None:
        """Tell the forum something, as far as its settings switch that on. The same message twice changes nothing."""
        sender = SENDERS.get(message.type)
        if sender:
            sender(self, message.data)

    def _post(self, number: int) -> list[Event]:
        at = self._now()
        answer = self._rest.get(f"posts/{number}.json", {})
        if answer is not None:
            return list(self._differing([loaded(POST, answer)], at, source="webhook"))
        known = self._memory.known(str(number))
        gone = known is not None and known.state != "deleted"
        return [self._mapper.absent(str(number), known, "deleted", at=at, source="webhook")] if known and gone else []

    def _moved(self, number: int) -> list[Event]:
        """Take a post out of sight that stands where we do not read by now: the signed hook says so."""
        known = self._memory.known(str(number))
        if known is None or known.state != "visible":
            return []
        return [self._mapper.absent(str(number), known, "hidden", at=self._now(), source="webhook")]

    def _topic_changed(self, number: int) -> list[Event]:
        at = self._now()
        topic = self._topic(number)
        if topic is None or topic["deleted_at"] or not self._mapper.is_ours(topic):
            return self._topic_gone(number)
        events = [self._mapper.page_changed(topic, at=at)] if self._memory.held_on(str(number), "visible") else []
        for state in ("hidden", "deleted"):
            for native_id in self._memory.held_on(str(number), state):
                events += self._post(int(native_id))
        return events

    def _topic_gone(self, number: int) -> list[Event]:
        return [
            event for native_id in self._memory.held_on(str(number), "visible") for event in self._moved(int(native_id))
        ]

    def _news(self, posts: Sequence[dict[str, Any]]) -> Iterator[Event]:
        """Yield what a page of the list says, and what became of comments that ought to stand on it and do not."""
        at = self._now()
        yield from self._differing(posts, at, source="reconcile")
        if not posts:
            return
        here = {str(post["id"]) for post in posts}
        dates = [post["created_at"] for post in posts]
        for native_id in self._memory.held_between("", "visible", min(dates), max(dates)):
            # A list may be a moment old, so only the post itself is believed.
            if native_id not in here and native_id.isdecimal():
                for event in self._post(int(native_id)):
                    yield replace(event, source="reconcile")

    def _differing(self, posts: Sequence[dict[str, Any]], at: datetime, source: Source) -> Iterator[Event]:
        """Yield an event for each post that is news to us and stands where we read."""
        for post in posts:
            native_id = str(post["id"])
            known = self._memory.known(native_id)
            is_past = source == "backfill"
            if is_past and known is not None:
                continue
            if not self._mapper.is_comment(post) or not self._mapper.is_shown(post):
                yield from self._out_of_sight(post, native_id, known, at, source)
                continue
            if post["category_id"] is not None and post["category_id"] not in self._setup.categories:
                yield from self._out_of_sight(post, native_id, known, at, source)
                continue
            # A list says where its posts stand; a post by itself does not, and may have been moved.
            is_news = self._mapper.is_news(post, known)
            if not is_news and post["category_id"] is not None:
                continue
            topic = self._topic(post["topic_id"])
            if topic is None or topic["deleted_at"] or not self._mapper.is_ours(topic):
                yield from self._out_of_sight(post, native_id, known, at, source)
                continue
            if not is_news:
                continue
            author = self._mapper.author(post, self._user(post["username"]))
            parent = self._parent(post) if not is_past else None
            yield self._mapper.shown(post, topic, author, known, parent=parent, at=at, source=source)

    def _out_of_sight(
        self, post: Mapping[str, Any], native_id: str, known: Known | None, at: datetime, source: Source
    ) -> Iterator[Event]:
        if known is None or known.state == "deleted":
            return
        if self._mapper.is_gone(post):
            yield self._mapper.absent(native_id, known, "deleted", at=at, source=source)
        elif known.state == "visible":
            yield self._mapper.absent(native_id, known, "hidden", at=at, source=source)

    def _page(self, below: int | None) -> tuple[list[dict[str, Any]], int]:
        """Return the posts of one page of the list, and below which id the next one begins: 0 after the last.

        Whether `before` counts itself in, and whether a page without posts is the end, differs: neither is relied on.
        """
        answer = self._rest.get("posts.json", {"before": below} if below else {})
        if answer is None or not isinstance(answer.get("latest_posts"), list):
            raise Unreadable("posts.json is no list")
        posts = [loaded(POST, one) for one in answer["latest_posts"]]
        posts = [post for post in posts if below is None or post["id"] < below]
        if not posts:
            return posts, max(0, below - IDS_ON_A_PAGE + 1) if below else 0
        lowest: int = min(post["id"] for post in posts)
        return posts, lowest if lowest > 1 else 0

    def _count(self) -> int | None:
        about = (self._rest.get("about.json", {}) or {}).get("about")
        stats = about.get("stats") if isinstance(about, dict) else None
        count = (stats.get("posts_count") or stats.get("post_count")) if isinstance(stats, dict) else None
        return count if isinstance(count, int) else None

    def _topic(self, number: int) -> dict[str, Any] | None:
        if number not in self._topics:
            answer = self._rest.get(f"t/{number}.json", {})
            self._topics[number] = None if answer is None else loaded(TOPIC, answer)
            _let_go(self._topics)
        return self._topics[number]

    def _user(self, name: str) -> dict[str, Any] | None:
        """Return a member with what they declared, where the settings make any of it count."""
        is_looked_at = self._setup.role_fields or self._setup.groups
        if not is_looked_at or not name or UNFIT_ACCOUNT.search(name) or self._mapper.is_anonymous(name):
            return None
        if name not in self._users:
            answer = self._rest.get(f"u/{name}.json", {})
            self._users[name] = None if answer is None else loaded(USER, answer.get("user"))
            _let_go(self._users)
        return self._users[name]

    def _parent(self, post: Mapping[str, Any]) -> str | None:
        number = post["reply_to_post_number"] or 0
        if number < (1 if self._setup.opening_posts else 2):
            return None
        answer = self._rest.get(f"posts/by_number/{post['topic_id']}/{number}.json", {})
        return str(answer["id"]) if answer and isinstance(answer.get("id"), int) else None

    def _forget(self) -> None:
        self._topics.clear()
        self._users.clear()

    def _name_of(self, data: Mapping[str, Any]) -> str | None:
        """Return what the forum calls a member by now: a comment of theirs shows it."""
        native_id = str(data.get("comment", {}).get("id", ""))
        answer = self._rest.get(f"posts/{native_id}.json", {}) if native_id.isdecimal() else None
        if answer is None or str(answer.get("user_id")) != str(data["author"]["id"]):
            return None
        name = answer.get("username")
        return name if isinstance(name, str) and not UNFIT_ACCOUNT.search(name) else None

    def _tag_topic(self, data: Mapping[str, Any]) -> None:
        """Give the topic the tags of the labels that its authors agreed to show; what others put there stays."""
        number = str(data["discussion"]["id"])
        answer = self._rest.get(f"t/{number}.json", {}) if self._setup.topic_tags and number.isdecimal() else None
        wanted = tags_wanted(answer.get("tags"), data["page_labels"]) if answer else None
        if wanted is not None:
            # An empty list needs a name too, or it would say nothing.
            self._rest.put(f"t/-/{number}.json", [("tags[]", tag) for tag in wanted or [""]])

    def _join_groups(self, data: Mapping[str, Any]) -> None:
        """Let a member be in the groups of these labels and in no other group of ours; all their other groups stay."""
        ours = self._setup.groups
        name = self._name_of(data) if ours else None
        answer = self._rest.get(f"u/{name}.json", {}) if name else None
        if not ours or name is None or answer is None:
            return
        there = {group["id"] for group in loaded(USER, answer.get("user"))["groups"]}
        wanted = {ours[label] for label in data["labels"] if label in ours}
        for group in sorted(wanted - there):
            self._rest.put(f"groups/{group}/members.json", {"usernames": name})
        for group in sorted((set(ours.values()) - wanted) & there):
            self._rest.delete(f"groups/{group}/members.json", {"usernames": name})

    def _put_note(self, data: Mapping[str, Any]) -> None:
        """Put the figures of a discussion where its moderators alone read them, in place of the older ones."""
        number = str(data["discussion"]["id"])
        mark = f"[{data['key'].replace('discussion:', 'd')}]"
        lines = [line for line in str(data["text"]).splitlines() if line.strip()]
        if not number.isdecimal():
            return
        if self._setup.whispers:
            self._whisper(number, "\n\n".join([*lines, str(data["url"]), mark]), mark)
        elif self._setup.staff_group:
            self._message_staff(number, "\n\n".join([*lines, str(data["url"])]), mark)

    def _whisper(self, topic: str, words: str, mark: str) -> None:
        answer = self._rest.get(f"t/{topic}.json", {"username_filters": self._setup.account})
        if answer is None:
            return
        for post in _posts_of(answer):
            if post.get("post_type") == WHISPER and mark in str(post.get("cooked")):
                self._rest.put(f"posts/{post['id']}.json", {"post[raw]": words})
                return
        made = self._rest.post("posts.json", {"raw": words, "topic_id": int(topic), "whisper": "true"}) or {}
        if made.get("post_type") != WHISPER:
            # What was meant for moderators stands in the open: away with it.
            self._rest.delete(f"posts/{made.get('id')}.json", {})
            raise NotTaken("whispers are off for our account", permanent=True)

    def _message_staff(self, topic: str, words: str, mark: str) -> None:
        sent = self._rest.get(f"topics/private-messages-sent/{self._setup.account}.json", {}) or {}
        listed = sent.get("topic_list")
        for one in (listed.get("topics") or []) if isinstance(listed, dict) else []:
            if isinstance(one, dict) and str(one.get("title", "")).endswith(mark):
                first = _posts_of(self._rest.get(f"t/{one['id']}.json", {}) or {})
                if first:
                    self._rest.put(f"posts/{first[0]['id']}.json", {"post[raw]": words})
                    return
        page = self._topic(int(topic))
        title = one_line(fit(page["title"]))[:LONGEST_NAME] if page else f"topic {topic}"
        self._write_to(str(self._setup.staff_group), f"Who speaks: {title} {mark}", words)

    def _put_link(self, data: Mapping[str, Any]) -> None:
        """Send a member the way to their own page, as a message of the forum."""
        name = self._name_of(data) if self._setup.private_links else None
        if name:
            self._write_to(name, LINK_TITLE, f"{LINK_WORDS}\n\n{data['url']}")

    def _write_to(self, name: str, title: str, words: str) -> None:
        message = {"title": title, "raw": words, "target_recipients": name, "archetype": "private_message"}
        self._rest.post("posts.json", message)

    def _look_at_key(self) -> list[Finding]:
        answer = self._rest.get("session/current.json", {})
        user = (answer or {}).get("current_user")
        name = str(user.get("username", "")) if isinstance(user, dict) else ""
        is_own = name.casefold() == self._setup.account.casefold()
        advice = "" if is_own else f"the key does not stand for {self._setup.account}: make it a single-user key of it"
        return [Finding("address and key", is_own, advice)]

    def _look_at_categories(self) -> list[Finding]:
        found = []
        for number in sorted(self._setup.categories):
            answer = self._rest.get(f"c/{number}/show.json", {})
            category = answer.get("category") if answer else None
            is_there = isinstance(category, dict)
            is_restricted = isinstance(category, dict) and bool(category.get("read_restricted"))
            is_closed = is_restricted and self._setup.audience == "public"
            advice = "" if is_there else "there is no such category: check the number in the settings"
            advice = "not everybody may read it: set audience=members, or leave it out" if is_closed else advice
            found.append(Finding(f"category {number}", is_there and not is_closed, advice))
        return found

    def _look_at_writing(self) -> list[Finding]:
        site = self._rest.get("site.json", {}) or {} if self._setup.whispers or self._setup.topic_tags else {}
        found = []
        if self._setup.whispers:
            on = bool(site.get("whispers_allowed_groups_names"))
            found.append(Finding("whispers", on, "" if on else "allow them for a group of our account, in Settings"))
        if self._setup.topic_tags:
            on = bool(site.get("can_tag_topics"))
            found.append(Finding("topic tags", on, "" if on else "let our account tag topics, in Settings"))
        return found


def _posts_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    stream = answer.get("post_stream")
    posts = stream.get("posts") if isinstance(stream, dict) else None
    return [post for post in posts if isinstance(post, dict) and "id" in post] if isinstance(posts, list) else []


def _let_go(remembered: dict[Any, Any]) -> None:
    if len(remembered) > MOST_REMEMBERED:
        del remembered[next(iter(remembered))]


POST = PostSchema()
TOPIC = TopicSchema()
USER = UserSchema()

ADVICE = "stop here and look at the key in Admin > Advanced > API keys, then connect again"

MEMBER_EVENTS: dict[str, Callable[..., Event]] = {
    "joined": MemberJoined,
    "completed": MemberCompleted,
    "changed": MemberChanged,
}

# What a hint is about, and how it is read.
HINTS: dict[str, Callable[[Discourse, int], list[Event]]] = {
    "post": Discourse._post,
    "moved": Discourse._moved,
    "topic": Discourse._topic_changed,
    "topic-gone": Discourse._topic_gone,
}

LOOKS: tuple[Callable[[Discourse], list[Finding]], ...] = (
    Discourse._look_at_key,
    Discourse._look_at_categories,
    Discourse._look_at_writing,
)

SENDERS: dict[str, Callable[[Discourse, Mapping[str, Any]], None]] = {
    "tag.set": Discourse._tag_topic,
    "tag.clear": Discourse._tag_topic,
    "group.put": Discourse._join_groups,
    "staff_note.put": Discourse._put_note,
    "private_link.put": Discourse._put_link,
}
