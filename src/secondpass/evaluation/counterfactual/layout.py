"""Writing metadata: into a mapping, or into the text in one of the layouts of the table. Knows no rules."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from secondpass.evaluation.counterfactual.dates import written
from secondpass.evaluation.counterfactual.facts import Facts
from secondpass.evaluation.counterfactual.table import Layout, Table

FIELDS = ("source", "date", "type", "version", "language")


@dataclass(frozen=True, slots=True)
class Style:
    """How the documents of a group are written: into the mapping or the text, dates to the grain, versions in a style.

    `layouts` and `keys` are those that are drawn from.
    """

    mapping: bool
    grain: int
    version: str
    layouts: tuple[Layout, ...]
    keys: tuple[tuple[str, ...], ...]


def style(draw: Random, table: Table, grain: int, version: str) -> Style:
    """A style of a group: half of them keep to one layout, as one system would, the others mix."""
    many = draw.random() < 0.5
    layouts = draw.sample(list(table.layouts), 4 if many else 1)
    keys = draw.sample(list(table.keys), 2 if many else 1)
    return Style(draw.random() < 0.5, grain, version, tuple(layouts), tuple(tuple(names) for names in keys))


def written_document(
    draw: Random, table: Table, style: Style, facts: Facts, body: str, now: date
) -> tuple[str, dict[str, Any]]:
    """(text, metadata) of one document."""
    values = _values(draw, table, style, facts, now)
    if style.mapping:
        keys = dict(zip(FIELDS, draw.choice(style.keys), strict=True))
        return body, {keys[field]: value for field, value in values.items()}
    return _in_text(draw.choice(style.layouts), values, body), {}


def version_text(style: str, version: tuple[int, int]) -> str:
    """A version as instructions have it."""
    return {"dotted": "{0}.{1}", "pack": "{0} SP{1}", "single": "Release {0}"}[style].format(*version)


def _values(draw: Random, table: Table, style: Style, facts: Facts, now: date) -> dict[str, str]:
    values = {"source": facts.source, "type": draw.choice((facts.type, facts.type[0].upper() + facts.type[1:]))}
    if facts.day:
        patterns = [pattern for pattern, grain in table.dates.items() if grain <= style.grain]
        # Coarse dates are few beside the others: those of the grain itself are half of what is drawn.
        own = [pattern for pattern in patterns if table.dates[pattern] == style.grain]
        drawn = draw.choice(own if draw.random() < 0.5 else patterns)
        values["date"] = written(drawn, facts.day, now) or written(_plain(table), facts.day, now) or ""
    if facts.version:
        values["version"] = draw.choice(table.versions[style.version]).format(*facts.version)
    if facts.language:
        values["language"] = draw.choice((facts.language, table.languages[facts.language]))
    return {field: values[field] for field in FIELDS if field in values}


def _plain(table: Table) -> str:
    """The half's first pattern of a whole day: what is written where a relative date would be odd."""
    return next(iter(table.dates))


def _in_text(layout: Layout, values: dict[str, str], body: str) -> str:
    if layout.sentence:
        rest = "; ".join(value for field, value in values.items() if field not in ("source", "date"))
        by = values["source"]
        return layout.sentence.format(source=by, date=values.get("date", "no date"), rest=rest, body=body)
    labels = dict(zip(FIELDS, layout.labels, strict=True))
    quoted = (lambda text: json.dumps(text, ensure_ascii=False)) if layout.json else str
    lines = [layout.line.format(label=quoted(labels[field]), value=quoted(value)) for field, value in values.items()]
    return layout.shell.replace("{meta}", layout.join.join(lines)).replace("{body}", quoted(body))
