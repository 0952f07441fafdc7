from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from secondpass.cli.bench import _manual
from secondpass.evaluation.speed import peak_memory
from tests.cli.conftest import Command


def test_every_measurement_of_every_model_is_reported(secondpass: Command) -> None:
    ran = secondpass("bench", "--model", "bm25", "--model", "embedded", "--rounds", "2", "--json")
    assert ran.returncode == 0, ran.stderr
    rows = json.loads(ran.stdout)["models"]
    assert [row["model"] for row in rows] == ["bm25", "embedded"]
    for row in rows:
        for size in ("20", "100"):
            assert 0 < row["latency_ms"][size]["p50"] <= row["latency_ms"][size]["p95"]
        assert 0 < row["cold_start_s"] < 60
        assert row["peak_mib"] is None or row["peak_mib"] > 10
    # A hundred documents take a model longer than counting words does: the two rows are not the same measurement.
    assert 0 < rows[1]["documents_per_second"] < rows[0]["documents_per_second"]


def test_a_table_has_a_line_for_each_model(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "docs.txt").write_text("\n".join(f"document number {n}" for n in range(100)))
    ran = secondpass("bench", "docs.txt", "--model", "bm25", "--rounds", "2")
    header, row = (line.split("\t") for line in ran.stdout.splitlines())
    assert len(header) == len(row)
    assert row[0] == "bm25"
    assert header == ["model", "docs/s", "p50@20", "p95@20", "p50@100", "p95@100", "start", "peak"]
    assert "ms" in ran.stderr


def test_too_few_documents_are_refused(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "docs.txt").write_text("one\ntwo\n")
    ran = secondpass("bench", "docs.txt")
    assert ran.returncode == 2
    assert "docs.txt has 2 documents; bench needs at least 100" in ran.stderr


def test_a_model_that_cannot_be_loaded_is_named(secondpass: Command) -> None:
    ran = secondpass("bench", "--model", "./no-such-folder")
    assert ran.returncode == 1
    assert "no-such-folder" in ran.stderr


def test_the_text_at_hand_is_a_hundred_passages_of_prose() -> None:
    passages = _manual()
    assert len(set(passages)) == 100
    assert all(300 < len(passage) < 1200 for passage in passages)


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_the_peak_leaves_out_what_the_parent_held() -> None:
    held = bytearray(200 * 2**20)
    script = "from secondpass.evaluation.speed import peak_memory; print(peak_memory())"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    own = peak_memory()
    assert own is not None
    assert 1 < float(ran.stdout) < len(held) / 2**20 < own
