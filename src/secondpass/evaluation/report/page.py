"""The report as one HTML file that asks nobody for anything: no script, no font, no picture from elsewhere.

Knows which part stands where; what is in the parts is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from secondpass.evaluation.bootstrap import LEVEL, REPLICATES
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import Protocol, Record
from secondpass.evaluation.report.figures import FRONT, bars, latency_scatter, price_scatter
from secondpass.evaluation.report.markup import Markup, join, tag, text
from secondpass.evaluation.report.reading import failures, per_model
from secondpass.evaluation.report.scatter import orange_corner
from secondpass.evaluation.report.standing import ALPHA
from secondpass.evaluation.report.study import Setting, Study, settings
from secondpass.evaluation.report.table import (
    cost_table,
    measures_table,
    reading_table,
    sets_table,
    standing_table,
)

_STYLE = Path(__file__).with_name("report.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write_report(
    records: Sequence[Record],
    collections: Mapping[str, Collection],
    path: Path,
    *,
    prices: Mapping[str, TokenPrice] | None = None,
    versions: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> None:
    """Write the report of `records` to `path`: the same arguments give the same file.

    Every protocol has "no reranking" and the ceiling among its records; its first measure is what models are compared
    by. `collections`: by the protocols' names. `prices`: model → price, such as `known_prices` finds. `versions`: what
    the numbers rest on, program → version, models' own come from the records. Raises `InputError` as `settings` does.
    """
    found = settings(records, collections)
    page = _page(found, prices or {}, versions or {}, now or datetime.now(UTC))
    path.write_text(page, encoding="utf-8", newline="\n")


def _page(
    found: Sequence[Setting], prices: Mapping[str, TokenPrice], versions: Mapping[str, str], now: datetime
) -> Markup:
    measured = f"{now:%Y-%m-%d %H:%M} {now.tzname() or ''}".strip()
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    when = measured + (f", {named}" if named else "")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", "Evaluation of rerankers"),
        tag("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )
    sections = [_setting(number, setting, prices, when) for number, setting in enumerate(found, 1)]
    main = tag(
        "main", tag("h1", "Evaluation of rerankers"), tag("p", when), _how_to_read(), _contents(found), *sections
    )
    return Markup(f"<!DOCTYPE html>\n{tag('html', head, tag('body', orange_corner(), main), lang='en')}\n")


def _how_to_read() -> Markup:
    points = [
        "A first stage finds candidates for each query; a model puts them into a new order. “No reranking” is the "
        "first stage's own order. The ceiling has all relevant candidates on top: no model can do better, since what "
        "is not among the candidates cannot be moved up (recall says how much of it is there).",
        "The interval says how far the mean would move with other queries of the same kind: in "
        f"{100 * LEVEL:.0f} of 100 such draws it would lie inside (bootstrap, {REPLICATES:,} draws). Differences have "
        "intervals of their own, from the same draws.",
        "▲ better and ▼ worse than the other by more than chance explains: p below "
        f"{ALPHA:g} in a paired randomisation test, corrected for all pairs of the table (Holm). Without a mark the "
        "difference may be luck.",
        "Numbers of different protocols are never in one ranking: another first stage, depth or sample gives other "
        "numbers for the same model.",
    ]
    opened = tag("ul", *(tag("li", point) for point in points))
    return tag("details", tag("summary", "How to read this"), opened, open="")


def _contents(found: Sequence[Setting]) -> Markup:
    links = [
        tag("li", tag("a", _title(setting), href=f"#s{i}"), tag("ul", *_inner(i, setting)))
        for i, setting in enumerate(found, 1)
    ]
    return tag("nav", tag("ul", *links), aria_label="Contents")


def _inner(number: int, setting: Setting) -> list[Markup]:
    return [
        tag("li", tag("a", study.protocol.collection, href=f"#s{number}c{i}"))
        for i, study in enumerate(setting.studies, 1)
    ]


def _setting(number: int, setting: Setting, prices: Mapping[str, TokenPrice], when: str) -> Markup:
    protocol = _lines(setting, when)
    parts = [tag("h2", _title(setting), id=f"s{number}"), protocol]
    if len(setting.studies) > 1:
        recall = sum(study.recall for study in setting.studies) / len(setting.studies)
        caption = f"Mean of {len(setting.studies)} collections, each with the same weight"
        parts.append(standing_table(caption, setting.standing, setting.measure, _recall(setting.protocol, recall)))
        parts.append(sets_table(f"{setting.measure} by collection", setting))
    if setting.left_out:
        names = ", ".join(setting.left_out)
        parts.append(tag("p", f"Not measured on all of the collections, so not in the mean: {names}."))
    charts = [bars(setting), latency_scatter(setting), price_scatter(setting, prices)]
    parts.append(tag("div", *(chart for chart in charts if chart), class_="charts"))
    if any(charts[1:]):
        parts.append(tag("p", FRONT, class_="hint"))
    costs = cost_table("What the models take, over all of their queries", setting, prices)
    if costs:
        parts += [costs, tag("p", _COSTS, class_="hint"), _sources(setting, prices)]
    studies = [_study(f"s{number}c{i}", study, when) for i, study in enumerate(setting.studies, 1)]
    return tag("section", *parts, *studies)


_COSTS = (
    "p50: half of the queries took less; p95: one in twenty took longer. Documents in 50 ms: how many a model reads in "
    "that time at its mean rate. Peak memory is that of the whole process. A price from a size is an estimate."
)


def _sources(setting: Setting, prices: Mapping[str, TokenPrice]) -> Markup:
    listed = dict.fromkeys(s for model in setting.models if model in prices for s in prices[model].sources)
    if not listed:
        return Markup()
    return tag("p", "Prices from: ", "; ".join(f"{url} ({day})" for url, day in listed), ".", class_="hint")


def _study(anchor: str, study: Study, when: str) -> Markup:
    name = study.protocol.collection
    heading = tag("h3", name, id=anchor)
    ranking = standing_table(
        f"{name}: {study.measure}", study.standing, study.measure, _recall(study.protocol, study.recall)
    )
    parts = [heading, _line(study.protocol, study.measure, when), ranking, _detectable(study)]
    if len(study.measures) > 1:
        parts.append(measures_table(f"{name}: further measures", study))
    parts.append(reading_table(f"{name}: what was cut, and ties", study))
    parts.append(
        tag(
            "p",
            "Hanging on ties: equal scores at rank 10 or at a relevant document, whose order is chance.",
            class_="hint",
        )
    )
    return tag(
        "section", *parts, *(per_model(study, model, n) for n, model in enumerate(study.models)), failures(study)
    )


def _detectable(study: Study) -> Markup:
    found = [pair.detectable for pair in study.standing.compared.values()]
    if not found:
        return Markup()
    words = (
        f"With {study.protocol.queries} queries a true difference of {min(found):.3f} to {max(found):.3f} "
        "(by the pair) would be found four times in five; a smaller one is often missed."
    )
    return tag("p", words, class_="hint")


def _recall(protocol: Protocol, recall: float) -> str:
    return f"recall@{protocol.depth} {recall:.3f}"


def _title(setting: Setting) -> str:
    return f"{setting.measure} of the best {setting.protocol.depth} by {setting.protocol.first_stage}"


def _lines(setting: Setting, when: str) -> Markup:
    """The protocol lines of all studies, and which versions of the models were measured."""
    shared = [_line(study.protocol, study.measure, when) for study in setting.studies]
    versions = {(model, study.records[model].version): None for study in setting.studies for model in study.models}
    listed = tag("ul", *(tag("li", tag("b", model), f": {version or 'no version'}") for model, version in versions))
    return join(*shared, tag("details", tag("summary", "Versions of the models"), listed, class_="versions"))


def _line(protocol: Protocol, measure: str, when: str) -> Markup:
    drawn = "all that have answers" if protocol.seed is None else f"drawn with seed {protocol.seed}"
    told = [
        f"collection {protocol.collection}",
        f"first stage {protocol.first_stage}",
        f"depth {protocol.depth}",
        f"{protocol.queries} queries, {drawn}",
        measure,
        f"data {protocol.digest[:12]}",
        when,
    ]
    return tag("p", tag("b", "Protocol: "), text(" · ".join(told)), class_="protocol")
