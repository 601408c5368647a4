"""What Invision Community 4.7 and 5 says by REST, the event that it means, and how it is told something back.

Its hooks are not signed and come at most once (docs/invision.md), so they are hints: nothing is believed that was not
read by id. An object has no time of its last edit and no state but `hidden`, so what changed is known only by holding
what was read against what we hold.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any

from marshmallow import fields, validate

from plugin.channels.webhook import Message, NotTaken
from plugin.events import (
    CommentApproved,
    CommentHidden,
    CommentPosted,
    CommentRef,
    CommentRemoved,
    Event,
    MemberChanged,
    MemberCompleted,
    MemberJoined,
    MemberMerged,
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
from plugin.forums.settings import PER_MINUTE, BadSetting, groups_in, is_on, number_in, numbers_in, per_minute_in
from plugin.model import Audience, Author, Comment, CommentState, Discussion
from plugin.store.held import Known
from plugin.wording import one_line, plain_text

# The newest two pages of each list are looked at each time, and one older page in turn.
ON_A_PAGE = 50
NEWEST_PAGES = 2
# A note is looked for among so many topics of the staff forum before another is opened.
MOST_NOTE_PAGES = 20


@dataclass(frozen=True, slots=True)
class Area:
    """One kind of place where people comment.

    `name` goes before every id, which is unique in its own area only; `comments` and `pages` are REST paths; `holder`
    is the name of what holds a page, and `filter` of the parameter that lists by it; `only` the holders that we read,
    None for all of them.
    """

    name: str
    comments: str
    pages: str
    holder: str
    filter: str
    kind: str
    only: frozenset[int] | None = None

    @property
    def listed(self) -> dict[str, str | int]:
        """Return the parameters that list what we read and nothing else."""
        return {self.filter: ",".join(map(str, sorted(self.only)))} if self.only else {}


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings of a connection, read.

    `own_member` is the account of ours that writes back; what it wrote is never news. `role_fields` are the ids of
    profile fields that say a stakeholder type; `groups` gives the group of the forum for a label of ours;
    `per_minute` is how many calls it permits.
    """

    areas: tuple[Area, ...]
    own_member: int | None = None
    role_fields: frozenset[str] = frozenset()
    anonymous_names: frozenset[str] = frozenset({"anonymous"})
    audience: Audience = "public"
    staff_forum: int | None = None
    item_tags: bool = False
    private_links: bool = True
    groups: Mapping[str, int] | None = None
    per_minute: int = PER_MINUTE

    @property
    def sends_links(self) -> bool:
        """Return whether members can be sent the link to their own page: somebody has to be its sender."""
        return self.private_links and self.own_member is not None

    def area(self, name: str) -> Area | None:
        """Return the area of this name, or None where we do not read it."""
        return next((area for area in self.areas if area.name == name), None)


def setup_from(settings: Mapping[str, Any]) -> Setup:
    """Return the settings of a connection, as `manyvoices community connect --setting name=value` takes them.

    Raises:
        BadSetting: where one makes no sense.
    """
    areas = [_database(number) for number in numbers_in(settings, "databases")]
    if settings.get("blogs"):
        areas.append(replace(BLOGS, only=_holders(settings, "blogs")))
    if settings.get("forums"):
        # A key sees the staff's forums too, so "all" is never taken for an answer here.
        areas.append(replace(FORUMS, only=frozenset(numbers_in(settings, "forums"))))
    staff_forum = number_in(settings, "staff_forum")
    if any(area.name == "forums" and staff_forum in (area.only or ()) for area in areas):
        raise BadSetting("staff_forum is among forums: the moderators' notes would be read as comments")
    audience = settings.get("audience", "public")
    if audience not in ("public", "members"):
        raise BadSetting("audience is public or members")
    return Setup(
        areas=tuple(areas),
        own_member=number_in(settings, "own_member"),
        role_fields=frozenset(map(str, numbers_in(settings, "role_fields"))),
        anonymous_names=frozenset(
            one_line(name).casefold() for name in str(settings.get("anonymous_names", "Anonymous")).split(",")
        ),
        audience=audience,
        staff_forum=staff_forum,
        item_tags=is_on(settings, "item_tags", default=False),
        private_links=is_on(settings, "private_links", default=True),
        groups=groups_in(settings),
        per_minute=per_minute_in(settings),
    )


