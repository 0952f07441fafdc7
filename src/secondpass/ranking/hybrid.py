"""Several rerankers as one: each scores the whole list, and their logits are joined.

Knows rerankers by what they declare and give; how logits are joined is in `fusion`, how a hybrid is named in
`hybrid_name`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from secondpass.errors import Cancelled, InputError, ModelError, ServiceError
from secondpass.models.scorer import Declared
from secondpass.ranking.candidates import Floats
from secondpass.ranking.composite import OnFailure, instructions_of, numbered, read_alike
from secondpass.ranking.fusion import ACTIVATIONS, How, K, Part, check, fuse
from secondpass.ranking.hybrid_name import HybridName
from secondpass.ranking.load import Options, open_named
from secondpass.ranking.outcome import Scored
from secondpass.ranking.passages import chunks_of
from secondpass.ranking.request import Request
from secondpass.ranking.reranker import Reranker
from secondpass.text.chunk import Chunk
from secondpass.text.render import render
from secondpass.types import AnyDocument, Hit


class Hybrid(Reranker):
    """A reranker that joins what several others find: `Hybrid(["bm25", "embedded"])`.

    `parts`: names as `secondpass.load` takes them, folders, and rerankers that are open already, in any mixture;
    `options` are those of `load`, for the parts that are named. `how`: "rrf" adds up `weights` / (k + rank), the others
    take the weighted mean of log-odds ("log-odds"), or of logits that were normalised over the list ("min-max",
    "z-score"). `weights`: one a part, 0 or more, equal ones by default. `on_failure`: what a `ModelError` or a
    `ServiceError` of a part does, "raise" to pass it on, "leave-out" to rank without that part and mark the ranking as
    degraded, unless every part fails.

    A hit's `parts` are the parts' own logits. Its `tokens` and `chunks` are the most that any part counted, in that
    part's units, and it is `truncated` where any part did not read all of it. Limits are each part's own. `close`
    closes the parts that were opened here, not those that were open. Raises `InputError`, and what `load` does.
    """

    def __init__(
        self,
        parts: Sequence[str | Path | Reranker],
        weights: Sequence[float] | None = None,
        how: How = "rrf",
        k: int = K,
        *,
        on_failure: OnFailure = "raise",
        **options: Any,
    ) -> None:
        if isinstance(parts, str) or not parts:
            raise InputError(f"parts={parts!r}: give a list of at least one name or reranker.")
        if on_failure not in get_args(OnFailure):
            raise InputError(f"on_failure={on_failure!r}: choose one of {', '.join(get_args(OnFailure))}.")
        shares = [1.0] * len(parts) if weights is None else [float(weight) for weight in weights]
        check(how, shares, len(parts), k=k)
        asked = Options(**options)
        with ExitStack() as opened:
            rerankers = [
                part if isinstance(part, Reranker) else opened.enter_context(open_named(part, asked)) for part in parts
            ]
            scorer = HybridScorer(rerankers, shares, how, k, on_failure, weighted=weights is not None)
            super().__init__(scorer)
            self.parts = tuple(rerankers)
            self._joining = scorer
            self._opened = opened.pop_all()

    def join(self, logits: Sequence[Floats], documents: Sequence[AnyDocument]) -> Floats:
        """What `rank` makes of the parts' own logits, one array of shape (n,) a part: the joined ones, shape (n,)."""
        texts = [render(document, version=self.declared.renderer) for document in documents]
        return self._joining.joined(logits, texts)

    def close(self) -> None:
        """Close the parts that were opened here. Closing twice does nothing."""
        super().close()
        self._opened.close()

    def __repr__(self) -> str:
        return f"Hybrid({self.name!r})"


@dataclass(frozen=True, slots=True)
class _Found:
    """What one part made of a list: its hits in the order that the documents were given in."""

    name: str
    declared: Declared
    weight: float
    hits: Sequence[Hit]
    degraded: bool

    @property
    def logits(self) -> Floats:
        return np.array([hit.logit for hit in self.hits], np.float64)


