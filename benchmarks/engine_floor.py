"""The floor of the engine benchmark: the model's int8 matrix products alone, as fast as this machine does them.

One graph with every linear layer of the encoder in a row, uint8 × int8 → uint8, without bias, attention, norms and
embeddings, over real tokens without padding.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from secondpass.backends.base import Graph
from secondpass.backends.choose import choose

LAYERS, HIDDEN, WIDE = 6, 384, 1536
TOKENS = 1024
_SHAPES = [*[(HIDDEN, HIDDEN)] * 4, (HIDDEN, WIDE), (WIDE, HIDDEN)] * LAYERS
LINEAR = 2 * sum(rows * columns for rows, columns in _SHAPES)
"""Operations a token in linear layers."""


def operations(lengths: Sequence[int], *, only_first: bool = False) -> int:
    """Multiplications and additions of the whole forward pass over texts of these lengths, attention included.

    `only_first`: as our graph does it, where the last layer computes the first token's state alone.
    """
    attention = [4 * length**2 * HIDDEN for length in lengths]
    if not only_first:
        return sum(lengths) * LINEAR + LAYERS * sum(attention)
    full = sum(lengths) * LINEAR * (LAYERS - 1) // LAYERS + (LAYERS - 1) * sum(attention)
    # Keys and values of every token; query, output and feed-forward of the first; its attention to all.
    last = sum(lengths) * 4 * HIDDEN**2 + len(lengths) * (4 * HIDDEN**2 + 4 * HIDDEN * WIDE)
    return full + last + sum(4 * length * HIDDEN for length in lengths)


class Floor:
    """Measures the rate on `threads` cores with each backend that is installed."""

    def __init__(self, folder: Path, threads: int) -> None:
        path = folder / "floor.onnx"
        onnx.save(graph(), str(path))
        self._threads = threads
        self._graphs: dict[str, Graph] = {}
        for name in ("onnxruntime", "openvino"):
            try:
                self._graphs[name] = choose(name, streams=threads).load(path)
            except ImportError:
                continue
        self._states = np.random.default_rng(0).integers(0, 255, (TOKENS, HIDDEN), np.uint8).astype(np.float32)

    def rates(self, repeats: int = 6) -> dict[str, float]:
        """Operations a second, by backend; the best of a few rounds in which every core multiplies."""
        return {name: max(self._rate(graph) for _ in range(repeats)) for name, graph in self._graphs.items()}

    def _rate(self, graph: Graph) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(self._threads) as pool:
            list(pool.map(lambda _: graph.run({"states": self._states}), range(2 * self._threads)))
        return 2 * self._threads * TOKENS * LINEAR / (time.perf_counter() - began)


def graph() -> onnx.ModelProto:
    """Every linear layer after the other; scales are such that values stay in range."""
    random = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(np.array(1.0, np.float32), "scale"),
        numpy_helper.from_array(np.array(0, np.uint8), "zero"),
    ]
    nodes = [helper.make_node("QuantizeLinear", ["states", "scale", "zero"], ["q0"])]
    for i, (rows, columns) in enumerate(_SHAPES):
        constants += [
            numpy_helper.from_array(random.integers(-127, 128, (rows, columns), np.int8), f"w{i}"),
            numpy_helper.from_array(np.full(columns, 1 / (64 * rows**0.5), np.float32), f"s{i}"),
        ]
        nodes += [
            helper.make_node("DequantizeLinear", [f"q{i}", "scale", "zero"], [f"x{i}"]),
            helper.make_node("DequantizeLinear", [f"w{i}", f"s{i}"], [f"k{i}"], axis=1),
            helper.make_node("MatMul", [f"x{i}", f"k{i}"], [f"y{i}"]),
            helper.make_node("QuantizeLinear", [f"y{i}", "scale", "zero"], [f"q{i + 1}"]),
        ]
    nodes.append(helper.make_node("DequantizeLinear", [f"q{len(_SHAPES)}", "scale", "zero"], ["out"]))
    made = helper.make_graph(
        nodes,
        "floor",
        [helper.make_tensor_value_info("states", TensorProto.FLOAT, ["tokens", HIDDEN])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["tokens", HIDDEN])],
        constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
