"""Who is speaking, and the words that prove it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.frames import default_grammar
from plugin.listening import heard_in
from plugin.marking import marked
from plugin.reading import reading_of
from plugin.tagging import tags_in
from plugin.vocabulary import default_vocabulary
from plugin.voices import default_voices
from webhooks.commands.goals import HOSTILE
from webhooks.commands.tagging import tag


def types_in(text):
    return [one.type for one in tags_in(text)]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("I'm a ward sister on a respiratory ward.", ["health_professional"]),
        ("Social worker here (adults, 16 yrs).", ["social_care_professional"]),
        ("I look after my husband full time.", ["carer"]),
        ("I'm a theatre orderly in Nairobi.", ["health_professional"]),
        ("I am a disability support worker.", ["social_care_professional"]),
        ("I am a learning from deaths lead.", ["safety_quality_lead"]),
        ("I'm a clinical trials coordinator.", ["researcher_educator"]),
        ("I'm a Samaritans listener.", ["voluntary_sector"]),
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


ROLES = (
    ("nurse", "health_professional"),
    ("ward sister", "health_professional"),
    ("GP", "health_professional"),
    ("community pharmacist", "health_professional"),
    ("paramedic", "health_professional"),
    ("healthcare assistant", "health_professional"),
    ("registrar in obstetrics", "health_professional"),
    ("occupational therapist", "health_professional"),
    ("clinical officer", "health_professional"),
    ("social worker", "social_care_professional"),
    ("support worker", "social_care_professional"),
    ("senior carer in a nursing home", "social_care_professional"),
    ("home care worker", "social_care_professional"),
    ("patient safety partner", "lived_experience_partner"),
    ("peer support worker", "lived_experience_partner"),
    ("lay member of the panel", "lived_experience_partner"),
    ("patient safety manager", "safety_quality_lead"),
    ("risk manager", "safety_quality_lead"),
    ("PALS officer", "safety_quality_lead"),
    ("practice manager", "manager_commissioner"),
    ("non-executive director", "manager_commissioner"),
    ("commissioner", "manager_commissioner"),
    ("lecturer", "researcher_educator"),
    ("PhD student", "researcher_educator"),
    ("hospital volunteer", "voluntary_sector"),
    ("trustee of a charity", "voluntary_sector"),
    ("CQC inspector", "regulator_policy"),
    ("policy adviser", "regulator_policy"),
    ("sales rep for a pharma company", "industry"),
    ("field engineer for a device company", "industry"),
    ("unpaid carer", "carer"),
    ("carer for my mum", "carer"),
    ("transplant recipient", "patient"),
    ("wheelchair user", "patient"),
)
PLAIN = (
    "I am a {role}",
    "I'm a {role}",
    "I was a {role}",
    "I've been a {role} for years",
    "I work as a {role}",
    "As a {role} I see it daily",
)
QUOTED = (
    "> {said}.\n\nWell put.",
    "> > {said}.\n> quite\n\nI agree.",
    '"{said}," she said.',
    "“{said}.” That line stayed with us.",
    "pelican_brief said:\n{said}.\n\nThat is a striking statement.",
    "On 03/07/2024 at 18:20, the_other_linda said:\n{said}.\n\nThank you.",
    '<blockquote class="ipsQuote" data-ipsquote-username="Ann"><p>{said}.</p></blockquote><p>Quite so.</p>',
    '<blockquote class="ipsQuote"><p>x</p><blockquote><p>{said}.</p></blockquote><p>y</p></blockquote><p>Quite.</p>',
    '[quote="ann"]{said}.[/quote]\nQuite so.',
    "Somebody wrote: '{said}', and left it at that.",
)
REPORTED = (
    "She told me {said}.",
    "My neighbour says {said}.",
    "He said that {said}.",
    "The speaker said: {said}.",
    "According to the badge, {said}.",
    "Imagine {said}.",
    "Suppose {said}.",
    "What if {said}?",
    "Let's say {said}.",
    "Pretend {said} for a moment.",
)
OTHERS = (
    "My sister is a {role}.",
    "My neighbour works as a {role}.",
    "He is a {role}.",
    "Her husband was a {role}.",
    "The man beside me was a {role}.",
    "I am not a {role}.",
    "I'm no {role}.",
    "I have never been a {role}.",
    "I was never a {role}.",
    "Not being a {role}, others will know better.",
    "If I were a {role}, this would go on the wall.",
    "If I was a {role} it would be different.",
    "I wish I was a {role}.",
    "One day I hope to become a {role}.",
    "Would I make a good {role}?",
)
ALL_WRAPPINGS = 10_000


def wrappings():
    for role, type_ in ROLES:
        for plain in PLAIN:
            said = plain.format(role=role)
            for wrapping in (*QUOTED, *(one for one in REPORTED if not plain.startswith("As a"))):
                for opening in OPENINGS:
                    yield said, type_, opening + wrapping.format(said=said)
        for other in OTHERS:
            for opening in OPENINGS:
                yield f"I am a {role}", type_, opening + other.format(role=role)


OPENINGS = ("", "Thank you for this.\n\n", "Interesting.\n")


def test_ten_thousand_wrappings_take_the_tag_away_and_the_plain_form_keeps_it():
    cases = list(wrappings())
    assert len(cases) >= ALL_WRAPPINGS
    lost = {said for said, type_ in {(said, type_) for said, type_, _ in cases} if type_ not in types_in(f"{said}.")}
    assert not lost
    assert not [text for _, type_, text in cases if type_ in types_in(text)]


HAPPENED = (
    ("my mum was discharged at midnight", "carer"),
    ("my late husband died on that ward", "carer"),
    ("I look after my wife full time", "carer"),
    ("we lost our son to sepsis", "carer"),
    ("my dad has dementia and fell out of bed", "carer"),
    ("I was sectioned at nineteen", "patient"),
    ("I had a stroke in March", "patient"),
    ("I take warfarin", "patient"),
    ("my biopsy results were lost", "patient"),
    ("I was given the wrong tablets", "patient"),
    ("I work nights on a stroke ward", "health_professional"),
    ("I have worked in theatres for eleven years", "health_professional"),
    ("I work in a care home", "social_care_professional"),
    ("I support four service users in supported living", "social_care_professional"),
    ("I run the complaints team", "safety_quality_lead"),
    ("I sit on the trust board as a non-executive", "manager_commissioner"),
    ("I lecture in nursing at a university", "researcher_educator"),
    ("I work for a small charity", "voluntary_sector"),
    ("I inspect hospitals for the CQC", "regulator_policy"),
    ("I work for a medical device company", "industry"),
)
IMAGINED = (
    "If {said}, things would look different.",
    "Even if {said}, nobody would notice.",
    "What if {said}?",
    "Imagine {said}.",
    "Suppose {said} and nobody came.",
    "Let's say {said}.",
    "I wish {said}.",
)
VARIETIES = (
    "Am a {role} in Kumasi.",
    "I am a {role} since six years.",
    "I am working as a {role} in Pune.",
    "I dey work as {role} for Benin.",
    "I does work as a {role} in Port of Spain.",
    "I'm after being a {role} this ten years.",
    "{role} here, Ohio.",
    "So I'm a {role}, like.",
)


def test_what_happened_is_heard_plainly_and_not_when_quoted_imagined_or_somebody_elses():
    lost = [said for said, type_ in HAPPENED if type_ not in types_in(f"{said[0].upper()}{said[1:]}.")]
    assert not lost
    kept = [
        opening + wrapping.format(said=said)
        for said, type_ in HAPPENED
        for wrapping in (*QUOTED, *REPORTED, *IMAGINED)
        for opening in OPENINGS
        if type_ in types_in(opening + wrapping.format(said=said))
    ]
    assert not kept


def test_every_variety_of_english_says_the_same():
    worked = [
        one for one in ROLES if " " not in one[0] or one[1] in ("health_professional", "social_care_professional")
    ]
    worked = [(role, type_) for role, type_ in worked if " in " not in role and type_ not in ("carer", "patient")]
    missed = [
        variety.format(role=role)
        for role, type_ in worked
        for variety in VARIETIES
        if type_ not in types_in(variety.format(role=role[0].upper() + role[1:] if variety[0] == "{" else role))
    ]
    assert not missed


def test_staff_who_report_what_is_so_do_not_take_a_tag_away():
    assert types_in("Nobody told us that Mum had stopped eating.") == ["carer"]
    assert types_in("The consultant told me I had lupus.") == ["patient"]
    assert types_in("They still haven't moved Dad's buzzer.") == ["carer"]


WORDS = st.sampled_from(
    (
        *("I", "am", "a", "nurse", "my", "mum", "died", "caf\u00e9", "nu\u200brse", "c\u0430rer", "\ufdfa", "e\u0301"),
        *("\U0001f600", "I\u2019m", "\u201cso\u201d", "&amp;", "&#39;", "<b>", "</b>", "> quoted", "\n", "patient"),
        *(",", ".", "\u00df", "\u0130", "\ufb01ne", "ward", "on"),
    )
)


@settings(max_examples=400, deadline=None)
@given(st.lists(WORDS, max_size=40), st.sampled_from([" ", "  ", "", "\u00a0"]))
def test_offsets_always_point_at_words_of_the_original(words, gap):
    text = gap.join(words)
    heard = heard_in(text)
    spans = [tag.evidence for tag in heard.tags] + [*heard.insight.evidence, *heard.urgency.evidence]
    assert all(text[one.start : one.end] == one.text and one.text for one in spans)
    assert all(0 <= one.start < one.end <= len(text) for one in heard.personal_data)


@pytest.mark.parametrize(
    "text",
    [
        "Soy enfermera y trabajo en Sevilla.",
        "Je suis infirmi\u00e8re et je trouve cet article tr\u00e8s juste.",
        "Ich bin Krankenschwester auf einer Station.",
        "Я медсестра в больнице.",
        "أنا ممرضة في المستشفى.",
        "Rwy'n nyrs mewn ysbyty yng Nghaerdydd.",
    ],
)
def test_other_languages_are_left_unknown(text):
    assert types_in(text) == []


LOOKALIKES = str.maketrans("aeopcxyi", "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456")


@pytest.mark.parametrize(("role", "type_"), ROLES[:20])
def test_disguised_letters_change_nothing(role, type_):
    plain = f"Hello to everyone who reads this page today. I am a {role}."
    disguises = (
        plain[:44] + plain[44:].translate(LOOKALIKES),
        "\u200b".join(plain),
        "".join(letter + "\u0301" if letter.isalpha() else letter for letter in plain),
        "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in plain),
        plain.replace("I am", "I\u2019m"),
        plain.replace(" ", "\u00a0"),
    )
    assert [types_in(one)[:1] for one in disguises] == [[type_]] * len(disguises)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_comments_are_heard_in_time(name):
    heard_in("warm")
    text = HOSTILE[name][:100_000]
    began = time.process_time()
    heard_in(text)
    assert time.process_time() - began < 2.0  # the figure itself is measured by `evaluate`; here only the shape


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("I'm a carer in a care home.", ["social_care_professional"]),
        ("I'm a carer.", ["carer"]),
        ("I'm a nurse in a care home.", ["health_professional"]),
        ("Deputy manager of a care home here.", ["social_care_professional"]),
        ("Chief nurse, and glad to read this.", ["manager_commissioner", "health_professional"]),
        ("I'm the finance director of a trust.", ["manager_commissioner"]),
        ("As patients we all have a part to play.", []),
        ("My neighbour is poorly and the ward is short of staff.", []),
        ("I lost my dad to sepsis.", ["carer"]),
        ("I'm a physiotherapist by background and I look after my mum.", ["health_professional", "carer"]),
        ("I'm a nures on a stroke ward.", ["health_professional"]),
        ("physiotherpist, msk. We see this daily.", ["health_professional"]),
        ("I am a registered nurse from Harare.", ["health_professional"]),
        ("I am an ASHA worker in Bihar.", ["health_professional"]),
        ("RN here, Toronto.", ["health_professional"]),
        ("Healthwatch Wharfside welcomes this.", []),
    ],
)
def test_rulings(text, types):
    assert types_in(text) == types


def test_former_and_student_roles_carry_a_flag():
    assert tags_in("I'm a retired midwife.")[0].flags == ("former",)
    assert tags_in("I'm a student nurse.")[0].flags == ("student",)
    assert tags_in("I'm a porter.")[0].flags == ("non_clinical",)
    assert tags_in("I used to work for a charity.")[0].flags == ("former",)


def test_an_organisation_that_speaks_for_itself_is_flagged():
    (found,) = tags_in("Speaking on behalf of Wharfside Healthwatch, we welcome this.")
    assert (found.type, found.flags) == ("voluntary_sector", ("org_voice",))


def test_people_say_in_new_ways_who_they_are_and_the_paired_traps_stay_silent() -> None:
    said = {
        "I push trolleys for a living. Nobody tells the porter what is catching.": {"health_professional"},
        "I'm PA to a young woman who uses a ventilator.": {"social_care_professional"},
        "As foster parents we're given a passport with half the pages empty.": {"carer"},
        "Went from radiographer to the one in the scanner in a week.": {"health_professional", "patient"},
        "Having been sectioned twice, I know that restraint calms nobody.": {"patient"},
        "Ex-patient, now trustee of a sepsis charity. We changed one question.": {"patient", "voluntary_sector"},
        "I've been both the patient and the mum at the bedside.": {"patient", "carer"},
        "After Tom died I set up a small charity for families at inquests.": {"carer", "voluntary_sector"},
        "I've been doing his insulin since he was four.": {"carer"},
        "He told us he was a retired surgeon. He wasn't.": set(),
        "He pushes beds for a living, poor man.": set(),
        "If I had to push beds for a living I would leave.": set(),
        "I'm PA to the chief executive, so I only book the rooms.": set(),
        "As parents we all worry about waiting.": set(),
        "Having been delayed by the trains I read it twice.": set(),
        "After someone died we started counting.": set(),
    }
    heard = {words: {tag.type for tag in tags_in(words)} for words in said}
    assert heard == said


def test_a_pattern_tried_only_where_it_can_begin_finds_what_a_search_of_the_whole_text_finds():
    grammar = default_grammar()
    told = [json.loads(line)["text"] for line in Path("tests/data/own_comments.jsonl").read_text("utf-8").splitlines()]
    for text in told[::6]:
        copy = marked(reading_of(text), default_vocabulary()).text
        places = grammar.beginnings.places_in(copy)
        for number, frame in enumerate(grammar.frames):
            found = grammar.beginnings.matches(copy, 1 << number, places)
            searched = [match.span() for match in frame.pattern.finditer(copy)]
            assert [match.span() for _, match in found] == searched, frame.id


TOLD_BY_WHAT_THEY_DO = (
    ("The anaesthetist was the first person to ask me what I was scared of.", ["patient"]),
    ("I could hear them laughing while I was ringing for a bedpan.", ["patient"]),
    ("I was the 4th on the list so I lay there starving until half five.", ["patient"]),
    ("I left before being seen because the screaming was too much for me.", ["patient"]),
    ("I held my husband's hand while the alarm went off and off.", ["carer"]),
    ("If they'd listened to us on the Saturday, she would have seen her grandchildren grow up.", ["carer"]),
    ("We took it in turns to sit with him so he'd never be alone.", ["carer"]),
    ("Every one of us has given a drug late because the cupboard key was elsewhere.", ["health_professional"]),
    ("I look after ventilated patients. Alarms are wallpaper to us.", ["health_professional"]),
    (
        "I visit twelve people a day, most haven't spoken to anyone since I was last there.",
        ["social_care_professional"],
    ),
    ("I give the lived experience session on the doctors' induction day.", ["lived_experience_partner"]),
    ("I've been on the board for six years and safety is always item two.", ["manager_commissioner"]),
    ("We coded 1,200 incident reports for our paper.", ["researcher_educator"]),
    ("Our group of bereaved parents wrote to every trust.", ["voluntary_sector"]),
    ("I'm a quality manager at a medical device company.", ["industry"]),
    ("My daughter wants to train as a nurse.", []),
    ("She was a ward sister for thirty years, my aunt.", []),
    ("If I were on the board for six years I'd know.", []),
    ("She said I was the 4th on the list.", []),
    ("Somebody wrote: 'We coded 1,200 incident reports for our paper', and left it at that.", []),
)


@pytest.mark.parametrize(("text", "types"), TOLD_BY_WHAT_THEY_DO)
def test_what_somebody_does_with_whom_and_where_says_who_they_are(text, types):
    assert types_in(text) == types


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("My mum was discahrged at 2am.", "carer"),
        ("I was admittted on a Friday and left on a trolley.", "patient"),
        ("My fahter was disharged without his tablets.", "carer"),
    ],
)
def test_a_slip_of_the_fingers_in_an_everyday_word_hides_nobody(typed, meant):
    assert types_in(typed) == [meant]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("Moira said: I'm the ward sister and I can't read it either.\n\nThen who can?", []),
        ("Mum said: I am going home. So they sent for a taxi.", []),
        ("Mum said: I am going home. So we took her.", ["carer"]),
        ("A nurse, a surgeon and a risk manager walk into a bar.", []),
        ("My nana used to say that hospitals are no place for the sick.", []),
        ("They call me the bed manager, but I am the ward clerk too.", ["health_professional"]),
        ("Was a paediatric nurse till my back went.", ["health_professional"]),
        ("Support worker, fourteen years, same bungalow.", ["social_care_professional"]),
        ("Like us ward clerks, the porters hear it first.", ["health_professional"]),
        ("Dad to a ventilated child, so forgive the hour.", ["carer"]),
        ("Dietitian. If the tray goes back full, ask why.", ["health_professional"]),
        ("Doctor. The waiting times are too long.", []),
        ("I was going to train as an OT until I saw the fees.", []),
        ("My daughter's training to be a paramedic, so I read this through my fingers.", []),
        ("There's a woman in my choir whose husband had the operation in the report.", []),
        ("My late uncle worked on the railways. They would have called it what it was.", []),
        ("I read complaints for the ombudsman, and have since 2011.", ["regulator_policy"]),
        ("I read complaints for the trust, and have since 2011.", ["safety_quality_lead"]),
        ("There used to be a bell by each chair in my phlebotomy room.", []),
    ],
)
def test_what_others_say_is_theirs_and_what_the_author_says_in_passing_is_heard(text, types):
    assert [one for one in types_in(text) if one in types or not types] == types


def test_whoever_implies_it_is_heard_with_the_sentence_that_tells():
    (tag,) = tags_in("Thank you for this.\nThey discharged me on a Friday with a drain in and no number to ring.")
    assert (tag.type, tag.evidence.text[:18]) == ("patient", "They discharged me")
    (learned,) = tags_in("I turn up unannounced at care homes with a notebook and look at the kitchen.")
    assert (learned.type, learned.frame) == ("regulator_policy", "learned")
    assert learned.confidence >= default_voices().threshold
    (learned,) = tags_in("Good piece.\nNineteen hours on a chair with a drip stand and my name spelt wrong.")
    assert (learned.type, learned.evidence.text[:14]) == ("patient", "Nineteen hours")
    assert not tags_in("Inspectors should turn up unannounced at care homes and look at the kitchen.")
    assert not tags_in("If I turn up unannounced at care homes with a notebook, they look at me.")


def test_a_word_that_is_another_word_is_not_mended():
    vocabulary = default_vocabulary()
    for word in ("alter", "angel", "choose", "sacred", "seated", "quite", "trail", "stating", "landing"):
        assert vocabulary.meant_by(word) is None, word


def test_who_signs_below_hundreds_of_sentences_is_heard():
    (tag,) = tags_in("It rained. " * 300 + "\nJane Smith, staff nurse")
    assert (tag.type, tag.frame) == ("health_professional", "sign-off")


def test_who_never_ends_a_sentence_is_heard():
    (tag, *_) = tags_in("I am a nurse and " + "we waited and my mum waited and " * 200)
    assert tag.type == "health_professional"


def test_a_flood_of_claims_costs_no_more_than_a_comment():
    heard_in("as a nurse, ")
    began = time.process_time()
    heard_in("as a nurse, " * 8_000)
    assert time.process_time() - began < 0.3
