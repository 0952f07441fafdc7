"""Fits: from the logits and labels of judged queries to a calibration, the same for the same input. Knows no models.

Half of the queries are fitted on; precision and recall are measured on the other half. Targets are smoothed as by
Platt (1999): N relevant pairs count as (N + 1) / (N + 2) each, so that nothing is ever held for certain.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from secondpass.errors import InputError
from secondpass.ranking.calibration.calibration import Calibration, Kind
from secondpass.ranking.calibration.curves import Line, Steps, probability_of
from secondpass.ranking.calibration.thresholds import Thresholds
from secondpass.ranking.candidates import Floats

LEAST = {"temperature": 10, "platt": 10, "isotonic": 100}
"""Relevant pairs, and others, that each kind takes at least; steps bend to the data, a line hardly does."""

_ROUNDS, _HALVINGS, _ENOUGH = 100, 40, 1e-10

Mask = NDArray[np.bool_]


def fit(
    logits: ArrayLike,
    labels: ArrayLike,
    queries: Sequence[Hashable],
    *,
    model: str,
    versions: Sequence[str],
    data: Sequence[str],
    date: str,
    kind: Kind = "platt",
    weights: ArrayLike | None = None,
    seed: int = 0,
) -> Calibration:
    """Fit a calibration on judged pairs: `logits`, `labels` (0 or 1), `queries` (what was asked) and, where some pairs
    count more, `weights` above 0; each of shape (pairs,).

    "platt" scales and shifts the logits, "temperature" only scales them, "isotonic" takes whatever rises. Half of the
    queries, drawn with `seed` (`held_out`), are not fitted on: thresholds are measured there. `model` and `versions` as
    the scorer declares them, `data` and `date` for the record. Raises `InputError` where there are too few pairs, only
    relevant ones or none, or where greater logits do not go with relevance.
    """
    if kind not in get_args(Kind):
        raise InputError(f"kind={kind!r}: choose one of {', '.join(get_args(Kind))}.")
    values, relevant, weight = _checked(logits, labels, queries, weights)
    held = held_out(queries, seed=seed)
    x, y, w = values[~held], relevant[~held], weight[~held]
    least = LEAST[kind]
    if min(y.sum(), (~y).sum()) < least:
        raise InputError(
            f"{int(y.sum())} relevant and {int((~y).sum())} other pairs are left to fit on: {kind} needs {least} of "
            "each. Judge more queries, take more candidates of each, or choose platt."
        )
    rate = float((w * y).sum() / w.sum())
    return Calibration(
        kind=kind,
        model=model,
        versions=tuple(versions),
        curve=_steps(x, y, w) if kind == "isotonic" else _line(x, y, w, shifted=kind == "platt"),
        thresholds=Thresholds.measured(values[held], relevant[held], weight[held]),
        fitted_rate=rate,
        base_rate=rate,
        data=tuple(data),
        date=date,
        queries=len({query for query, out in zip(queries, held.tolist(), strict=True) if not out}),
        pairs=len(x),
    )


def held_out(queries: Sequence[Hashable], *, seed: int = 0) -> Mask:
    """Whether each pair is of a query that `fit` with this seed leaves out: half of them, whole; shape (pairs,).

    Raises `InputError` for fewer than two queries.
    """
    each = list(dict.fromkeys(queries))
    if len(each) < 2:
        raise InputError(f"{len(each)} query: give at least two, to fit on one half and check on the other.")
    drawn = np.random.default_rng(seed).permutation(len(each))[: len(each) // 2]
    out = {each[i] for i in drawn}
    return np.array([query in out for query in queries])


def pav(values: Floats, weights: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Pool adjacent violators (Ayer et al. 1955): means of the blocks, which rise, and where each block begins."""
    means: list[float] = []
    totals: list[float] = []
    starts: list[int] = []
    for place, (value, weight) in enumerate(zip(values.tolist(), weights.tolist(), strict=True)):
        mean, total, start = value, weight, place
        while means and means[-1] >= mean:
            both = totals[-1] + total
            mean, total, start = (means.pop() * totals.pop() + mean * total) / both, both, starts.pop()
        means.append(mean)
        totals.append(total)
        starts.append(start)
    return np.array(means), np.array(starts, np.intp)


