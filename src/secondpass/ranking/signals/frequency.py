"""Frequency: what was used often counts for more.

Knows counts alone, never when a use was: see `activation` for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats
from secondpass.ranking.signals.weighted import Weighted, each, first, number

USE_KEYS = ("uses", "use_count", "access_count", "accesses", "access_times", "views", "mentions")
"""Where the number of uses is looked for; a list counts as many uses as it has entries."""


@dataclass(frozen=True, slots=True)
class Frequency(Weighted):
    """tanh(uses / per): 0 for what was never used, .76 at `per` uses, towards 1.

    `field`: the metadata key with the number of uses or a list of them; None tries `USE_KEYS`. What is missing, below 0
    or no number gives 0. Raises `InputError` for `per` that is not above 0.
    """

    per: float = 5.0
    field: str | None = None
    _: KW_ONLY
    name: str = "frequency"

    def __post_init__(self) -> None:
        Weighted.__post_init__(self)
        if not 0 < self.per < math.inf:
            raise InputError(f"Frequency(per={self.per!r}): give a number of uses above 0.")

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [0, 1], never smaller for more uses."""
        keys = USE_KEYS if self.field is None else (self.field,)
        return each(candidates, lambda metadata: math.tanh(uses_of(metadata, keys) / self.per))


def uses_of(metadata: Mapping[str, Any], keys: tuple[str, ...] = USE_KEYS) -> float:
    """How often a document was used, as its metadata says; 0 where it says nothing that can be read."""
    found = first(metadata, keys)
    count = float(len(found)) if isinstance(found, list | tuple) else number(found)
    return 0.0 if count is None else max(0.0, count)
