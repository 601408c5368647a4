"""Name a speaker by stakeholder type, never by more, and say where we know the type from."""

from collections.abc import Sequence

from plugin.consent import Credit
from plugin.model import Flag, Tag, TagSource
from plugin.stakeholders import label_of


def speaker_words(tag: Tag) -> str:
    """Return a tag as a person reads it: "Health professional, retired or former"."""
    return ", ".join([label_of(tag.type), *(FLAGS[flag] for flag in tag.flags)])


def somebody(type_id: str) -> str:
    """Return a type as one of its people, for a sentence: "a health professional"."""
    return SOMEBODY.get(type_id) or f"a {label_of(type_id).lower()}"


def source_words(tag: Tag) -> str:
    """Return where a tag comes from: "said in this comment, not confirmed"."""
    if tag.source == "text" and tag.status == "confirmed":
        return "said in this comment, and confirmed"
    return SOURCES[tag.source]


def credit_for(tags: Sequence[Tag], chosen: Credit | None = None, name: str | None = None) -> str:
    """Return how the editors may credit these words: as their author chose, and otherwise by role without a name.

    Args:
        tags: the roles of the author.
        chosen: what they chose; None where they did not.
        name: what their forum calls them, for those who chose to be credited by it.
    """
    kind = chosen.kind if chosen else "role"
    if kind == "none":
        return "None: its author asks for no credit"
    known_as = {"name": name, "chosen": chosen.name if chosen else None}.get(kind)
    if known_as:
        return f"{known_as} (the name that its author chose)"
    if not tags:
        return "A member of the community (no role, no name)"
    return " and ".join(label_of(tag.type) for tag in tags) + " (no name)"


# Where "a" and the label would not make English.
SOMEBODY = {
    "voluntary_sector": "somebody from the voluntary sector",
    "regulator_policy": "somebody who regulates care or makes policy",
    "industry": "somebody from industry",
}

SOURCES: dict[TagSource, str] = {
    "author": "chosen by the author",
    "moderator": "set by a moderator",
    "profile": "from the author's profile on the forum",
    "text": "said in this comment, not confirmed",
    "earlier": "said in an earlier comment, not confirmed",
}

FLAGS: dict[Flag, str] = {
    "former": "retired or former",
    "student": "student",
    "org_voice": "speaking for an organisation",
    "non_clinical": "not in a clinical role",
}
