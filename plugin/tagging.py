"""Decide who is speaking: which stakeholder types an author disclosed, and the words that prove each."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from plugin.frames import DOUBTS, Frame, default_grammar
from plugin.marking import Marked, marked
from plugin.model import Flag, Tag
from plugin.reading import Reading, reading_of
from plugin.stakeholders import type_of_symbol
from plugin.vocabulary import Term, Vocabulary, default_vocabulary
from plugin.voices import SUPPOSED, UNHEARD, VoiceModel, clauses_in, default_voices, voice_words

MOST_TAGS = 3
# The frame id of what no frame found: the learned weights are sure enough.
LEARNED = "learned"
# Who says it so often has said it; a flood of "as a nurse, as a nurse" must not cost more than a comment.
MOST_FOUND = 60
# What takes a finding back stands near it: so many letters of its sentence are looked at.
FARTHEST_BLOCKER = 300


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One type that a frame found in a marked copy, before the findings are weighed together."""

    type: str
    frame: Frame
    start: int
    end: int
    confidence: float
    flags: tuple[Flag, ...] = ()
    blocked: str = ""


def tags_in(text: str, *, vocabulary: Vocabulary | None = None) -> tuple[Tag, ...]:
    """Return the stakeholder types the author discloses, primary first, at most three; empty if none.

    Every tag carries the author's own unquoted words; offsets count code points of `text`.
    """
    return tags_of_reading(reading_of(text), vocabulary or default_vocabulary())


def tags_of_reading(reading: Reading, vocabulary: Vocabulary, voices: VoiceModel | None = None) -> tuple[Tag, ...]:
    """Return the tags of a comment that has been read already; by other learned weights than our own, if given."""
    copy = marked(reading, vocabulary)
    voices = voices or default_voices()
    if voices is None:
        return tuple(
            _tag(copy, one, one.confidence) for one in weighed(believed(found_in(copy, vocabulary)))[:MOST_TAGS]
        )
    return _weighed_with(voices, copy, findings_in(copy, vocabulary))


def found_in(copy: Marked, vocabulary: Vocabulary) -> list[Disclosure]:
    """Return what the frames find; weak ones only where no strong one speaks, as `weighed` would drop them."""
    grammar = default_grammar()
    stretches = grammar.called_on(copy.text)
    found: list[Disclosure] = []
    for doubt in DOUBTS:
        for frame, match in islice(grammar.found_in(copy.text, stretches, doubt), MOST_FOUND):
            found += _disclosed(copy, frame, match, vocabulary)
        if believed(found):
            break
    return found


@dataclass(frozen=True, slots=True)
class Findings:
    """What a comment holds before the learned weights are asked.

    `kept` is what the frames say, one finding for each type; `spans` and `words` are its clauses and what the weights
    look at in them; `free` the numbers of those where words may speak alone; `settled` the types that the frames have
    found or that the author denied.
    """

    kept: Sequence[Disclosure]
    spans: Sequence[tuple[int, int]]
    words: Sequence[Collection[str]]
    free: Sequence[int]
    settled: frozenset[str]


def findings_in(copy: Marked, vocabulary: Vocabulary) -> Findings:
    """Return what frames and words of a marked copy have to say."""
    found = found_in(copy, vocabulary)
    kept = weighed(believed(found))
    spans = clauses_in(copy.text)
    free = [n for n, span in enumerate(spans) if _is_unspoken(copy.text, span, found)]
    if not any(_FIRST_PERSON.search(copy.text, *spans[n]) for n in free):
        free = []
    return Findings(
        kept=kept,
        spans=spans,
        words=[voice_words(copy.text[slice(*span)]) for span in spans],
        free=free,
        settled=frozenset(one.type for one in kept) | {one.type for one in found if one.blocked},
    )


