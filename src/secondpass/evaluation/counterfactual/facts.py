"""What is true of a document, what a rule asks for, and the grades that follow. Knows no wordings and no formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

Key = tuple[float, ...]

_UNDATED = 0.5


@dataclass(frozen=True, slots=True)
class Facts:
    """The metadata of one document; `day` is None where no date is known, `version` is major and minor."""

    source: str
    family: str
    type: str
    day: date | None
    version: tuple[int, int] | None = None
    language: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return {**asdict(self), "day": self.day and self.day.isoformat(), "version": self.version and [*self.version]}


@dataclass(frozen=True, slots=True)
class Rule:
    """One wish: `newest`, `oldest`, `latest`, `earliest`, or `wanted` values of a field, and `shunned` ones.

    `since` and `before` want one date in ISO; `year` one number; `source`, `family`, `type`, `language` a name;
    `version` its two numbers. With `wanted` empty, all that is not shunned is wanted.
    """

    name: str
    wanted: tuple[Any, ...] = ()
    shunned: tuple[Any, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return {"rule": self.name, "wanted": [*self.wanted], "shunned": [*self.shunned]}


def grades(rules: Sequence[Rule], answering: Mapping[str, Facts], others: Sequence[str] = ()) -> dict[str, int]:
    """Document id → grade, for rules in the order of their priority; `others` do not answer, and have 0.

    3 for what fulfils the rules best. With one rule, 2 for what comes next in an order, or neither fulfils nor breaks
    it; with several, 2 for what fulfils the first of them as well as the best does. 1 for the rest.
    """
    keys = {name: tuple(_fulfils(rule, facts) for rule in rules) for name, facts in answering.items()}
    ordered = sorted(set(keys.values()), reverse=True)
    best = ordered[0]
    partly: set[Key] = set()
    if len(rules) > 1:
        partly = {key for key in ordered[1:] if key[0] == best[0]}
    elif rules[0].name in _ORDERS:
        partly = set(ordered[1:2])
    else:
        partly = {key for key in ordered[1:] if 0 < key[0] < 1}
    found = {name: 3 if key == best else 2 if key in partly else 1 for name, key in keys.items()}
    return {**found, **dict.fromkeys(others, 0)}


def _fulfils(rule: Rule, facts: Facts) -> float:
    """How well; for a rule that is no order, 1 is wholly and 0 not at all."""
    if rule.name in _ORDERS:
        return _ORDERS[rule.name](facts)
    if rule.name in _DATED:
        return _UNDATED if facts.day is None else float(_DATED[rule.name](facts.day, rule.wanted[0]))
    value = getattr(facts, rule.name)
    if value in rule.shunned:
        return 0.0
    if rule.wanted and rule.shunned:
        return 1.0 if value in rule.wanted else 0.5
    return float(not rule.wanted or value in rule.wanted)


def _days(facts: Facts) -> float:
    return facts.day.toordinal() if facts.day else 0.0


def _release(facts: Facts) -> float:
    major, minor = facts.version or (0, 0)
    return 1000.0 * major + minor


_ORDERS: Mapping[str, Callable[[Facts], float]] = {
    "newest": _days,
    "oldest": lambda facts: -_days(facts),
    "latest": _release,
    "earliest": lambda facts: -_release(facts),
}
_DATED: Mapping[str, Callable[[date, Any], bool]] = {
    "since": lambda day, first: day >= date.fromisoformat(first),
    "before": lambda day, first: day < date.fromisoformat(first),
    "year": lambda day, year: day.year == year,
}
