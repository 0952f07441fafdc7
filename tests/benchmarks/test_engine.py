"""The arithmetic that the engine benchmark rests on: what is drawn, what is counted, what is printed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from benchmarks import engine, engine_floor, engine_inputs  # need onnx
from secondpass.backends.onnx import OnnxBackend


@pytest.mark.parametrize("typical", [60, 129, 250])
def test_documents_have_the_mean_length_whatever_the_collection_is_like(typical: int) -> None:
    lengths = np.random.default_rng(0).gamma(3.0, typical / 3, 1500).astype(np.int64) + 20
    chosen = engine_inputs.choose_documents(lengths, seed=1)
    assert len(set(chosen)) == engine_inputs.DOCUMENTS
    assert lengths[chosen].mean() == pytest.approx(engine_inputs.MEAN_TOKENS, abs=0.5)
    assert lengths[chosen].max() <= engine_inputs.LONGEST
    assert chosen == engine_inputs.choose_documents(lengths, seed=1)


def test_operations_of_the_published_shape() -> None:
    # 12 h² weights a layer, twice each; attention is 4 L² h a layer.
    assert engine_floor.LINEAR == 2 * 6 * 12 * 384**2
    assert engine_floor.operations([100]) == 100 * engine_floor.LINEAR + 6 * 4 * 100**2 * 384
    assert engine_floor.operations([100, 100]) == 2 * engine_floor.operations([100])


def test_leaving_out_rows_that_no_score_reads_saves_most_of_a_layer() -> None:
    whole, read = engine_floor.operations([129] * 100), engine_floor.operations([129] * 100, only_first=True)
    assert 0.8 < read / whole < 1 - 0.8 / 6


def test_a_text_of_one_token_has_nothing_to_leave_out() -> None:
    assert engine_floor.operations([1], only_first=True) == engine_floor.operations([1])


def test_the_floors_graph_multiplies_every_layer_and_stays_in_range(tmp_path: Path) -> None:
    import onnx

    path = tmp_path / "floor.onnx"
    onnx.save(engine_floor.graph(), str(path))
    assert sum(node.op_type == "MatMul" for node in onnx.load(path).graph.node) == 6 * 6
    states = np.random.default_rng(0).integers(0, 255, (8, engine_floor.HIDDEN)).astype(np.float32)
    out = OnnxBackend(streams=1).load(path).run({"states": states})["out"]
    assert out.shape == states.shape
    assert 0 < np.mean(out > 0) < 1


def test_a_worker_that_dies_is_a_typed_error(tmp_path: Path) -> None:
    import sys

    (tmp_path / "pairs.json").write_text(json.dumps([["q", "d"]]), encoding="utf-8")
    task = {"kind": "secondpass", "model": str(tmp_path), "pairs": str(tmp_path / "pairs.json"), "options": {}}
    with pytest.raises(engine.WorkerFailed, match="ended with 1"):
        engine.Worker(Path(sys.executable), task)


def test_contenders_and_environments_fit_together() -> None:
    names = [contender.name for contender in engine.CONTENDERS]
    assert len(set(names)) == len(names)
    assert {engine.OURS, engine.PLAIN, engine.REFERENCE} <= set(names)
    assert {contender.environment for contender in engine.CONTENDERS} - {""} == set(engine.ENVIRONMENTS)