def manners(keys: Mapping[str, str], _setup: Setup) -> Manners:
    """Return how an Invision Community is asked: the key is the name, and there is no password."""
    return Manners(
        # A third bad call within minutes is answered 429, and the address is banned after that.
        is_refusal=lambda _method, status: status in (401, 403, 429),
        is_missing=lambda status, answer: status == 404 and answer.get("errorMessage") == "INVALID_ID",
        auth=(keys["api_key"], ""),
    )


class GroupSchema(Lenient):
    """A group of members."""

    id = fields.Integer(load_default=0)
    name = fields.String(load_default="", validate=validate.Length(max=LONGEST_TITLE))


class AuthorSchema(Lenient):
    """A member, or a guest with the name that they typed."""

    id = fields.Integer(load_default=0)
    name = fields.String(load_default="")
    profileUrl = fields.String(load_default=None)  # noqa: N815 - the forum's own name
    primaryGroup = fields.Nested(GroupSchema, load_default=None)  # noqa: N815
    secondaryGroups = fields.List(fields.Nested(GroupSchema), load_default=list)  # noqa: N815
    customFields = fields.Raw(load_default=None)  # noqa: N815
    anonymous = fields.Raw(load_default=False)
    isAnonymous = fields.Raw(load_default=False)  # noqa: N815


class CommentSchema(Lenient):
    """A comment of a record or of a blog entry, or a forum post: they share one form."""

    id = fields.Integer(required=True, validate=validate.Range(min=1))
    item_id = fields.Integer(required=True, validate=validate.Range(min=1))
    author = fields.Nested(AuthorSchema, load_default=None)
    date = fields.AwareDateTime(required=True, format="iso", default_timezone=UTC)
    content = fields.String(load_default="", validate=validate.Length(max=LONGEST_TEXT))
    hidden = fields.Boolean(load_default=False)
    url = fields.String(load_default=None)
    anonymous = fields.Raw(load_default=False)
    isAnonymous = fields.Raw(load_default=False)  # noqa: N815
    is_anonymous = fields.Raw(load_default=False)


class PageSchema(Lenient):
    """A record, a blog entry or a topic: what a discussion is called, where it is, and what holds it."""

    id = fields.Integer(required=True, validate=validate.Range(min=1))
    title = fields.String(load_default="")
    url = fields.String(load_default=None)
    date = fields.AwareDateTime(load_default=None, format="iso", default_timezone=UTC)
    hidden = fields.Boolean(load_default=False)
    category = fields.Nested(GroupSchema, load_default=None)
    blog = fields.Nested(GroupSchema, load_default=None)
    forum = fields.Nested(GroupSchema, load_default=None)
    tags = fields.Raw(load_default=None)


