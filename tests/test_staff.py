"""Who of the staff gets in, and what each of them may see."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from flask import Flask
from flask.testing import FlaskClient

from plugin.service import Service
from plugin.store.audit import entries, first_broken
from plugin.store.communities import Community, add_community, community_by_id
from plugin.store.opening import reading, writing
from plugin.store.staff import (
    StaffRole,
    add_staff,
    all_staff,
    is_live_link,
    new_sign_in_link,
    remove_staff,
    sign_in_links,
    users,
)
from webhooks.staff import communities_for, staff_only

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

EMAIL = "edith@hub.example.org"
PASSWORD = "four plain words will do"


def admit(service: Service, role: StaffRole, *, email: str = EMAIL, community: Community | None = None) -> str:
    """Return the token of a fresh link for somebody with this role."""
    with writing(service.db) as conn:
        user_id = add_staff(conn, email, role, community.id if community else None)
        return new_sign_in_link(conn, user_id, datetime.now(UTC))


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has a form of ours"
    return found[1]


def sign_in(client: FlaskClient, link: str) -> None:
    page = client.get(f"/staff/enter/{link}")
    assert page.status_code == 200
    answer = client.post(f"/staff/enter/{link}", data={"csrf_token": token_in(page.text)})
    assert (answer.status_code, answer.location) == (302, "/")


def signed_in(app: Flask, service: Service, role: StaffRole, **whose: Any) -> FlaskClient:
    client = app.test_client()
    sign_in(client, admit(service, role, **whose))
    return client


def csrf_of(client: FlaskClient) -> str:
    return token_in(client.get("/staff/password").text)


@pytest.fixture
def ward(service: Service) -> Community:
    """A second community, which most of the staff have nothing to do with."""
    with writing(service.db) as conn:
        community_id = add_community(
            conn,
            slug="ward",
            platform="standard",
            name="The ward",
            base_url="https://ward.example.org",
            sign_up_url="https://ward.example.org/join",
            sign_in_url="https://ward.example.org/in",
            editorial_address="editors@ward.example.org",
            moderators_address="moderators@ward.example.org",
        )
        found = community_by_id(conn, community_id)
    assert found is not None
    return found


@pytest.fixture
def rooms(app: Flask) -> None:
    """Two rooms for this test alone: one page for editors, one action in one community for moderators."""

    @staff_only("editor")
    def room() -> str:
        return ",".join(found.slug for found in communities_for("editor"))

    @staff_only("moderator")
    def act(community: str) -> str:
        return f"done in {community}"

    app.add_url_rule("/test-room", view_func=room, endpoint="room")
    app.add_url_rule("/test-room/<community>", view_func=act, endpoint="act", methods=["POST"])


def test_a_link_lets_its_owner_in_once(app: Flask, service: Service) -> None:
    link = admit(service, "editor")
    sign_in(app.test_client(), link)
    again = app.test_client().get(f"/staff/enter/{link}")
    assert again.status_code == 410
    assert "This link no longer works" in again.text
    late = app.test_client()
    assert late.post(f"/staff/enter/{link}").status_code == 400


def test_of_two_who_press_at_once_only_one_gets_in(app: Flask, service: Service) -> None:
    link = admit(service, "editor")
    first, second = app.test_client(), app.test_client()
    tokens = [token_in(client.get(f"/staff/enter/{link}").text) for client in (first, second)]
    answers = [
        client.post(f"/staff/enter/{link}", data={"csrf_token": token}).status_code
        for client, token in zip((first, second), tokens, strict=True)
    ]
    assert answers == [302, 410]


def test_looking_at_a_link_does_not_use_it_up(client: FlaskClient, service: Service) -> None:
    link = admit(service, "editor")
    for _ in range(3):
        assert client.get(f"/staff/enter/{link}").status_code == 200
    sign_in(client, link)


def test_a_link_dies_after_fifteen_minutes(service: Service) -> None:
    now = datetime.now(UTC)
    link = admit(service, "editor")
    with reading(service.db) as conn:
        assert is_live_link(conn, link, now + timedelta(minutes=14))
        assert not is_live_link(conn, link, now + timedelta(minutes=16))


def test_an_invented_link_is_answered_like_an_old_one(client: FlaskClient) -> None:
    assert client.get("/staff/enter/invented").status_code == 410


def test_the_database_holds_no_link_that_works(service: Service) -> None:
    link = admit(service, "editor")
    with reading(service.db) as conn:
        (row,) = conn.execute(sa.select(sign_in_links))
    assert link not in str(row)


def test_nobody_is_sent_to_sign_in_and_comes_back(client: FlaskClient, rooms: None) -> None:
    answer = client.get("/test-room?page=2")
    assert answer.status_code == 302
    assert answer.location == "/staff/sign-in?next=/test-room?page%3D2"
    assert client.get(answer.location).status_code == 200


def test_next_never_leads_away_from_here(app: Flask, service: Service) -> None:
    client = with_password(app, service)
    client.post("/staff/sign-out", data={"csrf_token": csrf_of(client)})
    for away in ("https://evil.example.org/", "//evil.example.org", "/\\evil.example.org"):
        page = client.get("/staff/sign-in", query_string={"next": away})
        answer = client.post(
            "/staff/sign-in",
            query_string={"next": away},
            data={"csrf_token": token_in(page.text), "email": EMAIL, "password": PASSWORD},
        )
        assert not re.match(r"https?:|//|/\\", answer.location or "/"), away


def test_a_wrong_role_is_refused(app: Flask, service: Service, rooms: None) -> None:
    assert signed_in(app, service, "moderator").get("/test-room").status_code == 403


def test_an_admin_may_everything(app: Flask, service: Service, rooms: None, community: Community) -> None:
    client = signed_in(app, service, "admin")
    assert client.get("/test-room").text == "hub"
    assert client.post("/test-room/hub", data={"csrf_token": csrf_of(client)}).text == "done in hub"


def test_an_editor_of_one_community_sees_that_one(
    app: Flask, service: Service, rooms: None, community: Community, ward: Community
) -> None:
    assert signed_in(app, service, "editor", community=ward).get("/test-room").text == "ward"
    everywhere = signed_in(app, service, "editor", email="else@hub.example.org")
    assert everywhere.get("/test-room").text == "hub,ward"


def test_another_community_is_as_if_it_were_not_there(
    app: Flask, service: Service, rooms: None, community: Community, ward: Community
) -> None:
    client = signed_in(app, service, "moderator", community=ward)
    token = csrf_of(client)
    assert client.post("/test-room/hub", data={"csrf_token": token}).status_code == 404
    assert client.post("/test-room/nowhere", data={"csrf_token": token}).status_code == 404
    assert client.post("/test-room/ward", data={"csrf_token": token}).text == "done in ward"


def test_an_action_without_a_form_of_ours_is_refused(
    app: Flask, service: Service, rooms: None, community: Community
) -> None:
    answer = signed_in(app, service, "moderator").post("/test-room/hub")
    assert answer.status_code == 400
    assert "nothing was changed" in answer.text


def with_password(app: Flask, service: Service) -> FlaskClient:
    client = signed_in(app, service, "editor")
    data = {"csrf_token": csrf_of(client), "new_password": PASSWORD, "new_password_confirm": PASSWORD}
    answer = client.post("/staff/password", data=data)
    assert answer.status_code == 302, answer.text
    return client


def try_password(client: FlaskClient, password: str, email: str = EMAIL) -> int:
    page = client.get("/staff/sign-in")
    data = {"csrf_token": token_in(page.text), "email": email, "password": password}
    return client.post("/staff/sign-in", data=data).status_code


def test_somebody_who_chose_a_password_signs_in_with_it(app: Flask, service: Service, rooms: None) -> None:
    with_password(app, service)
    client = app.test_client()
    assert try_password(client, "wrong words") == 200
    assert try_password(client, PASSWORD, EMAIL.upper()) == 302
    assert client.get("/test-room").status_code == 200
    # Once: the link that came before is told of as a link, and a wrong password is no sign-in.
    with reading(service.db) as conn:
        assert [one.act for one in entries(conn, None)] == ["signed in by password", "signed in"]
        assert first_broken(conn, service.vault) is None


def test_a_password_is_kept_as_argon2id_above_the_owasp_floor(app: Flask, service: Service) -> None:
    with_password(app, service)
    with reading(service.db) as conn:
        kept = conn.scalar(sa.select(users.c.password))
    assert kept is not None
    figures = re.match(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$", kept)
    assert figures, "argon2id"
    memory, rounds, lanes = (int(figure) for figure in figures.groups())
    assert memory >= 19_456
    assert rounds >= 2
    assert lanes >= 1


def test_a_short_password_is_refused(app: Flask, service: Service) -> None:
    client = signed_in(app, service, "editor")
    data = {"csrf_token": csrf_of(client), "new_password": "short", "new_password_confirm": "short"}
    assert "at least 12" in client.post("/staff/password", data=data).text


def test_an_unknown_account_is_answered_like_a_wrong_password(app: Flask, service: Service) -> None:
    with_password(app, service)
    answers = []
    for email in (EMAIL, "nobody@hub.example.org"):
        client = app.test_client()
        page = client.get("/staff/sign-in")
        data = {"csrf_token": token_in(page.text), "email": email, "password": "wrong words"}
        text = client.post("/staff/sign-in", data=data).text
        answers.append(re.sub(r'value="[^"]*"', "", text))
    assert answers[0] == answers[1]


def test_guessing_is_stopped_even_when_the_last_guess_is_right(app: Flask, service: Service) -> None:
    with_password(app, service)
    client = app.test_client()
    page = client.get("/staff/sign-in")
    data = {"csrf_token": token_in(page.text), "email": EMAIL}
    tries = [client.post("/staff/sign-in", data=data | {"password": f"guess {n}"}).status_code for n in range(10)]
    assert tries == [200] * 10
    assert client.post("/staff/sign-in", data=data | {"password": PASSWORD}).status_code == 429


def test_a_copied_cookie_is_dead_after_signing_out(app: Flask, service: Service, rooms: None) -> None:
    client = signed_in(app, service, "editor")
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert client.post("/staff/sign-out", data={"csrf_token": csrf_of(client)}).status_code == 302
    thief = app.test_client()
    thief.set_cookie("session", cookie.value)
    assert thief.get("/test-room").status_code == 302


def test_nobody_is_signed_out_by_a_form_of_another_site(app: Flask, service: Service, rooms: None) -> None:
    client = signed_in(app, service, "editor")
    client.post("/staff/sign-out")
    assert client.get("/test-room").status_code == 200


def test_a_change_of_role_ends_the_sessions(app: Flask, service: Service, rooms: None) -> None:
    client = signed_in(app, service, "editor")
    with writing(service.db) as conn:
        add_staff(conn, EMAIL, "moderator", None)
    assert client.get("/test-room").status_code == 302


def test_a_removed_account_is_out_at_once(app: Flask, service: Service, rooms: None) -> None:
    client = signed_in(app, service, "editor")
    with writing(service.db) as conn:
        assert remove_staff(conn, EMAIL)
        assert not remove_staff(conn, EMAIL)
        assert all_staff(conn) == []
    assert client.get("/test-room").status_code == 302


def test_a_session_ends_with_the_working_day(app: Flask, service: Service, rooms: None) -> None:
    client = signed_in(app, service, "editor")
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=13)):
        assert client.get("/test-room").status_code == 302


def test_signing_in_starts_a_new_session(app: Flask, service: Service) -> None:
    client = app.test_client()
    with client.session_transaction() as before:
        before["planted"] = "by somebody else"
    sign_in(client, admit(service, "editor"))
    with client.session_transaction() as after:
        assert "planted" not in after


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(app: Flask, service: Service) -> None:
    client = app.test_client()
    link = admit(service, "editor")
    answer = client.get(f"/staff/enter/{link}")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert app.config["SESSION_COOKIE_SECURE"] is service.public_url.startswith("https://")


def test_the_same_line_is_written_once(service: Service, community: Community) -> None:
    for _ in range(2):
        admit(service, "editor")
        admit(service, "editor", community=community)
    with reading(service.db) as conn:
        (account,) = all_staff(conn)
    assert [(line.role, line.community) for line in account.access] == [("editor", None), ("editor", "hub")]
