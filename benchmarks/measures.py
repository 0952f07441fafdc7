"""Do the numbers cost more than what they measure, and do intervals cover what they say?

    python benchmarks/measures.py                     speed, beside pytrec_eval-terrier, and 2,000 simulated intervals
    python benchmarks/measures.py --trials 20000      more of them

Runs are random: 7,000 queries with 100 documents, two or three relevant ones; once with scores that all differ and once
with a dozen of values. Values are what per-query measures look like: few steps, many of them 0 or 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial

import numpy as np
import pytrec_eval

from secondpass.evaluation.bootstrap import bootstrap
from secondpass.evaluation.metrics import evaluate_all
from secondpass.evaluation.significance import compare

Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]

QUERIES, DOCUMENTS = 7000, 100
MEASURES = {"nDCG@10": "ndcg_cut_10", "RR": "recip_rank", "AP": "map"}
REPEATS = 5
WORTH = np.array([0.0, 0.2, 0.5, 1.0])
SIZES = (50, 100, 200)
WEIGHTS = {"c0": 0.2, "c1": 0.3, "c2": 0.5}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000, help="simulated intervals a level")
    options = parser.parse_args(arguments)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}"
    print(f"{date.today():%d %B %Y}; {machine}; Python {platform.python_version()}, numpy {np.__version__}\n")
    measures()
    statistics()
    coverage(options.trials)


def measures() -> None:
    """Our measures and trec_eval's on the same runs: seconds, ratio, and the largest difference."""
    print(f"{', '.join(MEASURES)} of {QUERIES:,} queries with {DOCUMENTS} documents, least of {REPEATS}\n")
    print("| scores | ours, s | ties expected, s | pytrec_eval, s | ours / pytrec_eval | largest difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    run, qrels = random_run()
    for name, scored in (("all differ", run), ("a dozen", {q: rounded(scores) for q, scores in run.items()})):
        ours = least(partial(evaluate_all, scored, qrels, MEASURES))
        expected = least(partial(evaluate_all, scored, qrels, MEASURES, ties="expected"))
        theirs = least(partial(reference, scored, qrels))
        found, right = evaluate_all(scored, qrels, MEASURES), reference(scored, qrels)
        apart = max(abs(found[m][q] - right[q][trec]) for m, trec in MEASURES.items() for q in qrels)
        print(f"| {name} | {ours:.3f} | {expected:.3f} | {theirs:.3f} | {ours / theirs:.2f} | {apart:.0e} |")


def statistics() -> None:
    """Bootstrap and randomisation test of 2,000 queries, 10,000 times."""
    generator = np.random.default_rng(1)
    print("\n10,000 replicates of 2,000 queries in ten collections\n")
    print("| systems | bootstrap, s | randomisation test of all pairs, s |")
    print("| ---: | ---: | ---: |")
    for systems in (1, 2, 6):
        values = {f"s{i}": {f"c{j}": by_query(generator.choice(WORTH, 200)) for j in range(10)} for i in range(systems)}
        tested = f"{least(partial(compare, values)):.2f}" if systems > 1 else ""
        print(f"| {systems} | {least(partial(bootstrap, values)):.2f} | {tested} |")


def coverage(trials: int) -> None:
    """How many intervals of simulated systems have the true mean in them."""
    generator = np.random.default_rng(2)
    chances = generator.dirichlet(np.ones(len(WORTH)), len(SIZES))
    truth = float(np.array(list(WEIGHTS.values())) @ chances @ WORTH)
    print(f"\nIntervals of the weighted mean of sets of {', '.join(map(str, SIZES))} queries, {trials:,} simulated\n")
    print("| level | covered | standard error |")
    print("| ---: | ---: | ---: |")
    for level in (0.8, 0.9, 0.95):
        covered = 0
        for trial in range(trials):
            drawn = {f"c{i}": by_query(generator.choice(WORTH, size, p=chances[i])) for i, size in enumerate(SIZES)}
            interval = bootstrap({"s": drawn}, WEIGHTS, level=level, replicates=1000, seed=trial).interval("s")
            covered += interval.low <= truth <= interval.high
        error = (level * (1 - level) / trials) ** 0.5
        print(f"| {level:.2f} | {covered / trials:.4f} | {error:.4f} |")


def random_run() -> tuple[Run, Qrels]:
    """Two or three relevant documents a query, one of them not among the candidates; grades 1 to 3."""
    generator = np.random.default_rng(0)
    run: Run = {}
    qrels: Qrels = {}
    for query in map(str, range(QUERIES)):
        ids = [f"d{i}" for i in generator.integers(0, 8_000_000, DOCUMENTS).tolist()]
        run[query] = dict(zip(ids, generator.normal(size=DOCUMENTS).tolist(), strict=True))
        relevant = [ids[i] for i in generator.integers(0, DOCUMENTS, 2).tolist()]
        qrels[query] = {"elsewhere": 1, **{document: int(generator.integers(1, 4)) for document in relevant}}
    return run, qrels


def rounded(scores: dict[str, float]) -> dict[str, float]:
    """The scores to the nearest half."""
    return {document: round(2 * score) / 2 for document, score in scores.items()}


def by_query(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> dict[str, float]:
    """The values under query ids."""
    return {str(i): value for i, value in enumerate(values.tolist())}


def reference(run: Run, qrels: Qrels) -> dict[str, dict[str, float]]:
    """What trec_eval makes of the run."""
    found: dict[str, dict[str, float]] = pytrec_eval.RelevanceEvaluator(qrels, set(MEASURES.values())).evaluate(run)
    return found


def least(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several times."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    main()
