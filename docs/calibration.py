"""Writes the numbers in docs/calibration.md from what benchmarks/calibration.py recorded; --check only compares.

Knows the record alone; the page around the numbers is written by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("calibration.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "calibration.json"
MARK = "<!-- numbers, written by `python docs/calibration.py` -->\n"
SHOWN = ("score", "shipped", "shipped, base rate", "platt", "isotonic", "platt, own")
ERRORS = """
The mean distance of a probability from what it says (ECE, 15 bins of equal mass; lower is better), on queries that no
fit has seen. *Score*: the model's own; *shipped*: the calibration in the package; *base rate*: the same, told the share
of relevant candidates of each collection; *platt* and *isotonic*: fitted on the other half of all collections' queries
together; *own*: on that half of the very collection, where it has enough.

"""
AREAS = """
How often a relevant document has the greater logit: among all pairs, and within a query. And how often the best logit
of a query with an answer is above that of one without:

| collection | queries | pooled | within a query | is there an answer? |
|---|---:|---:|---:|---:|
"""
KEPT = """
What a threshold for a precision gives on new queries, told the base rate:

| wanted | shipped: precision | recall | fitted here: precision | recall |
|---:|---:|---:|---:|---:|
"""


def numbers() -> str:
    """Three tables and the conditions."""
    record = json.loads(RESULTS.read_text(encoding="utf-8"))
    parts = [ERRORS, f"| collection | relevant | {' | '.join(SHOWN)} |\n|---|---:|{'---:|' * len(SHOWN)}\n"]
    parts += [_errors(row) for row in record["rows"]]
    parts += [f"\nBrier's score of all pairs: {_brier(record['rows'][-1])}.\n", AREAS]
    parts += [_areas(row) for row in record["rows"]]
    parts += [KEPT, *(_threshold(each) for each in record["thresholds"]), f"\n{record['conditions']}.\n"]
    return "".join(parts)


def page() -> str:
    """The whole page."""
    return PAGE.read_text(encoding="utf-8").partition(MARK)[0] + MARK + numbers()


def is_current() -> bool:
    """Whether the page says what was recorded."""
    return PAGE.read_text(encoding="utf-8") == page()


def _errors(row: Mapping[str, Any]) -> str:
    cells = [f"{row['methods'][name]['ece']:.3f}" if row["methods"][name] else "" for name in SHOWN]
    return f"| {row['set']} | {row['base_rate']:.3f} | {' | '.join(cells)} |\n"


def _brier(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {row['methods'][name]['brier']:.4f}" for name in SHOWN)


def _areas(row: Mapping[str, Any]) -> str:
    answered = "" if row["answerable_auc"] is None else f"{row['answerable_auc']:.3f}"
    return f"| {row['set']} | {row['queries']} | {row['pooled_auc']:.3f} | {row['query_auc']:.3f} | {answered} |\n"


def _threshold(each: Mapping[str, Any]) -> str:
    found = [each["shipped, base rate"], each["platt"]]
    cells = ["not reached | " if one is None else f"{one['precision']:.2f} | {one['recall']:.3f}" for one in found]
    return f"| {each['wanted']} | {' | '.join(cells)} |\n"


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if is_current() else f"{PAGE.name} is out of date: run python docs/calibration.py")
    PAGE.write_text(page(), encoding="utf-8")