def _weighed_with(voices: VoiceModel, copy: Marked, findings: Findings) -> tuple[Tag, ...]:
    """Return the tags that frames and learned weights give together.

    What a strong frame found stays. A weak finding needs words that lean its way, and words alone may name a voice
    where they lean far enough, unless the author denied it.
    """
    kept = findings.kept
    if not (kept or findings.free):
        return ()
    leanings = voices.leanings_in(findings.words, findings.free)
    tags = []
    for one in kept:
        leaning = leanings.whole.get(one.type, UNHEARD)
        likely = voices.likely(one.type, leaning, one.frame.doubt, others=len(kept) > 1)
        if not one.frame.doubt or likely >= voices.least:
            tags.append(_tag(copy, one, (one.confidence + likely) / 2))
    places = {name: leaning.at for name, leaning in leanings.alone.items() if name not in findings.settled}
    while places and len(tags) < MOST_TAGS:
        odds = {name: voices.likely_alone(name, leanings, [tag.type for tag in tags]) for name in places}
        best = max(odds, key=lambda name: odds[name])
        if odds[best] < voices.threshold:
            break
        tags.append(Tag(best, round(odds[best], 3), copy.evidence(*findings.spans[places[best]]), LEARNED))
        del places[best]
    return tuple(tags[:MOST_TAGS])


def _is_unspoken(text: str, span: tuple[int, int], found: Sequence[Disclosure]) -> bool:
    """Return whether words may speak alone in a clause: no frame found anything, nothing is supposed or denied."""
    start, end = span
    return not (
        SUPPOSED.match(text, start)
        or _SOMEBODY_ELSE.search(text, start, end)
        or any(one.start < end and one.end > start for one in found)
    )


# A role that somebody else has, or that nobody has.
_SOMEBODY_ELSE = re.compile(
    r" (?:is|was|are|were|be|been|being|'s|as|no|not|never|neither|if|become|make) (?:(?:a|an|the) )?(?:[a-z]+ ){0,3}?"
    r"[HSQMEVRILPC]s? | (?:pa|secretary|driver) to (?:the )?[A-Z]s? | "
    r"K (?:works?|worked|says|said|thinks?|reads?|reckons) "
)


def _tag(copy: Marked, found: Disclosure, confidence: float) -> Tag:
    return Tag(
        type=found.type,
        confidence=round(confidence, 3),
        evidence=copy.evidence(found.start, found.end),
        frame=found.frame.id,
        flags=found.flags,
    )


def disclosures(copy: Marked, vocabulary: Vocabulary) -> Iterator[Disclosure]:
    """Yield what every frame finds, the blocked findings with the reason that blocks them."""
    grammar = default_grammar()
    stretches = grammar.called_on(copy.text)
    for doubt in DOUBTS:
        for frame, match in grammar.found_in(copy.text, stretches, doubt):
            yield from _disclosed(copy, frame, match, vocabulary)


def _disclosed(copy: Marked, frame: Frame, match: re.Match[str], vocabulary: Vocabulary) -> Iterator[Disclosure]:
    start, end = match.span()
    if frame.word and not _holds(copy.evidence(start, end).text.lower(), frame.word):
        return
    groups = match.groupdict()
    blocked = _blocker(copy.text, start, event=frame.event)
    if frame.doubt and frame.types == "C" and not blocked and _kin_at_work(copy.text, start):
        blocked = "kin at work"
    if groups.get("role"):
        yield from _role(copy, frame, (start, end), match.span("role"), blocked, vocabulary)
    else:
        types = frame.types or groups["place"][1].upper()
        # "I was sent home" does not make a former patient; "I used to work for a charity" is a former role.
        words = match.group() if groups.get("place") else ""
        flags = _flags(words, None, org_voice=frame.org_voice)
        for n, symbol in enumerate(types):
            yield Disclosure(type_of_symbol(symbol), frame, start, end, frame.confidence - 0.05 * n, flags, blocked)
    if frame.leads and not blocked:
        yield from _second_roles(copy, frame, end, vocabulary)


