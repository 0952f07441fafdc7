"""Generated groups: their labels, held against an oracle of their own, and halves that share nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.counterfactual import KINDS, NEUTRAL, counterfactual, groups
from secondpass.evaluation.counterfactual.dates import GRAINS, backwards, written
from secondpass.evaluation.counterfactual.facts import Facts, Rule, grades
from secondpass.evaluation.counterfactual.table import SPLITS, Split, Table, read
from secondpass.evaluation.instructions import REVERSED, load_instructions

Row = dict[str, Any]

NOW = date(2026, 11, 20)
MANY = 160


@pytest.fixture(params=SPLITS)
def rows(request: pytest.FixtureRequest, collection: Collection) -> list[Row]:
    """Ten groups of every rule."""
    split: Split = request.param
    return groups(collection, MANY, seed=3, split=split)


def _oracle(rules: list[Row], facts: dict[str, Row]) -> dict[str, int]:
    """Grades by sieving: each rule in turn keeps the best of those that are left."""
    answering = [name for name, fact in facts.items() if fact["answers"]]
    left = _sieved(rules[0], answering, facts)
    half = left if len(rules) > 1 else _halfway(rules[0], answering, left, facts)
    for rule in rules[1:]:
        left = _sieved(rule, left, facts)
    given = {name: 3 if name in left else 2 if name in half else 1 for name in answering}
    return {name: given.get(name, 0) for name in facts}


def _sieved(rule: Row, names: list[str], facts: dict[str, Row]) -> list[str]:
    return [name for name in names if _keeps(rule, facts[name], [facts[other] for other in names])]


def _keeps(rule: Row, fact: Row, rivals: list[Row]) -> bool:
    days = [rival["day"] for rival in rivals if rival["day"]]
    wanted, kind = rule["wanted"], rule["rule"]
    if kind in ("newest", "oldest"):
        return bool(fact["day"] == (max(days) if kind == "newest" else min(days)))
    if kind in ("latest", "earliest"):
        versions = [rival["version"] for rival in rivals]
        return bool(fact["version"] == (max(versions) if kind == "latest" else min(versions)))
    if kind in ("since", "before"):
        return fact["day"] is not None and (fact["day"] >= wanted[0]) is (kind == "since")
    if kind == "year":
        return bool(fact["day"].startswith(f"{wanted[0]}-"))
    return fact[kind] not in rule["shunned"] and (not wanted or fact[kind] in wanted)


def _halfway(rule: Row, names: list[str], best: list[str], facts: dict[str, Row]) -> list[str]:
    if rule["rule"] in ("newest", "oldest", "latest", "earliest"):
        return _sieved(rule, [name for name in names if name not in best], facts)
    if rule["rule"] in ("since", "before"):
        return [name for name in names if facts[name]["day"] is None]
    if rule["wanted"] and rule["shunned"]:
        return [name for name in names if facts[name][rule["rule"]] not in rule["shunned"]]
    return []


def test_labels_are_what_an_oracle_of_its_own_makes_of_the_facts(rows: list[Row]) -> None:
    for row in json.loads(json.dumps(rows)):
        assert row["labels"] == _oracle(row["rules"], row["facts"]), row["id"]
        assert row["reversed_labels"] == _oracle(row["reversed_rules"], row["facts"]), row["id"]


def test_one_document_is_best_and_another_one_when_the_wish_is_reversed(rows: list[Row]) -> None:
    for row in rows:
        best = [name for name, label in row["labels"].items() if label == 3]
        turned = [name for name, label in row["reversed_labels"].items() if label == 3]
        assert (len(best), len(turned)) == (1, 1)
        assert best != turned
        zeros = [{name for name, label in row[key].items() if label == 0} for key in ("labels", "reversed_labels")]
        assert zeros[0] == zeros[1]


def test_a_group_has_a_passage_under_many_metadata_and_three_that_do_not_answer(rows: list[Row]) -> None:
    assert {row["kind"] for row in rows} == set(KINDS)
    for row in rows:
        assert 12 <= len(row["documents"]) <= 17
        assert list(row["labels"].values()).count(0) == 3
        best = next(name for name, label in row["labels"].items() if label == 3)
        rivals = [row["facts"][name] for name, label in row["labels"].items() if label == 0]
        facts = {"best": row["facts"][best], **{str(i): {**each, "answers": True} for i, each in enumerate(rivals)}}
        perfect = _oracle(json.loads(json.dumps(row["rules"])), json.loads(json.dumps(facts)))
        assert sum(perfect[str(i)] == 3 for i in range(3)) >= 2  # at least as good as the best: metadata alone


def test_what_the_rules_are_about_can_be_read(rows: list[Row]) -> None:
    for row in rows:
        for document in row["documents"]:
            fact, seen = row["facts"][document["id"]], document["text"] + json.dumps(document["metadata"])
            assert fact["source"] in seen
            assert fact["type"].lower() in seen.lower()


def test_the_same_seed_gives_the_same_groups(collection: Collection) -> None:
    assert groups(collection, 20, seed=5) == groups(collection, 20, seed=5)
    assert groups(collection, 20, seed=5)[:8] == groups(collection, 8, seed=5)
    assert groups(collection, 20, seed=5) != groups(collection, 20, seed=6)


def _words(table: Table) -> dict[str, set[str]]:
    return {
        "wordings": {wording for rule in table.wordings.values() for wording in rule},
        "names": {name for family in table.sources.values() for name in family},
        "families": {name for family in table.called.values() for name in family},
        "types": set(table.types),
        "languages": set(table.languages.values()),
        "mentions": {sentence for field in table.mentions.values() for sentence in field},
        "dates": set(table.dates),
        "versions": {pattern for style in table.versions.values() for pattern in style},
        "layouts": {each.name for each in table.layouts},
        "keys": {" ".join(names) for names in table.keys},
    }


def test_the_halves_share_no_word_of_any_list() -> None:
    seen, held_out = (_words(read(split)) for split in SPLITS)
    for name, words in seen.items():
        assert not words & held_out[name], name


def test_every_rule_has_fifteen_wordings_that_all_differ() -> None:
    seen, held_out = (read(split).wordings for split in SPLITS)
    for rule in seen:
        assert len({*seen[rule], *held_out[rule]}) == len(seen[rule]) + len(held_out[rule]) >= 15, rule
    assert sum(len(read(split).layouts) + len(read(split).keys) for split in SPLITS) >= 20
    assert sum(len(names) for split in SPLITS for names in read(split).sources.values()) >= 40


def test_groups_are_read_back_from_a_file(collection: Collection, tmp_path: Path) -> None:
    path = tmp_path / "counterfactual-seen.jsonl"
    rows = groups(collection, 12)
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    made, found = counterfactual(collection, 12), load_instructions(path)
    assert found.documents == made.documents
    assert found.queries == {key: query for key, query in made.queries.items() if not key.endswith(NEUTRAL)}
    assert {key: made.qrels[key] for key in found.qrels} == found.qrels
    assert found.name == made.name


def test_without_an_instruction_all_that_answers_is_worth_the_same(collection: Collection) -> None:
    found = counterfactual(collection, 4)
    for key, group in found.groups.items():
        neutral = group.modes["neutral"]
        assert list(group.modes.values()) == [key, f"{key}{REVERSED}", neutral]
        assert found.queries[neutral].instruction is None
        assert found.qrels[neutral] == {name: min(label, 1) for name, label in found.qrels[key].items()}


def test_a_collection_that_is_too_small_is_refused(collection: Collection) -> None:
    small = replace(collection, documents={key: collection.documents[key] for key in ("1", "3", "5")})
    with pytest.raises(InputError, match="has 1 documents that do not answer query '1'; a group needs 3"):
        groups(small, 1)
    with pytest.raises(InputError, match="has no query with a relevant document"):
        groups(replace(collection, qrels={}), 1)


def test_an_unknown_half_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match="split='dev' is not known: use one of seen, held_out"):
        groups(collection, 1, split="dev")  # type: ignore[arg-type]


PATTERNS = [(pattern, grain) for split in SPLITS for pattern, grain in read(split).dates.items()]


@given(st.dates(date(1990, 1, 1), NOW), st.sampled_from(PATTERNS))
def test_days_further_apart_than_a_patterns_grain_are_not_written_the_same(day: date, pattern: tuple[str, int]) -> None:
    earlier = written(pattern[0], day - timedelta(days=pattern[1]), NOW)
    assert earlier is None or earlier != written(pattern[0], day, NOW)


@given(st.integers(0, 10**6), st.sampled_from(GRAINS), st.integers(6, 18))
def test_the_days_of_a_group_are_told_apart(seed: int, grain: int, count: int) -> None:
    days = backwards(Random(seed), NOW, count, grain=grain, room=(2,))
    gaps = [(later - earlier).days for later, earlier in pairwise([NOW, *days])]
    assert min(gaps[1:]) > 2 * grain
    assert min(gaps) > 0
    assert gaps[2] > 366 + 2 * grain


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{b} {D}, {Y}", "Nov 3, 2026"),
        ("CW {W}/{G}", "CW 45/2026"),
        ("Q{q} {Y}", "Q4 2026"),
        ("{a}, {d} {b} {Y} 09:14:00 +0000", "Tue, 03 Nov 2026 09:14:00 +0000"),
        ("{B} {D}{th}, {Y}", "November 3rd, 2026"),
        ("{days} days ago", "17 days ago"),
        ("{words} days ago", None),
    ],
)
def test_a_day_is_written_as_the_pattern_has_it(pattern: str, said: str | None) -> None:
    assert written(pattern, date(2026, 11, 3), NOW) == said


def test_what_no_rule_speaks_of_stands_between_the_wanted_and_the_shunned() -> None:
    facts = {name: Facts(name, "", "", None) for name in "abc"}
    assert grades([Rule("source", ("a",), ("b",))], facts, ["x"]) == {"a": 3, "b": 1, "c": 2, "x": 0}
