"""The words that groups are made of, read from the tables beside this file, one half of each at a time."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from secondpass.errors import InputError

Split = Literal["seen", "held_out"]
"""`seen` may be tuned on; `held_out` has other wordings, names, date formats and layouts."""

SPLITS: tuple[Split, ...] = ("seen", "held_out")


@dataclass(frozen=True, slots=True)
class Layout:
    """How metadata stand in a text: lines of label and value in a shell, or one sentence with places for them."""

    name: str
    shell: str = ""
    line: str = ""
    join: str = ""
    labels: Sequence[str] = ("",) * 5
    sentence: str = ""
    json: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One half of the tables.

    `wordings`: rule → instructions. `sources`: family → names; `called`: family → what it is called. `types`: singular
    → plural; `languages`: code → name; `mentions`: field → sentences. `dates`: pattern → days that it leaves open;
    `versions`: style → patterns; `layouts`; `keys`: names of the mapping's fields.
    """

    wordings: Mapping[str, Sequence[str]]
    sources: Mapping[str, Sequence[str]]
    called: Mapping[str, Sequence[str]]
    types: Mapping[str, str]
    languages: Mapping[str, str]
    mentions: Mapping[str, Sequence[str]]
    dates: Mapping[str, int]
    versions: Mapping[str, Sequence[str]]
    layouts: Sequence[Layout]
    keys: Sequence[Sequence[str]]


@cache
def read(split: Split) -> Table:
    """One half of the tables. Raises `InputError` for any other name."""
    if split not in SPLITS:
        raise InputError(f"split={split!r} is not known: use one of {', '.join(SPLITS)}.")
    names, formats = _file("names"), _file("formats")
    return Table(
        wordings={rule: halves[split] for rule, halves in _file("wordings").items()},
        sources={family: row["names"][split] for family, row in names["families"].items()},
        called={family: row["called"][split] for family, row in names["families"].items()},
        types=names["types"][split],
        languages=names["languages"][split],
        mentions={field: halves[split] for field, halves in names["mentions"].items()},
        dates=formats["dates"][split],
        versions=formats["versions"][split],
        layouts=[Layout(**row) for row in formats["layouts"][split]],
        keys=formats["keys"][split],
    )


def _file(name: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(f"{name}.toml").read_text(encoding="utf-8"))
