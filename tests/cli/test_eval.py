"""The whole evaluation as a user runs it: on folders, killed, gone on with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from secondpass.cli.eval import duration
from secondpass.conversion.texts import passages
from secondpass.evaluation.lock import held
from secondpass.evaluation.store import read_result
from tests.cli.conftest import Command

pytest.importorskip("bm25s")

QUERIES = 24
MODELS = 'embedded,"hybrid(bm25, embedded)",bm25'


@pytest.fixture
def manual(tmp_path: Path) -> Path:
    """Passages of Python's manual; the query for one is a few words from its middle."""
    texts = passages(60, 60)
    folder = tmp_path / "manual"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"d{i}", "title": "", "text": text} for i, text in enumerate(texts)]
    queries = [{"_id": f"q{i}", "text": " ".join(text.split()[30:36])} for i, text in enumerate(texts[:QUERIES])]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    qrels = ["query-id\tcorpus-id\tscore", *(f"q{i}\td{i}\t1" for i in range(QUERIES))]
    (folder / "qrels" / "test.tsv").write_text("\n".join(qrels), encoding="utf-8")
    return folder


def arguments(folder: Path, out: str) -> list[str]:
    return ["eval", str(folder), "--models", MODELS, "--k", "8", "--sample", "22", "--seed", "1", "--output", out]


