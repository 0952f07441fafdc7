"""How four products join relevance, time and importance, each by its own formula.

Knows the formulas, and under which metadata key each product keeps what. The product's similarity is the metadata under
`relevance`, or, where that is None, the model's score in [0, 1]: the formula of the product on a better reader.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.candidates import Candidates, Floats, metadata_of
from secondpass.ranking.fusion import min_max
from secondpass.ranking.signals.activation import ACCESS_KEYS, Activation
from secondpass.ranking.signals.blend import Blend
from secondpass.ranking.signals.entities import Entities
from secondpass.ranking.signals.extractor import normalised
from secondpass.ranking.signals.moment import moment
from secondpass.ranking.signals.weighted import each, first, number

_HOUR = 3600.0


def adaptive_recall(
    *,
    share: float = 0.6,
    composite: str | None = None,
    weights: Mapping[str, float] | None = None,
    entities: Entities | None = None,
) -> Blend:
    """Adaptive Recall's last step: `share` of the reranker's quality, the rest the memory's own composite score.

    Both are min-max normalised over the list. The composite is the metadata under the key `composite`; None reckons it
    from similarity (`similarity`), the sigmoid of the base-level activation in seconds (`access_times`), entities in
    common, and confidence out of ten (`confidence`, 7.5 where there is none). The vendor names these parts and not
    their weights, so each counts 1 unless `weights` says otherwise. Raises `InputError` for a share outside [0, 1].
    """
    if not 0 <= share <= 1:
        raise InputError(f"share={share!r}: give a number between 0 and 1; Adaptive Recall's is .6.")
    level = Activation(unit="s", threshold=0.0)
    named = entities or Entities()
    factors = {"similarity": 1.0, "activation": 1.0, "entities": 1.0, "confidence": 1.0} | dict(weights or {})

    def score(candidates: Candidates) -> Floats:
        if composite is not None:
            return _column(candidates, composite)
        columns = {
            "similarity": _column(candidates, "similarity"),
            "activation": _importance(level, candidates),
            "entities": named.values(candidates),
            "confidence": _column(candidates, "confidence", missing=7.5) / 10,
        }
        return sum((factors[name] * column for name, column in columns.items()), np.zeros(len(candidates.logits)))

    def parts(candidates: Candidates) -> dict[str, Floats]:
        quality = min_max(candidates.logits)
        return {"model": share * quality, "composite": (1 - share) * min_max(score(candidates))}

    version = f"adaptive-recall@1({share!r}, {composite!r}, {factors!r}, {named.version})"
    return Blend("adaptive_recall", version, parts, needs_now=composite is None)


def generative_agents(
    *,
    relevance: str | None = None,
    importance: str = "importance",
    accessed: str = "last_accessed_at",
    decay: float = 0.99,
    weights: tuple[float, float, float] = (0.5, 3.0, 2.0),
    published_order: bool = False,
) -> Blend:
    """Generative Agents' retrieval (Park et al. 2023, in the weights of its code): recency, relevance and importance.

    Each is min-max normalised over the list (.5 throughout where all are equal) and weighted by `weights`. Recency is
    decay^rank by the time of the last access, the latest first. `published_order` ranks the oldest first, as the
    authors' code does, which makes the oldest memory the most recent one. What is missing counts as .5.
    """
    whole = math.fsum(weights)
    if whole <= 0 or min(weights) < 0:
        raise InputError(f"weights={weights!r}: give three numbers of at least 0, one of them above it.")

    def parts(candidates: Candidates) -> dict[str, Floats]:
        columns = (
            _halfway(_recent(candidates, accessed, decay, oldest_first=published_order)),
            _halfway(_relevance(candidates, relevance)),
            _halfway(_column(candidates, importance, missing=math.nan)),
        )
        names = ("recency", "relevance", "importance")
        return {name: weight * column for name, weight, column in zip(names, weights, columns, strict=True)}

    told = (relevance, importance, accessed, decay, weights, published_order)
    return Blend("generative_agents", f"generative-agents@1{told!r}", parts, whole)


def langchain(
    *,
    decay_rate: float = 0.01,
    other_score_keys: Sequence[str] = (),
    relevance: str | None = None,
    accessed: str = "last_accessed_at",
) -> Blend:
    """LangChain's `TimeWeightedVectorStoreRetriever`: (1 - decay_rate)^hours since the last access, plus relevance.

    The metadata under `other_score_keys` are added as they are, so that the sum has no bound and is the logit itself. A
    document without a time of access counts as accessed just now, as there; so does one with a time to come.
    """
    if not 0 <= decay_rate <= 1:
        raise InputError(f"decay_rate={decay_rate!r}: give a number between 0 and 1; LangChain's is .01.")
    others = tuple(other_score_keys)

    def parts(candidates: Candidates) -> dict[str, Floats]:
        recency = each(candidates, lambda metadata: (1 - decay_rate) ** _hours(metadata.get(accessed), candidates))
        added = {key: _column(candidates, key) for key in others}
        return {"relevance": _relevance(candidates, relevance), "recency": recency, **added}

    version = f"langchain@1{(decay_rate, others, relevance, accessed)!r}"
    return Blend("langchain", version, parts, whole=None, needs_now=True)


def mem0(
    *,
    threshold: float = 0.1,
    relevance: str | None = None,
    bm25: str = "bm25",
    entity_boost: str = "entity_boost",
    terms: int | None = None,
) -> Blend:
    """mem0's search: (similarity + sigmoid of BM25 + entity boost) over the most that the parts there are can sum to.

    That is 1, and 1 more where any document of the list has a score under `bm25`, and .5 more where any has one under
    `entity_boost`. BM25's midpoint and steepness go by the number of terms of the query: `terms`, or its words where
    that is None (mem0 counts lemmas without stop words). A document whose similarity is below `threshold` is left out
    there; here it has the score 0, and all such ones keep their order behind the rest.
    """

    def parts(candidates: Candidates) -> dict[str, Floats]:
        similarity = _relevance(candidates, relevance)
        midpoint, steepness = _bm25_curve(len(normalised(candidates.query)) if terms is None else terms)
        raw, boost = _column(candidates, bm25), _column(candidates, entity_boost)
        keyword = np.where(raw > 0, 1 / (1 + np.exp(-steepness * (raw - midpoint))), 0.0)
        whole = 1 + float((raw > 0).any()) + 0.5 * float((boost != 0).any())
        passed = (similarity >= threshold) / whole
        return {"relevance": similarity * passed, "bm25": keyword * passed, "entities": boost * passed}

    return Blend("mem0", f"mem0@1{(threshold, relevance, bm25, entity_boost, terms)!r}", parts)


_BM25_CURVES = ((3, 5.0, 0.7), (6, 7.0, 0.6), (9, 9.0, 0.5), (15, 10.0, 0.5))
"""mem0's table: up to so many terms, the BM25 score that counts half, and how steeply it grows there."""


