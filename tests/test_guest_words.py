"""What the pages for guests say: in plain words, without pressing anybody, and ready for other languages."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from test_direct import DAD, PAGE
from test_pages import Outline, reading_age_index

from plugin.rendering import TEMPLATES
from plugin.service import Service
from plugin.store.communities import Community

BANNED = re.compile(
    r"hurry|last chance|only today|don.t miss|no thanks, i|register or|or lose|limited time|act now|you must|"
    r"are you sure you don.t|countdown|before it is too late|what are you waiting",
    re.I,
)


def of_members() -> list[Path]:
    return sorted((TEMPLATES / "members").glob("*.html"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_of_a_guest_is_easy_to_read(client: FlaskClient, community: Community, service: Service) -> None:
    asked = {"query_string": {"url": PAGE}}
    kept = client.post("/members/hub/keep", data={"text": DAD}, **asked).headers["Location"]
    sent = client.post("/members/hub/direct", data={"text": DAD, "forward": "yes"}, **asked).headers["Location"]
    pages = {
        "panel": client.get("/members/hub/panel", **asked),
        "write": client.get("/members/hub/write", **asked),
        "tags": client.get("/members/hub/about-tags"),
        "review": client.post("/members/hub/review", data={"text": "We read the list aloud."}, **asked),
        "missing": client.post("/members/hub/direct", data={"text": "We read the list aloud."}, **asked),
        "kept": client.get(kept),
        "words": client.post(kept),
        "sent": client.get(sent),
        "elsewhere": client.post("/members/hub/keep", data={"text": DAD}, headers={"Origin": "null"}),
        "gone": client.post(f"{kept}/done", data={"posted": "yes"}),
        "over": client.get(kept),
    }
    judged = 0
    for name, page in pages.items():
        assert "Set-Cookie" not in page.headers, name
        assert len(Outline(page.text).all("h1")) == 1, name
        prose = " ".join(Outline(page.text).prose)
        if len(re.findall(r"[\w’'-]+", prose)) >= 100:
            judged += 1
            assert reading_age_index(prose) <= 11, name
    assert judged >= 4


def test_no_words_of_ours_press_a_guest() -> None:
    for template in (*of_members(), *(TEMPLATES / "mail").iterdir()):
        assert not BANNED.search(re.sub(r"{#.*?#}", "", template.read_text(), flags=re.S)), template.name


def test_every_word_of_the_pages_for_guests_can_be_translated() -> None:
    for template in of_members():
        # A class of the page and attributes of its body are no words.
        bare = re.sub(r"{% block (width|body_attributes) %}.*?{% endblock %}", "", template.read_text())
        said = re.sub(r"{%-? *trans\b.*?endtrans *-?%}", "", bare, flags=re.S)
        said = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", " ", said, flags=re.S)
        assert not re.findall(r"[^\W\d_]{2,}", said), template.name
