"""Similarity evidence: how near query and document lie, from the token states of an encoder that read them apart.

Every number depends on the pair alone, never on padding or on the other documents of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NAMES = (
    "cosine",  # mean-pooled query and document
    "cosine_window",  # the same, the best window of 32 document tokens
    "instruction_cosine",  # mean-pooled instruction and document
    "late",  # late interaction: mean over query tokens of the best document token
    "late_idf",  # the same, weighted by the token's idf
    "late_rare",  # the same over the query's rarest tokens (squared idf)
    "late_close",  # idf share of query tokens with a near neighbour (soft step at 0.75)
    "late_exact",  # idf share of query tokens with a neighbour that is almost itself (soft step at 0.9)
    "late_least",  # the worst query token's best document token
    "late_back",  # mean over document tokens of the best query token
    "instruction_late",  # late interaction of the instruction's tokens
)
WINDOW = 32
CLOSE, EXACT, STEEPNESS = 0.75, 0.9, 20.0

States = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AskedStates:
    """A query ready to be compared: token rows of length 1 (Q, H), their mean (H,), and three weightings of the tokens.

    `told`, `told_mean`: the same of the instruction, None without one.
    """

    rows: States
    mean: States
    even: States
    share: States
    rare: States
    inner: NDArray[np.bool_]
    told: States | None
    told_mean: States | None

    @classmethod
    def of(cls, query: States, idf: States, told: States | None) -> AskedStates:
        """From the states of query (Q, H) and instruction (T, H), [CLS] and [SEP] included, and the query tokens' idf,
        0 for special tokens. A query of special tokens alone has its tokens weighed evenly."""
        inner = idf > 0
        if not inner.any():
            inner, idf = np.ones(len(idf), bool), np.ones(len(idf), np.float32)
        square = idf**2
        return cls(
            rows=_unit(query),
            mean=_unit(query.mean(0)),
            even=np.asarray(inner / inner.sum(), np.float32),
            share=idf / idf.sum(),
            rare=square / square.sum(),
            inner=inner,
            told=None if told is None else _unit(told),
            told_mean=None if told is None else _unit(told.mean(0)),
        )


def similarities(asked: AskedStates, documents: Sequence[States]) -> NDArray[np.float32]:
    """The numbers named in `NAMES`, float32, shape (len(documents), len(NAMES)); each document's states are (D, H)."""
    lengths = np.array([len(d) for d in documents])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    flat = np.concatenate(documents)
    size = np.maximum(np.sqrt(np.einsum("th,th->t", flat, flat)), 1e-6)
    between = (asked.rows @ flat.T) / size
    best = np.maximum.reduceat(between, starts, axis=1).T
    pooled = _unit(np.add.reduceat(flat, starts))
    out = np.zeros((len(documents), len(NAMES)), np.float32)
    out[:, 0] = pooled @ asked.mean
    out[:, 1] = [_window_cosine(document, asked.mean) for document in documents]
    out[:, 3] = best @ asked.even
    out[:, 4] = best @ asked.share
    out[:, 5] = best @ asked.rare
    out[:, 6] = _step(best, CLOSE) @ asked.share
    out[:, 7] = _step(best, EXACT) @ asked.share
    out[:, 8] = best[:, asked.inner].min(1)
    out[:, 9] = np.add.reduceat(between[asked.inner].max(0), starts) / lengths
    if asked.told is not None and asked.told_mean is not None:
        out[:, 2] = pooled @ asked.told_mean
        out[:, 10] = np.maximum.reduceat((asked.told @ flat.T) / size, starts, axis=1).mean(0)
    return out


def _window_cosine(document: States, mean: States) -> float:
    """The best cosine of the query's mean to that of a window of document tokens; windows overlap by half."""
    sums = np.add.reduceat(document, np.arange(0, len(document), WINDOW // 2))
    pairs = sums[:-1] + sums[1:] if len(sums) > 1 else sums
    return float((_unit(pairs) @ mean).max())


def _step(values: States, at: float) -> States:
    return np.asarray(1 / (1 + np.exp(-STEEPNESS * (values - at))), np.float32)


def _unit(values: States) -> States:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-6), np.float32)
