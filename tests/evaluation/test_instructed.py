"""p-MRR against mteb's own numbers; WISE, SICR and flips on examples that can be followed by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.instructed import (
    Modes,
    edited,
    flip_rate,
    ideal_wise,
    instruction_sets,
    p_mrr,
    sicr,
    wise,
)
from secondpass.evaluation.metrics import mean

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parent / "goldens" / "mteb.json").read_text())["p_mrr"]


def _order(documents: str) -> dict[str, float]:
    """Scores that put the documents, a letter each, in this order: 0, -1, -2, …"""
    return {document: -float(rank) for rank, document in enumerate(documents)}


def _modes(original: str, instructed: str, against: str) -> Modes:
    return Modes({"q": _order(original)}, {"q": _order(instructed)}, {"q": _order(against)})


@pytest.mark.parametrize("golden", GOLDEN)
def test_p_mrr_is_that_of_mteb_with_ties_and_missing_documents(golden: dict[str, Any]) -> None:
    found = p_mrr(*edited(golden["run"]), golden["changed"])
    assert found == pytest.approx(golden["each"], abs=1e-12)
    assert mean(found) == pytest.approx(golden["mean"], abs=1e-12)


def test_a_document_that_moves_from_2_to_4_earns_a_half_and_back_loses_it() -> None:
    up, down = {"q": _order("abcd")}, {"q": _order("acdb")}
    assert p_mrr(up, down, {"q": ["b"]}) == {"q": 0.5}
    assert p_mrr(down, up, {"q": ["b"]}) == {"q": -0.5}
    assert p_mrr(up, down, {"q": ["a", "b"], "without": []}) == {"q": 0.25}


def test_p_mrr_tells_scores_apart_in_full_precision() -> None:
    before, after = {"q": {"a": 1 + 1e-10, "b": 1.0}}, {"q": {"a": 1.0, "b": 1 + 1e-10}}
    assert p_mrr(before, after, {"q": ["a"]}) == {"q": 0.5}


def test_a_followir_run_is_parted_by_the_ends_of_its_ids() -> None:
    first, second = {"a": 1.0}, {"a": 2.0}
    assert edited({"7-og": first, "7-changed": second}) == ({"7": first}, {"7": second})
    with pytest.raises(InputError, match="'7' ends neither"):
        edited({"7": first})


def test_positives_are_still_wanted_with_the_instruction_and_negatives_no_longer() -> None:
    positives, negatives = instruction_sets(
        {"q": {"a": 1, "b": 1, "c": 0, "d": 2}, "r": {"a": 1}}, {"q": {"a": 1, "b": 0, "c": 1}}
    )
    assert positives == {"q": ["a"], "r": []}
    assert negatives == {"q": ["b", "d"], "r": ["a"]}


@pytest.mark.parametrize(
    ("original", "instructed", "against", "expected"),
    [
        ("xpabc", "pxabc", "xapbc", 1),  # 2, 1, 3 with three judged: first place, from above the end of the judged
        ("xapbc", "pxabc", "xabpc", 1 - 2 / 20),  # 3, 1, 4: from the end of the judged, the climb is taken off
        ("xabpc", "xpabc", "xabcp", (1 - 2 / 20) / math.sqrt(2)),  # 4, 2, 5
        ("xapbc", "xapbc", "xabpc", 1 / math.sqrt(3)),  # 3, 3, 4: kept its place
        ("xpabc", "xabpc", "xabcp", (2 - 4) / 4),  # 2, 4, 5: the instruction harmed it
        ("xabpc", "pxabc", "xpabc", (2 - 4) / 4),  # 4, 1, 2: so did not its reverse
        ("xapbc", "xpabc", "xapbc", 0),  # 3, 2, 3: its reverse changed nothing
        ("xpabc", "xpabc", "xpabc", 0),  # 2, 2, 2: nor did the instruction
    ],
)
def test_wise_of_one_document_by_its_three_ranks(original: str, instructed: str, against: str, expected: float) -> None:
    modes = _modes(original, instructed, against)
    assert wise(modes, {"q": ["p"]}, {"q": ["x", "a"]}) == pytest.approx({"q": expected}, abs=1e-12)


def test_wise_hardly_counts_what_started_beyond_rank_20() -> None:
    others = "abcdefghijklmnopqrstu"
    modes = _modes(others + "P", "P" + others, others + "XP")
    assert wise(modes, {"q": ["P"]}, {"q": ["a"]}) == {"q": 0.01}
    assert ideal_wise(modes, {"q": ["P"]}, {"q": ["a"]}) == {"q": 0.01}


def test_wise_is_the_mean_over_positives_and_leaves_out_queries_without() -> None:
    modes = _modes("xpyr", "pxyr", "xypr")
    # p: 2, 1, 3 of three judged earns 1; r: 4, 4, 4 earns 0.
    assert wise(modes, {"q": ["p", "r"], "none": []}, {"q": ["x"], "none": ["a"]}) == {"q": 0.5}


def test_ideal_wise_has_every_positive_on_rank_1_with_the_instruction() -> None:
    modes = _modes("xyzp", "xyzp", "xyzp")
    assert ideal_wise(modes, {"q": ["p"]}, {"q": ["x"]}) == pytest.approx({"q": 1 - 3 / 20})
    assert ideal_wise(modes, {"q": ["x"]}, {"q": ["y"]}) == {"q": 1.0}


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (((1.0, 2.0), (3.0, 2.0), (0.5, 2.0)), 1),  # from 2 up to 1, and down below a third with a lower score
        (((1.0, 2.0), (3.0, 2.0), (1.0, 2.0)), 0),  # against the instruction the score is the same
        (((1.0, 2.0), (0.9, 0.8), (0.5, 2.0)), 0),  # the rank rises, the score does not
        (((3.0, 2.0), (3.0, 2.0), (1.0, 2.0)), 1),  # on rank 1 already: the score may stay
        (((3.0, 2.0), (2.9, 2.0), (1.0, 2.0)), 0),  # but not fall
        (((3.0, 2.0), (3.0, 4.0), (1.0, 2.0)), 0),  # nor may the rank
    ],
)
def test_sicr_asks_for_rank_and_score(scores: tuple[tuple[float, float], ...], expected: float) -> None:
    runs = [{"q": {"p": p, "x": x, "third": 0.7}} for p, x in scores]
    assert sicr(Modes(*runs), {"q": ["p"]}) == {"q": expected}


def test_sicr_is_a_share_of_the_positives() -> None:
    modes = _modes("xpyr", "pxyr", "xypr")
    assert sicr(modes, {"q": ["p", "r"], "none": []}) == {"q": 0.5}


def test_a_document_that_a_mode_lacks_stands_behind_the_last_with_the_least_score() -> None:
    modes = Modes({"q": {"x": 2.0, "p": 1.0}}, {"q": {"x": 1.0, "p": 2.0}}, {"q": {"x": 1.0, "y": 0.5}})
    assert sicr(modes, {"q": ["p"]}) == {"q": 1.0}


PLAIN_LABELS = {"q": {"new": 3, "old": 1, "older": 1, "wrong": 0}}
OPPOSITE_LABELS = {"q": {"new": 1, "old": 3, "older": 1, "wrong": 0}}


@pytest.mark.parametrize(
    ("plain", "opposite", "expected"),
    [
        (["new", "old"], ["old", "new"], 1),
        (["new", "old"], ["new", "old"], 0),
        (["old", "new"], ["new", "old"], 0),
    ],
)
def test_a_pair_flips_where_both_orders_are_the_wanted_ones(
    plain: list[str], opposite: list[str], expected: float
) -> None:
    first, second = ({"q": {"wrong": 9.0, **{d: -float(i) for i, d in enumerate(o)}}} for o in (plain, opposite))
    assert flip_rate(first, second, PLAIN_LABELS, OPPOSITE_LABELS) == {"q": expected}


def test_flips_are_a_share_of_the_pairs_that_are_wanted_both_ways_and_a_tie_is_no_flip() -> None:
    labels, turned = {"q": {"a": 2, "b": 1, "c": 1}}, {"q": {"a": 1, "b": 2, "c": 2}}
    plain, opposite = {"q": {"a": 2.0, "b": 1.0, "c": 1.0}}, {"q": {"a": 1.0, "b": 2.0, "c": 1.0}}
    assert flip_rate(plain, opposite, labels, turned) == {"q": 0.5}


def test_a_query_whose_instructions_want_the_same_has_no_flip_rate() -> None:
    assert flip_rate({}, {}, PLAIN_LABELS, PLAIN_LABELS) == {}


def test_a_query_that_a_mode_lacks_is_named() -> None:
    run = {"q": {"new": 1.0, "old": 0.0}}
    with pytest.raises(InputError, match="opposite run lacks query 'q'"):
        flip_rate(run, {}, PLAIN_LABELS, OPPOSITE_LABELS)
    with pytest.raises(InputError, match="edited run lacks query 'q'"):
        p_mrr(run, {}, {"q": ["new"]})
    with pytest.raises(InputError, match="reversed run lacks query 'q'"):
        sicr(Modes(run, run, {}), {"q": ["new"]})


def test_nan_has_no_rank() -> None:
    with pytest.raises(InputError, match="document 'a' for query 'q' is NaN"):
        p_mrr({"q": {"a": math.nan}}, {"q": {"a": 1.0}}, {"q": ["a"]})
