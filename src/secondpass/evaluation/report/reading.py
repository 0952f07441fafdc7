"""The parts of a report that are read: what a model did query by query, and what it could not do."""

from __future__ import annotations

from secondpass.evaluation.report import figure
from secondpass.evaluation.report.cases import SHOWN, case_list, missing_list
from secondpass.evaluation.report.changes import FAR_DOWN, changes, far_down, losses, not_found, wins
from secondpass.evaluation.report.gains import gain_chart
from secondpass.evaluation.report.markup import Markup, tag
from secondpass.evaluation.report.study import Study

_LOSSES = "Where the model did harm: what it put on top instead is on the right."
_WINS = "Where the model helped most."
_LOW = f"The first relevant candidate stands behind rank {FAR_DOWN} after reranking: it was there, and was not seen."


def per_models(study: Study) -> Markup:
    """Wins and losses of all models, beside each other where there is room."""
    return tag("div", *(per_model(study, model) for model in study.models), class_="models")


def per_model(study: Study, model: str) -> Markup:
    """Wins and losses of a model against the first stage, with the cases to read folded away."""
    found = changes(study, model)
    lost, won = losses(found), wins(found)
    even = len(found) - len(lost) - len(won)
    counted = f"{len(won)} queries won, {even} even, {len(lost)} lost"
    extent = f"from {figure.signed(found[0].gain)} to {figure.signed(found[-1].gain)}"
    name = study.protocol.collection
    chart = gain_chart(f"{model} on {name}, query by query", f"{counted}, {extent}", [c.gain for c in found])
    caption = f"Change of {study.measure} against no reranking, one bar a query, sorted: {counted}."
    cases = tag(
        "details",
        tag("summary", "Queries to read"),
        case_list("Largest losses", _LOSSES, study, model, lost),
        case_list("Largest wins", _WINS, study, model, won),
        case_list("Relevant documents far down", _LOW, study, model, far_down(study, found, model)),
    )
    heading = tag("h4", f"{model}: wins and losses on {name}")
    return tag("section", heading, tag("figure", chart, tag("figcaption", caption)), cases)


def failures(study: Study) -> Markup:
    """Queries that no model could help, since their relevant documents are not among the candidates."""
    lost = not_found(study)
    heading = tag("h4", f"Not among the candidates on {study.protocol.collection}")
    every = study.protocol.queries
    if not lost:
        return tag("section", heading, tag("p", f"Each of the {every} queries has a relevant candidate."))
    words = (
        f"For {len(lost)} of {every} queries the first stage found no relevant document at depth "
        f"{study.protocol.depth}: only a better first stage or a greater depth helps."
    )
    summary = tag("summary", f"Queries to read: {min(len(lost), 2 * SHOWN)} of {len(lost)}")
    return tag("section", heading, tag("p", words), tag("details", summary, missing_list(study, lost)))
