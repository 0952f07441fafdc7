"""Base-level activation: what was used often and lately comes to mind first, as in ACT-R.

Knows the times at which a document was used; not its text, nor what it is linked to (see `entities`).
Formulas: Anderson and Schooler 1991 (exact), Anderson and Lebiere 1998 (optimised), Petrov 2006 (hybrid).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats
from secondpass.ranking.signals.duration import seconds, unit
from secondpass.ranking.signals.frequency import USE_KEYS, uses_of
from secondpass.ranking.signals.moment import moment
from secondpass.ranking.signals.recency import dated
from secondpass.ranking.signals.weighted import Weighted, each

Form = Literal["exact", "optimised", "hybrid"]

ACCESS_KEYS = ("accesses", "access_times", "access_log", "accessed_at", "last_accessed_at", "last_accessed")
"""Where the times of use are looked for: a list of them, or the last one alone."""
CREATED_KEYS = ("created_at", "created", "date", "timestamp")
"""Where the beginning of a document's life is looked for."""
_NEUTRAL = "7d"


@dataclass(frozen=True, slots=True)
class Activation(Weighted):
    """tanh((B - threshold) / spread), where B is the base-level activation of the document's uses up to `now`.

    `form` says how B is reckoned: "exact", from all times of use; "optimised", from their number and the lifetime, as
    if they were spread evenly; "hybrid", exactly for the last `keep` and evenly before. `unit`: the unit of time of the
    ages, which moves B and the `threshold` alike; None is the B of a single use a week ago, so that the unit does not
    matter. No use is younger than `floor`. Times of use come from `field`, else `ACCESS_KEYS`; their number from
    `USE_KEYS` where it is larger; the birth from `CREATED_KEYS`. A document without a time of use gives 0, and so do
    all where `Candidates.now` is None. Raises `InputError` for options that cannot be.
    """

    decay: float = 0.5
    unit: str = "h"
    form: Form = "exact"
    keep: int = 10
    threshold: float | None = None
    spread: float = 1.0
    floor: str = "1s"
    field: str | None = None
    _: KW_ONLY
    name: str = "activation"

    needs_now: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Weighted.__post_init__(self)
        unit(self.unit)
        seconds(self.floor)
        if self.form not in get_args(Form):
            raise InputError(f"Activation(form={self.form!r}): choose one of {', '.join(get_args(Form))}.")
        if not 0 < self.decay < 1:
            raise InputError(f"Activation(decay={self.decay!r}): give a number between 0 and 1; ACT-R's is .5.")
        if self.keep < 1:
            raise InputError(f"Activation(keep={self.keep!r}): give at least 1 use that is reckoned exactly.")
        if not 0 < self.spread < math.inf:
            raise InputError(f"Activation(spread={self.spread!r}): give a number above 0.")

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [-1, 1], never smaller for a later or a further use."""
        now = candidates.now
        if now is None:
            return np.zeros(len(candidates.documents))
        threshold = self._threshold()

        def value(metadata: Mapping[str, Any]) -> float | None:
            level = self.level(metadata, now)
            return None if level is None else math.tanh((level - threshold) / self.spread)

        return each(candidates, value)

    def level(self, metadata: Mapping[str, Any], now: datetime) -> float | None:
        """B of what `metadata` tells of a document's uses up to `now`; None where it tells of none."""
        keys = ACCESS_KEYS if self.field is None else (self.field,)
        used = next((found for key in keys if (found := _times(metadata.get(key)))), ())
        born = dated(metadata, CREATED_KEYS)
        if not used and born is not None and uses_of(metadata):
            used = (born,)
        ages = sorted(self._age(when, now) for when in used if when <= now)
        if not ages:
            return None
        life = ages[-1] if born is None else max(ages[-1], self._age(born, now))
        count = max(float(len(ages)), uses_of(metadata, tuple(key for key in USE_KEYS if key not in keys)))
        if self.form == "optimised":
            return optimised(count, life, self.decay)
        return exact(ages, self.decay) if self.form == "exact" else hybrid(ages[: self.keep], count, life, self.decay)

    def _threshold(self) -> float:
        if self.threshold is not None:
            return self.threshold
        return -self.decay * math.log(seconds(_NEUTRAL) / unit(self.unit))

    def _age(self, when: datetime, now: datetime) -> float:
        return max((now - when).total_seconds(), seconds(self.floor)) / unit(self.unit)


def exact(ages: Sequence[float], decay: float) -> float:
    """B = ln Σ age^-decay over all uses."""
    return math.log(math.fsum(age**-decay for age in ages))


def optimised(count: float, life: float, decay: float) -> float:
    """B = ln(count / (1 - decay)) - decay · ln life, for `count` uses spread evenly over a lifetime."""
    return math.log(count / (1 - decay)) - decay * math.log(life)


def hybrid(ages: Sequence[float], count: float, life: float, decay: float) -> float:
    """B of the last uses, whose `ages` (youngest first) are known, and of the others, spread evenly back to the birth.

    Petrov 2006: each of the `count - k` others adds the mean of age^-decay between the oldest known age and `life`.
    """
    known = math.fsum(age**-decay for age in ages)
    others, oldest = count - len(ages), ages[-1]
    if others <= 0:
        return math.log(known)
    if life - oldest <= 1e-9 * life:
        return math.log(known + others * life**-decay)  # what the mean tends to where there is no time between
    mean = (life ** (1 - decay) - oldest ** (1 - decay)) / ((1 - decay) * (life - oldest))
    return math.log(known + others * mean)


def _times(value: object) -> tuple[datetime, ...]:
    found = value if isinstance(value, list | tuple) else [value]
    return tuple(when for one in found if (when := moment(one)) is not None)
