"""Entities in common: spreading activation with fan, from names that are given or found."""

from __future__ import annotations

import math

import numpy as np
import pytest

from secondpass.ranking.signals.entities import Entities
from secondpass.ranking.signals.extractor import Extractor

from .conftest import Listed

GIVEN = [{"entities": ["Ada Lovelace", "Oslo"]}, {"entities": ["Ada Lovelace"]}, {"entities": ["Grace Hopper"]}, {}]


def test_a_name_that_few_documents_have_counts_for_more(listed: Listed) -> None:
    values = Entities(about=("Ada Lovelace", "Oslo")).values(listed(GIVEN))
    strength = math.log(5)
    ada = (strength - math.log(2)) / strength / 2
    np.testing.assert_allclose(values, [ada + 1 / 2, ada, 0, 0])


def test_fans_of_a_whole_collection_and_the_strength_can_be_told(listed: Listed) -> None:
    values = Entities(about=("Oslo",), fans={"OSLO": 20}, strength=4.0).values(listed(GIVEN))
    np.testing.assert_allclose(values, [(4 - math.log(20)) / 4, 0, 0, 0])
    assert not Entities(about=("Oslo",), fans={"oslo": 400}, strength=4.0).values(listed(GIVEN)).any()


def test_the_querys_names_are_those_of_the_documents_whatever_their_case(listed: Listed) -> None:
    assert Entities().values(listed(GIVEN, query="what did ada lovelace think of it")).nonzero()[0].tolist() == [0, 1]
    assert Entities().values(listed(GIVEN, query="Where is Hopper?")).nonzero()[0].tolist() == [2]
    assert not Entities().values(listed(GIVEN, query="what did they think of it")).any()


def test_names_are_found_in_texts_that_come_without(listed: Listed) -> None:
    texts = [
        "We asked Ada Lovelace about the engine.",
        "We asked nobody about the engine.",
        "The engine stood in Oslo.",
    ]
    seen = listed([{}] * 3, query="what did Ada Lovelace say about the engine", texts=texts)
    assert Entities().values(seen).nonzero()[0].tolist() == [0]
    assert not Entities(extractor=None).values(seen).any()


def test_a_known_name_is_found_in_any_case(listed: Listed) -> None:
    seen = listed([{}] * 2, query="restart the billing daemon", texts=["how the billing daemon starts", "how to bill"])
    assert not Entities().values(seen).any()
    assert Entities(extractor=Extractor(gazetteer=("Billing Daemon",))).values(seen).nonzero()[0].tolist() == [0]


def test_names_in_scripts_without_spaces_match_within_a_sentence(listed: Listed) -> None:
    seen = listed([{"entities": ["東京タワー"]}, {"entities": ["大阪城"]}], query="東京タワーの高さは?")
    assert Entities().values(seen).nonzero()[0].tolist() == [0]


@pytest.mark.parametrize("given", [None, 7, "", [], [None, 3], {"a": 1}])
def test_metadata_that_names_nobody_gives_nothing(given: object, listed: Listed) -> None:
    assert Entities(about=("Ada",)).values(listed([{"entities": given}], texts=["about nobody"])).tolist() == [0]
