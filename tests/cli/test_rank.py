"""`secondpass rank` as a user runs it. BM25 where only the command's own behaviour matters: it needs no weights."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import checkpoints
from tests.cli.conftest import Command

QUERY = "warrants for searches of houses"
FILE = "amendments.jsonl"


@pytest.fixture
def amendments(tmp_path: Path, examples: Path) -> list[dict[str, Any]]:
    """The example file, copied to where the command runs."""
    text = (examples / FILE).read_text(encoding="utf-8")
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def as_json(secondpass: Command, *arguments: str, stdin: str = "") -> dict[str, Any]:
    ran = secondpass("rank", *arguments, "--json", stdin=stdin)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize(("documents", "started"), [(20, False), (1000, True)])
def test_few_documents_do_not_wait_for_openvino_to_start(documents: int, started: bool, tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    (tmp_path / "notes.txt").write_text("a note\n" * documents)
    command = [sys.executable, "-X", "importtime", "-m", "secondpass", "rank", "note", "notes.txt", "--top", "1"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert ("openvino" in imported) is started


def test_a_model_without_an_onnx_file_is_ranked_by_torch(secondpass: Command, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    folder = checkpoints.write_checkpoint(tmp_path / "model", "bert")
    shutil.rmtree(folder / "onnx")
    done = secondpass("rank", "who?", "--model", folder, "--json", stdin="a panda\na river\n")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["hits"]) == 2
    assert done.stderr == ""


def test_a_query_is_cut_where_the_user_says_so(secondpass: Command, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    folder = str(checkpoints.write_weigher(tmp_path / "model", checkpoints.word_piece()))
    given = ("river " * 40, "--model", folder, "--max-query-tokens", "8")
    cut = as_json(secondpass, *given, "--truncation", "reference", stdin="a river\n")
    shorter = as_json(secondpass, "river " * 6, "--model", folder, stdin="a river\n")
    assert cut["hits"][0]["logit"] == shorter["hits"][0]["logit"]
    alone = secondpass("rank", *given, stdin="a river\n")
    assert alone.returncode != 0
    assert "max_query_tokens=8 cuts the query" in alone.stderr


def test_the_embedded_model_ranks_without_being_named(secondpass: Command, amendments: list[dict[str, Any]]) -> None:
    found = as_json(secondpass, "may the police enter my home without permission from a judge?", FILE, "--top", "3")
    assert found["model"] == "embedded"
    assert "4" in [hit["document"]["id"] for hit in found["hits"]]


def test_a_pipe_gets_every_document_whole_best_first(secondpass: Command, amendments: list[dict[str, Any]]) -> None:
    ran = secondpass("rank", QUERY, FILE, "--model", "bm25")
    header, *rows = (line.split("\t") for line in ran.stdout.splitlines())
    assert header == ["rank", "score", "id", "title", "text"]
    assert [row[0] for row in rows] == [str(n) for n in range(1, len(amendments) + 1)]
    assert rows[0][2:4] == ["4", "Fourth Amendment"]
    assert {row[4] for row in rows} == {document["text"] for document in amendments}
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_json_is_the_whole_ranking_with_where_each_document_was_read(
    secondpass: Command, amendments: list[dict[str, Any]]
) -> None:
    found = as_json(secondpass, QUERY, FILE, "--model", "bm25", "--top", "2")
    assert (found["query"], found["model"], len(found["hits"])) == (QUERY, "bm25", 2)
    best = found["hits"][0]
    assert best["document"]["metadata"] == {"ratified": 1791}
    assert (best["index"], best["source"]) == (3, f"{FILE}:4")
    assert {"logit", "score", "tokens", "truncated", "chunks", "signals"} <= set(best)


def test_explain_shows_what_a_score_is_made_of(secondpass: Command, amendments: list[dict[str, Any]]) -> None:
    ran = secondpass("rank", QUERY, FILE, "--model", "bm25", "--explain", "--top", "1")
    header, row = (line.split("\t") for line in ran.stdout.splitlines())
    explained = dict(zip(header, row, strict=True))
    assert int(explained["tokens"]) > 20
    assert (explained["cut"], explained["chunks"]) == ("no", "1")
    assert float(explained["logit"])


@pytest.mark.usefixtures("amendments")
def test_explained_a_hybrid_shows_what_each_part_made_of_a_document(secondpass: Command) -> None:
    ran = secondpass("rank", QUERY, FILE, "--model", "hybrid(log-odds: bm25=0.3, bm25l)", "--explain", "--top", "1")
    header, row = (line.split("\t") for line in ran.stdout.splitlines())
    shown = dict(zip(header, row, strict=True))
    assert float(shown["bm25"]) > 0
    assert float(shown["bm25l"]) > 0


def test_top_and_min_score_drop_and_nothing_else_does(secondpass: Command, amendments: list[dict[str, Any]]) -> None:
    everything = as_json(secondpass, QUERY, FILE, "--model", "bm25")["hits"]
    assert len(everything) == len(amendments)
    middle = everything[2]["score"]
    kept = as_json(secondpass, QUERY, FILE, "--model", "bm25", "--min-score", str(middle))["hits"]
    assert kept == [hit for hit in everything if hit["score"] >= middle]


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["--format", "lines"], "cats purr\ndogs bark\n"),
        ([], "cats purr\ndogs bark\n"),
        (["-"], "cats purr\ndogs bark\n"),
        ([], '{"text": "cats purr"}\n{"text": "dogs bark"}\n'),
        (["--text-field", "body"], '{"body": "cats purr"}\n{"body": "dogs bark"}\n'),
        ([], '["cats purr", "dogs bark"]'),
        (["--format", "csv"], "text\ncats purr\ndogs bark\n"),
        (["--format", "tsv", "--text-field", "what"], "no\twhat\n1\tcats purr\n2\tdogs bark\n"),
    ],
)
def test_stdin_is_read_in_every_format(secondpass: Command, arguments: list[str], stdin: str) -> None:
    found = as_json(secondpass, "which animals bark", "--model", "bm25", *arguments, stdin=stdin)
    assert [hit["index"] for hit in found["hits"]] == [1, 0]


def test_documents_without_an_id_are_named_by_their_place(secondpass: Command, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("cats purr\n")
    (tmp_path / "b.csv").write_text("text\ndogs bark\n")
    ran = secondpass("rank", "bark", "a.txt", "b.csv", "--model", "bm25")
    assert [line.split("\t")[2] for line in ran.stdout.splitlines()] == ["id", "b.csv:2", "a.txt:1"]


def test_whole_records_are_ranked_by_what_they_hold(secondpass: Command) -> None:
    schemas = '{"name": "send_mail", "parameters": {"to": "string"}}\n{"name": "get_weather", "parameters": {}}\n'
    found = as_json(secondpass, "weather", "--model", "bm25", stdin=schemas)
    assert found["hits"][0]["document"]["name"] == "get_weather"


def test_a_cut_document_is_reported_on_stderr_alone(secondpass: Command) -> None:
    ran = secondpass("rank", "needle", "--max-tokens", "64", stdin="short\n" + "hay " * 500 + "\n")
    assert ran.returncode == 0
    assert "1 of 2 documents are longer than was read; --policy chunk reads them whole" in ran.stderr
    assert "longer" not in ran.stdout


def test_policy_error_refuses_a_long_document_with_exit_2(secondpass: Command) -> None:
    ran = secondpass("rank", "needle", "--max-tokens", "64", "--policy", "error", stdin="hay " * 500)
    assert ran.returncode == 2
    assert ran.stdout == ""


def test_an_empty_query_is_refused_with_exit_2(secondpass: Command) -> None:
    ran = secondpass("rank", " ", "--model", "bm25", stdin="a document\n")
    assert ran.returncode == 2
    assert "query" in ran.stderr


@pytest.mark.parametrize("output", ["--json", "--explain"])
def test_a_lone_surrogate_passes_through(secondpass: Command, output: str) -> None:
    ran = secondpass("rank", "q", "--model", "bm25", output, stdin='{"text": "broken \\ud800 text"}\n')
    assert ran.returncode == 0
    assert "broken \\ud800 text" in ran.stdout


def test_a_text_with_quotes_tabs_and_line_ends_comes_out_of_a_pipe_on_one_line(secondpass: Command) -> None:
    record = json.dumps({"text": 'a\t"b"\nc'})
    (row,) = list(csv.reader(secondpass("rank", "a", "--model", "bm25", stdin=record).stdout.splitlines()[1:]))
    assert row[0].endswith('a\\t"b"\\nc')


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_gets_a_table_that_fits_it(tmp_path: Path, amendments: list[dict[str, Any]]) -> None:
    shown = in_terminal(["rank", QUERY, FILE, "--model", "bm25", "--top", "3"], tmp_path, columns=80)
    lines = shown.splitlines()
    assert lines[0].startswith(f"{QUERY} · bm25")
    assert lines[1].split() == ["rank", "score", "id", "title", "text"]
    assert len(lines) == 5
    assert all(len(line) <= 80 for line in lines)
    assert "Fourth Amendment" in lines[2]
    assert "…" in lines[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("a line about something\n" * 20_000)
    command = f"{sys.executable} -m secondpass rank something long.txt --model bm25 | head -n 1"
    ran = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == "rank\tscore\tid\ttext\n"
    assert ran.stderr == ""


def in_terminal(arguments: list[str], folder: Path, *, columns: int) -> str:
    """What a terminal of that width would show."""
    import pty

    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "LINES": "24", "TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", "secondpass", *arguments], cwd=folder, env=environment, stdout=follower
    ) as process:
        os.close(follower)
        shown = b"".join(iter(lambda: _read(leader), b""))
    os.close(leader)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a pseudo-terminal so
        return b""


def test_near_duplicates_are_left_out_and_told_of(secondpass: Command) -> None:
    text = "the dog barks at night when the moon is full\n" * 3 + "a dog barks\ncats purr\n"
    ran = secondpass("rank", "dog barks", "--model", "bm25", "--collapse", "0.9", "--top", "2", stdin=text)
    assert len(ran.stdout.splitlines()) == 3
    assert "2 near-duplicates of these are left out." in ran.stderr
    found = as_json(secondpass, "dog barks", "--model", "bm25", "--collapse", "0.9", stdin=text)
    assert sorted(len(hit["duplicates"]) for hit in found["hits"]) == [0, 0, 2]


def test_what_is_different_comes_up_where_that_is_wanted(secondpass: Command) -> None:
    text = "a dog barks\na dog barks\nthe old dog barks loudly\ncats purr\n"
    plain = as_json(secondpass, "dog barks", "--model", "bm25", stdin=text)
    spread = as_json(secondpass, "dog barks", "--model", "bm25", "--diversify", "0.6", "--top", "2", stdin=text)
    assert [hit["index"] for hit in plain["hits"]][:2] == [0, 1]
    assert [hit["index"] for hit in spread["hits"]] == [0, 2]


def test_of_a_document_in_chunks_the_best_passage_is_shown(secondpass: Command, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    folder = checkpoints.write_checkpoint(tmp_path / "model", "bert")
    text = "The river runs to the sea. " * 40
    chunked = (
        "--model",
        folder,
        "--policy",
        "chunk",
        "--chunk-by",
        "sentences",
        "--overlap",
        "0",
        "--max-tokens",
        "48",
    )
    ran = secondpass("rank", "who?", *chunked, "--aggregate", "mean-best", "--explain", stdin=text)
    assert ran.returncode == 0, ran.stderr
    header, row = csv.reader(ran.stdout.splitlines(), delimiter="\t")
    told = dict(zip(header, row, strict=True))
    start, end = map(int, told["span"].split(":"))
    assert int(told["chunks"]) > 2
    assert told["text"] == " ".join(text[start:end].split())
    assert end - start < len(text) / 2


def test_a_long_query_is_read_in_chunks_where_the_user_says_so(secondpass: Command, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    folder = checkpoints.write_checkpoint(tmp_path / "model", "bert")
    asked = ("rank", "who is the panda? " * 40, "--model", folder)
    assert secondpass(*asked, stdin="a panda").returncode == 2
    assert secondpass(*asked, "--query-policy", "chunk", stdin="a panda").returncode == 0
