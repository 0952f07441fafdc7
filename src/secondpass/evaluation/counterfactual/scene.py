"""What the documents of a group are, and what is asked of them: one builder a rule. Knows no texts and no formats.

Every builder sees to it that one answering document is best under the rules, another one under their opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from secondpass.evaluation.counterfactual.dates import backwards, first_of_month, spoken, yearly
from secondpass.evaluation.counterfactual.facts import Facts, Rule
from secondpass.evaluation.counterfactual.layout import version_text
from secondpass.evaluation.counterfactual.table import Table


@dataclass(frozen=True, slots=True)
class Wish:
    """An instruction to be: its wording, what goes into it, the rules it stands for, and what would be perfect."""

    wording: str
    places: Mapping[str, str]
    rules: tuple[Rule, ...]
    perfect: Facts


@dataclass(frozen=True, slots=True)
class Scene:
    """The answering documents, the wish and its opposite, and which field a misleading sentence is about."""

    facts: tuple[Facts, ...]
    wish: Wish
    opposite: Wish
    mention: str


@dataclass(frozen=True, slots=True)
class Setting:
    """What a builder draws from: `count` answering documents, the day, the grain of dates, a style of versions."""

    draw: Random
    table: Table
    now: date
    count: int
    grain: int
    versions: str
    _taken: set[str] = field(default_factory=set)

    def filled(self, day: date | None, **known: Any) -> Facts:
        """Facts with everything that is not known drawn; sources and types that a rule names are left out."""
        if "source" not in known:
            known["source"] = self.draw.choice([name for name in self._sources() if name not in self._taken])
        types = [name for name in self.table.types if name not in self._taken]
        return Facts(
            **{"family": self._sources()[known["source"]], "type": self.draw.choice(types), "day": day, **known}
        )

    def sources(self, count: int) -> list[str]:
        """Names of different families that nothing else of the group will have by accident."""
        families = self.draw.sample(list(self.table.sources), count)
        names = [self.draw.choice(list(self.table.sources[family])) for family in families]
        self._taken.update(names)
        return names

    def types(self, count: int) -> list[str]:
        """Types that nothing else of the group will have by accident."""
        names = self.draw.sample(list(self.table.types), count)
        self._taken.update(names)
        return names

    def days(self, count: int, *, room: Sequence[int] = ()) -> list[date]:
        """Days that can be told apart, the last first."""
        return backwards(self.draw, self.now, count, grain=self.grain, room=room)

    def between(self, older: date, newer: date) -> date:
        """A day that is told from both, however they are written."""
        return first_of_month(self.draw, older + timedelta(days=self.grain), newer - timedelta(days=self.grain))

    def releases(self, count: int) -> list[tuple[int, int]]:
        """Versions that differ, in random order; 2.9 beside 2.10 is among what can be drawn."""
        first = self.draw.randint(2, 9)
        if self.versions == "single":
            return [(number, 0) for number in self.draw.sample(range(first, first + 24), count)]
        minors = (0, 1, 2, 3, 8, 9, 10, 11, 12) if self.versions == "dotted" else (1, 2, 3, 4, 5, 6)
        return self.draw.sample([(first + major, minor) for major in range(3) for minor in minors], count)

    def shuffled(self, values: Sequence[Any]) -> list[Any]:
        """The values in random order."""
        return self.draw.sample(values, len(values))

    def _sources(self) -> dict[str, str]:
        return {name: family for family, names in self.table.sources.items() for name in names}


Builder = Callable[[Setting], Scene]

_SPANS = {
    "two weeks": 14, "thirty days": 30, "three months": 91, "six months": 183, "twelve months": 365, "two years": 730,
    "three years": 1096, "four years": 1461, "five years": 1826, "six years": 2192, "seven years": 2557,
    "eight years": 2922, "nine years": 3287, "ten years": 3653,
}  # fmt: skip
_SLACK = 4  # days: months are not of one length


def _order(setting: Setting) -> Scene:
    days = setting.days(setting.count + 2)
    facts = [setting.filled(day) for day in days]
    return Scene(
        tuple(facts[1:-1]),
        Wish("newest", {}, (Rule("newest"),), facts[0]),
        Wish("oldest", {}, (Rule("oldest"),), facts[-1]),
        "date",
    )


def _limit(setting: Setting) -> Scene:
    count = setting.count
    days = setting.days(count + 2, room=(2, count))
    facts = [setting.filled(day) for day in days]
    since, before = setting.between(days[2], days[1]), setting.between(days[count], days[count - 1])
    if setting.draw.random() < 0.5:
        number = setting.draw.randrange(3, count - 1)
        facts[number] = replace(facts[number], day=None)
    return Scene(
        tuple(facts[1:-1]),
        Wish("since", spoken(since), (Rule("since", (since.isoformat(),)),), facts[0]),
        Wish("before", spoken(before), (Rule("before", (before.isoformat(),)),), facts[-1]),
        "date",
    )


def _window(setting: Setting) -> Scene:
    scene = _limit(setting)
    ages = sorted((setting.now - facts.day).days for facts in scene.facts if facts.day)
    least, most = ages[0] + setting.grain + _SLACK, ages[1] - setting.grain - _SLACK
    span, days = setting.draw.choice([(name, days) for name, days in _SPANS.items() if least <= days <= most])
    first = (setting.now - timedelta(days=days)).isoformat()
    places = {"span": span, "days": str(days)}
    return replace(scene, wish=Wish("within", places, (Rule("since", (first,)),), scene.wish.perfect))


def _year(setting: Setting) -> Scene:
    facts = [setting.filled(day) for day in yearly(setting.draw, setting.now, setting.count)]
    best, other = setting.draw.sample(facts, 2)
    return Scene(tuple(facts), _of_year(best), _of_year(other), "date")


def _of_year(facts: Facts) -> Wish:
    year = facts.day.year if facts.day else 0
    return Wish("during", {"year": str(year)}, (Rule("year", (year,)),), facts)


def _prefer(setting: Setting) -> Scene:
    return _named(setting, setting.draw.choice(("prefer", "only")))


def _named(setting: Setting, wording: str) -> Scene:
    a, b = setting.sources(2)
    facts = _one_each(setting, [{"source": a}, {"source": b}])
    wishes = [
        Wish(wording, {"a": one}, (Rule("source", (one,)),), best) for one, best in ((a, facts[0]), (b, facts[1]))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


def _over(setting: Setting) -> Scene:
    a, b = setting.sources(2)
    facts = _one_each(setting, [{"source": a}, {"source": b}])
    return Scene(
        tuple(facts),
        Wish("over", {"a": a, "b": b}, (Rule("source", (a,), (b,)),), facts[0]),
        Wish("over", {"a": b, "b": a}, (Rule("source", (b,), (a,)),), facts[1]),
        "source",
    )


def _exclude(setting: Setting) -> Scene:
    best, a, b, c = setting.sources(4)
    named = [{"source": name} for name in (best, a, *(setting.draw.choice((b, c)) for _ in range(setting.count - 2)))]
    facts = _one_each(setting, named)
    wishes = [
        Wish("exclude", {"a": first, "b": b, "c": c, "wanted": wanted}, (Rule("source", (), (first, b, c)),), perfect)
        for first, wanted, perfect in ((a, best, facts[0]), (best, a, facts[1]))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


def _family(setting: Setting) -> Scene:
    table, draw = setting.table, setting.draw
    first, second, *others = setting.shuffled(list(table.sources))
    names = [draw.choice(list(table.sources[family])) for family in (first, second)]
    names += [draw.choice(list(table.sources[draw.choice(others)])) for _ in range(setting.count - 2)]
    facts = _one_each(setting, [{"source": name} for name in names])
    wishes = [
        Wish("family", {"f": draw.choice(list(table.called[f])), "a": name}, (Rule("family", (f,)),), perfect)
        for f, name, perfect in ((first, names[0], facts[0]), (second, names[1], facts[1]))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


def _type(setting: Setting) -> Scene:
    t, u = setting.types(2)
    facts = _one_each(setting, [{"type": t}, {"type": u}])
    wishes = [
        Wish("type", {"ts": setting.table.types[one]}, (Rule("type", (one,)),), best)
        for one, best in ((t, facts[0]), (u, facts[1]))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "type")


def _version(setting: Setting) -> Scene:
    facts = _one_each(setting, [{"version": version} for version in setting.releases(setting.count)])
    return Scene(tuple(facts), _of_version(setting, facts[0]), _of_version(setting, facts[1]), "version")


def _of_version(setting: Setting, facts: Facts) -> Wish:
    version = facts.version or (0, 0)
    places = {"v": version_text(setting.versions, version)}
    return Wish("version", places, (Rule("version", (version,)),), facts)


def _extreme(setting: Setting) -> Scene:
    releases = sorted(setting.releases(setting.count + 2), reverse=True)
    facts = _one_each(setting, [{"version": version} for version in releases])
    places = {"v": version_text(setting.versions, releases[1])}
    return Scene(
        tuple(facts[1:-1]),
        Wish("latest", places, (Rule("latest"),), facts[0]),
        Wish("earliest", places, (Rule("earliest"),), facts[-1]),
        "version",
    )


def _language(setting: Setting) -> Scene:
    first, second, *others = setting.shuffled(list(setting.table.languages))
    codes = [first, second, *(setting.draw.choice(others) for _ in range(setting.count - 2))]
    facts = _one_each(setting, [{"language": code} for code in codes])
    wishes = [
        Wish("language", {"l": setting.table.languages[code]}, (Rule("language", (code,)),), perfect)
        for code, perfect in ((first, facts[0]), (second, facts[1]))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "language")


def _one_each(setting: Setting, known: Sequence[Mapping[str, Any]]) -> list[Facts]:
    """A document for each of what is known, and unknown ones up to the group's size; dates in random order."""
    missing = max(0, setting.count - len(known))
    days = setting.shuffled(setting.days(missing + len(known)))
    return [setting.filled(day, **one) for day, one in zip(days, [*known, *[{}] * missing], strict=True)]


