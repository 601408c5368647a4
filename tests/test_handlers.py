"""What happens when a forum tells us something, seen from what is held and sent afterwards."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from forum import Forum, minute, whole
from mail_server import Inbox
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import reading
from plugin.store.tables import authors, comments
from plugin.store.tags import tags_for

SHARED = "The blood thinner was left off the discharge letter, and nobody on the ward noticed for nine days."


@pytest.fixture
def forum(inbox: Inbox, client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def held(service: Service) -> Callable[[], list[tuple[str, str]]]:
    """Return a function that tells each tag of the one comment with its source."""

    def tags() -> list[tuple[str, str]]:
        with reading(service.db) as conn:
            (comment_id,) = conn.scalars(sa.select(comments.c.id))
            return [(tag.type, tag.source) for tag in tags_for(conn, [comment_id])[comment_id]]

    return tags


def jo(declared: str | None = None) -> dict[str, Any]:
    return {
        "id": "a7",
        "kind": "member",
        "display_name": "Jo",
        "declared": {"I am a": declared} if declared else {},
    }


def test_a_role_from_the_profile_is_shown_as_such_and_follows_the_profile(
    forum: Forum, worker: Callable[[], None], held: Callable[[], list[tuple[str, str]]]
) -> None:
    forum.posted(SHARED, author=jo("Carer"))
    worker()
    assert held() == [("carer", "profile")]
    forum.tell("member.updated", at=minute(5), author=jo("Patient"))
    worker()
    assert held() == [("patient", "profile")]


def test_an_edit_takes_the_tags_of_the_old_words_along(
    forum: Forum, worker: Callable[[], None], held: Callable[[], list[tuple[str, str]]]
) -> None:
    forum.posted("I care for my dad. " + SHARED)
    worker()
    assert held() == [("carer", "text")]
    forum.edited("I am a ward sister. " + SHARED, at=minute(1))
    worker()
    assert held() == [("health_professional", "text")]


def test_a_comment_that_waits_for_approval_is_forwarded_once_it_is_visible(
    forum: Forum, inbox: Inbox, worker: Callable[[], None]
) -> None:
    forum.posted(SHARED, comment={"state": "pending"})
    worker()
    assert inbox.mails == []
    forum.tell("comment.approved", at=minute(3), **whole(SHARED))
    worker()
    assert len(inbox.mails) == 1


def test_a_comment_of_a_members_only_discussion_is_not_mailed(
    forum: Forum, inbox: Inbox, worker: Callable[[], None]
) -> None:
    forum.posted(SHARED, discussion={"audience": "members"})
    worker()
    assert inbox.mails == []


def test_an_anonymous_author_stays_without_a_name_and_their_edit_is_theirs(
    forum: Forum, service: Service, worker: Callable[[], None]
) -> None:
    author = {"id": None, "kind": "anonymous", "display_name": "Nightjar"}
    forum.posted(SHARED, author=author)
    forum.edited(SHARED + " Still.", at=minute(1), author=author)
    worker()
    with reading(service.db) as conn:
        (kept,) = conn.execute(sa.select(authors)).all()
    assert (kept.native_id, kept.kind, kept.display_name) == (None, "anonymous", None)


def test_a_member_who_leaves_is_nobody_we_could_name(
    forum: Forum, service: Service, worker: Callable[[], None]
) -> None:
    forum.posted(SHARED, author=jo("Carer"))
    worker()
    forum.tell("member.deleted", at=minute(9), author={"id": "a7"})
    worker()
    forum.edited(SHARED + " Still.", at=minute(12), author=jo("Carer"))
    worker()
    with reading(service.db) as conn:
        (kept,) = conn.execute(sa.select(authors)).all()
    assert (kept.display_name, kept.profile_url, kept.groups, kept.declared) == (None, None, [], [])


def test_a_used_id_that_is_used_again_is_another_comment(
    forum: Forum, service: Service, worker: Callable[[], None]
) -> None:
    forum.posted(SHARED, "1")
    forum.removed("1", at=minute(1))
    forum.posted("Quite another thing.", "1", at=minute(2), comment={"created_at": minute(2)})
    worker()
    with reading(service.db) as conn:
        kept = conn.execute(sa.select(comments.c.state, comments.c.text).order_by(comments.c.created_at)).all()
    assert [tuple(row) for row in kept] == [("deleted", None), ("visible", "Quite another thing.")]


def test_what_a_member_said_of_themselves_earlier_stands_by_their_later_words_for_as_long_as_it_stands_itself(
    forum: Forum, worker: Callable[[], None], service: Service, inbox: Inbox
) -> None:
    later = {"created_at": minute(10), "updated_at": minute(10)}
    forum.posted("I care for my dad at home.", author=jo())
    forum.posted(SHARED, "2", at=minute(10), author=jo(), comment=later)
    forum.posted(SHARED, "3", at=minute(10), comment=later)
    worker()

    def tags(native_id: str) -> list[tuple[str, str]]:
        with reading(service.db) as conn:
            comment_id = conn.scalar(sa.select(comments.c.id).where(comments.c.native_id == native_id))
            return [(tag.type, tag.source) for tag in tags_for(conn, [comment_id])[comment_id]]

    assert tags("1") == [("carer", "text")], "nobody remembers the future"
    assert tags("2") == [("carer", "earlier")]
    assert tags("3") == [], "somebody else"
    assert all("Carer" not in str(mail) for mail in inbox.mails), "what was said earlier is never mailed"
    forum.hidden(at=minute(12))
    worker()
    assert tags("2") == []


def test_who_takes_their_name_off_a_comment_is_not_known_by_it_any_longer(
    forum: Forum, service: Service, worker: Callable[[], None]
) -> None:
    forum.posted("I am a nurse.", author={"id": "a1", "kind": "member", "display_name": "Ada"})
    worker()
    forum.edited("I am a nurse.", at=minute(5), author={"kind": "anonymous"})
    worker()
    with reading(service.db) as conn:
        wrote = sa.select(authors.c.native_id, authors.c.display_name).join(
            comments, comments.c.author_id == authors.c.id
        )
        assert conn.execute(wrote).all() == [(None, None)]
