"""How evenly a discussion is shared: three figures, never one score."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import log

# Under this, a figure says more about chance than about the discussion.
FEWEST_PEOPLE = 5


def people_per_type(roles: Iterable[Collection[str]], types: Sequence[str]) -> Mapping[str, float]:
    """Return how many people speak for each of `types`; somebody with two roles counts half in each.

    Args:
        roles: for each person, the types that they speak for; none where they have not said.
        types: the types that are counted. A role outside them takes its share away and is not counted.
    """
    people = dict.fromkeys(types, 0.0)
    for held in map(set, roles):
        for role in held & people.keys():
            people[role] += 1 / len(held)
    return people


def evenness(people: Sequence[float]) -> float | None:
    """Return how evenly people are spread over the expected types: 1 evenly, 0 all in one type.

    E = H / ln K, where H is Shannon's entropy and K the number of expected types. Return None under two types, and
    where nobody has spoken.
    """
    everybody = sum(people)
    if len(people) < 2 or not everybody:
        return None
    entropy = sum(share * -log(share) for share in (count / everybody for count in people) if share)
    return abs(entropy / log(len(people)))


def gini(comments: Sequence[int]) -> float | None:
    """Return how unevenly comments are spread over people: 0 evenly, near 1 all by one; None without any."""
    everything = sum(comments)
    if not everything:
        return None
    count = len(comments)
    weighted = sum((2 * rank - count - 1) * number for rank, number in enumerate(sorted(comments), start=1))
    return weighted / (count * everything)