def _source_newest(setting: Setting) -> Scene:
    a, b = setting.sources(2)
    newest, *days = setting.days(setting.count + 1)
    later, *rest = days
    # The newest of all that answer is by somebody else.
    known: list[dict[str, Any]] = [{}, *[{"source": a}] * 3, *[{"source": b}] * 3, *[{}] * (setting.count - 7)]
    placed = zip([later, *setting.shuffled(rest)], known, strict=True)
    facts = [setting.filled(day, **one) for day, one in placed]
    wishes = [
        Wish("source_newest", {"a": one}, (Rule("source", (one,)), Rule("newest")), setting.filled(newest, source=one))
        for one in (a, b)
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


def _since_source(setting: Setting) -> Scene:
    a, b = setting.sources(2)
    young = 4
    newest, *days = setting.days(setting.count + 1, room=(young + 1,))
    limit = setting.between(days[young], days[young - 1])
    old: list[dict[str, Any]] = [*[{"source": a}] * 2, *[{"source": b}] * 2, *[{}] * (setting.count - young - 4)]
    known = [*setting.shuffled([{"source": a}, {"source": b}, {}, {}]), *setting.shuffled(old)]
    facts = [setting.filled(day, **one) for day, one in zip(days, known, strict=True)]
    since = Rule("since", (limit.isoformat(),))
    wishes = [
        Wish(
            "since_source",
            {**spoken(limit), "a": one, "b": other},
            (since, Rule("source", (one,))),
            setting.filled(newest, source=one),
        )
        for one, other in ((a, b), (b, a))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


def _type_source_newest(setting: Setting) -> Scene:
    (t, u), (a, b) = setting.types(2), setting.sources(2)
    newest, *days = setting.days(setting.count + 1)
    pairs = [(t, a), (t, a), (t, b), (t, None), (u, b), (u, b), (u, a), (u, None), (None, a)]
    named = [{key: one for key, one in (("type", kind), ("source", by)) if one} for kind, by in pairs]
    known = [*named, *[{}] * (setting.count - len(named))]
    facts = [setting.filled(day, **one) for day, one in zip(setting.shuffled(days), known, strict=True)]
    wishes = [
        Wish(
            "type_source_newest",
            {"ts": setting.table.types[kind], "a": by},
            (Rule("type", (kind,)), Rule("source", (by,)), Rule("newest")),
            setting.filled(newest, type=kind, source=by),
        )
        for kind, by in ((t, a), (u, b))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


def _version_source(setting: Setting) -> Scene:
    a, b = setting.sources(2)
    v, w, *others = setting.releases(6)
    pairs = [(v, a), (v, b), (v, None), (w, b), (w, a), (w, None)]
    pairs += [(setting.draw.choice(others), by) for by in (a, b, *[None] * (setting.count - len(pairs) - 2))]
    known = [{"version": version, **({"source": by} if by else {})} for version, by in pairs]
    facts = _one_each(setting, known)
    wishes = [
        Wish(
            "version_source",
            {"v": version_text(setting.versions, version), "a": by, "b": other},
            (Rule("version", (version,)), Rule("source", (by,))),
            perfect,
        )
        for version, by, other, perfect in ((v, a, b, facts[0]), (w, b, a, facts[3]))
    ]
    return Scene(tuple(facts), wishes[0], wishes[1], "source")


BUILDERS: Mapping[str, Sequence[Builder]] = {
    "recency": (_order, _limit, _window, _year),
    "source": (_prefer, _over, _exclude, _family),
    "type_version": (_type, _version, _extreme, _language),
    "complex": (_source_newest, _since_source, _type_source_newest, _version_source),
}
"""Kind of group → what builds one, in turn."""
