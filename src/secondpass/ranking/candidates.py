"""What the signals on top of a model see: a query's documents with the model's logits, and what day it is.

Knows values; neither models nor what becomes of the logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from secondpass.types import AnyDocument, Document

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidates:
    """One query's documents as a model has scored them, in the caller's order.

    `documents`: as the caller gave them; `texts`: as the model read them, all of each. `logits`: log-odds of relevance,
    float64, shape (n,), the model's own, brought to that scale where they are none. `now`: what dates are held
    against, aware of its time zone; None where nobody said, so that nothing that needs it moves anything.
    """

    query: str
    instruction: str | None
    documents: Sequence[AnyDocument]
    texts: Sequence[str]
    logits: Floats
    now: datetime | None = None


class Signal(Protocol):
    """Something beside the model that speaks for or against a document: its date, its use, who wrote it.

    `name` is what `Hit.signals` calls it; `weight` is the most that it can move a logit, up or down, in log-odds;
    `version` names everything that can move a score.
    """

    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def version(self) -> str: ...

    def values(self, candidates: Candidates) -> Floats:
        """One value a document in [-1, 1], float64, shape (n,); exactly 0 where the document tells nothing."""


def metadata_of(document: AnyDocument) -> Mapping[str, Any]:
    """What a document says about itself: a `Document`'s metadata, a mapping's `metadata` over the rest of its keys."""
    if isinstance(document, Document):
        return document.metadata
    if not isinstance(document, Mapping):
        return {}
    under = document.get("metadata")
    return {**document, **under} if isinstance(under, Mapping) else document
