"""Who else is told of which insights: a rule has conditions, all of which must hold, and one that it is for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from plugin.model import InsightKind
from plugin.outcomes import NotAllowed, NotSaid

Deed = Literal["mail", "assign", "webhook"]
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold of an insight; what is None may be anything. `type` is a stakeholder type, `theme` its id."""

    type: str | None = None
    theme: str | None = None
    kind: InsightKind | None = None
    urgent: bool | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is done for whom: mail an editor, assign to an editor (`id` is an account), or tell a receiver."""

    deed: Deed
    id: int

    def __str__(self) -> str:
        """Return it as a rule keeps it, such as `mail:3`."""
        return f"{self.deed}:{self.id}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules can ask of an insight."""

    types: frozenset[str]
    themes: frozenset[str]
    kind: InsightKind
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a community; `id` is 0 for one that is not saved."""

    id: int
    name: str
    conditions: Conditions
    target: Target


def matches(rule: Rule, facts: Facts) -> bool:
    """Return whether a rule is for an insight. What is urgent never leaves by a webhook, whatever the rule says."""
    wanted = rule.conditions
    if facts.is_urgent and rule.target.deed == "webhook":
        return False
    return (
        (wanted.type is None or wanted.type in facts.types)
        and (wanted.theme is None or wanted.theme in facts.themes)
        and (wanted.kind is None or wanted.kind == facts.kind)
        and (wanted.urgent is None or wanted.urgent == facts.is_urgent)
    )


def targets_for(rules: Iterable[Rule], facts: Facts) -> dict[Target, Rule]:
    """Return for whom an insight is, each once with the first rule that says so."""
    found: dict[Target, Rule] = {}
    for rule in rules:
        if matches(rule, facts):
            found.setdefault(rule.target, rule)
    return found


def check_rule(rule: Rule) -> None:
    """Raise NotSaid for a rule without a name, NotAllowed for one that would send something urgent outside."""
    if not rule.name.strip() or len(rule.name) > LONGEST_NAME:
        raise NotSaid("name", f"Please give the rule a name of at most {LONGEST_NAME} characters.")
    if rule.target.deed == "webhook" and rule.conditions.urgent:
        raise NotAllowed("What is urgent never leaves by a webhook. Please choose an editor for it.")


def conditions_to_record(conditions: Conditions) -> dict[str, Any]:
    """Return conditions as JSON can hold them, without those that may be anything."""
    every = {name: getattr(conditions, name) for name in ("type", "theme", "kind", "urgent")}
    return {name: value for name, value in every.items() if value is not None}


def conditions_from_record(record: Mapping[str, Any]) -> Conditions:
    """Return the conditions that `conditions_to_record` wrote down."""
    return Conditions(**record)


def target_from(text: str) -> Target:
    """Return the target that a rule keeps as `mail:3`; raise ValueError where it is none."""
    deed, _, id_ = text.partition(":")
    if deed not in get_args(Deed) or not (id_.isascii() and id_.isdecimal()):
        raise ValueError("not a target")
    return Target(cast(Deed, deed), int(id_))
