from __future__ import annotations

import re
from itertools import pairwise

import pytest

from secondpass.evaluation.bootstrap import Interval
from secondpass.evaluation.report.bars import Bar, bar_chart
from secondpass.evaluation.report.gains import gain_chart
from secondpass.evaluation.report.palette import marker
from secondpass.evaluation.report.scatter import Point, scatter_chart


def about(score: float) -> Interval:
    return Interval(score, score - 0.02, score + 0.02, 0.8)


def test_bars_are_as_long_as_their_values() -> None:
    chart = bar_chart("t", "d", [("set", [Bar("a", about(0.4), "c0"), Bar("b", about(0.2), "c1")])])
    first, second = (float(width) for width in re.findall(r'width="([\d.]+)" height="12"', chart))
    assert first == pytest.approx(2 * second, abs=0.1)
    assert ">0.400<" in chart


def test_a_chart_without_any_success_can_be_drawn() -> None:
    nothing = Interval(0.0, 0.0, 0.0, 0.8)
    assert 'width="0"' in bar_chart("t", "d", [("set", [Bar("a", nothing, "c0")])])


def test_points_of_the_front_are_filled_where_they_are_proved() -> None:
    points = [Point("cheap", 0, 1.0, about(0.3)), Point("dear", 1, 10.0, about(0.5)), Point("bad", 2, 20.0, about(0.2))]
    chances = {("dear", "cheap"): 0.95}
    chart = scatter_chart("t", "d", points, axis="ms", floor=0.25, ahead=lambda a, b: chances[a, b])
    assert re.findall(r'class="(c\d \w+)"', chart) == ["c0 full", "c1 full", "c2 hollow"]
    chances["dear", "cheap"] = 0.5
    chart = scatter_chart("t", "d", points, axis="ms", floor=0.25, ahead=lambda a, b: chances[a, b])
    assert re.findall(r'class="(c\d \w+)"', chart) == ["c0 full", "c1 hollow", "c2 hollow"]


def test_cheaper_is_left_and_better_is_up() -> None:
    points = [Point("a", 0, 1.0, about(0.6)), Point("b", 5, 100.0, about(0.4))]
    chart = scatter_chart("t", "d", points, axis="ms", floor=0.3, ahead=lambda a, b: 1.0)
    (ax, ay), (bx, by) = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', chart)
    assert float(ax) < float(bx)
    assert float(ay) < float(by)


def test_names_of_points_in_one_place_do_not_cover_each_other() -> None:
    points = [Point(f"model {i}", i, 5.0, about(0.5)) for i in range(6)]
    chart = scatter_chart("t", "d", points, axis="ms", floor=0.3, ahead=lambda a, b: 0.5)
    found = re.findall(r'y="([\d.]+)" text-anchor="(\w+)" class="name"', chart)
    assert len(found) == 6
    for side in ("start", "end"):
        heights = sorted(float(y) for y, anchor in found if anchor == side)
        assert all(b - a >= 13.9 for a, b in pairwise(heights))


def test_gains_and_losses_are_painted_apart() -> None:
    chart = gain_chart("t", "d", [0.5, 0.1, 0.0, -0.2])
    paths = dict(re.findall(r'<path d="([^"]*)" class="(win|loss)"', chart))
    assert {look: drawn.count("M") for drawn, look in paths.items()} == {"win": 2, "loss": 1}


def test_a_model_that_changes_nothing_has_a_chart() -> None:
    assert 'class="axis"' in gain_chart("t", "d", [0.0, 0.0])


def test_the_first_thirty_models_look_different() -> None:
    looks = {str(marker(number, 0, 0, filled=True)) for number in range(30)}
    assert len(looks) == 30
