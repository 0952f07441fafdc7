"""Records sorted for a report: a study for every protocol, and settings that hold studies on several collections.

Knows records and collections; nothing of how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from secondpass.errors import InputError
from secondpass.evaluation import metrics
from secondpass.evaluation.collection import Collection, Qrels
from secondpass.evaluation.record import CEILING, NO_RERANKING, Protocol, Record
from secondpass.evaluation.report.standing import Standing, standing


@dataclass(frozen=True, slots=True)
class Study:
    """All systems under one protocol.

    `records` by system, "no reranking" first and the ceiling last; `measures` those that all of them have, the first is
    the one that counts. `recall`: the share of the relevant documents that is among the candidates.
    """

    protocol: Protocol
    collection: Collection
    records: Mapping[str, Record]
    measures: tuple[str, ...]
    standing: Standing
    recall: float

    @property
    def measure(self) -> str:
        """The measure that systems are compared by."""
        return self.measures[0]

    @property
    def models(self) -> list[str]:
        """The systems that reranked."""
        return [system for system in self.records if system not in (NO_RERANKING, CEILING)]

    @property
    def qrels(self) -> Qrels:
        """The judgements of the queries that were measured."""
        return _judged(self.collection, self.records[NO_RERANKING], self.measure)


@dataclass(frozen=True, slots=True)
class Setting:
    """Studies that differ in their collection alone: same first stage, depth, seed and measure.

    `standing` is over the collections, by their weights, of the systems that all studies have.
    """

    studies: tuple[Study, ...]
    systems: tuple[str, ...]
    standing: Standing

    @property
    def measure(self) -> str:
        """The measure that systems are compared by."""
        return self.studies[0].measure

    @property
    def protocol(self) -> Protocol:
        """That of the first study: what the setting says of it goes for all."""
        return self.studies[0].protocol

    @property
    def models(self) -> list[str]:
        """The systems that reranked, on all collections."""
        return [system for system in self.systems if system not in (NO_RERANKING, CEILING)]

    @property
    def left_out(self) -> list[str]:
        """Models that were not measured on all of the collections."""
        every = dict.fromkeys(model for study in self.studies for model in study.models)
        return [model for model in every if model not in self.systems]


def settings(
    records: Sequence[Record], collections: Mapping[str, Collection], weights: Mapping[str, float] | None = None
) -> list[Setting]:
    """Sort records into settings and studies, in order of first appearance.

    `weights`: of the collections in a mean, all the same without. Raises `InputError` where there is no record, a
    collection is not given, a protocol lacks "no reranking" or the ceiling, or has two records of one model.
    """
    if not records:
        raise InputError("There are no records to report on: evaluate a model first.")
    by_protocol: dict[Protocol, list[Record]] = {}
    for record in records:
        by_protocol.setdefault(record.protocol, []).append(record)
    groups: list[list[Study]] = []
    for protocol, found in by_protocol.items():
        study = _study(protocol, found, collections)
        home = next((group for group in groups if _belongs(study, group)), None)
        if home is None:
            groups.append([study])
        else:
            home.append(study)
    return [_setting(group, weights) for group in groups]


def _study(protocol: Protocol, records: Sequence[Record], collections: Mapping[str, Collection]) -> Study:
    if protocol.collection not in collections:
        raise InputError(f"The collection {protocol.collection!r} was not given: its texts are needed for the report.")
    by_model = {record.model: record for record in records}
    if len(by_model) < len(records):
        twice = [record.model for record in records if records.count(record) > 1 or by_model[record.model] != record]
        raise InputError(f"{twice[0]!r} has two records on {protocol.collection!r}: give the two different names.")
    for needed in (NO_RERANKING, CEILING):
        if needed not in by_model:
            raise InputError(f"There is no record {needed!r} on {protocol.collection!r}: evaluate it with the models.")
    models = {model: record for model, record in by_model.items() if model not in (NO_RERANKING, CEILING)}
    ordered = {NO_RERANKING: by_model[NO_RERANKING], **models, CEILING: by_model[CEILING]}
    measures = tuple(reduce(_common, [list(record.values) for record in ordered.values()]))
    if not measures:
        raise InputError(f"The records on {protocol.collection!r} have no measure in common: evaluate them together.")
    collection = collections[protocol.collection]
    first = by_model[NO_RERANKING]
    found = metrics.evaluate(first.run, _judged(collection, first, measures[0]), f"R@{max(1, protocol.depth)}")
    stands = standing({m: {protocol.collection: record.values[measures[0]]} for m, record in ordered.items()})
    return Study(protocol, collection, ordered, measures, stands, metrics.mean(found))


def _setting(studies: Sequence[Study], weights: Mapping[str, float] | None) -> Setting:
    systems = reduce(_common, [list(study.records) for study in studies])
    if len(studies) == 1:
        return Setting(tuple(studies), tuple(systems), studies[0].standing)
    values = {
        system: {study.protocol.collection: study.records[system].values[study.measure] for study in studies}
        for system in systems
    }
    own = weights and {study.protocol.collection: weights[study.protocol.collection] for study in studies}
    return Setting(tuple(studies), tuple(systems), standing(values, own))


def _belongs(study: Study, group: Sequence[Study]) -> bool:
    one, other = study.protocol, group[0].protocol
    same = (one.first_stage, one.depth, one.seed) == (other.first_stage, other.depth, other.seed)
    new = all(one.collection != member.protocol.collection for member in group)
    return same and new and study.measure == group[0].measure


def _judged(collection: Collection, record: Record, measure: str) -> Qrels:
    return {query: collection.qrels.get(query, {}) for query in record.values[measure]}


def _common(one: Iterable[str], other: Iterable[str]) -> list[str]:
    known = set(other)
    return [name for name in one if name in known]
