"""Queries to read: what was asked, where the relevant documents went, and what stands on top instead.

Knows changes and texts; all texts are shortened and escaped.
"""

from __future__ import annotations

from collections.abc import Sequence

from secondpass.evaluation.record import NO_RERANKING
from secondpass.evaluation.report import figure
from secondpass.evaluation.report.changes import Change, Place, grade, order, places
from secondpass.evaluation.report.markup import Markup, join, shortened, tag
from secondpass.evaluation.report.study import Study
from secondpass.text.render import render

SHOWN = 5
"""Cases of each kind that are shown of a model."""

_FIRST = 3
_PLACES = 8
_QUERY, _TEXT = 320, 240
_TO = "\u00a0→\u00a0"  # a line does not break there


def case_list(heading: str, why: str, study: Study, model: str, found: Sequence[Change]) -> Markup:
    """The first `SHOWN` of the changes, and how many there are."""
    shown = found[:SHOWN]
    counted = f"{heading}: {len(shown)} of {len(found)}" if found else f"{heading}: none"
    listed = tag("ol", *(tag("li", _case(study, model, change)) for change in shown), class_="cases")
    return join(tag("h5", counted), tag("p", why, class_="hint"), listed) if found else tag("h5", counted)


def missing_list(study: Study, queries: Sequence[str]) -> Markup:
    """Queries whose relevant documents the first stage did not find, each with one of these."""
    items = []
    for query in queries[: 2 * SHOWN]:
        listed = places(study, None, query)
        texts = tag("ul", *(_document(study, query, place.document, None) for place in listed[:1]), class_="documents")
        relevant = tag(
            "p", "Its relevant document:" if len(listed) == 1 else f"One of its {len(listed)} relevant documents:"
        )
        items.append(tag("li", _asked(study, query), relevant, texts))
    return tag("ol", *items, class_="cases")


def _case(study: Study, model: str, change: Change) -> Markup:
    values = f"{study.measure} {figure.value(change.before)} → {figure.value(change.after)}"
    return join(
        _asked(study, change.query),
        tag("p", tag("b", values), f" ({figure.signed(change.gain)})"),
        _moved(places(study, model, change.query)),
        tag("div", _top(study, NO_RERANKING, change.query), _top(study, model, change.query), class_="beside"),
    )


def _asked(study: Study, query: str) -> Markup:
    asked = study.collection.queries[query]
    told = tag("p", shortened(asked.text, _QUERY), class_="query", dir="auto")
    if not asked.instruction:
        return told
    return join(told, tag("p", "Instruction: ", tag("span", shortened(asked.instruction, _QUERY), dir="auto")))


def _moved(found: Sequence[Place]) -> Markup:
    """The ranks of the relevant documents, before and after."""
    inside = [place for place in found if place.after is not None]
    ranks = ", ".join(f"{place.before or '?'}{_TO}{place.after}" for place in inside[:_PLACES])
    more = f" and {len(inside) - _PLACES} more" if len(inside) > _PLACES else ""
    outside = len(found) - len(inside)
    lacking = f"; {outside} not among the candidates" if outside else ""
    return tag("p", f"Ranks of the relevant documents: {ranks or 'none'}{more}{lacking}.")


def _top(study: Study, system: str, query: str) -> Markup:
    first = order(study, system, query)[:_FIRST]
    items = [_document(study, query, document, rank) for rank, document in enumerate(first, 1)]
    return tag("div", tag("h6", shortened(system, 60)), tag("ul", *items, class_="documents"))


def _document(study: Study, query: str, document: str, rank: int | None) -> Markup:
    judged = grade(study, query, document)
    known = study.collection.documents.get(document)
    text = render(known) if known else "(this document is not in the corpus)"
    place = "" if rank is None else f"{rank}. "
    name = tag("span", shortened(document, 40), class_="id", dir="auto")
    head = tag("div", place, _judgement(judged), " · document ", name, class_="head")
    words = tag("div", shortened(text, _TEXT) or "(empty)", dir="auto")
    return tag("li", head, words, class_="relevant" if (judged or 0) > 0 else "other")


def _judgement(judged: float | None) -> Markup:
    if judged is None:
        return tag("span", "not judged", class_="grade")
    return tag("span", f"✓ relevant (grade {judged:g})" if judged > 0 else "judged not relevant", class_="grade")
