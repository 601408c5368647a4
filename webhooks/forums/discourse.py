"""How Discourse signs what it sends, and what each of its events asks us to read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plugin.events import Event
from plugin.forums.discourse import POST, TOPIC, USER, Mapper, setup_from
from plugin.forums.lenient import loaded
from plugin.forums.polled import Hint
from webhooks.signatures import PROFILES

if TYPE_CHECKING:
    from webhooks.forums import Delivery

PROFILE = PROFILES["discourse"]
TYPE_HEADER, NAME_HEADER = "X-Discourse-Event-Type", "X-Discourse-Event"


def meaning(delivery: "Delivery", payload: Mapping[str, Any]) -> Sequence[Hint | Event]:
    """Return what a delivery asks us to read, and what it says of a member.

    Its event id is not looked at: a retry has another, and a redelivery the same.

    Raises:
        Unreadable: where the body has not the form that we know.
    """
    mapper = Mapper(delivery.community, delivery.base_url, setup_from(delivery.settings))
    kind, name = delivery.headers.get(TYPE_HEADER, ""), delivery.headers.get(NAME_HEADER, "")
    if kind == "post":
        return _about_post(mapper, name, loaded(POST, payload.get("post")))
    if kind == "topic":
        topic = loaded(TOPIC, payload.get("topic"))
        is_there = name != "topic_destroyed" and mapper.is_ours(topic)
        return [Hint("topic" if is_there else "topic-gone", str(topic["id"]))]
    if kind == "user" and name in MEMBERS:
        return mapper.about_member(MEMBERS[name], loaded(USER, payload.get("user")), at=delivery.at)
    return []


def _about_post(mapper: Mapper, name: str, post: Mapping[str, Any]) -> list[Hint]:
    if post["topic_archetype"] != "regular":
        # A private message is nobody's business here; a topic that becomes one says so itself.
        return []
    if not mapper.is_comment(post) or post["category_id"] not in mapper.setup.categories:
        return [] if name == "post_created" else [Hint("moved", str(post["id"]))]
    return [Hint("post", str(post["id"]))]


MEMBERS = {
    "user_created": "joined",
    "user_confirmed_email": "completed",
    "user_approved": "completed",
    "user_updated": "changed",
    "user_destroyed": "removed",
}
