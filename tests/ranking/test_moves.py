from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.models.scorer import Activation, Declared
from secondpass.ranking.candidates import Floats, Signal
from secondpass.ranking.moves import Moved, moved
from secondpass.ranking.request import Request
from secondpass.ranking.signals import Confidence, Frequency, Recency, adaptive_recall
from secondpass.ranking.signals.blend import Blend

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SIGNALS = (Recency(half_life="30d"), Confidence(), Frequency())
LOGITS = st.lists(st.floats(-30, 30).map(lambda x: round(x, 3)), min_size=1, max_size=20).map(np.array)
DATES = st.sampled_from(["2019-05-01", "2026-11-19", None])
ACTIVATIONS = st.sampled_from(["sigmoid", "identity", "ratio", "unit"])
RULE = "prefer the newest"


def after(
    logits: Floats,
    signals: tuple[Signal | Blend, ...] = SIGNALS,
    *,
    metadata: list[dict[str, Any]] | None = None,
    activation: Activation = "sigmoid",
    scale: float = 1.0,
    instruction: str | None = None,
) -> Moved:
    documents = [
        {"text": f"a document, the {i}th", "metadata": each}
        for i, each in enumerate([{}] * len(logits) if metadata is None else metadata)
    ]
    request = Request.of("who?", documents, instruction=instruction, fields=(), renderer=1, now=NOW)
    declared = Declared("m", "m@1", 1, None, activation=activation, scale=scale)
    return moved(request, logits, declared, signals)


def dated(dates: list[str | None]) -> list[dict[str, Any]]:
    return [{"date": date, "confidence": 0.9 if i % 3 else None, "uses": i} for i, date in enumerate(dates)]


@given(LOGITS, ACTIVATIONS)
def test_what_moves_nothing_leaves_the_logits_bit_for_bit(logits: Floats, activation: Activation) -> None:
    for found in (after(logits, activation=activation), after(logits, ()), after(logits, (Recency(weight=0),))):
        np.testing.assert_array_equal(found.logits, logits)
        assert found.signals == [{}] * len(logits)
        np.testing.assert_array_equal(found.scored, logits)


@given(LOGITS, st.data(), ACTIVATIONS, st.sampled_from([None, RULE]))
def test_signals_and_the_models_logit_add_up(
    logits: Floats, data: st.DataObject, activation: Activation, instruction: str | None
) -> None:
    dates = data.draw(st.lists(DATES, min_size=len(logits), max_size=len(logits)))
    found = after(logits, metadata=dated(dates), activation=activation, scale=20.0, instruction=instruction)
    added = np.array([sum(signals.values()) for signals in found.signals])
    np.testing.assert_allclose(found.logits, logits + added, rtol=1e-9, atol=1e-9)


@given(LOGITS, st.data(), ACTIVATIONS)
def test_no_score_is_above_the_models_best(logits: Floats, data: st.DataObject, activation: Activation) -> None:
    dates = data.draw(st.lists(DATES, min_size=len(logits), max_size=len(logits)))
    found = after(logits, metadata=dated(dates), activation=activation, instruction=RULE)
    assert found.scored.max() <= logits.max() + 1e-9
    np.testing.assert_array_equal(np.argsort(-found.scored, kind="stable"), np.argsort(-found.logits, kind="stable"))


def test_a_move_is_said_in_the_units_of_the_model() -> None:
    metadata = dated(["2026-11-19", "2019-05-01"])
    odds = after(np.array([1.0, 0.9]), (Recency(),), metadata=metadata)
    cosines = after(np.array([20.0, 18.0]), (Recency(),), metadata=metadata, activation="identity", scale=20.0)
    assert odds.signals[0]["recency"] == pytest.approx(cosines.signals[0]["recency"] / 20)
    spread = after(np.array([2.0, 0.0, 1.0]), (Recency(),), metadata=dated(["2026-11-20"] * 3), activation="ratio")
    assert 0 < spread.signals[0]["recency"] <= 0.5 * np.std([2.0, 0.0, 1.0])


def test_a_list_without_spread_is_moved_all_the_same() -> None:
    found = after(np.zeros(2), (Recency(),), metadata=dated(["2026-11-19", "2019-05-01"]), activation="unit")
    assert found.logits[0] > found.logits[1]


def test_a_presets_order_is_its_own() -> None:
    metadata = dated([None, "2019-05-01", "2026-11-19"])
    blend = adaptive_recall()
    found = after(np.array([2.0, 1.9, 1.0]), (blend,), metadata=metadata)
    totals = [sum(signals.values()) for signals in found.signals]
    assert np.argsort(-found.logits).tolist() == np.argsort(-np.array(totals)).tolist()
    assert 1 / (1 + np.exp(-found.scored[0])) == pytest.approx(totals[0] / (blend.whole or 1), abs=1e-6)


def test_nothing_is_made_of_no_documents() -> None:
    assert len(after(np.empty(0)).logits) == 0
