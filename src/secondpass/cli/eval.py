"""`secondpass eval`: how well, how fast and how dear several models are on collections, all with the same candidates.

Chooses and opens what is asked for and shows what comes of it; measures nothing itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated

import typer

from secondpass import __version__
from secondpass.cli import options, output
from secondpass.errors import InputError, UnknownModel

if TYPE_CHECKING:
    from rich.progress import Progress

    from secondpass.evaluation.prices import PriceTable, TokenPrice
    from secondpass.evaluation.record import Evaluation, Record
    from secondpass.evaluation.runner import Runner, Spent, Step, Task

_EVERY = 10.0  # seconds between two lines of progress where there is no terminal


def evaluate(
    dataset: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Collections: paths, or names of `secondpass datasets`.")
    ],
    output_folder: Annotated[
        Path, typer.Option("--output", metavar="FOLDER", help="Where results go; the same FOLDER goes on after a stop.")
    ],
    models: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B,...",
            help='Models to compare; the first is what others are held against. "hybrid(bm25, embedded)" is one. '
            "[default: embedded]",
            show_default=False,
        ),
    ] = None,
    first_stage: Annotated[
        str | None,
        typer.Option(
            help="What finds the candidates: bm25, dense, dense:MODEL, run:FILE, candidates, candidates:FILE, oracle, "
            "random. [default: bm25; sets of instructions have their own]",
            show_default=False,
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option("--k", min=1, help="Candidates a query. [default: 100; all of a set's own]", show_default=False),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Queries of each collection (or groups), drawn at random. [default: all]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample and of the statistics.")] = 0,
    measure: Annotated[
        list[str] | None, typer.Option(help="A measure; may be repeated. [default: nDCG@10]", show_default=False)
    ] = None,
    level: Annotated[float, typer.Option(help="Of the intervals, between 0 and 1.")] = 0.8,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=2,...",
            help="Weights of collections in the mean; others count 1. [default: equal]",
            show_default=False,
        ),
    ] = None,
    rules: Annotated[
        bool, typer.Option("--rules/--no-rules", help="Whether models get what instructions say as rules, too.")
    ] = True,
    split: Annotated[str | None, typer.Option(help="Judgements to take instead of a collection's own.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where collections lie. [default: $SECONDPASS_DATA, or ~/.cache/secondpass/data]", show_default=False
        ),
    ] = None,
    prices: Annotated[Path | None, typer.Option(metavar="FILE", help="Prices that go before ours (.toml).")] = None,
    backend: options.Backend = "auto",
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure models on collections, with intervals, and write tables, runs and JSON to FOLDER.

    Every model ranks the same candidates. A second run with the same FOLDER goes on where the first one stopped.
    """
    from secondpass.evaluation.lock import held

    if not 0 < level < 1:
        raise InputError(f"--level is {level:g}: give a number between 0 and 1, such as 0.8.")
    names, measures = _names(models or ["embedded"]), _measures(measure)
    load = {"backend": backend, "precision": precision, "device": device, "recipe": recipe}
    with held(output_folder):
        _evaluate(
            Asked(tuple(dataset), data_dir, split, first_stage, k, sample, seed),
            names,
            measures,
            load,
            output_folder,
            prices=prices,
            level=level,
            weights=weights,
            rules=rules,
            as_json=as_json,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """Which queries and candidates the user asked for; None where it is left to the collection."""

    datasets: tuple[str, ...]
    data_dir: Path | None
    split: str | None
    first_stage: str | None
    depth: int | None
    sample: int | None
    seed: int


def _evaluate(
    asked: Asked,
    names: Sequence[str],
    measures: Sequence[str],
    load: Mapping[str, str | None],
    folder: Path,
    *,
    prices: Path | None,
    level: float,
    weights: str | None,
    rules: bool,
    as_json: bool,
) -> None:
    from secondpass.cli import findings
    from secondpass.evaluation.prices import load as load_prices
    from secondpass.evaluation.runner import Runner, Spent

    known, spent = load_prices(prices), Spent()
    tasks = _tasks(asked, folder, spent)
    weighed = findings.read_weights(weights, tasks)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Shown() as shown:
        runner = Runner(
            tasks,
            folder,
            measures,
            now=now,
            machine=machine_facts(),
            rules=rules,
            models=len(names),
            told=shown.tell,
            spent=spent,
        )
        records = _records(runner, names, load, spent)
    done = _evaluation(runner, records, names, asked.seed)
    found = findings.find(
        records,
        tasks,
        measures,
        level=level,
        seed=asked.seed,
        weights=weighed,
        price=lambda model: price_of(known, model),
    )
    findings.write(folder, done, found)
    findings.write_page(folder, done, tasks, found, known, weighed)
    findings.show(found, as_json=as_json)
    _told_time(spent)
    output.note(f"results, tables and runs are in {folder}; look at {folder / 'report.html'}")


def _names(given: Sequence[str]) -> list[str]:
    from secondpass.evaluation.record import CEILING, NO_RERANKING, RANDOM
    from secondpass.ranking.hybrid_name import split_names

    names = [name for each in given for name in split_names(each)]
    twice = sorted({name for name in names if names.count(name) > 1} | ({NO_RERANKING, RANDOM, CEILING} & {*names}))
    if twice:
        raise InputError(f"--models has {twice[0]!r} twice, or it is always there: name each model once.")
    return names


def _measures(given: Sequence[str] | None) -> list[str]:
    from secondpass.evaluation.metrics import Measure

    return list(dict.fromkeys(str(Measure.named(name)) for name in given or ["nDCG@10"]))


def _tasks(asked: Asked, folder: Path, spent: Spent) -> list[Task]:
    from secondpass.evaluation.datasets import open_collection
    from secondpass.evaluation.runner import FIRST_STAGES, prepare

    tasks: list[Task] = []
    for name in asked.datasets:
        with spent.on("data"):
            collection = open_collection(name, data_dir=asked.data_dir, split=asked.split)
        with spent.on("first stage"):
            made = prepare(
                collection,
                first_stage=asked.first_stage,
                depth=asked.depth,
                sample=asked.sample,
                seed=asked.seed,
                cache=folder / FIRST_STAGES,
            )
        tasks.append(made)
    return tasks


def _records(runner: Runner, names: Sequence[str], load: Mapping[str, str | None], spent: Spent) -> list[Record]:
    import secondpass

    records = runner.baselines()
    for name in names:
        with spent.on("loading"):
            reranker = secondpass.load(name, **load)  # type: ignore[arg-type]
        with reranker:
            records += runner.evaluate(name, reranker)
    return records


def machine_facts() -> dict[str, str]:
    """What tells this machine from others, for journals and results."""
    from secondpass.backends.machine import machine

    here = machine()
    return {
        "system": f"{here.system} {here.architecture}",
        "processor": here.processor,
        "cores": str(here.cores),
    }


def _evaluation(runner: Runner, records: Sequence[Record], names: Sequence[str], seed: int) -> Evaluation:
    from secondpass.backends.machine import versions
    from secondpass.evaluation.record import Evaluation

    return Evaluation(
        records=tuple(records),
        measures=runner.measures,
        models=tuple(names),
        seed=seed,
        command=_command(sys.argv[1:]),
        started=runner.started,
        machine=machine_facts(),
        versions={"secondpass": __version__, **versions()},
    )


def _command(arguments: Sequence[str]) -> str:
    import shlex

    return shlex.join(["secondpass", *arguments])


def price_of(known: PriceTable, model: str) -> TokenPrice | None:
    """None where neither the price nor the size of a model is known."""
    try:
        return known.of(model)
    except (InputError, UnknownModel):
        return None


def _told_time(spent: Spent) -> None:
    own, scoring = spent.own, spent.by.get("scoring", 0.0)
    parts = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in spent.by.items())
    share = f" ({100 * own / scoring:.1f} % of the scoring)" if scoring else ""
    output.note(f"{parts}; the evaluation itself {own:.1f} s{share}")


