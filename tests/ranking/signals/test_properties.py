"""What holds for every signal: bounded; nothing said, nothing moved; no weight, no change; Σ|w| at most."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secondpass.ranking.candidates import Candidates
from secondpass.ranking.signals import (
    Activation,
    Confidence,
    Entities,
    FirstStage,
    Frequency,
    Recency,
    adaptive_recall,
    generative_agents,
    langchain,
    max_swing,
    mem0,
)
from secondpass.ranking.signals.combine import combine
from secondpass.ranking.signals.weighted import Weighted
from secondpass.types import Document

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERY: tuple[Weighted, ...] = (
    Recency(),
    Activation(),
    Activation(form="optimised", name="optimised"),
    Activation(form="hybrid", keep=2, name="hybrid"),
    Frequency(),
    Confidence(),
    Entities(),
    FirstStage(),
    FirstStage(kind="rank", name="rank"),
    FirstStage(kind="distance", name="distance"),
)
by_signal = pytest.mark.parametrize("signal", EVERY, ids=lambda signal: signal.name)

TIMES = st.one_of(
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)).map(datetime.isoformat),
    st.floats(-1e12, 1e13),
    st.text(max_size=8),
    st.none(),
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "date": TIMES,
        "created_at": TIMES,
        "accesses": st.one_of(st.lists(TIMES, max_size=5), TIMES),
        "uses": st.one_of(st.integers(-5, 10**9), st.text(max_size=4), st.floats()),
        "last_accessed_at": TIMES,
        "confidence": st.one_of(st.floats(0, 1), st.none(), st.just("high")),
        "entities": st.one_of(st.lists(st.sampled_from(["Ada", "Oslo", "Ada Lovelace", ""])), st.integers()),
        "score": st.one_of(st.floats(), st.text(max_size=3)),
    },
)


@st.composite
def candidates(draw: st.DrawFn) -> Candidates:
    told: list[dict[str, Any]] = draw(st.lists(METADATA, max_size=6))
    texts = [draw(st.sampled_from(["Ada met Oslo Shipping.", "nothing here", "", "Ada."])) for _ in told]
    logits = draw(st.lists(st.floats(-20, 20), min_size=len(told), max_size=len(told)))
    documents = [Document(text, metadata=one) for text, one in zip(texts, told, strict=True)]
    query = draw(st.sampled_from(["what did Ada do", "ada lovelace in oslo", "the weather", ""]))
    now = draw(st.sampled_from([NOW, None]))
    return Candidates(query, None, documents, texts, np.array(logits, np.float64), now)


@by_signal
@settings(max_examples=60, deadline=None)
@given(seen=candidates())
def test_a_value_lies_between_minus_one_and_one(signal: Weighted, seen: Candidates) -> None:
    values = signal.values(seen)
    assert values.shape == (len(seen.documents),)
    assert values.dtype == np.float64
    assert np.all(np.abs(values) <= 1)


@by_signal
@settings(max_examples=30, deadline=None)
@given(seen=candidates())
def test_a_document_that_tells_nothing_is_left_exactly_where_it_is(signal: Weighted, seen: Candidates) -> None:
    blank = Document("", metadata={})
    with_blank = dataclasses.replace(
        seen, documents=[*seen.documents, blank], texts=[*seen.texts, ""], logits=np.append(seen.logits, 0.25)
    )
    assert signal.values(with_blank)[-1] == 0.0
    assert combine([signal], with_blank)[0][-1] == 0.25


@settings(max_examples=100, deadline=None)
@given(seen=candidates())
def test_weights_of_zero_leave_every_logit_bit_for_bit(seen: Candidates) -> None:
    idle = [dataclasses.replace(signal, weight=0.0) for signal in EVERY]
    logits, added = combine(idle, seen)
    assert logits.tobytes() == seen.logits.tobytes()
    assert not any(values.any() for values in added.values())


@settings(max_examples=100, deadline=None)
@given(seen=candidates(), weights=st.lists(st.floats(-3, 3), min_size=len(EVERY), max_size=len(EVERY)))
def test_a_logit_moves_by_what_the_breakdown_says_and_never_further_than_the_swing(
    seen: Candidates, weights: list[float]
) -> None:
    weighed = [dataclasses.replace(signal, weight=weight) for signal, weight in zip(EVERY, weights, strict=True)]
    logits, added = combine(weighed, seen)
    assert list(added) == [signal.name for signal in weighed]
    total = sum(added.values(), np.zeros(len(seen.logits)))
    np.testing.assert_allclose(logits, seen.logits + total, atol=1e-12)
    assert np.all(np.abs(total) <= max_swing(weighed) + 1e-9)


@settings(max_examples=60, deadline=None)
@given(
    seen=candidates(), weight=st.floats(0.01, 3), later=st.floats(0.1, 5000), name=st.sampled_from(["date", "accesses"])
)
def test_a_later_date_never_costs_anything(seen: Candidates, weight: float, later: float, name: str) -> None:
    signal = Recency(weight=weight) if name == "date" else Activation(weight=weight)
    early = NOW - timedelta(days=6000)
    old = Document("x", metadata={name: early})
    new = Document("x", metadata={name: early + timedelta(days=later)})
    both = Candidates(
        "x", None, [*seen.documents, old, new], [*seen.texts, "x", "x"], np.append(seen.logits, [1, 1]), NOW
    )
    values = signal.values(both)
    assert values[-1] >= values[-2]
    logits, _ = combine([signal], both)
    assert logits[-1] >= logits[-2]


@by_signal
def test_an_empty_list_has_no_values(signal: Weighted) -> None:
    logits, _ = combine([signal], Candidates("q", None, [], [], np.empty(0), NOW))
    assert logits.shape == (0,)


@pytest.mark.parametrize("blend", [adaptive_recall(), generative_agents(), langchain(), mem0()], ids=lambda b: b.name)
@settings(max_examples=40, deadline=None)
@given(seen=candidates())
def test_a_preset_gives_finite_logits_in_the_order_of_its_sum(blend: Any, seen: Candidates) -> None:
    logits, parts = combine([blend], seen)
    assert np.isfinite(logits).all()
    total = blend.total(seen)
    np.testing.assert_allclose(total, sum(parts.values(), np.zeros(len(total))))
    if blend.whole is not None:
        assert np.all((total >= -1e-9) & (total <= blend.whole + 1e-9))
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), total / blend.whole, atol=1e-6)
    assert np.all(np.diff(logits[np.argsort(total, kind="stable")]) >= 0)