@dataclass(frozen=True, slots=True)
class Mapper:
    """Turns what was read into events. Pure: the same objects, memory and moment give the same events."""

    community: str
    base_url: str
    setup: Setup

    def author(self, member: Mapping[str, Any] | None, *, is_anonymous: bool = False) -> Author:
        """Return who wrote, as far as everybody may see it. Whoever wrote without a name has no id here either."""
        member = member or {"id": 0, "name": ""}
        name = one_line(fit(member["name"]))[:LONGEST_NAME]
        marked = is_anonymous or member.get("anonymous") or member.get("isAnonymous")
        if marked or (not member["id"] and name.casefold() in self.setup.anonymous_names):
            # The key of a forum's administrator may see through the mask. We do not.
            return Author(native_id=None, kind="anonymous")
        if not member["id"]:
            return Author(native_id=None, kind="guest", display_name=name or None)
        groups = [member.get("primaryGroup"), *member.get("secondaryGroups", ())]
        names = (one_line(fit(group["name"]))[:LONGEST_NAME] for group in groups if group)
        return Author(
            native_id=str(member["id"]),
            kind="member",
            display_name=name or None,
            profile_url=plain_url(member.get("profileUrl")),
            groups=tuple(dict.fromkeys(group for group in names if group))[:MOST_GROUPS],
            declared=tuple(self._declared(member.get("customFields"))),
        )

    def discussion(self, area: Area, page: Mapping[str, Any]) -> Discussion:
        """Return the page that a comment stands on."""
        return Discussion(
            native_id=f"{area.name}:{page['id']}",
            title=one_line(fit(page["title"]))[:LONGEST_TITLE] or f"{area.kind.capitalize()} {page['id']}",
            url=plain_url(page["url"]) or self.base_url,
            kind=area.kind,
            published_at=page["date"],
            audience=self.setup.audience,
        )

    def is_ours(self, area: Area, page: Mapping[str, Any]) -> bool:
        """Return whether a page stands where we read. One that does not say where it stands does not."""
        if area.only is None:
            return True
        holder = page[area.holder]
        return holder is not None and holder["id"] in area.only

    def is_own(self, comment: Mapping[str, Any]) -> bool:
        """Return whether our own account wrote a comment."""
        return bool(comment["author"] and self.setup.own_member and comment["author"]["id"] == self.setup.own_member)

    def shown(
        self,
        area: Area,
        comment: Mapping[str, Any],
        page: Mapping[str, Any],
        known: Known | None,
        *,
        at: datetime,
        source: Source,
    ) -> Event:
        """Return the event that a visible comment means."""
        words = plain_text(fit(comment["content"]))
        created = comment["date"].astimezone(UTC)
        fresh = known is None or known.created_at != created
        # No edit is dated: words that we hold keep their time, and others are as old as our look at them.
        if fresh or known is None or known.text_at is None:
            updated = created
        else:
            updated = known.text_at if known.text == words else max(at, created)
        kind: Callable[..., Event] = CommentPosted if fresh else CommentApproved
        return kind(
            key=self._key(area, comment, "visible", known, source),
            community=self.community,
            occurred_at=created if source == "backfill" else max(at, created),
            source=source,
            comment=Comment(
                native_id=native_id(area, comment["id"]),
                created_at=created,
                updated_at=updated,
                text=words,
                url=plain_url(comment["url"]),
            ),
            discussion=self.discussion(area, page),
            author=self.author(comment["author"], is_anonymous=_is_marked(comment)),
        )

    def hidden(
        self, area: Area, comment: Mapping[str, Any], known: Known | None, *, at: datetime, source: Source
    ) -> Event:
        """Return that a comment is out of sight: it waits for approval or was hidden, and REST does not say which."""
        return CommentHidden(
            key=self._key(area, comment, "hidden", known, source),
            community=self.community,
            occurred_at=at,
            source=source,
            comment=CommentRef(native_id(area, comment["id"]), comment["date"].astimezone(UTC)),
        )

    def removed(self, native: str, known: Known, *, at: datetime, source: Source) -> Event:
        """Return that a comment which we hold is there no more."""
        return CommentRemoved(
            key=f"invision:{self.community}:{native}:{stamp(known.created_at)}:deleted:{known.transitions}",
            community=self.community,
            occurred_at=at,
            source=source,
            comment=CommentRef(native, known.created_at),
        )

    def is_news(self, comment: Mapping[str, Any], known: Known | None) -> bool:
        """Return whether a comment differs from what we hold: in its words, or in whether it may be seen."""
        if known is None or known.created_at != comment["date"].astimezone(UTC):
            return True
        if comment["hidden"]:
            return known.state == "visible"
        if known.state == "visible" and known.text is None:
            # We let go of its words, by age or for its author: a poll does not bring them back.
            return False
        return known.state != "visible" or known.text != plain_text(fit(comment["content"]))

    def _key(self, area: Area, comment: Mapping[str, Any], state: str, known: Known | None, source: Source) -> str:
        """Return the key of a fact; the number of what we stored before tells A, B and A again apart."""
        words = hashlib.sha256(fit(comment["content"]).encode()).hexdigest()[:16] if state == "visible" else "-"
        native = native_id(area, comment["id"])
        before = f"{known.transitions}" if known else "0"
        past = "backfill:" if source == "backfill" else ""
        return f"invision:{self.community}:{past}{native}:{stamp(comment['date'])}:{state}:{words}:{before}"

    def _declared(self, custom: Any) -> Iterator[tuple[str, str]]:
        """Yield what the configured profile fields say; nothing else of a profile is looked at."""
        sections = custom.values() if isinstance(custom, dict) else ()
        for section in sections:
            found = section.get("fields") if isinstance(section, dict) else None
            for number, field in found.items() if isinstance(found, dict) else ():
                if str(number) not in self.setup.role_fields or not isinstance(field, dict):
                    continue
                values = field.get("value")
                for value in values if isinstance(values, list) else [values]:
                    if isinstance(value, str) and one_line(fit(value)):
                        yield str(number), one_line(fit(value))[:LONGEST_NAME]


