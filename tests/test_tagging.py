"""Who is speaking, and the words that prove it."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from plugin.tagging import tags_in
from webhooks.commands.tagging import tag


def types_in(text):
    return [one.type for one in tags_in(text)]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("I'm a ward sister on a respiratory ward.", ["health_professional"]),
        ("Social worker here (adults, 16 yrs).", ["social_care_professional"]),
        ("I look after my husband full time.", ["carer"]),
        ("ok ta. will ask my diabetic nurse thurs", ["patient"]),
        ("As a Patient Safety Partner I ask the plain question.", ["lived_experience_partner"]),
        ("I'm a registered manager of a care home.", ["manager_commissioner", "social_care_professional"]),
    ],
)
def test_a_role_that_the_author_states_is_tagged(text, types):
    assert types_in(text) == types


@pytest.mark.parametrize(
    "text",
    [
        "My sister is a nurse and she says the same thing.",
        "If I were a ward manager I would print this out.",
        "I'm not a nurse so forgive me.",
        '"I am a nurse," she said.',
        "> I am a nurse\n\nInteresting.",
        "You have to be patient with culture change.",
        "Doctors need to read this.",
        "",
    ],
)
def test_what_is_not_the_authors_own_gives_nothing(text):
    assert types_in(text) == []


def test_evidence_points_at_the_original_words():
    text = "Dear all \U0001f600 — I\u2019m a  nu\u200brse on nights."
    (found,) = tags_in(text)
    assert found.evidence.text == text[found.evidence.start : found.evidence.end]
    assert "nu\u200brse" in found.evidence.text


def test_tag_answers_one_line_for_each_line_and_names_the_bad_one():
    lines = '{"id": 1, "text": "I am a nurse."}\nnonsense\n'
    result = CliRunner().invoke(tag, input=lines)
    assert result.exit_code == 1
    answer = json.loads(result.stdout.splitlines()[0])
    assert answer["primary"] == "health_professional"
    assert answer["tags"][0]["text"] == "I am a nurse"
    assert "Line 2 is not JSON." in result.stderr


def test_tag_starts_without_the_heavy_parts_of_the_house():
    program = (
        "import sys; from click.testing import CliRunner; from webhooks.cli import main;"
        'CliRunner().invoke(main, [\'tag\'], input=\'{"id": 1, "text": "I am a nurse."}\');'
        "print(sorted({'sqlalchemy', 'dbos', 'flask', 'alembic', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
