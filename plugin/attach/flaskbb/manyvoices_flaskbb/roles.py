"""Who somebody may say they are. The labels are those that Many Voices reads as a profile field."""

from collections.abc import Iterable

MAIN = {
    "patient": "Patient",
    "carer": "Carer",
    "health_professional": "Health professional",
    "social_care_professional": "Social care professional",
}
MORE = {
    "lived_experience_partner": "Lived experience partner",
    "safety_quality_lead": "Safety or quality lead",
    "manager_commissioner": "Manager or commissioner",
    "researcher_educator": "Researcher or educator",
    "voluntary_sector": "Voluntary sector",
    "regulator_policy": "Regulator or policy",
    "industry": "Industry",
}
ALL = MAIN | MORE


def known(types: Iterable[str]) -> list[str]:
    """Return those of `types` that we know, each once, in the order in which they are offered."""
    given = set(types)
    return [type_ for type_ in ALL if type_ in given]


def declared(types: Iterable[str]) -> dict[str, str]:
    """Return the profile fields that say so: `{"role": "Carer", "role 2": "Health professional"}`."""
    labels = [ALL[type_] for type_ in known(types)]
    return {f"role {number}" if number > 1 else "role": label for number, label in enumerate(labels, start=1)}
