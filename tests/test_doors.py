"""Which doors somebody is shown for what they write, and what stands on them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask, render_template
from hypothesis import given
from hypothesis import strategies as st

from plugin.doors import (
    DOORS,
    KINDS,
    LONGEST_DOOR,
    MOST_EVIDENCE,
    Need,
    NeedKind,
    door_mistake,
    doors_apart,
    doors_for,
    doors_of,
)
from plugin.insights import urgency_of
from plugin.service import Service
from plugin.store.communities import Community, community_by_slug
from plugin.store.opening import reading
from webhooks.cli import main

DATA = Path(__file__).parent / "data"
DESPAIR = "I want it to be over. I have nothing left."


def rows_of(name: str) -> list[dict]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def kinds(text: str) -> list[NeedKind]:
    return [need.kind for need in doors_for(text)]


def figures(rows: list[dict], kind: NeedKind) -> tuple[float, float]:
    """Return recall and precision of one kind."""
    shown = [row for row in rows if kind in kinds(row["text"])]
    meant = [row for row in rows if kind in row["needs"]]
    right = [row for row in shown if kind in row["needs"]]
    return len(right) / len(meant), len(right) / len(shown)


def test_nobody_of_the_hundred_and_twenty_who_is_in_crisis_is_missed() -> None:
    rows = rows_of("doors.jsonl")
    assert len(rows) == 120
    recall, precision = figures(rows, "crisis")
    assert recall == 1
    assert precision >= 0.3


def test_what_was_learned_from_the_misses_is_not_lost_again() -> None:
    missed = [row["id"] for row in rows_of("doors_rounds.jsonl") if row["needs"][0] not in kinds(row["text"])]
    assert missed == []


@pytest.mark.parametrize("held_out", [False, True], ids=["tuned on", "held out"])
@pytest.mark.parametrize("kind", KINDS)
def test_most_of_every_kind_are_shown_their_door(kind: NeedKind, held_out: bool) -> None:
    recall, precision = figures([row for row in rows_of("doors.jsonl") if row["held_out"] is held_out], kind)
    assert recall >= 0.9
    assert precision >= 0.7


@pytest.mark.parametrize(("part", "held_out"), [("tuned on", False), ("held out", True)])
def test_the_page_about_doors_gives_the_figures_as_they_are(part: str, held_out: bool) -> None:
    rows = [row for row in rows_of("doors.jsonl") if row["held_out"] is held_out]
    page = (DATA.parent.parent / "docs" / "doors.md").read_text(encoding="utf-8")
    recalls, precisions = [], []
    for kind in KINDS:
        shown = [row for row in rows if kind in kinds(row["text"])]
        right = sum(kind in row["needs"] for row in shown)
        recalls.append(f"{right} of {sum(kind in row['needs'] for row in rows)}")
        precisions.append(f"{right} of {len(shown)}")
    for name, found in (("recall", recalls), ("precision", precisions)):
        (told,) = re.findall(rf"^\| {part}[^|]*: {name} \| (.+) \|$", page, re.M)
        assert told.split(" | ") == found


def test_of_comments_that_need_no_door_most_are_left_in_peace() -> None:
    quiet = [row["text"] for row in rows_of("doors.jsonl") if not row["needs"]]
    assert len(quiet) == 15
    assert sum(bool(kinds(text)) for text in quiet) <= 3


@pytest.mark.parametrize(
    "text",
    [
        "I can’t do this any more.",
        "i cant do this anymore",
        "I just... can't go on",
        "<p>I want to <b>end it all</b></p>",
        "Ｉ ｗａｎｔ ｔｏ ｄｉｅ",
        "WANNA DIE",
        "I am not saying I am going to kill myself, but I think about it.",
        "Why not end it all.",
        "Is it better now? No. Suicide is all I think of.",
        "Our suicide prevention training is a joke. I say so as someone who wants to die.",
    ],
)
def test_despair_is_heard_however_it_is_typed(text: str) -> None:
    assert "crisis" in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "I am not suicidal, I am cross.",
        "We ran the suicide prevention training again in May.",
        "Our policy on self-harm was written with patients.",
        "In 2009 I took an overdose and was left on a trolley for twelve hours.",
        "> I want to die\nI am so sorry to read this.",
        "[quote]I want to kill myself[/quote]Thank you for saying it out loud.",
        "I nearly died laughing.",
        "She wants to die at home, and the hospice made it happen.",
        "",
        "   \n",
        "🙂",
    ],
)
def test_talk_history_and_quotations_are_no_crisis(text: str) -> None:
    assert "crisis" not in kinds(text)


def test_what_was_long_ago_is_an_incident_still() -> None:
    assert kinds("In 2009 I took an overdose and was left on a trolley for twelve hours.") == ["incident"]


def test_what_is_back_again_is_a_crisis_again() -> None:
    assert "crisis" in kinds("In 2009 I took an overdose and now the thoughts of suicide are back again.")


def test_urgent_help_stands_first() -> None:
    text = "They gave my father the wrong drug. I want an apology. I can't go on like this, I want to die."
    assert kinds(text) == ["crisis", "incident", "complaint"]
    assert [need.is_urgent for need in doors_for(text)] == [True, False, False]


def test_each_door_is_shown_for_words_that_can_be_pointed_at() -> None:
    text = "Thank you. “Ça va” — they left a swab inside me 🙂. Now I can’t carry on."
    crisis, incident = doors_for(text)
    assert [text[one.start : one.end] for one in crisis.evidence] == [one.text for one in crisis.evidence]
    assert "I can’t carry on" in [one.text for one in crisis.evidence]
    assert [one.text for one in incident.evidence] == ["left a swab"]
    assert len(doors_for("I want to die. " * 50)[0].evidence) == MOST_EVIDENCE


@given(st.text(alphabet=st.sampled_from("i want to die é\u0301👩\u200d⚕️\n>’'&#39;<b> x"), max_size=80))
def test_evidence_is_always_the_authors_own_spelling(text: str) -> None:
    for need in doors_for(text + DESPAIR):
        for one in need.evidence:
            assert (text + DESPAIR)[one.start : one.end] == one.text != ""


@pytest.mark.parametrize("before", [0, 7_990, 9_900, 11_995, 17_000, 99_000])
def test_despair_at_the_end_of_a_long_story_is_heard(before: int) -> None:
    text = ("The ward was calm and the tea was warm. " * 3_000)[:before] + " " + DESPAIR
    (need,) = doors_for(text)
    assert need.kind == "crisis"
    assert all(text[one.start : one.end] == one.text for one in need.evidence)


def test_whoever_the_urgent_lane_tells_the_moderators_about_is_shown_urgent_help() -> None:
    urgent = [row["text"] for row in rows_of("dev_comments.jsonl") if urgency_of(row["text"]).is_urgent]
    assert len(urgent) > 20
    assert [text for text in urgent if not any(need.is_urgent for need in doors_for(text))] == []


@pytest.mark.parametrize("hostile", ["want ", "i ", "<", "not suicidal ", "> ", "a", "want" + " " * 3_000, "\0", "é́"])
def test_hostile_text_gets_an_answer(hostile: str) -> None:
    assert all(isinstance(need, Need) for need in doors_for((hostile * 100_000)[:100_000]))


def test_no_door_is_ever_empty() -> None:
    assert tuple(DOORS) == KINDS
    for door in doors_of({}):
        assert door.heading
        assert len(door.text) <= LONGEST_DOOR
        assert door_mistake(door.kind, door.text) is None
    assert doors_of({"crisis": " \n ", "nonsense": "x"}) == doors_of({})


def test_urgent_doors_have_a_number_that_can_be_pressed() -> None:
    for door in doors_of({}):
        addresses = [address for line in door.lines for _, address in line if address]
        assert "".join(words for line in door.lines for words, _ in line) == door.text.replace("\n", "")
        assert not door.is_urgent or "tel:999" in addresses
        assert all(re.fullmatch(r"(?:tel|sms):\d+|https://[\w./-]+", address) for address in addresses)
    crisis = doors_of({})[0]
    assert {"tel:116123", "sms:85258", "tel:111"} <= {address for line in crisis.lines for _, address in line}


def test_a_community_says_itself_where_help_is() -> None:
    doors = doors_of({"complaint": "Ring Sam.\nOr call 01632 960 001. See https://ward.example.org/say."})
    assert doors[:-1] == doors_of({})[:-1]
    assert doors[-1].lines == (
        (("Ring Sam.", None),),
        (
            ("Or call ", None),
            ("01632 960 001", "tel:01632960001"),
            (". See ", None),
            ("https://ward.example.org/say", "https://ward.example.org/say"),
            (".", None),
        ),
    )


def shown(app: Flask, text: str, own: dict[str, str] | None = None) -> str:
    doors, other_doors = doors_apart(text, own or {})
    with app.test_request_context():
        return render_template("members/_doors.html", doors=doors, other_doors=other_doors)


def test_a_danger_is_not_lost_behind_older_ones() -> None:
    old = "She was fitting and bleeding and floppy then, collapsed and gasping. Then all was well. " * 3
    assert kinds(old + "The garden helped. The walks helped. She is blue right now, what do I do?") == ["danger"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_author_sees_urgent_help_first_and_that_nothing_was_sent(app: Flask) -> None:
    page = shown(app, f"They left a swab inside me. {DESPAIR}")
    assert page.index("If you need help now") < page.index("116 123") < page.index("Other doors that may be right")
    assert '<a href="tel:116123">116 123</a>' in page
    assert "Nothing has been sent to anybody for you" in page
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whose_words_suggest_nothing_can_still_open_every_door(app: Flask) -> None:
    page = shown(app, "Thank you for a good read.")
    always, _, closed = page.partition("<details")
    assert '<a href="tel:999">999</a>' in always
    assert '<a href="tel:116123">116 123</a>' in always
    assert "PALS" in closed
    assert "If you need help now" not in page
    assert "Nothing has been sent" not in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_community_writes_on_a_door_is_text_and_nothing_else(app: Flask) -> None:
    page = shown(app, DESPAIR, {"crisis": "<script>alert(1)</script> javascript:alert(1) https://x.example.org/\"'>"})
    assert "<script" not in page
    assert 'href="javascript' not in page
    assert 'href="https://x.example.org/' in page


@pytest.mark.parametrize("kind", KINDS)
def test_a_door_is_plain_to_read(kind: NeedKind) -> None:
    """ARI, without a syllable counted; names and addresses of services are left out."""
    heading, text = DOORS[kind]
    prose = re.sub(r"https://\S+|\([^)]*\)|\d[\d ]*", " ", f"{heading}. {text}")
    words = re.findall(r"[\w’-]+", prose)
    sentences = re.split(r"[.:;\n]+\s", prose)
    letters = sum(map(len, words))
    assert 4.71 * letters / len(words) + 0.5 * len(words) / len(sentences) - 21.43 <= 11


@pytest.fixture
def run(service: Service, environ: dict[str, str], community: Community) -> Callable[..., Result]:
    def run(*words: str) -> Result:
        return CliRunner().invoke(main, ["community", *words], env=environ)

    return run


def doors_set(service: Service) -> dict[str, str]:
    with reading(service.db) as conn:
        found = community_by_slug(conn, "hub")
    assert found is not None
    return dict(found.doors)


def test_an_owner_sets_a_door_and_takes_it_back(run, service: Service) -> None:
    assert run("set", "hub", "--door", "crisis=Call 999.\nOr see = Sam.", "--door", "complaint=Ask Sam").exit_code == 0
    assert doors_set(service) == {"crisis": "Call 999.\nOr see = Sam.", "complaint": "Ask Sam"}
    told = run("show", "hub").output
    assert "door for crisis:\n    Call 999.\n    Or see = Sam.\n" in told
    assert "door for incident, in our words:\n    The service where it happened" in told
    assert run("set", "hub", "--door", "crisis=").exit_code == 0
    assert doors_set(service) == {"complaint": "Ask Sam"}
    assert "door for crisis, in our words:\n    If a life is at risk now: call 999" in run("show", "hub").output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("door", "told"),
    [
        ("cellar=Down the steps", "cellar is not a kind of door: one of crisis, danger, safeguarding"),
        ("crisis", "not KIND=TEXT, such as crisis='Call 999.'"),
        ("=text", "nothing is not a kind of door"),
        ("crisis=" + "x" * 2_001, "longer than 2,000 characters"),
        ("crisis=Call\x1b[31m 999", "only characters that can be seen"),
    ],
)
def test_a_door_that_cannot_be_right_is_refused_by_name(run, service: Service, door: str, told: str) -> None:
    result = run("set", "hub", "--door", door)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert doors_set(service) == {}
