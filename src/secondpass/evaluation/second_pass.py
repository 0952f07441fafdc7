"""Reordering a first stage's candidates by a scorer or a reranker: one run in, one run out.

Knows candidates and logits; neither where the candidates came from nor how good the order is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, SupportsFloat

from secondpass.errors import InputError
from secondpass.evaluation.collection import Collection
from secondpass.evaluation.fusion import reciprocal_rank_fusion
from secondpass.evaluation.metrics import Run
from secondpass.types import AnyDocument, Document, Ranking

Scorer = Callable[[str, str | None, Sequence[Document]], Iterable[SupportsFloat]]
"""(query, instruction, documents) → one logit a document, in the given order."""


class RanksMany(Protocol):
    """What is asked of a reranker: every document of every list comes back as a hit."""

    def rank_many(
        self,
        queries: Sequence[str],
        candidate_lists: Sequence[Sequence[AnyDocument]],
        *,
        instructions: Sequence[str | None] | None = None,
    ) -> list[Ranking]: ...


def score_candidates(collection: Collection, candidates: Run, scorer: Scorer) -> Run:
    """The candidates of every query with the logits that `scorer` gives them.

    Raises `InputError` where it does not give one logit a document.
    """
    scored: dict[str, dict[str, float]] = {}
    for query_id, first in candidates.items():
        query = collection.queries[query_id]
        logits = scorer(query.text, query.instruction, [collection.documents[document] for document in first])
        scored[query_id] = _joined(query_id, list(first), [float(logit) for logit in logits])
    return scored


def rerank_candidates(collection: Collection, candidates: Run, reranker: RanksMany) -> Run:
    """The candidates of every query with the logits of a reranker, whose batches the queries share."""
    queries = [collection.queries[query] for query in candidates]
    lists: list[list[AnyDocument]] = [[collection.documents[d] for d in first] for first in candidates.values()]
    rankings = reranker.rank_many(
        [query.text for query in queries], lists, instructions=[query.instruction for query in queries]
    )
    scored: dict[str, dict[str, float]] = {}
    for (query_id, first), ranking in zip(candidates.items(), rankings, strict=True):
        by_index = sorted(ranking, key=lambda hit: hit.index)
        if [hit.index for hit in by_index] != list(range(len(first))):
            raise InputError(f"The reranker gave {len(by_index)} hits for the {len(first)} candidates of {query_id!r}.")
        scored[query_id] = _joined(query_id, list(first), [hit.logit for hit in by_index])
    return scored


def fuse(runs: Sequence[Run], *, k: int = 60) -> Run:
    """Reciprocal-rank fusion of runs over the queries of the first; each is ranked by its scores, ties in own order.

    A query that a later run lacks gets nothing from it.
    """
    return {query: reciprocal_rank_fusion([_ranked(run.get(query, {})) for run in runs], k=k) for query in runs[0]}


def _joined(query: str, documents: Sequence[str], logits: Sequence[float]) -> dict[str, float]:
    if len(logits) != len(documents):
        raise InputError(f"The scorer gave {len(logits)} logits for the {len(documents)} candidates of {query!r}.")
    return dict(zip(documents, logits, strict=True))


def _ranked(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda document: -scores[document])
