"""The whole contract of a backend: named tensors in, named tensors out.

A backend knows how a graph is computed and nothing of queries and documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.network import Network
from secondpass.errors import InputError

Tensors = Mapping[str, NDArray[np.generic]]

PREFIX = "prefix_ids"
"""An input that some graphs have: tokens, shape (1, length), that stand before every row and are computed once. Of
length 0 where there are none."""

LENGTHS = ("query_lengths", "prompt_lengths")
"""Inputs of graphs that shorten documents, shape (rows,): the tokens of a row before its document's first and behind
its last."""


MARKS = "marks"
"""An input of graphs that give a vector for some tokens of a row: their positions, shape (rows, marks). Such a graph's
output has shape (rows, marks, size), and its rows have no padding."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do on this machine, and why it was set up so.

    `streams`: forward passes that may run at the same time from different threads, each on one core; torch uses its
    own threads in each.
    `precision`: what matrix products outside int8 weights are computed in ("fp32", "bf16" or "fp16").
    `weights`: what the backend makes of the weights when it loads them, "int8" or "int4"; "" where it leaves them.
    `device`: where it computes, under torch's names, the first where there are several.
    `budget`: padded tokens a forward pass at which small encoders were measured fastest.
    `reason`: one line for a person (`secondpass doctor`).
    """

    name: str
    version: str
    streams: int
    precision: str
    budget: int
    reason: str
    weights: str = ""
    device: str = "cpu"

    @property
    def arithmetic(self) -> str:
        """All of it that can move a score, for a score's version: "fp32", or "int8-weights-fp32"."""
        return f"{self.weights}-weights-{self.precision}" if self.weights else self.precision


class Graph(Protocol):
    """One loaded graph. `run` may be called from several threads at once."""

    @property
    def inputs(self) -> tuple[str, ...]: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """Compute every output from the tensors named in `inputs`; others are ignored.

        Returned arrays are the caller's. Raises `InputError` where an input is missing, `ModelError` after `close`.
        """

    def close(self) -> None: ...


class Backend(Protocol):
    """Loads graphs. Stateless but for its settings, so it survives a fork; graphs do not and are loaded again."""

    @property
    def capabilities(self) -> Capabilities: ...

    def load(self, path: Path, network: Network | None = None) -> Graph:
        """Load an ONNX file, which holds its whole graph, or for torch safetensors, to be built as `network` says.

        Raises `ModelLoadError` naming the file and the reason.
        """


def named(tensors: Tensors, inputs: tuple[str, ...]) -> dict[str, NDArray[np.generic]]:
    """Those of `tensors` that a graph with these `inputs` reads. Raises `InputError` naming what is missing."""
    missing = [name for name in inputs if name not in tensors]
    if missing:
        raise InputError(
            f"Given {', '.join(tensors) or 'no tensor'}, but the graph also reads {', '.join(missing)}: add it."
        )
    return {name: tensors[name] for name in inputs}
