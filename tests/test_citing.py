"""Which sentences a summary cites: fair to every group and person, and the same whatever order they come in."""

import random
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from plugin.citing import LONGEST_LINE, Candidate, candidate, chosen_lines, fairness_of, questions_in
from plugin.insights import insight_in
from plugin.summaries import Gleanings, Spoken, overview_of, timeline_of
from plugin.themes import default_themes, digest_of, themes_from
from plugin.vocabulary import lexicon_file

MAIN = ("patient", "carer", "health_professional", "social_care_professional")
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
TOLD = (
    "My mum's tablets came four hours late on the ward, and she fell that night. We now keep a chart by the bed.",
    "We changed our handover last spring. Missed insulin doses went from six a month to one.",
    "The discharge letter left off his blood thinner. Nobody noticed for nine days.",
    "On our unit the night staff ring the family before a visit. It costs ten minutes and errors fell by half.",
    "Could somebody say who checks the list at night? I asked twice and nobody knew.",
    "Thank you for this.",
)


def said(number: int, person: int, *types: str, text: str = "", after: int = 0) -> Spoken:
    words = text or f"{TOLD[number % len(TOLD)]} That was in bay {number}."
    return Spoken(number, person, types, START + timedelta(hours=after or number), words, insight_in(words))


def thread(comments: int, people: int, seed: int) -> list[Spoken]:
    chance = random.Random(seed)
    types = (*MAIN, "industry", "researcher_educator")
    roles = {person: chance.sample(types, chance.choice((0, 1, 1, 2))) for person in range(people)}
    return [said(number, person := chance.randrange(people), *roles[person]) for number in range(comments)]


def cites(spoken: list[Spoken]) -> set[tuple[int, int, int, str, tuple[str, ...]]]:
    return {(one.comment, one.start, one.end, one.words, one.types) for one in overview_of(spoken, MAIN, LEXICON).lines}


LEXICON = default_themes()


@pytest.mark.parametrize("seed", range(12))
def test_every_group_that_shared_something_is_cited_and_nobody_too_often(seed: int) -> None:
    overview = overview_of(thread(20 + 5 * seed, 3 + seed, seed), MAIN, LEXICON)
    assert overview.fairness.holds, overview.fairness
    assert overview.lines


def test_fifty_shuffles_cite_the_same_sentences() -> None:
    spoken = thread(40, 13, 5)
    expected = cites(spoken)
    for shuffle in range(50):
        assert cites(random.Random(shuffle).sample(spoken, len(spoken))) == expected


def test_a_removed_comment_takes_its_lines_and_changes_no_other() -> None:
    spoken = thread(40, 13, 6)
    before = {(comment, start): rest for comment, start, *rest in cites(spoken)}
    for gone in {comment for comment, _ in before}:
        after = {(comment, start): rest for comment, start, *rest in cites([one for one in spoken if one.id != gone])}
        assert all(comment != gone for comment, _ in after)
        assert all(rest == before[place] for place, rest in after.items() if place in before)


def test_every_line_is_word_for_word_in_its_comment() -> None:
    spoken = {one.id: one for one in thread(60, 20, 7)}
    overview = overview_of(spoken.values(), MAIN, LEXICON)
    for line in (*overview.lines, *overview.open_questions):
        assert spoken[line.comment].text[line.start : line.end] == line.words != ""


