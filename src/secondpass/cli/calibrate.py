"""`secondpass calibrate`: make probabilities of a model's logits, and show how far they can be trusted.

Opens what is asked for, has it scored and fitted, and shows what comes of it; computes nothing itself.
"""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from secondpass.cli import options, output
from secondpass.errors import InputError

if TYPE_CHECKING:
    from secondpass.evaluation.judged import Pairs
    from secondpass.evaluation.runner import Task
    from secondpass.models.scorer import Declared
    from secondpass.ranking.calibration import Calibration
    from secondpass.ranking.reranker import Reranker

# Written out here, and held equal to the library's own by a test: importing it would load numpy for `--help`.
Kind = Literal["temperature", "platt", "isotonic"]

_COLUMNS = ("collection", "queries", "relevant", "of pairs", "ECE", "after", "Brier", "after", "log loss", "after")
_AUC = ("AUC pooled", "AUC by query")
_PRECISIONS = (0.5, 0.8, 0.9, 0.95)


def calibrate(
    dataset: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Collections: paths, or names of `secondpass datasets`.")
    ],
    file: Annotated[Path, typer.Option("--output", metavar="FILE", help="The calibration to write (.json).")],
    model: Annotated[str, typer.Option(help="The model; it has to score pairs, not whole lists.")] = "embedded",
    kind: Annotated[
        Kind, typer.Option(help="platt scales and shifts logits, temperature only scales, isotonic needs much data.")
    ] = "platt",
    first_stage: Annotated[str, typer.Option(help="What finds the candidates: see `secondpass datasets`.")] = "bm25",
    k: Annotated[int, typer.Option("--k", min=1, help="Candidates a query, as many as there will be in use.")] = 50,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Queries of each collection, drawn at random. [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample, and of what half is fitted on.")] = 0,
    done: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="What `secondpass eval` wrote with the same protocol: what it scored is not scored again.",
            show_default=False,
        ),
    ] = None,
    base_rate: Annotated[
        float | None,
        typer.Option(help="The share of relevant candidates in use, if it is another one.", show_default=False),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Judgements to take instead of a collection's own.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where collections lie. [default: $SECONDPASS_DATA, or ~/.cache/secondpass/data]", show_default=False
        ),
    ] = None,
    backend: options.Backend = "auto",
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    recipe: options.Recipe = None,
    as_json: options.AsJson = False,
) -> None:
    """Fit probabilities to a model's logits on one half of the queries, and check them on the other.

    Writes FILE for `--calibration` and `load(calibration=)`, and a plot of what was said against what was, FILE.svg.
    """
    import secondpass
    from secondpass.ranking.calibration import fit, held_out

    if done is not None and not done.is_dir():
        raise InputError(f"--from {done} is no folder: give the --output of `secondpass eval`, or leave it out.")
    with secondpass.load(model, backend=backend, precision=precision, device=device, recipe=recipe) as reranker:
        _require_pairs(reranker)
        with tempfile.TemporaryDirectory() if done is None else nullcontext(done) as folder:
            tasks = _tasks(dataset, Path(folder), data_dir, split, (first_stage, k, sample, seed))
            pairs = _scored(tasks, model, reranker, Path(folder))
        declared = reranker.declared
    today = datetime.now(UTC).date().isoformat()
    names = [task.protocol.collection for task in tasks]
    made = fit(
        pairs.logits,
        pairs.labels,
        pairs.queries,
        kind=kind,
        model=declared.name,
        versions=[declared.version],
        data=names,
        date=today,
        seed=seed,
    )
    checked = pairs.where(held_out(pairs.queries, seed=seed))
    wanted = made if base_rate is None else made.at(base_rate=base_rate)
    wanted.save(file)
    _plot(file.with_suffix(".svg"), made, checked, declared)
    _show(wanted, _rows(made, checked, declared), as_json=as_json)
    output.note(f"{file} holds for {declared.version!r}; look at {file.with_suffix('.svg')}")


def _require_pairs(reranker: Reranker) -> None:
    from secondpass.models.scorer import PairScorer
    from secondpass.ranking.calibration.calibration import list_scorer

    if not isinstance(reranker._scorer, PairScorer):
        raise list_scorer(reranker.name)


