"""What all signals have in common: a weight, a name, a version, and a way to look into metadata.

Knows neither dates nor entities; what a document's metadata means is each signal's own.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats, metadata_of


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Weighted(ABC):
    """A signal's `weight`, the most log-odds it can move a document by, and its `name` in `Hit.signals`.

    A weight below 0 turns the signal round. Raises `InputError` for a weight that is NaN or infinite.
    """

    weight: float = 0.5
    name: str = ""

    REVISION: ClassVar[int] = 1
    """Goes up when the same options give other values."""
    relevance: ClassVar[bool] = False
    """Whether it speaks of relevance itself, as a retriever does; such a signal is not held back by the gate."""
    needs_now: ClassVar[bool] = False
    """Whether all values are 0 as long as `Candidates.now` is None."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise InputError(f"{type(self).__name__}(weight={self.weight!r}): give a finite number of log-odds.")

    @abstractmethod
    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [-1, 1], float64, shape (n,); exactly 0 where the document tells nothing."""

    @property
    def version(self) -> str:
        """The options and the revision of what is made of them."""
        return f"{self!r}@{self.REVISION}"


def first(metadata: Mapping[str, Any], keys: Iterable[str]) -> Any:
    """The first value under one of `keys` that is not None; None where there is none."""
    return next((metadata[key] for key in keys if metadata.get(key) is not None), None)


def number(value: object) -> float | None:
    """A finite number as it stands in metadata: an int, a float or their text; None for anything else, a bool too."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | np.integer | np.floating):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def each(candidates: Candidates, read: Callable[[Mapping[str, Any]], float | None]) -> Floats:
    """What `read` makes of each document's metadata, shape (n,); 0 where it makes None."""
    found = (read(metadata_of(document)) for document in candidates.documents)
    return np.fromiter((0.0 if value is None else value for value in found), np.float64, len(candidates.documents))
