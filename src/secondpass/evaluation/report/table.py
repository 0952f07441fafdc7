"""The tables of the report, as markup. Knows studies and standings; nothing of single queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING
from secondpass.evaluation.report import figure
from secondpass.evaluation.report.markup import Markup, join, tag
from secondpass.evaluation.report.standing import ALPHA, Standing
from secondpass.evaluation.report.study import Setting, Study
from secondpass.evaluation.result import Result
from secondpass.evaluation.speed import Speed, Timing, speed
from secondpass.evaluation.ties import ties

_BETTER, _WORSE = "▲", "▼"
_NONE = "–"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """A table whose first cells name the rows; wide ones scroll by themselves."""
    heads = join(*(tag("th", cell, scope="col") for cell in head))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    whole = tag("table", tag("caption", caption), tag("thead", tag("tr", heads)), tag("tbody", *body))
    return tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)


def standing_table(caption: str, standing: Standing, measure: str, recall: str) -> Markup:
    """Mean, interval, differences with marks, and wins for every system; `recall` goes with the ceiling's name."""
    head = ["", measure, "80 % interval", "to no reranking", "to the best", "won / even / lost"]
    rows = [_standing_row(standing, system, recall) for system in standing.drawn.systems]
    return table(caption, head, rows)


def _standing_row(standing: Standing, system: str, recall: str) -> list[str]:
    mean = standing.mean(system)
    start = [figure.value(mean.estimate), figure.between(mean)]
    if system == CEILING:
        return [f"ceiling ({recall})", *start, _difference(standing, system, NO_RERANKING), _NONE, _NONE]
    best = tag("b", "best") if system == standing.best else _difference(standing, system, standing.best)
    if system == NO_RERANKING:
        return [system, *start, _NONE, best, _NONE]
    test = standing.comparison(system, NO_RERANKING)
    counted = f"{test.wins} / {test.ties} / {test.losses}"
    return [system, *start, _difference(standing, system, NO_RERANKING), best, counted]


def _difference(standing: Standing, first: str, second: str) -> Markup:
    interval = standing.difference(first, second)
    shown = join(figure.signed(interval.estimate), " ", tag("small", f"({figure.between(interval)})"))
    if CEILING in (first, second):
        return shown
    test = standing.comparison(first, second)
    if test.corrected >= ALPHA:
        return shown
    mark = _BETTER if test.difference > 0 else _WORSE
    words = f"p = {test.corrected:.4f} after Holm's correction"
    return join(shown, " ", tag("span", mark, class_="mark", title=words, role="img", aria_label=words))


def measures_table(caption: str, study: Study) -> Markup:
    """The means of all further measures."""
    rows = [
        [system, *(figure.value(Result("", system, m, record.values[m]).mean) for m in study.measures[1:])]
        for system, record in study.records.items()
    ]
    return table(caption, ["", *study.measures[1:]], rows)


def sets_table(caption: str, setting: Setting) -> Markup:
    """The means by collection, and their mean in the last row."""
    rows = [
        [study.protocol.collection, *(figure.value(study.standing.mean(s).estimate) for s in setting.systems)]
        for study in setting.studies
    ]
    means = [figure.value(setting.standing.mean(system).estimate) for system in setting.systems]
    return table(caption, ["", *setting.systems], [*rows, ["mean", *means]])


def cost_table(caption: str, setting: Setting, prices: Mapping[str, TokenPrice]) -> Markup | None:
    """Latency, documents in 50 ms, memory and price of every model; None where nothing was measured or is known."""
    rows = [row for model in setting.models if (row := _cost_row(setting, model, prices.get(model)))]
    if not rows:
        return None
    head = ["", "p50, ms", "p95, ms", "documents in 50 ms", "documents a second", "peak MiB", "$ a million tokens"]
    return table(caption, head, rows)


def measured_speed(setting: Setting, model: str) -> Speed | None:
    """What the model took over all queries that were timed; None where none was."""
    records = [study.records[model] for study in setting.studies]
    timings: list[Timing] = [timing for record in records for timing in record.timings.values()]
    peaks = [record.peak_mib for record in records if record.peak_mib is not None]
    if not sum(timing.seconds for timing in timings) > 0:
        return None
    return speed(timings, peak_mib=max(peaks, default=None))


def _cost_row(setting: Setting, model: str, price: TokenPrice | None) -> list[str]:
    found = measured_speed(setting, model)
    if found is None and price is None:
        return []
    dollars = _NONE if price is None else figure.dollars(price.usd) + _basis(price)
    if found is None:
        return [model, *[_NONE] * 5, dollars]
    times = [figure.milliseconds(found.p50_ms), figure.milliseconds(found.p95_ms)]
    rates = [f"{found.documents_per_50_ms:,}", figure.milliseconds(found.documents_per_second)]
    peak = _NONE if found.peak_mib is None else f"{found.peak_mib:,.0f}"
    return [model, *times, *rates, peak, dollars]


def _basis(price: TokenPrice) -> str:
    words = {"list": "listed", "search": "from its price by the search", "size": "from its size"}[price.basis]
    beyond = ", extrapolated" if price.extrapolated else ""
    return f" ({words}{beyond})"


def reading_table(caption: str, study: Study) -> Markup:
    """What was cut, and how often equal scores decide, for every system with a run."""
    rows = []
    for system, record in study.records.items():
        if system == CEILING:
            continue
        tied = ties(record.run, study.qrels)
        rows.append([system, *_cut(study, system), figure.share(tied.rate)])
    head = ["", "documents not read whole", "queries with such", "relevant ones of them", "queries hanging on ties"]
    return table(caption, head, rows)


def _cut(study: Study, system: str) -> list[str]:
    if system == NO_RERANKING:
        return [_NONE, _NONE, _NONE]
    record = study.records[system]
    cut = {query: found for query, found in record.truncated.items() if found}
    documents = sum(len(found) for found in cut.values())
    every = sum(len(found) for found in record.run.values())
    relevant = sum(study.collection.qrels.get(query, {}).get(d, 0) > 0 for query, found in cut.items() for d in found)
    return [
        f"{documents:,} of {every:,} ({figure.share(documents / every if every else 0)})",
        f"{len(cut):,} of {len(record.run):,}",
        f"{relevant:,}",
    ]