def read(folder: Path) -> dict[str, Any]:
    """The result without what was measured by the clock, and what tells one call from another."""
    value: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    for name in ("command", "started"):
        del value[name]
    for record in value["records"]:
        del record["measured"]
    for table in value["tables"]:
        for row in table["rows"]:
            del row["speed"]
    return value


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def killed_half_way(folder: Path, tmp_path: Path, out: str) -> dict[str, bytes]:
    """The journals that a killed evaluation leaves: whole for no model but the first."""
    command = [sys.executable, "-m", "secondpass", *arguments(folder, out)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        journals = tmp_path / out / "journals"
        deadline = time.monotonic() + 90
        while process.poll() is None and time.monotonic() < deadline:
            lines = sum(len(path.read_bytes().splitlines()) for path in journals.glob("*.jsonl"))
            if lines >= QUERIES + 8:
                break
            time.sleep(0.005)
        process.kill()
    assert not (tmp_path / out / "result.json").exists()
    return files(journals)


def test_a_killed_evaluation_goes_on_and_gives_the_result_of_one_that_was_not(
    secondpass: Command, manual: Path, tmp_path: Path
) -> None:
    left = killed_half_way(manual, tmp_path, "killed")
    assert 0 < sum(len(content.splitlines()) - 1 for content in left.values()) < 66
    resumed, whole = (secondpass(*arguments(manual, out)) for out in ("killed", "whole"))
    assert resumed.returncode == whole.returncode == 0, resumed.stderr + whole.stderr
    journals = files(tmp_path / "killed" / "journals")
    for name, content in left.items():
        kept = content[: content.rfind(b"\n") + 1]
        assert journals[name].startswith(kept)  # what was scored before is as it was, timings too
    for content in journals.values():
        asked = [json.loads(line)["query"] for line in content.splitlines()[1:]]
        assert len(asked) == len(set(asked)) == 22
    assert read(tmp_path / "killed") == read(tmp_path / "whole")
    assert files(tmp_path / "killed" / "runs") == files(tmp_path / "whole" / "runs")
    before = files(tmp_path / "killed")
    assert secondpass(*arguments(manual, "killed")).returncode == 0
    assert files(tmp_path / "killed") == before  # nothing is scored again, so nothing is measured anew either


def test_what_comes_out_is_complete(secondpass: Command, manual: Path, tmp_path: Path) -> None:
    asked = ["--models", "bm25,bm25l", "--measure", "nDCG@10", "--measure", "MRR@5", "--k", "8", "--output", "out"]
    ran = secondpass("eval", manual, *asked)
    assert ran.returncode == 0, ran.stderr
    head, *rows = (line.split("\t") for line in ran.stdout.splitlines())
    assert head == ["model", "nDCG@10", "80 %", "to bm25", "80 %", "p", "won / even / lost"]
    assert [row[0] for row in rows[:2]] == ["no reranking", rows[1][0]]
    assert rows[1][0].startswith("ceiling (recall@8 ")
    assert [row[0] for row in rows[2:4]] == ["bm25", "bm25l"]
    for line in ("manual · bm25l: 24 of 24 queries", "the evaluation itself", "% of the scoring", "first stage"):
        assert line in ran.stderr
    out = tmp_path / "out"
    names = {f"manual-{name}.trec" for name in ("bm25", "bm25l", "no-reranking", "ceiling")}
    assert {path.name for path in (out / "runs").iterdir()} == names
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<!doctype html>" in page.lower()
    assert all(name in page for name in ("bm25", "no reranking", "ceiling"))
    assert (out / "tables.tex").read_text(encoding="utf-8").count(r"\begin{tabular}") == 4
    markdown = (out / "tables.md").read_text(encoding="utf-8")
    assert "## nDCG@10" in markdown
    assert "## RR@5" in markdown
    result = read_result(out)
    assert result.measures == ("nDCG@10", "RR@5")
    assert result.models == ("bm25", "bm25l")
    assert "--measure nDCG@10" in result.command
    assert result.machine["cores"]
    assert [record.model for record in result.records] == ["no reranking", "ceiling", "bm25", "bm25l"]


def test_json_is_one_object_and_nothing_else(secondpass: Command, manual: Path) -> None:
    ran = secondpass("eval", manual, "--models", "bm25", "--k", "5", "--sample", "3", "--output", "out", "--json")
    (table,) = json.loads(ran.stdout)["tables"]
    assert table["protocols"]["manual"]["depth"] == 5
    assert [row["model"] for row in table["rows"]] == ["no reranking", "ceiling", "bm25"]


def test_a_folder_that_is_being_written_is_refused_with_the_process(
    secondpass: Command, manual: Path, tmp_path: Path
) -> None:
    with held(tmp_path / "out"):
        ran = secondpass("eval", manual, "--models", "bm25", "--sample", "2", "--output", "out")
    assert ran.returncode == 2
    assert f"out is being written by the process {os.getpid()}: wait for it or end it" in ran.stderr
    assert secondpass("eval", manual, "--models", "bm25", "--sample", "2", "--output", "out").returncode == 0


def test_weights_move_the_mean_and_are_written_down(secondpass: Command, manual: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(manual, other)
    (other / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td5\t1\n")
    asked = ["--models", "bm25", "--k", "5", "--output", "out", "--json"]
    ran = secondpass("eval", manual, other, *asked, "--weights", "manual=3")
    (table,) = json.loads(ran.stdout)["tables"]
    assert table["weights"] == {"manual": 0.75, "other": 0.25}
    row = table["rows"][2]
    assert row["mean"]["estimate"] == pytest.approx(0.75 * row["means"]["manual"] + 0.25 * row["means"]["other"])
    assert "Weights: manual 0.75, other 0.25" in (tmp_path / "out" / "tables.md").read_text()
    assert "weighted: manual 0.75, other 0.25" in (tmp_path / "out" / "report.html").read_text()
    assert "which is no number" in secondpass("eval", manual, *asked, "--weights", "manual=much").stderr


GROUP = {
    "kind": "recency",
    "query": "limit",
    "instruction": "newest first",
    "now": "2026-05-18",
    "reversed_instruction": "oldest first",
}


def test_sets_of_instructions_are_measured_by_the_group_beside_other_collections(
    secondpass: Command, manual: Path, tmp_path: Path
) -> None:
    wishes = tmp_path / "wishes"
    wishes.mkdir()
    rows = []
    for i in range(4):
        new, old = (f"g{i}-{year}" for year in (2026, 2019))
        documents = [{"id": key, "text": f"the limit {key}", "metadata": {}} for key in (new, old)]
        labels = {"labels": {new: 3, old: 1}, "reversed_labels": {new: 1, old: 3}}
        rows.append({**GROUP, "id": f"g{i}", "documents": documents, **labels})
    (wishes / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    ran = secondpass(
        "eval", manual, wishes, "--models", "bm25", "--k", "5", "--sample", "3", "--output", "out", "--json"
    )
    assert ran.returncode == 0, ran.stderr
    value = json.loads(ran.stdout)
    (plain,), (instructed,) = value["tables"], value["instructed"]
    assert list(plain["protocols"]) == ["manual"]
    assert instructed["protocols"]["wishes"]["queries"] == 6  # three groups
    head, cells = instructed["modes"]
    assert head[1:] == ["RR(rel=3) plain", "RR(rel=3) reversed", "nDCG@10 plain", "nDCG@10 reversed", "flips", "p-MRR"]
    assert cells[1][:2] == ["random order", "0.7500"]
    assert "## wishes: RR(rel=3)" in (tmp_path / "out" / "tables.md").read_text()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "wishes: are instructions followed?" in page
    assert "random order" in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--weights", "tea=2"], "--weights names 'tea'; the mean is over manual"),
        (["--models", "bm25,bm25"], "'bm25' twice"),
        (["--models", "hybrid(bm25, embedded"], "bracket"),
        (["--models", "bm25,,embedded"], "no name beside it"),
        (["--level", "80"], "between 0 and 1"),
        (["--measure", "nDGC@10"], "not a known measure"),
        (["--first-stage", "bm26"], "There is no first stage 'bm26'"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_scored(
    secondpass: Command, manual: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    ran = secondpass("eval", manual, "--output", "out", *options)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert not (tmp_path / "out" / "journals").exists()


def test_a_data_set_that_is_not_there_is_named(secondpass: Command) -> None:
    ran = secondpass("eval", "./nowhere", "--output", "out")
    assert ran.returncode == 2
    assert "nowhere is not there" in ran.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_a_terminal_sees_what_is_left(manual: Path, tmp_path: Path) -> None:
    import pty

    main, side = pty.openpty()
    command = [sys.executable, "-m", "secondpass", "eval", str(manual), "--k", "8", "--sample", "6", "--output", "out"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=side) as process:
        os.close(side)
        seen = b""
        while True:
            try:
                part = os.read(main, 4096)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            seen += part
    os.close(main)
    assert process.returncode == 0
    assert b"manual" in seen
    assert b"6/6" in seen or b"5/6" in seen
    assert b" left" in seen


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (99.4, "99 s"), (100, "2 min"), (5_990, "1 h 40 min"), (7_500, "2 h 5 min")]
)
def test_durations_are_for_a_person(seconds: float, text: str) -> None:
    assert duration(seconds) == text
