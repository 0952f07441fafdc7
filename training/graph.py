"""Writes a BERT-shaped encoder as an ONNX graph of standard operators, in fp32 or statically quantised int8.

The graph is written operator by operator rather than traced, so that every activation scale is static (a pair's score
cannot depend on its neighbours), the word embeddings stay int8 until the rows in use are gathered, and onnxruntime and
OpenVINO both find the patterns they fuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from secondpass.conversion.calibration import Ranges
from secondpass.conversion.graph import per_column_int8

OPSET = 20
Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a BERT encoder, named as in its config.json."""

    layers: int
    hidden: int
    heads: int
    epsilon: float = 1e-12


@dataclass(slots=True)
class Graph:
    """Nodes and initialisers under construction; `ranges` (activation name → least, greatest) switches int8 on."""

    weights: Weights
    ranges: Ranges | None = None
    smoothing: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.weights[name])

    def linear(self, source: str, name: str, output: str) -> str:
        """`source` times the transposed weight, plus bias: int8 × int8 where ranges are known for `source`."""
        matrix = self.weights[f"{name}.weight"].T
        if self.ranges is None:
            product = self.op("MatMul", [source, self.constant(f"{name}.kernel", matrix)], f"{output}.product")
        else:
            activation = self.quantised(source)
            factor = self.smoothing.get(source)
            values, scale = per_column_int8(matrix if factor is None else matrix * factor[:, None])
            kernel = self.op(
                "DequantizeLinear",
                [self.constant(f"{name}.kernel", values), self.constant(f"{name}.scale", scale)],
                f"{name}.kernel.float",
                axis=1,
            )
            product = self.op("MatMul", [activation, kernel], f"{output}.product")
        return self.op("Add", [product, self.weight(f"{name}.bias")], output)

    def quantised(self, source: str) -> str:
        """`source` through uint8 with its calibrated range; made once however many matrices read it."""
        output = f"{source}.u8.float"
        if any(node.output[0] == output for node in self.nodes):
            return output
        assert self.ranges is not None
        low, high = self.ranges[source]
        scale = np.float32((high - low) / 255)
        zero = np.uint8(np.clip(round(-low / float(scale)), 0, 255))
        if source in self.smoothing:
            inverse = self.constant(f"{source}.smooth", 1 / self.smoothing[source])
            source = self.op("Mul", [source, inverse], f"{source}.even")
        pair = [self.constant(f"{source}.s", np.asarray(scale)), self.constant(f"{source}.z", np.asarray(zero))]
        self.op("QuantizeLinear", [source, *pair], f"{source}.u8")
        return self.op("DequantizeLinear", [f"{source}.u8", *pair], output)

    def table(self, name: str, ids: str, output: str) -> str:
        """Rows of an embedding table; int8 with a scale a row where the graph is quantised."""
        matrix = self.weights[name]
        if self.ranges is None:
            return self.op("Gather", [self.constant(name, matrix), ids], output)
        values, scale = per_column_int8(matrix.T)
        self.op("Gather", [self.constant(name, values.T), ids], f"{output}.i8")
        self.op("Gather", [self.constant(f"{name}.scale", scale[:, None]), ids], f"{output}.scale")
        self.op("Cast", [f"{output}.i8"], f"{output}.cast", to=TensorProto.FLOAT)
        return self.op("Mul", [f"{output}.cast", f"{output}.scale"], output)

    def norm(self, source: str, name: str, output: str, epsilon: float) -> str:
        inputs = [source, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        return self.op("LayerNormalization", inputs, output, axis=-1, epsilon=epsilon)

    def model(
        self, inputs: Mapping[str, tuple[int, list[str | int]]], outputs: Mapping[str, list[str | int]]
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "secondpass",
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs.items()],
            list(self.constants.values()),
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        onnx.checker.check_model(made)
        return made


def encoder(
    graph: Graph, shape: Shape, *, prefix: str = "", token_types: bool = False, only_first: bool = False
) -> str:
    """Add the encoder's layers; reads `input_ids`, `attention_mask` (and `token_type_ids`). Gives `states`.

    `only_first` leaves out what the first token's last state does not depend on: the other rows of the last layer.
    """
    if token_types:
        graph.table(f"{prefix}embeddings.token_type_embeddings.weight", "token_type_ids", "types")
    else:
        row = graph.weights[f"{prefix}embeddings.token_type_embeddings.weight"][0]
        graph.constant("types", row)
    graph.table(f"{prefix}embeddings.word_embeddings.weight", "input_ids", "words")
    zero, one = graph.constant("zero", np.array([0])), graph.constant("one", np.array([1]))
    graph.op("Shape", ["input_ids"], "length", start=1, end=2)
    positions = graph.weight(f"{prefix}embeddings.position_embeddings.weight")
    graph.op("Slice", [positions, zero, "length", zero, one], "positions")
    graph.op("Add", ["words", "positions"], "words.placed")
    graph.op("Add", ["words.placed", "types"], "embedded")
    x = graph.norm("embedded", f"{prefix}embeddings.LayerNorm", "layer.0.in", shape.epsilon)
    # 0 where a token stands, a large negative number where padding does: (batch, 1, 1, length).
    graph.op("Cast", ["attention_mask"], "mask.float", to=TensorProto.FLOAT)
    graph.op("Sub", [graph.constant("one.float", np.array([1], np.float32)), "mask.float"], "mask.absent")
    graph.op("Mul", ["mask.absent", graph.constant("far", np.array([-10000], np.float32))], "mask.flat")
    graph.op("Unsqueeze", ["mask.flat", graph.constant("axes", np.array([1, 2]))], "mask")
    for i in range(shape.layers):
        asking = x
        if only_first and i == shape.layers - 1:
            asking = graph.op("Slice", [x, zero, one, one], f"layer.{i}.first")
        output = "states" if i == shape.layers - 1 else f"layer.{i + 1}.in"
        x = _layer(graph, shape, x, f"{prefix}encoder.layer.{i}", f"layer.{i}", output, asking)
    return x


def classifier(graph: Graph, states: str, *, pooler: str = "bert.pooler.dense", head: str = "classifier") -> str:
    """Add BERT's head on the first token: dense, tanh, dense, in fp32 as it reads one row. Gives the logits' name."""
    first = graph.op("Gather", [states, graph.constant("first", np.array(0))], "pooler.in", axis=1)
    dense = [graph.constant(f"{pooler}.kernel", graph.weights[f"{pooler}.weight"].T), graph.weight(f"{pooler}.bias")]
    graph.op("Tanh", [graph.op("Gemm", [first, *dense], "pooler.dense")], "pooled")
    last = [graph.constant(f"{head}.kernel", graph.weights[f"{head}.weight"].T), graph.weight(f"{head}.bias")]
    return graph.op("Gemm", ["pooled", *last], "logits")


def _layer(graph: Graph, shape: Shape, x: str, name: str, at: str, output: str, asking: str) -> str:
    """One layer of states for the rows of `asking` (`x`, or some of its rows), which read all of `x`."""
    size = shape.hidden // shape.heads
    split = graph.constant("split", np.array([0, 0, shape.heads, size]))
    merge = graph.constant("merge", np.array([0, 0, shape.hidden]))
    heads: dict[str, str] = {}
    for role, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3])):
        graph.linear(asking if role == "query" else x, f"{name}.attention.self.{role}", f"{at}.{role}")
        graph.op("Reshape", [f"{at}.{role}", split], f"{at}.{role}.split")
        heads[role] = graph.op("Transpose", [f"{at}.{role}.split"], f"{at}.{role}.heads", perm=order)
    graph.op("MatMul", [heads["query"], heads["key"]], f"{at}.raw")
    graph.op("Mul", [f"{at}.raw", graph.constant("scale", np.array([size**-0.5], np.float32))], f"{at}.scaled")
    graph.op("Add", [f"{at}.scaled", "mask"], f"{at}.masked")
    graph.op("Softmax", [f"{at}.masked"], f"{at}.attention", axis=-1)
    graph.op("MatMul", [f"{at}.attention", heads["value"]], f"{at}.read")
    graph.op("Transpose", [f"{at}.read"], f"{at}.read.back", perm=[0, 2, 1, 3])
    graph.op("Reshape", [f"{at}.read.back", merge], f"{at}.context")
    graph.linear(f"{at}.context", f"{name}.attention.output.dense", f"{at}.attended")
    graph.op("Add", [f"{at}.attended", asking], f"{at}.residual")
    middle = graph.norm(f"{at}.residual", f"{name}.attention.output.LayerNorm", f"{at}.middle", shape.epsilon)
    graph.linear(middle, f"{name}.intermediate.dense", f"{at}.wide")
    graph.op("Gelu", [f"{at}.wide"], f"{at}.gelu")
    graph.linear(f"{at}.gelu", f"{name}.output.dense", f"{at}.narrow")
    graph.op("Add", [f"{at}.narrow", middle], f"{at}.out")
    return graph.norm(f"{at}.out", f"{name}.output.LayerNorm", output, shape.epsilon)


def activations(shape: Shape, *, only_first: bool = False) -> list[str]:
    """Names of the tensors that feed a quantised matrix product and so need a calibrated range."""
    per_layer = ("in", "context", "middle", "gelu")
    names = [f"layer.{i}.{name}" for i in range(shape.layers) for name in per_layer]
    return [*names, f"layer.{shape.layers - 1}.first"] if only_first else names
