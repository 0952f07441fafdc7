"""Is the embedded model worth its pass? nDCG@10 of BM25's best candidates, reordered by one method a column.

    python benchmarks/quality.py --data ../shared/data/dev                       everything, the embedded model in int8
    python benchmarks/quality.py --data ../shared/data/dev --fp32 FOLDER         and its weights before quantisation
    python benchmarks/quality.py --data ../shared/data/dev --no-embedded         the baselines alone
    python benchmarks/quality.py --data ../shared/data/dev --model NAME          any further model

BM25, the cosine and their fusion read the query alone; rerankers get the query's instruction too where there is one.
Every method gets the same documents; the cosine's are cut at 256 tokens, as that library does by default. Vectors are
kept under build/quality, by content.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np

import secondpass
from secondpass.backends.choose import choose
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import DEPTH, FirstStage, bm25
from secondpass.evaluation.metrics import Run, evaluate
from secondpass.evaluation.result import Result, markdown_table, mean_over_sets
from secondpass.evaluation.sample import read_sample, take
from secondpass.evaluation.second_pass import fuse, rerank_candidates, score_candidates
from secondpass.models.embedded.scorer import EmbeddedScorer
from secondpass.ranking.reranker import Reranker
from secondpass.retrieval.dense import MINILM, BiEncoder, Vectors
from secondpass.text.render import render
from secondpass.types import Document

SAMPLES = Path(__file__).parent / "samples"
CACHE = Path(__file__).parent.parent / "build" / "quality"
MEASURE = "nDCG@10"
SETS = (
    "cranfield", "med", "cacm", "time", "trecqa", "covidqa_passages", "liveqa_med", "afriqa", "sealtools_out",
    "apibench", "spider_dev", "product_match_abt_buy", "csfcube",
)  # fmt: skip
BM25, COSINE, RRF, FP32, INT8 = "BM25", f"cosine {MINILM}", "RRF", "embedded fp32", "embedded int8"


@dataclass(frozen=True, slots=True)
class Goal:
    """What was asked for, what was found, and whether that is enough."""

    text: str
    found: str
    met: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and the goals."""
    options = _options(arguments)
    started = time.perf_counter()
    results: list[Result] = []
    methods = _rerankers(options)
    for name in options.sets:
        collection = take(load_beir(options.data / name), read_sample(SAMPLES, name))
        stage = bm25(collection, [render(document) for document in collection.documents.values()], depth=options.depth)
        _tell_dropped(name, stage)
        runs = _baselines(collection, stage.run)
        runs.update((method, reorder(collection, stage.run)) for method, reorder in methods.items())
        for method, run in runs.items():
            results.append(Result(name, method, MEASURE, evaluate(run, collection.qrels, MEASURE)))
        _tell(f"{name}: " + "  ".join(f"{r.method} {r.mean:.4f}" for r in results if r.collection == name))
    goals = list(check_goals(results))
    print(f"{MEASURE}, BM25's best {options.depth} reordered, at most 200 sampled queries a set\n")
    print(f"{markdown_table(results)}\n")
    for goal in goals:
        print(f"- {goal.text}: {goal.found}, {'met' if goal.met else 'MISSED'}")
    print(f"\n{_conditions()}; {time.perf_counter() - started:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(_record(results, goals), indent=1) + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of collections in the BEIR layout")
    parser.add_argument("--sets", nargs="+", default=SETS, metavar="SET")
    parser.add_argument("--depth", type=int, default=DEPTH, help="candidates a query")
    parser.add_argument("--fp32", type=Path, help="folder of the embedded model before quantisation")
    parser.add_argument("--no-embedded", action="store_true", help="leave the embedded model out")
    parser.add_argument("--model", action="append", default=[], metavar="NAME", help="a further model; may be repeated")
    parser.add_argument("--json", type=Path, help="write every query's value here too")
    return parser.parse_args(arguments)


def _rerankers(options: argparse.Namespace) -> dict[str, Callable[[Collection, Run], Run]]:
    """Method name → what reorders a first stage's run."""
    found: dict[str, Reranker] = {}
    if options.fp32:
        backend = choose(precision="fp32")
        scorer = EmbeddedScorer(backend, options.fp32)
        found[FP32] = Reranker(scorer, capabilities=backend.capabilities)
    if not options.no_embedded:
        found[INT8] = secondpass.load()
    found.update((name, secondpass.load(name)) for name in options.model)
    return {method: _reorders(reranker) for method, reranker in found.items()}


