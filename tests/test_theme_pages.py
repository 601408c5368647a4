"""What moderators learn of themes: lanes, the comments behind each, and the words that they can change."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from test_correcting import value

from forum import Forum
from plugin.lexicons import CHANGES, Refused, WordList, list_from, packaged_list
from plugin.service import Service
from plugin.store.communities import Community
from plugin.store.opening import reading, writing
from plugin.store.themes import (
    ChangedMeanwhile,
    current_theme_lexicon,
    lanes_in,
    reading_progress,
    save_theme_version,
    theme_lexicon,
    theme_versions_of,
)

# What differs between the databases is told in the stories of the store, the engine and the journey.
ONLY_ON = "sqlite"

WORDS = "/moderators/themes/hub/words"
SPEAKERS = {"carer": "I care for my dad.", "nurse": "I am a ward nurse.", "patient": "I am a patient on the ward."}


@pytest.fixture
def forum(client: FlaskClient, community: Community, secret: bytes) -> Forum:
    return Forum(client, secret)


def say(forum: Forum, words: str, number: int, *, days_ago: int = 0, page: int = 1, who: int | None = None) -> None:
    at = (datetime.now(UTC) - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    who = number if who is None else who
    forum.posted(
        words,
        str(number),
        at=at,
        comment={"created_at": at},
        discussion={"id": f"d{page}", "title": f"Page {page}", "url": f"https://hub.example.org/{page}"},
        author={"id": f"a{who}", "kind": "member", "display_name": f"Member {who}"},
    )


def lanes(service: Service, community: Community):
    with reading(service.db) as conn:
        return lanes_in(conn, community.id, datetime.now(UTC))


def change(browser: FlaskClient, act: str, page: str | None = None, **fields: str):
    page = page or browser.get(WORDS).text
    hidden = {name: value(page, name) for name in ("csrf_token", "version")}
    return browser.post(WORDS, data=hidden | fields | {"act": act})


def test_what_three_roles_say_in_two_discussions_is_common_cause(
    forum: Forum, worker, sign_in, service: Service, community: Community
) -> None:
    for number, speaker in enumerate(SPEAKERS.values()):
        say(forum, f"{speaker} The handover left it out.", number, page=number % 2)
    say(forum, "The discharge was early.", 9)
    worker()
    (one,) = lanes(service, community).common_cause
    assert (one.theme.id, one.theme.people, one.theme.discussions) == ("handover", 3, 2)
    page = sign_in("moderator").get("/moderators/themes/hub").text
    assert 'href="/moderators/themes/hub/about/handover"' in page
    assert "Carer 1, Health professional 1, Patient 1" in page
    home = sign_in("admin").get("/moderators/?community=hub").text
    assert "Common cause" in home
    assert "/about/handover" in home


def test_one_prolific_person_is_one_person(forum: Forum, worker, service: Service, community: Community) -> None:
    for number in range(12):
        say(forum, "The handover again.", number, who=1)
    worker()
    found = lanes(service, community)
    assert [(one.people, one.comments) for one in (*found.few_now, *found.few_later)] == [(1, 12)]
    assert found.rising == ()


def test_a_theme_rises_in_the_week_that_many_speak_of_it(
    forum: Forum, worker, service: Service, community: Community, sign_in
) -> None:
    for week in range(1, 13):
        say(forum, "He had a fall.", week, days_ago=7 * week + 1)
    for number in range(20, 27):
        say(forum, "The fall was at night.", number, page=2)
    worker()
    (one,) = lanes(service, community).rising
    assert (one.theme.id, one.theme.weeks[0]) == ("falls", 7)
    assert "Against the" in sign_in("moderator").get("/moderators/themes/hub").text


def test_a_hidden_comment_counts_for_no_theme(
    forum: Forum, worker, service: Service, community: Community, sign_in
) -> None:
    forum.posted("The handover was bad.")
    worker()
    forum.hidden(at="2026-11-22T12:09:00Z")
    worker()
    assert [one for one in lanes(service, community).silent if one.id == "handover"]
    assert "The handover" not in sign_in("moderator").get("/moderators/themes/hub/about/handover").text


def test_the_page_of_a_theme_marks_its_words_and_the_pile_has_the_rest(forum: Forum, worker, sign_in) -> None:
    say(forum, "The handover was bad.", 1)
    say(forum, "Lovely weather.", 2)
    worker()
    browser = sign_in("moderator")
    page = browser.get("/moderators/themes/hub/about/handover").text
    assert '<mark class="says">handover</mark>' in page
    assert "Lovely weather" not in page
    assert "Lovely weather" in browser.get("/moderators/themes/hub/about/none").text
    assert browser.get("/moderators/themes/hub/about/nonsense").status_code == 404


def test_a_new_word_is_found_in_what_was_written_before(forum: Forum, worker, sign_in, service, community) -> None:
    say(forum, "The lift was stuck for an hour.", 1)
    worker()
    browser = sign_in("moderator")
    assert change(browser, "add", label="Lifts", words="lift*").status_code == 303
    worker()
    assert "The " in browser.get("/moderators/themes/hub/about/lifts").text
    assert '<mark class="says">lift</mark>' in browser.get("/moderators/themes/hub/about/lifts").text
    with reading(service.db) as conn:
        assert reading_progress(conn, community.id).is_done


def test_the_page_says_how_far_comments_are_read_with_new_words(forum: Forum, worker, sign_in, service, community):
    say(forum, "The lift was stuck.", 1)
    worker()
    made, told = CHANGES["add"](packaged_list(), label="Lifts", listing="lift*")
    with writing(service.db) as conn:
        save_theme_version(conn, community.id, made, after=0, change=told, by="staff:1", at=datetime.now(UTC))
    assert "0 of 1 comment so far" in sign_in("moderator").get("/moderators/themes/hub").text


def test_an_old_list_is_found_by_its_mark_for_ever(sign_in, community: Community, service: Service, worker) -> None:
    browser = sign_in("moderator")
    old = packaged_list().digest
    change(browser, "change", theme="handover", label="Handing over", words="handover*, sbar")
    change(browser, "remove", theme="falls")
    with reading(service.db) as conn:
        newest, renamed, first = theme_versions_of(conn, community.id)
        assert theme_lexicon(conn, old) == packaged_list() == first.words
        assert theme_lexicon(conn, renamed.words.digest) == renamed.words
        assert theme_lexicon(conn, "0" * 64) is None
    assert [one.version for one in (newest, renamed, first)] == [2, 1, 0]
    assert newest.change == "Removed “Falls and pressure damage”."
    assert "Renamed “Handover” to “Handing over”." in str(renamed.change)
    page = browser.get(WORDS).text
    assert "moderator@hub.example.org" in page
    assert "The list that came with the program." in page


def test_of_two_who_change_the_words_the_second_is_told_and_keeps_what_they_wrote(
    sign_in, community: Community, worker
) -> None:
    first, second = sign_in("moderator"), sign_in("admin")
    seen_by_second = second.get(WORDS).text
    change(first, "remove", theme="falls")
    late = change(second, "add", seen_by_second, label="Lifts", words="lift*, stuck")
    assert late.status_code == 409
    assert "somebody else has saved a newer list" in late.text
    assert "Removed “Falls and pressure damage”." in late.text
    assert ">lift*, stuck</textarea>" in late.text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"label": "Lifts", "words": "li*ft"}, "has a star that is not at its end"),
        ({"label": "Lifts", "words": "a"}, "too short"),
        ({"label": "Handover", "words": "lift"}, "two themes called “Handover”"),
        ({"label": " ", "words": "lift"}, "has no label"),
        ({"label": "Lifts", "words": " , "}, "has no words"),
    ],
)
def test_mistakes_are_said_plainly_and_nothing_is_saved(
    sign_in, community: Community, service: Service, fields: dict[str, str], problem: str
) -> None:
    answer = change(sign_in("moderator"), "add", **fields)
    assert answer.status_code == 400
    assert problem in answer.text
    with reading(service.db) as conn:
        assert current_theme_lexicon(conn, community.id).version == 0


def small_list() -> WordList:
    return list_from(
        {
            "theme": [
                {"id": "lifts", "label": "Lifts", "words": "lift*, stuck"},
                {"id": "doors", "label": "Doors", "words": "door*"},
            ]
        }
    )


def test_a_theme_is_split_and_merged_and_its_id_keeps_its_history() -> None:
    split, told = CHANGES["split"](small_list(), "lifts", label="Stuck", listing="stuck")
    assert [(one.id, one.words) for one in split.themes] == [
        ("lifts", ("lift*",)),
        ("stuck", ("stuck",)),
        ("doors", ("door*",)),
    ]
    assert told == "Split “Stuck” from “Lifts”: stuck."
    merged, _ = CHANGES["merge"](split, "stuck", into="lifts")
    assert merged == small_list()
    assert merged.digest == small_list().digest


@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        ("split", {"label": "All", "listing": "lift*, stuck"}),
        ("split", {"label": "Odd", "listing": "window"}),
        ("merge", {"into": "lifts"}),
        ("change", {"label": "Lifts", "listing": "lift*, stuck"}),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(act: str, arguments: dict[str, str]) -> None:
    with pytest.raises(Refused):
        CHANGES[act](small_list(), "lifts", **arguments)


def test_a_list_is_never_saved_over_a_newer_one(service: Service, community: Community) -> None:
    with writing(service.db) as conn:
        about = {"change": "Test.", "by": "staff:1", "at": datetime.now(UTC)}
        save_theme_version(conn, community.id, small_list(), after=0, **about)
        with pytest.raises(ChangedMeanwhile):
            save_theme_version(conn, community.id, packaged_list(), after=0, **about)


def test_the_home_page_shows_the_uneven_discussion_first_and_says_who_is_missing(forum: Forum, worker, sign_in) -> None:
    for number in range(6):
        say(forum, SPEAKERS["carer"], number, page=1)
    for number, speaker in enumerate(list(SPEAKERS.values()) * 2, start=10):
        say(forum, speaker, number, page=2)
    say(forum, SPEAKERS["nurse"], 99, page=3)
    worker()
    page = re.sub(r"\s+", " ", sign_in("moderator").get("/moderators/").text)
    assert re.findall(r'<th scope="row"><a [^>]*>(Page \d)', page) == ["Page 1", "Page 2", "Page 3"]
    assert "Carer 6." in page
    assert "Nobody here has said they are a health professional, a patient or a social care professional." in page
    assert "too few to say" in page
    assert page.count("<svg") == 3


def test_a_program_reads_what_the_pages_show(forum: Forum, worker: Callable[[], None], sign_in) -> None:
    forum.posted("I care for my dad. His blood thinner was left off the discharge letter, and nobody noticed.")
    worker()
    moderator = sign_in("moderator")
    (only,) = moderator.get("/moderators/discussions.json").json["discussions"]
    assert (only["community"], only["people"], only["types"]["Carer"]) == ("hub", 1, 1)
    assert only["evenness"] is None
    lanes = moderator.get("/moderators/themes/hub.json").json
    said = {theme["label"] for theme in lanes["said_by_few"]["now"] + lanes["said_by_few"]["later"]}
    assert "Leaving hospital" in said
    assert lanes["rising"] == []
    assert moderator.get("/moderators/themes/elsewhere.json").status_code == 404
