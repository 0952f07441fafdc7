"""Products of vectors on a torch device, for what is compared outside of a graph. Knows arrays, nothing of models."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray


def best_matches(
    query: NDArray[np.float32], vectors: NDArray[np.float32], lengths: NDArray[np.int64], device: str
) -> NDArray[np.float32]:
    """For each of the query's vectors, shape (q, size), its greatest product with each stretch of `vectors`.

    `vectors`: shape (sum of `lengths`, size), one stretch after the other, none of them empty. Float32, shape
    (q, len(lengths)); computed on `device` in fp32.
    """
    with torch.inference_mode():
        asked, given = (torch.from_numpy(np.ascontiguousarray(each)).to(device) for each in (query, vectors))
        owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.from_numpy(lengths)).to(device)
        products = asked @ given.T
        best = torch.full((len(asked), len(lengths)), -torch.inf, device=device)
        best.scatter_reduce_(1, owner.expand(len(asked), -1), products, "amax")
        found: NDArray[np.float32] = best.cpu().numpy()
    return found
