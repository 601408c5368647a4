"""The figures are counted rightly, and the commands say plainly what is wrong."""

import json
import math
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from plugin.evaluation import cause_of, figures_of, is_held_out, judge, judged, misses_of
from plugin.fallback import Tally, WordWeights, model_from, model_named
from plugin.stakeholders import (
    all_types,
    default_taxonomy,
    label_of,
    lexicon_problems,
    main_types,
    other_types,
    type_for_alias,
)
from plugin.vocabulary import LEXICON
from webhooks.cli import main

DATA = Path(__file__).parent / "data"
LABELLED = [
    {"id": "a", "text": "I am a nurse.", "labels": ["health_professional"], "insight_kind": "none"},
    {"id": "b", "text": "Thank you.", "labels": ["unknown"], "insight_kind": "none"},
    {
        "id": "c",
        "text": "Nothing to see.",
        "labels": ["patient"],
        "insight_kind": "concern",
        "pii": ["x"],
        "urgent": True,
    },
]


def development_comments():
    return [json.loads(line) for line in (DATA / "dev_comments.jsonl").read_text(encoding="utf-8").splitlines()]


def test_figures_count_what_is_right_wrong_and_missed():
    results = judged(LABELLED)
    figures = figures_of(results)
    assert figures.by_type["health_professional"].f1 == 1
    assert figures.by_type["patient"].recall == 0
    assert figures.false_on_unknown == 0
    assert figures.urgent.missed == 1
    assert "patient was not found" in misses_of(results[2])


def test_the_held_out_part_is_always_the_same():
    assert sum(is_held_out(one["id"]) for one in development_comments()) == 145


def test_the_tagger_keeps_what_it_reached_on_the_held_out_part():
    figures = figures_of(judged(one for one in development_comments() if is_held_out(one["id"])))
    assert figures.tags.precision >= 0.85
    assert figures.insight.f1 >= 0.88
    assert figures.personal_data.recall >= 0.8


def test_evaluate_prints_json_and_a_page_where_nothing_is_markup(tmp_path):
    file = tmp_path / "labelled.jsonl"
    comments = [*LABELLED, {"id": "<i>", "text": "<script>alert(1)</script> I am a nurse", "labels": ["patient"]}]
    file.write_text("\n".join(map(json.dumps, comments)), encoding="utf-8")
    result = CliRunner().invoke(main, ["evaluate", str(file), "--json", "--page", str(tmp_path / "page.html")])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["comments"] == 4
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "style=" not in page
    assert "<mark>" in page


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "Line 1 is not JSON."),
        ('{"id": 1}', 'Line 1 has no "text".'),
        ('{"id": 1, "text": "x"}', 'has no "labels"'),
    ],
)
def test_a_bad_file_is_named_in_one_sentence(tmp_path, line, said):
    file = tmp_path / "bad.jsonl"
    file.write_text(line, encoding="utf-8")
    result = CliRunner().invoke(main, ["evaluate", str(file)])
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_explain_says_what_counted_and_what_was_blocked():
    result = CliRunner().invoke(main, ["explain", "I am a GP. If I were a nurse I would laugh."])
    assert result.exit_code == 0
    assert "Health professional: the author says it of themselves: “I am a GP”." in result.output
    assert "“I am a GP”: the author says it of themselves\n" in result.output
    answer = json.loads(CliRunner().invoke(main, ["explain", "--json", "She said I am a nurse."]).stdout)
    assert answer["findings"][0]["counted"] is False


