"""A torch backend that keeps what its graphs are given, so that a quantiser sees the inputs that a model really reads.

Knows the backends' contract; nothing of what the tensors mean.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Capabilities, Tensors
from secondpass.backends.network import Network
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.graph import TorchGraph


class WatchedBackend:
    """torch in fp32 on the CPU. `graph`: the last one that was loaded; `seen`: what it was given since `watch`."""

    def __init__(self) -> None:
        self._backend = TorchBackend(precision="fp32", device="cpu", packed=False)
        self.graph: TorchGraph
        self.seen: list[dict[str, NDArray[np.generic]]] | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self._backend.capabilities

    def load(self, path: Path, network: Network | None = None) -> WatchedGraph:
        """As `TorchBackend.load`."""
        found = self._backend.load(path, network)
        assert isinstance(found, TorchGraph)  # of one device
        self.graph = found
        return WatchedGraph(self, found)

    def watch(self) -> list[dict[str, NDArray[np.generic]]]:
        """Keep, from now on, what is given, and compute nothing: the list that it goes into."""
        self.seen = []
        return self.seen


class WatchedGraph:
    """One graph of a `WatchedBackend`."""

    def __init__(self, backend: WatchedBackend, graph: TorchGraph) -> None:
        self._backend = backend
        self._graph = graph

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._graph.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._graph.outputs

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """As `TorchGraph.run`; while the backend is watched nothing is computed, and every logit is 0."""
        if self._backend.seen is None:
            return self._graph.run(tensors)
        self._backend.seen.append(dict(tensors))
        return {name: np.zeros((len(tensors["input_ids"]), 1), np.float32) for name in self.outputs}

    def close(self) -> None:
        self._graph.close()
