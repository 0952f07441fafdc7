"""Which part of a document was read, and which of its chunks is the best, as a hit tells it.

Knows chunks and texts, nothing of how either came to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from secondpass.models.scorer import Declared, bounded
from secondpass.ranking.outcome import Scored
from secondpass.text.chunk import Chunk, Span
from secondpass.types import Hit, Passage


class Read(TypedDict, total=False):
    """The fields of a `Hit` that say what was read."""

    span: Span
    passage: str
    passages: tuple[Passage, ...]


def read_of(text: str, scored: Scored, position: int, declared: Declared) -> Read:
    """What a hit tells of the document at a position, whose `text` was read; nothing where that is not known."""
    chunks = None if scored.passages is None else scored.passages[position]
    if chunks is None or not scored.chunks[position]:
        return {}
    if not chunks:
        return {"span": (0, len(text))}
    best = max(chunks, key=lambda chunk: chunk.logit)
    found: Read = {"span": (best.start, best.end), "passage": text[best.start : best.end]}
    if len(chunks) > 1:
        scores = bounded(np.array([chunk.logit for chunk in chunks]), declared.activation, declared.scale)
        found["passages"] = tuple(
            Passage(chunk.start, chunk.end, float(score), chunk.logit)
            for chunk, score in zip(chunks, scores, strict=True)
        )
    return found


def chunks_of(hit: Hit | None) -> Sequence[Chunk] | None:
    """The chunks that a hit tells of, for a composite that hands them on; None where it tells of none."""
    if hit is None or hit.span is None:
        return None
    if hit.passages:
        return [Chunk(passage.start, passage.end, passage.logit) for passage in hit.passages]
    return [] if hit.passage is None else [Chunk(*hit.span, hit.logit)]
