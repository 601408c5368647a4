"""How a guest is invited, and that nobody is ever led off the community's own site."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.model import Discussion
from plugin.prompting import prompt_for, return_address, with_return

HOME = "https://hub.example.org/forum/"
PAGE = "https://hub.example.org/blogs/co-production?page=2#comments"


@dataclass(frozen=True)
class Hub:
    name: str = "The hub"
    base_url: str = HOME
    origins: tuple[str, ...] = ()
    sign_up_url: str = "https://hub.example.org/register/"
    sign_in_url: str = "https://hub.example.org/login/?theme=calm"
    editorial_address: str = "editors@hub.example.org"
    question: str | None = None
    expected_types: tuple[str, ...] = ("patient", "carer", "health_professional", "social_care_professional")


def asked_to_return(address: str) -> str:
    return parse_qs(urlsplit(address).query)["return_to"][0]


def test_a_guest_is_invited_by_the_name_of_the_discussion():
    prompt = prompt_for(Hub(), Discussion("7", "Patient safety & co-production", PAGE))
    assert prompt.discussion_title == "Patient safety & co-production"
    assert prompt.roles == ("a patient", "a carer", "a health professional", "a social care professional")
    assert asked_to_return(prompt.sign_up_url) == PAGE
    assert asked_to_return(prompt.sign_in_url) == PAGE
    assert prompt.sign_in_url.startswith("https://hub.example.org/login/?theme=calm&")


def test_a_community_asks_in_its_own_words():
    asked = Hub(question="Have you lived through “{title}” as {roles}?", expected_types=("patient", "carer"))
    prompt = prompt_for(asked, Discussion("7", "Falls at night", PAGE))
    assert prompt.question == "Have you lived through “Falls at night” as a patient or a carer?"
    assert prompt_for(asked, None, PAGE).question == "Have you lived through “this page” as a patient or a carer?"
    assert prompt_for(Hub(), None, PAGE).question is None


def test_a_page_that_we_have_not_heard_of_gets_an_invitation_too():
    prompt = prompt_for(Hub(), None, PAGE)
    assert prompt.discussion_title is None
    assert prompt.return_to == PAGE


@pytest.mark.parametrize(
    "address",
    [
        PAGE,
        "https://hub.example.org",
        "https://hub.example.org:443/blogs/1",
        "https://HUB.example.org/blogs/1",
        "https://hub.example.org/a%20page?return_to=https://elsewhere.example/",
    ],
)
def test_a_guest_comes_back_to_the_page_they_left(address):
    returned = return_address(address, HOME)
    assert returned != HOME
    assert returned.startswith("https://hub.example.org/")


HOSTILE = [
    "//evil.example",
    "/\\evil.example",
    "https:evil.example",
    "https://hub.example.org@evil.example/",
    "https://hub.example.org.evil.example/",
    "%2f%2fevil.example",
    "ht\ttps://hub.example.org/",
    "https://hub.example.org\n.evil.example/",
    "javascript:alert(1)",
    "data:text/html,hello",
    "http://hub.example.org/",
    "https://hub.example.org:8443/",
    "https://hub.example.org//evil.example",
    "https://hub.example.org/%2f%2fevil.example",
    "https://hub.example.org/%252f%255cevil.example",
    "https://hub.example.org\\@evil.example/",
    "https://user:word@hub.example.org/",
    "https://@hub.example.org/",
    "https://hub.example.org:port/",
    "https://[hub.example.org/",
    "https://hub。example.org.evil.example/",
    "https://hub.example.org/a/..//evil.example",
    "https://hub.example.org/%0d%0aLocation:%20https://evil.example",
    "https://evil.example/https://hub.example.org/",
    " https://hub.example.org/",
    "",
    "https://hub.example.org/" + "a" * 3000,
]


@pytest.mark.parametrize("address", HOSTILE)
def test_a_hostile_return_address_leads_home(address):
    assert return_address(address, HOME) == HOME


@given(st.text(max_size=60))
def test_no_text_leads_off_the_site(text):
    for address in (text, f"https://hub.example.org{text}", f"https://hub.example.org/{text}"):
        parts = urlsplit(return_address(address, HOME))
        assert (parts.scheme, parts.netloc) == ("https", "hub.example.org")
        assert not parts.path.startswith("//")


def test_a_sign_up_page_gets_one_return_address_only():
    page = with_return("https://hub.example.org/register/?return_to=https%3A%2F%2Fevil.example&a=1", PAGE)
    assert parse_qs(urlsplit(page).query) == {"a": ["1"], "return_to": [PAGE]}
