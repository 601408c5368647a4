"""What comments are about, by a list of words that people can read and mend."""

from plugin.themes import theme_counts, themes_for, themes_from


def test_a_comment_may_have_several_themes_with_their_words():
    found = {one.id: one for one in themes_for("The discharge letter had the wrong dose of insulin.")}
    assert {"discharge", "medicines", "communication"} <= set(found)
    assert [one.text for one in found["discharge"].evidence] == ["discharge"]


def test_fewer_than_fifteen_comments_have_no_themes():
    assert theme_counts(["The discharge was too early."] * 14).by_theme == ()
    counts = theme_counts(["The discharge was too early."] * 14 + ["Lovely weather."])
    assert dict(counts.by_theme)["discharge"] == 14
    assert round(counts.share_covered, 2) == 0.93


def test_a_community_may_bring_its_own_words():
    own = themes_from({"theme": [{"id": "lifts", "label": "Lifts", "words": "lift*, stuck"}]})
    assert [one.id for one in themes_for("The lifts are stuck again.", lexicon=own)] == ["lifts"]


def test_a_word_counts_for_each_theme_that_has_it_with_a_star_or_without():
    own = themes_from(
        {"theme": [{"id": "a", "label": "A", "words": "lift"}, {"id": "b", "label": "B", "words": "lift*"}]}
    )
    assert [one.id for one in themes_for("The lift is stuck.", lexicon=own)] == ["a", "b"]
    assert [one.id for one in themes_for("The lifts are stuck.", lexicon=own)] == ["b"]
