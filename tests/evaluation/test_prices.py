from __future__ import annotations

import tomllib
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError, UnknownModel
from secondpass.evaluation.prices import Anchor, PriceTable, Rule, interpolate, is_secondary, load, per_million
from secondpass.hosted import usage
from secondpass.hosted.registry import is_hosted
from secondpass.hosted.usage import Price
from secondpass.models import catalog

SMALL, LARGE = "Qwen/Qwen3-Reranker-0.6B", "zeroentropy/zerank-2"
RULE = Rule(documents=100, tokens=500, nvfp4=0.5, floor=0.001)
OURS = """
[[price]]
provider = "ours"
models = ["a", "b"]
usd = 3
count = 1_000_000
per = "token"
as_of = 2026-11-01
source = "the contract"
"""
ANCHORS = """
[[anchor]]
billions = 1
price = "ours:a"

[[anchor]]
billions = 2
price = "cohere:rerank-v3.5"
"""


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return load()


def written(folder: Path, text: str) -> Path:
    file = folder / "prices.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_hosted_scorers_prices_are_read_and_none_is_written_twice(table: PriceTable) -> None:
    hosted = {f"{provider}:{model}": price for (provider, model), price in usage.prices().items()}
    assert hosted.items() <= table.prices.items()
    own = tomllib.loads(files("secondpass.evaluation").joinpath("prices.toml").read_text(encoding="utf-8"))
    names = [f"{row['provider']}:{model}" for row in own["price"] for model in row["models"]]
    assert len(set(names)) == len(names)
    assert not hosted.keys() & set(names)


def test_every_price_is_of_a_provider_dated_and_sourced(table: PriceTable) -> None:
    for name, price in table.prices.items():
        assert is_hosted(name)
        assert date(2025, 1, 1) <= date.fromisoformat(price.as_of)
        assert price.source.startswith("https://")


def test_a_search_is_a_hundred_documents_of_five_hundred_tokens(table: PriceTable) -> None:
    found = table.of("cohere:rerank-v3.5")
    assert found.usd == pytest.approx(0.04)  # $2.00 for 1,000 searches: 0.002 × 20
    assert found.basis == "search"
    assert per_million(Price(2.5, 1_000, "search", "2026-11-20", ""), table.rule) == pytest.approx(0.05)


def test_a_list_price_by_the_token_is_taken_as_it_is(table: PriceTable) -> None:
    found = table.of("zeroentropy:zerank-2")
    assert found.usd == pytest.approx(0.025)
    assert found.basis == "list"


def test_a_source_that_is_not_the_providers_own_is_called_secondary(table: PriceTable) -> None:
    assert not table.of("zeroentropy:zerank-2").secondary
    assert table.of("cohere:rerank-v3.5").secondary
    price = Price(1, 1, "token", "2026-11-20", "https://cohere.com/pricing")
    assert not is_secondary("cohere:rerank-v3.5", price)
    assert is_secondary("tei:", price)


@pytest.mark.parametrize(("model", "usd"), [(SMALL, 0.010), (LARGE, 0.025)])
def test_an_anchor_has_its_own_price(table: PriceTable, model: str, usd: float) -> None:
    found = table.of(model)
    assert found.usd == pytest.approx(usd)
    assert not found.extrapolated
    assert len(found.sources) == 2


def test_a_model_between_the_anchors_lies_on_the_line(table: PriceTable) -> None:
    low, high = (catalog.find(model).parameters or 0 for model in (SMALL, LARGE))
    size = catalog.find("mixedbread-ai/mxbai-rerank-large-v2").parameters or 0
    expected = 0.010 + (size - low) * (0.025 - 0.010) / (high - low)
    found = table.of("mixedbread-ai/mxbai-rerank-large-v2")
    assert found.usd == pytest.approx(expected)
    assert (found.basis, found.extrapolated) == ("size", False)


@pytest.mark.parametrize("model", ["BAAI/bge-reranker-v2-m3", "Qwen/Qwen3-Reranker-8B"])
def test_a_model_outside_the_anchors_is_marked(table: PriceTable, model: str) -> None:
    assert table.of(model).extrapolated


def test_nvfp4_costs_half(table: PriceTable) -> None:
    name = "ContextualAI/ctxl-rerank-v2-instruct-multilingual-2b"
    assert table.of(f"{name}-nvfp4").usd == pytest.approx(table.of(name).usd / 2)


def test_every_nvfp4_model_of_the_catalogue_is_known_as_one(table: PriceTable) -> None:
    assert table.nvfp4 == {row.name for row in catalog.rows() if row.name.endswith("-nvfp4")}


