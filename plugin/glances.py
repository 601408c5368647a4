"""A discussion at a glance: who speaks, who is missing, and which one a moderator should look at first."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plugin.balance import FEWEST_PEOPLE, evenness, people_per_type
from plugin.crediting import somebody
from plugin.stakeholders import label_of


@dataclass(frozen=True, slots=True)
class Glance:
    """The balance of one discussion in short.

    `people` has each expected type and each that spoke, by the alphabet, with how many people said so; somebody with
    two roles counts in both. `evenness` is None where there is too little to say.
    """

    people: tuple[tuple[str, int], ...]
    not_heard: tuple[str, ...]
    evenness: float | None


def glance_of(roles: Iterable[Collection[str]], people: int, expected_types: Sequence[str]) -> Glance:
    """Return the balance of a discussion.

    Args:
        roles: for each person who has said a role, the types that they speak for.
        people: how many people have written, those who have not said included.
        expected_types: the types that the community hopes to hear from.
    """
    held = [set(one) for one in roles]
    counted = Counter(type_ for one in held for type_ in one)
    shown = sorted({*expected_types, *counted}, key=label_of)
    enough = people >= FEWEST_PEOPLE
    return Glance(
        people=tuple((label_of(type_), counted[type_]) for type_ in shown),
        not_heard=tuple(somebody(type_) for type_ in sorted(expected_types, key=label_of) if not counted[type_]),
        evenness=evenness(list(people_per_type(held, expected_types).values())) if enough else None,
    )


def first_looked_at(last_comment_at: datetime | None, balance: float | None, now: datetime) -> tuple[float, ...]:
    """Return the place of a discussion in the list, lowest first: the newest by a rough measure, then the most uneven.

    This week's come before this month's, and those before the rest: by the minute, a busy discussion would always
    stand first, and the uneven one of yesterday never. Where there are too few people to say, it stands behind
    those of its time. The newest comment decides between equals.
    """
    if last_comment_at is None:
        return (len(BUCKETS) + 1, 0.0, 0.0)
    age = now - last_comment_at
    bucket = next((place for place, span in enumerate(BUCKETS) if age <= span), len(BUCKETS))
    return (bucket, UNSAID if balance is None else round(balance, 6), -last_comment_at.timestamp())


BUCKETS = (timedelta(days=7), timedelta(days=28))
# Evenness ends at 1.
UNSAID = 2.0
