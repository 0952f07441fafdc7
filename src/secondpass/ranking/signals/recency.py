"""Recency: what was written lately counts for more.

Knows a document's own date alone; how often and when it was used is `activation`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np

from secondpass.ranking.candidates import Candidates, Floats
from secondpass.ranking.signals.duration import seconds
from secondpass.ranking.signals.moment import moment
from secondpass.ranking.signals.weighted import Weighted, each

DATE_KEYS = (
    *("updated_at", "updated", "modified_at", "last_modified", "modified", "date", "published_at", "published"),
    *("publication_date", "created_at", "created", "timestamp"),
)
"""Where a document's date is looked for; the first that can be read counts, so that a revision goes before a birth."""


@dataclass(frozen=True, slots=True)
class Recency(Weighted):
    """2 · 2^(-age / half_life) - 1: 1 for what is new, 0 at one half-life, towards -1 for what is old.

    `half_life`: a `timedelta`, or a number and a unit ("12h", "30d", "2y"). `field`: the metadata key with the date;
    None tries `DATE_KEYS`. A date after `now` counts as new; one that is missing or cannot be read gives 0, and so do
    all where `Candidates.now` is None. Raises `InputError` for a half-life that is no length of time.
    """

    half_life: str | timedelta = "30d"
    field: str | None = None
    _: KW_ONLY
    name: str = "recency"

    needs_now: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Weighted.__post_init__(self)
        seconds(self.half_life)

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [-1, 1], never smaller for a later date."""
        now = candidates.now
        if now is None:
            return np.zeros(len(candidates.documents))
        keys = DATE_KEYS if self.field is None else (self.field,)
        half_life = seconds(self.half_life)

        def value(metadata: Mapping[str, Any]) -> float | None:
            written = dated(metadata, keys)
            if written is None:
                return None
            age = max(0.0, (now - written).total_seconds())
            return float(2 * np.exp2(-age / half_life) - 1)

        return each(candidates, value)


def dated(metadata: Mapping[str, Any], keys: tuple[str, ...] = DATE_KEYS) -> datetime | None:
    """The first date under one of `keys` that can be read; None where there is none."""
    return next((found for key in keys if key in metadata and (found := moment(metadata[key])) is not None), None)