class Invision:
    """An Invision Community that we can ask. Every method raises NotTaken where it did not answer."""

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
        self._pages: dict[tuple[str, int], dict[str, Any] | None] = {}

    def read(self, hint: Hint) -> list[Event]:
        """Return what holds now of what a hint is about; nothing where it is not ours to read."""
        self._pages.clear()
        if hint.kind in MEMBER_HINTS:
            return self._member(hint)
        area = self._setup.area(hint.kind)
        return self._comment(area, int(hint.native_id)) if area and hint.native_id.isdecimal() else []

    def changes(self, cursor: Mapping[str, Any]) -> Iterator[Batch]:
        """Yield what differs from what we hold: the newest pages of each list, and one older page in turn.

        `cursor` holds, for each list, which older page comes next.
        """
        self._pages.clear()
        turn = dict(cursor)
        for area in self._setup.areas:
            for hidden in (0, 1):
                name = f"{area.name}.{hidden}"
                older = int(turn.get(name, NEWEST_PAGES + 1))
                pages = 1
                for page in (*range(1, NEWEST_PAGES + 1), older):
                    if page > pages:
                        continue
                    at = self._now()
                    listed = self._list(area, page, hidden=hidden, sortDir="desc")
                    pages = max(pages, listed.pages)
                    events = [*self._differing(area, listed.results, at), *self._missing(area, listed, hidden, at)]
                    yield Batch(tuple(events), dict(turn), read=len(listed.results))
                turn[name] = older + 1 if older < pages else NEWEST_PAGES + 1
        yield Batch((), turn)

    def history(self, cursor: Mapping[str, Any], since: datetime | None) -> Iterator[Batch]:
        """Yield all comments that can be seen, oldest first, a page at a time.

        `cursor` names the area and the page that come next; a page that was read before gives the same keys.
        """
        self._pages.clear()
        names = [area.name for area in self._setup.areas]
        start = names.index(cursor["area"]) if cursor.get("area") in names else 0
        page = int(cursor.get("page", 1))
        for number, area in enumerate(self._setup.areas[start:], start):
            while True:
                at = self._now()
                listed = self._list(area, page, hidden=0, sortDir="asc")
                fresh = [one for one in listed.results if since is None or one["date"] >= since]
                events = list(self._differing(area, fresh, at, source="backfill"))
                is_last = page >= listed.pages
                after = names[number + 1] if is_last and number + 1 < len(names) else None
                going = {"area": after, "page": 1} if after else {"area": area.name, "page": page + (not is_last)}
                yield Batch(tuple(events), going, read=len(listed.results), total=listed.total)
                page += 1
                if is_last:
                    page = 1
                    break

    def examine(self) -> list[Finding]:
        """Look at the address, the key, its rights and the settings; stop at the first refusal."""
        found: list[Finding] = []
        if not self._setup.areas:
            found.append(Finding("what is read", False, "set databases, blogs or forums: nothing is read yet"))
        if self._setup.own_member is None:
            found.append(Finding("own account", False, "set own_member, or what we write back could be taken for news"))
        looks: list[tuple[str, str, dict[str, str | int]]] = [("address and key", "core/hello", {})]
        for area in self._setup.areas:
            looks.append((f"right to read {area.name}", area.comments, {"perPage": 1, **area.listed}))
        if self._setup.own_member is not None:
            looks.append(("right to read members", f"core/members/{self._setup.own_member}", {}))
        if self._setup.staff_forum is not None:
            looks.append(("staff forum", "forums/topics", {"forums": self._setup.staff_forum, "perPage": 1}))
        for what, path, params in looks:
            try:
                answer = self._rest.get(path, params)
            except NotTaken as error:
                found.append(Finding(what, False, f"{error}: {ADVICE if error.is_refusal else 'try again later'}"))
                return found
            advice = "" if answer is not None else f"there is no {path}: check the number in the settings"
            found.append(Finding(what, answer is not None, advice))
        # No call that lists the hooks was found, so this is for the eyes of a person.
        found.append(
            Finding("webhook", True, "see AdminCP > System > REST & OAuth > Webhooks: docs/invision.md, step 4")
        )
        return found

    def send(self, message: Message) -> None:
        """Tell the forum something, as far as its settings switch that on. The same message twice changes nothing."""
        sender = SENDERS.get(message.type)
        if sender:
            sender(self, message.data)

    def _comment(self, area: Area, number: int) -> list[Event]:
        at = self._now()
        native = native_id(area, number)
        known = self._memory.known(native)
        answer = self._rest.get(f"{area.comments}/{number}", {})
        if answer is None:
            gone = known is not None and known.state != "deleted"
            return [self._mapper.removed(native, known, at=at, source="webhook")] if known and gone else []
        return list(self._differing(area, [loaded(COMMENT, answer)], at, source="webhook"))

    def _differing(
        self, area: Area, comments: Sequence[dict[str, Any]], at: datetime, source: Source = "reconcile"
    ) -> Iterator[Event]:
        """Yield an event for each comment that is news to us and stands where we read."""
        for comment in comments:
            if self._mapper.is_own(comment):
                continue
            known = self._memory.known(native_id(area, comment["id"]))
            if not self._mapper.is_news(comment, known) or (source == "backfill" and known is not None):
                continue
            page = self._page(area, comment["item_id"])
            is_shown = not comment["hidden"] and page is not None and not page["hidden"]
            if page is not None and not self._mapper.is_ours(area, page):
                # Moved to where we do not read: it is out of our sight, and its words with it.
                if known is None or known.state != "visible":
                    continue
                is_shown = False
            if is_shown and page is not None:
                yield self._mapper.shown(area, comment, page, known, at=at, source=source)
            elif source != "backfill" and (known is None or known.state == "visible"):
                yield self._mapper.hidden(area, comment, known, at=at, source=source)

    def _missing(self, area: Area, listed: "_Listed", hidden: int, at: datetime) -> Iterator[Event]:
        """Yield what became of comments that ought to stand on this page of the list and do not."""
        dates = [one["date"] for one in listed.results]
        last = at if listed.page == 1 else max(dates, default=None)
        first = datetime(1970, 1, 1, tzinfo=UTC) if listed.page >= listed.pages else min(dates, default=None)
        if first is None or last is None:
            return
        here = {native_id(area, one["id"]) for one in listed.results}
        state: CommentState = "hidden" if hidden else "visible"
        for native in self._memory.held_between(f"{area.name}:", state, first, last):
            # A list may be a moment old, so only the object itself is believed.
            if native not in here:
                for event in self._comment(area, int(native.partition(":")[2])):
                    yield replace(event, source="reconcile")

    def _member(self, hint: Hint) -> list[Event]:
        at = self._now()
        number, _, other = hint.native_id.partition("-")
        answer = self._rest.get(f"core/members/{int(number)}", {})
        facts = MemberFacts(
            key=f"invision:{self._mapper.community}:{hint.kind}:{hint.native_id}:{stamp(at)}",
            community=self._mapper.community,
            occurred_at=at,
            source="webhook",
        )
        if hint.kind == "merged":
            gone = self._rest.get(f"core/members/{int(other)}", {}) is None
            if answer is None or not gone:
                return []
            into = self._mapper.author(loaded(MEMBER, answer))
            return [MemberMerged(**facts, author=Author(str(int(other)), "member"), into=into)]
        if answer is None:
            return [MemberRemoved(**facts, author=Author(str(int(number)), "member"))]
        event = MEMBER_HINTS[hint.kind]
        if event is None:
            return []
        events: list[Event] = [event(**facts, author=self._mapper.author(loaded(MEMBER, answer)))]
        if event is MemberCompleted:
            # What somebody posted before they registered comes into sight now, and no hook says so.
            for area in self._setup.areas:
                listed = self._list(area, 1, hidden=0, sortDir="desc", authors=int(number))
                events += self._differing(area, listed.results, at, source="webhook")
        return events

    def _list(self, area: Area, page: int, **how: str | int) -> "_Listed":
        params = {"page": page, "perPage": ON_A_PAGE, "sortBy": "date", **area.listed, **how}
        answer = self._rest.get(area.comments, params)
        if answer is None or not isinstance(answer.get("results"), list):
            raise Unreadable(f"{area.comments} is no list")
        results = [loaded(COMMENT, one) for one in answer["results"]]
        return _Listed(results, page, _count(answer, "totalPages"), _count(answer, "totalResults"))

    def _page(self, area: Area, number: int) -> dict[str, Any] | None:
        if (area.name, number) not in self._pages:
            answer = self._rest.get(f"{area.pages}/{number}", {})
            self._pages[area.name, number] = None if answer is None else loaded(PAGE, answer)
        return self._pages[area.name, number]

    def _tag_page(self, data: Mapping[str, Any]) -> None:
        """Give the page the tags of the labels that its authors agreed to show; what stands there from others stays."""
        name, _, number = str(data["discussion"]["id"]).partition(":")
        area = self._setup.area(name)
        if not self._setup.item_tags or area is None or not number.isdecimal():
            return
        answer = self._rest.get(f"{area.pages}/{number}", {})
        if answer is None:
            return
        wanted = tags_wanted(answer.get("tags"), data["page_labels"])
        if wanted is None:
            return
        told: list[tuple[str, str | int]] = [("tags", ",".join(wanted))]
        if area.name == "blog":
            # The description of this call says that they are required: they go back as they came.
            told += [(field, answer[field]) for field in ("title", "entry") if isinstance(answer.get(field), str)]
        self._rest.post(f"{area.pages}/{number}", told)

    def _join_groups(self, data: Mapping[str, Any]) -> None:
        """Let a member be in the groups of these labels and in no other group of ours; all their other groups stay."""
        ours = self._setup.groups
        number = str(data["author"]["id"])
        if not ours or not number.isdecimal():
            return
        answer = self._rest.get(f"core/members/{number}", {})
        if answer is None:
            return
        there = [group["id"] for group in loaded(MEMBER, answer)["secondaryGroups"]]
        wanted = [group for group in there if group not in ours.values()]
        wanted += [ours[label] for label in data["labels"] if label in ours]
        if sorted(set(wanted)) == sorted(set(there)):
            return
        # An empty list needs a name too, or it would say nothing.
        told: list[tuple[str, str | int]] = [("secondaryGroups[]", group) for group in dict.fromkeys(wanted)]
        told = told or [("secondaryGroups", "")]
        self._rest.post(f"core/members/{number}", told)

    def _put_note(self, data: Mapping[str, Any]) -> None:
        """Put the figures of a discussion into its one topic in the staff forum; open it where there is none."""
        forum = self._setup.staff_forum
        if forum is None:
            return
        mark = f"[{data['key'].replace('discussion:', 'd')}]"
        body = "".join(f"<p>{escape(line)}</p>" for line in str(data["text"]).splitlines() if line.strip())
        url = escape(str(data["url"]), quote=True)
        body += f'<p><a href="{url}">{url}</a></p>'
        topic = self._note_topic(forum, mark)
        if topic is None:
            title = f"{self._title(str(data['discussion']['id']))} {mark}"
            author: list[tuple[str, str | int]] = [("author", self._setup.own_member)] if self._setup.own_member else []
            self._rest.post("forums/topics", [("forum", forum), ("title", title), ("post", body), *author])
            return
        first = topic.get("firstPost")
        if isinstance(first, dict) and isinstance(first.get("id"), int) and first.get("content") != body:
            self._rest.post(f"forums/posts/{first['id']}", [("post", body)])

    def _note_topic(self, forum: int, mark: str) -> dict[str, Any] | None:
        for page in range(1, MOST_NOTE_PAGES + 1):
            params: dict[str, str | int] = {"forums": forum, "sortBy": "date", "sortDir": "desc"}
            answer = self._rest.get("forums/topics", params | {"page": page, "perPage": ON_A_PAGE}) or {}
            for topic in answer.get("results") or []:
                if isinstance(topic, dict) and str(topic.get("title", "")).endswith(mark):
                    return topic
            if page >= _count(answer, "totalPages"):
                break
        return None

    def _title(self, native: str) -> str:
        name, _, number = native.partition(":")
        area = self._setup.area(name)
        page = self._page(area, int(number)) if area and number.isdecimal() else None
        return "Who speaks: " + (one_line(fit(page["title"]))[:LONGEST_NAME] if page else native)

    def _put_link(self, data: Mapping[str, Any]) -> None:
        """Send a member the way to their own page, into their forum inbox."""
        number = str(data["author"]["id"])
        if not self._setup.private_links or self._setup.own_member is None or not number.isdecimal():
            return
        url = escape(str(data["url"]), quote=True)
        body = f'<p>{LINK_WORDS}</p><p><a href="{url}">{url}</a></p>'
        way: list[tuple[str, str | int]] = [("from", self._setup.own_member), ("to[]", int(number))]
        self._rest.post("core/messages", [*way, ("title", LINK_TITLE), ("body", body)])


