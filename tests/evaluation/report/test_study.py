from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.record import CEILING, NO_RERANKING, Record
from secondpass.evaluation.report.study import settings
from tests.evaluation.report.conftest import MODELS


def test_collections_of_one_setting_stand_together_and_others_apart(
    records: list[Record], collections: Mapping[str, Collection]
) -> None:
    other = [replace(r, protocol=replace(r.protocol, first_stage="bm25")) for r in records]
    again = [replace(r, protocol=replace(r.protocol, digest="other data")) for r in records]
    found = settings([*records, *other, *again], collections)
    assert [[study.protocol.collection for study in setting.studies] for setting in found] == [["tea", "coffee"]] * 3
    assert all(len({study.protocol.digest for study in setting.studies}) == 1 for setting in found)


def test_the_two_rows_stand_first_and_last_however_they_were_given(
    records: list[Record], collections: Mapping[str, Collection]
) -> None:
    (setting,) = settings(records[::-1], collections)
    assert (setting.systems[0], setting.systems[-1]) == (NO_RERANKING, CEILING)
    assert set(setting.models) == set(MODELS)


def test_a_model_that_lacks_a_collection_is_not_in_the_mean(
    records: list[Record], collections: Mapping[str, Collection]
) -> None:
    kept = [r for r in records if (r.model, r.protocol.collection) != ("alpha", "tea")]
    (setting,) = settings(kept, collections)
    assert setting.left_out == ["alpha"]
    assert "alpha" not in setting.standing.drawn.systems


def test_recall_is_of_the_candidates(records: list[Record], collections: Mapping[str, Collection]) -> None:
    (setting,) = settings(records, collections)
    assert setting.studies[0].recall == pytest.approx(11 / 12)


def test_two_records_of_one_model_are_refused(records: list[Record], collections: Mapping[str, Collection]) -> None:
    with pytest.raises(InputError, match="'alpha' has two records"):
        settings([*records, replace(records[1], version="v2")], collections)


def test_a_collection_that_was_not_given_is_named(records: list[Record]) -> None:
    with pytest.raises(InputError, match="'tea' was not given"):
        settings(records, {})


def test_no_records_are_refused() -> None:
    with pytest.raises(InputError, match="no records"):
        settings([], {})