class Shown:
    """Progress on stderr: a bar in a terminal, a line now and then elsewhere, and one for each model and collection."""

    def __init__(self) -> None:
        self._due = time.monotonic() + _EVERY
        self._bar: Progress | None = None
        self._seconds = 0.0

    def tell(self, step: Step) -> None:
        """Show one query that is done."""
        is_last = step.done == step.total
        if sys.stderr is not None and sys.stderr.isatty():
            self._advance(step)
        elif not is_last and time.monotonic() >= self._due:
            output.note(_line(step))
        if is_last:
            self._say(_line(step))
        if is_last or time.monotonic() >= self._due:
            self._due = time.monotonic() + _EVERY

    def _say(self, line: str) -> None:
        if self._bar is None:
            output.note(line)
        else:
            self._bar.console.print(f"secondpass: {line}", markup=False, highlight=False)

    def _advance(self, step: Step) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            left_column = TextColumn("{task.fields[left]}")
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), left_column)
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task("", total=None, left="")
        name = f"{step.collection} · {step.model}".replace("[", r"\[")
        left = f"{duration(step.left_s)} left"
        self._bar.update(self._bar.task_ids[0], description=name, completed=step.done, total=step.total, left=left)

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _line(step: Step) -> str:
    return (
        f"{step.collection} · {step.model}: {step.done} of {step.total} queries, the last in "
        f"{1000 * step.seconds:.0f} ms; about {duration(step.left_s)} left"
    )


def duration(seconds: float) -> str:
    """Seconds for a person: "12 s", "3 min", "2 h 5 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
