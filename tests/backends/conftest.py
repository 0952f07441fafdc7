"""A tiny cross-encoder with random weights, exported in fp32 and int8, and every backend that can compute it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass.backends.base import Backend, Graph
from secondpass.backends.choose import choose
from tests.checkpoints import MAX_TOKENS, SENTENCES, write_checkpoint

Batch = dict[str, NDArray[np.int64]]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint's folder: hidden 32, 2 layers, weights N(0, 0.25); onnx/model.onnx and onnx/model_int8.onnx."""
    pytest.importorskip("onnx")
    pytest.importorskip("torch")
    from training.export import export

    folder = write_checkpoint(tmp_path_factory.mktemp("tiny"), "bert")
    export(folder, [(query, document) for query in SENTENCES for document in SENTENCES])
    return folder


@dataclass(frozen=True, slots=True)
class Loaded:
    """A graph in one backend and precision, and how far a logit may move with its neighbours."""

    backend: Backend
    graph: Graph
    path: Path
    precision: str
    tolerance: float


@pytest.fixture(params=["onnxruntime-fp32", "onnxruntime-int8", "openvino-fp32", "openvino-int8", "torch-fp32"])
def loaded(request: pytest.FixtureRequest, exported: Path) -> Iterator[Loaded]:
    name, precision = request.param.split("-")
    pytest.importorskip(name)
    file, tolerance = ("model.onnx", 1e-4) if precision == "fp32" else ("model_int8.onnx", 0.02)
    backend = choose(name, precision, streams=2, device="cpu")
    path = exported / "model.safetensors" if name == "torch" else exported / "onnx" / file
    graph = backend.load(path)
    yield Loaded(backend, graph, path, precision, tolerance)
    graph.close()


def rows(lengths: list[int], seed: int = 0, width: int = 0) -> Batch:
    """Random pairs of these lengths, padded to the longest or to `width`; half query, half document."""
    width = max(width, *lengths)
    assert width <= MAX_TOKENS
    batch = {
        name: np.zeros((len(lengths), width), np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")
    }
    for row, length in enumerate(lengths):
        tokens = np.random.default_rng((seed, row)).integers(5, 100, length)
        batch["input_ids"][row, :length] = tokens
        batch["attention_mask"][row, :length] = 1
        batch["token_type_ids"][row, length // 2 : length] = 1
    return batch
