"""The gate: weighs similarity and lexical evidence into one logit. Knows numbers, not where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CLIP = 4.0


@dataclass(frozen=True, slots=True)
class Gate:
    """A weighted sum of standardised inputs plus a small correction: w·x + v·tanh(Wx + b) + c.

    `inputs` names them; `mean` and `spread` standardise them. Shapes: (F,), and W (hidden, F).
    `token_idf`: the weight of each vocabulary entry in late interaction, 0 for special tokens.
    """

    inputs: tuple[str, ...]
    mean: Array
    spread: Array
    plain: Array
    wide: Array
    wide_bias: Array
    narrow: Array
    bias: float
    token_idf: Array

    @classmethod
    def from_file(cls, path: Path) -> Gate:
        """Read the npz that training writes."""
        with path.open("rb") as file, np.load(file) as held:
            arrays = {
                name: held[name] for name in ("mean", "spread", "plain", "wide", "wide_bias", "narrow", "token_idf")
            }
            return cls(inputs=tuple(held["inputs"].tolist()), bias=float(held["bias"]), **arrays)

    def logits(self, features: Array) -> Array:
        """Logits, float32, shape (n,), of `features` (n, F)."""
        given = np.clip((features - self.mean) / self.spread, -CLIP, CLIP)
        corrected = given @ self.plain + np.tanh(given @ self.wide.T + self.wide_bias) @ self.narrow
        return np.asarray(corrected + self.bias, np.float32)
