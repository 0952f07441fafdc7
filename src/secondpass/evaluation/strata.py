"""Per-query values of several systems on the same queries, in collections that keep fixed weights.

Knows names and numbers; neither how a value was measured nor what is asked of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secondpass.errors import InputError
from secondpass.evaluation.places import Floats

Values = Mapping[str, Mapping[str, Mapping[str, float]]]
"""System → collection → query id → value. Every system has the same collections and queries."""


@dataclass(frozen=True, slots=True)
class Strata:
    """`values`: one array of shape (queries, systems) for each of `names`; `weights` add up to 1."""

    systems: tuple[str, ...]
    names: tuple[str, ...]
    weights: tuple[float, ...]
    values: tuple[Floats, ...]

    @property
    def means(self) -> Floats:
        """The weighted mean of the collections' means; shape (systems,)."""
        found: Floats = sum(
            (weight * values.mean(axis=0) for weight, values in zip(self.weights, self.values, strict=True)),
            np.zeros(len(self.systems)),
        )
        return found

    @property
    def weighted(self) -> Floats:
        """Every value times its collection's weight over its queries, so that a column adds up to the system's mean."""
        return np.concatenate([w / len(v) * v for w, v in zip(self.weights, self.values, strict=True)])


def strata(values: Values, weights: Mapping[str, float] | None = None) -> Strata:
    """Lay the values side by side. Without weights every collection counts the same; given ones are scaled to sum 1.

    Raises `InputError` where systems differ in collections or queries, which would compare protocols instead of
    systems, and for weights and values that cannot be used.
    """
    if not values:
        raise InputError("There is no system to compare: give the values of at least one.")
    first, reference = next(iter(values.items()))
    if not reference or not all(reference.values()):
        raise InputError(f"System {first!r} has no collection, or one without queries: measure it first.")
    for system, found in values.items():
        _same(first, reference, system, found)
    names = tuple(reference)
    arrays = tuple(
        np.array([[found[name][query] for found in values.values()] for query in reference[name]]) for name in names
    )
    for name, array in zip(names, arrays, strict=True):
        if not np.isfinite(array).all():
            raise InputError(f"A value on {name!r} is not finite: mend the measure or leave the query out for all.")
    return Strata(tuple(values), names, _scaled(names, weights), arrays)


def _same(
    first: str, reference: Mapping[str, Mapping[str, float]], system: str, found: Mapping[str, Mapping[str, float]]
) -> None:
    if found.keys() != reference.keys():
        apart = sorted(found.keys() ^ reference.keys())
        raise InputError(f"{first!r} and {system!r} were not measured on the same collections: {apart} differ.")
    for name, queries in reference.items():
        if found[name].keys() != queries.keys():
            apart = sorted(found[name].keys() ^ queries.keys())
            raise InputError(
                f"{first!r} and {system!r} were not measured on the same queries of {name!r}: "
                f"{len(apart)} differ, such as {apart[0]!r}. Measure both on the same sample."
            )


def _scaled(names: tuple[str, ...], weights: Mapping[str, float] | None) -> tuple[float, ...]:
    if weights is None:
        return (1 / len(names),) * len(names)
    if weights.keys() != set(names):
        apart = sorted(weights.keys() ^ set(names))
        raise InputError(f"The weights are not those of the collections: {apart} have only one of both.")
    total = math.fsum(weights.values())
    if not (all(weight >= 0 for weight in weights.values()) and 0 < total < math.inf):
        raise InputError(f"The weights are {dict(weights)}: give numbers of 0 or more that do not add up to 0.")
    return tuple(weights[name] / total for name in names)
