"""The benchmarks that are known by name: one row each in benchmarks.toml, with the protocols of published numbers.

Knows where data is said to be and how it was used; reads none of it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from secondpass.errors import InputError

UNSTATED: Final = "unstated"
Evidence = Literal["source code", "published page", "general knowledge", "unstated"]
_TABLE = Path(__file__).with_name("benchmarks.toml")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How somebody made their numbers; numbers of two protocols do not belong into one table.

    `by`: whose. `depth`: candidates a query, "all" of a given list, or "unstated". `sets`: how many the mean is over;
    `weights` of that mean. `evidence`: what it was taken from. `suite`: whose protocol it is, where a
    member is asked for it.
    """

    by: str
    first_stage: str = UNSTATED
    depth: int | str = UNSTATED
    metric: str = UNSTATED
    sets: int | None = None
    weights: str = ""
    evidence: Evidence = UNSTATED
    note: str = ""
    suite: str = ""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One data set, or a suite of them.

    `metric` by its name in `evaluation.metrics`, "unstated" where nobody says. A suite has `members`, by name. A set
    with `subsets` is opened one at a time, as `NAME/SUBSET`. `hub`: the data set's id on the Hugging Face hub in mteb's
    layout, at `revision`; `ir_datasets`: its id there, with `{subset}` where that goes in; `url`: an archive in the
    BEIR layout. `folders`: what its folder may be called, beside its name. `split`: which judgements; `queries` and
    `documents`: how many, None where unstated. `identical_ids`: whether a document with the query's own id is no
    candidate. `licence`: an SPDX identifier, "LicenseRef-…", or "unstated". `access`: "open" where it can be fetched.
    """

    name: str
    title: str
    metric: str = UNSTATED
    members: tuple[str, ...] = ()
    subsets: tuple[str, ...] = ()
    hub: str = ""
    revision: str = ""
    ir_datasets: str = ""
    url: str = ""
    folders: tuple[str, ...] = ()
    split: str = "test"
    queries: int | None = None
    documents: int | None = None
    identical_ids: bool = False
    licence: str = UNSTATED
    access: str = "open"
    note: str = ""
    protocol: tuple[Protocol, ...] = ()

    @property
    def protocols(self) -> tuple[Protocol, ...]:
        """Its own protocols, or those of the suites that it is in."""
        if self.protocol:
            return self.protocol
        suites = (suite for suite in rows() if self.name in suite.members)
        return tuple(replace(each, suite=suite.name) for suite in suites for each in suite.protocol)

    @property
    def fetchable(self) -> bool:
        """Whether `fetch` knows how to get it."""
        return self.access == "open" and bool(self.hub or self.ir_datasets) and not self.members


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for: a row, and a subset of it where the name has one."""

    row: Benchmark
    subset: str = ""

    @property
    def name(self) -> str:
        return f"{self.row.name}/{self.subset}" if self.subset else self.row.name


@cache
def rows() -> tuple[Benchmark, ...]:
    """The whole table, in its order."""
    known = {field.name for field in fields(Benchmark)}
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["benchmark"]
    return tuple(_row(row, known) for row in table)


def find(name: str) -> Named:
    """The row of a name, or of `NAME/SUBSET`. Raises `InputError` with the nearest name that is listed."""
    for row in rows():
        if name == row.name:
            return Named(row)
        if name.startswith(f"{row.name}/") and row.subsets:
            subset = name.removeprefix(f"{row.name}/")
            if subset not in row.subsets:
                raise InputError(f"{row.name} has no subset {subset!r}: choose one of {', '.join(row.subsets)}.")
            return Named(row, subset)
    names = [row.name for row in rows()]
    near = difflib.get_close_matches(name, [*names, *(n.rpartition("/")[2] for n in names)], n=1)
    meant = next((full for full in names if near and full.rpartition("/")[2] == near[0]), near[0] if near else "")
    hint = f" Did you mean {meant!r}?" if meant else ""
    raise InputError(
        f"There is no benchmark {name!r}.{hint} `secondpass datasets` lists them; a path to data begins with . or /."
    )


def is_named(name: str) -> bool:
    """Whether a name stands in the table, with or without a subset."""
    return any(name == row.name or (row.subsets and name.startswith(f"{row.name}/")) for row in rows())


def _row(row: Mapping[str, Any], known: set[str]) -> Benchmark:
    unknown = row.keys() - known
    if unknown:
        raise InputError(f"{_TABLE.name}: {row['name']} has the unknown field {min(unknown)!r}.")
    listed = {name: tuple(row.get(name, ())) for name in ("members", "subsets", "folders")}
    protocol = tuple(Protocol(**each) for each in row.get("protocol", ()))
    return Benchmark(**{**row, **listed, "protocol": protocol})
