"""An ONNX graph that is being rewritten: its constants, who reads what, and how it is saved.

Knows ONNX; nothing of precisions, models and checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import MissingExtra

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

LARGEST = 2**31 - 2**24
"""Bytes of a graph in one file, some of which its nodes take: protobuf writes no more than 2 GB."""


@dataclass(slots=True)
class Rewriting:
    """A model whose nodes are replaced one by one. `scope`: what the names of the body's nodes begin with."""

    model: ModelProto
    scope: str
    constants: dict[str, TensorProto] = field(init=False)
    producers: dict[str, NodeProto] = field(init=False)
    _aliases: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self.constants = {each.name: each for each in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output}
        # The tracer keeps one copy of equal tensors, and names the others after it.
        self._aliases = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}

    def products(self) -> list[NodeProto]:
        """The body's matrix products of an activation and a weight; heads are not in it."""
        return [
            node
            for node in self.model.graph.node
            if node.op_type == "MatMul" and self._inside(node) and self.matrix(node.input[1]) is not None
        ]

    def tables(self) -> list[NodeProto]:
        """Where rows of an embedding table are looked up."""
        return [
            node
            for node in self.model.graph.node
            if node.op_type == "Gather" and self._inside(node) and self.matrix(node.input[0]) is not None
        ]

    def matrix(self, name: str) -> TensorProto | None:
        """The constant fp32 matrix of that name; None where it is none."""
        while name in self._aliases:
            name = self._aliases[name]
        found = self.constants.get(name)
        from onnx import TensorProto

        return found if found is not None and len(found.dims) == 2 and found.data_type == TensorProto.FLOAT else None

    def values(self, name: str) -> NDArray[np.float32]:
        """The values of a constant matrix."""
        from onnx import numpy_helper

        found = self.matrix(name)
        assert found is not None  # it is one of those that `products` and `tables` name
        return np.asarray(numpy_helper.to_array(found), np.float32)

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant, once, and give its name."""
        from onnx import numpy_helper

        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def finish(self, replaced: Mapping[str, Sequence[NodeProto]], domains: tuple[str, ...] = ()) -> ModelProto:
        """The model with nodes replaced by others, each found by its first output; what nothing reads is left out."""
        from onnx import helper

        graph = self.model.graph
        nodes = [new for node in graph.node for new in replaced.get(node.output[0], [node])]
        nodes = _used(nodes, {each.name for each in graph.output})
        read = {name for node in nodes for name in _reads(node)}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.initializer.extend(tensor for name, tensor in self.constants.items() if name in read)
        self.model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in domains)
        return self.model

    def _inside(self, node: NodeProto) -> bool:
        return bool(node.name.startswith(self.scope))


def load(path: Path) -> ModelProto:
    """Read a model with all of its weights, wherever they lie."""
    found: ModelProto = import_onnx().load(str(path))
    return found


def save(model: ModelProto, path: Path, *, largest: int = LARGEST) -> None:
    """Write a model; its weights into a file of their own beside it where they have more than `largest` bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    apart = sum(_bytes(each) for each in model.graph.initializer) > largest
    beside: dict[str, Any] = {"save_as_external_data": True, "location": f"{path.name}_data"} if apart else {}
    import_onnx().save(model, str(path), **beside)


def import_onnx() -> Any:
    """The module. Raises `MissingExtra` where it is not installed."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("Conversion", "convert") from error
    return onnx


def per_column_int8(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Symmetric int8 values and one scale a column."""
    scale = np.maximum(np.abs(matrix).max(axis=0), 1e-8) / 127
    return np.clip(np.rint(matrix / scale), -127, 127).astype(np.int8), scale.astype(np.float32)


def _used(nodes: list[NodeProto], wanted: set[str]) -> list[NodeProto]:
    """The nodes without which one of the outputs `wanted` could not be computed, in their order."""
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(_reads(node))
            kept.append(node)
    return kept[::-1]


def _reads(node: NodeProto) -> Iterator[str]:
    """What a node reads, and what the graphs inside of it do."""
    yield from node.input
    for attribute in node.attribute:
        for each in attribute.g.node:
            yield from _reads(each)


def _bytes(tensor: TensorProto) -> int:
    from onnx import helper

    return int(np.prod(tensor.dims, dtype=np.int64)) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