def _bm25_curve(terms: int) -> tuple[float, float]:
    return next(((midpoint, steep) for most, midpoint, steep in _BM25_CURVES if terms <= most), (12.0, 0.5))


def _column(candidates: Candidates, key: str, *, missing: float = 0.0) -> Floats:
    found = (number(metadata_of(document).get(key)) for document in candidates.documents)
    return np.fromiter((missing if value is None else value for value in found), np.float64, len(candidates.documents))


def _relevance(candidates: Candidates, key: str | None) -> Floats:
    """The similarity under `key`; for None the model's score, the sigmoid of its log-odds."""
    return 0.5 * (1 + np.tanh(candidates.logits / 2)) if key is None else _column(candidates, key)


def _importance(activation: Activation, candidates: Candidates) -> Floats:
    """The sigmoid of base-level activation, as the vendor's tutorial takes it; 0 for what was never used."""
    now = candidates.now
    if now is None:
        return np.zeros(len(candidates.documents))
    levels = (activation.level(metadata_of(document), now) for document in candidates.documents)
    odds = np.fromiter((-math.inf if level is None else level for level in levels), np.float64)
    return 0.5 * (1 + np.tanh(odds / 2))


def _recent(candidates: Candidates, key: str, decay: float, *, oldest_first: bool) -> Floats:
    """decay^rank by the time under `key`, ranks from 1; NaN for a document without one."""
    times = [moment(first(metadata_of(document), (key, *ACCESS_KEYS))) for document in candidates.documents]
    known = sorted(
        ((when, place) for place, when in enumerate(times) if when is not None),
        key=lambda pair: pair[0],
        reverse=not oldest_first,
    )
    values = np.full(len(times), math.nan)
    for rank, (_, place) in enumerate(known, 1):
        values[place] = decay**rank
    return values


def _halfway(values: Floats) -> Floats:
    """Values between 0 and 1 by the least and the largest; .5 where all are equal, and for NaN."""
    there = np.isfinite(values)
    found = np.full(len(values), 0.5)
    if there.any() and np.ptp(values[there]) > 0:
        found[there] = min_max(values[there])
    return found


def _hours(value: object, candidates: Candidates) -> float:
    when = moment(value)
    return 0.0 if when is None or candidates.now is None else max(0.0, (candidates.now - when).total_seconds() / _HOUR)
