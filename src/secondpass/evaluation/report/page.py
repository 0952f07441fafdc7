"""The report as one HTML file that asks nobody for anything: no script, no font, no picture from elsewhere.

Knows which part stands where; what is in the parts is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from secondpass.evaluation.bootstrap import LEVEL, REPLICATES
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.prices import TokenPrice
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.report.figures import FRONT, bars, latency_scatter, price_scatter
from secondpass.evaluation.report.instructed import instructed, title
from secondpass.evaluation.report.markup import Markup, join, tag, text
from secondpass.evaluation.report.reading import failures, per_models
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

if TYPE_CHECKING:
    from secondpass.evaluation.following import Following

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
    following: Sequence[Following] = (),
    weights: Mapping[str, float] | None = None,
) -> None:
    """Write the report of `records` to `path`: the same arguments give the same file.

    Every protocol has "no reranking" and the ceiling among its records; its first measure is what models are compared
    by. `collections`: by the protocols' names. `prices`: model → price, such as `known_prices` finds. `versions`: what
    the numbers rest on, program → version, models' own come from the records. `following`: what was found on those of
    the collections that are sets of instructions. `weights`: of the other collections in their mean, all the same
    without. Raises `InputError` as `settings` does.
    """
    named = {one.collection: one for one in following}
    plain = [record for record in records if record.protocol.collection not in named]
    found = settings(plain, collections, weights) if plain else []
    sets = [
        (one, settings([r for r in records if r.protocol.collection == name], collections)[0])
        for name, one in named.items()
    ]
    page = _page(found, sets, prices or {}, versions or {}, now or datetime.now(UTC))
    path.write_text(page, encoding="utf-8", newline="\n")


def _page(
    found: Sequence[Setting],
    sets: Sequence[tuple[Following, Setting]],
    prices: Mapping[str, TokenPrice],
    versions: Mapping[str, str],
    now: datetime,
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
    sections += [_instructed(number, one, setting, prices, when) for number, (one, setting) in enumerate(sets, 1)]
    main = tag(
        "main", tag("h1", "Evaluation of rerankers"), tag("p", when), _how_to_read(), _contents(found, sets), *sections
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
        "difference may be luck. Won, even and lost count queries against no reranking.",
        "Numbers of different protocols are never in one ranking: another first stage, depth or sample gives other "
        "numbers for the same model.",
    ]
    opened = tag("ul", *(tag("li", point) for point in points))
    return tag("details", tag("summary", "How to read this"), opened, open="")


def _contents(found: Sequence[Setting], sets: Sequence[tuple[Following, Setting]]) -> Markup:
    links = [
        tag("li", tag("a", _title(setting), href=f"#s{i}"), tag("ul", *_inner(i, setting)))
        for i, setting in enumerate(found, 1)
    ]
    links += [tag("li", tag("a", title(one), href=f"#i{i}")) for i, (one, _) in enumerate(sets, 1)]
    return tag("nav", tag("ul", *links), aria_label="Contents")


def _inner(number: int, setting: Setting) -> list[Markup]:
    return [
        tag("li", tag("a", study.protocol.collection, href=f"#s{number}c{i}"))
        for i, study in enumerate(setting.studies, 1)
    ]


def _setting(number: int, setting: Setting, prices: Mapping[str, TokenPrice], when: str) -> Markup:
    protocol = _lines(setting, when)
    parts = [tag("h2", _title(setting), id=f"s{number}"), protocol, _verdict(setting)]
    if len(setting.studies) > 1:
        shares = setting.standing.drawn.weights
        recall = sum(shares[study.protocol.collection] * study.recall for study in setting.studies)
        caption = f"Mean of {len(setting.studies)} collections, {_weighed(shares)}"
        parts.append(standing_table(caption, setting.standing, setting.measure, _recall(setting.protocol, recall)))
        parts.append(sets_table(f"{setting.measure} by collection", setting))
    if setting.left_out:
        names = ", ".join(setting.left_out)
        parts.append(tag("p", f"Not measured on all of the collections, so not in the mean: {names}."))
    charts = [chart for chart in (latency_scatter(setting), price_scatter(setting, prices)) if chart]
    if charts:
        parts += [tag("div", *charts, class_="charts"), tag("p", FRONT, class_="hint")]
    parts.append(tag("div", *bars(setting), class_="charts"))
    costs = cost_table("What the models take, over all of their queries", setting, prices)
    if costs:
        parts += [costs, tag("p", _COSTS, class_="hint"), _sources(setting, prices)]
    studies = [_study(f"s{number}c{i}", study, when) for i, study in enumerate(setting.studies, 1)]
    return tag("section", *parts, *studies)


def _weighed(shares: Mapping[str, float]) -> str:
    if max(shares.values()) - min(shares.values()) < 1e-12:
        return "each with the same weight"
    return "weighted: " + ", ".join(f"{name} {share:.3g}" for name, share in shares.items())


def _instructed(number: int, one: Following, setting: Setting, prices: Mapping[str, TokenPrice], when: str) -> Markup:
    heading = tag("h2", title(one), id=f"i{number}")
    costs = cost_table("What the models take, over all of their queries", setting, prices)
    (study,) = setting.studies
    return tag("section", heading, _lines(setting, when), *instructed(one, study), *([costs] if costs else []))


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
    return tag("section", *parts, per_models(study), failures(study))


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
    """The protocol, what is not the same for all collections left to their own lines, and the models' versions."""
    shared = _line(setting.protocol, setting.measure, when) if len(setting.studies) == 1 else _shared(setting, when)
    versions = {(model, study.records[model].version): None for study in setting.studies for model in study.models}
    listed = tag("ul", *(tag("li", tag("b", model), f": {version or 'no version'}") for model, version in versions))
    return join(shared, tag("details", tag("summary", "Versions of the models"), listed, class_="versions"))


