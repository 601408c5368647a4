"""What could identify a person is found, shown and cut out."""

import random

import pytest

from plugin.privacy import LABELS, is_nhs_number, personal_data_in, redacted


def found_in(text, known=()):
    return [(one.kind, text[one.start : one.end]) for one in personal_data_in(text, known)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to ann.lee+ward@example.org please", ("email", "ann.lee+ward@example.org")),
        ("ring 01632 960264 after four", ("phone", "01632 960264")),
        ("ring 07700900318", ("phone", "07700900318")),
        ("on 029 2018 0455, ask for me", ("phone", "029 2018 0455")),
        ("+44 7700 900461 any time", ("phone", "+44 7700 900461")),
        ("call +1 202-555-0143", ("phone", "+1 202-555-0143")),
        ("whatsapp +91 98765 43210", ("phone", "+91 98765 43210")),
        ("NHS no 999 302 1571", ("nhs_number", "999 302 1571")),
        ("my nhs number is 9993021571", ("nhs_number", "9993021571")),
        ("999-220-0332 is mine", ("nhs_number", "999-220-0332")),
        ("we live at LE78 4ND", ("postcode", "LE78 4ND")),
        ("in sw1a 1aa", ("postcode", "sw1a 1aa")),
        ("EC1A1BB", ("postcode", "EC1A1BB")),
        ("NI number BG 12 34 56 C", None),
        ("NI number QQ 12 34 56 C", ("national_insurance", "QQ 12 34 56 C")),
        ("NI number AB 12 34 56 C", ("national_insurance", "AB 12 34 56 C")),
        ("ab123456c", ("national_insurance", "ab123456c")),
        ("she was born on 3 May 1941", ("date_of_birth", "3 May 1941")),
        ("DOB 30/11/1968", ("date_of_birth", "30/11/1968")),
        ("a Dr Ignatius Brockworth came", ("name", "Dr Ignatius Brockworth")),
        ("my name is Carys Penhallow", ("name", "Carys Penhallow")),
        ("Our son Tadhg is 19", ("name", "Tadhg")),
        ("on behalf of Auntie Pearl", ("name", "Auntie Pearl")),
        ("the bracelet said HOLLOWAY-PIKE, Tansy", ("name", "HOLLOWAY-PIKE, Tansy")),
        ("Date of birth on her wristband was 04/11/1952.", ("date_of_birth", "04/11/1952")),
        ("077\u200b00 900318 is it", ("phone", "077\u200b00 900318")),
    ],
)
def test_what_identifies_is_found(text, expected):
    assert found_in(text) == ([expected] if expected else [])


@pytest.mark.parametrize(
    "text",
    [
        "Order 6610294833 never arrived.",
        "My invoice number is 9990001234.",
        "The grant reference is 7300045518.",
        "Is 020 7946 the code for that bit of London?",
        "ward b2 1st floor, 14/09/2024, 8.15 until 12.30",
        "We waited 20 hours, 3 days, 2019 to 2021.",
        "Dr Google and the NHS Trust",
        "Born too soon. She went home on the ward's own list, months later, I think 14/09/2024.",
        "My husband Monday to Friday, my sister Irish by marriage.",
        "Thanks to Ward Nine and Patient Safety Partners.",
    ],
)
def test_what_only_looks_like_it_is_left(text):
    assert found_in(text) == []


def test_known_names_are_found_as_whole_words():
    assert found_in("thanks brindle74 and Jo, not John", ["brindle74", "Jo K", "Jo"]) == [("name", "brindle74")]
    assert found_in("as jacinta wood said", ["Jacinta Wood"]) == [("name", "jacinta wood")]


def test_the_redacted_copy_says_what_stood_there():
    text = "Ring 01632 960264 or write to a@example.org."
    assert redacted(text, personal_data_in(text)) == "Ring [phone number removed] or write to [e-mail address removed]."


def test_the_sum_alone_does_not_make_an_nhs_number():
    dice = random.Random(1)
    numbers = [f"{dice.randrange(10**10):010d}" for _ in range(2000)]
    assert 100 < sum(map(is_nhs_number, numbers)) < 260
    assert not any(kind == "nhs_number" for number in numbers for kind, _ in found_in(f"ticket {number} today"))


def test_what_is_too_long_to_read_must_not_leave():
    text = "a " * 10_000 + "ring 01632 960264"
    assert "960264" not in redacted(text, personal_data_in(text))