def test_the_lexicon_is_in_order_and_mistakes_are_named(tmp_path):
    assert lexicon_problems() == []
    text = (LEXICON / "stakeholders.toml").read_text(encoding="utf-8")
    (tmp_path / "stakeholders.toml").write_text(text.replace('id = "carer"', 'id = "patient"', 1), encoding="utf-8")
    result = CliRunner().invoke(main, ["taxonomy", "check", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "There are two types called patient." in result.output


def test_every_frame_is_explained_in_the_documentation():
    page = (Path(__file__).parents[1] / "docs" / "tagging.md").read_text(encoding="utf-8")
    grammar = tomllib.loads((LEXICON / "grammar.toml").read_text(encoding="utf-8"))
    assert [frame["id"] for frame in grammar["frame"] if f"`{frame['id']}`" not in page] == []


def test_the_four_of_the_call_to_action_come_first():
    assert main_types() == ("patient", "carer", "health_professional", "social_care_professional")
    assert all_types() == (*main_types(), *other_types())
    assert len(default_taxonomy().types) == 11
    assert label_of("health_professional") == "Health professional"
    assert type_for_alias("Patient Safety Partners network") == "lived_experience_partner"
    assert type_for_alias("Members") is None


def test_learned_weights_score_as_scikit_learn_does():
    pytest.importorskip("sklearn")
    from scipy.sparse import vstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts = [
        "we ring the family every day",
        "thank you all",
        "we count the falls",
        "so lovely, thank you",
        "the the we",
    ]
    vectoriser = TfidfVectorizer(binary=True, norm=None)
    vectoriser.fit(texts)

    def vector(text):
        # A word that nobody knows is one of its words too.
        return vectoriser.transform([text]) / math.sqrt(len(set(vectoriser.build_analyzer()(text))))

    fits = [
        LogisticRegression(C=10).fit(vstack([vector(text) for text in texts]), labels)
        for labels in ([1, 0, 1, 0, 0], [0, 1, 0, 1, 1])
    ]
    words = {
        word: [value for c, fit in enumerate(fits) for value in (c, vectoriser.idf_[n] * fit.coef_[0][n])]
        for word, n in vectoriser.vocabulary_.items()
    }
    weights = WordWeights(words.items(), [one.intercept_[0] for one in fits])
    words_in = vectoriser.build_analyzer()
    for text in (*texts, "we thank the family, the family", "nothing known here"):
        theirs = [one.decision_function(vector(text))[0] for one in fits]
        ours = weights.tally_of(set(words_in(text)))
        assert weights.leanings(ours) == pytest.approx(theirs, abs=1e-3)
        assert weights.leanings(ours, slice(1, 2)) == pytest.approx(theirs[1:], abs=1e-3)


def test_the_words_of_two_parts_add_up():
    weights = WordWeights([("kind", (0, 2.0)), ("late", (0, -1.5, 1, 3.0))], [0.25, -0.5])
    both = Tally.of([weights.tally_of({"kind", "late"}), weights.tally_of({"late", "again"})])
    assert both.words == 4
    assert weights.leanings(both) == pytest.approx([0.25 + (2 - 1.5 - 1.5) / 2, -0.5 + (3 + 3) / 2], abs=1e-3)


def test_what_was_learned_tells_an_insight_from_thanks():
    pytest.importorskip("sklearn")
    from plugin import learning

    comments = [
        {"text": f"We now ring the family on day {n} and falls went down", "insight_kind": "practice"}
        for n in range(20)
    ] + [{"text": f"Thank you all for this, part {n} was lovely", "insight_kind": "none"} for n in range(20)]
    assert learning.insight_accuracy(model_from(learning.insight_weights(comments)), comments) == 1.0
    assert model_named("insight") is not None


def test_retrain_refuses_what_is_not_better(tmp_path):
    pytest.importorskip("sklearn")
    rows = [
        {
            "id": f"t{n}",
            "text": f"We rang {n} families and falls went down",
            "labels": ["unknown"],
            "insight_kind": "practice",
        }
        for n in range(12)
    ] + [
        {"id": f"u{n}", "text": f"Thank you for part {n}", "labels": ["patient"], "insight_kind": "none"}
        for n in range(12)
    ]
    rows += [
        {"id": f"v{n}", "text": f"my mum is number {n}", "labels": ["carer"], "insight_kind": "none"} for n in range(12)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    result = CliRunner().invoke(
        main, ["retrain", str(file), "--check", str(DATA / "dev_comments.jsonl"), "--into", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "the present weights stay" in result.output


def test_personal_data_is_counted_by_kind():
    texts = {
        "Ring me on 07700 900461.": ["07700 900461"],
        "Write to j.okafor@example.org or to SW1A 1AA.": ["j.okafor@example.org", "SW1A 1AA"],
        "My NHS number is 9991234519 and I was born on 12/03/1941.": ["9991234519", "12/03/1941"],
        "She was called Anna, that is all I shall say.": ["Anna"],
    }
    comments = [{"id": text, "text": text, "labels": ["unknown"], "pii": pii} for text, pii in texts.items()]
    by_kind = figures_of(judged(comments)).personal_data_by_kind
    assert {kind: (rate.right, rate.missed, rate.wrong) for kind, rate in by_kind.items()} == {
        "date_of_birth": (1, 0, 0),
        "email": (1, 0, 0),
        "name": (0, 1, 0),
        "nhs_number": (1, 0, 0),
        "phone": (1, 0, 0),
        "postcode": (1, 0, 0),
    }


def test_each_goal_is_printed_with_what_is_reached_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("webhooks.commands.goals.TIMES", 1)
    answers = tmp_path / "answers.csv"
    answers.write_text('text\nThe nurses were kind.\n"I am a nurse, and it was good."\n', encoding="utf-8")
    told = [
        {"id": "1", "text": "I am a nurse on nights.", "labels": ["health_professional"]},
        {"id": "2", "text": "My son was moved at 2am and nobody rang us.", "labels": ["carer"]},
        {"id": "3", "text": "Thank you for this.", "labels": ["unknown"]},
    ]
    file = tmp_path / "comments.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")

    asked = CliRunner().invoke(main, ["evaluate", str(file), "--goals", "--feedback", str(answers), "--json"])
    assert asked.exit_code == 0, asked.output
    goals = {one["what"]: one for one in json.loads(asked.output)}
    assert goals["F1 of carer"]["met"]
    assert goals["F1 of carer"]["reached"] == "1.000"
    assert goals["F1 of patient"]["met"] is None
    assert goals["comments whose voices are not all right"]["reached"] == "0 of 3"
    survey = goals["other tags than patient and carer, survey answers"]
    assert survey["met"] is False
    assert survey["reached"] == "1 of 2 (50.00%): health_professional: “I am a nurse”"
    assert goals["valid e-mail, phone, NHS number, postcode, NINO found"]["met"]
    assert float(goals["memory over bare Flask"]["reached"].removesuffix(" MB")) < 100

    table = CliRunner().invoke(main, ["evaluate", str(file), "--goals"]).output
    assert "macro-F1 over the types, with unknown" in table
    assert "survey" not in table


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        (["health_professional"], ""),
        (["unknown"], "named where nobody says"),
        (["carer"], "taken for another"),
        (["health_professional", "carer"], "a second voice missed"),
    ],
)
def test_what_is_wrong_with_the_tags_is_said_by_cause(labels, cause):
    assert cause_of(judge({"id": "1", "text": "I am a nurse on nights.", "labels": labels})) == cause


def test_silence_and_a_voice_too_many_are_causes_too():
    assert cause_of(judge({"id": "1", "text": "Thank you for this.", "labels": ["carer"]})) == "nothing heard"
    both = "I am a nurse on nights. I look after my mum at home, she has dementia."
    assert cause_of(judge({"id": "2", "text": both, "labels": ["carer"]})) == "a voice too many"


def test_a_file_of_answers_that_is_no_table_is_told_in_one_sentence(tmp_path):
    file = tmp_path / "comments.jsonl"
    file.write_text(json.dumps({"id": "1", "text": "I am a nurse.", "labels": ["health_professional"]}) + "\n")
    (tmp_path / "answers.csv").write_bytes(b"text\n\xff\n")
    asked = CliRunner().invoke(main, ["evaluate", str(file), "--goals", "--feedback", str(tmp_path / "answers.csv")])
    assert asked.exit_code == 1
    assert asked.output.endswith("is not a table of answers (CSV, in UTF-8).\n")