@dataclass(frozen=True, slots=True)
class _Listed:
    """One page of a list."""

    results: list[dict[str, Any]]
    page: int
    pages: int
    total: int


def native_id(area: Area, number: int) -> str:
    """Return the id of a comment among all of this forum: the forum's own is unique in its area only."""
    return f"{area.name}:{number}"


def _is_marked(comment: Mapping[str, Any]) -> bool:
    return any(comment[name] for name in ("anonymous", "isAnonymous", "is_anonymous"))


def _count(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    return value if isinstance(value, int) else 1


def _database(number: int) -> Area:
    return Area(f"cms{number}", f"cms/comments/{number}", f"cms/records/{number}", "category", "categories", "article")


def _holders(settings: Mapping[str, Any], name: str) -> frozenset[int] | None:
    return None if settings[name] == "all" else frozenset(numbers_in(settings, name))


BLOGS = Area("blog", "blog/comments", "blog/entries", "blog", "blogs", "blog")
FORUMS = Area("forums", "forums/posts", "forums/topics", "forum", "forums", "topic")

COMMENT = CommentSchema()
PAGE = PageSchema()
MEMBER = AuthorSchema()

ADVICE = (
    "stop here and look at the key in AdminCP > System > REST & OAuth. A second call with a bad key "
    "lets the forum ban this machine's address"
)
# What a hint about a member means once the member was read; "removed" means something only where there is none.
MEMBER_HINTS: dict[str, Callable[..., Event] | None] = {
    "joined": MemberJoined,
    "completed": MemberCompleted,
    "changed": MemberChanged,
    "removed": None,
    "merged": None,
}

SENDERS: dict[str, Callable[[Invision, Mapping[str, Any]], None]] = {
    "tag.set": Invision._tag_page,
    "tag.clear": Invision._tag_page,
    "group.put": Invision._join_groups,
    "staff_note.put": Invision._put_note,
    "private_link.put": Invision._put_link,
}
