"""The package's calibration for graphs whose activations `graph` names: which weights read which of them.

Knows those names; how ranges and factors come of tensors is in `secondpass.conversion.calibration`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from secondpass.conversion import calibration
from secondpass.conversion.calibration import Batch, Factors, Ranges
from training.graph import Weights

__all__ = ["Batch", "calibrated"]

_READERS = {
    "in": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "first": ("attention.self.query",),
    "middle": ("intermediate.dense",),
}


def calibrated(
    watching: onnx.ModelProto, watched: Sequence[str], batches: Sequence[Batch], weights: Weights, *, prefix: str = ""
) -> tuple[Ranges, Factors]:
    """Ranges and smoothing factors for `Graph`, from running the fp32 graph `watching`, which also gives `watched`."""
    return calibration.calibrated(watching, watched, batches, _heaviest(watched, weights, prefix))


def _heaviest(watched: Sequence[str], weights: Weights, prefix: str) -> Mapping[str, NDArray[np.float32]]:
    """The greatest |weight| that reads each channel of the inputs of query, key, value and first feed-forward layer."""
    found = {}
    for name in watched:
        layer, kind = name.split(".")[1:3]
        if kind in _READERS:
            names = [f"{prefix}encoder.layer.{layer}.{reader}.weight" for reader in _READERS[kind]]
            found[name] = np.max([np.abs(weights[each]).max(axis=0) for each in names], axis=0)
    return found
