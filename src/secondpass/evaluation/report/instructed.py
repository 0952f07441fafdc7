"""The section of a set of instructions: whether models follow them. Knows what was found, not how it was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secondpass.evaluation.report.markup import Markup, tag
from secondpass.evaluation.report.reading import per_models
from secondpass.evaluation.report.standing import standing
from secondpass.evaluation.report.study import Study
from secondpass.evaluation.report.table import reading_table, standing_table, table

if TYPE_CHECKING:
    from secondpass.evaluation.following import Following


def title(one: Following) -> str:
    """The section's heading."""
    return f"{one.collection}: are instructions followed?"


def instructed(one: Following, study: Study) -> list[Markup]:
    """Tables in which a group counts once, and the queries to read; what comes before and between is the page's."""
    by_model = {record.model: record.values[one.lead.measure] for record in one.records}
    values = {system: {one.collection: by_model[system]} for system in study.records}
    groups = len(next(iter(values.values()))[one.collection])
    stands = standing(values)
    recall = f"recall@{study.protocol.depth} {study.recall:.3f}"
    parts = [
        standing_table(f"{one.lead.measure} of {groups} groups", stands, one.lead.measure, recall),
        table(f"{one.collection}: by mode", *one.modes),
        *([table(f"{one.collection}: by kind of instruction", *one.kinds)] if one.kinds else []),
        tag("p", one.notes, class_="hint"),
        reading_table(f"{one.collection}: what was cut, and ties", study),
    ]
    return [*parts, per_models(study)]
