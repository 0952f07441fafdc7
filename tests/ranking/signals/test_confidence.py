"""Confidence: log-odds on the scale that the caller names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.confidence import Confidence, Scale

from .conftest import Listed


@pytest.mark.parametrize(("scale", "whole"), [("probability", 1), ("percent", 100), ("ten", 10)])
def test_one_half_is_neutral_and_log_odds_are_cut_at_three(scale: Scale, whole: float, listed: Listed) -> None:
    shares = [0, 0.02, 0.25, 0.5, 0.75, 0.98, 1]
    values = Confidence(scale).values(listed([{"confidence": whole * share} for share in shares]))
    third = math.log(3) / 3
    np.testing.assert_allclose(values, [-1, -1, -third, 0, third, 1, 1], atol=1e-12)


def test_a_scale_that_fits_no_document_is_the_mistake(listed: Listed) -> None:
    with pytest.raises(InputError, match=r"confidence=7.5 is off the scale 'probability' \(0 to 1\)"):
        Confidence().values(listed([{"confidence": 7.5}, {}, {"confidence": 9}]))


def test_one_document_that_is_off_the_scale_tells_nothing(listed: Listed) -> None:
    values = Confidence().values(listed([{"confidence": 7.5}, {"confidence": 0.75}, {"confidence": "sure"}]))
    np.testing.assert_allclose(values, [0, math.log(3) / 3, 0])


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(InputError, match="choose one of probability, percent, ten"):
        Confidence("stars")  # type: ignore[arg-type]
