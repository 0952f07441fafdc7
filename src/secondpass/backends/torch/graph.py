"""One module in evaluation mode on one device: runs it, and halves what does not fit into its memory.

Knows tensors, memory and processes; nothing of what the module computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import PREFIX, Tensors, named
from secondpass.errors import ModelError

if TYPE_CHECKING:
    import torch

_OUTPUT = "logits"
_MPS_SHORT = ("MPS backend out of memory", "Invalid buffer size")
"""What torch's allocator for MPS says in the plain RuntimeError that it raises where memory is short."""


class TorchGraph:
    """One module in evaluation mode; `run` may be called from several threads at once.

    `attention`: how it is computed: "packed", or what transformers calls it ("sdpa", "eager", "flash_attention_2"). In
    a forked child it computes on a CPU, and raises `ModelError` on any other device, where CUDA forbids it.
    """

    def __init__(
        self, module: torch.nn.Module, inputs: tuple[str, ...], device: torch.device, *, attention: str = "sdpa"
    ) -> None:
        self.attention = attention
        self._module: torch.nn.Module | None = module.eval()
        self._inputs = inputs
        self._device = device
        self._process = os.getpid()

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return (_OUTPUT,)

    @property
    def module(self) -> torch.nn.Module:
        """What computes the logits. Raises `ModelError` after `close`."""
        if self._module is None:
            raise ModelError("This graph is closed. Load it again.")
        return self._module

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """Compute the logits, float32, shape (rows, labels), in smaller batches where the device's memory is short.

        Raises `InputError` where an input is missing, `ModelError` after `close` and where one row does not fit.
        """
        module = self.module
        read = named(tensors, self._inputs)
        if os.getpid() == self._process:
            return {_OUTPUT: self._halving(module, read)}
        if self._device.type != "cpu":
            raise ModelError(
                f"A process that was forked cannot use {self._device} of its parent. Load the model in the child, and "
                "start it with the method 'spawn', or pass device='cpu'."
            )
        # The thread that forked remembers OpenMP threads which are not in this process, and would wait for them without
        # end. A new one starts its own.
        with ThreadPoolExecutor(1) as pool:
            return {_OUTPUT: pool.submit(self._halving, module, read).result()}

    def close(self) -> None:
        """Give the memory back; runs that are under way finish."""
        self._module = None

    def _halving(self, module: torch.nn.Module, tensors: Tensors) -> NDArray[np.float32]:
        """The logits of all rows; where they do not fit into memory together, of each half by itself."""
        import torch

        try:
            return self._forward(module, tensors)
        except torch.OutOfMemoryError as error:
            rows, length = tensors[self._inputs[0]].shape
            if rows == 1:
                raise ModelError(
                    f"{self._device} has too little free memory for one pair of {length} tokens. Free some, lower "
                    "max_tokens, or pass device='cpu'."
                ) from error
        # Outside of `except`: the error holds on to the activations of the pass that failed.
        _empty_cache(self._device)
        half = rows // 2
        parts = (slice(None, half), slice(half, None))
        return np.concatenate(
            [
                self._halving(module, {n: each if n == PREFIX else each[part] for n, each in tensors.items()})
                for part in parts
            ]
        )

    def _forward(self, module: torch.nn.Module, tensors: Tensors) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode(), short_memory(self._device):
            given = {name: torch.tensor(values, device=self._device) for name, values in tensors.items()}
            found: NDArray[np.float32] = module(**given).float().cpu().numpy()
        return found


@contextmanager
def short_memory(device: torch.device) -> Iterator[None]:
    """Give short memory on MPS the class that it has on CUDA; other devices and errors are left as they are.

    There its allocator raises a plain RuntimeError (aten/src/ATen/mps/MPSAllocator.mm), which only its text tells from
    any other.
    """
    import torch

    if device.type != "mps":
        yield
        return
    try:
        yield
    except RuntimeError as error:
        if not any(said in str(error) for said in _MPS_SHORT):
            raise
        raise torch.OutOfMemoryError(str(error)) from error


def _empty_cache(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
