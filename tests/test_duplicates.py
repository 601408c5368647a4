"""Near-duplicates are suggested, different stories are not, and what differs is shown."""

import json
import random
from pathlib import Path

from rapidfuzz import process, utils

from plugin.duplicates import FEWEST_WORDS, SCORERS, alike, differences

DATA = Path(__file__).parent / "data"
DAD = "I look after my father. His evening tablets came four hours late, so now we keep a chart by the bed."
# The one pair of the data that was made to be one comment, sent again with a sentence more.
SENT_TWICE = (
    "i m a patient at the same hospital  small world",
    "i m a patient at the same hospital as the author  small world  enjoyed the blog",
)


def comments() -> list[str]:
    names = ("dev_comments", "own_comments", "voices_told_comments", "voices_unseen_comments")
    lines = [line for name in names for line in (DATA / f"{name}.jsonl").read_text("utf-8").splitlines()]
    texts = dict.fromkeys(json.loads(line)["text"] for line in lines)
    return random.Random(7).sample([text for text in texts if len(text.split()) >= FEWEST_WORDS], 400)


def test_no_two_different_comments_are_taken_for_one() -> None:
    plain = [utils.default_process(text) for text in comments()]
    found = {
        frozenset((plain[other], text))
        for scorer, bound in SCORERS
        for number, text in enumerate(plain)
        for _, _, other in process.extract(text, plain[:number], scorer=scorer, score_cutoff=bound, limit=None)
    }
    assert found <= {frozenset(SENT_TWICE)}


def test_a_comment_that_was_sent_again_with_changes_is_found() -> None:
    draw = random.Random(8)
    others = dict(enumerate(comments()))
    missed = {"shortened": 0, "turned round": 0, "written on": 0, "with words left out": 0}
    for number, text in list(others.items())[:40]:
        words = text.split()
        copies = {
            "shortened": " ".join(words[: max(FEWEST_WORDS, len(words) * 3 // 5)]),
            "turned round": " ".join(words[len(words) // 2 :] + words[: len(words) // 2]),
            "written on": f"{text} I wrote this last week as well, and nobody has told me anything since.",
            "with words left out": " ".join(word for word in words if draw.random() > 0.1),
        }
        for change, copy in copies.items():
            missed[change] += all(one.id != number for one in alike(copy, others))
    assert missed["shortened"] == missed["turned round"] == missed["written on"] == 0
    assert missed["with words left out"] <= 2


def test_a_few_polite_words_are_like_nothing() -> None:
    assert alike("Thank you for this.", {1: "Thank you for this."}) == []
    assert alike(DAD, {1: "", 2: DAD.upper()})[0].score == 100


def test_where_two_texts_differ_is_marked_and_nothing_is_lost() -> None:
    other = "I look after my father. His morning tablets came four hours late, so we keep a chart.  "
    ours, theirs = differences(DAD, other)
    assert "".join(part.text for part in ours) == DAD
    assert "".join(part.text for part in theirs) == other
    assert [part.text.strip() for part in theirs if not part.is_shared] == ["morning", "chart."]
    assert "evening " in [part.text for part in ours if not part.is_shared]
    assert differences("", "")[0] == ()
