"""Quality against what it takes, with the Pareto front and the corner where all would like to be. Knows points only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

from secondpass.evaluation.bootstrap import Interval
from secondpass.evaluation.pareto import pareto_front, proved
from secondpass.evaluation.report.canvas import WIDTH, drawing, label, line, log_steps, round_steps
from secondpass.evaluation.report.markup import Markup, shortened, tag
from secondpass.evaluation.report.palette import marker

_HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 330, 46, 12, 14, 46
_LETTER, _LINE, _MARK = 6.6, 14, 9
_CORNER = "corner"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Point:
    """One model: what it takes, above 0, its score, and its number in the palette."""

    name: str
    number: int
    cost: float
    score: Interval


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a cost and a score lie in the chart; costs on a logarithmic axis."""

    costs: tuple[float, float]
    scores: tuple[float, float]

    def x(self, cost: float) -> float:
        low, high = (log10(value) for value in self.costs)
        return _LEFT + (log10(cost) - low) / (high - low) * (WIDTH - _LEFT - _RIGHT)

    def y(self, score: float) -> float:
        low, high = self.scores
        return _HEIGHT - _BOTTOM - (score - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def scatter_chart(
    title: str,
    description: str,
    points: Sequence[Point],
    *,
    axis: str,
    floor: float,
    ahead: Callable[[str, str], float],
) -> Markup:
    """Costs to the right, scores up; `floor` is what there is without any model, a dashed line.

    `ahead(a, b)`: the probability that a is better than b. Filled points are on the front and better than the best
    cheaper one for more than chance.
    """
    plane = _plane(points, floor)
    front = pareto_front([(point.cost, point.score.estimate) for point in points])
    sure = proved(front, lambda a, b: ahead(points[a].name, points[b].name))
    certain = {position for position, yes in zip(front, sure, strict=True) if yes}
    base = plane.y(floor)
    parts = [_corner(), *_axes(plane, axis), line(_LEFT, base, WIDTH - _RIGHT, base, "dashed")]
    parts.append(label("no reranking", WIDTH - _RIGHT - 2, base - 4, "small", "end"))
    parts.append(tag("path", d=_steps(plane, [points[i] for i in front]), class_="front"))
    for position, point in enumerate(points):
        x = plane.x(point.cost)
        parts.append(line(x, plane.y(point.score.low), x, plane.y(point.score.high), "whisker"))
        parts.append(marker(point.number, x, plane.y(point.score.estimate), filled=position in certain))
    return drawing(title, description, _HEIGHT, *parts, *_names(plane, points))


def orange_corner() -> Markup:
    """What all charts of a page paint their best corner with: cheaper is left, better is up, orange is both."""
    stops = [tag("stop", offset="0", class_="corner-near"), tag("stop", offset="1", class_="corner-far")]
    gradient = tag("radialGradient", *stops, id=_CORNER, cx="0", cy="0", r="0.9")
    return tag("svg", tag("defs", gradient), width=0, height=0, class_="defs", aria_hidden="true")


def _plane(points: Sequence[Point], floor: float) -> Plane:
    costs = [point.cost for point in points]
    ends = [floor, *(end for point in points for end in (point.score.low, point.score.high))]
    room = 0.08 * (max(ends) - min(ends)) or 0.05
    return Plane((min(costs) / 1.8, max(costs) * 1.8), (min(ends) - room, max(ends) + room))


def _corner() -> Markup:
    width, height = WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    return tag("rect", x=_LEFT, y=_TOP, width=width, height=height, fill=f"url(#{_CORNER})")


def _axes(plane: Plane, axis: str) -> list[Markup]:
    bottom = _HEIGHT - _BOTTOM
    found = [line(_LEFT, bottom, WIDTH - _RIGHT, bottom, "axis"), line(_LEFT, _TOP, _LEFT, bottom, "axis")]
    for cost in log_steps(*plane.costs):
        found.append(line(plane.x(cost), bottom, plane.x(cost), bottom + 4, "axis"))
        found.append(label(f"{cost:.10g}", plane.x(cost), bottom + 16, "small", "middle"))
    for score in round_steps(*plane.scores):
        found.append(line(_LEFT, plane.y(score), WIDTH - _RIGHT, plane.y(score), "grid"))
        found.append(label(f"{score:.10g}", _LEFT - 6, plane.y(score) + 4, "small", "end"))
    return [*found, label(axis, (_LEFT + WIDTH - _RIGHT) / 2, _HEIGHT - 8, "", "middle")]


def _steps(plane: Plane, front: Sequence[Point]) -> str:
    """The best score that can be had up to each cost."""
    start, *rest = front
    path = [f"M{plane.x(start.cost):.1f} {plane.y(start.score.estimate):.1f}"]
    path += [f"H{plane.x(point.cost):.1f}V{plane.y(point.score.estimate):.1f}" for point in rest]
    return "".join([*path, f"H{WIDTH - _RIGHT}"])


def _names(plane: Plane, points: Sequence[Point]) -> list[Markup]:
    """Names beside their points, each in the first place around its own where it covers no point and no other name."""
    taken = [_box(plane.x(p.cost), plane.y(p.score.estimate) + _LINE / 2, 2 * _MARK, "middle") for p in points]
    found: list[Markup] = []
    for point in points:
        shown = shortened(point.name, 26)
        x, y, anchor = _place(plane.x(point.cost), plane.y(point.score.estimate), len(shown) * _LETTER, taken)
        taken.append(_box(x, y, len(shown) * _LETTER, anchor))
        found.append(label(shown, x, y, "name", anchor))
    return found


def _place(x: float, y: float, wide: float, taken: Sequence[Box]) -> tuple[float, float, str]:
    """Above the point if that can be, below it otherwise, and further away as long as something is in the way."""
    sides = [(x + _MARK, "start"), (x - _MARK, "end")]
    inside = [side for side in sides if _LEFT <= _box(side[0], y, wide, side[1])[0] <= WIDTH - _RIGHT - wide] or sides
    for away in range(0, 10 * _LINE, 4):
        for height in (y - 5 - away, y + 13 + away):
            for start, anchor in inside:
                if not any(_covers(_box(start, height, wide, anchor), other) for other in taken):
                    return start, height, anchor
    return inside[0][0], y, inside[0][1]


def _box(x: float, y: float, wide: float, anchor: str) -> Box:
    """Left, top, right and bottom of a line of text."""
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
    return left, y - _LINE + 2, left + wide, y + 2


def _covers(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
