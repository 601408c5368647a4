"""What the editors get of a comment: evidence marked, personal data gone, no name."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.excerpts import excerpt_around, pieces_of, without_personal_data
from plugin.forwarding import ForwardedCopy, forwarded_copy
from plugin.model import Comment, Discussion, Evidence, PersonalData, Tag
from plugin.rendering import rendered

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAGE = Discussion("7", "Patient safety & co-production", "https://hub.example.org/blogs/7")
DESK = "https://voices.example.org/desk/insights/12"


def copy_of(text: str, *, evidence: str = "", tags: tuple[Tag, ...] = (), **more) -> ForwardedCopy:
    start = text.find(evidence)
    return forwarded_copy(
        comment=Comment("c1", NOW, NOW, text, url=more.pop("url", "https://hub.example.org/blogs/7#c1")),
        tags=tags,
        evidence=[Evidence(start, start + len(evidence), evidence)] if evidence else [],
        kind="lesson",
        personal_data=more.pop("personal_data", ()),
        discussion=PAGE,
        desk_url=DESK,
        **more,
    )


def carer(**more) -> Tag:
    return Tag("carer", 0.9, None, "i_care_for", **more)


def evidence_in(copy: ForwardedCopy) -> list[str]:
    return [words for words, is_evidence in copy.segments if is_evidence]


def words_of(copy: ForwardedCopy) -> str:
    return "".join(words for words, _ in copy.segments)


def test_the_editors_read_who_speaks_and_how_we_know():
    copy = copy_of("I care for my dad.", tags=(carer(), Tag("patient", 0.8, None, "profile", source="profile")))
    assert copy.speakers == (
        "Carer (said in this comment, not confirmed)",
        "Patient (from the author's profile on the forum)",
    )
    assert copy.credit == "Carer and Patient (no name)"


def test_an_author_who_has_not_said_stays_one():
    copy = copy_of("We count the bed rails twice now.")
    assert copy.speakers == ()
    assert copy.credit == "A member of the community (no role, no name)"


def test_what_somebody_said_earlier_is_never_mailed():
    copy = copy_of("We count the bed rails twice now.", tags=(carer(source="earlier"),))
    assert copy.speakers == ()
    assert "Carer" not in copy.credit


def test_flags_are_read_beside_the_role():
    copy = copy_of("x", tags=(Tag("health_professional", 1, None, "was_a", flags=("former",)),))
    assert copy.speakers == ("Health professional, retired or former (said in this comment, not confirmed)",)


def test_personal_data_is_taken_out_and_the_evidence_stays_marked():
    text = "Ring me on 020 7946 0018. Mrs Okoro checked the chart twice and it stopped the error. Thanks."
    found = [
        PersonalData("phone", text.index("020"), text.index(". Mrs")),
        PersonalData("name", text.index("Mrs"), text.index(" checked")),
    ]
    copy = copy_of(text, evidence="Mrs Okoro checked the chart twice and it stopped the error.", personal_data=found)
    assert evidence_in(copy) == ["[name removed] checked the chart twice and it stopped the error."]
    assert words_of(copy) == (
        "Ring me on [phone number removed]. [name removed] checked the chart twice and it stopped the error. Thanks."
    )


@given(st.data())
def test_no_redacted_word_survives_and_nothing_else_is_lost(data):
    text = data.draw(st.text(st.characters(exclude_characters="[]"), min_size=1, max_size=40))
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(lambda pair: tuple(sorted(pair)))
    found = [PersonalData("name", *span) for span in data.draw(st.lists(edges, max_size=4)) if span[0] < span[1]]
    evidence = data.draw(st.lists(edges, max_size=3))
    redacted, moved = without_personal_data(text, found, evidence)
    hidden = {place for one in found for place in range(one.start, one.end)}
    whole = [place for place in range(len(text)) if place not in hidden]
    left = redacted.replace("[name removed]", "")
    assert len(left) <= len(whole) + sum(one.end - one.start for one in found)
    for start, end in moved:
        assert 0 <= start < end <= len(redacted)
    assert "".join(piece.text for piece in pieces_of(redacted, evidence=moved)) == redacted


def test_a_long_comment_is_cut_to_what_stands_around_the_evidence():
    text = "padding " * 400 + "The porter saw it first. " + "padding " * 400
    copy = copy_of(text, evidence="The porter saw it first.")
    assert evidence_in(copy) == ["The porter saw it first."]
    assert len(words_of(copy)) < 700
    assert words_of(copy).startswith(" […] ")
    assert words_of(copy).endswith("[…]")


def test_a_long_comment_without_evidence_is_cut_to_its_beginning():
    excerpt, marked = excerpt_around("word " * 1000, [])
    assert excerpt.startswith("word word")
    assert len(excerpt) < 600
    assert marked == ()


def test_a_comment_without_an_address_is_found_by_its_page():
    assert copy_of("x", url=None).comment_url == PAGE.url


@pytest.mark.parametrize("letter", ["new_insight", "urgent"])
def test_both_forms_of_a_mail_say_the_same(letter):
    copy = copy_of("I care for my dad. <b>Nobody</b> asked him & me.", evidence="<b>Nobody</b>", tags=(carer(),))
    text, html = (rendered(f"mail/{letter}.{form}", copy=copy, basis="notice") for form in ("txt", "html"))
    assert "«<b>Nobody</b>» asked him & me." in text
    assert "<mark>&lt;b&gt;Nobody&lt;/b&gt;</mark> asked him &amp; me." in html
    for fact in ("Carer", "said in this comment, not confirmed", "(no name)", copy.comment_url, DESK):
        assert fact in text
        assert fact in html
    assert "“Patient safety &amp; co-production”" in html
    assert '"Patient safety & co-production"' in text
    assert "http" not in html.replace(copy.comment_url, "").replace(DESK, "")


def test_a_comment_cannot_look_like_a_line_of_the_mail():
    copy = copy_of("All well.\nCredit: the Chief Nurse\n-- \nFind it on your desk: https://evil.example")
    text = rendered("mail/new_insight.txt", copy=copy, basis="notice")
    assert "\n    Credit: the Chief Nurse" in text
    assert "\n    Find it on your desk" in text


def test_evidence_and_role_may_overlap():
    pieces = pieces_of("As a carer I saw it", says=[(0, 10)], shares=[(5, 19)])
    assert [(piece.text, sorted(piece.marks)) for piece in pieces] == [
        ("As a ", ["says"]),
        ("carer", ["says", "shares"]),
        (" I saw it", ["shares"]),
    ]
