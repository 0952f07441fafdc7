"""Groups with instructions: two rankings each, and groups that do not hold together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.collection import Group
from secondpass.evaluation.instructions import is_instructions, load_instructions

GROUP: dict[str, Any] = {
    "id": "rec-1",
    "kind": "recency",
    "query": "limit",
    "instruction": "newest first",
    "now": "2026-05-18",
    "documents": [
        {"id": "rec-1-a", "text": "limit of 2019", "metadata": {"date": "2019"}},
        {"id": "rec-1-b", "text": "limit of 2026", "metadata": {}},
    ],
    "labels": {"rec-1-a": 1, "rec-1-b": 3},
    "reversed_instruction": "oldest first",
    "reversed_labels": {"rec-1-a": 3, "rec-1-b": 1},
}


def _written(tmp_path: Path, *groups: dict[str, Any]) -> Path:
    path = tmp_path / "dev.jsonl"
    path.write_text("\n".join(json.dumps(group) for group in groups), encoding="utf-8")
    return path


def test_a_group_gives_a_query_and_its_reversed_twin(tmp_path: Path) -> None:
    found = load_instructions(_written(tmp_path, GROUP))
    assert found.name == tmp_path.name
    assert found.groups == {
        "rec-1": Group("rec-1", {"plain": "rec-1", "reversed": "rec-1:reversed"}, ("rec-1-b",), "recency")
    }
    assert (found.modes, found.measures) == (("plain", "reversed"), ("RR(rel=3)", "nDCG@10", "flips", "p-MRR"))
    plain, twin = found.queries["rec-1"], found.queries["rec-1:reversed"]
    assert (plain.text, plain.instruction, twin.text, twin.instruction) == (
        "limit",
        "newest first",
        "limit",
        "oldest first",
    )
    assert plain.metadata == {"kind": "recency", "now": "2026-05-18", "group": "rec-1", "reversed": False}
    assert found.qrels == {"rec-1": GROUP["labels"], "rec-1:reversed": GROUP["reversed_labels"]}
    assert found.candidates == {key: ["rec-1-a", "rec-1-b"] for key in found.queries}
    assert found.documents["rec-1-a"].metadata == {"date": "2019"}


def test_several_files_are_one_collection(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first.jsonl", "second.jsonl"))
    first.write_text(json.dumps(GROUP), encoding="utf-8")
    second.write_text(json.dumps(GROUP).replace("rec-1", "rec-2"), encoding="utf-8")
    found = load_instructions(first, second)
    assert (found.name, list(found.groups)) == ("first", ["rec-1", "rec-2"])
    with pytest.raises(InputError, match=r"first\.jsonl:1: the id 'rec-1-a' stands there a second time"):
        load_instructions(first, first)


def test_a_folder_with_groups_is_told_from_a_table(tmp_path: Path) -> None:
    assert is_instructions(_written(tmp_path, GROUP).parent)
    (tmp_path / "pairs.jsonl").write_text('{"query": "a", "document": "b"}')
    assert not is_instructions(tmp_path / "pairs.jsonl")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": {"rec-1-a": 1}}, "dev.jsonl:1: the labels are not one for each of the group's 2"),
        ({"reversed_labels": None}, "dev.jsonl:1: the labels are not one"),
        ({"labels": {"rec-1-a": "high", "rec-1-b": 1}}, "the label 'high' is not a number"),
        ({"documents": [{"id": "x"}]}, "dev.jsonl:1: there is no field 'text'"),
        ({"query": 3}, "dev.jsonl:1: `query` is 3"),
    ],
)
def test_a_group_that_does_not_hold_together_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_instructions(_written(tmp_path, {**GROUP, **change}))


def test_a_group_that_lacks_a_field_says_which(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dev\.jsonl:1: a group needs labels too"):
        load_instructions(_written(tmp_path, {name: v for name, v in GROUP.items() if name != "labels"}))


def test_groups_without_a_reversed_wish_are_ranked_once_and_the_two_sorts_do_not_mix(tmp_path: Path) -> None:
    single = {name: value for name, value in GROUP.items() if not name.startswith("reversed")}
    found = load_instructions(_written(tmp_path, single))
    assert (found.modes, found.measures, list(found.queries)) == (("plain",), ("RR(rel=3)", "nDCG@10"), ["rec-1"])
    other = {
        **GROUP,
        "id": "x",
        "documents": [{"id": "x-a", "text": "a"}],
        "labels": {"x-a": 3},
        "reversed_labels": {"x-a": 1},
    }
    with pytest.raises(InputError, match=r"dev\.jsonl:2: some groups have a reversed instruction"):
        load_instructions(_written(tmp_path, single, other))


def test_ids_differ_over_the_whole_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dev\.jsonl:2: the id 'rec-1-a' stands there a second time"):
        load_instructions(_written(tmp_path, GROUP, GROUP))


def test_the_development_groups_are_those_that_were_counted(shared: Path) -> None:
    found = load_instructions(shared / "data" / "instructions")
    assert (len(found.groups), len(found.queries), len(found.documents)) == (56, 112, 590)
    grades = [grade for query in found.groups for grade in found.qrels[query].values()]
    assert [grades.count(grade) for grade in (3, 2, 1, 0)] == [103, 73, 302, 112]
