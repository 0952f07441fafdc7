"""The rules of a whole instruction: without doubles and contradictions, in order. Knows rules; no sentences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from secondpass.ranking.rules.rule import Rule

_ENDS = ("newest", "oldest", "standing", "lapsed")


def settled(rules: list[Rule], instruction: str) -> tuple[Rule, ...]:
    """Without doubles and what only dates a story; the newest or oldest is looked for among what all else leaves."""
    kept: list[Rule] = []
    for rule in rules:
        words = instruction[slice(*rule.span)].strip(" \x00,;:.")
        same = any(
            (r.kind, r.asks, r.values, r.strength) == (rule.kind, rule.asks, rule.values, rule.strength) for r in kept
        )
        if not same:
            kept.append(replace(rule, words=words))
    kept = _without_contradictions(_parted(kept))
    others = [rule.priority for rule in kept if rule.asks not in _ENDS]
    return tuple(
        sorted(
            (
                replace(rule, priority=max(others) + 1)
                if others and rule.asks in _ENDS and rule.priority == 0 and max(others) == 0
                else rule
                for rule in kept
            ),
            key=lambda rule: rule.priority,
        )
    )


def _parted(rules: list[Rule]) -> list[Rule]:
    """ "From 2022 on, older ones not": of two windows that are all of time, only the last can be shunned."""
    shunned = [rule for rule in rules if rule.asks == "between" and rule.strength == "avoid"]
    if len(shunned) != 2:
        return rules
    (low, high), (first, last) = (rule.days for rule in shunned)
    covered = min(low, first) == date.min.toordinal() and max(high, last) == date.max.toordinal()
    if not covered or max(low, first) > min(high, last) + 1:
        return rules
    return [replace(rule, strength="prefer") if rule is shunned[0] else rule for rule in rules]


def _without_contradictions(rules: list[Rule]) -> list[Rule]:
    """Of wishes for both ends of time, one: of those that ask for one, else the newest."""
    ends = [rule for rule in rules if rule.kind == "recency" and rule.asks in ("newest", "oldest")]
    if len(ends) < 2:
        return rules
    asked = [rule for rule in ends if rule.strength != "avoid"]
    one = asked[0] if asked else min(ends, key=_wanted)  # "newest" comes before "oldest"
    return [rule for rule in rules if rule not in ends or rule is one]


def _wanted(rule: Rule) -> str:
    """The end of time that a rule comes down to: who shuns the oldest wants the newest."""
    return rule.asks if rule.strength != "avoid" else {"newest": "oldest", "oldest": "newest"}[rule.asks]