def test_a_loud_person_has_no_more_lines_than_the_others_allow() -> None:
    loud = [said(number, 1, "carer") for number in range(30)]
    others = [said(100 + number, 100 + number, "patient") for number in range(4)]
    overview = overview_of([*loud, *others], MAIN, LEXICON)
    by_loud = sum(line.comment < 100 for line in overview.lines)
    assert overview.people_sharing >= 4
    assert by_loud <= max(1, 2 * len(overview.lines) // overview.people_sharing)


def lines_of(*told: tuple[int, tuple[str, ...]]) -> list[Candidate]:
    numbers = count(1)
    return [
        candidate(f"In bay {n} it went well", (0, 20), comment=n, person=person, groups=groups, worth=0.9 - n / 1000)
        for n, (person, groups) in zip(numbers, told, strict=False)
    ]


def test_somebody_who_alone_speaks_for_two_groups_is_cited_for_both() -> None:
    candidates = lines_of((1, ("carer",)), (1, ("industry",)), *((n, ("patient",)) for n in range(2, 30)))
    lines = chosen_lines(candidates)
    assert fairness_of(candidates, lines).holds
    assert sum(line.person == 1 for line in lines) == 2


def test_what_cannot_be_fair_is_named_and_not_forced() -> None:
    alone = [(1, ("carer",)), (1, ("industry",)), (1, ("researcher_educator",))]
    candidates = lines_of(*alone, *((n, ("patient",)) for n in range(2, 30)))
    fairness = fairness_of(candidates, chosen_lines(candidates))
    assert not fairness.holds
    assert len(fairness.not_cited) == 1
    assert fairness.most_by_one <= fairness.allowed


def test_an_endless_sentence_is_cut_between_two_words() -> None:
    text = "we asked the ward again " * 60
    line = candidate(text, (0, len(text)), comment=1, person=1, groups=("carer",), worth=1)
    assert line.end <= LONGEST_LINE
    assert text[line.end] == " "


def test_questions_are_the_authors_own() -> None:
    text = "> Who checks the list at night?\n\nI wonder too. Who tells the family before discharge? Really?"
    assert [text[start:end] for start, end in questions_in(text)] == ["Who tells the family before discharge?"]


def test_an_answered_question_is_open_no_longer_and_everybody_is_asked_for_once() -> None:
    asked = "Could somebody tell me who checks the list at night? And who tells the family on the next morning?"
    first = Spoken(1, 1, ("carer",), START, asked)
    second = Spoken(2, 2, (), START, asked, is_answered=True)
    overview = overview_of([first, second], MAIN, LEXICON)
    assert (overview.asked, overview.waiting) == (4, 2)
    assert [line.comment for line in overview.open_questions] == [1]


def test_themes_are_named_from_fifteen_comments_on_and_one_person_counts_once() -> None:
    spoken = [said(number, 1, "carer", text="The discharge was too early.") for number in range(14)]
    assert overview_of(spoken, MAIN, LEXICON).themes is None
    picture = overview_of([*spoken, said(20, 2, "patient", text="The porridge, the porridge.")], MAIN, LEXICON).themes
    assert picture is not None
    assert picture.types == (("carer", "Carer"), ("patient", "Patient"))
    assert {row.id: (row.people, row.by_type) for row in picture.rows}["discharge"] == (1, (1, 0))
    assert (picture.covered, picture.comments) == (14, 15)


def test_a_type_that_shared_nothing_to_quote_is_named_all_the_same() -> None:
    overview = overview_of([said(1, 1, "carer"), Spoken(2, 2, ("patient",), START, "Thank you.")], MAIN, LEXICON)
    assert overview.silent == ("Patient",)


@pytest.mark.parametrize(
    ("days", "step", "bins"), [(0, "day", 1), (20, "day", 21), (40, "week", 7), (300, "month", 10), (3000, "year", 9)]
)
def test_the_timeline_has_a_few_bins_and_every_comment_in_one(days: int, step: str, bins: int) -> None:
    found, timeline = timeline_of([START, START + timedelta(days)])
    assert (found, len(timeline)) == (step, bins)
    assert sum(one.comments for one in timeline) == 2


def test_what_is_remembered_changes_speed_and_nothing_else() -> None:
    spoken, known = thread(40, 13, 8), Gleanings()
    first = overview_of(spoken, MAIN, LEXICON, known)
    assert overview_of(spoken, MAIN, LEXICON, known) == first == overview_of(spoken, MAIN, LEXICON)
    assert "ward" not in repr(vars(known))


def test_one_letter_of_the_theme_words_makes_another_list() -> None:
    content = lexicon_file("themes.toml")
    changed = {"theme": [dict(one) for one in content["theme"]]}
    changed["theme"][0]["words"] += "x"
    assert digest_of(themes_from(content)) != digest_of(themes_from(changed))