def _role(
    copy: Marked, frame: Frame, span: tuple[int, int], role: tuple[int, int], blocked: str, vocabulary: Vocabulary
) -> Iterator[Disclosure]:
    """Yield the types of the role noun that ends at `role`: the last noun of a chain is the head."""
    words = copy.text[slice(*role)].split()
    term = copy.term_at(role[1] - len(words[-1]))
    if term is None:
        return
    if len(words) > 2 and words[-2] == "and" and not blocked:
        # "Midwife and lecturer" is two roles, "risk and governance midwife" is one phrase of the lexicon.
        first = role[1] - len(words[-1]) - len(" and ")
        yield from _role(copy, frame, (span[0], first), (first - len(words[-3]), first), "", vocabulary)
    flags = _flags(copy.text[slice(*span)], term, org_voice=frame.org_voice)
    blocked = blocked or _attribute(copy.text, role[1], vocabulary) or _bare_word(copy, frame, span, role)
    for n, symbol in enumerate(_types_in_place(term, copy.text, role[1])):
        yield Disclosure(type_of_symbol(symbol), frame, *span, frame.confidence - 0.05 * n, flags, blocked)


_AT_PLACE = re.compile(
    r" (?:\w+ day |working |who works |employed )?(?:in|at|of|for|with|by|,|\() (?:(?!K|Ks|my )[^ |,;:()]+ ){0,5}?"
    r"(?P<place>O[svrie]|agency|council|company|(?<= a )home|(?<= the )home)(?= )"
)


_TYPES_ELSEWHERE = {
    ("Q", "Oi"): "I",
    ("R", "Oi"): "I",
    ("Q", "Ov"): "V",
    ("R", "Ov"): "V",
    ("Q", "Or"): "R",
}
_DEPUTY = re.compile(r" (?:deputy|assistant|team|duty|shift|unit) [A-Z]$")


def _types_in_place(term: Term, text: str, end: int) -> str:
    """Return the types of a role where it is done: a carer in a care home is paid, its manager both.

    A manager of a charity, a regulator, a supplier or a university speaks for that side, and so does who looks after
    quality or policy there.
    """
    if term.types not in ("C", "M", "Q", "R"):
        return term.types
    match = _AT_PLACE.match(text, end)
    if match is None or term.rest[:1] == ("carer",):
        return term.types
    place = match["place"]
    if term.types in ("Q", "R"):
        return _TYPES_ELSEWHERE.get((term.types, place), term.types)
    if term.types == "C":
        return "S" if place in ("Os", "agency", "council", "company", "home") else "C"
    if place == "Os" and _DEPUTY.search(text[max(0, end - 24) : end]):
        return "S"
    return {"Os": "MS", "Ov": "V", "Or": "R", "Oi": "I", "Oe": "E"}.get(place, "M")


def _second_roles(copy: Marked, frame: Frame, place: int, vocabulary: Vocabulary) -> Iterator[Disclosure]:
    """Yield the roles that follow a first in the same breath: "a GP, and clinical lead for the ICB"."""
    for _ in range(MOST_TAGS - 1):
        match = default_grammar().second_role.match(copy.text, place)
        if match is None:
            return
        yield from _role(copy, frame, match.span("second"), match.span("role"), "", vocabulary)
        place = match.end()


def _holds(words: str, any_of: Sequence[str]) -> bool:
    return any(word in words for word in any_of)


def _blocker(text: str, start: int, *, event: bool) -> str:
    sentence = text.rfind("|", 0, start + 1)
    before = text[max(sentence + 1, start - FARTHEST_BLOCKER) : start + 1]
    grammar = default_grammar()
    found = (grammar.event_blocked_before if event else grammar.blocked_before).search(before)
    if found:
        return found.group().strip()
    return ""


