"""`secondpass calibrate` as a user runs it: a file that belongs to the model, a table, a plot; nothing scored twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from secondpass.cli import calibrate
from secondpass.conversion.texts import passages
from secondpass.ranking.calibration import Calibration
from secondpass.ranking.calibration.calibration import Kind
from tests.cli.conftest import Command

pytest.importorskip("bm25s")

QUERIES = 30


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """Short passages of Python's manual; the query for one is a few words from its middle."""
    texts = passages(60, 40)
    folder = tmp_path / "manual"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(texts)]
    queries = [{"_id": f"q{i}", "text": " ".join(text.split()[10:16])} for i, text in enumerate(texts[:QUERIES])]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    qrels = ["query-id\tcorpus-id\tscore", *(f"q{i}\td{i}\t1" for i in range(QUERIES))]
    (folder / "qrels" / "test.tsv").write_text("\n".join(qrels), encoding="utf-8")
    return folder


def test_a_calibration_is_fitted_checked_and_drawn(secondpass: Command, manual: Path, tmp_path: Path) -> None:
    ran = secondpass("calibrate", manual, "--k", "6", "--output", "c.json", "--base-rate", "0.05")
    assert ran.returncode == 0, ran.stderr
    made = Calibration.read(tmp_path / "c.json")
    assert (made.model, made.kind, made.data, made.base_rate) == ("embedded", "platt", ("manual",), 0.05)
    assert made.queries == QUERIES // 2
    header, row = (line.split("\t") for line in ran.stdout.splitlines()[:2])
    assert header[:4] == ["collection", "queries", "relevant", "of pairs"]
    assert row[:2] == ["all", str(QUERIES // 2)]
    assert all(0 <= float(cell) <= 1.5 for cell in row[4:])
    assert "precision\tfrom probability" in ran.stdout
    plot = ET.fromstring((tmp_path / "c.svg").read_text(encoding="utf-8"))
    assert plot.tag == "{http://www.w3.org/2000/svg}svg"


def test_what_an_evaluation_scored_is_not_scored_again(secondpass: Command, manual: Path, tmp_path: Path) -> None:
    evaluated = secondpass("eval", manual, "--k", "6", "--output", "out")
    assert evaluated.returncode == 0, evaluated.stderr
    before = {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.jsonl"))}
    ran = secondpass("calibrate", manual, "--k", "6", "--from", "out", "--output", "c.json", "--json")
    assert ran.returncode == 0, ran.stderr
    assert "queries, the last in" in evaluated.stderr
    assert "queries, the last in" not in ran.stderr
    assert {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.jsonl"))} == before
    told = json.loads(ran.stdout)
    assert told["versions"] == list(Calibration.read(tmp_path / "c.json").versions)
    assert [row["collection"] for row in told["checked"]] == ["all"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "bm25"], "bm25 scores a list as a whole"),
        (["--from", "nowhere"], "--from nowhere is no folder"),
        (["--kind", "isotonic", "--k", "2"], "isotonic needs 100 of each"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    arguments: list[str], told: str, secondpass: Command, manual: Path, tmp_path: Path
) -> None:
    ran = secondpass("calibrate", manual, *arguments, "--output", "c.json")
    assert ran.returncode == 2
    assert told in ran.stderr
    assert not (tmp_path / "c.json").exists()


def test_the_kinds_on_offer_are_the_librarys() -> None:
    assert get_args(calibrate.Kind) == get_args(Kind)
