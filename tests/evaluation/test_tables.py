"""Tables: what they hold, which way differences point, and what does not belong into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.bootstrap import bootstrap
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.significance import compare
from secondpass.evaluation.speed import Timing
from secondpass.evaluation.tables import cost, latex, markdown, quality, table

TEA = Protocol("tea", "bm25", 20, 40, 0, "0123456789")
COFFEE = Protocol("coffee", "bm25", 20, 40, None, "9876543210")
GOOD = [0.5 + 0.01 * (i % 7) for i in range(40)]
BETTER = [value + 0.1 + 0.02 * (i % 3) for i, value in enumerate(GOOD)]


def record(model: str, values: Sequence[float], protocol: Protocol = TEA, *, seconds: float = 0.0) -> Record:
    by_query = {str(i): value for i, value in enumerate(values)}
    measures = {"nDCG@10": by_query}
    if model == CEILING:
        measures["R@20"] = dict.fromkeys(by_query, 0.75)
    timings = {query: Timing(seconds, 20, 400) for query in by_query} if seconds else {}
    cut = {"0": ("x", "y", "z", "u")} if seconds else {}
    peak = 100.0 if seconds else None
    return Record(protocol, model, "", measures, {}, timings, cut, peak, tied=("0", "1") if seconds else ())


def records(protocol: Protocol = TEA) -> list[Record]:
    low = [value - 0.2 for value in GOOD]
    return [
        record(NO_RERANKING, low, protocol),
        record(CEILING, [0.9] * 40, protocol),
        record("first_model", GOOD, protocol, seconds=0.1),
        record("second", BETTER, protocol, seconds=0.25),
    ]


def test_the_rows_that_are_no_models_come_first() -> None:
    assert [row.model for row in table(records(), "nDCG@10").rows] == [NO_RERANKING, CEILING, "first_model", "second"]


def test_differences_are_to_the_first_model_and_positive_where_the_row_is_better() -> None:
    made = table(records(), "nDCG@10")
    none, ceiling, first, second = made.rows
    assert first.to_first is None
    assert ceiling.comparison is None
    assert second.to_first is not None
    assert none.to_first is not None
    assert second.to_first.interval.estimate == pytest.approx(0.1 + 0.02 * 39 / 40)
    assert none.to_first.interval.estimate == pytest.approx(-0.2)
    assert 0 < second.to_first.interval.low < second.to_first.interval.high
    head, rows = quality(made)
    cells = dict(zip(head, rows[3], strict=True))
    assert cells["to first_model"].startswith("+0.11")
    assert cells["won / even / lost"] == "40 / 0 / 0"
    assert cells["p"].endswith("*")
    assert rows[0][-1] == "0 / 0 / 40"


def test_intervals_and_p_values_are_those_of_the_statistics() -> None:
    made = table(records(), "nDCG@10", level=0.9, seed=5)
    values = {each.model: {"tea": each.values["nDCG@10"]} for each in records()}
    ordered = {name: values[name] for name in ("first_model", "second", NO_RERANKING, CEILING)}
    assert made.rows[3].mean == bootstrap(ordered, level=0.9, seed=5).interval("second")
    without_ceiling = {name: value for name, value in ordered.items() if name != CEILING}
    assert made.rows[3].comparison == compare(without_ceiling, seed=5)[0]


def test_collections_count_the_same_unless_weights_say_otherwise() -> None:
    other = [replace(each, values={"nDCG@10": dict.fromkeys(each.values["nDCG@10"], 0.1)}) for each in records(COFFEE)]
    both = [*records(), *other]
    even, heavy = table(both, "nDCG@10"), table(both, "nDCG@10", weights={"tea": 3, "coffee": 1})
    assert even.rows[1].mean.estimate == pytest.approx(0.5)
    assert heavy.rows[1].mean.estimate == pytest.approx(0.7)
    assert quality(even)[0][:4] == ["model", "tea", "coffee", "nDCG@10"]


def test_what_it_took_stands_beside_it() -> None:
    price = TokenPrice(0.0123, "size", (), secondary=False, extrapolated=True)
    made = table(records(), "nDCG@10", price=lambda name: price if name == "second" else None)
    head, rows = cost(made)
    assert [row[0] for row in rows] == ["first_model", "second"]
    cells = dict(zip(head, rows[1], strict=True))
    assert cells == {
        "model": "second",
        "ties": "5.0 %",
        "truncated": "0.5 %",
        "p50 ms": "250.0",
        "p95 ms": "250.0",
        "docs/s": "80",
        "docs in 50 ms": "4",
        "peak MiB": "100",
        "$ per M tokens": "~0.012",
    }


def test_the_ceiling_says_how_much_the_first_stage_found() -> None:
    assert quality(table(records(), "nDCG@10"))[1][1][0] == "ceiling (recall@20 0.7500)"


@pytest.mark.parametrize(
    "other",
    [
        replace(TEA, depth=50),
        replace(TEA, first_stage="dense"),
        replace(TEA, digest="another"),
        replace(TEA, seed=1),
        replace(COFFEE, depth=50),
        replace(COFFEE, first_stage="dense"),
    ],
)
def test_two_protocols_in_one_table_are_refused_and_both_are_named(other: Protocol) -> None:
    with pytest.raises(InputError, match="Two protocols do not belong into one table") as refused:
        table([*records(), record("third", GOOD, other)], "nDCG@10")
    assert "tea, 40 queries drawn with seed 0, first 20 of bm25, content 01234567" in str(refused.value)
    assert f"first {other.depth} of {other.first_stage}, content {other.digest[:8]} ('third')" in str(refused.value)


def test_a_model_that_lacks_a_collection_or_has_one_twice_is_refused() -> None:
    with pytest.raises(InputError, match="not measured on the same collections"):
        table([*records(), record("second", GOOD, COFFEE)], "nDCG@10")
    with pytest.raises(InputError, match="'second' has two records on 'tea'"):
        table([*records(), record("second", GOOD)], "nDCG@10")


def test_a_measure_that_was_not_computed_is_refused() -> None:
    with pytest.raises(InputError, match="was not measured by RR@10: there is nDCG@10"):
        table(records(), "MRR@10")


def test_a_table_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no record"):
        table([], "nDCG@10")


def test_markdown_has_the_same_number_of_cells_in_every_row_and_says_the_protocol() -> None:
    text = markdown(table([replace(each, model=f"a|{each.model}") for each in records()], "nDCG@10"))
    for block in text.split("\n\n"):
        lines = [line.replace(r"\|", "") for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in lines}) <= 1
    assert "- tea, 40 queries drawn with seed 0, first 20 of bm25" in text
    assert "80 % of 10000 stratified bootstrap replicates, seed 0" in text


def test_latex_escapes_what_it_would_read_as_commands() -> None:
    text = latex(table([replace(each, model=each.model + r"\&_~") for each in records()], "nDCG@10"))
    assert r"second\textbackslash{}\&\_\textasciitilde{}" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert r"80 \%" in text
