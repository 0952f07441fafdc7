"""Tables of an evaluation: quality with intervals and paired differences, and what it took; as Markdown and LaTeX.

One table holds one protocol: numbers of two do not compare. Knows records; neither models nor files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from secondpass.errors import InputError
from secondpass.evaluation.bootstrap import LEVEL, REPLICATES, SEED, Difference, Interval, bootstrap
from secondpass.evaluation.metrics import Measure
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING, RANDOM, Protocol, Record
from secondpass.evaluation.result import Result
from secondpass.evaluation.significance import ROUNDS, Comparison, compare
from secondpass.evaluation.speed import Speed, speed

SIGNIFICANT = 0.05
_BOUNDS = (RANDOM, CEILING)
"""What no model is held against: chance, and the best that there can be."""

_FIXED = (NO_RERANKING, *_BOUNDS)
"""The rows that are no models, in the order that they stand in."""

_LATEX = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


@dataclass(frozen=True, slots=True)
class Row:
    """One model. `means` by collection; `mean` their weighted mean; `to_first`: how far it is above the first model, on
    the same draws, and `comparison` with it (the first model on its left), None for the first itself and the bounds.
    `tie_rate`: share of queries whose value hangs on the order of equal logits; `truncated`: share of documents that
    were not read whole; None for what is no model, as `speed` and `price` are where nothing is known.
    """

    model: str
    means: Mapping[str, float]
    mean: Interval
    to_first: Difference | None = None
    comparison: Comparison | None = None
    tie_rate: float | None = None
    truncated: float | None = None
    speed: Speed | None = None
    price: TokenPrice | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One measure of all models. `protocols` by collection; `weights` of the mean; `recall`: of the candidates."""

    measure: str
    first: str
    protocols: Mapping[str, Protocol]
    weights: Mapping[str, float]
    recall: Mapping[str, float]
    rows: tuple[Row, ...]
    level: float
    replicates: int
    rounds: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return asdict(self)


def table(
    records: Sequence[Record],
    measure: str,
    *,
    weights: Mapping[str, float] | None = None,
    level: float = LEVEL,
    seed: int = SEED,
    price: Callable[[str], TokenPrice | None] = lambda model: None,
) -> Table:
    """The table of one measure: first the rows that are no models, then the models in order of appearance.

    Without `weights` every collection counts the same. p-values are corrected over all pairs of models, the first
    stage's order being one of them. Raises `InputError` where records are of different protocols or queries.
    """
    protocols = one_protocol(records)
    name = measure if measure in records[0].values else str(Measure.named(measure))
    values: dict[str, dict[str, Mapping[str, float]]] = {}
    for record in sorted(records, key=lambda r: r.model in _FIXED):
        if name not in record.values:
            raise InputError(f"{record.model!r} was not measured by {name}: there is {', '.join(record.values)}.")
        of_model, collection = values.setdefault(record.model, {}), record.protocol.collection
        if collection in of_model:
            raise InputError(f"{record.model!r} has two records on {collection!r}: keep one of them.")
        of_model[collection] = record.values[name]
    first = next(iter(values))
    drawn = bootstrap(values, weights, level=level, seed=seed)
    against = {model: found for model, found in values.items() if model not in _BOUNDS}
    compared = compare(against, weights, seed=seed) if len(against) > 1 else ()
    comparisons = {pair.second: pair for pair in compared if pair.first == first}
    fixed = [model for model in _FIXED if model in values]
    rows = [
        Row(
            model=model,
            means={each.collection: each.mean for each in _results(records, model, name)},
            mean=drawn.interval(model),
            to_first=None if model in (first, *_BOUNDS) else drawn.difference(model, first),
            comparison=comparisons.get(model),
            price=None if model in fixed else price(model),
            **_taken([record for record in records if record.model == model]),
        )
        for model in [*fixed, *(model for model in values if model not in fixed)]
    ]
    recall = {
        record.protocol.collection: Result("", "", "", record.values[found]).mean
        for record in records
        if record.model == CEILING and (found := f"R@{record.protocol.depth}") in record.values
    }
    return Table(name, first, protocols, drawn.weights, recall, tuple(rows), level, REPLICATES, ROUNDS, seed)


def one_protocol(records: Sequence[Record]) -> dict[str, Protocol]:
    """The protocols by collection. Raises `InputError` naming two that do not belong into one table."""
    if not records:
        raise InputError("There is no record to make a table of: evaluate a model first.")
    found: dict[str, Protocol] = {}
    for record in records:
        here = record.protocol
        before = found.setdefault(here.collection, here)
        other = next(iter(found.values()))
        if here != before or (here.first_stage, here.depth) != (other.first_stage, other.depth):
            apart = before if here != before else other
            raise InputError(
                f"Two protocols do not belong into one table: {told(apart)}, and {told(here)} ({record.model!r}). "
                "Make a table of each, or evaluate all models under one."
            )
    return found


def told(protocol: Protocol) -> str:
    """A protocol in words."""
    drawn = "" if protocol.seed is None else f" drawn with seed {protocol.seed}"
    return (
        f"{protocol.collection}, {protocol.queries} queries{drawn}, first {protocol.depth} of {protocol.first_stage}, "
        f"content {protocol.digest[:8]}"
    )


