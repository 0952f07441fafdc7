"""How signals join the logits: gated, bounded, by name; a preset alone."""

from __future__ import annotations

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.combine import combine, max_swing, needs_now
from secondpass.ranking.signals.confidence import Confidence
from secondpass.ranking.signals.frequency import Frequency
from secondpass.ranking.signals.presets import langchain, mem0
from secondpass.ranking.signals.recency import Recency

from .conftest import NOW, Listed


def test_a_near_tie_is_decided_by_the_date_and_a_plain_difference_is_not(listed: Listed) -> None:
    old, new = {"date": "2020-01-01"}, {"date": NOW}
    near, _ = combine([Recency()], listed([old, new], [2.1, 2.0]))
    assert near[1] > near[0]
    plain, _ = combine([Recency()], listed([old, new], [4.1, 2.0]))
    assert plain[0] > plain[1]


def test_a_document_that_does_not_answer_is_not_lifted_by_perfect_metadata(listed: Listed) -> None:
    perfect = {"date": NOW, "confidence": 1.0, "uses": 1000}
    seen = listed([{"date": "1999-01-01", "confidence": 0.0}, perfect, perfect], [3.0, -5.0, -5.5])
    logits, added = combine([Recency(weight=3), Confidence(weight=3), Frequency(weight=3)], seen)
    assert logits.argmax() == 0
    assert all(values[2] == 0 for values in added.values())


def test_a_weight_below_zero_turns_a_signal_round(listed: Listed) -> None:
    logits, _ = combine([Recency(weight=-0.5)], listed([{"date": NOW}, {"date": "2001-01-01"}]))
    np.testing.assert_allclose(logits, [-0.5, 0.5], atol=1e-9)


def test_the_swing_and_the_need_of_a_now_are_told() -> None:
    assert max_swing([Recency(weight=0.5), Confidence(weight=-0.25)]) == 0.75
    assert needs_now([Confidence(), Recency()])
    assert needs_now([langchain()])
    assert not needs_now([Confidence(), Frequency()])


def test_two_signals_of_one_name_and_a_preset_beside_others_are_refused(listed: Listed) -> None:
    with pytest.raises(InputError, match="Two signals are named 'recency'"):
        combine([Recency(), Recency("1d")], listed([{}]))
    with pytest.raises(InputError, match="mem0, recency: a preset is a whole way of ranking"):
        combine([mem0(), Recency()], listed([{}]))


def test_every_public_name_is_there() -> None:
    from secondpass.ranking import signals

    assert sorted(signals.__all__) == sorted(signals._HOMES)
    assert all(callable(getattr(signals, name)) for name in signals.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Recentcy'"):
        _ = signals.Recentcy