def _tasks(
    datasets: list[str],
    folder: Path,
    data_dir: Path | None,
    split: str | None,
    protocol: tuple[str, int, int | None, int],
) -> list[Task]:
    from secondpass.evaluation.datasets import open_collection
    from secondpass.evaluation.runner import FIRST_STAGES, prepare

    first_stage, depth, sample, seed = protocol
    collections = [open_collection(name, data_dir=data_dir, split=split) for name in datasets]
    cache = folder / FIRST_STAGES
    return [
        prepare(each, first_stage=first_stage, depth=depth, sample=sample, seed=seed, cache=cache)
        for each in collections
    ]


def _scored(tasks: list[Task], model: str, reranker: Reranker, folder: Path) -> Pairs:
    """Every candidate with the model's own logit, which no rule of an instruction has moved."""
    from secondpass.cli.eval import Shown, machine_facts
    from secondpass.evaluation.judged import Pairs
    from secondpass.evaluation.runner import Runner

    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Shown() as shown:
        told = {"now": now, "machine": machine_facts(), "rules": False, "told": shown.tell}
        records = Runner(tasks, folder, ["nDCG@10"], **told).evaluate(model, reranker)  # type: ignore[arg-type]
    return Pairs.of(records, {task.protocol.collection: task.collection.qrels for task in tasks})


def _rows(made: Calibration, checked: Pairs, declared: Declared) -> list[dict[str, Any]]:
    """Errors of the model's own score and of the probability, by collection and of all."""
    from secondpass.evaluation.calibration_error import calibration_error
    from secondpass.models.scorer import bounded

    found = []
    for name, pairs in {**checked.by_collection(), "all": checked}.items():
        before = calibration_error(bounded(pairs.logits, declared.activation, declared.scale), pairs.labels)
        after = calibration_error(made.probability(pairs.logits), pairs.labels)
        both = bool(pairs.labels.any() and not pairs.labels.all())
        found.append(
            {
                "collection": name,
                "queries": len(set(pairs.queries)),
                "relevant": after.positives,
                "pairs": after.count,
                "ece": (before.ece, after.ece),
                "brier": (before.brier, after.brier),
                "log_loss": (before.log_loss, after.log_loss),
                "auc": (pairs.pooled_auc, pairs.query_auc) if both else None,
            }
        )
    return found if len(found) > 2 else found[-1:]


def _plot(path: Path, made: Calibration, checked: Pairs, declared: Declared) -> None:
    from secondpass.evaluation.report.reliability import points, reliability_plot
    from secondpass.models.scorer import bounded

    before = bounded(checked.logits, declared.activation, declared.scale)
    series = [
        (f"score of {declared.name}, as it comes", points(before, checked.labels)),
        (
            f"probability ({made.kind}), queries that were not fitted on",
            points(made.probability(checked.logits), checked.labels),
        ),
    ]
    path.write_text(reliability_plot(f"Reliability of {declared.name}", series), encoding="utf-8", newline="\n")


def _thresholds(made: Calibration) -> list[dict[str, float | None]]:
    """Probabilities for wanted precisions, None for those that are not reached."""
    found: list[dict[str, float | None]] = []
    for precision in _PRECISIONS:
        try:
            threshold = made.threshold(precision=precision)
        except InputError:
            found.append({"precision": precision, "probability": None})
        else:
            found.append({"precision": precision, "probability": threshold})
    return found


def _show(made: Calibration, rows: list[dict[str, Any]], *, as_json: bool) -> None:
    thresholds = _thresholds(made)
    if as_json:
        facts = {"kind": made.kind, "model": made.model, "versions": made.versions, "base_rate": made.base_rate}
        output.write_json({**facts, "checked": rows, "thresholds": thresholds})
        return
    lines = []
    for row in rows:
        errors = [f"{value:.4f}" for name in ("ece", "brier", "log_loss") for value in row[name]]
        areas = [f"{value:.4f}" for value in row["auc"]] if row["auc"] else [None, None]
        lines.append([row["collection"], row["queries"], row["relevant"], row["pairs"], *errors, *areas])
    output.write_table([*_COLUMNS, *_AUC], lines, title="on the half that was not fitted on")
    told = [[each["precision"], _told(each["probability"])] for each in thresholds]
    output.write_table(("precision", "from probability"), told, title="thresholds")


def _told(probability: float | None) -> str:
    return "not reached" if probability is None else f"{probability:.3f}"
