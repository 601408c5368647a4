"""A community, and the secrets it signs with while they change over."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from plugin.sealing import Vault
from plugin.service import Service
from plugin.store.communities import (
    Community,
    add_community,
    add_secret,
    all_communities,
    community_by_id,
    community_by_slug,
    count_live_secrets,
    forget_retired_secrets,
    live_secrets,
    remove_community,
    retire_secrets,
)
from plugin.store.opening import reading, writing
from plugin.store.tables import community_secrets

NEWER = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
OLDER_KEY = b"0123456789abcdef0123456789abcdef"
NEWER_KEY = b"fedcba9876543210fedcba9876543210"


def keys(service: Service, community: Community, *, at: datetime) -> list[bytes]:
    with reading(service.db) as conn:
        return live_secrets(conn, service.vault, community.id, at)


def test_a_community_is_found_again_as_it_was_told(service: Service, community: Community) -> None:
    with reading(service.db) as conn:
        assert community_by_slug(conn, "hub") == community
        assert community_by_id(conn, community.id) == community
        assert community_by_slug(conn, "elsewhere") is None
    assert community.expected_types == ("patient", "carer", "health_professional", "social_care_professional")
    assert (community.forwarding, community.is_practice) == ("notice", False)


def test_communities_are_listed_by_name(service: Service, community: Community) -> None:
    with writing(service.db) as conn:
        add_community(
            conn,
            slug="ward",
            platform="standard",
            name="A ward",
            base_url="https://ward.example.org",
            sign_up_url="https://ward.example.org/join",
            sign_in_url="https://ward.example.org/in",
            editorial_address="editors@ward.example.org",
            moderators_address="moderators@ward.example.org",
            expected_types=["carer"],
        )
        assert [found.slug for found in all_communities(conn)] == ["ward", "hub"]


def test_a_secret_is_kept_sealed(service: Service, community: Community) -> None:
    with reading(service.db) as conn:
        (row,) = conn.execute(sa.select(community_secrets.c.sealed))
    assert "whsec" not in row.sealed
    assert "MDEyMzQ1" not in row.sealed
    assert keys(service, community, at=datetime.now(UTC)) == [OLDER_KEY]


def test_both_secrets_are_live_while_a_forum_changes_over(service: Service, community: Community) -> None:
    now = datetime.now(UTC)
    with writing(service.db) as conn:
        add_secret(conn, service.vault, community.id, NEWER)
        retire_secrets(conn, community.id, except_newest=True, at=now + timedelta(hours=24))
    assert keys(service, community, at=now) == [NEWER_KEY, OLDER_KEY]
    assert keys(service, community, at=now + timedelta(hours=25)) == [NEWER_KEY]


def test_an_end_that_was_set_is_never_moved_back(service: Service, community: Community) -> None:
    now = datetime.now(UTC)
    with writing(service.db) as conn:
        retire_secrets(conn, community.id, except_newest=False, at=now + timedelta(hours=1))
        retire_secrets(conn, community.id, except_newest=False, at=now + timedelta(hours=24))
        assert count_live_secrets(conn, community.id, now) == 1
    assert keys(service, community, at=now + timedelta(hours=2)) == []


def test_a_retired_secret_is_forgotten(service: Service, community: Community) -> None:
    now = datetime.now(UTC)
    with writing(service.db) as conn:
        retire_secrets(conn, community.id, except_newest=False, at=now)
        forget_retired_secrets(conn, now)
        assert conn.scalar(sa.select(sa.func.count()).select_from(community_secrets)) == 0


def test_a_platform_that_signs_with_plain_characters_has_them_as_its_key(
    service: Service, community: Community
) -> None:
    with writing(service.db) as conn:
        add_secret(conn, service.vault, community.id, "a plain secret")
    assert keys(service, community, at=datetime.now(UTC))[0] == b"a plain secret"


def test_a_secret_that_no_key_opens_closes_the_door_and_breaks_nothing(service: Service, community: Community) -> None:
    stranger = Vault(["another key altogether, forty characters"])
    with reading(service.db) as conn:
        assert live_secrets(conn, stranger, community.id, datetime.now(UTC)) == []


def test_a_removed_community_takes_its_secrets_along(service: Service, community: Community) -> None:
    with writing(service.db) as conn:
        remove_community(conn, community.id)
        assert all_communities(conn) == []
        assert conn.scalar(sa.select(sa.func.count()).select_from(community_secrets)) == 0
