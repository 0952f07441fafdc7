"""`secondpass datasets`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

from secondpass.evaluation.benchmarks import rows
from tests.cli.conftest import Command


def test_a_pipe_gets_a_line_for_each_benchmark(secondpass: Command, tmp_path: Path) -> None:
    header, *lines = secondpass("datasets", "--data-dir", tmp_path).stdout.splitlines()
    assert header.split("\t") == [
        "name", "title", "queries", "documents", "metric", "first stage", "k", "licence", "here",
    ]  # fmt: skip
    assert [line.split("\t")[0] for line in lines] == [row.name for row in rows()]
    assert {line.split("\t")[-1] for line in lines} == {"no"}


def test_json_holds_every_row_with_its_protocols(secondpass: Command) -> None:
    found = json.loads(secondpass("datasets", "--json").stdout)["datasets"]
    assert [row["name"] for row in found] == [row.name for row in rows()]
    assert {"metric", "licence", "queries", "documents", "protocol", "here", "subsets"} <= set(found[0])
    assert found[0]["protocol"][0].keys() >= {"by", "first_stage", "depth", "metric", "evidence"}


def test_one_benchmark_is_shown_with_protocols_and_how_to_get_it(secondpass: Command, tmp_path: Path) -> None:
    shown = secondpass("datasets", "beir/fiqa", "--data-dir", tmp_path).stdout
    facts = dict(line.split("\t", 1) for line in shown.splitlines() if "\t" in line)
    assert (facts["queries"], facts["identical ids"], facts["split"]) == ("648", "removed", "test")
    assert "secondpass datasets beir/fiqa --fetch" in facts["to get it"]
    assert "mixedbread, rerank-v2\tBM25\tunstated" in shown


def test_data_that_is_here_is_shown_so(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "fiqa").mkdir()
    found = json.loads(secondpass("datasets", "beir/fiqa", "--data-dir", tmp_path, "--json").stdout)
    assert found["here"] == str(tmp_path / "fiqa")
    assert "get" not in found


def test_a_file_is_shown_with_what_it_holds(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("query,document,label\na,b,1\na,c,0\n")
    found = json.loads(secondpass("datasets", "./mine.csv", "--json").stdout)
    assert (found["documents"], found["queries"], found["judgements"], found["relevant"]) == (2, 1, 2, 1)


def test_a_name_that_is_nearly_right_is_corrected_with_exit_2(secondpass: Command) -> None:
    for options in ([], ["--fetch"]):
        ran = secondpass("datasets", "beir/nfcorpsu", *options)
        assert ran.returncode == 2
        assert "Did you mean 'beir/nfcorpus'?" in ran.stderr


def test_fetching_needs_a_name(secondpass: Command) -> None:
    ran = secondpass("datasets", "--fetch")
    assert (ran.returncode, "--fetch needs the NAME" in ran.stderr) == (2, True)


def test_what_cannot_be_fetched_says_why_with_exit_2(secondpass: Command, tmp_path: Path) -> None:
    ran = secondpass("datasets", "airbench", "--fetch", "--data-dir", tmp_path)
    assert (ran.returncode, "airbench cannot be fetched" in ran.stderr) == (2, True)
