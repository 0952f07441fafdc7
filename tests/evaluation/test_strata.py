"""Values laid side by side, and comparisons of unlike things refused."""

from __future__ import annotations

import math

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.strata import strata

VALUES = {
    "a": {"big": {"1": 1.0, "2": 0.0, "3": 0.5, "4": 0.5}, "small": {"x": 1.0}},
    "b": {"small": {"x": 0.0}, "big": {"4": 0.4, "3": 0.3, "2": 0.2, "1": 0.1}},
}


def test_values_are_joined_by_query_whatever_their_order() -> None:
    laid = strata(VALUES)
    assert (laid.systems, laid.names) == (("a", "b"), ("big", "small"))
    assert laid.values[0].tolist() == [[1.0, 0.1], [0.0, 0.2], [0.5, 0.3], [0.5, 0.4]]
    assert laid.values[1].tolist() == [[1.0, 0.0]]


def test_without_weights_collections_count_the_same_and_given_ones_are_scaled() -> None:
    assert strata(VALUES).means.tolist() == pytest.approx([0.75, 0.125])
    assert strata(VALUES, {"small": 1, "big": 3}).weights == (0.75, 0.25)
    assert strata(VALUES, {"small": 1, "big": 3}).means.tolist() == pytest.approx([0.625, 0.1875])


def test_weighted_values_add_up_to_the_means() -> None:
    laid = strata(VALUES, {"small": 1, "big": 3})
    assert laid.weighted.sum(axis=0).tolist() == pytest.approx(laid.means.tolist())


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"big": VALUES["a"]["big"]}, r"same collections: \['small'\] differ"),
        ({**VALUES["a"], "small": {"x": 1.0, "y": 1.0}}, "same queries of 'small': 1 differ, such as 'y'"),
    ],
)
def test_systems_with_other_collections_or_queries_are_not_compared(
    other: dict[str, dict[str, float]], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        strata({"a": VALUES["a"], "other": other})


@pytest.mark.parametrize("values", [{}, {"a": {}}, {"a": {"big": {}}}])
def test_something_must_be_measured(values: dict[str, dict[str, dict[str, float]]]) -> None:
    with pytest.raises(InputError, match=r"no system|no collection, or one without queries"):
        strata(values)


def test_a_value_that_is_not_finite_is_refused_with_its_collection() -> None:
    with pytest.raises(InputError, match="value on 'big' is not finite"):
        strata({"a": {"big": {"1": math.nan}}})


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"big": 1.0}, r"\['small'\] have only one of both"),
        ({"big": 1.0, "small": -1.0}, "numbers of 0 or more"),
        ({"big": 0.0, "small": 0.0}, "do not add up to 0"),
        ({"big": math.nan, "small": 1.0}, "numbers of 0 or more"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        strata(VALUES, weights)