def quality(made: Table) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of text: the measure by collection, its mean and interval, and how the first compares."""
    several = len(made.protocols) > 1
    percent = f"{made.level * 100:g} %"
    head = ["model", *(made.protocols if several else ()), made.measure, percent, f"to {made.first}", percent, "p"]
    return [*head, "won / even / lost"], [_quality_row(made, row, several=several) for row in made.rows]


COST = ("model", "ties", "truncated", "p50 ms", "p95 ms", "docs/s", "docs in 50 ms", "peak MiB", "$ per M tokens")


def cost(made: Table) -> tuple[list[str], list[list[str]]]:
    """Column names and rows of text: ties, truncation, speed, memory and price of each model."""
    return list(COST), [_cost_row(row) for row in made.rows if row.speed is not None]


def markdown(made: Table) -> str:
    """Both tables, and the protocol under them."""
    parts = [f"## {made.measure}", grid_markdown(*quality(made)), _notes(made)]
    return "\n\n".join([*parts, grid_markdown(*cost(made)), "\n".join(f"- {told(p)}" for p in made.protocols.values())])


def latex(made: Table) -> str:
    """Both tables as `tabular`, for booktabs."""
    return f"% {made.measure}\n" + "\n\n".join(grid_latex(*each) for each in (quality(made), cost(made)))


def _quality_row(made: Table, row: Row, *, several: bool) -> list[str]:
    means = [f"{row.means[name]:.4f}" for name in made.protocols] if several else []
    cells = [label(made, row.model), *means, f"{row.mean.estimate:.4f}", _span(row.mean)]
    if row.to_first is None or row.comparison is None:
        return [*cells, "", "", "", ""]
    pair, apart = row.comparison, row.to_first.interval
    mark = " *" if pair.corrected <= SIGNIFICANT else ""
    span = f"{apart.low:+.4f} to {apart.high:+.4f}"
    # The comparison has the first model on its left, the row is the other one.
    return [
        *cells,
        f"{apart.estimate:+.4f}",
        span,
        f"{pair.corrected:.4f}{mark}",
        f"{pair.losses} / {pair.ties} / {pair.wins}",
    ]


def label(made: Table, model: str) -> str:
    """The model's name; the ceiling with the recall of the candidates, its mean by the table's weights."""
    if model != CEILING or not made.recall:
        return model
    depth = next(iter(made.protocols.values())).depth
    recall = sum(made.weights[name] * value for name, value in made.recall.items())
    return f"{CEILING} (recall@{depth} {recall:.4f})"


def _cost_row(row: Row) -> list[str]:
    assert row.speed is not None  # for the type checker: rows without are left out
    took = row.speed
    price = "" if row.price is None else f"{'~' if row.price.extrapolated else ''}{row.price.usd:.3f}"
    return [
        row.model,
        _percent(row.tie_rate),
        _percent(row.truncated),
        f"{took.p50_ms:.1f}",
        f"{took.p95_ms:.1f}",
        f"{took.documents_per_second:.0f}",
        str(took.documents_per_50_ms),
        "" if took.peak_mib is None else f"{took.peak_mib:.0f}",
        price,
    ]


def _taken(records: Sequence[Record]) -> dict[str, Any]:
    queries = sum(record.protocol.queries for record in records)
    rates: dict[str, Any] = {"tie_rate": sum(len(record.tied) for record in records) / queries}
    timings = [timing for record in records for timing in record.timings.values()]
    if records[0].model in _BOUNDS:
        return {}
    if not timings:
        return rates
    cut = sum(len(documents) for record in records for documents in record.truncated.values())
    peak = max((record.peak_mib for record in records if record.peak_mib), default=None)
    return {
        **rates,
        "truncated": cut / sum(timing.documents for timing in timings),
        "speed": speed(timings, peak_mib=peak),
    }


def _results(records: Sequence[Record], model: str, measure: str) -> list[Result]:
    return [Result(r.protocol.collection, model, measure, r.values[measure]) for r in records if r.model == model]


def _notes(made: Table) -> str:
    even = len(set(made.weights.values())) == 1
    weighed = "" if even else f" Weights: {', '.join(f'{name} {share:.3g}' for name, share in made.weights.items())}."
    return (
        f"Intervals: the middle {made.level * 100:g} % of {made.replicates} stratified bootstrap replicates, seed "
        f"{made.seed}. Differences, and won, even and lost queries, are to {made.first}; p by {made.rounds} rounds "
        f"of a paired randomisation test, corrected by Holm's method over all pairs (* up to {SIGNIFICANT}).{weighed}"
    )


def _span(interval: Interval) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def grid_markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns and rows of text as a table of Markdown."""
    rules = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in row)} |" for row in (head, rules, *rows))


def grid_latex(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns and rows of text as a `tabular`."""
    head_line, *lines = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in (head, *rows)]
    rules = [rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}", r"\toprule", head_line, r"\midrule"]
    return "\n".join([*rules, *lines, r"\bottomrule", r"\end{tabular}"])