def _kin_at_work(text: str, start: int) -> bool:
    first = max(text.rfind("|", 0, start + 1), start - FARTHEST_BLOCKER)
    last = text.find("|", start + 2, start + FARTHEST_BLOCKER)
    return default_grammar().kin_at_work.search(text, max(first, 0), last + 1 if last > 0 else len(text)) is not None


def _attribute(text: str, end: int, vocabulary: Vocabulary) -> str:
    after = text[end + 1 : end + 30].split(" ", 1)[0]
    return f"{after} after the role" if after in vocabulary.attributes or after in ("'s", "'") else ""


_PATIENT_TAIL = re.compile(r" (?:of|with|since|for|at|here|in|under|, \\d|and [A-Z])(?= )")
_FIRST_PERSON = re.compile(r" (?:i|we|my|our|me|us|myself|\d+) ")
# An answer to a survey goes on in words of praise; who introduces himself goes on with what he has to say.
_STATEMENT = re.compile(r"\| (?!(?:the|they|he|she|it|all|very|always|so) )(?:[a-zA-Z'-]+ ){6}")


def _bare_word(copy: Marked, frame: Frame, span: tuple[int, int], role: tuple[int, int]) -> str:
    """Refuse "Doctor." as the answer to "what was good?": a role alone, and nothing that its holder says."""
    if frame.id not in ("opening", "sign-off"):
        return ""
    term = copy.term_at(role[1] - 1)
    if term is not None and term.symbol == "P" and not term.rest and not _PATIENT_TAIL.match(copy.text, role[1]):
        return "a patient in general"
    if (term is not None and term.symbol == "C" and term.rest) or " and " in copy.text[span[0] : role[1] + 7]:
        return ""
    alone = copy.text[span[0] : role[1]].strip() == copy.text[slice(*role)] and copy.text[: span[0]].endswith("| ")
    alone = alone and copy.text[role[1] : role[1] + 2] == " |"
    speaks = _FIRST_PERSON.search(copy.text) or _STATEMENT.search(copy.text, role[1])
    return "a role alone, and no word of the author's own" if alone and not speaks else ""


_STUDENT = re.compile(r" (?:student|trainee|in training|training (?:as|to be)|apprentice|studying)(?= )")
_FORMER = re.compile(
    r" (?:former|formerly|retired|ex|previously|used to|was|worked|had been|once|by training|lapsed|late)(?= )"
)


def _flags(words: str, term: Term | None, *, org_voice: bool) -> tuple[Flag, ...]:
    flags: list[Flag] = []
    padded = f" {words} "
    if _FORMER.search(padded):
        flags.append("former")
    if term is not None and ("student" in term.flags or (_STUDENT.search(padded) and term.symbol in "HS")):
        flags.append("student")
    if term is not None and "non_clinical" in term.flags:
        flags.append("non_clinical")
    if org_voice:
        flags.append("org_voice")
    return tuple(flags)


def believed(found: Sequence[Disclosure]) -> list[Disclosure]:
    """Return the findings that nothing speaks against: a weak one falls where the type was denied in words."""
    denied = {one.type for one in found if one.blocked and not one.frame.doubt}
    return [one for one in found if not one.blocked and not (one.frame.doubt and one.type in denied)]


def weighed(found: Sequence[Disclosure]) -> list[Disclosure]:
    """Return one disclosure for each type, the primary first."""
    best: dict[str, Disclosure] = {}
    for one in found:
        if one.type not in best or _rank(one) < _rank(best[one.type]):
            best[one.type] = one
    least = min((one.frame.doubt for one in best.values()), default=0)
    # Weak findings stand side by side; they give way to a strong one, and faint ones to any other.
    kept = [one for one in best.values() if one.frame.doubt == least]
    return sorted(kept, key=lambda one: ("former" in one.flags, one.start))


def _rank(one: Disclosure) -> tuple[int, float, int]:
    return (one.frame.doubt, -one.confidence, one.start)
