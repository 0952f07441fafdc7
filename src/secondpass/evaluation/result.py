"""What a measurement found, and how it is written down. Knows names and numbers only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secondpass.errors import InputError
from secondpass.evaluation import metrics


@dataclass(frozen=True, slots=True)
class Result:
    """One method on one collection: `values` has the measure of every query by id."""

    collection: str
    method: str
    measure: str
    values: Mapping[str, float]

    @property
    def mean(self) -> float:
        """The mean over the queries."""
        return metrics.mean(self.values)


def mean_over_sets(results: Sequence[Result], method: str) -> float:
    """The mean of a method's means, every collection counting the same. Raises `InputError` where it has no result."""
    found = {result.collection: result.mean for result in results if result.method == method}
    if not found:
        raise InputError(f"There is no result of method {method!r}: measure it first.")
    return sum(found.values()) / len(found)


def markdown_table(results: Sequence[Result]) -> str:
    """Collections as rows, methods as columns, both in order of first appearance, and the mean over collections last.

    The mean of a method that lacks a collection is left open: it could not be compared.
    """
    collections = list(dict.fromkeys(result.collection for result in results))
    methods = list(dict.fromkeys(result.method for result in results))
    cells = {(result.collection, result.method): result for result in results}
    queries = {result.collection: len(result.values) for result in results}
    lines = [_row(["set", "queries", *methods]), _row(["---", *["---:"] * (len(methods) + 1)])]
    for name in collections:
        found = [cells.get((name, method)) for method in methods]
        lines.append(_row([name, str(queries[name]), *(_number(r.mean if r else None) for r in found)]))
    complete = {m for m in methods if all((name, m) in cells for name in collections)}
    means = [_number(mean_over_sets(results, m) if m in complete else None) for m in methods]
    return "\n".join([*lines, _row(["**mean**", str(sum(queries.values())), *means])])


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
