from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.bootstrap import bootstrap
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING, Record
from secondpass.evaluation.report import write_report
from secondpass.evaluation.significance import compare
from tests.evaluation.report.conftest import HOSTILE, MODELS, collected, recorded
from tests.evaluation.report.outline import Outline

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
PRICES = {
    "alpha": TokenPrice(0.02, "list", (("https://prices.example/a", "2026-11-01"),), secondary=False),
    MODELS[1]: TokenPrice(0.05, "size", (("https://prices.example/b", "2026-11-02"),), secondary=False),
}

MEAN = "Mean of 2 collections, each with the same weight"


@pytest.fixture
def page(records: list[Record], collections: Mapping[str, Collection], tmp_path: Path) -> str:
    return written(records, collections, tmp_path / "report.html")


def written(records: list[Record], collections: Mapping[str, Collection], path: Path) -> str:
    write_report(records, collections, path, prices=PRICES, versions={"secondpass": "9.9"}, now=NOW)
    return path.read_text(encoding="utf-8")


def shown(number: float) -> str:
    return f"{number:.3f}".replace("-", "\u2212")


def test_every_element_is_closed_and_the_page_says_what_it_is(page: str) -> None:
    outline = Outline(page)
    assert outline.unclosed == []
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert ("meta", {"charset": "utf-8"}) in outline.tags


def test_what_users_gave_is_text_and_never_markup(page: str) -> None:
    outline = Outline(page)
    assert not [name for name, _ in outline.tags if name == "script"]
    for given in (f"question 3 {HOSTILE}", f"document 1 {HOSTILE}", MODELS[1]):
        assert given in outline.text
    assert "<script" not in page


def test_nothing_is_asked_of_anyone(page: str) -> None:
    outline = Outline(page)
    loading = {"src", "srcset", "data", "poster", "action"}
    for name, attributes in outline.tags:
        assert not loading & attributes.keys(), name
        assert (attributes.get("href") or "#").startswith("#"), name
    assert name_count(outline, "link") == name_count(outline, "script") == name_count(outline, "img") == 0
    assert "@import" not in page
    assert page.count("url(") == page.count("url(#corner)")


def name_count(outline: Outline, wanted: str) -> int:
    return sum(name == wanted for name, _ in outline.tags)


def test_links_inside_the_page_and_ids_fit_together(page: str) -> None:
    outline = Outline(page)
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {href[1:] for _, attributes in outline.tags if (href := attributes.get("href"))}
    assert targets <= set(ids)
    assert targets


def test_numbers_of_a_collection_are_those_of_the_statistics(page: str, records: list[Record]) -> None:
    values = {r.model: {"tea": r.values["nDCG@10"]} for r in records if r.protocol.collection == "tea"}
    drawn = bootstrap(values)
    competing = {model: found for model, found in values.items() if model != CEILING}
    tests = {(test.first, test.second): test for test in compare(competing)}
    rows = {row[0]: row[1:] for row in Outline(page).tables["tea: nDCG@10"]}
    assert list(rows)[1:-1] == [NO_RERANKING, *MODELS]
    assert list(rows)[-1].startswith("ceiling (recall@20 ")
    for model in MODELS:
        interval, test = drawn.interval(model), tests[NO_RERANKING, model]
        difference = drawn.difference(model, NO_RERANKING).interval
        mean, spread, gain, _, counted = rows[model]
        assert mean == shown(interval.estimate)
        assert spread == f"{shown(interval.low)} to {shown(interval.high)}"
        assert gain.startswith(f"+{difference.estimate:.3f} ({shown(difference.low)} to {shown(difference.high)})")
        assert ("▲" in gain) == (test.corrected < 0.05)
        assert counted == f"{test.losses} / {test.ties} / {test.wins}"
    assert rows[MODELS[1]][3] == "best"


def test_the_mean_over_collections_weighs_them_the_same(page: str, records: list[Record]) -> None:
    by_set = {name: [r for r in records if r.protocol.collection == name] for name in ("tea", "coffee")}
    means = {name: sum(v.values()) / len(v) for name, (_, r, *_) in by_set.items() for v in [r.values["nDCG@10"]]}
    found = Outline(page).tables["nDCG@10 by collection"]
    column = found[0].index("alpha")
    overall = shown(sum(means.values()) / 2)
    assert {row[0]: row[column] for row in found[1:]} == {
        "tea": shown(means["tea"]),
        "coffee": shown(means["coffee"]),
        "mean": overall,
    }
    assert ["alpha", overall] in [row[:2] for row in Outline(page).tables[MEAN]]


def test_what_the_models_take_stands_in_a_table(page: str) -> None:
    rows = {row[0]: row[1:] for row in Outline(page).tables["What the models take, over all of their queries"]}
    assert rows["alpha"] == ["125", "125", "8", "160", "512", "$0.02 (listed)"]
    assert rows[MODELS[1]][-1] == "$0.05 (from its size)"


