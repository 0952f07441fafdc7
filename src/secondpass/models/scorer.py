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

from secondpass.text.chunk import Part, Span
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
    `languages`: the codes (ISO 639-1) of those that the model reads, empty where they are many or not known.
    """

    name: str
    version: str
    renderer: int
    max_tokens: int | None
    activation: Activation = "sigmoid"
    separable: bool = False
    instructions: Literal["slot", "joined", "ignored"] = "joined"
    scale: float = 1.0
    languages: tuple[str, ...] = ()


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
    """One document, ready to be scored: its pieces (one unless chunked) and what to report of it.

    `spans`: the characters of the text that each piece has, none where the one piece has all of it. `runs`: how many of
    the pieces were read for each part of a query that is read in parts, one after the other; none for a whole query.
    """

    pieces: tuple[Piece, ...]
    tokens: int
    truncated: bool
    spans: tuple[Span, ...] = ()
    runs: tuple[int, ...] = ()

    @classmethod
    def of(cls, pieces: Sequence[Piece], parts: Sequence[Part], tokens: int) -> Reading:
        """The reading of a text of so many tokens, from what is read of it, in order, and the pieces made of that."""
        spans = tuple(part.span for part in parts if part.span is not None)
        return cls(tuple(pieces), tokens, parts[-1].tokens.stop < tokens, spans)

    @classmethod
    def joined(cls, readings: Sequence[Reading], text: str) -> Reading:
        """One document's readings for each part of a query, as one."""
        whole = ((0, len(text)),)
        return cls(
            tuple(piece for reading in readings for piece in reading.pieces),
            readings[0].tokens,
            any(reading.truncated for reading in readings),
            tuple(span for reading in readings for span in reading.spans or whole),
            tuple(len(reading.pieces) for reading in readings),
        )


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


@runtime_checkable
class QuerySplitter(Protocol):
    """A pair scorer that can tell the parts in which a query is read where it is too long."""

    def parts(self, query: str, limits: Limits) -> list[str]:
        """The query as texts that `read` takes, in order; itself where it is short enough to be read whole."""


@runtime_checkable
class TokenCounter(Protocol):
    """A scorer that can tell how long a query is without computing anything of it."""

    def count_tokens(self, text: str) -> int:
        """The tokens of a text, special ones and prompts left aside."""


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

    The activation's own where it is bounded, at its ends for logits beyond them, as signals may leave them; the sigmoid
    for "identity". Sums of some tens would all be 1 there, so those of a model that gives such are divided by its
    `scale` before.
    """
    if activation == "identity":
        return activate(np.asarray(logits, dtype=np.float64) / scale, "sigmoid")
    return activate(np.clip(logits, *_ENDS[activation]), activation)


_ENDS = {"sigmoid": (-np.inf, np.inf), "ratio": (0.0, np.inf), "unit": (0.0, 1.0)}
"""The least and the largest logit of the activations that are bounded."""
