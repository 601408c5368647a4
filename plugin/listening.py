"""Hear one comment out: who speaks, what they share, whether it is urgent, what must not leave."""

from collections.abc import Collection
from dataclasses import dataclass

from plugin.insights import insight_of_reading, sight_of, urgency_of_reading
from plugin.model import UNKNOWN, Insight, PersonalData, Tag, Urgency
from plugin.privacy import personal_data_in
from plugin.reading import reading_of
from plugin.tagging import tags_of_reading
from plugin.vocabulary import Vocabulary, default_vocabulary


@dataclass(frozen=True, slots=True)
class Heard:
    """All that one comment tells by itself. The text is read once for all four answers."""

    tags: tuple[Tag, ...]
    insight: Insight
    urgency: Urgency
    personal_data: tuple[PersonalData, ...]

    @property
    def primary(self) -> str:
        """Return the voice declared first, or "unknown" where nothing is disclosed."""
        return self.tags[0].type if self.tags else UNKNOWN


def heard_in(text: str, known_names: Collection[str] = (), *, vocabulary: Vocabulary | None = None) -> Heard:
    """Return tags, insight, urgency and personal data of a comment; nothing is kept and nothing is sent."""
    reading = reading_of(text)
    sight = sight_of(reading)
    return Heard(
        tags=tags_of_reading(reading, vocabulary or default_vocabulary()),
        insight=insight_of_reading(reading, sight),
        urgency=urgency_of_reading(reading, sight),
        personal_data=personal_data_in(text, known_names),
    )


def warm_up() -> None:
    """Read the word lists and make their patterns now, so that the first comment need not wait for it."""
    heard_in("As a carer I ask for the list.")
