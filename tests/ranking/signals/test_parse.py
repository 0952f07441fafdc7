"""Signals from text: what can be written, and what is said of what cannot."""

from __future__ import annotations

import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.activation import Activation
from secondpass.ranking.signals.blend import Blend
from secondpass.ranking.signals.confidence import Confidence
from secondpass.ranking.signals.entities import Entities
from secondpass.ranking.signals.first_stage import FirstStage
from secondpass.ranking.signals.frequency import Frequency
from secondpass.ranking.signals.parse import PRESETS, signals
from secondpass.ranking.signals.recency import Recency
from secondpass.ranking.signals.weighted import Weighted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("recency", (Recency(),)),
        ("recency=30d,confidence,entities=0.5", (Recency("30d"), Confidence(), Entities(weight=0.5))),
        ("recency = 2 weeks @ published on * 1.5", (Recency("2 weeks", field="published on", weight=1.5),)),
        ("confidence=percent@trust", (Confidence("percent", field="trust"),)),
        ("activation=hybrid, frequency@stars*-0.2", (Activation(form="hybrid"), Frequency(field="stars", weight=-0.2))),
        ("first-stage=rank@position", (FirstStage(kind="rank", field="position"),)),
        ("first_stage,entities@people", (FirstStage(), Entities(key="people"))),
    ],
)
def test_signals_are_read(text: str, expected: tuple[Weighted, ...]) -> None:
    assert signals(text) == expected


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_stands_alone(name: str) -> None:
    (found,) = signals(name)
    assert isinstance(found, Blend)
    with pytest.raises(InputError, match="a preset is a whole way of ranking"):
        signals(f"{name},recency")
    with pytest.raises(InputError, match="its options are in Python"):
        signals(f"{name}=3")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recentcy", r"no signal 'recentcy': do you mean recency\?"),
        ("zzz", "There are recency, activation"),
        ("recency=soon", "'soon' is no length of time"),
        ("confidence=stars", "scale='stars'"),
        ("entities=many", "'many' is no weight"),
        ("recency*much", "'much' is no weight"),
        ("recency=30d*0.5*2", "is no weight"),
        ("=30d", "'=30d' is no signal"),
        ("recency,recency=1d", "Two signals are named 'recency'"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_remedy(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        signals(text)
