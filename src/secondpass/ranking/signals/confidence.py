"""Confidence: what is held to be true counts for more.

Knows the number that a document carries, and the scale that the caller says it is on; never where it came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats, metadata_of
from secondpass.ranking.signals.weighted import Weighted, each, number

Scale = Literal["probability", "percent", "ten"]
_WHOLE: Mapping[str, float] = {"probability": 1.0, "percent": 100.0, "ten": 10.0}
_CLIP = 3.0
"""Log-odds beyond which more confidence adds nothing: those of .953."""


@dataclass(frozen=True, slots=True)
class Confidence(Weighted):
    """The log-odds of a document's confidence, cut at ±3 and divided by 3: 0 at one half, -1 at .05, 1 at .95.

    `scale`: what certainty is written as: "probability" (0 to 1), "percent" (0 to 100) or "ten" (0 to 10); it is never
    guessed. `field`: the metadata key. What is missing, no number or off the scale gives 0; where every confidence of a
    list is off the scale, it is the scale that is wrong: `InputError`.
    """

    scale: Scale = "probability"
    field: str = "confidence"
    _: KW_ONLY
    name: str = "confidence"

    def __post_init__(self) -> None:
        Weighted.__post_init__(self)
        if self.scale not in get_args(Scale):
            raise InputError(f"Confidence(scale={self.scale!r}): choose one of {', '.join(get_args(Scale))}.")

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [-1, 1], never smaller for more confidence. Raises `InputError`."""
        given = [number(metadata_of(document).get(self.field)) for document in candidates.documents]
        told = [value for value in given if value is not None]
        whole = _WHOLE[self.scale]
        if told and not any(0 <= value <= whole for value in told):
            raise InputError(
                f"{self.field}={told[0]:g} is off the scale {self.scale!r} (0 to {whole:g}), and so is every other "
                f"of the list: say Confidence(scale=...) with one of {', '.join(get_args(Scale))}."
            )
        return each(candidates, self._value)

    def _value(self, metadata: Mapping[str, Any]) -> float | None:
        share = number(metadata.get(self.field))
        share = None if share is None else share / _WHOLE[self.scale]
        return log_odds(share) if share is not None and 0 <= share <= 1 else None


def log_odds(share: float) -> float:
    """The log-odds of `share` in [0, 1], cut at ±3 and divided by 3."""
    if share in (0.0, 1.0):
        return 2 * share - 1
    return max(-_CLIP, min(_CLIP, math.log(share) - math.log1p(-share))) / _CLIP