def _checked(
    logits: ArrayLike, labels: ArrayLike, queries: Sequence[Hashable], weights: ArrayLike | None
) -> tuple[Floats, Mask, Floats]:
    values, given = np.asarray(logits, np.float64), np.asarray(labels)
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if values.ndim != 1 or not values.shape == given.shape == weight.shape == (len(queries),):
        raise InputError(
            f"{values.shape} logits, {given.shape} labels, {len(queries)} queries and {weight.shape} weights: give one "
            "of each a pair."
        )
    if not np.isin(given, (0, 1)).all():
        raise InputError(f"{given[~np.isin(given, (0, 1))][0]} is not a label: give 0 or 1.")
    if not (np.isfinite(values).all() and np.isfinite(weight).all() and (weight > 0).all()):
        raise InputError("A logit is not finite, or a weight not above 0: leave such pairs out.")
    relevant = given.astype(bool)
    if relevant.all() or not relevant.any():
        what = "all" if len(relevant) and relevant.all() else "none"
        raise InputError(f"Of {len(relevant)} pairs {what} are relevant: give both kinds, all candidates of a query.")
    return values, relevant, weight


def _smoothed(shares: Floats, y: Mask, w: Floats) -> Floats:
    """Shares of relevant pairs a little inside of 0 and 1, by how many pairs there are of each label."""
    scale = len(w) / float(w.sum())
    right, wrong = scale * float(w[y].sum()), scale * float(w[~y].sum())
    low, high = 1 / (wrong + 2), (right + 1) / (right + 2)
    found: Floats = low + (high - low) * shares
    return found


def _line(x: Floats, y: Mask, w: Floats, *, shifted: bool) -> Line:
    """Logistic regression on one number by Newton's method, with halved steps where a whole one goes too far."""
    spread = float(x.std()) or 1.0  # the numbers are kept near 1, where two by two systems solve well
    middle = float(x.mean()) if shifted else 0.0
    columns = np.stack([(x - middle) / spread, np.ones_like(x)], 1)[:, : 1 + shifted]
    targets, share = _smoothed(y.astype(np.float64), y, w), w / w.sum()
    found = np.zeros(columns.shape[1])
    loss = _loss(columns @ found, targets, share)
    for _ in range(_ROUNDS):
        p = probability_of(columns @ found)
        slope = columns.T @ (share * (p - targets))
        bend = (columns * (share * p * (1 - p))[:, None]).T @ columns + 1e-12 * np.eye(len(found))
        step = np.linalg.solve(bend, slope)
        for _ in range(_HALVINGS):
            after = _loss(columns @ (found - step), targets, share)
            if after <= loss:
                break
            step /= 2
        found, loss = found - step, after
        if np.abs(step).max() < _ENOUGH:
            break
    rise = float(found[0]) / spread
    if rise <= 0:
        raise InputError(
            "Greater logits do not go with relevance here, so no probability can be made of them: check the labels, "
            "or use a model that fits the data."
        )
    return Line(rise, float(found[1]) - rise * middle if shifted else 0.0)


def _loss(odds: Floats, targets: Floats, share: Floats) -> float:
    return float((share * (np.logaddexp(0, odds) - targets * odds)).sum())


def _steps(x: Floats, y: Mask, w: Floats) -> Steps:
    values, group = np.unique(x, return_inverse=True)
    total = np.bincount(group, weights=w).astype(np.float64)
    means, starts = pav(np.bincount(group, weights=w * y) / total, total)
    if len(means) == 1:
        raise InputError("Greater logits do not go with relevance here: check the labels, or use another model.")
    ends = np.append(starts[1:], len(values)) - 1
    shares = _smoothed(means, y, w)
    odds = np.log(shares) - np.log1p(-shares)
    places = np.stack([values[starts], values[ends]], 1).ravel()
    risen = np.repeat(odds, 2)
    single = np.stack([np.full(len(starts), True), starts != ends], 1).ravel()  # a block of one logit is one point
    return Steps(tuple(places[single].tolist()), tuple(risen[single].tolist()))
