"""An fp32 graph with smaller weights, while activations stay as they are: fp16, or 8 or 4 bits in blocks.

Knows matrix products and embedding tables; nothing of architectures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from secondpass.conversion.graph import Rewriting
from secondpass.conversion.static import small_table

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_BLOCKS = (32, 16)
"""Weights of a column that share a scale: the first that divides it, the least that both runtimes have kernels for."""
_CONTRIB = "com.microsoft"  # whose MatMulNBits onnxruntime and OpenVINO compute without making the weights large again
_EXACT = 0  # activations are multiplied in fp32


def half(model: ModelProto, scope: str) -> ModelProto:
    """Matrices and tables of the body in fp16, made fp32 where they are read; biases, norms and heads stay."""
    from onnx import TensorProto, helper

    written = Rewriting(model, scope)
    replaced = {}
    for node, place in [(each, 1) for each in written.products()] + [(each, 0) for each in written.tables()]:
        name = node.input[place]
        # Beyond its range a weight would become infinite.
        values = np.clip(written.values(name), -np.finfo(np.float16).max, np.finfo(np.float16).max).astype(np.float16)
        small = written.constant(f"{name}.f16", values)
        wide, out = f"{node.output[0]}.f32", node.output[0]
        if place:
            cast = helper.make_node("Cast", [small], [wide], name=wide, to=TensorProto.FLOAT)
            read = helper.make_node("MatMul", [node.input[0], wide], [out], name=node.name)
        else:  # the rows in use alone become fp32
            read = helper.make_node("Gather", [small, node.input[1]], [wide], name=wide)
            cast = helper.make_node("Cast", [wide], [out], name=node.name, to=TensorProto.FLOAT)
        replaced[out] = [cast, read] if place else [read, cast]
    return written.finish(replaced)


def weight_only(model: ModelProto, scope: str, bits: Literal[4, 8]) -> ModelProto:
    """Matrices of the body in so many bits, in blocks with a scale each; tables in int8 with a scale a row."""
    written = Rewriting(model, scope)
    replaced = {node.output[0]: small_table(written, node) for node in written.tables()}
    for node in written.products():
        made = _in_blocks(written, node, bits)
        if made is not None:
            replaced[node.output[0]] = [made]
    return written.finish(replaced, (_CONTRIB,))


def _in_blocks(written: Rewriting, node: NodeProto, bits: Literal[4, 8]) -> NodeProto | None:
    """The product with a small weight; None where no block divides its columns."""
    from onnx import helper

    source, name = node.input
    matrix = written.values(name)
    size = next((each for each in _BLOCKS if len(matrix) % each == 0), None)
    if size is None:
        return None
    values, scale, zero = blocks(matrix, size, bits)
    at = f"{node.output[0]}.b{bits}"
    inputs = [source, written.constant(at, values), written.constant(f"{at}.scale", scale.ravel())]
    inputs.append(written.constant(f"{at}.zero", zero.ravel()))
    return helper.make_node(
        "MatMulNBits",
        inputs,
        [node.output[0]],
        name=node.name,
        domain=_CONTRIB,
        K=matrix.shape[0],
        N=matrix.shape[1],
        bits=bits,
        block_size=size,
        accuracy_level=_EXACT,
    )


def blocks(
    matrix: NDArray[np.float32], size: int, bits: Literal[4, 8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
    """A matrix (inputs, outputs) as MatMulNBits reads it: values, a scale and a zero point for each block.

    Values (outputs, blocks, bytes) and zero points (outputs, bytes) are packed, two to a byte in 4 bits, the first in
    its lower half; scales are (outputs, blocks). A weight is (value minus zero point) times scale.
    """
    rows = matrix.T.reshape(matrix.shape[1], -1, size)
    low, high = np.minimum(rows.min(axis=2), 0), np.maximum(rows.max(axis=2), 0)
    most = 2**bits - 1
    scale = np.maximum((high - low) / most, 1e-8).astype(np.float32)
    zero = np.clip(np.rint(-low / scale), 0, most).astype(np.uint8)
    values = np.clip(np.rint(rows / scale[..., None]) + zero[..., None], 0, most).astype(np.uint8)
    return (_packed(values), scale, _packed(zero)) if bits == 4 else (values, scale, zero)


def _packed(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two values of 4 bits to a byte along the last axis, with a 0 behind an odd number of them."""
    even = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, values.shape[-1] % 2)])
    return np.asarray(even[..., 0::2] | (even[..., 1::2] << 4), np.uint8)
