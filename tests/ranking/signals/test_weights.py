"""Weights from judgements: what moved the judges is found again, and too little is refused with the number needed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.confidence import Confidence
from secondpass.ranking.signals.recency import Recency
from secondpass.ranking.signals.weights import clicks, fit
from secondpass.types import Document, Hit, Ranking

from .conftest import NOW


def judged(count: int, *, recency: float, seed: int = 0) -> tuple[list[Ranking], list[dict[int, float]]]:
    """Rankings of six near-ties, and grades by a judge who adds `recency` log-odds for new documents, with noise."""
    random = np.random.default_rng(seed)
    rankings, grades = [], []
    for number in range(count):
        ages, trust, logits = random.uniform(0, 90, 6), random.uniform(0.1, 0.9, 6), random.normal(2, 0.3, 6)
        documents = [
            Document("x", metadata={"date": NOW - timedelta(days=float(age)), "confidence": float(sure)})
            for age, sure in zip(ages, trust, strict=True)
        ]
        hits = [
            Hit(index=i, score=0.5, logit=float(logits[i]), document=documents[i], tokens=1)
            for i in np.argsort(-logits)
        ]
        rankings.append(Ranking(f"q{number}", tuple(hits), "test"))
        worth = logits + recency * (2 ** (1 - ages / 30) - 1) + random.logistic(0, 0.5, 6)
        grades.append({int(i): float(worth[i] > np.median(worth)) for i in range(6)})
    return rankings, grades


def test_what_moved_the_judges_is_learnt_and_what_did_not_is_not() -> None:
    recency, confidence = fit(*judged(200, recency=1.5), [Recency("30d"), Confidence()], now=NOW)
    assert 0.8 < recency.weight < 2.5
    assert abs(confidence.weight) < 0.3
    assert recency == Recency("30d", weight=recency.weight)


def test_judges_who_like_the_old_turn_the_weight_round() -> None:
    (recency,) = fit(*judged(100, recency=-1.5), [Recency("30d")], now=NOW)
    assert recency.weight < -0.5


def test_the_same_judgements_give_the_same_weights_whatever_the_weights_were() -> None:
    rankings, grades = judged(40, recency=1.0)
    first = fit(rankings, grades, [Recency(weight=0.1), Confidence()], now=NOW)
    again = fit(rankings, grades, [Recency(weight=9.0), Confidence(weight=-1)], now=NOW)
    assert first == again


def test_the_ridge_draws_weights_towards_zero() -> None:
    rankings, grades = judged(60, recency=1.5)
    weights = [fit(rankings, grades, [Recency("30d")], now=NOW, ridge=ridge)[0].weight for ridge in (0.1, 10, 1e6)]
    assert weights[0] > weights[1] > weights[2] > 0
    assert weights[2] == pytest.approx(0, abs=1e-3)


def test_too_little_is_refused_with_how_many_are_needed() -> None:
    rankings, grades = judged(25, recency=1.0)
    grades[:10] = [{0: 1.0, 1: 1.0}] * 10  # one grade alone prefers nothing
    with pytest.raises(InputError, match=r"2 signals need 20 rankings .*of these 25, 15 have such: judge 5 more"):
        fit(rankings, grades, [Recency(), Confidence()], now=NOW)
    with pytest.raises(InputError, match="25 rankings and 3 judgements"):
        fit(rankings, grades[:3], [Recency()], now=NOW)


def test_grades_may_go_by_id() -> None:
    rankings, grades = judged(20, recency=1.0)
    named = [
        Ranking(
            ranking.query,
            tuple(
                Hit(
                    index=hit.index,
                    score=0.5,
                    logit=hit.logit,
                    tokens=1,
                    document=Document("x", id=f"d{hit.index}", metadata=_metadata(hit)),
                )
                for hit in ranking
            ),
            "test",
        )
        for ranking in rankings
    ]
    by_id = [{f"d{index}": grade for index, grade in one.items()} for one in grades]
    assert fit(named, by_id, [Recency()], now=NOW) == fit(rankings, grades, [Recency()], now=NOW)


def test_clicks_judge_what_was_passed_over_above_them_and_nothing_below() -> None:
    (ranking,), _ = judged(1, recency=0)
    order = [hit.index for hit in ranking]
    assert clicks(ranking, {order[2], order[0]}) == {order[0]: 1, order[1]: 0, order[2]: 1}
    assert clicks(ranking, set()) == {}


def _metadata(hit: Hit) -> dict[str, object]:
    assert isinstance(hit.document, Document)
    return dict(hit.document.metadata)
