"""Is a long document better read in chunks than cut? The embedded model on whole papers and on news, by how it reads.

    python benchmarks/long_documents.py --data ../shared/data/dev
    python benchmarks/long_documents.py --data ../shared/data/dev --sets time --queries 5 --candidates 5

nDCG@10 over BM25's best candidates, with a 95 % interval of the difference to a document cut at 512 tokens (paired
bootstrap over queries), and the seconds that a document took, which is read once for queries that ask about it at the
same time. Logits of chunks do not depend on how they are joined, so each way of cutting is computed once and joined in
every way. `results/long_documents.json` is what was last recorded.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import secondpass
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.first_stage import bm25
from secondpass.evaluation.metrics import Run, evaluate, mean
from secondpass.evaluation.sample import read_sample, take
from secondpass.text.encode import Aggregate, aggregate
from secondpass.text.render import render

SAMPLES = Path(__file__).parent / "samples"
SETS = ("covidqa_long", "time")
CUTS: Mapping[str, Mapping[str, Any]] = {
    "512 tokens, the rest cut": {},
    "chunks of 512 tokens": {"policy": "chunk"},
    "chunks of 512, whole sentences": {"policy": "chunk", "chunk_by": "sentences"},
}
"""How documents are read: a name, and what `load` is told."""

JOINED: Sequence[Aggregate] = ("max", "mean-best", "decay", "mean", "first")
REPLICATES = 10_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table a collection, and write the results where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of BEIR folders")
    parser.add_argument("--sets", default=",".join(SETS), help="which of them")
    parser.add_argument("--queries", type=int, default=30, help="how many queries of each")
    parser.add_argument("--candidates", type=int, default=10, help="how many of BM25's best documents a query")
    parser.add_argument("--out", type=Path, help="write the results here, as JSON")
    options = parser.parse_args(arguments)
    told = {
        "date": f"{date.today():%d %B %Y}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "queries": options.queries,
        "candidates": options.candidates,
    }
    print("; ".join(f"{name} {value}" for name, value in told.items()))
    found = {
        name: measured(options.data / name, name, options.queries, options.candidates)
        for name in options.sets.split(",")
    }
    if options.out:
        options.out.write_text(json.dumps({**told, "collections": found}, indent=1) + "\n", encoding="utf-8")


def measured(folder: Path, name: str, queries: int, candidates: int) -> dict[str, Any]:
    """What each way of reading gives on one collection; prints its table."""
    whole = load_beir(folder)
    some = take(whole, read_sample(SAMPLES, name)[:queries])
    run = _best(bm25(some, [render(document) for document in whole.documents.values()]).run, candidates)
    first = evaluate(run, some.qrels)
    print(f"\n{name}: {len(run)} queries, nDCG@10 of BM25 {mean(first):.4f}\n")
    print("| read | joined | nDCG@10 | against cut | 95 % | s a document | chunks |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    cut: Mapping[str, float] | None = None
    rows: list[dict[str, Any]] = []
    for way, limits in CUTS.items():
        with secondpass.load(**limits) as reranker:
            began = time.perf_counter()
            rankings = reranker.rank_many(
                [some.queries[query].text for query in run], [_documents(some, ids) for ids in run.values()]
            )
            seconds = (time.perf_counter() - began) / len({one for ids in run.values() for one in ids})
        hits = dict(zip(run, rankings, strict=True))
        chunks = float(np.mean([hit.chunks for ranking in rankings for hit in ranking]))
        for how in JOINED if limits else JOINED[:1]:
            joined = {query: _joined(ranking, list(run[query]), how) for query, ranking in hits.items()}
            values = evaluate(joined, some.qrels)
            cut = cut or values
            rows.append({"read": way, "joined": how if limits else "", **_compared(values, cut)})
            rows[-1] |= {"seconds_a_document": round(seconds, 3), "chunks_a_document": round(chunks, 1)}
            _show(rows[-1])
    return {"queries": len(run), "bm25": round(mean(first), 4), "ways": rows}


def _best(run: Run, candidates: int) -> Run:
    """The first stage's best documents of each query; queries without any are left out."""
    best = {query: sorted(found, key=lambda one: (-found[one], one))[:candidates] for query, found in run.items()}
    return {query: {one: run[query][one] for one in ids} for query, ids in best.items() if ids}


def _documents(collection: Collection, ids: Mapping[str, float]) -> list[Any]:
    return [collection.documents[one] for one in ids]


def _joined(ranking: secondpass.Ranking, ids: Sequence[str], how: Aggregate) -> dict[str, float]:
    """Each document's logit, from its chunks in another way than it was asked for."""
    return {
        ids[hit.index]: aggregate([one.logit for one in hit.passages], how) if hit.passages else hit.logit
        for hit in ranking
    }


def _compared(values: Mapping[str, float], cut: Mapping[str, float]) -> dict[str, float]:
    """The mean, its difference to cut documents, and the ends of the difference's 95 % interval."""
    apart = np.array([values[query] - cut[query] for query in cut])
    drawn = np.random.default_rng(0).choice(apart, (REPLICATES, len(apart))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    found = {"ndcg10": mean(values), "gain": apart.mean(), "low": low, "high": high}
    return {name: round(float(value), 4) for name, value in found.items()}


def _show(row: Mapping[str, Any]) -> None:
    apart = f"{row['gain']:+.3f} | {row['low']:+.3f} … {row['high']:+.3f}" if row["joined"] else " | "
    taken = f"{row['seconds_a_document']:.2f} | {row['chunks_a_document']:.1f}"
    print(f"| {row['read']} | {row['joined']} | {row['ndcg10']:.3f} | {apart} | {taken} |", flush=True)


if __name__ == "__main__":
    main()
