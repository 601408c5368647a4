"""Answer "why?": what stands behind a tag, in words for the member or moderator who asks."""

from dataclasses import dataclass

from plugin.frames import default_grammar
from plugin.marking import marked
from plugin.model import Evidence, Flag, Tag
from plugin.reading import reading_of
from plugin.stakeholders import label_of
from plugin.tagging import LEARNED, Disclosure, believed, disclosures, tags_of_reading, weighed
from plugin.vocabulary import Vocabulary, default_vocabulary


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a frame found: what it would mean, whether it counted, and if not, why not."""

    type: str
    frame: str
    confidence: float
    evidence: Evidence
    flags: tuple[Flag, ...]
    counted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text has the tags it has: what was found, what was blocked, and how the text was read."""

    findings: tuple[Finding, ...]
    frames_tried: tuple[str, ...]
    read_as: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """Return one plain sentence for each tag, or the one that says there is none."""
        counted = [one for one in self.findings if one.counted]
        if not counted:
            return ("Nothing in this comment says who its author is, so it has no tag.",)
        return tuple(f"{label_of(one.type)}: {one.reason} “{one.evidence.text}”." for one in counted)


def explanation_of(text: str, *, vocabulary: Vocabulary | None = None) -> Explanation:
    """Return what the tagger saw in a text: every finding, what counted, what blocked the others."""
    vocabulary = vocabulary or default_vocabulary()
    reading = reading_of(text)
    copy = marked(reading, vocabulary)
    found = list(disclosures(copy, vocabulary))
    tags = tags_of_reading(reading, vocabulary)
    kept = [one for one in weighed(believed(found)) if any(_is_of(tag, one) for tag in tags)]
    findings = tuple(_finding(one, copy.evidence(one.start, one.end), one in kept) for one in found)
    findings += tuple(_learned_finding(tag) for tag in tags if tag.frame == LEARNED)
    tried = tuple(dict.fromkeys(frame.id for frame in default_grammar().tried_on(copy.text)))
    return Explanation(findings, tried, tuple(part.strip() for part in copy.text.split("|") if part.strip()))


def _is_of(tag: Tag, one: Disclosure) -> bool:
    return (tag.type, tag.frame) == (one.type, one.frame.id)


def _finding(one: Disclosure, evidence: Evidence, counted: bool) -> Finding:
    if one.blocked:
        reason = f"not counted, because of “{one.blocked}”"
    else:
        reason = (
            one.frame.says if counted else "not counted, because other words say it better or nothing else bears it out"
        )
    return Finding(one.type, one.frame.id, one.confidence, evidence, one.flags, counted, reason)


def _learned_finding(tag: Tag) -> Finding:
    """Say plainly that no rule spoke: this tag rests on what similar comments meant."""
    evidence = tag.evidence or Evidence(0, 0, "")
    reason = "no rule found it, but the words are like those of others who are:"
    return Finding(tag.type, tag.frame, tag.confidence, evidence, tag.flags, True, reason)
