"""Find what could identify a person, so that somebody can decide before it leaves the house.

Found: e-mail addresses, telephone numbers (UK and international form), NHS numbers, UK postcodes,
National Insurance numbers, dates of birth, names after an honorific or a phrase such as "her name
was", and names the forum itself knows. Not found: a first name alone, a name without any sign
that it is one, a street address without its postcode, initials, pictures, and what only
somebody who knows the family could put together.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Sequence
from functools import cache

from plugin.model import PersonalData
from plugin.vocabulary import lexicon_file, phrases

# What is beyond is not looked at, so it is marked as a whole: it must not leave unread.
MOST_READ = 16_000

LABELS = {
    "email": "e-mail address",
    "phone": "phone number",
    "nhs_number": "NHS number",
    "postcode": "postcode",
    "national_insurance": "National Insurance number",
    "date_of_birth": "date of birth",
    "name": "name",
    "unread": "text too long to check",
}

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+/=?^`{|}~-]{1,64} ?@ ?"
    r"(?:(?:[\w-]{1,63}\.){1,5}[^\W\d_][\w-]{1,23}(?![\w-])|\[\d{1,3}(?:\.\d{1,3}){3}\])"
)
# "j.okafor (at) example (dot) org"; without brackets only where the first part looks like an address or "dot" is said.
_EMAIL_SPELT = re.compile(
    r"\b[\w.+-]{2,40} ?[\[({<] ?at ?[\])}>] ?[\w-]{2,40}(?:(?: ?[\[({<] ?dot ?[\])}>] ?|\.| dot )\w{2,10}){1,3}\b"
    r"|\b[\w.+-]{2,40} at [\w-]{2,40}(?: dot \w{2,10}){1,3}\b"
    r"|\b[a-z]{1,20}[._+\d][\w.+-]{1,30} at (?:[\w-]{2,40}\.){1,3}[a-z]{2,10}\b"
    r"|(?-i:\b[\w.+-]{2,40} AT )(?:[\w-]{2,40}\.){1,3}[a-z]{2,10}\b"
    r"|(?<=mail )(?!(?:me|us|him|her|them|you|it) )[\w.+-]{2,40} at (?:[\w-]{2,40}\.){1,3}[a-z]{2,10}\b",
    re.I,
)

# Ten digits, perhaps grouped; which of them is an NHS number is decided by the sum and the setting.
_TEN_DIGITS = re.compile(r"(?<![\d+-])(?<!\d\.)(\d{3})([ .-]{0,2})(\d{3})([ .-]{0,2})(\d{4})(?![\d]|-\d)")
_NHS_SETTING = re.compile(
    r"\bnhs(?![a-z])|\b(?:health|health service|hospital|record|records|patient|chi|unit|wristband|band) ?"
    r"(?:no|number|num|id|ref)?\b|\b(?:my|his|her|their|mum's|dad's|same|the) number\b",
    re.I,
)

# UK numbers begin with 0 and have 10 or 11 digits (Ofcom's National Telephone Numbering Plan); +44 drops the 0.
_PHONE_UK = re.compile(
    r"(?<![\w.+/-])(?:\([0O][1-9]\d{1,4}\)|[0O](?:[1-9]\d{1,4}|-[1-9]\d{2,3}))(?:[ .-]{0,2}\d){4,8}"
    r"(?!\w|-\d|/\d\d)|(?<![\w.+/-])07(?:\d{3}/\d{6}|(?: \d){9})(?!\w)|(?<![\w.+/-])0 7(?: \d){9}(?! ?\w)"
)
_PHONE_INTERNATIONAL = re.compile(
    r"(?<![\w+])(?:\((?:\+|00)[1-9]\d{0,2}\)|(?:\+|00)[1-9]\d{0,2})(?:[ .-]?\(0?\d{0,4}\))?(?:[ .-]?\d){6,12}(?!\d)"
    r"|(?<![\w+.-])44[ -]?7\d{3}[ -]?\d{3}[ -]?\d{3}(?!\d)"
)
# North America, India, and what Ireland and New Zealand write with nine digits.
_PHONE_GROUPED = re.compile(
    r"(?<![\w.+-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[ .-]\d{4}(?![\w-])"
    r"|(?<![\w.+-])[6-9]\d{4}[ -]\d{5}(?![\w-])|(?<![\w.+-])(?:01 \d{3} \d{4}|02\d[ -]\d{3}[ -]\d{3})(?! ?\d|[\w-])"
)
_PHONE_SAID = re.compile(
    r"\b(?:call|phone|ring|text|tel|telephone|mobile|mob|cell|whatsapp|contact|reach)\b"
    r"[^.\n\d]{0,25}?:? ?(\d(?:[ -]?\d){7,11}|\d{3}[ -]\d{4})(?![\d-])",
    re.I,
)

# The postcode areas of Royal Mail, those of the forces and of bulk mail too; a district we do not know is
# still taken, an area is not.
_AREAS = (
    "AB|AL|B|BA|BB|BD|BF|BH|BL|BN|BR|BS|BT|BX|CA|CB|CF|CH|CM|CO|CR|CT|CV|CW|DA|DD|DE|DG|DH|DL|DN|DT|DY|E|EC|EH|EN|EX|"
    "FK|FY|G|GL|GU|GY|HA|HD|HG|HP|HR|HS|HU|HX|IG|IM|IP|IV|JE|KA|KT|KW|KY|L|LA|LD|LE|LL|LN|LS|LU|M|ME|MK|ML|N|"
    "NE|NG|NN|NP|NR|NW|OL|OX|PA|PE|PH|PL|PO|PR|RG|RH|RM|S|SA|SE|SG|SK|SL|SM|SN|SO|SP|SR|SS|ST|SW|SY|TA|TD|TF|"
    "TN|TQ|TR|TS|TW|UB|W|WA|WC|WD|WF|WN|WR|WS|WV|YO|ZE"
)
_POSTCODE = re.compile(
    rf"(?<![\w.])(?=[A-Z]{{1,2}}\d|GIR)(?:GIR ?0AA|(?:{_AREAS})[1-9]\d?[A-Z]?(?: {{0,2}}|-)\d[ABD-HJLNP-UW-Z]{{2}}|"
    rf"(?:{_AREAS})0 {{0,2}}\d[ABD-HJLNP-UW-Z]{{2}})(?!\w)",
    re.I,
)
# Shorter ones are also the names of wards and vitamins when they stand in small letters without a blank.
SURELY_A_POSTCODE = 6
_ORDINAL = re.compile(r"\d(?:st|nd|rd|th)$", re.I)

# HMRC, National Insurance Manual NIM39110: letters never used, prefixes never given out. QQ is what HMRC's own examples
# begin with: who shows us such a number may have meant one.
_NINO = re.compile(
    r"(?<!\w)(?:QQ|(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])"
    r"(?:[ -]{0,2}\d){6}[ -]{0,2}[A-D](?!\w)",
    re.I,
)

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    r"(?:\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)?\d{2}|\d{4}-\d{2}-\d{2}|"
    rf"(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? ?'?(?:19|20)?\d{{2}}|"
    rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}})"
)
_BIRTH = re.compile(
    r"\b(?:d\.? ?o\.? ?b\.?|date of birth|birth ?date|born(?: on)?|birthday)\b"
    rf"(?: (?:is|was|on))?[ :,-]{{0,3}}(?:\(|the )?({_DATE})",
    re.I,
)

_WORD = r"[A-Z][^\W\d_]*(?:['’-][A-Z]?[^\W\d_]+)*"
_HONORIFIC = re.compile(
    r"(?<!\w)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Doctor|Prof|Professor|Sir|Dame|Lord|Lady|Rev|Revd|Fr|Mr\.|Mrs\.|Dr\.|Prof\.|"
    rf"Sister|Nurse|Matron|Consultant) (?:[A-Z]\. ?){{0,2}}{_WORD}(?: {_WORD}){{0,2}}"
)
_NAMED = re.compile(
    r"\b(?i:name is|name's|name was|names are|named|called|full name(?: is| was)?(?: \()?|message for|ask for|"
    r"thanks? to|thank|contact|known as|signed|spoke to|speak to|speak with|care of|lad called|patient|resident|client|"
    r"ring|e-?mail|son|daughter|husband|wife|mother|father|brother|sister|mum|dad|uncle|aunt|auntie|cousin|nephew|niece|"
    r"grandad|granny|nan|grandmother|grandfather|partner|neighbour|friend)"
    rf"(?:,|:| \()? ({_WORD} (?:{_WORD}[ ])?{_WORD})"
)
_OWN_NAME = re.compile(
    rf"\b(?i:my name is|my name's|my full name is) ({_WORD}(?: {_WORD}){{0,2}})"
    rf"|(?:^|[\n.!?] )(?:Hi,? |Hello,? )?(?:I'm|I’m|I am|This is) ({_WORD} {_WORD})(?=[,.] (?:I|and|from|a|an|the)\b)"
)
# "Our son Tadhg", "my Auntie Pearl".
_KIN_BY_NAME = re.compile(
    r"(?:\b(?i:my|our|his|her)(?: (?:late|little|eldest|youngest|older|younger|dear|poor))? "
    r"(?:son|daughter|husband|wife|brother|sister|nephew|niece|cousin|grandson|granddaughter|uncle|aunt) "
    r"|(?<!\w)(?P<title>Uncle|Aunt|Auntie|Aunty|Nanny|Granny) |\b(?i:my|our) (?:auntie|aunty|nanny|granny) )"
    rf"(?P<name>{_WORD})(?![\w’'])"
)
# "HOLLOWAY-PIKE, Tansy": as wristbands and letters have it.
_SURNAME_FIRST = re.compile(r"(?<!\w)[A-Z]{3,}(?:[-'’ ][A-Z]{2,})*, [A-Z][a-z]+(?: [A-Z][a-z]+)?(?!\w)")
# "Kind regards, / Margaret Oduya" at the end.
_SIGNED = re.compile(
    rf"(?:^|[\n.!?,]) ?(?i:(?:kind |best |warm |many )?(?:regards|wishes|thanks)|yours(?: sincerely)?|love|from)"
    rf"[,.]?\s{{1,3}}[-–— ]{{0,3}}({_WORD} (?:[A-Z]\. )?{_WORD})\.?\s*\Z"
)
_DOUBLE_BARRELLED = re.compile(
    r"(?<![\w-])[A-Z][a-zà-ÿ]{1,20} (?:[A-Z]\. )?[A-Z][a-zà-ÿ]{2,20}-[A-Z][a-zà-ÿ]{2,20}(?![\w-])"
)


@cache
def _not_names() -> frozenset[str]:
    return frozenset(phrases(lexicon_file("privacy.toml")["not_names"]))


def personal_data_in(text: str, known_names: Collection[str] = ()) -> tuple[PersonalData, ...]:
    """Return what could identify a person, in the order it stands, without overlaps.

    Args:
        text: the comment as it was written; offsets count its code points.
        known_names: names the forum knows (author, members); found as whole words, in any case
            where they have two words or more, else with a capital.
    """
    plain, at = _visible(text[:MOST_READ])
    found: list[PersonalData] = []
    for detect in _detectors_for(plain):
        found += detect(plain)
    found += _known(plain, known_names)
    kept = _without_overlaps(found)
    unread = (PersonalData("unread", MOST_READ, len(text)),) if len(text) > MOST_READ else ()
    if at is None:
        return kept + unread
    return tuple(PersonalData(one.kind, at[one.start], at[one.end - 1] + 1) for one in kept) + unread


def redacted(text: str, found: Sequence[PersonalData]) -> str:
    """Return the text with each span replaced by what stood there: "[phone number removed]"."""
    pieces: list[str] = []
    last = 0
    for one in sorted(found, key=lambda one: one.start):
        if one.start < last:
            last = max(last, one.end)
            continue
        pieces += text[last : one.start], f"[{LABELS.get(one.kind, 'personal data')} removed]"
        last = one.end
    return "".join([*pieces, text[last:]])


def is_nhs_number(digits: str) -> bool:
    """Return whether ten digits pass the modulus 11 test of the NHS Data Dictionary."""
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    check = 11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return check != 10 and check % 11 == int(digits[9])


def _visible(text: str) -> tuple[str, Sequence[int] | None]:
    """Leave out what cannot be seen: a zero-width space must not hide a telephone number."""
    if text.isascii() or not any(unicodedata.category(c) == "Cf" for c in set(text)):
        return text.replace("\u00a0", " "), None
    shown = [n for n, character in enumerate(text) if unicodedata.category(character) != "Cf"]
    return "".join(" " if text[n] == "\u00a0" else text[n] for n in shown), shown


def _detectors_for(text: str) -> list[Callable[[str], list[PersonalData]]]:
    detectors: list[Callable[[str], list[PersonalData]]] = []
    if "@" in text or _says_at(text):
        detectors.append(_emails)
    if _DIGIT.search(text):
        if _MANY_DIGITS.search(text):
            detectors += [_nhs_numbers, _numbers]
        detectors += [_dates_of_birth, _postcodes]
    if _CAPITALISED.search(text):
        detectors.append(_names)
    return detectors


def _says_at(text: str) -> bool:
    """Return whether an address may be spelt out: "(at)", or "at" before words parted by dots."""
    small = text.lower()
    if _AT.search(small):
        return True
    return any(map(small.__contains__, "[({<")) and _AT_IN_BRACKETS.search(small) is not None


_AT = re.compile(r" at [\w-]+(?:\.| dot )\w")
_AT_IN_BRACKETS = re.compile(r"[\[({<] ?at ?[\])}>]")
_DIGIT = re.compile(r"\d")
_MANY_DIGITS = re.compile(r"\d(?:[ ().-]{0,3}\d){5}")
_CAPITALISED = re.compile(r" (?:(?<=[^\W\d_] )|(?<=[^\W\d_]\. ))[A-Z][^\W\d_]")


def _emails(text: str) -> list[PersonalData]:
    return [
        PersonalData("email", *match.span()) for pattern in (_EMAIL, _EMAIL_SPELT) for match in pattern.finditer(text)
    ]


def _nhs_numbers(text: str) -> list[PersonalData]:
    """The sum alone passes one random number in eleven: it takes the 3-3-4 grouping or a word beside it too."""
    found = []
    for match in _TEN_DIGITS.finditer(text):
        first, gap, second, other_gap, third = match.groups()
        if is_nhs_number(first + second + third):
            around = text[max(0, match.start() - 60) : match.end() + 40]
            if (gap and gap == other_gap) or _NHS_SETTING.search(around):
                found.append(PersonalData("nhs_number", *match.span()))
    return found


def _numbers(text: str) -> list[PersonalData]:
    found = [PersonalData("phone", *match.span()) for match in _PHONE_UK.finditer(text) if _is_uk_number(match.group())]
    found += [PersonalData("phone", *match.span()) for match in _PHONE_INTERNATIONAL.finditer(text)]
    found += [PersonalData("phone", *match.span()) for match in _PHONE_GROUPED.finditer(text)]
    found += [PersonalData("phone", *match.span(1)) for match in _PHONE_SAID.finditer(text)]
    found += [PersonalData("national_insurance", *match.span()) for match in _NINO.finditer(text)]
    return found


_BIRTH_WORD = re.compile(r"b(?:orn|irth)|d\.? ?o\.? ?b", re.I)


def _dates_of_birth(text: str) -> list[PersonalData]:
    if not _BIRTH_WORD.search(text):
        return []
    spans = [match.span(1) for match in _BIRTH.finditer(text)]
    # "The date of birth on the wristband was 04/11/1952. Mine is ...": dates soon after the word or another.
    told = [match.end() for match in _BIRTH_WORD.finditer(text)] + [end for _, end in spans]
    for match in _FULL_DATE.finditer(text):
        if any(0 <= match.start() - end <= FARTHEST_BIRTH for end in told):
            spans.append(match.span())
            told.append(match.end())
    return [PersonalData("date_of_birth", *span) for span in spans]


FARTHEST_BIRTH = 50
_FULL_DATE = re.compile(r"(?<![\d/.-])\d{1,2}[/.-]\d{1,2}[/.-](?:19|20)\d{2}(?![\d/-])")


def _postcodes(text: str) -> list[PersonalData]:
    return [
        PersonalData("postcode", *match.span())
        for match in _POSTCODE.finditer(text)
        if _is_postcode(match.group()) or _ADDRESS.search(text, max(0, match.start() - 40), match.start())
    ]


# What stands before a postcode that could also be a ward and an ordinal number: "postcode b33 8th".
_ADDRESS = re.compile(
    r"\b(?:post ?code|address|(?:i|we) live (?:at|in)|living at|post to|street|road|avenue|lane|close|court)\b"
    r"[^.!?\n]{0,25}$",
    re.I,
)


def _is_uk_number(number: str) -> bool:
    digits = sum(map(str.isdigit, number)) + number.count("O")
    # 0800 1111 and 0845 46 47 are whole numbers; other short ones are not told from dates and prices.
    return digits in (10, 11) or number.replace(" ", "") in ("08001111", "08454647")


def _is_postcode(code: str) -> bool:
    """Refuse "ward b2 1st floor": in small letters it takes a blank, and no ordinal number."""
    return code.isupper() or ((" " in code or len(code) >= SURELY_A_POSTCODE) and not _ORDINAL.search(code))


def _names(text: str) -> list[PersonalData]:
    found = []
    if any(title in text for title in _TITLES):
        found += [match.span() for match in _HONORIFIC.finditer(text) if _is_name(match.group().split()[1:])]
    if "name" in text or "I" in text:
        found += [
            match.span(match.lastindex or 1)
            for match in _OWN_NAME.finditer(text)
            if _is_name(match.group(match.lastindex or 1).split())
        ]
    if _TWO_CAPITALS.search(text):
        found += [match.span(1) for match in _NAMED.finditer(text) if _is_name(match.group(1).split())]
        found += [match.span(1) for match in _SIGNED.finditer(text) if _is_name(match.group(1).split())]
        found += [match.span() for match in _DOUBLE_BARRELLED.finditer(text) if _is_name(match.group().split())]
    found += [
        (match.start("title") if match["title"] else match.start("name"), match.end("name"))
        for match in _KIN_BY_NAME.finditer(text)
        if _is_name([match["name"]])
    ]
    found += [match.span() for match in _SURNAME_FIRST.finditer(text) if _is_name(match.group().title().split())]
    return [PersonalData("name", *span) for span in found]


_TITLES = (
    "Mr", "Ms ", "Miss ", "Mx ", "Dr", "Doctor ", "Prof", "Sir ", "Dame ", "Lord ", "Lady ", "Rev", "Fr ",
    "Sister ", "Nurse ", "Matron ", "Consultant ",
)  # fmt: skip
_TWO_CAPITALS = re.compile(r"[A-Z][\w'’-]+ [A-Z]")


def _is_name(words: Sequence[str]) -> bool:
    words = [word for word in words if len(word.strip(".")) > 1]
    return bool(words) and not any(
        word.lower().strip(".") in _not_names() or (len(word) > 3 and word.isupper()) for word in words
    )


def _known(text: str, known_names: Collection[str]) -> list[PersonalData]:
    found: list[PersonalData] = []
    for name in known_names:
        if len(name.strip()) < 3:
            continue
        spelt = r"\s+".join(map(re.escape, name.split()))
        any_case = re.IGNORECASE if " " in name.strip() or "_" in name or any(map(str.isdigit, name)) else 0
        found += [
            PersonalData("name", *match.span()) for match in re.finditer(rf"(?<!\w){spelt}(?!\w)", text, any_case)
        ]
    return found


def _without_overlaps(found: list[PersonalData]) -> tuple[PersonalData, ...]:
    """Keep the longest of those that overlap; of equals the first that was looked for."""
    kept: list[PersonalData] = []
    taken = bytearray(max((one.end for one in found), default=0))
    for one in sorted(found, key=lambda one: one.start - one.end):
        if taken.find(1, one.start, one.end) < 0:
            kept.append(one)
            taken[one.start : one.end] = b"\x01" * (one.end - one.start)
    return tuple(sorted(kept, key=lambda one: one.start))
