"""Read an insight and an urgency back from a row; evidence is a place in the words, not a copy of them."""

from collections.abc import Iterable

import sqlalchemy as sa

from plugin.model import Evidence, Insight, Urgency


def insight_from(row: sa.Row[*tuple[object, ...]], text: str) -> Insight | None:
    """Return the insight in a row, or None where there is none."""
    if not row.is_insight:
        return None
    return Insight(True, row.score, row.kind, _evidence(row.evidence, text), tuple(row.reasons))


def urgency_from(row: sa.Row[*tuple[object, ...]], text: str) -> Urgency | None:
    """Return the urgency in a row, or None where there is none."""
    return Urgency(True, _evidence(row.urgent_evidence, text)) if row.is_urgent else None


def _evidence(places: Iterable[tuple[int, int]], text: str) -> tuple[Evidence, ...]:
    return tuple(Evidence(start, end, text[start:end]) for start, end in places)
