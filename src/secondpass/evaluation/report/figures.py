"""The charts of a setting with their captions. Knows studies; how charts are drawn is the charts' own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING
from secondpass.evaluation.report.bars import Bar, bar_chart
from secondpass.evaluation.report.markup import Markup, tag
from secondpass.evaluation.report.palette import colour
from secondpass.evaluation.report.scatter import Point, scatter_chart
from secondpass.evaluation.report.study import Setting
from secondpass.evaluation.report.table import measured_speed

FRONT = (
    "Up is better, left is cheaper: orange is where both are. Vertical lines are 80 % intervals; the steps are the "
    "Pareto front (the best that can be had up to each cost). Filled: on the front, and better than the best cheaper "
    "model with a probability of 0.9 or more; the cheapest has none to beat. Hollow: not on the front, or perhaps by "
    "luck."
)

_GROUPS = 5  # collections in a chart


def bars(setting: Setting) -> list[Markup]:
    """The mean of every system on every collection; so many collections a chart that charts fit beside each other."""
    looks = {NO_RERANKING: "first", CEILING: "ceiling"} | {
        model: colour(number) for number, model in enumerate([*setting.models, *setting.left_out])
    }
    groups = [
        (
            f"{study.protocol.collection}, {study.protocol.queries} queries",
            [Bar(system, study.standing.mean(system), looks[system]) for system in study.records],
        )
        for study in setting.studies
    ]
    count = -(-len(groups) // _GROUPS)
    size = -(-len(groups) // count)
    return [_bars(setting, groups[start : start + size]) for start in range(0, len(groups), size)]


def _bars(setting: Setting, groups: Sequence[tuple[str, Sequence[Bar]]]) -> Markup:
    told = "; ".join(
        f"{name}: {', '.join(f'{b.name} {b.interval.estimate:.3f}' for b in found)}" for name, found in groups
    )
    chart = bar_chart(f"{setting.measure} by collection", told, groups)
    return _figure(chart, f"{setting.measure} by collection, with 80 % intervals. Longer is better.")


def latency_scatter(setting: Setting) -> Markup | None:
    """Quality against the median latency; None where no model was timed."""
    costs = {model: found.p50_ms for model in setting.models if (found := measured_speed(setting, model))}
    return _scatter(setting, costs, "latency of a query, median in ms", "latency")


def price_scatter(setting: Setting, prices: Mapping[str, TokenPrice]) -> Markup | None:
    """Quality against the price per million tokens; None where no model has one."""
    costs = {model: prices[model].usd for model in setting.models if model in prices}
    return _scatter(setting, costs, "US dollars per million tokens", "price")


def _scatter(setting: Setting, costs: Mapping[str, float], axis: str, noun: str) -> Markup | None:
    points = [
        Point(model, number, costs[model], setting.standing.mean(model))
        for number, model in enumerate(setting.models)
        if costs.get(model, 0) > 0
    ]
    if not points:
        return None
    title = f"{setting.measure} against {noun}"
    chart = scatter_chart(
        title,
        _told(points, axis),
        points,
        axis=axis,
        floor=setting.standing.mean(NO_RERANKING).estimate,
        ahead=lambda a, b: setting.standing.drawn.difference(a, b).ahead,
    )
    mean = f", mean of {len(setting.studies)} collections" if len(setting.studies) > 1 else ""
    return _figure(chart, f"{title}{mean}.")


def _told(points: Sequence[Point], axis: str) -> str:
    return "; ".join(f"{point.name}: {point.score.estimate:.3f} at {point.cost:.3g} {axis}" for point in points)


def _figure(chart: Markup, caption: str) -> Markup:
    return tag("figure", chart, tag("figcaption", caption))
