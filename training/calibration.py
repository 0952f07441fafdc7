"""What real texts fix before a graph is written in int8: the activations' ranges, and factors that even out channels.

Knows activations by the names that `graph` gives them; nothing of checkpoints.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from secondpass.backends.onnx import import_onnxruntime
from training.graph import Ranges, Weights, save

Batch = Mapping[str, NDArray[np.int64]]
Run = Callable[[Batch], Mapping[str, NDArray[np.float32]]]
_READERS = {
    "in": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "first": ("attention.self.query",),
    "middle": ("intermediate.dense",),
}
PERCENTILE = 99.999  # of an activation's values; fewer clip the channels that carry outliers, and ruin what follows


def calibrated(
    watching: onnx.ModelProto, watched: Sequence[str], batches: Sequence[Batch], weights: Weights, *, prefix: str = ""
) -> tuple[Ranges, Mapping[str, NDArray[np.float32]]]:
    """Ranges and smoothing factors for `Graph`, from running the fp32 graph `watching`, which also gives `watched`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watched.onnx"
        save(watching, path)
        session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])

        def run(inputs: Batch) -> dict[str, NDArray[np.float32]]:
            return dict(zip(watched, session.run(list(watched), dict(inputs)), strict=True))

        factors = smoothing(run, batches, weights, prefix=prefix)

        def even(inputs: Batch) -> dict[str, NDArray[np.float32]]:
            return {name: v / factors[name] if name in factors else v for name, v in run(inputs).items()}

        return calibrate(even, batches), factors


def smoothing(
    run: Run, batches: Sequence[Batch], weights: Weights, *, prefix: str = "", alpha: float = 0.65
) -> dict[str, NDArray[np.float32]]:
    """Factors that move outliers of an activation's channels into the weights that read it (SmoothQuant, 2211.10438).

    One a channel, greatest |x| ** alpha / greatest |w| ** (1 - alpha), for the inputs of every layer's query, key,
    value and first feed-forward matrix; `Graph.smoothing` divides the activation by it and multiplies the weights.
    """
    greatest: dict[str, NDArray[np.float32]] = {}
    for batch in batches:
        for name, value in run(batch).items():
            peak = np.abs(_real(value, batch)).max(axis=0)
            greatest[name] = np.maximum(greatest.get(name, peak), peak)
    factors = {}
    for name, peak in greatest.items():
        layer, kind = name.split(".")[1:3]
        if kind in _READERS:
            names = [f"{prefix}encoder.layer.{layer}.{reader}.weight" for reader in _READERS[kind]]
            heaviest = np.max([np.abs(weights[n]).max(axis=0) for n in names], axis=0)
            factor = np.maximum(peak, 1e-5) ** alpha / np.maximum(heaviest, 1e-5) ** (1 - alpha)
            factors[name] = factor.astype(np.float32)
    return factors


def _real(value: NDArray[np.float32], batch: Batch) -> NDArray[np.float32]:
    """The rows of real tokens, (tokens, channels); all rows where only each text's first token is there."""
    kept = batch["attention_mask"].astype(bool)
    rows = value[kept] if value.shape[1] == kept.shape[1] else value.reshape(-1, value.shape[-1])
    return np.asarray(rows, np.float32)


def calibrate(
    run: Run,
    batches: Sequence[Batch],
    *,
    percentile: float = PERCENTILE,
) -> dict[str, tuple[float, float]]:
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
