"""What does a cascade save, what does it cost in quality, and is a budget kept?

    python -m benchmarks.cascade --data ../shared/data/dev --json benchmarks/results/cascade.json

BM25's best 100 candidates of some queries of each collection, ranked for their best ten by BM25 with the corpus' own
statistics, the embedded model in int8 (whole documents, or their beginning), and the same in fp32 as the last stage:
each alone, and in cascades that keep so many documents. Systems take turns, query by query. Then the same with budgets.

The last stage may be any other model: `--last NAME`. Times depend on what else runs: the load is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import secondpass
from benchmarks.quality import MEASURE, SAMPLES
from secondpass.backends.machine import machine
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import bm25
from secondpass.evaluation.metrics import Run, evaluate, mean
from secondpass.evaluation.sample import read_sample, take
from secondpass.ranking.cascade import CascadeScorer
from secondpass.ranking.reranker import Reranker
from secondpass.text.lexical import Statistics, terms
from secondpass.text.render import render
from secondpass.types import Ranking

SETS = ("cranfield", "med", "trecqa", "spider_dev")
DEPTH, TOP = 100, 10
BUDGETS = (50, 100, 300)
KEEPS = ((100, 50), (100, 20), (100, 10), (50, 20), (30, 10))
SETTLE = 0.05
SHORT = 64
"""Tokens that the cheap form of the middle stage reads."""


@dataclass(slots=True)
class Found:
    """What one system did with every query so far: seconds, what each stage did, and the runs by collection."""

    budget: int | None = None
    seconds: list[float] = field(default_factory=list)
    read: dict[str, list[float]] = field(default_factory=dict)
    runs: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    stopped: int = 0
    degraded: int = 0

    def add(self, collection: str, query: str, candidates: Sequence[str], ranking: Ranking, seconds: float) -> None:
        self.seconds.append(seconds)
        self.stopped += any(stage.stopped == "settled" for stage in ranking.stages)
        self.degraded += ranking.degraded
        for stage in ranking.stages:
            self.read.setdefault(stage.model, []).append(stage.read / len(candidates))
        run = {candidates[hit.index]: float(len(ranking) - rank) for rank, hit in enumerate(ranking)}
        self.runs.setdefault(collection, {})[query] = run


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    options = _options(arguments)
    found: dict[str, Found] = {}
    qrels: dict[str, Any] = {}
    for name in options.sets:
        collection = take(load_beir(options.data / name), read_sample(SAMPLES, name)[: options.queries])
        texts = [render(document) for document in collection.documents.values()]
        first = bm25(collection, texts, depth=DEPTH).run
        qrels[name] = {query: collection.qrels[query] for query in first}
        with _systems(texts, options.last) as systems:
            for reranker in systems.values():
                reranker.warm_up()
            measure(name, collection, first, systems, found)
        sys.stderr.write(f"{name}\n")
    rows = [_row(system, each, qrels) for system, each in found.items()]
    _print(rows)
    print(f"\n{_conditions()}")
    if options.json:
        record = {"conditions": _conditions(), "queries": sum(map(len, qrels.values())), "rows": rows}
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measure(
    name: str, collection: Collection, first: Run, systems: Mapping[str, Reranker], found: dict[str, Found]
) -> None:
    """Every system on every query; those with several stages, and the last one alone, with budgets too."""
    for query_id, candidates in first.items():
        query, listed = collection.queries[query_id], list(candidates)
        documents = [collection.documents[document] for document in listed]
        for system, reranker in systems.items():
            rank = partial(reranker.rank, query.text, documents, instruction=query.instruction, top_n=TOP)
            for budget in (None, *(BUDGETS if system in BUDGETED else ())):
                began = time.perf_counter()
                ranking = rank(budget_ms=budget)
                seconds = time.perf_counter() - began
                told = system if budget is None else f"{system}, {budget} ms"
                found.setdefault(told, Found(budget)).add(name, query_id, listed, ranking, seconds)


BUDGETED = ("fp32", "bm25=100, fp32", "bm25=100, int8=20, fp32", f"bm25=100, int8=20, fp32, settle {SETTLE}")


@contextmanager
def _systems(texts: Sequence[str], last: str) -> Iterator[dict[str, Reranker]]:
    """The stages alone and the cascades of them, by name."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        Statistics.over(terms(text) for text in texts).save(folder / "table.json.gz")
        words = stack.enter_context(secondpass.load("bm25", table=folder / "table.json.gz"))
        whole = stack.enter_context(secondpass.load("embedded", precision="int8"))
        short = stack.enter_context(secondpass.load("embedded", precision="int8", max_tokens=SHORT))
        best = stack.enter_context(secondpass.load(last, precision="fp32"))
        systems = {"bm25": words, f"int8 of {SHORT} tokens": short, "int8": whole, "fp32": best}
        for settle in (None, SETTLE):
            behind = "" if settle is None else f", settle {settle}"
            systems[f"bm25=100, fp32{behind}"] = _cascade([words, best], [100], settle)
            for first, second in KEEPS if settle is None else ((100, 20),):
                keep = [first, second]
                systems[f"bm25={first}, int8={second}, fp32{behind}"] = _cascade([words, whole, best], keep, settle)
        systems[f"bm25=100, int8 of {SHORT} tokens=20, fp32"] = _cascade([words, short, best], [100, 20], None)
        yield systems


def _cascade(stages: Sequence[Reranker], keep: Sequence[int], settle: float | None) -> Reranker:
    return Reranker(CascadeScorer(stages, keep, settle))


def _row(system: str, found: Found, qrels: Mapping[str, Any]) -> dict[str, Any]:
    means = {name: mean(evaluate(run, qrels[name], MEASURE)) for name, run in found.runs.items()}
    over = [1000 * seconds - found.budget for seconds in found.seconds] if found.budget else []
    return {
        "system": system,
        "budget_ms": found.budget,
        "mean": statistics.fmean(means.values()),
        "sets": means,
        "median_s": statistics.median(found.seconds),
        "total_s": sum(found.seconds),
        "read": {stage: statistics.fmean(shares) for stage, shares in found.read.items()},
        "settled": found.stopped,
        "degraded": found.degraded,
        "over_p50_ms": float(np.percentile(over, 50)) if over else None,
        "over_p99_ms": float(np.percentile(over, 99)) if over else None,
    }


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    print(f"| system | {MEASURE} | median s | share read, by stage | settled | over the budget, ms: p50 | p99 |")
    print("|---|---:|---:|---|---:|---:|---:|")
    for row in rows:
        read = ", ".join(f"{share:.2f}" for share in row["read"].values())
        over = [f"{row[key]:+.0f}" if row["budget_ms"] else "" for key in ("over_p50_ms", "over_p99_ms")]
        told = f"{row['mean']:.4f} | {row['median_s']:.3f} | {read} | {row['settled'] or ''}"
        print(f"| {row['system']} | {told} | {' | '.join(over)} |")


def _conditions() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    command = shlex.join(["python", "-m", "benchmarks.cascade", *sys.argv[1:]])
    return f"{date.today():%d %B %Y}; {machine().architecture}, {os.cpu_count()} cores{load}; `{command}`"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of collections in the BEIR layout")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="SET")
    parser.add_argument("--queries", type=int, default=6, help="queries of each collection")
    parser.add_argument("--last", default="embedded", help="the model of the last stage, in fp32")
    parser.add_argument("--json", type=Path, help="write what was found here too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
