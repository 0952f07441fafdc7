"""What survives a kill, and what is read back from a result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.record import Evaluation, Protocol, Record
from secondpass.evaluation.speed import Timing
from secondpass.evaluation.store import Answer, Journal, Key, plain, read_result, write_result, write_runs
from secondpass.evaluation.trec import read_run

PROTOCOL = Protocol("kettle", "bm25", 3, 2, 0, "c0ffee")
KEY = Key(PROTOCOL, "hybrid(bm25, embedded)", "v1", {"cores": "2"})
FIRST = Answer((0.1, -2.5, 1e-17), (1,), Timing(0.25, 3, 60), 101.5)
SECOND = Answer((), (), Timing(0.0, 0, 0), None)
RECORD = Record(
    protocol=PROTOCOL,
    model="./my model",
    version="v1",
    values={"nDCG@10": {"a": 0.1 + 0.2, "b": 0.0}},
    run={"a": {"2": 1.5, "1": -0.30000000000000004}, "b": {}},
    timings={"a": Timing(0.125, 2, 40)},
    truncated={"a": ("1",)},
    peak_mib=90.25,
    tied=("b",),
)
EVALUATION = Evaluation(
    records=(RECORD, replace(RECORD, model="other", peak_mib=None)),
    measures=("nDCG@10",),
    models=("./my model", "other"),
    seed=3,
    command="secondpass eval kettle",
    started="2026-11-20T10:00:00+00:00",
    machine={"processor": "one"},
    versions={"secondpass": "0.1.0"},
)


def kept(folder: Path) -> Path:
    with Journal(folder, KEY, now="then") as journal:
        journal.add("a", FIRST)
        journal.add("b", SECOND)
    return journal.path


def test_a_journal_gives_back_what_was_added_and_when_it_was_begun(tmp_path: Path) -> None:
    kept(tmp_path)
    with Journal(tmp_path, KEY, now="now") as journal:
        assert journal.answers == {"a": FIRST, "b": SECOND}
        assert journal.started == "then"


def test_an_answer_is_in_the_file_before_the_next_one(tmp_path: Path) -> None:
    with Journal(tmp_path, KEY, now="then") as journal:
        journal.add("a", FIRST)
        assert len(journal.path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_dropped_and_the_rest_goes_on(tmp_path: Path, cut: int) -> None:
    path = kept(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with Journal(tmp_path, KEY, now="now") as journal:
        assert list(journal.answers) == ["a"]
        journal.add("b", SECOND)
    assert path.read_bytes() == whole


def test_a_journal_that_was_torn_in_its_first_line_begins_anew(tmp_path: Path) -> None:
    path = kept(tmp_path)
    path.write_bytes(path.read_bytes()[:20])
    with Journal(tmp_path, KEY, now="now") as journal:
        assert not journal.answers
        assert journal.started == "now"
    assert json.loads(path.read_text())["model"] == KEY.model


def test_a_damaged_line_is_named_with_its_place(tmp_path: Path) -> None:
    path = kept(tmp_path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], '{"query": "a"}', lines[2], ""]))
    with pytest.raises(InputError, match=r"jsonl:2 is no line of a journal .*remove the file"):
        Journal(tmp_path, KEY, now="now")


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, version="v2"),
        replace(KEY, model="hybrid(bm25. embedded)"),
        replace(KEY, where={"cores": "4"}),
        replace(KEY, protocol=replace(PROTOCOL, digest="decaf")),
        replace(KEY, protocol=replace(PROTOCOL, depth=4)),
    ],
)
def test_another_model_protocol_or_machine_has_another_journal(tmp_path: Path, other: Key) -> None:
    kept(tmp_path)
    with Journal(tmp_path, other, now="now") as journal:
        assert not journal.answers


def test_a_name_becomes_a_file_name_that_every_system_takes() -> None:
    assert plain("a/b:c", "hybrid(bm25, é)") == "a-b-c-hybrid-bm25"
    assert plain("..", "//") == "unnamed"


def test_a_result_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = write_result(tmp_path, EVALUATION, [{"measure": "nDCG@10"}])
    assert read_result(path) == read_result(tmp_path) == EVALUATION
    assert json.loads(path.read_text())["tables"] == [{"measure": "nDCG@10"}]


@pytest.mark.parametrize("content", ["[]", "{}", "nothing", '{"layout": 99}'])
def test_what_is_no_result_is_refused_with_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(InputError, match=r"result\.json"):
        read_result(tmp_path)


def test_a_result_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_result(tmp_path / "none.json")


def test_runs_are_files_that_trec_eval_reads(tmp_path: Path) -> None:
    assert write_runs(tmp_path, EVALUATION.records) == {}
    found = read_run(tmp_path / "runs" / "kettle-my-model.trec")
    assert found.run == {"a": RECORD.run["a"]}
    assert (tmp_path / "runs" / "kettle-other.trec").is_file()


def test_two_models_whose_names_come_out_the_same_have_two_files(tmp_path: Path) -> None:
    write_runs(tmp_path, [replace(RECORD, model="a:b"), replace(RECORD, model="a/b")])
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_run_that_no_file_can_hold_is_told_of_and_the_others_are_written(tmp_path: Path) -> None:
    spaced = replace(RECORD, model="spaced", run={"a": {"doc 1": 1.0}})
    refused = write_runs(tmp_path, [spaced, RECORD])
    assert list(refused) == ["kettle spaced"]
    assert "white space" in refused["kettle spaced"]
    assert (tmp_path / "runs" / "kettle-my-model.trec").is_file()
