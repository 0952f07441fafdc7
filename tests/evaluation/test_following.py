"""Groups of instructions: what counts once, what chance gives, and what is drawn together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from secondpass.evaluation.collection import Collection, Group, Query, digest
from secondpass.evaluation.following import by_group, columns, following, random_order, ranked_by
from secondpass.evaluation.instructions import load_instructions
from secondpass.evaluation.metrics import Run, evaluate_all, mean
from secondpass.evaluation.record import CEILING, NO_RERANKING, RANDOM, Protocol, Record
from secondpass.evaluation.sample import draw, take
from secondpass.types import Document

GROUPS = 4


def collected() -> Collection:
    """Groups of three documents: `new` is best with the plain wish, `old` with the reversed one, `no` never."""
    documents: dict[str, Document] = {}
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, float]] = {}
    candidates: dict[str, list[str]] = {}
    groups: dict[str, Group] = {}
    for i in range(GROUPS):
        own = [f"{i}new", f"{i}old", f"{i}no"]
        documents |= {key: Document(key, id=key) for key in own}
        for mode, grades in (("plain", (3, 1, 0)), ("reversed", (1, 3, 0))):
            query = f"{i}:{mode}"
            queries[query] = Query(query, "which", mode, {"now": "2026-05-18"})
            qrels[query] = dict(zip(own, grades, strict=True))
            candidates[query] = own
        modes = {mode: f"{i}:{mode}" for mode in ("plain", "reversed")}
        groups[str(i)] = Group(str(i), modes, (f"{i}new",), "even" if i % 2 == 0 else "odd")
    measures = ("RR(rel=3)", "nDCG@10", "flips", "p-MRR")
    return Collection("wishes", documents, queries, qrels, candidates, groups, measures)


def record(model: str, run: Run, collection: Collection) -> Record:
    protocol = Protocol(collection.name, "candidates", 3, len(run), None, "0123456789")
    return Record(protocol, model, "", evaluate_all(run, collection.qrels, ranked_by(collection)), run, {}, {})


def deaf(collection: Collection) -> Run:
    """The new before the old before the other, whatever is asked."""
    return {query: {d: -float(i) for i, d in enumerate(found)} for query, found in collection.candidates.items()}


def obedient(collection: Collection) -> Run:
    return {query: {d: float(grade) for d, grade in judged.items()} for query, judged in collection.qrels.items()}


def test_a_group_counts_once_with_the_mean_of_its_rankings() -> None:
    collection = collected()
    found = by_group(record("deaf", deaf(collection), collection), collection).values
    assert found["RR(rel=3)"] == dict.fromkeys("0123", 0.75)
    assert found["RR(rel=3) plain"] == dict.fromkeys("0123", 1.0)
    assert found["RR(rel=3) reversed"] == dict.fromkeys("0123", 0.5)
    assert found["flips"] == found["p-MRR"] == dict.fromkeys("0123", 0.0)
    heard = by_group(record("heard", obedient(collection), collection), collection).values
    assert heard["flips"] == dict.fromkeys("0123", 1.0)
    assert heard["p-MRR"] == dict.fromkeys("0123", 0.5)  # the new one goes from 1 to 2


def test_chance_is_the_mean_over_all_orders() -> None:
    collection = collected()
    found = random_order(record(NO_RERANKING, deaf(collection), collection), collection)
    assert mean(found.values["RR(rel=3)"]) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert (mean(found.values["flips"]), mean(found.values["p-MRR"])) == (0.25, 0.0)


def test_the_tables_have_chance_among_their_rows_and_a_column_for_every_mode_and_kind() -> None:
    collection = collected()
    runs = {NO_RERANKING: deaf(collection), CEILING: obedient(collection), "m": deaf(collection)}
    found = following([record(name, run, collection) for name, run in runs.items()], collection)
    assert [row.model for row in found.lead.rows] == [NO_RERANKING, RANDOM, CEILING, "m"]
    assert found.lead.rows[1].comparison is None
    head, rows = found.modes
    assert head[1:] == columns(collection)
    assert [row[0] for row in rows] == [NO_RERANKING, RANDOM, CEILING, "m"]
    assert dict(zip(head, rows[3], strict=True))["RR(rel=3) reversed"] == "0.5000"
    assert found.kinds is not None
    assert found.kinds[0] == ["RR(rel=3), plain / reversed", "even (2)", "odd (2)"]
    assert found.kinds[1][3] == ["m", "1.0000 / 0.5000", "1.0000 / 0.5000"]


def test_a_sample_draws_groups_and_never_parts_one() -> None:
    collection = collected()
    for seed in range(10):
        drawn = draw(collection, size=2, seed=seed)
        assert len(drawn) == 4
        taken = take(collection, drawn)
        assert sorted(q for group in taken.groups.values() for q in group.modes.values()) == drawn
    assert len(draw(collection, size=99)) == 2 * GROUPS


def test_the_day_of_a_query_and_the_metadata_of_documents_are_part_of_the_content() -> None:
    collection = collected()
    later = {key: replace(query, metadata={"now": "2027-01-01"}) for key, query in collection.queries.items()}
    dated = {key: replace(each, metadata={"date": "2020"}) for key, each in collection.documents.items()}
    digests = {
        digest(c) for c in (collection, replace(collection, queries=later), replace(collection, documents=dated))
    }
    assert len(digests) == 3


def test_random_order_on_the_development_groups_is_what_was_counted(shared: Path) -> None:
    collection = load_instructions(shared / "data" / "instructions")
    found = random_order(record(NO_RERANKING, deaf(collection), collection), collection)
    assert mean(found.values["RR(rel=3) plain"]) == pytest.approx(0.390, abs=0.0006)
    assert mean(found.values["RR(rel=3) reversed"]) == pytest.approx(0.527, abs=0.0006)
