"""Is the first stage's score worth keeping? nDCG@10 of the embedded model with BM25's scores on top, by weight.

    python benchmarks/first_stage.py --data ../shared/data/dev
    python benchmarks/first_stage.py --data ../shared/data/dev --sets cranfield,time --queries 50

BM25's best 50 documents are scored once by the model; then `FirstStage` is weighed in by each of the weights.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np

import secondpass
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import bm25
from secondpass.evaluation.metrics import Run, evaluate, mean
from secondpass.evaluation.sample import read_sample, take
from secondpass.evaluation.second_pass import rerank_candidates
from secondpass.ranking.candidates import Candidates
from secondpass.ranking.signals import FirstStage
from secondpass.ranking.signals.combine import combine
from secondpass.text.render import render

SAMPLES = Path(__file__).parent / "samples"
SETS = ("cranfield", "med", "cacm", "trecqa", "liveqa_med", "sealtools_out", "spider_dev", "csfcube")
WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print a row a collection, and their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of BEIR folders")
    parser.add_argument("--sets", default=",".join(SETS), help="which of them")
    parser.add_argument("--queries", type=int, default=50, help="how many queries of each")
    options = parser.parse_args(arguments)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{date.today():%d %B %Y}; {os.cpu_count()} cores{load}; {options.queries} queries a set\n")
    print("| collection | BM25 | " + " | ".join(f"weight {weight:g}" for weight in WEIGHTS) + " |")
    print("| --- |" + " ---: |" * (len(WEIGHTS) + 1))
    with secondpass.load() as reranker:
        rows = []
        for name in options.sets.split(","):
            rows.append(_row(options.data, name, options.queries, reranker))
            _show(name, rows[-1])
    _show("mean", np.mean(rows, axis=0))


def _show(name: str, values: Iterable[float]) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.4f}".lstrip("0") for value in values) + " |", flush=True)


def _row(data: Path, name: str, queries: int, reranker: secondpass.Reranker) -> list[float]:
    whole = load_beir(data / name)
    texts = [render(document) for document in whole.documents.values()]
    some = take(whole, read_sample(SAMPLES, name)[:queries])
    run = {query: found for query, found in bm25(some, texts).run.items() if found}
    logits = rerank_candidates(some, run, reranker)
    return list(_measured(some, run, logits))


def _measured(collection: Collection, run: Run, logits: Run) -> Iterator[float]:
    yield mean(evaluate(run, collection.qrels))
    for weight in WEIGHTS:
        moved = {query: _moved(run[query], scored, weight) for query, scored in logits.items()}
        yield mean(evaluate(moved, collection.qrels))


def _moved(first: Mapping[str, float], scored: Mapping[str, float], weight: float) -> dict[str, float]:
    ids = list(scored)
    values = np.array([scored[one] for one in ids], np.float64)
    seen = Candidates("", None, ids, ids, values)
    moved, _ = combine([FirstStage(weight=weight, scores=[first[one] for one in ids])], seen)
    return dict(zip(ids, moved.tolist(), strict=True))


if __name__ == "__main__":
    main()