@st.composite
def anchored(draw: st.DrawFn) -> list[Anchor]:
    sizes = sorted(draw(st.sets(st.integers(1, 400), min_size=2, max_size=6)))
    return [Anchor(size / 10, draw(st.floats(0.002, 1)), "x:y") for size in sizes]


@given(anchored(), st.floats(0.001, 100))
def test_a_price_is_above_nothing_and_between_its_neighbours_prices(anchors: list[Anchor], size: float) -> None:
    usd, extrapolated = interpolate(anchors, size, floor=RULE.floor)
    assert usd >= RULE.floor
    assert extrapolated == (size < anchors[0].billions or size > anchors[-1].billions)
    for low, high in pairwise(anchors):
        if low.billions <= size <= high.billions:
            assert min(low.usd, high.usd) * (1 - 1e-9) <= usd <= max(low.usd, high.usd) * (1 + 1e-9)


@given(anchored())
def test_the_line_goes_through_every_anchor(anchors: list[Anchor]) -> None:
    assert all(interpolate(anchors, each.billions, floor=0)[0] == pytest.approx(each.usd) for each in anchors)


@given(anchored(), st.floats(1, 10))
def test_outside_the_anchors_the_last_line_goes_on(anchors: list[Anchor], further: float) -> None:
    last, end = anchors[-2:]
    slope = (end.usd - last.usd) / (end.billions - last.billions)
    usd, _ = interpolate(anchors, end.billions + further, floor=RULE.floor)
    assert usd == pytest.approx(max(RULE.floor, end.usd + slope * further))


def test_a_line_needs_two_sizes_and_a_size_above_nothing() -> None:
    anchors = [Anchor(1, 0.1, "x:y"), Anchor(2, 0.2, "x:z")]
    with pytest.raises(InputError, match="1 anchors give no line"):
        interpolate(anchors[:1], 1, floor=0.1)
    for size in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="give its size"):
            interpolate(anchors, size, floor=0.1)


def test_what_has_neither_price_nor_size_is_refused(table: PriceTable) -> None:
    with pytest.raises(InputError, match="no price of 'cohere:rerank-v99'"):
        table.of("cohere:rerank-v99")
    with pytest.raises(UnknownModel):
        table.of("nobody/knows-it")
    with pytest.raises(InputError, match="size of 'bm25' is not known"):
        table.of("bm25")
    assert table.of("nobody/knows-it", billions=4).usd == pytest.approx(0.025, rel=0.01)


def test_a_unit_of_the_providers_own_has_no_price_per_token() -> None:
    with pytest.raises(InputError, match="unit of its own"):
        per_million(Price(1, 1, "unit", "2026-11-20", ""), RULE, "pinecone:x")


def test_a_users_rows_go_before_ours(tmp_path: Path) -> None:
    text = OURS.replace('"ours"', '"cohere"').replace('["a", "b"]', '["rerank-v3.5"]')
    found = load(written(tmp_path, text)).of("cohere:rerank-v3.5")
    assert found.usd == pytest.approx(3)
    assert found.basis == "list"
    assert found.sources == (("the contract", "2026-11-01"),)


def test_a_users_anchors_replace_ours(tmp_path: Path) -> None:
    found = load(written(tmp_path, OURS + ANCHORS)).by_size(1.5)
    assert found.usd == pytest.approx((3 + 0.04) / 2)
    assert found.secondary


def test_a_user_changes_the_rule(tmp_path: Path) -> None:
    found = load(written(tmp_path, "[rule]\ntokens = 250\n"))
    assert found.of("cohere:rerank-v3.5").usd == pytest.approx(0.08)
    assert (found.rule.tokens, found.rule.documents) == (250, 100)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[price", "is no file of prices"),
        ("[[prices]]\nusd = 1\n", "has prices: it may have price"),
        (OURS.replace("usd = 3", "usd = 0"), "are above 0"),
        (OURS.replace("usd = 3", "usd = nan"), "are above 0"),
        (OURS.replace('"token"', '"word"'), "token, search or unit"),
        (OURS.replace('["a", "b"]', '"a"'), "is a list"),
        (OURS.replace("source", "sauce"), "it needs as_of, count"),
        (OURS + ANCHORS.replace("ours:a", "ours:c"), "a `price` that is listed"),
        (OURS + ANCHORS.replace("billions = 1", 'billions = 1\nmodel = "a"'), "either `model`"),
        (OURS + ANCHORS.replace("billions = 1", 'model = "no/such"'), "Give `billions`"),
        (OURS + ANCHORS.replace("billions = 2", "billions = 1"), "and differ"),
        ("[rule]\nfloor = 0\n", "above 0"),
        ("[rule]\nwords = 3\n", "only"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(InputError, match=r"prices\.toml") as refused:
        load(file)
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml"):
        load(tmp_path / "none.toml")
