"""Means and the table."""

from __future__ import annotations

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.result import Result, markdown_table, mean_over_sets


def _result(collection: str, method: str, *values: float) -> Result:
    return Result(collection, method, "nDCG@10", {f"q{i}": value for i, value in enumerate(values)})


RESULTS = [
    _result("med", "BM25", 0.5, 0.7),
    _result("med", "cosine", 0.25, 0.25),
    _result("time", "BM25", 0.2),
    _result("time", "cosine", 0.75),
]


def test_every_collection_counts_the_same_in_the_mean_over_sets() -> None:
    assert mean_over_sets(RESULTS, "BM25") == pytest.approx((0.6 + 0.2) / 2)


def test_the_table_has_sets_as_rows_methods_as_columns_and_the_mean_last() -> None:
    assert markdown_table(RESULTS).splitlines() == [
        "| set | queries | BM25 | cosine |",
        "| --- | ---: | ---: | ---: |",
        "| med | 2 | 0.6000 | 0.2500 |",
        "| time | 1 | 0.2000 | 0.7500 |",
        "| **mean** | 3 | 0.4000 | 0.5000 |",
    ]


def test_a_method_that_lacks_a_set_gets_no_mean() -> None:
    rows = markdown_table(RESULTS[:3]).splitlines()
    assert rows[-2:] == ["| time | 1 | 0.2000 |  |", "| **mean** | 3 | 0.4000 |  |"]


def test_a_method_that_was_not_measured_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'dense'"):
        mean_over_sets(RESULTS, "dense")