def _reorders(reranker: Reranker) -> Callable[[Collection, Run], Run]:
    return lambda collection, run: rerank_candidates(collection, run, reranker)


def _baselines(collection: Collection, first: Run) -> dict[str, Run]:
    cosine = _cosine(collection, first)
    return {BM25: first, COSINE: cosine, RRF: fuse([first, cosine])}


def _cosine(collection: Collection, first: Run) -> Run:
    documents = list(dict.fromkeys(document for candidates in first.values() for document in candidates))
    vectors = _encoded([render(collection.documents[document]) for document in documents])
    row = {document: i for i, document in enumerate(documents)}
    texts = list(dict.fromkeys(query.text for query in collection.queries.values()))
    asked = dict(zip(texts, _encoded(texts), strict=True))

    def scorer(query: str, instruction: str | None, candidates: Sequence[Document]) -> list[float]:
        found: list[float] = (vectors[[row[str(document.id)] for document in candidates]] @ asked[query]).tolist()
        return found

    return score_candidates(collection, first, scorer)


@cache
def _encoder() -> BiEncoder:
    return BiEncoder()


def _encoded(texts: Sequence[str]) -> Vectors:
    """The bi-encoder's vectors, from the cache where these very texts were encoded before."""
    key = hashlib.sha256(json.dumps([MINILM, *texts]).encode()).hexdigest()[:24]
    path = CACHE / f"{key}.npy"
    if path.is_file():
        found: Vectors = np.load(path)
        return found
    vectors = _encoder().encode(texts)
    CACHE.mkdir(parents=True, exist_ok=True)
    np.save(path, vectors)
    return vectors


def check_goals(results: Sequence[Result]) -> Iterator[Goal]:
    """The goals that the measured methods allow to check."""
    methods = {result.method for result in results}
    mean = {method: mean_over_sets(results, method) for method in methods}
    if INT8 in methods:
        yield _at_least(mean[INT8] - mean[BM25], 0.07, f"mean of {INT8} at least 0.07 above {BM25}")
        yield _at_least(mean[INT8] - mean[RRF], 0.02, f"mean of {INT8} at least 0.02 above {RRF} of BM25 and cosine")
        gain = mean[INT8] - mean[COSINE]
        yield Goal(f"mean of {INT8} above {COSINE}", f"{gain:+.4f}", gain > 0)
        yield _no_set_falls(results)
    if {INT8, FP32} <= methods:
        apart = abs(mean[INT8] - mean[FP32])
        yield Goal(f"{INT8} within 0.005 of {FP32}", f"{apart:.4f} apart", apart <= 0.005)


def _at_least(found: float, wanted: float, text: str) -> Goal:
    return Goal(text, f"{found:+.4f}", found >= wanted)


def _no_set_falls(results: Sequence[Result]) -> Goal:
    by_set = {method: {r.collection: r.mean for r in results if r.method == method} for method in (BM25, INT8)}
    gains = {name: by_set[INT8][name] - before for name, before in by_set[BM25].items()}
    fallen = {name: gain for name, gain in gains.items() if gain < -0.02}
    worst = min(gains, key=lambda name: gains[name])
    found = ", ".join(f"{n} {g:+.4f}" for n, g in fallen.items()) or f"worst is {worst} {gains[worst]:+.4f}"
    return Goal(f"no set of {INT8} more than 0.02 below {BM25}", found, not fallen)


def _record(results: Sequence[Result], goals: Sequence[Goal]) -> dict[str, object]:
    return {
        "conditions": _conditions(),
        "measure": MEASURE,
        "results": [{"set": r.collection, "method": r.method, "mean": r.mean, "values": r.values} for r in results],
        "goals": [{"goal": goal.text, "found": goal.found, "met": goal.met} for goal in goals],
    }


def _conditions() -> str:
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores{load}"
    command = shlex.join(["python", *sys.argv])
    return f"{date.today():%d %B %Y}; {machine}; Python {platform.python_version()}; `{command}`"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _tell_dropped(name: str, stage: FirstStage) -> None:
    if stage.dropped:
        queries = ", ".join(stage.dropped)
        print(f"{name}: the query itself was in the corpus and left out of its candidates (queries {queries}).\n")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
