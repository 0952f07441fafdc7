"""`secondpass choose` as a user runs it, on pairs of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secondpass.conversion.texts import passages
from tests.checkpoints import write_checkpoint
from tests.cli.conftest import Command

pytest.importorskip("bm25s")

QUERIES = 6


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A table of pairs: a few words from the middle of a passage of Python's manual, the passage, and another one."""
    texts = passages(2 * QUERIES, 40)
    rows = ["query\tdocument\tlabel"]
    for i, text in enumerate(texts[:QUERIES]):
        query = " ".join(text.split()[20:25])
        rows += [f"{query}\t{text}\t1", f"{query}\t{texts[QUERIES + i]}\t0"]
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(" ".join(row.split("\n")) for row in rows) + "\n", encoding="utf-8")
    return path


def test_a_few_pairs_give_a_recommendation_with_its_evidence_and_its_doubts(secondpass: Command, pairs: Path) -> None:
    ran = secondpass("choose", "--data", pairs, "--latency-ms", "60000", "--languages", "en", "--json")
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    rows = {row["model"]: row for row in found["table"]["rows"]}
    assert {"no reranking", "ceiling", "bm25", "embedded", "hybrid(bm25, embedded)"} <= set(rows)
    assert found["recommended"] in {*found["even"], "no reranking"}
    assert found["best"] in found["even"]
    assert rows["embedded"]["speed"]["queries"] == QUERIES
    assert all(pair["detectable"] >= 0 for pair in found["versus"].values())
    assert {"model": "BAAI/bge-reranker-v2-m3", "why": "would have to be downloaded, which --download allows"} in (
        found["left_out"]
    )
    assert "times are of 12 candidates a query" in ran.stderr
    assert "6 queries are too few to tell" in ran.stderr


def test_what_is_too_slow_is_said_and_a_language_leaves_models_out(secondpass: Command, pairs: Path) -> None:
    ran = secondpass(
        *("choose", "--data", pairs, "--latency-ms", "0.0001", "--languages", "de", "--licence", "commercial")
    )
    assert ran.returncode == 2
    assert "bm25 is not measured: too slow" in ran.stderr
    assert "embedded" not in ran.stderr
    assert "allow more time" in ran.stderr


def test_a_folder_is_measured_too_and_a_second_call_takes_over_what_is_there(
    secondpass: Command, pairs: Path, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "mine", "bert")
    asked = ("choose", "--data", pairs, "--languages", "de", "--models", "./mine", "--output", "kept")
    first, second = secondpass(*asked), secondpass(*asked)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert first.stdout == second.stdout
    rows = [line.split("\t") for line in first.stdout.splitlines()]
    assert {"./mine", "bm25"} <= {row[0] for row in rows}
    assert any(row[0] == "its languages are en" and "embedded" in row[1] for row in rows if len(row) == 2)


def test_what_cannot_be_fetched_is_left_out_with_the_reason(secondpass: Command, pairs: Path) -> None:
    ran = secondpass("choose", "--data", pairs, "--download", "--billions", "0.005", "--json", HF_HUB_OFFLINE="1")
    assert ran.returncode == 0, ran.stderr
    left = {each["model"]: each["why"] for each in json.loads(ran.stdout)["left_out"]}
    assert "HF_HUB_OFFLINE" in left["cross-encoder/ms-marco-TinyBERT-L2-v2"]
    assert left["embedded"] == "it has more than 0.005 billion parameters (--billions)"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--latency-ms", "0"), "above 0"),
        (("--languages", "German"), "ISO 639-1"),
        (("--licence", "free"), "commercial, any"),
        (("--level", "80"), "between 0 and 1"),
        (("--models", "embeded"), "embedded"),
        (("--models", "jinaai/jina-reranker-v3", "--licence", "commercial"), "forbids commercial use"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(
    secondpass: Command, pairs: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = secondpass("choose", "--data", pairs, *arguments)
    assert ran.returncode != 0
    assert said in ran.stderr
