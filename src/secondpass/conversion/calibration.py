"""What real texts fix before a graph is written in int8: the activations' ranges, and factors that even out channels.

Ranges are fixed once and hold for every batch, so that a pair's score cannot depend on its neighbours. Knows
activations by their names and tensors; nothing of architectures and checkpoints.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.onnx import import_onnxruntime
from secondpass.conversion.graph import save

if TYPE_CHECKING:
    from onnx import ModelProto

Batch = Mapping[str, NDArray[np.int64]]
Run = Callable[[Batch], Mapping[str, NDArray[np.float32]]]
Ranges = Mapping[str, tuple[float, float]]
Factors = Mapping[str, NDArray[np.float32]]

PERCENTILE = 99.999  # of an activation's values; fewer clip the channels that carry outliers, and ruin what follows
_LEAST = 1e-5  # of a channel; one that is always 0 would divide by it


def calibrated(
    watching: ModelProto, watched: Sequence[str], batches: Sequence[Batch], heaviest: Factors
) -> tuple[Ranges, Factors]:
    """The range of every `watched` output of the fp32 graph `watching`, and smoothing factors for those in `heaviest`.

    `heaviest`: of an activation, the greatest |weight| that reads each of its channels, shape (channels,). Ranges are
    those of the activation after it was divided by its factors.
    """
    # On Windows a file that a session has open cannot be removed.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "watched.onnx"
        save(watching, path)
        session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
        read = {each.name for each in session.get_inputs()}

        def run(inputs: Batch) -> dict[str, NDArray[np.float32]]:
            given = {name: values for name, values in inputs.items() if name in read}
            return dict(zip(watched, session.run(list(watched), given), strict=True))

        factors = smoothing(run, batches, heaviest)

        def even(inputs: Batch) -> dict[str, NDArray[np.float32]]:
            return {name: v / factors[name] if name in factors else v for name, v in run(inputs).items()}

        return calibrate(even, batches), factors


def smoothing(run: Run, batches: Sequence[Batch], heaviest: Factors, *, alpha: float = 0.65) -> Factors:
    """Factors that move outliers of an activation's channels into the weights that read it (SmoothQuant, 2211.10438).

    One a channel, greatest |x| ** alpha / greatest |w| ** (1 - alpha): the activation is divided by it, and the weights
    are multiplied.
    """
    greatest: dict[str, NDArray[np.float32]] = {}
    for batch in batches:
        for name, value in run(batch).items():
            if name in heaviest:
                peak = np.abs(_real(value, batch)).max(axis=0)
                greatest[name] = np.maximum(greatest.get(name, peak), peak)
    return {
        name: (np.maximum(peak, _LEAST) ** alpha / np.maximum(heaviest[name], _LEAST) ** (1 - alpha)).astype(np.float32)
        for name, peak in greatest.items()
    }


def calibrate(run: Run, batches: Sequence[Batch], *, percentile: float = PERCENTILE) -> dict[str, tuple[float, float]]:
    """The range of every activation over real tokens (padding left out), tails beyond `percentile` clipped."""
    low: dict[str, list[float]] = {}
    high: dict[str, list[float]] = {}
    for batch in batches:
        for name, value in run(batch).items():
            real = _real(value, batch)
            least, greatest = np.percentile(real, [100 - percentile, percentile])
            low.setdefault(name, []).append(float(least))
            high.setdefault(name, []).append(float(greatest))
    return {name: (min(0.0, float(np.mean(low[name]))), float(np.mean(high[name]))) for name in low}


def _real(value: NDArray[np.float32], batch: Batch) -> NDArray[np.float32]:
    """The rows of real tokens, (tokens, channels); all rows of what has no row for each token."""
    kept = batch["attention_mask"].astype(bool)
    rows = value[kept] if value.shape[:2] == kept.shape else value.reshape(-1, value.shape[-1])
    return np.asarray(rows, np.float32)
