"""The two kinds of scorer, and what they declare about themselves.

A `PairScorer` gives one logit a (query, document) pair, whatever the neighbours; the engine batches its pieces.
A `ListScorer` gives logits that depend on the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from secondpass.text.encode import Limits

Activation = Literal["sigmoid", "identity", "ratio", "unit"]
"""How a logit x becomes the score that the model's authors give: 1 / (1 + exp(-x)), x itself, x / (1 + x), which is
for logits that are never negative and have no upper end, such as BM25's, or x itself where it lies in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What batching, cache, calibration and tests may rely on.

    `separable`: query and document are encoded apart. `instructions`: "slot" where the model was trained for them,
    "joined" where they are put before the query as text, "ignored" where they cannot matter. `activation` maps a logit
    to the score that `predict` returns, as the model's authors do. `max_tokens`: the longest input the model can read;
    None where there is no limit. `scale`: how large a logit of an unbounded activation is where a document fits well;
    what `bounded` divides by. `version`: everything that can move a score (weights, recipe, renderer, precision).
    """

    name: str
    version: str
    renderer: int
    max_tokens: int | None
    activation: Activation = "sigmoid"
    separable: bool = False
    instructions: Literal["slot", "joined", "ignored"] = "joined"
    scale: float = 1.0


STEP = 8
"""Lengths are padded to a multiple of this, so that graphs see few different shapes."""


def padded_length(length: int) -> int:
    """`length` rounded up to the step that batches are padded to."""
    return -(-length // STEP) * STEP


@dataclass(frozen=True, slots=True)
class Piece:
    """What one row of a batch is made from: `length` padded tokens of cost, and what the scorer needs to compute it.

    Pieces of one `group` share their cost where they meet in a batch: one document that several queries ask about, in a
    model that reads it apart from them.
    """

    length: int
    inputs: Any
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One document, ready to be scored: its pieces (one unless chunked) and what to report of it."""

    pieces: tuple[Piece, ...]
    tokens: int
    truncated: bool


@runtime_checkable
class PairScorer(Protocol):
    """Pointwise: a pair's logit is the same alone and in any batch."""

    @property
    def declared(self) -> Declared: ...

    def read(self, query: str, instruction: str | None, limits: Limits) -> Callable[[Sequence[str]], list[Reading]]:
        """Prepare a query once; the returned function prepares rendered documents for it, in order.

        Raises `InputError` where the query leaves no room for a document, or policy "error" meets one too long.
        """

    def logits(self, pieces: Sequence[Piece]) -> NDArray[np.float32]:
        """One logit a piece, shape (len(pieces),). Called from several threads at once."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list scorer found, in the order that the documents were given in.

    `logits`: float32 or float64, shape (n,). `tokens`: each document's length in the scorer's own units. `truncated`:
    whether a document was cut. `degraded`: whether a part of the list was left in the order that it came in, or a part
    of the scorer was left out. `chunks`: how many pieces were read of each, None where that is one. `parts`: each
    document's logits by the scorers that this one is made of, None where it is not made of others.
    """

    logits: NDArray[np.float32] | NDArray[np.float64]
    tokens: Sequence[int]
    truncated: Sequence[bool]
    degraded: bool = False
    chunks: Sequence[int] | None = None
    parts: Sequence[Mapping[str, float]] | None = None


@runtime_checkable
class ListScorer(Protocol):
    """Listwise: logits depend on the other documents, or are computed elsewhere for a whole list at once."""

    @property
    def declared(self) -> Declared: ...

    def score(self, query: str, documents: Sequence[str], instruction: str | None, limits: Limits) -> Listed:
        """One logit a document. `instruction` is left aside where `declared.instructions` is "ignored"."""

    def close(self) -> None: ...


def activate(logits: NDArray[np.floating[Any]], activation: Activation) -> NDArray[np.float32]:
    """The scores that the model's authors give for `logits`, in their shape; computed in float64, given as float32."""
    values = np.asarray(logits, dtype=np.float64)
    if activation == "sigmoid":
        small = np.exp(-np.abs(values))  # at most 1, so nothing overflows on either side
        values = np.where(values >= 0, 1.0, small) / (1.0 + small)
    elif activation == "ratio":
        values = values / (1.0 + values)
    return values.astype(np.float32)


def bounded(logits: NDArray[np.floating[Any]], activation: Activation, scale: float = 1.0) -> NDArray[np.float32]:
    """What `Hit.score` is: scores in [0, 1] in the order of the logits, in their shape, for every activation.

    The activation's own where it is bounded; the sigmoid for "identity". Sums of some tens would all be 1 there, so
    those of a model that gives such are divided by its `scale` before.
    """
    if activation != "identity":
        return activate(logits, activation)
    return activate(np.asarray(logits, dtype=np.float64) / scale, "sigmoid")
