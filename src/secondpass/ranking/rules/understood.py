"""From rules to moves: how well each document complies, and how far that carries it.

Rules are held against the list's own words and dates: "the newest" and "the HR pages" mean those that are there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from secondpass.ranking.candidates import Candidates, Floats
from secondpass.ranking.gate import gate
from secondpass.ranking.rules.naming import matches
from secondpass.ranking.rules.profile import Profile, profile_of
from secondpass.ranking.rules.rule import Rule
from secondpass.ranking.rules.versions import same

SWING = 6.0
"""What full compliance with one rule of the first priority is worth to a document that answers, before `LIMIT`, in
units of how far apart the documents lie that answer, or of one log-odds where they lie closer (`_unit`)."""

LIMIT = 4.0
"""What many rules add up to at the most, in such rules. No document moves further than SWING * LIMIT units."""

STEP = 3.0
"""How many times a rule outweighs one of the next priority."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What was understood of an instruction: its rules by priority, and `left`, the words that gave none."""

    rules: tuple[Rule, ...] = ()
    left: str = ""
    now: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.rules)

    def moves(self, candidates: Candidates) -> Mapping[str, Floats]:
        """How far each kind of rule moves each document's logit; float64, shape (n,), by signal: "rule:recency", ...

        Exactly 0 where a document tells nothing. What speaks for a document counts as far as it answers the query
        (`gate`); what speaks against it never carries it down to those that do not answer.
        """
        count = len(candidates.logits)
        if not self.rules or not count:
            return {}
        profiles = _profiles(candidates, self.now or candidates.now, _needed(self.rules))
        logits = candidates.logits
        if any(rule.kind == "language" for rule in self.rules):
            logits = _levelled(logits, profiles)
        opened = gate(replace(candidates, logits=logits))
        shares: dict[str, Floats] = {}
        total = np.zeros(count)
        running = opened > 0.5
        for priority, rules in _by_priority(self.rules):
            weight = STEP**-priority
            for rule in rules:
                value = compliance(rule, profiles, running)
                if value.any():
                    name = f"rule:{rule.kind}"
                    shares[name] = shares.get(name, np.zeros(count)) + weight * value
                    total = total + weight * value
            if running.any():
                running = running & (total >= total[running].max() - weight / 2)
        reach = _reach(candidates.logits, opened, total, _unit(candidates.logits, opened))
        return {name: share * reach for name, share in shares.items()}


_ENDS = ("newest", "oldest")
_STANDING = {"standing": "newest", "lapsed": "oldest"}
"""What holds or has lapsed, and what is asked instead where no document tells of one that has."""


def _needed(rules: Sequence[Rule]) -> frozenset[str]:
    """The kinds of facts that rules are held against: an end of time or of versions against either."""
    kinds = frozenset(rule.kind for rule in rules)
    return kinds | {"recency", "version"} if any(rule.asks in (*_ENDS, *_STANDING) for rule in rules) else kinds


def _by_priority(rules: Sequence[Rule]) -> list[tuple[int, list[Rule]]]:
    ranks = sorted({rule.priority for rule in rules})
    return [(number, [rule for rule in rules if rule.priority == rank]) for number, rank in enumerate(ranks)]


def _reach(logits: Floats, opened: Floats, total: Floats, unit: float) -> Floats:
    """What one unit of compliance is worth to each document, in logits; less the more rules agree: it is bounded."""
    far = SWING * unit
    # A document sinks half way to the best below it that does not answer: none of those passes one that does.
    closed = np.sort(logits[opened < 0.5])
    below = np.searchsorted(closed, logits)  # how many of them lie below
    floor = np.concatenate([[-math.inf], closed])[below]
    down = np.where(opened < 0.5, 0.0, np.minimum(0.5 * (logits - floor), far))
    return np.where(total > 0, far * opened / (1 + np.abs(total) / LIMIT), down / (1 + np.abs(total)))


def _levelled(logits: Floats, profiles: Sequence[Profile]) -> Floats:
    """Logits as if each language's best document answered equally well: models favour the query's language."""
    levelled = logits.copy()
    for language in {profile.language for profile in profiles}:
        inside = np.array([profile.language == language for profile in profiles])
        levelled[inside] += logits.max() - logits[inside].max()
    return levelled


def _unit(logits: Floats, opened: Floats) -> float:
    """How far apart the documents that answer lie, at least one log-odds: rules must outweigh that."""
    answering = logits[opened >= 0.5]
    return max(1.0, float(np.ptp(answering))) if len(answering) else 1.0


def _profiles(candidates: Candidates, now: datetime | None, kinds: frozenset[str]) -> list[Profile]:
    month_first = _month_first(candidates) if "recency" in kinds else True
    return [
        profile_of(document, text, now, kinds=kinds, month_first=month_first)
        for document, text in zip(candidates.documents, candidates.texts, strict=True)
    ]


_NUMERIC = re.compile(r"(?<!\d)(\d\d?)/(\d\d?)/(?:\d{4}|\d\d)(?!\d)")


