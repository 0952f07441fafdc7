"""An fp32 graph in int8: weights with a scale a column, activations with one that real texts fixed, none by batch.

Knows matrix products and embedding tables; nothing of architectures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secondpass.conversion.calibration import Batch, Factors, Ranges, calibrated
from secondpass.conversion.graph import Rewriting, per_column_int8

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_NORMED = "LayerNormalization"  # gives activations of which a few channels are far greater than the others


def static_int8(model: ModelProto, scope: str, batches: Sequence[Batch]) -> ModelProto:
    """The model in int8, but for its heads; `scope` is what the names of the body's nodes begin with.

    `batches`: the graph's inputs for real texts, (rows, length) each.
    """
    written = Rewriting(model, scope)
    watched = sorted({node.input[0] for node in written.products()})
    found = calibrated(_watching(model, watched), watched, batches, _heaviest(written))
    made = _Quantised(written, *found)
    replaced = {node.output[0]: made.product(node) for node in written.products()}
    replaced |= {node.output[0]: small_table(written, node) for node in written.tables()}
    return written.finish(replaced)


def small_table(written: Rewriting, node: NodeProto) -> list[NodeProto]:
    """The rows of an embedding table from int8 with a scale a row: they stay so until those in use are gathered."""
    from onnx import TensorProto, helper

    name, ids = node.input
    values, scale = per_column_int8(written.values(name).T)
    table, scales = written.constant(f"{name}.i8", values.T), written.constant(f"{name}.scale", scale[:, None])
    out = node.output[0]
    return [
        helper.make_node("Gather", [table, ids], [f"{out}.i8"], name=f"{out}.i8"),
        helper.make_node("Gather", [scales, ids], [f"{out}.scale"], name=f"{out}.scale"),
        helper.make_node("Cast", [f"{out}.i8"], [f"{out}.cast"], name=f"{out}.cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{out}.cast", f"{out}.scale"], [out], name=node.name),
    ]


@dataclass(slots=True)
class _Quantised:
    """Makes the nodes of matrix products; an activation goes through uint8 once, however many matrices read it."""

    written: Rewriting
    ranges: Ranges
    factors: Factors
    _made: set[str] = field(default_factory=set)

    def product(self, node: NodeProto) -> list[NodeProto]:
        from onnx import helper

        source, name = node.input
        factor = self.factors.get(source)
        matrix = self.written.values(name)
        values, scale = per_column_int8(matrix if factor is None else matrix * factor[:, None])
        at = f"{node.output[0]}.kernel"
        kernel = [self.written.constant(at, values), self.written.constant(f"{at}.scale", scale)]
        return [
            *self._activation(source),
            helper.make_node("DequantizeLinear", kernel, [f"{at}.float"], name=f"{at}.float", axis=1),
            helper.make_node("MatMul", [f"{source}.u8.float", f"{at}.float"], [node.output[0]], name=node.name),
        ]

    def _activation(self, source: str) -> list[NodeProto]:
        from onnx import helper

        if source in self._made:
            return []
        self._made.add(source)
        low, high = self.ranges[source]
        step = np.float32(max(high - low, 1e-8) / 255)
        zero = np.uint8(np.clip(round(-low / float(step)), 0, 255))
        pair = [
            self.written.constant(f"{source}.s", np.asarray(step)),
            self.written.constant(f"{source}.z", np.asarray(zero)),
        ]
        nodes, even = [], source
        if source in self.factors:
            inverse = self.written.constant(f"{source}.smooth", 1 / self.factors[source])
            even = f"{source}.even"
            nodes.append(helper.make_node("Mul", [source, inverse], [even], name=even))
        small = f"{source}.u8"
        return [
            *nodes,
            helper.make_node("QuantizeLinear", [even, *pair], [small], name=small),
            helper.make_node("DequantizeLinear", [small, *pair], [f"{small}.float"], name=f"{small}.float"),
        ]


def _watching(model: ModelProto, watched: Sequence[str]) -> ModelProto:
    """A copy whose outputs are the activations too."""
    from onnx import TensorProto, helper

    copy = type(model)()
    copy.CopyFrom(model)
    copy.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in watched)
    return copy


def _heaviest(written: Rewriting) -> dict[str, NDArray[np.float32]]:
    """Of the activations to smooth, the greatest |weight| that reads each channel."""
    found: dict[str, NDArray[np.float32]] = {}
    for node in written.products():
        source, name = node.input
        producer = written.producers.get(source)
        if producer is not None and producer.op_type == _NORMED:
            weight = np.abs(written.values(name)).max(axis=1)
            found[source] = np.maximum(found.get(source, weight), weight)
    return found
