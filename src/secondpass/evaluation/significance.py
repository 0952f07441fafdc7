"""Whether one system is better than another, or had luck with the queries: paired randomisation tests.

If both were the same, each query's difference could as well have the other sign (Fisher 1935; Smucker, Allan and
Carterette 2007). Over all pairs of systems the p-values are corrected by Holm's method (1979). Knows values only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from secondpass.errors import InputError
from secondpass.evaluation.places import Floats
from secondpass.evaluation.strata import Strata, Values, strata

ROUNDS = 10_000
SEED = 0
_SAME = 1e-12
"""Values this near are a tie, and statistics this near as extreme: what is left is rounding."""
_SIGNS = 1 << 18
_POWER = 2.8
"""Standard errors of a difference that is found in four cases of five at a p-value of 0.05: 1.96 + 0.84."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems on the same queries.

    `difference`: the first's weighted mean less the second's; `p_value`: two-sided, for this pair alone; `corrected`:
    the same, for all pairs that were compared together; `wins`, `ties`, `losses`: queries on which the first is above,
    even, below; `detectable`: a true difference of this size would be found four times in five, a smaller one less
    often (a collection of one query adds nothing to it); `rounds` and `seed` give the same numbers again.
    """

    first: str
    second: str
    difference: float
    p_value: float
    corrected: float
    wins: int
    ties: int
    losses: int
    detectable: float
    rounds: int
    seed: int


def compare(
    values: Values, weights: Mapping[str, float] | None = None, *, rounds: int = ROUNDS, seed: int = SEED
) -> tuple[Comparison, ...]:
    """All pairs of systems, in their order; signs are drawn inside collections that keep their weights.

    The least possible p-value is 1 / (rounds + 1). Raises `InputError` where systems were not measured on the same
    queries, and for fewer than two systems or one round.
    """
    laid = strata(values, weights)
    if len(laid.systems) < 2:
        raise InputError(f"There is only {laid.systems[0]!r}: give the values of at least two systems.")
    if rounds < 1:
        raise InputError(f"{rounds} rounds were asked for: it must be at least 1.")
    pairs = list(combinations(range(len(laid.systems)), 2))
    first, second = np.array(pairs).T
    weighted = laid.weighted
    p_values = _p_values(weighted[:, first] - weighted[:, second], rounds, np.random.default_rng(seed))
    corrected = holm(p_values)
    plain = np.concatenate(laid.values)
    return tuple(
        Comparison(
            first=laid.systems[a],
            second=laid.systems[b],
            difference=float(laid.means[a] - laid.means[b]),
            p_value=p_values[i],
            corrected=corrected[i],
            wins=int((plain[:, a] - plain[:, b] > _SAME).sum()),
            ties=int((np.abs(plain[:, a] - plain[:, b]) <= _SAME).sum()),
            losses=int((plain[:, b] - plain[:, a] > _SAME).sum()),
            detectable=_detectable(laid, a, b),
            rounds=rounds,
            seed=seed,
        )
        for i, (a, b) in enumerate(pairs)
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values in the given order: rejecting those up to α rejects any of them wrongly with a chance of α at most."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for done, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - done) * p_values[i]))
        corrected[i] = highest
    return corrected


def _p_values(differences: Floats, rounds: int, generator: np.random.Generator) -> list[float]:
    """Two-sided, of the sum of each column of `differences` (queries, pairs); every column gets the same signs."""
    observed = np.abs(differences.sum(axis=0)) - _SAME
    extreme = np.ones(differences.shape[1])
    at_once = max(1, _SIGNS // len(differences))
    for start in range(0, rounds, at_once):
        rows = min(at_once, rounds - start)
        extreme += (np.abs(_signs(rows, len(differences), generator) @ differences) >= observed).sum(axis=0)
    found: list[float] = (extreme / (rounds + 1)).tolist()
    return found


def _signs(rows: int, queries: int, generator: np.random.Generator) -> Floats:
    """1 and -1 at random, shape (rows, queries), one random bit each."""
    octets = -(-queries // 8)
    bits = np.unpackbits(generator.integers(0, 256, (rows, octets), dtype=np.uint8), axis=1, count=queries)
    return 1.0 - 2.0 * bits.astype(np.float64)


def _detectable(laid: Strata, first: int, second: int) -> float:
    variances = [
        weight**2 * float(np.var(values[:, first] - values[:, second], ddof=1)) / len(values)
        for weight, values in zip(laid.weights, laid.values, strict=True)
        if len(values) > 1
    ]
    return _POWER * math.sqrt(math.fsum(variances))
