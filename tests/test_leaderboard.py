"""The pages that collect what was measured say what the records say, and never put two protocols into one table."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.test_docs import ROOT, script

RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture
def board() -> ModuleType:
    return script("leaderboard")


@pytest.fixture
def evaluation(board: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = deepcopy(board.stored()[0])
    return found


def test_the_leaderboard_says_what_was_stored() -> None:
    assert script("leaderboard").is_current(), "run python docs/leaderboard.py"


def test_the_page_of_benchmarks_says_what_was_recorded() -> None:
    assert script("benchmarks").is_current(), "run python docs/benchmarks.py"


def test_every_record_is_on_the_page_of_benchmarks_with_its_command_and_date() -> None:
    benchmarks = script("benchmarks")
    assert {path.name for path in RESULTS.glob("*.json")} == {section.file for section in benchmarks.SECTIONS}
    for section in benchmarks.page().split("\n## ")[1:]:
        assert re.search(r"(python -m|python|secondpass) (benchmarks|eval)", section), section[:40]
        assert re.search(r"2\d November 2026|2026-1\d-\d\d", section), section[:40]


def test_a_table_has_the_protocol_the_machine_and_the_command_beside_it(
    board: ModuleType, evaluation: dict[str, Any]
) -> None:
    made = evaluation["tables"][0]
    text = board.section(evaluation, made)
    protocol = next(iter(made["protocols"].values()))
    told = [protocol["first_stage"], f"first {protocol['depth']} of", protocol["digest"][:8], evaluation["command"]]
    told += [evaluation["started"], evaluation["machine"]["processor"], f"seed {protocol['seed']}"]
    assert not [each for each in told if each not in text]
    for row in made["rows"]:
        assert f"| {row['model']} | {row['mean']['estimate']:.4f} |" in text
        assert all(f"{mean:.4f}" in text for mean in row["means"].values())


def test_models_stand_by_their_means_between_the_first_stage_and_the_ceiling(
    board: ModuleType, evaluation: dict[str, Any]
) -> None:
    rows = board.ordered(evaluation["tables"][0])
    models = [row["mean"]["estimate"] for row in rows if row["speed"] is not None]
    assert models == sorted(models, reverse=True)
    assert rows[0]["model"] == "no reranking"
    assert rows[-1]["model"] == "ceiling"


def test_two_protocols_in_one_table_are_refused(board: ModuleType, evaluation: dict[str, Any]) -> None:
    made = evaluation["tables"][0]
    protocols = made["protocols"]
    protocols["other"] = {**next(iter(protocols.values())), "depth": 7}
    with pytest.raises(SystemExit, match="mixes the protocols"):
        board.section(evaluation, made)


def test_a_folder_of_an_evaluation_is_kept_without_runs_and_becomes_the_page(
    board: ModuleType, evaluation: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = evaluation["tables"][0]["rows"][0]
    row["mean"]["estimate"] = 0.123456789
    whole = {**evaluation, "layout": 1, "records": [{"run": {"q": {"d": 1.0}}}]}
    (tmp_path / "result.json").write_text(json.dumps(whole), encoding="utf-8")
    monkeypatch.setattr(board, "RESULTS", tmp_path / "eval.json")
    monkeypatch.setattr(board, "PAGE", tmp_path / "leaderboard.md")
    board.main([str(tmp_path)])
    kept = board.stored()[0]
    assert set(kept) == {*board.KEPT, "tables"}
    assert kept["tables"][0]["rows"][0]["mean"]["estimate"] == 0.123457
    assert "| 0.1235 |" in (tmp_path / "leaderboard.md").read_text(encoding="utf-8")
    assert board.is_current()
