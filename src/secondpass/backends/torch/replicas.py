"""One graph a device, side by side: each run takes one that is free. Knows graphs, nothing of what they compute."""

from __future__ import annotations

import os
from collections.abc import Sequence
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Tensors
from secondpass.backends.torch.graph import TorchGraph


class Replicas:
    """Copies of one graph that share nothing; memory is that of one graph on each device.

    At most `streams` runs are under way on each, and the others wait for the first that is free.
    """

    def __init__(self, graphs: Sequence[TorchGraph], streams: int = 1) -> None:
        self._graphs = tuple(graphs)
        self._streams = streams
        self._free = self._all()
        self._process = os.getpid()

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._graphs[0].inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._graphs[0].outputs

    @property
    def attention(self) -> str:
        """How attention is computed, as `TorchGraph.attention`."""
        return self._graphs[0].attention

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """`TorchGraph.run` on a device that is free, once there is one."""
        if self._process != os.getpid():
            # What was under way when its parent forked will never be given back here.
            self._free, self._process = self._all(), os.getpid()
        free = self._free
        graph = free.get()
        try:
            return graph.run(tensors)
        finally:
            free.put(graph)

    def close(self) -> None:
        """Give the memory back on every device; runs that are under way finish."""
        for graph in self._graphs:
            graph.close()

    def _all(self) -> SimpleQueue[TorchGraph]:
        free: SimpleQueue[TorchGraph] = SimpleQueue()
        for graph in self._graphs * self._streams:
            free.put(graph)
        return free
