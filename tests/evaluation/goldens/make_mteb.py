"""Writes mteb.json: p-MRR and nAUC as mteb's own code computes them, with the runs that it was given.

It needs mteb==2.26.24 (--no-deps) beside pandas, scikit-learn and pytrec-eval-terrier. Only the file with its retrieval
metrics is run; for the package around it empty modules stand in. Runs are random, small, and full of ties.
From the repository's root: `python tests/evaluation/goldens/make_mteb.py`.
"""

from __future__ import annotations

import json
import random
import sys
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

Run = dict[str, dict[str, float]]


def main() -> None:
    reference = _metrics()
    instructed = [_instructed(reference, random.Random(seed)) for seed in range(4)]
    abstained = [_abstained(reference, random.Random(seed), queries) for seed, queries in enumerate((2, 15, 25, 40))]
    found = {"mteb": distribution("mteb").version, "p_mrr": instructed, "abstention": abstained}
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    Path(__file__).with_name("mteb.json").write_text(text + "\n", encoding="utf-8")


def _metrics() -> Any:
    sys.modules.update({name: MagicMock() for name in ("mteb", "mteb.types")})
    path = Path(str(distribution("mteb").locate_file("mteb/_evaluators/retrieval_metrics.py")))
    spec = spec_from_file_location("retrieval_metrics", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(draw: random.Random, queries: list[str], *, longest: int = 12) -> Run:
    """Scores in steps of a fifth, so that many are ties."""
    ids = [f"d{i}" for i in range(20)]
    return {
        query: {d: draw.randint(-5, 5) / 5 for d in draw.sample(ids, draw.randint(1, longest))} for query in queries
    }


def _instructed(reference: Any, draw: random.Random) -> dict[str, Any]:
    queries = [str(i) for i in range(6)]
    run = {**_run(draw, [f"{q}-og" for q in queries]), **_run(draw, [f"{q}-changed" for q in queries])}
    changed = {query: [f"d{i}" for i in draw.sample(range(20), draw.randint(1, 5))] for query in queries}
    each = {
        query: float(reference.calculate_pmrr(run, run, {query: documents})) for query, documents in changed.items()
    }
    return {"run": run, "changed": changed, "each": each, "mean": float(reference.calculate_pmrr(run, run, changed))}


def _abstained(reference: Any, draw: random.Random, queries: int) -> dict[str, Any]:
    run = _run(draw, [str(i) for i in range(queries)])
    values = {query: draw.randint(0, 4) / 4 for query in run}
    values["0"], values["1"] = 0.0, 1.0
    found = reference.evaluate_abstention(run, {"value": list(values.values())})
    names = {name: f"nAUC_value_{name}" for name in ("max", "std", "diff1")}
    return {"run": run, "values": values, "nauc": {name: float(found[key]) for name, key in names.items()}}


if __name__ == "__main__":
    main()