EVERY_WAY_OF_WRITING = {
    "phone": """07700 900461|07700900461|07700-900-461|07700 900 461|(07700) 900461|+44 7700 900461|+447700900461
        |+44 (0)7700 900461|+44(0)7700900461|0044 7700 900461|020 7946 0123|(020) 7946 0123|0207 946 0123
        |+44 20 7946 0123|0161 496 0234|(0161) 496 0234|01632 960123|016329 60123|0116 4960 987|(028) 9018 0555
        |015396 12345|0800 1111
        |0300 123 4567|(+44) 7700 900461|44 7700 900461|07700/900461|+44-7700-900461|98765 43210
        |+353 87 123 4567|+91 98765 43210|(202) 555-0147|202.555.0147|07700  900461|O7700 900461""",
    "email": """j.okafor@example.org|j_okafor+x@mail.example.co.uk|o'brien@example.org|A.B@EXAMPLE.ORG
        |j.okafor (at) example.org|j.okafor [at] example [dot] org|j.okafor at example dot org|jokafor AT example.org
        |j.okafor@ example.org|jokafor(at)example(dot)co(dot)uk|j.okafor at example.org
        |user@[192.0.2.1]|müller@example.org""",
    "postcode": """SW1A 1AA|SW1A1AA|sw1a 1aa|sw1a1aa|M1 1AE|m1 1ae|CR2 6XH|DN55 1PT|W1A 0AX|GIR 0AA|SW1A  1AA|M11AE
        |SW1A-1AA|JE2 3XP|BF1 3AA""",
    "national_insurance": """AB123456C|AB 12 34 56 C|ab 12 34 56 c|AB-12-34-56-C|AB12 3456 C|AB 123456 C
        |AB 123 456 C""",
    "nhs_number": "999 123 4519|999-123-4519|999.123.4519|999  123  4519|NHS9991234519|NHS No.9991234519",
}


@pytest.mark.parametrize("kind", EVERY_WAY_OF_WRITING)
def test_however_somebody_writes_it_nothing_of_it_is_left_in_the_redacted_copy(kind):
    for written in (" ".join(one.split("\n")).strip() for one in EVERY_WAY_OF_WRITING[kind].split("|")):
        text = f"If it helps you can have {written} as long as you like."
        assert redacted(text, personal_data_in(text)) == text.replace(
            written.removeprefix("NHS No.").removeprefix("NHS") if kind == "nhs_number" else written,
            f"[{LABELS[kind]} removed]",
        )


def a_valid_nhs_number(dice):
    while not is_nhs_number(digits := f"{dice.randrange(10**9, 10**10)}"):
        pass
    return digits[:3], digits[3:6], digits[6:]


WRITTEN = {
    "phone": lambda dice: dice.choice(("07{} {}", "+44 7{} {}", "0044 7{}{}", "+44 (0)7{} {}")).format(
        dice.randrange(400, 999), dice.randrange(100000, 999999)
    ),
    "nhs_number": lambda dice: dice.choice(("{} {} {}", "{}-{}-{}", "NHS no {}{}{}")).format(*a_valid_nhs_number(dice)),
    "postcode": lambda dice: dice.choice(("LS{} {}AB", "ls{} {}ab", "NE{}{}XT", "our postcode is b{}{}th")).format(
        dice.randrange(1, 30), dice.randrange(1, 9)
    ),
    "national_insurance": lambda dice: dice.choice(("AB {} {} {} C", "jk{}{}{}d", "TW-{}-{}-{}-A")).format(
        *(dice.randrange(10, 99) for _ in range(3))
    ),
    "email": lambda dice: dice.choice(
        ("j.{}+hub@mail.example.co.uk", "J_{}@example.org", "o'{} (at) example.org")
    ).format(dice.choice(("okafor", "brien", "lee7"))),
}


def test_every_valid_form_is_found_and_one_digit_less_or_a_wrong_sum_is_not():
    dice = random.Random(20261123)
    for kind, write in WRITTEN.items():
        for _ in range(60):
            written = write(dice)
            assert kind in [found for found, _ in found_in(f"It is {written}, if that helps.")], written
    for _ in range(60):
        first, second, third = a_valid_nhs_number(dice)
        wrong = f"{third[:3]}{(int(third[3]) + 1) % 10}"
        assert "nhs_number" not in [kind for kind, _ in found_in(f"NHS no {first} {second} {wrong}")]
        assert found_in(f"ref 0{dice.randrange(100, 999)} {dice.randrange(100, 999)}, bay b2 1st floor") == []
