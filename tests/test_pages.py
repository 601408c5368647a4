"""What people see: every page through the real app, with comments that came through the door."""

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from forum import Forum, minute
from plugin.service import Service
from plugin.store.communities import Community, add_community, add_secret
from plugin.store.opening import reading, writing
from plugin.store.prompts import prompt_figures
from plugin.store.tables import outbox
from webhooks.practice import publish

PAGE = "https://hub.example.org/blogs/co-production"
PANEL = f"/members/hub/panel?url={PAGE}"
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
DAD = (
    "I care for my dad, who has vascular dementia. When he came home from hospital his blood thinner had been left off "
    "the discharge letter, and nobody noticed for nine days. Now I ask for the list before we leave the ward."
)
DANGER = "My mum is on the ward now, she cannot breathe and nobody is coming. Please help us now."

# The store and the handlers are tested on both databases; what is drawn does not depend on them.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Outline(HTMLParser):
    """What a screen reader would meet on a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.prose: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input", "br", "rect"):
            self._open.append(tag)
        if tag == "p":
            self.prose.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "p" in self._open:
            self.prose[-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


@pytest.fixture
def practice(service: Service, live_url: str) -> None:
    """Set up the practice community, whose forum can reach the door over real HTTP."""
    with writing(service.db) as conn:
        practice_community(conn, service)


def practice_community(conn: sa.Connection, service: Service) -> None:
    home = f"{service.public_url}/practice"
    community_id = add_community(
        conn,
        slug="practice",
        platform="standard",
        name="the practice forum",
        base_url=f"{home}/",
        sign_up_url=f"{home}/sign-up",
        sign_in_url=f"{home}/sign-in",
        editorial_address="editors@practice.example",
        moderators_address="moderators@practice.example",
        wait_minutes=0,
        is_practice=True,
    )
    add_secret(conn, service.vault, community_id, SECRET)
    publish(conn, community_id, service.public_url)


def figures(service: Service, community: Community) -> tuple[int, int]:
    with reading(service.db) as conn:
        rows = prompt_figures(conn, [community.id])
    return sum(row.shown for row in rows), sum(row.chosen for row in rows)


# The invitation


def test_a_guest_is_asked_kindly_by_the_name_of_the_page(forum: Forum, client: FlaskClient, worker) -> None:
    forum.posted(DAD)
    worker()
    panel = client.get(PANEL)
    assert "Patient safety and co-production" in panel.text
    assert "a patient, a carer, a health professional or a social care professional" in panel.text
    assert "It is free" in panel.text
    assert "editors@hub.example.org" in panel.text


def test_a_guest_leaves_no_trace_and_gets_none(client: FlaskClient, community: Community) -> None:
    for path in (PANEL, f"{PANEL}&later=1", f"/members/hub/go?to=sign-up&url={PAGE}", "/", "/practice/"):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers
        assert "<script" not in answer.text
    assert client.get(PANEL).headers["Cache-Control"] == "no-store"


def test_only_the_community_may_frame_the_panel_and_nobody_anything_else(
    client: FlaskClient, community: Community
) -> None:
    assert (
        client.get(PANEL).headers["Content-Security-Policy"].endswith("frame-ancestors 'self' https://hub.example.org")
    )
    for path in ("/", "/nowhere", "/members/nobody/panel", f"/members/hub/write?url={PAGE}"):
        assert "frame-ancestors 'none'" in client.get(path).headers["Content-Security-Policy"]


def test_not_now_is_remembered_in_the_address_alone(
    service: Service, client: FlaskClient, community: Community
) -> None:
    later = client.get(f"{PANEL}&later=1").text
    assert "Show the invitation" in later
    assert "Sign up" not in later
    assert figures(service, community) == (0, 0)


@pytest.mark.parametrize(("way", "page"), [("sign-up", "/register/"), ("sign-in", "/login/")])
def test_signing_up_leads_to_the_forum_and_back(client: FlaskClient, community: Community, way: str, page: str) -> None:
    answer = client.get(f"/members/hub/go?to={way}&url={PAGE}%23comments")
    there = urlsplit(answer.headers["Location"])
    assert answer.status_code == 303
    assert (there.netloc, there.path) == ("hub.example.org", page)
    assert parse_qs(there.query) == {"return_to": [f"{PAGE}#comments"]}


@pytest.mark.parametrize("url", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "a" * 5000, ""])
def test_a_guest_is_never_led_elsewhere(client: FlaskClient, community: Community, url: str) -> None:
    answer = client.get("/members/hub/go", query_string={"to": "sign-in", "url": url})
    assert parse_qs(urlsplit(answer.headers["Location"]).query) == {"return_to": ["https://hub.example.org"]}
    assert "evil" not in client.get("/members/hub/write", query_string={"url": url}).text


def test_writing_to_the_editors_needs_no_account(client: FlaskClient, community: Community) -> None:
    page = client.get(f"/members/hub/write?url={PAGE}").text
    assert 'href="mailto:editors@hub.example.org"' in page
    assert f'href="{PAGE}"' in page


def test_the_invitation_is_counted_and_nobody_with_it(
    service: Service, client: FlaskClient, community: Community
) -> None:
    client.get(PANEL)
    client.get(PANEL)
    client.head(PANEL)
    client.get(f"/members/hub/go?to=sign-up&url={PAGE}")
    assert figures(service, community) == (2, 1)


@pytest.mark.parametrize("path", ["/members/nobody/panel", "/members/hub/go?to=elsewhere", "/members/hub/go"])
def test_what_is_not_there_is_said_in_plain_words(client: FlaskClient, community: Community, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


def test_a_members_only_title_is_not_shown_to_a_guest(forum: Forum, client: FlaskClient, worker) -> None:
    forum.posted(DAD, discussion={"audience": "members", "title": "For members alone"})
    worker()
    assert "For members alone" not in client.get(PANEL).text


# The summary


@pytest.fixture
def discussion(forum: Forum, worker: Callable[[], None]) -> str:
    """Return the address of the summary of a small discussion."""
    forum.posted(DAD, "1")
    forum.posted("I'm a ward nurse. We read every list aloud now.", "2")
    forum.posted("Thank you for this.", "3")
    worker()
    return "/moderators/discussions/1"


def test_moderators_see_at_a_glance_who_is_missing(discussion: str, sign_in) -> None:
    page = sign_in("moderator").get(discussion).text
    words = said_on(page)
    assert "3 people have written 3 comments." in words
    assert "Nobody here has said they are a patient or a social care professional." in words
    assert "1 person has not said in what role they speak." in words
    assert "That is too few to say how evenly." in words


def test_each_tag_shows_the_words_that_prove_it_and_where_it_comes_from(discussion: str, sign_in) -> None:
    page = sign_in("moderator").get(discussion).text
    assert re.search(r'<mark class="[a-z ]*says[a-z ]*">[^<]*care for my dad', page)
    assert "said in this comment, not confirmed" in page
    assert f'href="{PAGE}#c1"' in page


def test_the_picture_and_its_table_have_the_same_figures(discussion: str, sign_in) -> None:
    page = sign_in("moderator").get(discussion).text
    outline = Outline(page)
    who, _when = outline.all("svg")
    assert who["aria-labelledby"] == "bars-title"
    assert len([one for one in outline.all("rect") if one["class"] == "people"]) == 2
    assert re.search(r'scope="row">Carer</th><td[^>]*>1</td><td[^>]*>1</td>', page)
    assert re.search(r'scope="row">Patient</th><td[^>]*>0</td>', page)


def test_roles_differ_in_nothing_but_their_word(forum: Forum, worker, sign_in) -> None:
    for number, role in enumerate(("Patient", "Health professional")):
        author = {"id": f"a{number}", "kind": "member", "display_name": "Sam", "declared": {"role": role}}
        forum.posted("We asked twice.", str(number), author=author, comment={"url": PAGE})
    worker()
    page = sign_in("moderator").get("/moderators/discussions/1").text
    first, second = re.findall(r"<article.*?</article>", page, re.S)
    assert re.sub(r"(comment|heading)(-|s/)\d+", "", first).replace("Patient", "R") == re.sub(
        r"(comment|heading)(-|s/)\d+", "", second
    ).replace("Health professional", "R")


def test_a_hidden_comment_leaves_the_summary_at_once(forum: Forum, discussion: str, worker, sign_in) -> None:
    forum.hidden("1", at=minute(5))
    worker()
    page = sign_in("moderator").get(discussion).text
    assert "care for my dad" not in page
    assert "a carer" in page


def test_the_list_of_discussions_leads_to_each(discussion: str, sign_in) -> None:
    page = sign_in("moderator").get("/moderators/").text
    assert f'href="{discussion}"' in page
    assert "Patient safety and co-production" in page


def test_small_figures_of_the_invitation_are_not_shown(
    discussion: str, service: Service, client: FlaskClient, sign_in
) -> None:
    for _ in range(6):
        client.get(PANEL)
    client.get(f"/members/hub/go?to=sign-in&url={PAGE}")
    page = sign_in("moderator").get("/moderators/").text
    assert 'data-label="Shown">6</td>' in page
    assert 'data-label="Chosen">fewer than 5</td>' in page


# The desk


def test_editors_see_what_was_forwarded_and_what_became_of_the_mail(discussion: str, sign_in) -> None:
    editor = sign_in("editor")
    page = editor.get("/desk/").text
    assert "var/mail/" in page
    assert "Carer (said in this comment, not confirmed)" in page
    assert "Its mail was written as a file" in page
    assert "Member 1" not in page
    insight = editor.get("/desk/insights/1").text
    assert "<mark>" in insight
    assert "Carer (no name)" in insight
    assert f'href="{PAGE}#c1"' in insight


def test_what_is_urgent_is_mailed_to_the_moderators_alone_and_stands_on_the_desk(
    forum: Forum, service: Service, worker, sign_in
) -> None:
    forum.posted(DANGER)
    worker()
    assert "cannot breathe" in said_on(sign_in("editor").get("/desk/").text)
    assert [row.recipient for row in mails_put_up(service)] == ["moderators@hub.example.org"]
    moderator = sign_in("moderator")
    assert "cannot breathe" in said_on(moderator.get("/moderators/urgent/1").text)
    assert urgent_page(service) == "/moderators/urgent/1"
    assert "May be urgent" in moderator.get("/moderators/discussions/1").text


def mails_put_up(service: Service):
    with reading(service.db) as conn:
        return conn.execute(sa.select(outbox)).all()


def test_the_desk_is_paged_from_the_newest_back(forum: Forum, worker, sign_in) -> None:
    for number in range(32):
        forum.posted(DAD, str(number))
    worker()
    editor = sign_in("editor")
    newest = editor.get("/desk/").text
    older = editor.get(re.search(r'href="(/desk/\?before=\d+)"', newest)[1]).text
    first, second = (set(re.findall(r"/desk/insights/(\d+)", page)) for page in (newest, older))
    assert len(first) == 25
    assert len(second) == 7
    assert max(map(int, second)) < min(map(int, first))
    assert "Older insights" not in older


STAFF_PAGES = ["/moderators/", "/moderators/discussions/1", "/moderators/urgent/1", "/desk/", "/desk/insights/1"]


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_a_guest_is_sent_to_sign_in(client: FlaskClient, community: Community, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert "/staff/sign-in" in answer.headers["Location"]


def test_an_editor_is_told_that_the_moderators_pages_are_not_theirs(community: Community, sign_in) -> None:
    answer = sign_in("editor").get("/moderators/")
    assert answer.status_code == 403
    assert "This page is not for everyone" in answer.text


# Hostile words


XSS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg><g/onload=alert(1)//',
    "</textarea><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "{{7*7}}{% raw %}",
    '" autofocus onfocus="alert(1)',
    "` onmouseover=alert(1) `",
    "<base href=//evil.example>",
    '<meta http-equiv="refresh" content="0;url=//evil.example">',
    '<form action="//evil.example"><input name=a>',
    '<iframe srcdoc="<script>alert(1)</script>">',
    "<b unclosed",
    "\u202eevil\u200b",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
]


def test_hostile_words_are_shown_and_never_obeyed(
    service: Service, forum: Forum, worker, sign_in, client: FlaskClient
) -> None:
    harmless = {name for path in ("/", PANEL) for name, _ in Outline(client.get(path).text).tags}
    for number, hostile in enumerate(XSS):
        odd_community(service, f"odd-{number}", hostile)
        author = {"id": "a1", "kind": "member", "display_name": hostile, "declared": {"role": hostile}}
        about = {"id": f"d{number}", "title": hostile, "url": f"{PAGE}/{number}"}
        forum.posted(f"{DAD} {hostile}", str(number), author=author, discussion=about)
    worker()
    admin = sign_in("admin")
    pages = [admin.get(path).text for path in ("/moderators/", "/desk/")]
    for number, hostile in enumerate(XSS):
        pages += [admin.get(f"/{path}/{number + 1}").text for path in ("moderators/discussions", "desk/insights")]
        for way in ("panel", "write"):
            for slug, url in (("hub", f"{PAGE}/{number}"), (f"odd-{number}", hostile)):
                asked = {"url": url}
                pages.append(client.get(f"/members/{slug}/{way}", query_string=asked).text)
    assert sum("alert(1)" in page for page in pages) > 50
    for page in pages:
        outline = Outline(page)
        assert "{{" not in page or "7*7" in page
        assert {name for name, _ in outline.tags} <= harmless | OUR_TAGS
        for _, attrs in outline.tags:
            assert not [name for name in attrs if name.startswith("on") or name in ("srcdoc", "style", "autofocus")]
            assert not str(attrs.get("href", "")).lower().startswith(("javascript:", "data:", "//"))


OUR_TAGS = {
    *("mark", "table", "caption", "thead", "tbody", "tr", "th", "td", "time", "strong", "span", "nav", "article"),
    *("details", "summary", "dl", "dt", "dd", "h3", "code", "div", "figure", "figcaption", "svg", "text", "rect", "br"),
    # Of our own forms; a hostile one would be told by the attributes that make it act.
    *("form", "input", "select", "option", "label", "textarea", "button", "fieldset", "legend", "optgroup"),
}


def odd_community(service: Service, slug: str, name: str) -> None:
    with writing(service.db) as conn:
        add_community(
            conn,
            slug=slug,
            platform="standard",
            name=name,
            base_url="https://hub.example.org",
            sign_up_url="https://hub.example.org/register/",
            sign_in_url="https://hub.example.org/login/",
            editorial_address="editors@hub.example.org",
            moderators_address="moderators@hub.example.org",
        )


# Practice


def test_a_post_on_the_practice_forum_travels_as_a_real_signed_webhook(
    practice, app: Flask, client: FlaskClient, worker, sign_in
) -> None:
    answer = client.post("/practice/posts", data={"as": "maureen", "text": DAD})
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "answered 202" in page
    assert "care for my dad" in page
    worker()
    assert "care for my dad" in sign_in("moderator").get("/moderators/discussions/1").text

    client.post("/practice/posts/1", data={"as": "maureen", "text": "I'm a patient on that ward."})
    worker()
    assert "a patient on that ward" in said_on(sign_in("moderator").get("/moderators/discussions/1").text)

    client.post("/practice/posts/1", data={"as": "maureen", "remove": "1"})
    worker()
    assert "on that ward" not in client.get("/practice/").text
    assert "There is no comment to see here" in sign_in("moderator").get("/moderators/discussions/1").text


def test_a_guest_signs_up_and_comes_back_to_the_page(practice, service: Service, client: FlaskClient, worker) -> None:
    page = client.get("/practice/").text
    panel = re.search(r'<iframe[^>]+src="([^"]+)"', page)[1].replace("&amp;", "&")
    assert "The bay that nobody could see into" in client.get(panel).text
    chosen = client.get(
        "/members/practice/go", query_string={"to": "sign-up", "url": f"{service.public_url}/practice/"}
    )
    form = client.get(chosen.headers["Location"].removeprefix(service.public_url)).text
    back = re.search(r'name="return_to" value="([^"]+)"', form)[1]
    assert back == f"{service.public_url}/practice/"
    answer = client.post("/practice/sign-up", data={"name": "Bea", "role": "carer", "return_to": back})
    there = answer.headers["Location"].removeprefix(service.public_url)
    assert "Add a comment as Bea" in client.get(there).text
    assert "answered 202" in client.get(there).text


def test_signing_up_without_a_name_says_what_is_missing(practice, client: FlaskClient) -> None:
    answer = client.post("/practice/sign-up", data={"name": " \n", "role": "carer"})
    assert answer.status_code == 422
    assert "<title>Error:" in answer.text
    assert 'aria-describedby="name-error"' in answer.text


def test_signing_up_never_leads_off_the_practice_forum(practice, service: Service, client: FlaskClient) -> None:
    answer = client.post("/practice/sign-up", data={"name": "Bea", "return_to": "//evil.example"})
    assert answer.headers["Location"].startswith(f"{service.public_url}/practice/")
    assert "evil" not in client.get("/practice/sign-in?return_to=https://evil.example").text


def test_a_member_changes_only_their_own_posts(practice, client: FlaskClient) -> None:
    client.post("/practice/posts", data={"as": "maureen", "text": "Mine."})
    assert client.get("/practice/posts/1?as=tom").status_code == 404
    assert client.post("/practice/posts/1", data={"as": "tom", "text": "Ours."}).status_code == 404
    assert client.post("/practice/posts", data={"as": "", "text": "A guest's."}).status_code == 400
    assert "Change or remove" in client.get("/practice/?as=maureen").text
    assert "Change or remove" not in client.get("/practice/?as=tom").text


def test_another_site_cannot_post_in_somebodys_browser(practice, client: FlaskClient) -> None:
    for path in ("/practice/posts", "/practice/posts/1", "/practice/sign-up"):
        answer = client.post(path, data={"as": "tom", "text": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403


def test_an_empty_post_changes_nothing_and_says_so(practice, client: FlaskClient) -> None:
    answer = client.post("/practice/posts", data={"as": "tom", "text": " "})
    page = client.get(answer.headers["Location"]).text
    assert "There were no words in it" in page
    assert "0 comments" in page


def test_a_door_that_nobody_opens_is_a_plain_sentence(practice, app: Flask, client: FlaskClient) -> None:
    app.config["LOOPBACK_URL"] = "http://127.0.0.1:9"
    answer = client.post("/practice/posts", data={"as": "tom", "text": "Still kept."})
    page = client.get(answer.headers["Location"]).text
    assert "nobody answered at the door" in page
    assert "Still kept." in page


def test_without_a_practice_community_nothing_can_be_signed(client: FlaskClient) -> None:
    answer = client.post("/practice/posts", data={"as": "tom", "text": "x"})
    assert "could not be signed" in client.get(answer.headers["Location"]).text


def test_the_address_cannot_put_words_on_the_practice_page(practice, client: FlaskClient) -> None:
    assert "evil" not in client.get("/practice/?told=evil").text
    assert "answered 500" in client.get("/practice/?told=500").text


# Every page


def test_errors_keep_their_headers_and_speak_json_at_the_door(client: FlaskClient) -> None:
    wrong = client.post("/")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]
    assert "That cannot be done here" in wrong.text
    assert client.put("/webhooks/standard/hub").get_json() == {"error": "that cannot be done here"}
    assert client.get("/webhooks/nothing/at/all").get_json() == {"error": "there is no such page"}


def test_an_error_of_ours_is_said_in_plain_words(app: Flask, client: FlaskClient) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a secret in the message")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "secret" not in answer.text


GUEST_PAGES = [
    *("/", "/nowhere", "/practice/", "/practice/?as=tom", "/practice/sign-up", "/practice/sign-in"),
    *("/practice/posts/1?as=maureen", PANEL, f"{PANEL}&later=1", f"/members/hub/write?url={PAGE}"),
    *("/staff/sign-in",),
]


@pytest.fixture
def every_page(practice, service: Service, forum: Forum, client: FlaskClient, worker, sign_in) -> dict[str, str]:
    """Return each page by its address, with something on it."""
    client.post("/practice/posts", data={"as": "maureen", "text": "I was a patient there."})
    forum.posted(DANGER, "u")
    worker()
    forum.posted(DAD, "1")
    worker()
    admin = sign_in("admin")
    mails = re.findall(r"/desk/insights/\d+", admin.get("/desk/").text)
    staff = ["/moderators/", "/moderators/discussions/1", "/moderators/discussions/2", urgent_page(service)]
    pages = {path: client.get(path) for path in GUEST_PAGES}
    pages |= {path: admin.get(path) for path in (*staff, "/desk/", mails[0])}
    assert {path: page.status_code for path, page in pages.items() if page.status_code != 200} == {"/nowhere": 404}
    return {path: page.text for path, page in pages.items()}


def test_every_page_can_be_heard_as_well_as_seen(every_page: dict[str, str]) -> None:
    titles = []
    for path, page in every_page.items():
        outline = Outline(page)
        titles.append(re.search(r"<title>(.*?)</title>", page)[1])
        assert outline.all("html")[0]["lang"] == "en-GB", path
        assert len(outline.all("h1")) == 1, path
        assert len(outline.all("main")) == 1, path
        assert "panel" in path or 'class="skip" href="#content"' in page, path
        assert all("style" not in attrs for _, attrs in outline.tags), path
        assert all(attrs.get("scope") for attrs in outline.all("th")), path
        assert page.count("<table") == page.count("<caption"), path
        assert all("alt" in attrs for attrs in outline.all("img")), path
        assert all(attrs.get("title") for attrs in outline.all("iframe")), path
        levels = [int(name[1]) for name, _ in outline.tags if re.fullmatch(r"h[1-6]", name)]
        assert all(after - before <= 1 for before, after in pairwise(levels)), path
        ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), path
    different = set(titles)
    assert len(different) >= len(titles) - 3, sorted(titles)


def test_every_page_is_easy_to_read(every_page: dict[str, str]) -> None:
    for path, page in every_page.items():
        if "discussions/" in path or "desk" in path or "urgent" in path:
            continue
        prose = " ".join(Outline(page).prose)
        words = re.findall(r"[\w’'-]+", prose)
        if len(words) >= 100:
            assert reading_age_index(prose) <= 11, path


def test_the_fixed_words_of_the_staff_pages_are_easy_to_read(community: Community, sign_in, app: Flask) -> None:
    pages = [app.jinja_env.loader.get_source(app.jinja_env, name)[0] for name in ("moderators/discussion.html",)]
    for page in pages:
        prose = re.sub(r"{[{%#].*?[}%#]}|<[^>]+>", " ", " ".join(re.findall(r"<p\b.*?</p>", page, re.S)))
        assert reading_age_index(prose) <= 11


BANNED = re.compile(
    r"!|hurry|last chance|only today|don.t miss|no thanks, i|or lose|limited time|act now|you must|healthcare prof",
    re.I,
)


def test_nothing_presses_a_guest(every_page: dict[str, str]) -> None:
    for path in GUEST_PAGES:
        words = re.sub(r"<!doctype html>|<[^>]+>", " ", every_page[path])
        assert not BANNED.search(words), path


def urgent_page(service: Service) -> str:
    """Return the page that the one mail about something urgent leads to."""
    (mail,) = service.post.folder.glob("*urgent*.eml")
    return re.search(re.escape(service.public_url) + r"(/moderators/urgent/\d+)", mail.read_text())[1]


def said_on(page: str) -> str:
    """Return the words of a page without its mark-up."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def reading_age_index(prose: str) -> float:
    """Return the automated readability index: characters a word and words a sentence, no syllables."""
    words = re.findall(r"[\w’'-]+", prose)
    sentences = max(1, len(re.findall(r"[.?:](?=\s|$)", prose)))
    characters = sum(len(word) for word in words)
    return 4.71 * characters / len(words) + 0.5 * len(words) / sentences - 21.43
