"""Signals from a short text, as the command line takes them: "recency=30d, confidence=percent, entities*0.8".

Knows which signal takes what; nothing of commands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from secondpass.errors import InputError
from secondpass.ranking.candidates import Signal
from secondpass.ranking.signals.activation import Activation
from secondpass.ranking.signals.blend import Blend
from secondpass.ranking.signals.combine import check
from secondpass.ranking.signals.confidence import Confidence
from secondpass.ranking.signals.entities import Entities
from secondpass.ranking.signals.first_stage import FirstStage
from secondpass.ranking.signals.frequency import Frequency
from secondpass.ranking.signals.presets import adaptive_recall, generative_agents, langchain, mem0
from secondpass.ranking.signals.recency import Recency


@dataclass(frozen=True, slots=True)
class _Row:
    """How a signal is made: what its argument after "=" is called, and what the key after "@" is; "" for none."""

    make: Callable[..., Signal]
    argument: str = ""
    key: str = "field"


SIGNALS: Mapping[str, _Row] = {
    "recency": _Row(Recency, "half_life"),
    "activation": _Row(Activation, "form"),
    "frequency": _Row(Frequency),
    "confidence": _Row(Confidence, "scale"),
    "entities": _Row(Entities, key="key"),
    "first-stage": _Row(FirstStage, "kind"),
}
PRESETS: Mapping[str, Callable[[], Blend]] = {
    "adaptive-recall": adaptive_recall,
    "generative-agents": generative_agents,
    "langchain": langchain,
    "mem0": mem0,
}

_ONE = re.compile(
    r"\s*(?P<name>[\w-]+)\s*(?:=\s*(?P<argument>[^@*]*[^@*\s])\s*)?(?:@\s*(?P<key>[^*]*[^*\s])\s*)?"
    r"(?:\*\s*(?P<weight>\S+)\s*)?"
)
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)")


def signals(text: str) -> tuple[Signal | Blend, ...]:
    """The signals that `text` names: `name[=argument][@key][*weight]`, with commas between, or one preset's name.

    `recency=30d`, `activation=hybrid`, `confidence=percent` and `first-stage=rank` have an argument; for a signal, a
    bare number after "=" is its weight as well (`entities=0.5`). `@key` says under which metadata key it looks. An
    empty text names none. Raises `InputError` for what cannot be read, with what can stand there.
    """
    given = [part for part in text.split(",") if part.strip()]
    found = tuple(_one(part) for part in given)
    check(found)
    return found


def _one(part: str) -> Signal | Blend:
    match = _ONE.fullmatch(part)
    if match is None:
        raise InputError(f"{part.strip()!r} is no signal: write name=argument@key*weight, as in recency=30d@date*0.5.")
    name, argument, key, weight = match["name"].replace("_", "-"), match["argument"], match["key"], match["weight"]
    if name in PRESETS:
        if argument or key or weight:
            raise InputError(f"{part.strip()!r}: the preset {name} takes nothing more here; its options are in Python.")
        return PRESETS[name]()
    row = SIGNALS.get(name)
    if row is None:
        names = [*SIGNALS, *PRESETS]
        near = difflib.get_close_matches(name, names, 1)
        hint = f"do you mean {near[0]}? " if near else ""
        raise InputError(f"There is no signal {name!r}: {hint}There are {', '.join(names)}.")
    if argument is not None and weight is None and _NUMBER.fullmatch(argument):
        argument, weight = None, argument
    return row.make(**_options(part.strip(), row, argument, key, weight))


def _options(part: str, row: _Row, argument: str | None, key: str | None, weight: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if argument is not None:
        if not row.argument:
            raise InputError(f"{part!r}: {argument!r} is no weight. Give a number, or leave it out.")
        options[row.argument] = argument
    if key is not None:
        options[row.key] = key
    if weight is not None:
        if not _NUMBER.fullmatch(weight):
            raise InputError(f"{part!r}: {weight!r} is no weight. Give a number of log-odds, such as 0.5.")
        options["weight"] = float(weight)
    return options
