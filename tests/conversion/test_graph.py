from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from secondpass.backends.onnx import OnnxBackend
from secondpass.conversion.graph import Rewriting, load, per_column_int8, save


def product() -> bytes:
    """x times a constant 16 × 30 matrix, under a second name, and a constant that nothing reads."""
    matrix = np.arange(480, dtype=np.float32).reshape(16, 30)
    graph = helper.make_graph(
        [
            helper.make_node("Identity", ["weight"], ["again"], name="/body/again"),
            helper.make_node("MatMul", ["x", "again"], ["y"], name="/body/product"),
        ],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 30])],
        [numpy_helper.from_array(matrix, "weight"), numpy_helper.from_array(matrix, "unread")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    serialised: bytes = made.SerializeToString()
    return serialised


def test_weights_of_a_large_graph_go_into_a_file_beside_it(tmp_path: Path) -> None:
    import onnx

    save(onnx.load_from_string(product()), tmp_path / "model.onnx", largest=100)
    assert (tmp_path / "model.onnx_data").stat().st_size >= 2 * 480 * 4
    graph = OnnxBackend(streams=1).load(tmp_path / "model.onnx")
    found = graph.run({"x": np.ones((1, 16), np.float32)})["y"]
    np.testing.assert_allclose(found, [np.arange(480).reshape(16, 30).sum(axis=0)])
    assert len(load(tmp_path / "model.onnx").graph.initializer[0].raw_data) == 480 * 4


def test_a_weight_is_found_under_its_second_name_and_what_nothing_reads_goes() -> None:
    import onnx

    written = Rewriting(onnx.load_from_string(product()), "/body/")
    (node,) = written.products()
    assert written.values(node.input[1]).shape == (16, 30)
    left = written.finish({})
    assert [each.name for each in left.graph.initializer] == ["weight"]
    assert not Rewriting(left, "/head/").products()


def test_int8_values_are_within_half_a_step() -> None:
    matrix = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)
    values, scale = per_column_int8(matrix)
    assert np.all(np.abs(values * scale - matrix) <= scale / 2 + 1e-6)
