"""Collections: the hash of their content, grades as files have them, and lists that are of other data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection, Query, digest, grade, require_known
from secondpass.types import Document


def test_everything_that_moves_candidates_moves_the_hash(collection: Collection) -> None:
    changed = [
        replace(collection, documents={**collection.documents, "1": Document("other", id="1")}),
        replace(collection, queries={**collection.queries, "c": Query("c", "other")}),
        replace(collection, qrels={**collection.qrels, "c": {"5": 1}}),
        replace(collection, candidates={"c": ["5"]}),
        replace(collection, identical_ids=True),
    ]
    hashes = {digest(each) for each in (collection, *changed)}
    assert len(hashes) == 1 + len(changed)
    assert digest(replace(collection)) == digest(collection)


def test_the_order_of_judgements_does_not_move_the_hash(collection: Collection) -> None:
    judged = dict(reversed(list(collection.qrels["1"].items())))
    assert digest(replace(collection, qrels={**collection.qrels, "1": judged})) == digest(collection)


@pytest.mark.parametrize(("text", "value"), [("2", 2), ("-1", -1), ("0.5", 0.5), ("1.0", 1)])
def test_grades_are_numbers(text: str, value: float) -> None:
    assert grade(text) == value


@pytest.mark.parametrize("text", ["nan", "inf", "high", ""])
def test_what_is_no_finite_number_is_no_grade(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever float says of it
        grade(text)


def test_a_list_with_an_unknown_document_is_refused(collection: Collection) -> None:
    require_known(collection, {"1": ["1", "2"]}, "a.run")
    with pytest.raises(InputError, match=r"a\.run: document '9' of query '1' is not in the corpus of kettle"):
        require_known(collection, {"1": ["1", "9"]}, "a.run")
