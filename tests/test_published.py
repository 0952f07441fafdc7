"""The published tables are whole, agree with themselves and with the catalogue; the pages say what the data say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from secondpass.models import catalog
from tests.test_docs import script

TABLES: list[dict[str, Any]] = script("published").data()["table"]
CLAIMS: list[dict[str, str]] = script("published").data()["claim"]


def titled(beginning: str) -> dict[str, Any]:
    (found,) = [table for table in TABLES if table["title"].startswith(beginning)]
    return found


def test_the_page_of_published_numbers_says_what_the_tables_say() -> None:
    assert script("published").is_current(), "run python docs/published.py"


def test_the_page_on_cost_says_what_the_prices_say() -> None:
    assert script("cost").is_current(), "run python docs/cost.py"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table["title"])
def test_a_table_has_a_protocol_a_source_and_whole_rows(table: dict[str, Any]) -> None:
    assert all(table[field].strip() for field in ("title", "metric", "protocol", "source", "read"))
    assert len(table["digits"]) == len(table["columns"])
    assert all(len(row) == len(table["columns"]) for row in table["rows"])
    assert len({row[0] for row in table["rows"]}) == len(table["rows"])


def test_a_claim_has_a_verdict() -> None:
    assert {"contradicted", "unconfirmed"} <= {claim["verdict"] for claim in CLAIMS}
    assert all(set(claim) == {"by", "says", "published", "verdict"} for claim in CLAIMS)


def shared() -> Iterator[tuple[str, str, float, float]]:
    """Model, benchmark, and the value here and in the catalogue, of every number that both have."""
    scores = {
        (row.name, score.benchmark, score.metric, score.source): score.value
        for row in catalog.rows()
        for score in row.scores
    }
    for table in TABLES:
        for column, (benchmark, metric, source, factor) in table.get("catalogue", {}).items():
            for row in table["rows"]:
                value, key = row[int(column)], (row[0], benchmark, metric, source)
                if value != "" and key in scores:
                    yield row[0], benchmark, value * factor, scores[key]


def test_a_number_that_the_catalogue_has_too_is_the_same_there() -> None:
    found = list(shared())
    assert len(found) > 50
    assert not [each for each in found if each[2] != pytest.approx(each[3], abs=1e-9)]


def test_the_means_are_means_of_their_rows() -> None:
    for name, *values, mean in titled("BEIR by set")["rows"]:
        assert sum(values) / len(values) == pytest.approx(mean, abs=0.001), name


def test_the_pages_say_what_contradicts_a_claim_as_the_tables_have_it() -> None:
    small, large = (row[1:3] for row in titled("MS MARCO")["rows"][-2:])
    assert f"{large[1]:.2f} against {small[1]:.2f} nDCG@10" in CLAIMS[0]["published"]
    assert f"{large[0]:.2f} against {small[0]:.2f} MRR@10" in CLAIMS[0]["published"]
    gaps = [
        100 * (dict(rows)[teacher] - dict(rows)[student])
        for table, column in (("BEIR by set", -1), ("MTEB(eng, v2)", 1), ("MTEB(eng, v2)", 2))
        for rows in [[(row[0], row[column]) for row in titled(table)["rows"]]]
        for teacher, student in [("BAAI/bge-reranker-v2-m3", "cross-encoder/ms-marco-MiniLM-L6-v2")]
    ]
    assert all(f"{gap:.1f}" in CLAIMS[1]["published"] for gap in gaps)
