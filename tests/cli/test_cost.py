from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondpass.evaluation.prices import load
from tests.cli.conftest import Command

MACHINE = ("--hourly-rate", "1.006", "--tokens-per-second", "40000")
COHERE = "cohere:rerank-v3.5"


def test_every_price_is_listed_with_its_month_and_source(secondpass: Command) -> None:
    ran = secondpass("cost")
    header, *lines = (line.split("\t") for line in ran.stdout.splitlines())
    assert header == ["name", "$/M tokens", "basis", "$/month", "as of", "source"]
    assert [line[0] for line in lines] == list(load().prices)
    rows = {line[0]: line for line in lines}
    assert rows[COHERE][1:4] == ["0.0400", "per search", "600.00"]
    assert rows[COHERE][5].startswith("secondary: https://")
    assert "10000 queries a day of 100 documents of 500 tokens" in ran.stderr


def test_a_machine_is_set_beside_the_hosted(secondpass: Command) -> None:
    ran = secondpass("cost", "voyage:rerank-2.5", COHERE, *MACHINE, "--setup", "52")
    header, voyage, cohere, own = (line.split("\t") for line in ran.stdout.splitlines())
    assert header[4:6] == ["break-even q/day", "pays back in days"]
    assert voyage[3:6] == ["750.00", "9658", "60.7"]
    assert cohere[3:6] == ["600.00", "12072", "never"]
    assert own[:4] == ["your machine", "0.0070", "1 rented all day", "724.32"]


def test_a_model_without_a_price_is_priced_by_its_size_and_that_is_said(secondpass: Command) -> None:
    ran = secondpass("cost", "BAAI/bge-reranker-v2-m3")
    _, line = ran.stdout.splitlines()
    assert line.split("\t")[2] == "by size, extrapolated"
    assert "extrapolated: the model is smaller" in ran.stderr


def test_json_has_all_of_it(secondpass: Command) -> None:
    options = ("--queries-per-day", "20000", "--documents", "50", "--tokens", "200")
    found = json.loads(secondpass("cost", COHERE, *options, *MACHINE, "--json").stdout)
    assert found["traffic"] == {"queries_per_day": 20_000, "documents": 50, "tokens": 200}
    (row,) = found["hosted"]
    assert row["per_month"] == pytest.approx(1_200)
    assert row["break_even"] == pytest.approx(12_072)
    assert row["price"]["secondary"] is True
    assert found["own"]["per_month"] == pytest.approx(724.32)
    assert json.loads(secondpass("cost", COHERE, "--json").stdout)["own"] is None


def test_own_prices_are_read(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[[price]]\nprovider = "ours"\nmodels = ["m"]\nusd = 1\ncount = 1000\nper = "search"\nas_of = 2026-11-01\n'
        'source = "the contract"\n'
    )
    ran = secondpass("cost", "ours:m", "--prices", "mine.toml")
    assert ran.stdout.splitlines()[1].split("\t")[:4] == ["ours:m", "0.0200", "per search", "300.00"]


def test_a_result_of_an_evaluation_prices_its_models_on_its_machine(secondpass: Command, tmp_path: Path) -> None:
    texts = ["Water boils at 100 degrees.", "Iron rusts in damp air.", "Oslo lies in Norway."]
    lines = [
        f"{query},{text},{int(i == j)}" for i, query in enumerate(("boil", "rust")) for j, text in enumerate(texts)
    ]
    (tmp_path / "pairs.csv").write_text("\n".join(["query,document,label", *lines]))
    assert secondpass("eval", "./pairs.csv", "--models", "embedded,bm25", "--output", "out").returncode == 0
    asked = ("--result", "out", "--hourly-rate", "0.1")
    found = json.loads(secondpass("cost", COHERE, *asked, "--json").stdout)
    own = found["own"][0]
    assert own["measured"]["model"] == "embedded"
    assert own["traffic"]["documents"] == 3
    rate = own["measured"]["tokens_per_second"]
    assert own["usd_per_million"] == pytest.approx(1e6 * 0.1 / (3600 * rate))
    assert found["hosted"][COHERE][0]["break_even"] == pytest.approx(2.4 / 0.002)
    lines = secondpass("cost", COHERE, *asked, "--documents", "100").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["model", "nDCG@10", "tokens/s"]
    assert lines[1].split("\t")[4] == "100"
    assert [line.split("\t")[0] for line in lines if line.startswith(("hosted", COHERE))] == ["hosted", COHERE]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--hourly-rate", "1"), 2, "give both, or neither"),
        (("--setup", "5"), 2, "--setup and --peak are of a machine"),
        (("--result", "."), 2, "give --hourly-rate, and only that"),
        (("--result", ".", "--hourly-rate", "1"), 2, "result.json cannot be read"),
        (("--documents", "0"), 2, "documents=0"),
        (("cohere:rerank-v99",), 2, "no price of 'cohere:rerank-v99'"),
        (("nobody/knows-it",), 1, "no model 'nobody/knows-it'"),
        (("--prices", "none.toml"), 2, "none.toml"),
    ],
)
def test_what_cannot_be_calculated_is_said(
    secondpass: Command, arguments: tuple[str, ...], code: int, told: str
) -> None:
    ran = secondpass("cost", *arguments)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert told in ran.stderr