def _month_first(candidates: Candidates) -> bool:
    """Whether 03/04/2021 is in March: as the list's clear dates are written, else as Americans do."""
    votes = 0
    for document, text in zip(candidates.documents, candidates.texts, strict=True):
        told = text[:400] if isinstance(document, str) else f"{document!s:.600}"
        for first, second in _NUMERIC.findall(told):
            votes += (int(second) > 12) - (int(first) > 12)
    return votes >= 0


def compliance(rule: Rule, profiles: Sequence[Profile], running: np.ndarray) -> Floats:
    """How well each document does what a rule asks, in [-1, 1]; 0 where it tells nothing."""
    if rule.asks in _STANDING and all(profile.standing >= 0 for profile in profiles):
        rule = replace(rule, asks=_STANDING[rule.asks])
    if rule.asks in _STANDING:
        wanted = 1 if rule.asks == "standing" else -1
        fits = np.array([float(wanted * profile.standing) for profile in profiles])
    elif rule.asks in _ENDS:
        by_age, by_version = _by_age(rule, profiles, running), _by_version(rule, profiles, running)
        first, second = (by_age, by_version) if rule.kind == "recency" else (by_version, by_age)
        fits = first if first.any() else second  # "the latest release" of texts that have dates alone
    elif rule.kind == "recency":
        fits = _in_window(rule, profiles)
    elif rule.kind == "version":
        fits = _by_version(rule, profiles, running)
    elif rule.kind == "language":
        fits = np.array([0.0 if p.language is None else 1.0 if p.language in rule.values else -1.0 for p in profiles])
    else:
        return _named(rule, profiles)
    return _signed(fits, rule)


def _signed(fits: Floats, rule: Rule) -> Floats:
    """`fits` is 1 for what complies, -1 for what does not, 0 for what tells nothing."""
    if rule.asks in _ENDS:
        return -fits if rule.strength == "avoid" else fits
    if rule.strength == "avoid":
        return -fits
    return fits


def _named(rule: Rule, profiles: Sequence[Profile]) -> Floats:
    found = matches(rule.values, [profile.names for profile in profiles])
    if rule.strength == "avoid":
        return -found
    if rule.strength == "only" and found.any():
        told = np.array([bool(profile.names) for profile in profiles])
        return np.where(told & (found == 0), -1.0, found)
    return found


def _in_window(rule: Rule, profiles: Sequence[Profile]) -> Floats:
    """The share of a document's days that lie in the window, from -1 for none to 1 for all."""
    first, last = rule.days
    fits = np.zeros(len(profiles))
    for position, profile in enumerate(profiles):
        if profile.date is not None:
            low, high = profile.date.low, profile.date.high
            inside = max(0, min(high, last) - max(low, first) + 1)
            fits[position] = 2 * inside / (high - low + 1) - 1
    return fits


def _by_age(rule: Rule, profiles: Sequence[Profile], running: np.ndarray) -> Floats:
    days = np.array([math.nan if profile.date is None else profile.date.middle for profile in profiles])
    return _graded(days if rule.asks == "newest" else -days, running)


def _by_version(rule: Rule, profiles: Sequence[Profile], running: np.ndarray) -> Floats:
    if rule.asks in ("stable", "prerelease"):
        told = np.array([1.0 if profile.early else -1.0 if profile.versions else 0.0 for profile in profiles])
        return told if rule.asks == "prerelease" else -told
    if rule.asks in ("newest", "oldest"):
        orders = sorted({max(v.order for v in profile.versions) for profile in profiles if profile.versions})
        ranks = [orders.index(max(v.order for v in p.versions)) if p.versions else math.nan for p in profiles]
        values = np.array(ranks, dtype=np.float64)
        return _graded(values if rule.asks == "newest" else -values, running)
    asked = tuple(int(part) for part in rule.values[0].split("."))
    return np.array([_version_fits(rule.asks, asked, profile) for profile in profiles])


def _version_fits(asks: str, asked: tuple[int, ...], profile: Profile) -> float:
    if not profile.versions:
        return 0.0
    for version in profile.versions:
        numbers = version.numbers
        if same(asked, numbers) or (asks == "at least" and numbers >= asked) or (asks == "at most" and numbers < asked):
            return 0.5 if version.early and asks == "equal" else 1.0
    return -1.0


def _graded(values: Floats, running: np.ndarray) -> Floats:
    """From 1 for the greatest value of the documents in the running down to -1; never less for a greater value.

    Half by rank, evenly; half by rank with the top far ahead, so that the first stands clear of the second.
    """
    known = ~np.isnan(values)
    levels = np.unique(values[known & running])
    if len(levels) < 2:
        levels = np.unique(values[known])
    if len(levels) < 2:
        return np.zeros(len(values))
    above = len(levels) - np.searchsorted(levels, values[known], side="right")
    even = 1 - 2 * above / len(levels)
    ahead = 2 * 0.5**above - 1
    graded = np.zeros(len(values))
    graded[known] = (even + ahead) / 2
    return graded
