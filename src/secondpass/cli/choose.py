"""`secondpass choose`: which model to take, measured on one's own queries. Shows what was found; decides nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secondpass.cli import options, output
from secondpass.cli.eval import Shown, machine_facts, price_of
from secondpass.errors import InputError, ModelError

if TYPE_CHECKING:
    from secondpass.evaluation.choose import Choice
    from secondpass.evaluation.record import Record
    from secondpass.evaluation.runner import Runner, Task
    from secondpass.evaluation.shortlist import LeftOut, Shortlist, Wish
    from secondpass.evaluation.tables import Row

_FEW = 5  # queries that a latency limit can be held against at least


def choose(
    data: Annotated[str, typer.Option(help="Your queries and what is relevant to them: a folder, a zip, or a table.")],
    latency_ms: Annotated[
        float | None, typer.Option(help="The most a query may take, at the 95th percentile.", show_default=False)
    ] = None,
    languages: Annotated[
        str, typer.Option(metavar="A,B,...", help="ISO 639-1 codes that a model must read, such as de,en.")
    ] = "",
    licence: Annotated[str, typer.Option(help="any, commercial, or an SPDX identifier.")] = "any",
    models: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B,...", help="Models to measure as well: folders, hub ids.", show_default=False),
    ] = None,
    billions: Annotated[float, typer.Option(help="The largest model, in 1e9 parameters.")] = 1.0,
    download: Annotated[bool, typer.Option("--download", help="Fetch the models that fit and are not here.")] = False,
    first_stage: Annotated[str, typer.Option(help="What finds the candidates: see `secondpass datasets`.")] = "bm25",
    k: Annotated[int, typer.Option("--k", min=1, help="Candidates a query.")] = 100,
    sample: Annotated[int, typer.Option(min=1, help="The most queries, drawn at random.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the sample and of the statistics.")] = 0,
    measure: Annotated[str, typer.Option(help="What counts.")] = "nDCG@10",
    level: Annotated[float, typer.Option(help="Of the intervals, between 0 and 1.")] = 0.8,
    output_folder: Annotated[
        Path | None,
        typer.Option(
            "--output",
            metavar="FOLDER",
            help="Keep what is measured; the same FOLDER goes on after a stop.",
            show_default=False,
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure the models that fit on your own queries, and recommend one with the evidence.

    Recommended is the cheapest of those that cannot be told from the best. A handful of labelled pairs is enough to
    begin: a table with the columns query, document and label.
    """
    from secondpass.cli.models import memory
    from secondpass.evaluation.choose import choose as chosen_of
    from secondpass.evaluation.metrics import Measure
    from secondpass.evaluation.prices import load as load_prices
    from secondpass.evaluation.shortlist import Wish, shortlist

    if latency_ms is not None and not latency_ms > 0:
        raise InputError(f"--latency-ms is {latency_ms:g}: give what a query may take, above 0.")
    if not 0 < level < 1:
        raise InputError(f"--level is {level:g}: give a number between 0 and 1, such as 0.8.")
    measure = str(Measure.named(measure))
    codes = tuple(code.strip() for code in languages.split(",") if code.strip())
    wish = Wish(codes, licence, billions, memory(), download)
    listed = shortlist(wish, _names(models or ()))
    task = _task(data, first_stage, k, sample, seed)
    records, left_out = _measured(listed, task, measure, latency_ms, output_folder)
    known = load_prices()
    choice = chosen_of(
        records, measure, limit_ms=latency_ms, level=level, seed=seed, price=lambda model: price_of(known, model)
    )
    left = (*listed.left_out, *left_out)
    if as_json:
        output.write_json({**choice.to_dict(), "wish": asdict(wish), "left_out": [asdict(each) for each in left]})
    else:
        _show(choice, left, wish)
    for line in told(choice, task):
        output.note(line)


def _names(given: Sequence[str]) -> list[str]:
    from secondpass.ranking.hybrid_name import split_names

    return [name for each in given for name in split_names(each)]


def _task(data: str, first_stage: str, depth: int, sample: int, seed: int) -> Task:
    from secondpass.evaluation.datasets import open_collection
    from secondpass.evaluation.runner import prepare

    return prepare(open_collection(data), first_stage=first_stage, depth=depth, sample=sample, seed=seed)


def _measured(
    listed: Shortlist, task: Task, measure: str, limit_ms: float | None, folder: Path | None
) -> tuple[list[Record], list[LeftOut]]:
    """The records of all that could be measured, and what could not."""
    from secondpass.evaluation.lock import held
    from secondpass.evaluation.runner import Runner
    from secondpass.evaluation.shortlist import LeftOut

    left: list[LeftOut] = []
    with ExitStack() as stack:
        kept = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="secondpass-")))
        stack.enter_context(held(kept))
        shown = stack.enter_context(Shown())
        now = datetime.now(UTC).isoformat(timespec="seconds")
        count = len(listed.models)
        runner = Runner([task], kept, [measure], now=now, machine=machine_facts(), models=count, told=shown.tell)
        records = runner.baselines()
        for name in listed.models:
            try:
                found, why = _record(name, runner, task, limit_ms)
            except ModelError as error:
                if name in listed.named:
                    raise
                found, why = [], f"it cannot be used: {error}"
            records += found
            if why:
                left.append(LeftOut(name, why))
                output.note(f"{name} is not measured: {why}")
    return records, left


