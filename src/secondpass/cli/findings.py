"""What comes of an evaluation: files in its folder, and tables on stdout.

Chooses what is written where; the tables, the page and the formats are the evaluation's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from secondpass.cli import output
from secondpass.errors import InputError

if TYPE_CHECKING:
    from secondpass.evaluation.following import Following
    from secondpass.evaluation.prices import PriceTable, TokenPrice
    from secondpass.evaluation.record import Evaluation, Record
    from secondpass.evaluation.runner import Task
    from secondpass.evaluation.tables import Table

Weights = Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Findings:
    """A table a measure over the collections, and what was found on each collection of instructions."""

    tables: tuple[Table, ...]
    instructed: tuple[Following, ...]


def read_weights(given: str | None, tasks: Sequence[Task]) -> Weights:
    """`NAME=2,...` as a weight for each collection, 1 for those that are not named; None for none or `equal`.

    Sets of instructions are in no mean. Raises `InputError` for a name that is not there and for no number.
    """
    if given in (None, "", "equal"):
        return None
    found = {task.protocol.collection: 1.0 for task in tasks if not task.collection.groups}
    for part in str(given).split(","):
        name, _, weight = part.strip().rpartition("=")
        if name not in found:
            raise InputError(f"--weights names {name or part!r}; the mean is over {', '.join(found) or 'nothing'}.")
        try:
            found[name] = float(weight)
        except ValueError as error:
            raise InputError(f"--weights gives {name} the weight {weight!r}, which is no number.") from error
    return found


def find(
    records: Sequence[Record],
    tasks: Sequence[Task],
    measures: Sequence[str],
    *,
    level: float,
    seed: int,
    weights: Weights,
    price: Callable[[str], TokenPrice | None],
) -> Findings:
    """Make the tables: those of plain collections together, each collection of instructions by itself."""
    from secondpass.evaluation.following import following
    from secondpass.evaluation.tables import table

    told = {task.protocol.collection: task.collection for task in tasks if task.collection.groups}
    plain = [record for record in records if record.protocol.collection not in told]
    tables = [table(plain, m, weights=weights, level=level, seed=seed, price=price) for m in measures if plain]
    of_each = {name: [record for record in records if record.protocol.collection == name] for name in told}
    instructed = [following(of_each[name], told[name], level=level, seed=seed, price=price) for name in told]
    return Findings(tuple(tables), tuple(instructed))


def write(folder: Path, done: Evaluation, found: Findings) -> None:
    """Write all but the page: JSON, Markdown, LaTeX, and run files."""
    from secondpass.evaluation.following import latex as instructed_latex
    from secondpass.evaluation.following import markdown as instructed_markdown
    from secondpass.evaluation.store import write_result, write_runs
    from secondpass.evaluation.tables import latex, markdown

    write_result(folder, done, [*(e.to_dict() for e in found.tables), *(e.to_dict() for e in found.instructed)])
    here = ", ".join(done.machine.values())
    head = (
        f"# Evaluation\n\n`{done.command}`, begun {done.started} on {here}, secondpass {done.versions['secondpass']}."
    )
    text = "\n\n".join([head, *map(markdown, found.tables), *map(instructed_markdown, found.instructed)])
    (folder / "tables.md").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    text = "\n\n".join([*map(latex, found.tables), *map(instructed_latex, found.instructed)])
    (folder / "tables.tex").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    for what, why in write_runs(folder, done.records).items():
        output.note(f"no run file of {what}: {why}")


def write_page(
    folder: Path, done: Evaluation, tasks: Sequence[Task], found: Findings, known: PriceTable, weights: Weights
) -> None:
    """The same as a page to look at; of an evaluation that is run again, the same page."""
    from secondpass.evaluation.report import known_prices, write_report

    write_report(
        done.records,
        {task.protocol.collection: task.collection for task in tasks},
        folder / "report.html",
        prices=known_prices(known, done.models),
        versions=done.versions,
        now=datetime.fromisoformat(done.started),
        following=found.instructed,
        weights=weights,
    )


def show(found: Findings, *, as_json: bool) -> None:
    """On stdout: JSON, or the tables one after the other, and last what it took."""
    from secondpass.evaluation.tables import cost, quality

    if as_json:
        listed = {name: [each.to_dict() for each in getattr(found, name)] for name in ("tables", "instructed")}
        output.write_json({name: part for name, part in listed.items() if part or name == "tables"})
        return
    for each in found.tables:
        output.write_table(*quality(each), title=each.measure)
    for one in found.instructed:
        output.write_table(*quality(one.lead), title=f"{one.collection}: {one.lead.measure}")
        output.write_table(*one.modes, title=f"{one.collection}: by mode")
        if one.kinds:
            output.write_table(*one.kinds, title=f"{one.collection}: by kind")
    taken = [*found.tables[:1], *(one.lead for one in found.instructed)]
    for each in taken:
        if cost(each)[1]:
            name = f" on {next(iter(each.protocols))}" if len(taken) > 1 and len(each.protocols) == 1 else ""
            output.write_table(*cost(each), title=f"cost{name}")
