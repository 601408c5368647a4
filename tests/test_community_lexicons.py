"""A community has words of its own for its jobs, its groups and its types."""

import pytest
from click.testing import CliRunner

from plugin.community_lexicons import lexicon_of
from plugin.stakeholders import label_of, type_for_alias
from plugin.tagging import tags_in
from webhooks.cli import main

HUB = """
[labels]
carer = "Family carer"
[aliases]
lived_experience_partner = "voices panel"
[roles]
safety_quality_lead = "kindness lead"
social_care_professional = "village agent"
[places]
voluntary_sector = "wellbeing shed"
"""


def types_in(text, lexicon):
    return [tag.type for tag in tags_in(text, vocabulary=lexicon.vocabulary)]


def test_a_community_is_heard_with_its_own_words_and_no_other_community_is(tmp_path):
    (tmp_path / "hub.toml").write_text(HUB, encoding="utf-8")
    own, other = lexicon_of("hub", tmp_path), lexicon_of("elsewhere", tmp_path)
    assert types_in("I'm a kindness lead in Leeds.", own) == ["safety_quality_lead"]
    assert types_in("I work in a wellbeing shed.", own) == ["voluntary_sector"]
    assert types_in("I'm a kindness lead in Leeds.", other) == []
    assert types_in("I am a nurse.", own) == types_in("I am a nurse.", other) == ["health_professional"]
    assert type_for_alias("Voices Panel", taxonomy=own.taxonomy) == "lived_experience_partner"
    assert type_for_alias("Voices Panel", taxonomy=other.taxonomy) is None
    assert label_of("carer", taxonomy=own.taxonomy) == "Family carer"


def test_a_changed_file_is_read_again_and_one_with_a_mistake_changes_nothing(tmp_path):
    file = tmp_path / "hub.toml"
    file.write_text(HUB, encoding="utf-8")
    assert types_in("I'm a village agent.", lexicon_of("hub", tmp_path)) == ["social_care_professional"]
    file.write_text("[roles]\nnobody = 'village agent'", encoding="utf-8")
    assert types_in("I'm a village agent.", lexicon_of("hub", tmp_path)) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HUB, "The taxonomy and the lexicon are in order."),
        ("[colours]\ncarer = 'red'", "“colours” is not a part of a lexicon"),
        ("[roles]\nwizard = 'witch'", "“wizard” in roles is not a type."),
        ("[roles]\ncarer = 3", "roles of carer has to be words between quotation marks."),
        ("[aliases]\ncarer = 'nurses'", "“nurses” already stands for health_professional"),
        ("[roles]\ncarer = 'x'\npatient = 'x'", "“x” in roles is listed for both carer and patient."),
        ("[roles", "cannot be read"),
        ("roles = 1", "“roles” has to be a part with types in it"),
    ],
)
def test_check_says_in_plain_sentences_what_is_wrong(tmp_path, content, said):
    file = tmp_path / "hub.toml"
    file.write_text(content, encoding="utf-8")
    result = CliRunner().invoke(main, ["taxonomy", "check", str(file)])
    assert said in result.output
    assert result.exit_code == (0 if content == HUB else 1)