def _record(name: str, runner: Runner, task: Task, limit_ms: float | None) -> tuple[list[Record], str]:
    """A model's record, or why there is none."""
    import secondpass
    from secondpass.evaluation.probe import HOPELESS, QUERIES, probe
    from secondpass.evaluation.shortlist import remember_mb
    from secondpass.hosted.registry import is_hosted

    with secondpass.load(name, remember_mb=remember_mb(name)) as reranker:
        took = 0.0 if limit_ms is None or is_hosted(name) else probe(reranker, task)  # a hosted query costs money
        if limit_ms is not None and took > HOPELESS * limit_ms:
            return [], f"too slow: {took:.0f} ms in the middle of {QUERIES} queries"
        return runner.evaluate(name, reranker), ""


def told(choice: Choice, task: Task) -> list[str]:
    """What was found, in sentences; the recommendation comes last, where a terminal's reader looks."""
    from secondpass.evaluation.record import NO_RERANKING

    lines = []
    found = median(len(listed) for listed in task.candidates.values())
    if found < task.protocol.depth:
        lines.append(f"times are of {found:g} candidates a query: there are no {task.protocol.depth} to find")
    if choice.limit_ms is not None and choice.queries < _FEW:
        lines.append(f"{choice.queries} queries say little of how long the slowest of many will take")
    if choice.too_slow:
        times = ", ".join(f"{model} {p95:.0f}" for model, p95 in choice.too_slow.items())
        lines.append(f"too slow, by the 95th percentile in ms: {times}")
    if choice.recommended is None:
        return [*lines, "no model is fast enough: allow more time with --latency-ms, or fewer candidates with --k"]
    lines += _doubts(choice)
    if choice.recommended == NO_RERANKING:
        return [*lines, "do not rerank: no model that is fast enough is above the first stage's order"]
    return [*lines, *_unproved(choice), _taken(choice)]


def _taken(choice: Choice) -> str:
    row = next(row for row in choice.table.rows if row.model == choice.recommended)
    took = "" if row.speed is None else f", {row.speed.p50_ms:.1f} ms a query (95 % up to {row.speed.p95_ms:.1f})"
    return f"take {row.model}: {choice.measure} {row.mean.estimate:.4f} on {choice.queries} queries{took}"


def _doubts(choice: Choice) -> list[str]:
    """How sure it is which model is the best."""
    others = [model for model in choice.even if model != choice.best]
    if not others:
        sure = f"{choice.best} is better than all others that are fast enough, for more than chance"
        return [sure] if choice.worse else []
    nearest = choice.recommended if choice.recommended in others else others[0]
    difference = choice.versus[str(nearest)].difference
    return [
        f"{choice.queries} queries are too few to tell {', '.join(others)} from {choice.best}, the best: it is "
        f"{difference:.4f} above {nearest}, and {_detectable(choice, str(nearest))}; of those, the cheapest is taken"
    ]


def _unproved(choice: Choice) -> list[str]:
    return [] if choice.helps else [f"these queries do not show that {choice.recommended} is better than no reranking"]


def _detectable(choice: Choice, model: str) -> str:
    from secondpass.evaluation.choose import queries_needed

    pair = choice.versus[model]
    wanted = queries_needed(pair, choice.queries)
    more = "" if wanted is None or wanted <= choice.queries else f" (about {wanted} queries would show this one)"
    return f"a difference below {pair.detectable:.4f} is often missed{more}"


def _show(choice: Choice, left: Sequence[LeftOut], wish: Wish) -> None:
    percent = f"{100 * choice.table.level:g} %"
    head = ["model", "verdict", choice.measure, percent, f"to {choice.table.first}", percent, "p50 ms", "p95 ms"]
    output.write_table([*head, "$ per M tokens"], [_cells(choice, row) for row in choice.table.rows])
    typer.echo()
    output.write_table(["not measured", "models"], [[why, names] for why, names in _grouped(left).items()])
    sizes = _download(left)
    if sizes and not wish.download:
        output.note(sizes)


def _cells(choice: Choice, row: Row) -> list[Any]:
    apart = ["", ""]
    if row.to_first is not None:
        found = row.to_first.interval
        apart = [f"{found.estimate:+.4f}", f"{found.low:+.4f} to {found.high:+.4f}"]
    times = ["", ""] if row.speed is None else [f"{row.speed.p50_ms:.1f}", f"{row.speed.p95_ms:.1f}"]
    price = "" if row.price is None else f"{'~' if row.price.extrapolated else ''}{row.price.usd:.3f}"
    span = f"{row.mean.low:.4f} to {row.mean.high:.4f}"
    return [row.model, _verdict(choice, row.model), f"{row.mean.estimate:.4f}", span, *apart, *times, price]


def _verdict(choice: Choice, model: str) -> str:
    if model == choice.recommended:
        return "recommended"
    if model in choice.too_slow:
        return "too slow"
    if model in choice.even:
        return "best" if model == choice.best else "as good as the best, as far as can be told"
    if model in choice.worse:
        return "worse than the best"
    return ""


def _grouped(left: Sequence[LeftOut]) -> dict[str, str]:
    """Reason → the models that are left out for it."""
    found: dict[str, list[str]] = {}
    for each in left:
        found.setdefault(each.why, []).append(each.model)
    return {why: ", ".join(names) for why, names in found.items()}


def _download(left: Sequence[LeftOut]) -> str:
    """How much --download would fetch."""
    from secondpass.evaluation.shortlist import ABSENT, download_bytes

    sizes = [download_bytes(each.model) or 0 for each in left if each.why == ABSENT]
    if not sizes:
        return ""
    return (
        f"{len(sizes)} models that fit would have to be downloaded, about {sum(sizes) / 2**30:.0f} GiB: --download "
        "measures them too, --billions keeps the large ones out, and --models names single ones"
    )
