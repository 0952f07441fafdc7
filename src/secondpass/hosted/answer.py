"""Answers of rerank APIs: read from JSON, checked, put into the order that the documents were given in, as logits.

Knows the two shapes that all APIs share (rows with an index and a score; a list of scores); nothing of providers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

CLIP = 2.0**-50
"""Scores in [0, 1] are brought into [CLIP, 1 - CLIP] before their log-odds are taken: logits lie within ±34.66."""

LOWEST = math.log(CLIP) - math.log1p(-CLIP)
"""The logit of a score of 0."""

_ENDLESS = 1e30
_SLACK = 1e-6  # beyond [0, 1]: rounding, and no other scale


class BadAnswer(Exception):
    """An answer that cannot be used; what is wrong with it. Becomes a `HostedAPIError` that names the provider."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an answer says was used: tokens, searches, billed units. None where it does not say."""

    tokens: float | None = None
    searches: float | None = None
    units: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One document's result as the API gave it, not yet checked; `truncated` where the API says that it cut it."""

    index: Any
    score: Any
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as read, not yet checked."""

    rows: Sequence[Row]
    used: Used = Used()


def read_rows(body: Any, score: str, key: str | None = None) -> list[Row]:
    """The rows of the list under `key` (or of the body itself), each with an `index` and a score under `score`."""
    listed = body if key is None else member(body, key)
    if not isinstance(listed, list):
        raise BadAnswer(f"{'the answer' if key is None else key} is {shown(listed)} where a list was expected")
    place = key or "answer"
    rows = []
    for position, row in enumerate(listed):
        if not isinstance(row, Mapping) or "index" not in row or score not in row:
            raise BadAnswer(f"{place}[{position}] is {shown(row)} where an object with index and {score} was expected")
        rows.append(Row(row["index"], row[score]))
    return rows


def read_list(body: Any, key: str) -> list[Row]:
    """The rows of a plain list of scores in the documents' order."""
    listed = member(body, key)
    if not isinstance(listed, list):
        raise BadAnswer(f"{key} is {shown(listed)} where a list of scores was expected")
    return [Row(index, score) for index, score in enumerate(listed)]


def member(body: Any, *path: str) -> Any:
    """What lies under a path of keys that has to be there."""
    for depth, key in enumerate(path):
        if not isinstance(body, Mapping) or key not in body:
            raise BadAnswer(f"{'.'.join(path[: depth + 1])} is missing from {shown(body)}")
        body = body[key]
    return body


def count(body: Any, *path: str) -> float | None:
    """A number under a path of keys, for usage; None where there is none, for no ranking fails over a bill."""
    for key in path:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body if _is_number(body) and body >= 0 else None


def in_order(rows: Sequence[Row], documents: int) -> tuple[NDArray[np.float64], list[bool]]:
    """Scores, float64, shape (documents,), and which documents were cut, both in the documents' order.

    Raises `BadAnswer` unless every document has exactly one finite number.
    """
    scores = np.full(documents, np.nan)
    truncated = [False] * documents
    for row in rows:
        index = row.index
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < documents:
            raise BadAnswer(f"index {shown(index)} is not one of the {documents} documents")
        if not math.isnan(scores[index]):
            raise BadAnswer(f"index {index} comes twice")
        scores[index] = _number(row.score, index)
        truncated[index] = row.truncated
    missing = np.flatnonzero(np.isnan(scores))
    if len(missing):
        some = ", ".join(str(index) for index in missing[:5])
        raise BadAnswer(f"{len(missing)} of {documents} documents have no score: {some}{', …' * (len(missing) > 5)}")
    return scores, truncated


def require_probabilities(scores: NDArray[np.float64]) -> None:
    """Raises `BadAnswer` for a score outside [0, 1]: taken for another scale, its logit would mean nothing."""
    outside = scores[(scores < -_SLACK) | (scores > 1 + _SLACK)]
    if len(outside):
        raise BadAnswer(
            f"a score is {outside[0]:g}, and scores between 0 and 1 were expected. If this model gives raw "
            'scores, pass scale="logit" or scale="similarity"'
        )


def logits_of(scores: NDArray[np.float64], *, probabilities: bool) -> NDArray[np.float32]:
    """Logits, float32, in the shape of `scores`: log-odds of probabilities, clipped, or scores as they are.

    Equal scores stay equal, and a higher one stays higher: where rounding to float32 or clipping would make two meet,
    the higher is moved up by the least step.
    """
    values, where = np.unique(scores, return_inverse=True)
    if probabilities:
        clipped = np.clip(values, CLIP, 1 - CLIP)
        values = np.log(clipped) - np.log1p(-clipped)
    logits = values.astype(np.float32)
    for i in range(1, len(logits)):
        if logits[i] <= logits[i - 1]:
            logits[i] = np.nextafter(logits[i - 1], np.float32(np.inf))
    return logits[where.reshape(scores.shape)]


def shown(value: object) -> str:
    """A value for a message, cut short."""
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _number(value: object, index: int) -> float:
    if not _is_number(value):
        raise BadAnswer(f"the score of document {index} is {shown(value)}, and not a finite number")
    return float(value)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a number that float32 can hold: no NaN, no infinity, no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _ENDLESS
