"""Diversity: of documents that say the same, the first comes up and the others make room (MMR).

Knows a ranking and how alike its documents are; no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from secondpass.errors import InputError
from secondpass.ranking.candidates import Floats
from secondpass.ranking.likeness import Alike, Shingles
from secondpass.text.render import render
from secondpass.types import Hit, Ranking

SIGNAL = "diversity"
"""What `Hit.signals` calls the distance that a document was moved down by."""

GAP = 1e-6
"""How far a document comes below one that overtook it, at least, as a share of its logit."""


def diversify(ranking: Ranking, *, top_n: int = 10, weight: float = 0.7, alike: Alike | None = None) -> Ranking:
    """The same hits, the best `top_n` chosen by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Again and again the hit comes next that has the most of weight · relevance - (1 - weight) · likeness, where
    relevance is the logit from 0 (the ranking's lowest) to 1 (its highest) and likeness that to the most alike of those
    chosen before. A `weight` of 1 changes nothing. `alike`: the share of words in common, or a function such as a
    bi-encoder's `score`. Those behind the first `top_n` stay in their order. Equal ones keep the order that they had.

    A logit stays what hits are sorted by: a hit that was overtaken gets one just below that of the hit before it, its
    score is no higher than that one's, and its `signals` say under "diversity" how far it was moved. Raises
    `InputError`.
    """
    if top_n < 1:
        raise InputError(f"top_n={top_n}: give 1 or more documents to choose.")
    if not 0 <= weight <= 1:
        raise InputError(f"weight={weight}: give 1 for relevance alone, 0 for difference alone, or what lies between.")
    texts = [render(hit.document) for hit in ranking]
    chosen = _chosen(_relevance(ranking), texts, min(top_n, len(texts)), weight, alike or Shingles(1))
    left = sorted(set(range(len(texts))) - set(chosen))
    return replace(ranking, hits=_descending([ranking[position] for position in [*chosen, *left]]))


def _relevance(ranking: Ranking) -> Floats:
    logits = np.array([hit.logit for hit in ranking], np.float64)
    span = float(np.ptp(logits)) if len(logits) else 0.0
    return (logits - logits.min()) / span if span else np.ones(len(logits))


def _chosen(relevance: Floats, texts: Sequence[str], count: int, weight: float, alike: Alike) -> list[int]:
    """The positions of the best by MMR, in the order of choice."""
    likeness = np.zeros(len(texts))
    open_to = np.ones(len(texts), np.bool_)
    chosen: list[int] = []
    while len(chosen) < count:
        gained = np.where(open_to, weight * relevance - (1 - weight) * likeness, -np.inf)
        chosen.append(int(np.argmax(gained)))
        open_to[chosen[-1]] = False
        left = np.flatnonzero(open_to).tolist()
        likeness[left] = np.maximum(likeness[left], alike(texts[chosen[-1]], [texts[position] for position in left]))
    return chosen


def _descending(hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """The hits in this order, moved down where one has a higher logit than another before it."""
    found: list[Hit] = []
    for hit in hits:
        if found and hit.logit > found[-1].logit:
            logit = found[-1].logit - GAP * max(1.0, abs(found[-1].logit))
            signals = {**hit.signals, SIGNAL: hit.signals.get(SIGNAL, 0.0) + logit - hit.logit}
            hit = replace(hit, logit=logit, score=min(hit.score, found[-1].score), signals=signals)
        found.append(hit)
    return tuple(found)
