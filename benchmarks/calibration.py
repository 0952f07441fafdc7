"""Can the embedded model's probabilities be trusted on data that it never saw? How much does a fit of one's own gain?

    python -m benchmarks.calibration --data ../shared/data/dev --from build/eval/dev --json calibration.json

Logits of BM25's best 50 of the development samples, from what `secondpass eval --sample 200 --k 50` stored where that
is there. Half of the queries of every collection are fitted on, all numbers are of the other half. Methods:

- score: the model's own, as it comes;
- shipped: the calibration in the package, fitted on training collections;
- shipped, base rate: the same, told the share of relevant candidates of the collection's first half;
- temperature, platt, isotonic: fitted on the first halves of all collections together;
- platt, own: fitted on the first half of the very collection.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import secondpass
from benchmarks.quality import SETS
from secondpass.cli.eval import machine_facts
from secondpass.errors import InputError
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.calibration_error import calibration_error
from secondpass.evaluation.judged import Pairs, auc, merged
from secondpass.evaluation.places import Floats
from secondpass.evaluation.report.reliability import points, reliability_plot
from secondpass.evaluation.runner import FIRST_STAGES, Runner, prepare
from secondpass.evaluation.store import JOURNALS
from secondpass.models.scorer import activate
from secondpass.ranking.calibration import Calibration, fit, held_out
from secondpass.ranking.calibration.calibration import Kind
from secondpass.ranking.reranker import Reranker

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "src" / "secondpass" / "models" / "embedded" / "calibration.json"
PLOT = ROOT / "docs" / "calibration.svg"
FOLDER = ROOT / "build" / "eval" / "calibration"
FURTHER = ("covidqa_long", "drcd_test", "jaquad_dev", "norquad_valtest", "persianqa_test")
SCORE, SHIPPED_NAME, SHIFTED, OWN = "score", "shipped", "shipped, base rate", "platt, own"
KINDS: tuple[Kind, ...] = ("temperature", "platt", "isotonic")
PRECISIONS = (0.5, 0.7, 0.8, 0.9)

Probability = Callable[[Floats], Floats]
Part = tuple[Pairs, Mapping[str, Probability | None]]
"""A collection's pairs to check with, and what gives probabilities of them by name."""


@dataclass(frozen=True, slots=True)
class Halves:
    """One collection's pairs: those to fit on, and those to check with."""

    fitted: Pairs
    checked: Pairs

    @classmethod
    def of(cls, pairs: Pairs) -> Halves:
        out = held_out(pairs.queries)
        return cls(pairs.where(~out), pairs.where(out))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, write the plot."""
    options = _options(arguments)
    with secondpass.load() as reranker:
        halves = {name: Halves.of(_pairs(name, options, reranker)) for name in options.sets}
        version = reranker.declared.version
    shipped = Calibration.read(options.calibration)
    every = merged([half.fitted for half in halves.values()])
    fits: dict[str, Calibration] = {kind: _fit(every, kind, version) for kind in KINDS}
    rows = [_row(name, half.checked, _methods(half, shipped, fits, version)) for name, half in halves.items()]
    checked = merged([half.checked for half in halves.values()])
    parts = [(half.checked, _methods(half, shipped, fits, version)) for half in halves.values()]
    rows.append(_all(checked, parts))
    thresholds = [_at(precision, shipped, fits["platt"], checked) for precision in PRECISIONS]
    _print(rows, thresholds)
    _plot(options.plot, checked, parts)
    if options.json:
        record = {"conditions": _conditions(), "version": version, "rows": rows, "thresholds": thresholds}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of collections in the BEIR layout")
    parser.add_argument("--from", dest="done", type=Path, help="what secondpass eval stored; it is copied")
    parser.add_argument("--sets", nargs="+", default=(*SETS, *FURTHER), metavar="SET")
    parser.add_argument("--calibration", type=Path, default=SHIPPED)
    parser.add_argument("--plot", type=Path, default=PLOT)
    parser.add_argument("--json", type=Path, help="write everything here too")
    options = parser.parse_args(arguments)
    if options.done:
        for folder in (JOURNALS, FIRST_STAGES):
            shutil.copytree(options.done / folder, FOLDER / folder, dirs_exist_ok=True)
    return options


def _pairs(name: str, options: argparse.Namespace, reranker: Reranker) -> Pairs:
    collection = load_beir(options.data / name)
    task = prepare(collection, first_stage="bm25", depth=50, sample=200, cache=FOLDER / FIRST_STAGES)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    runner = Runner([task], FOLDER, ["nDCG@10"], now=now, machine=machine_facts(), rules=False)
    sys.stderr.write(f"{name}\n")
    return Pairs.of(runner.evaluate("embedded", reranker), {name: task.collection.qrels})


def _fit(pairs: Pairs, kind: Kind, version: str) -> Calibration:
    """On all of these pairs; `fit` leaves half of what it gets out, and thresholds need only be roughly right here."""
    return fit(
        pairs.logits,
        pairs.labels,
        pairs.queries,
        kind=kind,
        model="embedded",
        versions=[version],
        data=[],
        date="",
    )


def _methods(
    half: Halves, shipped: Calibration, fits: Mapping[str, Calibration], version: str
) -> dict[str, Probability | None]:
    """What gives probabilities, by name; None where a collection has too few pairs to fit on."""
    found: dict[str, Probability | None] = {
        SCORE: lambda logits: activate(logits, "sigmoid").astype(np.float64),
        SHIPPED_NAME: shipped.probability,
        SHIFTED: shipped.at(base_rate=half.fitted.base_rate).probability,
        **{kind: made.probability for kind, made in fits.items()},
    }
    try:
        found[OWN] = _fit(half.fitted, "platt", version).probability
    except InputError:
        found[OWN] = None
    return found


def _row(name: str, pairs: Pairs, methods: Mapping[str, Probability | None]) -> dict[str, Any]:
    said = {method: None if of is None else of(pairs.logits) for method, of in methods.items()}
    return {**_facts(name, pairs), "methods": {m: None if p is None else _errors(p, pairs) for m, p in said.items()}}


def _all(pairs: Pairs, parts: Sequence[Part]) -> dict[str, Any]:
    """All collections' pairs together, each with its own collection's methods."""
    return {**_facts("all", pairs), "methods": {m: _errors(_said(parts, m), pairs) for m in parts[0][1]}}


def _said(parts: Sequence[Part], method: str) -> Floats:
    """One method's probabilities of every part; one too small for a fit of its own takes the common one."""
    chosen = [(methods[method] or methods["platt"], pairs) for pairs, methods in parts]
    return np.concatenate([of(pairs.logits) for of, pairs in chosen if of is not None])


