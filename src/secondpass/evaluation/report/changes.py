"""What reranking did to single queries: where their relevant documents stood before and after.

Knows runs, judgements and values; nothing of how they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secondpass.evaluation.places import trec_order
from secondpass.evaluation.record import NO_RERANKING
from secondpass.evaluation.report.study import Study

FAR_DOWN = 10
"""A first relevant document behind this rank is far down."""

_SAME = 1e-12


@dataclass(frozen=True, slots=True)
class Place:
    """A relevant document, its grade, and its ranks before and after; None where it is no candidate."""

    document: str
    grade: float
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One query: its value by the first stage and by the model."""

    query: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        """How far the model is above the first stage."""
        return self.after - self.before


def changes(study: Study, model: str) -> list[Change]:
    """Every query, the greatest gain first; equal ones by id."""
    before = study.records[NO_RERANKING].values[study.measure]
    after = study.records[model].values[study.measure]
    found = [Change(query, before[query], after[query]) for query in before]
    return sorted(found, key=lambda change: (-change.gain, change.query))


def wins(found: Sequence[Change]) -> list[Change]:
    """Those that gained, in their order."""
    return [change for change in found if change.gain > _SAME]


def losses(found: Sequence[Change]) -> list[Change]:
    """Those that lost, the greatest loss first."""
    return sorted((change for change in found if change.gain < -_SAME), key=lambda change: (change.gain, change.query))


def far_down(study: Study, found: Sequence[Change], model: str) -> list[Change]:
    """Queries whose first relevant candidate the model put behind rank `FAR_DOWN`, the furthest first."""
    first = {change.query: first_rank(study, model, change.query) for change in found}
    low = [change for change in found if (first[change.query] or 0) > FAR_DOWN]
    return sorted(low, key=lambda change: (-(first[change.query] or 0), change.query))


def first_rank(study: Study, system: str, query: str) -> int | None:
    """The rank of the first relevant document; None where there is none among the candidates."""
    relevant = _relevant(study, query)
    return next((rank for rank, document in enumerate(order(study, system, query), 1) if document in relevant), None)


def not_found(study: Study) -> list[str]:
    """Ids of the queries without any relevant document among the candidates, which no model could have helped."""
    return [
        query
        for query in study.records[NO_RERANKING].values[study.measure]
        if not _relevant(study, query).keys() & study.records[NO_RERANKING].run.get(query, {}).keys()
    ]


def places(study: Study, model: str | None, query: str) -> list[Place]:
    """The relevant documents, the best placed by the model first (by the first stage without one); others last."""
    before = _ranks(study, NO_RERANKING, query)
    after = _ranks(study, model, query) if model else {}
    found = [Place(d, grade, before.get(d), after.get(d)) for d, grade in _relevant(study, query).items()]
    return sorted(found, key=lambda place: (place.after or place.before or len(before) + 1, -place.grade))


def order(study: Study, system: str, query: str) -> list[str]:
    """Document ids as the measures see them: by logit, equal ones in trec_eval's order."""
    return trec_order(study.records[system].run.get(query, {}), query=query)


def grade(study: Study, query: str, document: str) -> float | None:
    """How a document was judged; None where nobody did."""
    return study.collection.qrels.get(query, {}).get(document)


def _ranks(study: Study, system: str, query: str) -> dict[str, int]:
    return {document: rank for rank, document in enumerate(order(study, system, query), 1)}


def _relevant(study: Study, query: str) -> Mapping[str, float]:
    return {document: grade for document, grade in study.collection.qrels.get(query, {}).items() if grade > 0}