class HybridScorer:
    """A `Composite` of rerankers, which stay their owner's to close. Arguments as in `Hybrid`."""

    keeps_time = False

    def __init__(
        self,
        rerankers: Sequence[Reranker],
        weights: Sequence[float],
        how: How = "rrf",
        k: int = K,
        on_failure: OnFailure = "raise",
        *,
        weighted: bool = True,
    ) -> None:
        check(how, weights, len(rerankers), k=k)
        self._parts = list(zip(numbered([r.name for r in rerankers]), rerankers, weights, strict=True))
        self._how = how
        self._k = k
        self._on_failure = on_failure
        named = HybridName(tuple(reranker.name for reranker in rerankers), tuple(weights) if weighted else None, how, k)
        self._declared = _declared(str(named), [reranker.declared for reranker in rerankers], weights, how)

    @property
    def declared(self) -> Declared:
        """What may be relied on: no more than what all parts have in common."""
        return self._declared

    def score_request(self, request: Request) -> Scored:
        """The joined logits. Raises what the parts do."""
        if not request.documents:
            return Scored(np.empty(0), [], [], [])
        found, failed = self._found(replace(request, until=None))  # every part has to read what the others do
        if not found:
            raise failed[0]
        weights = [each.weight for each in found]
        if not any(weights):  # those that weigh something have failed
            weights = [1.0] * len(found)
        fused = self._fused([(each.logits, each.declared) for each in found], weights, request.texts)
        by_document = list(zip(*(each.hits for each in found), strict=True))
        return Scored(
            fused,
            tokens=[max(hit.tokens for hit in hits) for hits in by_document],
            truncated=[any(hit.truncated for hit in hits) for hits in by_document],
            chunks=[max(hit.chunks for hit in hits) for hits in by_document],
            degraded=bool(failed) or any(each.degraded for each in found),
            passages=self._passages(by_document),
            parts=[{each.name: hit.logit for each, hit in zip(found, hits, strict=True)} for hits in by_document],
        )

    def _passages(self, by_document: Sequence[Sequence[Hit]]) -> list[Sequence[Chunk] | None] | None:
        """Each document's chunks by the first part that tells of some."""
        if not read_alike([reranker.declared for _, reranker, _ in self._parts]):
            return None
        return [next(filter(None, map(chunks_of, hits)), None) for hits in by_document]

    def joined(self, logits: Sequence[Floats], texts: Sequence[str]) -> Floats:
        """The joined logits of documents with these texts, from each part's own."""
        parts = [(values, reranker.declared) for values, (_, reranker, _) in zip(logits, self._parts, strict=True)]
        return self._fused(parts, [weight for _, _, weight in self._parts], texts)

    def _fused(
        self, parts: Sequence[tuple[Floats, Declared]], weights: Sequence[float], texts: Sequence[str]
    ) -> Floats:
        """Each document has the logits of the first one of the same text before they are joined.

        Batches of another size give another last bit, which ranks and normalisation would make a difference of.
        """
        first: dict[str, int] = {}
        same = [first.setdefault(text, position) for position, text in enumerate(texts)]
        alike = [Part(values[same], declared.activation, declared.scale) for values, declared in parts]
        return fuse(alike, self._how, weights, k=self._k)

    def close(self) -> None:
        """Nothing is held open; the rerankers belong to who opened them."""

    def _found(self, request: Request) -> tuple[list[_Found], list[ModelError | ServiceError]]:
        """What the parts found, and why others did not."""
        found: list[_Found] = []
        failed: list[ModelError | ServiceError] = []
        for name, reranker, weight in self._parts:
            try:
                ranking = reranker.ranked(request)
            except (ModelError, ServiceError) as error:
                if self._on_failure == "raise" or isinstance(error, Cancelled):
                    raise
                failed.append(error)
                continue
            hits = sorted(ranking, key=lambda hit: hit.index)
            found.append(_Found(name, reranker.declared, weight, hits, ranking.degraded))
        return found, failed


def _declared(name: str, parts: Sequence[Declared], weights: Sequence[float], how: How) -> Declared:
    most = [part.max_tokens for part in parts if part.max_tokens is not None]
    versions = "; ".join(f"{part.name} {part.version}" for part in parts)
    return Declared(
        name=name,
        version=f"hybrid@1 {name} weights={list(weights)} [{versions}]",
        renderer=max(part.renderer for part in parts),
        max_tokens=min(most, default=None),
        activation=ACTIVATIONS[how],
        instructions=instructions_of(parts),
    )
