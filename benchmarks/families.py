"""Which of the models that need no download is best, and which of them together? Quality and time of each.

    python -m benchmarks.families --data ../shared/data/dev

nDCG@10 over BM25's best candidates, as `quality.py` makes them: the forms of BM25 (with the corpus' statistics, and
with the candidates' own), cosine and MaxSim of the embedded encoder, the embedded model, and fusions of these in every
way that `secondpass.Hybrid` knows. Then seconds for 100 documents of one collection, the contenders taking turns. A
fusion is made from the logits of its parts, each computed once; its time is the sum of theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

import secondpass
from benchmarks.quality import MEASURE, SAMPLES, SETS
from secondpass.backends.machine import machine, versions
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import DEPTH, bm25
from secondpass.evaluation.metrics import Run, evaluate
from secondpass.evaluation.result import Result, markdown_table, mean_over_sets
from secondpass.evaluation.sample import read_sample, take
from secondpass.evaluation.second_pass import rerank_candidates
from secondpass.models.scorer import Declared
from secondpass.ranking.fusion import How, Part, fuse
from secondpass.text.lexical import VARIANTS, Statistics, terms
from secondpass.text.render import render

FIRST = "first stage"
DENSE = ("embedded-cosine", "embedded-maxsim", "embedded")
OWN = "own statistics"
TIMED = 100  # documents


@dataclass(frozen=True, slots=True)
class Fusion:
    """Parts by name, how their logits are joined, and the weights."""

    parts: tuple[str, ...]
    how: How
    weights: tuple[float, ...]

    def __str__(self) -> str:
        inside = ", ".join(f"{part}={weight:g}" for part, weight in zip(self.parts, self.weights, strict=True))
        return f"hybrid({self.how}: {inside})"


def fusions() -> list[Fusion]:
    """Pairs and a triple, each with every way of joining; log-odds and normalised ones with more weight on the last."""
    found = []
    for parts in (
        ("bm25", "embedded-cosine"),
        ("bm25", "embedded-maxsim"),
        ("bm25", "embedded"),
        ("embedded-cosine", "embedded"),
        ("bm25", "embedded-cosine", "embedded"),
    ):
        found.append(Fusion(parts, "rrf", (1.0,) * len(parts)))
        ways: tuple[How, ...] = ("log-odds", "min-max", "z-score")
        before = (1.0,) * (len(parts) - 1)
        found += [Fusion(parts, how, (*before, last)) for how in ways for last in (1.0, 3.0)]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    options = _options(arguments)
    results: list[Result] = []
    for name in options.sets:
        collection = take(load_beir(options.data / name), read_sample(SAMPLES, name))
        runs, declared = scored(collection, options.depth)
        for fusion in fusions():
            runs[str(fusion)] = fused(fusion, runs, declared)
        for method, run in runs.items():
            results.append(Result(name, method, MEASURE, evaluate(run, collection.qrels, MEASURE)))
        sys.stderr.write(f"{name}: " + "  ".join(f"{r.method} {r.mean:.4f}" for r in results if r.collection == name))
        sys.stderr.write("\n")
    singles = [result for result in results if not result.method.startswith("hybrid")]
    print(f"{MEASURE}, BM25's best {options.depth} reordered\n\n{markdown_table(singles)}\n")
    print(ranked(results))
    times = timed(load_beir(options.data / options.sets[0]), options.rounds)
    print(f"\n| one model | s for {TIMED} documents |\n|---|---:|")
    print("\n".join(f"| {name} | {seconds:.4f} |" for name, seconds in times.items()))
    print(f"\n{_conditions()}")
    if options.json:
        means = {method: mean_over_sets(results, method) for method in dict.fromkeys(r.method for r in results)}
        sets = [{"set": r.collection, "method": r.method, "mean": r.mean} for r in results]
        found = {"conditions": _conditions(), "means": means, "results": sets, "seconds": times}
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def scored(collection: Collection, depth: int) -> tuple[dict[str, Run], dict[str, Declared]]:
    """Every single model's run over the first stage's candidates, and what the models declare."""
    texts = [render(document) for document in collection.documents.values()]
    first = bm25(collection, texts, depth=depth).run
    runs: dict[str, Run] = {FIRST: first}
    declared = {}
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.json.gz"
        Statistics.over(terms(text) for text in texts).save(table)
        openers: dict[str, Callable[[], secondpass.Reranker]] = {
            name: partial(secondpass.load, name, table=table) for name in VARIANTS
        }
        openers |= {f"bm25, {OWN}": partial(secondpass.load, "bm25")}
        openers |= {name: partial(secondpass.load, name) for name in DENSE}
        for name, opened in openers.items():
            with opened() as reranker:
                runs[name] = rerank_candidates(collection, first, reranker)
                declared[name] = reranker.declared
    return runs, declared


def fused(fusion: Fusion, runs: Mapping[str, Run], declared: Mapping[str, Declared]) -> Run:
    """The candidates of every query with their joined logits."""
    found: dict[str, dict[str, float]] = {}
    for query, first in runs[FIRST].items():
        if not first:
            found[query] = {}
            continue
        parts = [
            Part(np.array([runs[name][query][document] for document in first]), told.activation, told.scale)
            for name, told in ((name, declared[name]) for name in fusion.parts)
        ]
        logits = fuse(parts, fusion.how, fusion.weights)
        found[query] = dict(zip(first, logits.tolist(), strict=True))
    return found


def ranked(results: Sequence[Result]) -> str:
    """Every method by its mean over the sets, with how many sets it is better on than the embedded model alone."""
    methods = list(dict.fromkeys(result.method for result in results))
    mean = {method: mean_over_sets(results, method) for method in methods}
    alone = {result.collection: result.mean for result in results if result.method == "embedded"}
    better = {
        method: sum(r.mean > alone[r.collection] for r in results if r.method == method and r.collection in alone)
        for method in methods
    }
    lines = [f"| method | mean {MEASURE} | sets above `embedded` |", "|---|---:|---:|"]
    order = sorted(methods, key=lambda method: -mean[method])
    return "\n".join([*lines, *(f"| {m} | {mean[m]:.4f} | {better[m]} of {len(alone)} |" for m in order)])


def timed(collection: Collection, rounds: int) -> dict[str, float]:
    """Median seconds for a query with 100 documents, by model; the first round warms up."""
    documents = [document for document in collection.documents.values() if document.text.strip()]
    chosen = np.random.default_rng(0).choice(len(documents), TIMED, replace=False)
    picked = [documents[i] for i in chosen]
    queries = [query.text for query in collection.queries.values()][: rounds + 1]
    rerankers = {name: secondpass.load(name, remember_mb=_remembered(name)) for name in (*VARIANTS, *DENSE)}
    seconds: dict[str, list[float]] = {name: [] for name in rerankers}
    for query in queries:
        for name, reranker in rerankers.items():
            began = time.perf_counter()
            reranker.score(query, picked, progress=False)
            seconds[name].append(time.perf_counter() - began)
    for reranker in rerankers.values():
        reranker.close()
    return {name: statistics.median(found[1:]) for name, found in seconds.items()}


def _remembered(name: str) -> int | None:
    """Nothing of a document is kept from query to query: a first stage finds others each time."""
    return 0 if name in ("embedded-cosine", "embedded-maxsim") else None


def _conditions() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    found = versions()
    named = ", ".join(f"{name} {found[name]}" for name in ("onnxruntime", "openvino") if name in found)
    return f"{date.today():%d %B %Y}; {machine().architecture}, {os.cpu_count()} cores{load}; {named}"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of collections in the BEIR layout")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="SET")
    parser.add_argument("--depth", type=int, default=DEPTH, help="candidates a query")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write what was found here too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