def test_cuts_are_counted_with_the_relevant_ones(page: str) -> None:
    rows = {row[0]: row[1:] for row in Outline(page).tables["tea: what was cut, and ties"]}
    assert rows["alpha"][:3] == ["2 of 240 (0.8 %)", "1 of 12", "1"]  # of q0, d0 is relevant and d1 is not
    assert rows[NO_RERANKING][:3] == ["–", "–", "–"]


def test_queries_without_a_relevant_candidate_are_told(page: str) -> None:
    assert "For 1 of 12 queries the first stage found no relevant document at depth 20" in Outline(page).text


def test_each_protocol_has_its_line_and_no_table_has_two(
    records: list[Record], collections: Mapping[str, Collection], tmp_path: Path
) -> None:
    deeper = [replace(r, protocol=replace(r.protocol, depth=30, seed=None)) for r in records]
    outline = Outline(written([*records, *deeper], collections, tmp_path / "both.html"))
    headings = [attributes["id"] for name, attributes in outline.tags if name == "h2"]
    assert headings == ["s1", "s2"]
    assert (
        "depth 20 · 12 queries, drawn with seed 0 · nDCG@10 · data 0123456789ab · 2026-11-20 12:30 UTC" in outline.text
    )
    assert "depth 30 · 12 queries, all that have answers" in outline.text


def test_the_outcome_is_told_in_a_sentence(page: str, records: list[Record]) -> None:
    text = Outline(page).text
    values = {
        model: {r.protocol.collection: r.values["nDCG@10"] for r in records if r.model == model} for model in MODELS
    }
    drawn = bootstrap(values)
    best = max(MODELS, key=lambda model: drawn.interval(model).estimate)
    assert f"{best} is best: nDCG@10 {drawn.interval(best).estimate:.3f}, " in text
    assert "no order of these candidates has more than" in text


def test_every_chart_has_a_title_and_says_what_it_shows(page: str) -> None:
    outline = Outline(page)
    charts = [attributes for name, attributes in outline.tags if name == "svg" and "aria-hidden" not in attributes]
    assert len(charts) == 3 + 2 * len(MODELS)  # bars, latency, price, and gains by collection and model
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    assert name_count(outline, "desc") == len(charts)


def test_without_times_and_prices_their_charts_are_left_out(
    records: list[Record], collections: Mapping[str, Collection], tmp_path: Path
) -> None:
    path = tmp_path / "bare.html"
    write_report([replace(r, timings={}) for r in records], collections, path, now=NOW)
    text = Outline(path.read_text(encoding="utf-8")).text
    assert "against latency" not in text
    assert "What the models take" not in text
    assert "No reranking" in text


def test_the_two_rows_alone_are_a_report(collections: Mapping[str, Collection], tmp_path: Path) -> None:
    text = Outline(written(recorded(collections["tea"], ()), collections, tmp_path / "none.html")).text
    assert "ceiling (recall@20" in text


def test_the_same_records_give_the_same_file(
    page: str, records: list[Record], collections: Mapping[str, Collection], tmp_path: Path
) -> None:
    assert written(records, collections, tmp_path / "again.html") == page


@pytest.mark.parametrize("lacking", [NO_RERANKING, CEILING])
def test_records_without_the_two_rows_are_refused(
    lacking: str, records: list[Record], collections: Mapping[str, Collection], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=lacking):
        written([r for r in records if r.model != lacking], collections, tmp_path / "no.html")


def test_a_large_evaluation_stays_below_three_megabytes(tmp_path: Path) -> None:
    names = ("one", "two", "three")
    collections = {name: collected(name, queries=200, documents=120) for name in names}
    long = {
        name: replace(c, documents={d: replace(x, text=x.text * 40) for d, x in c.documents.items()})
        for name, c in collections.items()
    }
    models = tuple(f"model {i}" for i in range(5))
    records = [r for c in long.values() for r in recorded(c, models, depth=50)]
    assert len(written(records, long, tmp_path / "large.html").encode()) < 3_000_000


def test_a_model_that_lacks_a_collection_is_named_and_shown_where_it_was_measured(
    records: list[Record], collections: Mapping[str, Collection], tmp_path: Path
) -> None:
    kept = [r for r in records if (r.model, r.protocol.collection) != ("alpha", "tea")]
    outline = Outline(written(kept, collections, tmp_path / "partly.html"))
    assert "so not in the mean: alpha." in outline.text
    assert "alpha" in [row[0] for row in outline.tables["coffee: nDCG@10"]]
    assert "alpha" not in [row[0] for row in outline.tables[MEAN]]
