"""Presets against the products' own code.

The numbers of mem0 are what `score_and_rank` of mem0ai 2.2.1 (mem0/utils/scoring.py) returned for the values below,
with BM25 normalised by its `normalize_bm25` and as many terms as the query has words. Those of LangChain are what
`TimeWeightedVectorStoreRetriever._get_combined_score` of langchain-classic 1.0.8 returned. Those of Generative Agents
follow by hand from `new_retrieve` in the authors' repository: min-max each, then .5, 3 and 2 times.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from secondpass.errors import InputError
from secondpass.ranking.signals.combine import combine
from secondpass.ranking.signals.presets import adaptive_recall, generative_agents, langchain, mem0

from .conftest import NOW, Listed

SIMILARITY = [0.82, 0.41, 0.05, 0.66, 0.10]
BM25 = [6.2, 11.5, 14.0, 0, 3.3]
BOOST = [0.5, 0, 0.4, 0.21, 0]

MEM0 = [
    (3, True, True, {0: 0.807386086401, 1: 0.559817317507, 3: 0.348, 4: 0.133303574309}),
    (3, True, False, {0: 0.759232608001, 1: 0.699771646884, 3: 0.33, 4: 0.166629467886}),
    (3, False, True, {0: 0.88, 3: 0.58, 1: 0.273333333333, 4: 0.066666666667}),
    (3, False, False, {0: 0.82, 3: 0.66, 1: 0.41, 4: 0.1}),
    (6, True, True, {0: 0.680900850092, 1: 0.538810657577, 3: 0.348, 4: 0.079187521719}),
    (6, True, False, {1: 0.673513321972, 0: 0.601126062615, 3: 0.33, 4: 0.098984402149}),
    (12, True, True, {0: 0.580043389745, 1: 0.43567147967, 3: 0.348, 4: 0.053558065664}),
    (12, True, False, {1: 0.544589349588, 0: 0.475054237181, 3: 0.33, 4: 0.06694758208}),
]


@pytest.mark.parametrize(("terms", "keywords", "boosts", "expected"), MEM0)
def test_mem0_scores_what_mem0_scores(
    terms: int, keywords: bool, boosts: bool, expected: dict[int, float], listed: Listed
) -> None:
    metadata: list[dict[str, Any]] = [{"similarity": value} for value in SIMILARITY]
    for told, score, boost in zip(metadata, BM25, BOOST, strict=True):
        told |= {"bm25": score} if keywords else {}
        told |= {"entity_boost": boost} if boosts else {}
    seen = listed(metadata)
    blend = mem0(relevance="similarity", terms=terms)
    found = blend.total(seen)
    np.testing.assert_allclose([found[i] for i in expected], list(expected.values()), atol=1e-11)
    logits, _ = combine([blend], seen)
    assert np.argsort(-logits, kind="stable").tolist() == [*expected, 2]  # what mem0 drops comes last


@pytest.mark.parametrize(
    ("rate", "keys", "expected"),
    [
        (0.01, (), [1.30498743710662, 0.9248045639485463, 0.88, 1.2856781408072187]),
        (0.01, ("importance",), [1.50498743710662, 0.9248045639485463, 1.78, 1.2856781408072187]),
        (0.2, (), [1.2044271909999158, 0.74, 0.88, 0.5047223664828696]),
        (0.0, (), [1.31, 1.74, 1.88, 1.5]),
    ],
)
def test_langchain_scores_what_langchain_scores(
    rate: float, keys: tuple[str, ...], expected: list[float], listed: Listed
) -> None:
    seen = listed(
        [
            {"last_accessed_at": datetime(2026, 11, 20, 11, 30), "importance": 0.2, "similarity": 0.31},
            {"last_accessed_at": datetime(2026, 11, 13, 12), "similarity": 0.74},
            {"last_accessed_at": datetime(2026, 6, 1), "importance": 0.9, "similarity": 0.88},
            {"last_accessed_at": datetime(2026, 11, 19, 12), "importance": 0.0, "similarity": 0.5},
        ]
    )
    logits, _ = combine([langchain(decay_rate=rate, other_score_keys=keys, relevance="similarity")], seen)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)


AGENTS = [
    {"last_accessed_at": NOW - timedelta(hours=1), "importance": 4, "similarity": 0.2},
    {"last_accessed_at": NOW - timedelta(days=9), "importance": 8, "similarity": 0.6},
    {"last_accessed_at": NOW - timedelta(days=2), "importance": 2, "similarity": 0.4},
]


def test_generative_agents_weighs_recency_relevance_and_importance(listed: Listed) -> None:
    middle = (0.99**2 - 0.99**3) / (0.99 - 0.99**3)
    found = generative_agents(relevance="similarity").total(listed(AGENTS))
    np.testing.assert_allclose(found, [0.5 + 2 / 3, 3 + 2, 0.5 * middle + 1.5])


def test_the_published_order_takes_the_oldest_for_the_most_recent(listed: Listed) -> None:
    middle = (0.99**2 - 0.99**3) / (0.99 - 0.99**3)
    found = generative_agents(relevance="similarity", published_order=True).total(listed(AGENTS))
    np.testing.assert_allclose(found, [2 / 3, 0.5 + 3 + 2, 0.5 * middle + 1.5])


def test_where_all_memories_are_alike_each_part_counts_half(listed: Listed) -> None:
    found = generative_agents().total(listed([{"importance": 5}, {"importance": 5}, {}], [1.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [2.75] * 3)


def test_adaptive_recall_gives_sixty_percent_to_the_reranker(listed: Listed) -> None:
    seen = listed([{"composite": 3.0}, {"composite": 9.0}, {"composite": 6.0}], [4.0, 0.0, 3.0])
    logits, parts = combine([adaptive_recall(composite="composite")], seen)
    np.testing.assert_allclose(parts["model"], [0.6, 0, 0.45])
    np.testing.assert_allclose(parts["composite"], [0, 0.4, 0.2])
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), [0.6, 0.4, 0.65], atol=1e-8)


def test_adaptive_recalls_own_composite_is_made_of_its_four_parts(listed: Listed) -> None:
    month = {"access_times": [NOW - timedelta(days=30)]}
    seen = listed([month, {"confidence": 10}, {"similarity": 0.5}])
    activation = 1 / (1 + math.exp(0.5 * math.log(30 * 86_400)))  # the plain sigmoid of seconds: .0006
    composite = np.array([activation + 0.75, 1.0, 0.5 + 0.75])
    expected = 0.4 * (composite - composite.min()) / np.ptp(composite)
    np.testing.assert_allclose(adaptive_recall().parts(seen)["composite"], expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: adaptive_recall(share=1.2), "share=1.2"),
        (lambda: generative_agents(weights=(0, 0, 0)), "weights=\\(0, 0, 0\\)"),
        (lambda: langchain(decay_rate=2), "decay_rate=2"),
    ],
)
def test_options_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