def _facts(name: str, pairs: Pairs) -> dict[str, Any]:
    return {
        "set": name,
        "queries": len(set(pairs.queries)),
        "pairs": len(pairs.logits),
        "base_rate": pairs.base_rate,
        "pooled_auc": pairs.pooled_auc,
        "query_auc": pairs.query_auc,
        "answerable_auc": _answerable(pairs),
    }


def _answerable(pairs: Pairs) -> float | None:
    """How well a query's best logit tells whether anything among its candidates is relevant; None where all have it."""
    names, group = np.unique(np.array(pairs.queries), return_inverse=True)
    best = np.full(len(names), -np.inf)
    np.maximum.at(best, group, pairs.logits)
    has = np.bincount(group, weights=pairs.labels) > 0
    return auc(best, has) if 0 < has.sum() < len(has) else None


def _errors(probabilities: Floats, pairs: Pairs) -> dict[str, float]:
    found = calibration_error(probabilities, pairs.labels)
    return {"ece": found.ece, "brier": found.brier, "log_loss": found.log_loss}


def _at(precision: float, shipped: Calibration, own: Calibration, pairs: Pairs) -> dict[str, Any]:
    """What becomes of a threshold for a wanted precision: of the shipped calibration, and of one fitted in-domain."""
    shifted = shipped.at(base_rate=own.base_rate)
    return {"wanted": precision, SHIFTED: _reached(precision, shifted, pairs), "platt": _reached(precision, own, pairs)}


def _reached(precision: float, calibration: Calibration, pairs: Pairs) -> dict[str, float] | None:
    try:
        threshold = calibration.threshold(precision=precision)
    except InputError:
        return None
    kept = calibration.probability(pairs.logits) >= threshold
    right = float(pairs.labels[kept].sum())
    return {
        "threshold": threshold,
        "precision": right / max(1, int(kept.sum())),
        "recall": right / float(pairs.labels.sum()),
        "kept": int(kept.sum()),
    }


def _plot(path: Path, pairs: Pairs, parts: Sequence[Part]) -> None:
    names = {
        SCORE: "the model's score, as it comes",
        SHIPPED_NAME: "shipped calibration, fitted on training collections",
        SHIFTED: "the same, told the base rate of each collection",
        "platt": "Platt fitted on other queries of the same collections",
    }
    series = [(name, points(_said(parts, method), pairs.labels)) for method, name in names.items()]
    path.write_text(reliability_plot("Reliability on the development samples", series), encoding="utf-8", newline="\n")


def _print(rows: Sequence[Mapping[str, Any]], thresholds: Sequence[Mapping[str, Any]]) -> None:
    methods = list(rows[0]["methods"])
    for error in ("ece", "brier", "log_loss"):
        print(f"\n{error}\n\n| set | base rate | {' | '.join(methods)} |\n|---|{'---:|' * (len(methods) + 1)}")
        for row in rows:
            cells = [f"{row['methods'][m][error]:.4f}" if row["methods"][m] else "" for m in methods]
            print(f"| {row['set']} | {row['base_rate']:.3f} | {' | '.join(cells)} |")
    print("\n| set | queries | pairs | AUC pooled | AUC by query | AUC of the best logit: is there an answer? |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        answered = "" if row["answerable_auc"] is None else f"{row['answerable_auc']:.3f}"
        print(
            f"| {row['set']} | {row['queries']} | {row['pairs']} | {row['pooled_auc']:.3f} | {row['query_auc']:.3f} | "
            f"{answered} |"
        )
    print("\nthresholds by wanted precision\n")
    for each in thresholds:
        print(json.dumps(each))
    print(f"\n{_conditions()}")


def _conditions() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    here = ", ".join(machine_facts().values())
    command = shlex.join(["python", "-m", "benchmarks.calibration", *sys.argv[1:]])
    return f"{datetime.now(UTC):%d %B %Y}; {here} cores{load}; Python {platform.python_version()}; `{command}`"


if __name__ == "__main__":
    main()