def _shared(setting: Setting, when: str) -> Markup:
    queries = sum(study.protocol.queries for study in setting.studies)
    drawn = _drawn(setting.protocol)
    told = [
        f"{len(setting.studies)} collections with {queries:,} queries, {drawn}",
        f"first stage {setting.protocol.first_stage}",
        f"depth {setting.protocol.depth}",
        setting.measure,
        when,
    ]
    return tag("p", tag("b", "Protocol: "), text(" · ".join(told)), class_="protocol")


def _drawn(protocol: Protocol) -> str:
    return "all that have answers" if protocol.seed is None else f"drawn with seed {protocol.seed}"


def _verdict(setting: Setting) -> Markup:
    """The outcome in a sentence or two, for those who read no further."""
    stands, measure = setting.standing, setting.measure
    best, none, ceiling = (stands.mean(s).estimate for s in (stands.best, NO_RERANKING, CEILING))
    if not setting.models:
        return Markup()
    if stands.best == NO_RERANKING:
        return tag("p", tag("b", "No model is better than the first stage's own order"), f" ({measure} {none:.3f}).")
    test = stands.comparison(stands.best, NO_RERANKING)
    sure = "more than chance explains" if test.corrected < ALPHA else "which may be luck"
    rivals = [model for model in setting.models if model != stands.best]
    near = [model for model in rivals if stands.comparison(stands.best, model).corrected >= ALPHA]
    words = (
        f": {measure} {best:.3f}, {best - none:+.3f} over no reranking ({sure}); no order of these candidates has more "
        f"than {ceiling:.3f}."
    )
    others = f" Not told apart from it: {', '.join(near)}." if near else ""
    return tag("p", tag("b", stands.best), " is best", words, others)


def _line(protocol: Protocol, measure: str, when: str) -> Markup:
    told = [
        f"collection {protocol.collection}",
        f"first stage {protocol.first_stage}",
        f"depth {protocol.depth}",
        f"{protocol.queries} queries, {_drawn(protocol)}",
        measure,
        f"data {protocol.digest[:12]}",
        when,
    ]
    return tag("p", tag("b", "Protocol: "), text(" · ".join(told)), class_="protocol")
