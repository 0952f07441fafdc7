"""Candidates as the tests of signals need them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from secondpass.ranking.candidates import Candidates
from secondpass.types import Document

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

Listed = Callable[..., Candidates]


@pytest.fixture(scope="session")
def listed() -> Listed:
    """Makes candidates of metadata: one document each, whose logits are 0 unless they are given."""

    def make(
        metadata: Sequence[Mapping[str, Any]],
        logits: Sequence[float] | None = None,
        *,
        query: str = "who fixed it",
        texts: Sequence[str] | None = None,
        now: datetime | None = NOW,
    ) -> Candidates:
        read = [f"note {i}" for i in range(len(metadata))] if texts is None else texts
        documents = [Document(text, metadata=told) for text, told in zip(read, metadata, strict=True)]
        values = np.zeros(len(metadata)) if logits is None else np.array(logits, np.float64)
        return Candidates(query, None, documents, read, values, now)

    return make
