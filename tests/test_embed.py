"""What a community's own pages may fetch and frame: tags whose authors agreed, for its own sites and nobody else's."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from flask import Flask
from flask.testing import FlaskClient
from test_kept import MUM, PAGE, keep, on_one_database
from werkzeug.test import TestResponse

from forum import Forum, minute
from plugin.embedding import PLACES, compose_mistake, origin_mistake, origins_of, place_mistake
from plugin.model import Tag
from plugin.rendering import TEMPLATES
from plugin.service import Service
from plugin.store.comments import shown_comments_at
from plugin.store.communities import Community, change_community
from plugin.store.consents import give
from plugin.store.opening import writing
from plugin.store.tables import comments
from plugin.store.tags import decide_tag

ATTACH = Path(__file__).parent.parent / "plugin" / "attach"
DOCS = Path(__file__).parent.parent / "docs"
HOME = "https://hub.example.org"
BLOG = "https://blog.example.org"
MEMBERS = {"id": "d2", "title": "For members", "url": f"{HOME}/members-only", "audience": "members"}


def tags_at(client: FlaskClient, url: str = PAGE, origin: str | None = HOME, **headers: str) -> TestResponse:
    return client.get(
        "/members/hub/tags", query_string={"url": url}, headers=headers | ({"Origin": origin} if origin else {})
    )


@pytest.fixture
def answered(client: FlaskClient, community: Community, service: Service, secret: bytes, worker: Callable[[], None]):
    """Yield a function that lets the author of a comment say yes or no to showing their role, or say nothing."""
    forum = Forum(client, secret)
    for id_, text in (
        ("1", "I am a carer for my dad. His tablets were changed and nobody told us."),
        ("2", "I'm a ward nurse. We read every list aloud now, since one was wrong."),
        ("3", "I am a patient on that ward, and I was never asked."),
        ("4", "I am a carer too, and it is the same here."),
    ):
        assert forum.posted(text, id_).status_code == 202
    forum.posted("I am a carer for my mum, which only members know.", "5", discussion=MEMBERS)
    worker()

    def answer(native_id: str, *, given: bool = True, url: str = PAGE) -> None:
        with writing(service.db) as conn:
            found = conn.execute(sa.select(comments.c.id).where(comments.c.native_id == native_id)).scalar_one()
            at = datetime.now(UTC)
            decide_tag(conn, found, Tag("carer", 1.0, None, "author"), "confirmed", source="author", by="author", at=at)
            give(conn, found, "show_tag", given, None, at)

    answer.forum = forum  # type: ignore[attr-defined]
    return answer


def test_a_role_stands_beside_a_comment_only_while_its_author_agrees(
    client: FlaskClient, community: Community, service: Service, answered, worker: Callable[[], None]
) -> None:
    for id_ in ("1", "4", "5"):
        answered(id_)
    answered("3", given=False)
    # The community has not asked for tags in public: then consent alone shows nothing.
    assert tags_at(client).json["tags"] == {}
    with writing(service.db) as conn:
        change_community(conn, community.id, public_tags="consented", places={"comment": ".ours"})
    answer = tags_at(client)
    assert answer.json == {
        "platform": "standard",
        "places": {"comment": ".ours"},
        "title": "Join the discussion",
        "says": "Says they are here as:",
        "tags": {"1": ["Carer"], "4": ["Carer"]},
    }
    assert "Set-Cookie" not in answer.headers
    # Nobody learns whether there is a page that only members see: not by the answer, its length or its headers.
    unknown = tags_at(client, f"{HOME}/nowhere")
    private = tags_at(client, MEMBERS["url"])
    assert unknown.status_code == private.status_code == 200
    assert private.data == unknown.data
    # The nonce and the moment differ between any two answers.
    own = ("Content-Security-Policy", "Date")
    told = [{name: value for name, value in one.headers if name not in own} for one in (private, unknown)]
    assert told[0] == told[1]
    assert tags_at(client, PAGE + "x" * 3000).json["tags"] == {}
    assert client.get("/members/nobody/tags?url=" + PAGE).status_code == 404
    # No longer agreed, hidden, removed: gone.
    answered("1", given=False)
    assert tags_at(client).json["tags"] == {"4": ["Carer"]}
    answered.forum.hidden("4", at=minute(5))
    worker()
    assert tags_at(client).json["tags"] == {}


@on_one_database
def test_a_page_for_members_takes_the_steps_of_one_that_is_not_there(
    client: FlaskClient, community: Community, service: Service, answered
) -> None:
    answered("5")
    with writing(service.db) as conn:
        change_community(conn, community.id, public_tags="consented")
        assert shown_comments_at(conn, community.id, MEMBERS["url"]) == {}
        assert len(shown_comments_at(conn, community.id, PAGE)) == 4
    asked: list[list[str]] = [[]]
    # The worker, whose tables are its own, goes on meanwhile.
    ours = re.compile(r"\b(communities|discussions|comments|tag_decisions|receipts|authors)\b")
    sa.event.listen(
        service.db,
        "before_cursor_execute",
        lambda *about: asked[-1].append(about[2]) if ours.search(about[2]) else None,
    )
    for url in (MEMBERS["url"], f"{HOME}/nowhere"):
        asked.append([])
        tags_at(client, url)
    assert asked[1] == asked[2]
    assert len(asked[1]) > 2


@on_one_database
def test_only_its_own_sites_may_ask_and_frame(
    app: Flask, client: FlaskClient, community: Community, service: Service
) -> None:
    for stranger in ("https://evil.example", "http://hub.example.org", f"{HOME}.evil.example", "null", BLOG, None):
        answer = tags_at(client, origin=stranger)
        assert "Access-Control-Allow-Origin" not in answer.headers, stranger
        assert "Origin" in answer.headers["Vary"]
    assert tags_at(client).headers["Access-Control-Allow-Origin"] == HOME
    assert "Access-Control-Allow-Credentials" not in tags_at(client).headers
    panel = client.get("/members/hub/panel", query_string={"url": PAGE})
    assert panel.headers["Content-Security-Policy"].endswith(f"; frame-ancestors 'self' {HOME}")
    assert "script" not in panel.headers["Content-Security-Policy"]
    assert "<script" not in panel.text
    with writing(service.db) as conn:
        change_community(conn, community.id, origins=[BLOG])
    assert tags_at(client, origin=BLOG).headers["Access-Control-Allow-Origin"] == BLOG
    panel = client.get("/members/hub/panel", query_string={"url": f"{BLOG}/2026/falls", "fit": "1"})
    assert panel.headers["Content-Security-Policy"].endswith(f"; frame-ancestors 'self' {HOME} {BLOG}")
    assert "script-src 'self'" in panel.headers["Content-Security-Policy"]
    # A guest of the blog comes back to the blog, and one from anywhere else to the hub.
    written = client.get("/members/hub/write", query_string={"url": f"{BLOG}/2026/falls"})
    assert f'href="{BLOG}/2026/falls"' in written.text
    assert "evil" not in client.get("/members/hub/write", query_string={"url": "https://evil.example/"}).text
    assert client.get("/members/nobody/panel").headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")
    # Nothing else that anybody can open is ever framed.
    for path in ("/", "/members/hub/write", "/members/hub/link", "/staff/sign-in", "/healthz"):
        assert "frame-ancestors 'none'" in client.get(path).headers["Content-Security-Policy"], path


@on_one_database
def test_the_script_and_the_tags_are_kept_no_longer_than_is_right(client: FlaskClient, community: Community) -> None:
    script = client.get("/embed.js")
    text = script.text
    assert script.content_type.startswith("text/javascript")
    assert script.headers["Cache-Control"] == "public, max-age=3600, stale-while-revalidate=604800"
    assert client.get("/embed.js", headers={"If-None-Match": script.headers["ETag"]}).status_code == 304
    assert "Set-Cookie" not in script.headers
    for kept in ("cookie", "localStorage", "sessionStorage", "indexedDB", "innerHTML", "eval", "http:"):
        assert kept not in text, kept
    assert set(re.findall(r"createElement\(\"(\w+)\"\)", text)) == {"iframe"}
    tags = tags_at(client)
    assert tags.headers["Cache-Control"] == "public, max-age=60"
    again = tags_at(client, **{"If-None-Match": tags.headers["ETag"]})
    assert again.status_code == 304
    assert again.headers["Access-Control-Allow-Origin"] == HOME


@on_one_database
def test_kept_words_go_to_the_forum_by_a_button_and_never_by_an_address(
    client: FlaskClient, community: Community, service: Service, secret: bytes, worker: Callable[[], None]
) -> None:
    kept = keep(client)
    assert "Take my words" not in client.post(kept).text
    with writing(service.db) as conn:
        change_community(conn, community.id, compose_url=f"{HOME}/manyvoices/compose/{{discussion}}")
    # We do not know the page yet, so the forum could not know it by its name.
    unknown = client.post(kept)
    assert "Take my words" not in unknown.text
    assert "form-action 'self';" in unknown.headers["Content-Security-Policy"]
    page = {"id": "12/a b", "title": "Falls", "url": PAGE}
    Forum(client, secret).posted("I am a carer.", "1", discussion=page)
    worker()
    words = client.post(kept)
    assert f'action="{HOME}/manyvoices/compose/12%2Fa%20b"' in words.text
    assert words.text.count(MUM.split("\r\n")[0]) == 1
    assert f"form-action 'self' {HOME};" in words.headers["Content-Security-Policy"]
    assert words.headers["Referrer-Policy"] == "same-origin"
    # The other pages of the same words let nothing go there, nor does one whose words are gone.
    assert f"form-action 'self' {HOME}" not in client.get(kept).headers["Content-Security-Policy"]
    client.post(f"{kept}/done", data={"posted": "yes"})
    gone = client.post(kept)
    assert gone.status_code == 410
    assert "form-action 'self';" in gone.headers["Content-Security-Policy"]


@on_one_database
def test_what_a_site_owner_sets_is_looked_at_first(community: Community) -> None:
    for good in (BLOG, "http://localhost:8080", "https://xn--bcher-kva.example"):
        assert origin_mistake(good) is None, good
    for bad in (
        *("*", "https://*.example.org", "blog.example.org", f"{BLOG}/path", f"{BLOG}:443", "https://a b.example"),
        *("https://a.example; script-src *", "https://me:it@a.example", "https://", "ftp://a.example", "'self'", ""),
    ):
        assert origin_mistake(bad), bad
    assert origins_of(replace(community, origins=(BLOG, HOME))) == (HOME, BLOG)
    assert place_mistake("comment", "article") is None
    assert place_mistake("colour", "red")
    assert place_mistake("comment", "a" * 201)
    assert compose_mistake(f"{HOME}/compose/{{discussion}}", HOME) is None
    for bad in ("https://evil.example/{discussion}", f"{HOME}/compose", f"{HOME}//evil.example/{{discussion}}"):
        assert compose_mistake(bad, HOME), bad


@on_one_database
def test_what_a_site_owner_pastes_is_well_formed_and_names_only_addresses_that_are_there(app: Flask) -> None:
    theme = ATTACH / "discourse-theme"
    about = json.loads((theme / "about.json").read_text())
    assert about["component"] is True
    settings = yaml.safe_load((theme / "settings.yml").read_text())
    words = yaml.safe_load((theme / "locales" / "en.yml").read_text())["en"]
    code = (theme / "javascripts/discourse/api-initializers/many-voices.js").read_text()
    assert set(re.findall(r"settings\.(\w+)", code)) <= settings.keys()
    assert set(re.findall(r'themePrefix\("(\w+)"\)', code)) == words.keys() - {"theme_metadata"}
    assert words["theme_metadata"]["settings"].keys() <= settings.keys()
    with (ATTACH / "invision" / "language.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["key"] for row in rows}) == len(rows) == 5
    assert all(row["text"].strip() and None not in row for row in rows)
    urls = app.url_map.bind("voices.example.org", url_scheme="https")
    told = code + "".join(path.read_text() for path in [DOCS / "embed.md", *(ATTACH / "invision").glob("*.html")])
    named = set(re.findall(r"https://voices\.example\.org(/[\w/.-]+)|\"(/embed\.js)\"|`GET (/[\w/<>-]+)\?", told))
    addresses = {re.sub(r"<\w+>", "hub", one or other or third) for one, other, third in named}
    assert addresses == {"/embed.js", "/members/hub/panel", "/members/hub/tags"}
    for address in addresses:
        assert urls.match(address, method="GET")[0].startswith(("embed.", "members.")), address


def test_the_page_about_embedding_lists_every_place() -> None:
    rows = re.findall(r"^\| `data-(\w+)` \| `(\w+)` \|", (DOCS / "embed.md").read_text(), re.M)
    assert {place for _, place in rows} == set(PLACES)
    assert all(attribute == place for attribute, place in rows)
    script = (TEMPLATES / "static" / "embed.js").read_text()
    assert set(re.findall(r"\bplaces\.(\w+)", script)) == set(PLACES)
