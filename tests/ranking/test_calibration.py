"""Calibrations keep the order, say what they were fitted for, and recover what made the data."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secondpass
from secondpass.errors import InputError
from secondpass.models.embedded.scorer import EmbeddedScorer
from secondpass.models.lexical import BM25Scorer
from secondpass.ranking.calibration import Calibration, fit, held_out
from secondpass.ranking.calibration.calibration import Kind
from secondpass.ranking.calibration.fit import pav
from secondpass.ranking.calibration.thresholds import Thresholds
from secondpass.ranking.candidates import Floats

LINEAR, ISOTONIC = import_module("sklearn.linear_model"), import_module("sklearn.isotonic")
MADE: Any = {"model": "m", "versions": ["m@1"], "data": ["made"], "date": "2026-11-20"}
KINDS: tuple[Kind, ...] = ("temperature", "platt", "isotonic")
SHIPPED = Path(secondpass.__file__).parent / "models" / "embedded" / "calibration.json"


def made(kind: Kind = "platt", *, pairs: int = 20_000, slope: float = 1.5, intercept: float = -2.0) -> Calibration:
    """Fitted to pairs that are relevant with the probability σ(slope · logit + intercept)."""
    logits, labels, queries = drawn(pairs, slope, intercept)
    return fit(logits, labels, queries, kind=kind, **MADE)


def drawn(pairs: int, slope: float, intercept: float) -> tuple[Floats, Floats, list[int]]:
    generator = np.random.default_rng(5)
    logits = 2 * generator.normal(size=pairs)
    labels = generator.random(pairs) < 1 / (1 + np.exp(-slope * logits - intercept))
    return logits, labels.astype(np.float64), (np.arange(pairs) // 20).tolist()


FITTED = {kind: made(kind) for kind in KINDS}


def test_platt_recovers_the_line_that_made_the_labels() -> None:
    found = made(pairs=200_000)
    assert found.probability([0.0, 2.0]) == pytest.approx([1 / (1 + math.exp(2)), 1 / (1 + math.exp(-1))], abs=0.01)


def test_a_temperature_recovers_a_line_through_zero() -> None:
    found = made("temperature", pairs=200_000, slope=0.4, intercept=0.0)
    assert found.log_odds([1.0, -3.0]) == pytest.approx([0.4, -1.2], abs=0.02)


def test_isotonic_comes_close_to_whatever_made_the_labels() -> None:
    found = made("isotonic", pairs=200_000)
    assert found.probability([-1.0, 1.0, 2.0]) == pytest.approx(
        [1 / (1 + math.exp(3.5)), 1 / (1 + math.exp(0.5)), 1 / (1 + math.exp(-1))], abs=0.04
    )


def test_platt_is_what_sklearn_fits_to_the_same_pairs() -> None:
    logits, labels, queries = drawn(20_000, 1.5, -2.0)
    kept = ~held_out(queries)
    reference = LINEAR.LogisticRegression(C=np.inf, tol=1e-10).fit(logits[kept, None], labels[kept])
    expected = reference.decision_function(np.array([[-3.0], [0.0], [3.0]]))
    assert FITTED["platt"].log_odds([-3.0, 0.0, 3.0]) == pytest.approx(expected, abs=0.02)  # targets are smoothed


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.25, 1.0]), st.sampled_from([0.5, 1.0, 3.0])), min_size=1, max_size=40)
)
def test_pooling_is_what_sklearn_finds(points: list[tuple[float, float]]) -> None:
    values, weights = np.array(points).T
    means, starts = pav(values, weights)
    sizes = np.diff([*starts.tolist(), len(values)])
    expected = ISOTONIC.isotonic_regression(values, sample_weight=weights)
    assert np.repeat(means, sizes) == pytest.approx(expected, abs=1e-12)
    assert (np.diff(means) > 0).all()


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.floats(-60, 60, width=32).map(lambda x: round(x, 4)), min_size=2, max_size=30, unique=True))
def test_probabilities_lie_between_0_and_1_and_keep_the_order(kind: Kind, logits: list[float]) -> None:
    rising = sorted(logits)
    probabilities, odds = FITTED[kind].probability(rising), FITTED[kind].log_odds(rising)
    assert probabilities.dtype == odds.dtype == np.float64
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (np.diff(probabilities) >= 0).all()
    assert (np.diff(odds) > 0).all()  # where probabilities are all but 1, log-odds still tell apart


@pytest.mark.parametrize("kind", KINDS)
@given(st.floats(0.001, 0.999), st.floats(-20, 20))
def test_another_base_rate_moves_the_odds_by_the_ratio_of_the_prior_odds(kind: Kind, rate: float, logit: float) -> None:
    here = FITTED[kind]
    there = here.at(base_rate=rate)
    ratio = math.log(rate / (1 - rate)) - math.log(here.fitted_rate / (1 - here.fitted_rate))
    assert there.log_odds([logit]) - here.log_odds([logit]) == pytest.approx(ratio, abs=1e-9)
    assert there.at(base_rate=here.fitted_rate) == here


def test_probabilities_hold_at_the_base_rate_that_is_told() -> None:
    logits, labels, _ = drawn(200_000, 1.5, -2.0)
    kept = (labels == 0) | (np.random.default_rng(1).random(len(labels)) < 0.1)  # a tenth of the relevant ones
    rare = FITTED["platt"].at(base_rate=float(labels[kept].mean()))
    assert rare.probability(logits[kept]).mean() == pytest.approx(labels[kept].mean(), rel=0.03)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wanted", [0.6, 0.8, 0.9])
def test_a_threshold_gives_the_precision_that_was_asked_for_on_new_pairs(kind: Kind, wanted: float) -> None:
    generator = np.random.default_rng(99)
    logits = 2 * generator.normal(size=100_000)
    labels = generator.random(100_000) < 1 / (1 + np.exp(-1.5 * logits + 2))
    kept = FITTED[kind].probability(logits) >= FITTED[kind].threshold(precision=wanted)
    assert labels[kept].mean() == pytest.approx(wanted, abs=0.03)
    recalled = FITTED[kind].probability(logits) >= FITTED[kind].threshold(recall=wanted)
    assert labels[recalled].sum() / labels.sum() == pytest.approx(wanted, abs=0.03)


def test_a_threshold_for_a_precision_is_higher_where_relevant_ones_are_rarer() -> None:
    here = FITTED["platt"]
    rare = here.at(base_rate=0.02)
    logit = [float(np.interp(p, c.probability(GRID), GRID)) for c in (here, rare) for p in [c.threshold(precision=0.7)]]
    assert logit[0] < logit[1]


GRID = np.linspace(-10, 10, 20_001)


def test_a_precision_that_is_not_reached_is_named_with_the_one_that_is() -> None:
    noise = np.random.default_rng(2)
    weak = fit(
        noise.normal(size=4000) + (labels := noise.random(4000) < 0.1),
        labels,
        (np.arange(4000) // 40).tolist(),
        **MADE,
    )
    with pytest.raises(InputError, match=r"A precision of 0\.99 is not reached .* the best is 0\.\d+, at a recall of"):
        weak.threshold(precision=0.99)
    with pytest.raises(InputError, match="one of them"):
        weak.threshold()
    with pytest.raises(InputError, match="precision=90"):
        weak.threshold(precision=90)


def test_equal_logits_pass_a_threshold_together() -> None:
    logits, labels = np.repeat([2.0, 1.0], 40), np.array([True] * 30 + [False] * 10 + [True] * 10 + [False] * 30)
    found = Thresholds.measured(logits, labels, np.ones(80))
    assert (found.logits, found.recall, found.fallout) == ((2.0, 1.0), (0.75, 1.0), (0.25, 1.0))
    assert found.precision(0.5) == pytest.approx([0.75, 0.5])


def test_no_query_is_fitted_on_and_held_out() -> None:
    queries = [number % 31 for number in range(1000)]
    out = held_out(queries, seed=3)
    assert not {q for q, o in zip(queries, out, strict=True) if o} & {
        q for q, o in zip(queries, out, strict=True) if not o
    }
    assert len({q for q, o in zip(queries, out, strict=True) if o}) == 15
    assert (held_out(queries, seed=3) == out).all()
    assert (held_out(queries, seed=4) != out).any()


def test_a_pair_that_weighs_twice_counts_as_two() -> None:
    logits, labels, queries = drawn(2000, 1.0, -1.0)
    often = np.array([query % 3 == 0 for query in queries])
    heavy = fit(logits, labels, queries, weights=np.where(often, 14.0, 7.0), **MADE)
    twice = fit(
        np.append(logits, logits[often]),
        np.append(labels, labels[often]),
        [*queries, *(q for q, more in zip(queries, often, strict=True) if more)],
        **MADE,
    )
    assert heavy.fitted_rate == pytest.approx(twice.fitted_rate)
    assert heavy.log_odds([0.0, 1.0]) == pytest.approx(twice.log_odds([0.0, 1.0]), abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_is_the_same_after_writing_and_reading(kind: Kind, tmp_path: Path) -> None:
    moved = FITTED[kind].at(base_rate=0.03)
    assert Calibration.read(moved.save(tmp_path / "c.json")) == moved


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "is no calibration"),
        ("{", "is no calibration"),
        ('{"layout": 2}', "layout 2"),
        ('{"layout": 1}', "no cal"),
    ],
)
def test_another_file_is_refused_by_name(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(content)
    with pytest.raises(InputError, match=f"c.json.*{told}"):
        Calibration.read(path)
    with pytest.raises(InputError, match=r"none\.json cannot be read"):
        Calibration.read(tmp_path / "none.json")


def refused(told: str, logits: list[float], labels: list[float], kind: Kind = "platt") -> None:
    queries = [i // 5 for i in range(len(logits))]
    with pytest.raises(InputError, match=told):
        fit(logits, labels, queries, kind=kind, **MADE)


def test_what_cannot_be_fitted_is_refused_with_the_reason() -> None:
    refused("none are relevant", [1.0, 2.0] * 50, [0.0, 0.0] * 50)
    refused("all are relevant", [1.0, 2.0] * 50, [1.0, 1.0] * 50)
    refused("relevant and .* other pairs are left", [1.0, 2.0] * 10, [0.0, 1.0] * 10)
    refused("isotonic needs 100", [1.0, 2.0] * 50, [0.0, 1.0] * 50, "isotonic")
    refused("do not go with relevance", [2.0, 1.0] * 50, [0.0, 1.0] * 50)
    refused("not finite", [math.nan, 1.0] * 50, [0.0, 1.0] * 50)
    refused("is not a label", [1.0, 2.0] * 50, [0.0, 3.0] * 50)
    refused("kind='spline'", [1.0, 2.0], [0.0, 1.0], "spline")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least two"):
        held_out(["one"] * 4)
    with pytest.raises(InputError, match="base_rate=1"):
        FITTED["platt"].at(base_rate=1)


def test_a_model_that_the_calibration_is_not_for_is_refused() -> None:
    with pytest.raises(InputError, match="scores a list as a whole"):
        FITTED["platt"].require(BM25Scorer())
    scorer = EmbeddedScorer()
    with pytest.raises(InputError, match="is for m, and the model is embedded"):
        FITTED["platt"].require(scorer)
    with pytest.raises(InputError, match="is for 'm@1', and this is 'embedded@1"):
        replace(FITTED["platt"], model="embedded").require(scorer)
    replace(FITTED["platt"], model="embedded", versions=(scorer.declared.version,)).require(scorer)


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_the_calibration_in_the_package_is_for_the_model_in_the_package(precision: str) -> None:
    from secondpass.backends.choose import choose

    shipped = Calibration.read(SHIPPED)
    shipped.require(EmbeddedScorer(choose(precision=precision)))
    assert 0.005 < shipped.base_rate < 0.2
    assert json.loads(SHIPPED.read_text(encoding="utf-8"))["date"] == shipped.date


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["platt", "temperature"]))
def test_any_data_in_which_greater_is_better_can_be_fitted(seed: int, kind: Kind) -> None:
    generator = np.random.default_rng(seed)
    labels = np.arange(400) % 4 == 0
    logits = (generator.normal(size=400) + 2 * labels - 1) * 10.0 ** generator.integers(-4, 4)
    if kind == "platt":
        logits += generator.normal() * 100
    found = fit(logits, labels, list(range(400)), kind=kind, **MADE)
    at = found.probability(np.sort(logits))
    assert np.isfinite(at).all()
    assert (np.diff(at) >= 0).all()
