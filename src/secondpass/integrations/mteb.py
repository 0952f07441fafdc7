"""Our models as mteb's: `mteb.evaluate(mteb_model("embedded"), task)`.

mteb tells models by their methods: what has `predict` is given pairs, what has `index` and `search`, and no `predict`,
is given lists. Knows mteb's interfaces (2.26) and rerankers; computes no measure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError, MissingExtra, UnknownModel
from secondpass.evaluation.store import plain
from secondpass.models import catalog
from secondpass.ranking.load import load
from secondpass.ranking.reranker import Reranker
from secondpass.types import Document

if TYPE_CHECKING:
    from mteb.models import ModelMeta

_OURS = "secondpass"

Ask = tuple[str, str | None]
"""A query and its instruction."""


def mteb_model(reranker: str | Path | Reranker, **options: Any) -> CrossEncoder | ListReranker:
    """What mteb evaluates a reranker as: `ListReranker` where logits depend on the list (hybrids, BM25, listwise
    models), `CrossEncoder` otherwise.

    `reranker`: one that is open, which stays the caller's to close, or a name and `options` as `secondpass.load` takes
    them. Raises `MissingExtra` without mteb, and what `load` does.
    """
    _mteb()
    opened = reranker if isinstance(reranker, Reranker) else load(reranker, **options)
    return CrossEncoder(opened) if opened.pointwise else ListReranker(opened)


class CrossEncoder:
    """A reranker as mteb's `CrossEncoderProtocol`: pairs in, a logit a pair out."""

    def __init__(self, reranker: Reranker) -> None:
        self.reranker = reranker
        self.mteb_model_meta = _meta(reranker)

    def predict(
        self, inputs1: Iterable[Mapping[str, Any]], inputs2: Iterable[Mapping[str, Any]], **told: Any
    ) -> NDArray[np.float64]:
        """Logits, float64, shape (pairs,), of two aligned series of batches: queries and documents.

        Pairs of one query that follow each other are ranked together. What mteb says of the task is left aside. Raises
        `InputError` for what is no text.
        """
        queries = (ask for batch in inputs1 for ask in _asks(batch))
        documents = (document for batch in inputs2 for document in _documents(batch))
        logits: list[float] = []
        for ask, pairs in groupby(zip(queries, documents, strict=True), key=lambda pair: pair[0]):
            logits += _logits(self.reranker, ask, [document for _, document in pairs])
        return np.array(logits, np.float64)


class ListReranker:
    """A reranker as mteb's `SearchProtocol`: the candidates of a query are ranked as one list.

    It has no method `predict`, by which mteb would take it for a cross-encoder.
    """

    def __init__(self, reranker: Reranker) -> None:
        self.reranker = reranker
        self.mteb_model_meta = _meta(reranker)
        self._corpus: Any = None

    def index(self, corpus: Any, **told: Any) -> None:
        """Keep the corpus, a table with `id`, `text` and perhaps `title`, to look candidates up in."""
        self._corpus = corpus

    def search(
        self, queries: Any, *, top_k: int, top_ranked: Mapping[str, Sequence[str]] | None = None, **told: Any
    ) -> dict[str, dict[str, float]]:
        """Query id → document id → logit, of all candidates that a query comes with.

        `top_k` is left aside, as mteb does for cross-encoders: candidates that are left out would only be unjudged.
        Raises `InputError` for a task without candidates.
        """
        if top_ranked is None:
            raise InputError(
                f"{self.reranker.name} reorders candidates, and this task has none: evaluate a first stage with "
                "prediction_folder=FOLDER, and call task.convert_to_reranking(FOLDER, top_k=100)."
            )
        places = {key: place for place, key in enumerate(self._corpus["id"])}
        found: dict[str, dict[str, float]] = {}
        for row in queries:
            listed = list(top_ranked.get(row["id"], ()))
            candidates = [_document(self._corpus[places[key]]) for key in listed]
            logits = _logits(self.reranker, _ask(row), candidates)
            found[row["id"]] = dict(zip(listed, logits, strict=True))
        return found


def _logits(reranker: Reranker, ask: Ask, documents: Sequence[Document]) -> list[float]:
    """In the order of the documents."""
    query, instruction = ask
    ranking = reranker.rank(query, documents, instruction=instruction, progress=False)
    return [hit.logit for hit in sorted(ranking, key=lambda hit: hit.index)]


def _asks(batch: Mapping[str, Any]) -> Iterator[Ask]:
    return (_ask(row) for row in _rows(batch))


def _documents(batch: Mapping[str, Any]) -> Iterator[Document]:
    return (_document(row) for row in _rows(batch))


def _rows(batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a batch, which mteb gives by columns."""
    if "text" not in batch:
        raise InputError(f"A batch of mteb has {', '.join(batch) or 'nothing'}: this package ranks text alone.")
    return (dict(zip(batch, row, strict=True)) for row in zip(*batch.values(), strict=True))


def _ask(row: Mapping[str, Any]) -> Ask:
    """A batch has `query` beside `text`, which is the query with its instruction behind it; a data set only `text`."""
    return _text(row, "query" if "query" in row else "text"), row.get("instruction") or None


def _document(row: Mapping[str, Any]) -> Document:
    """A batch has `body` beside `text`, which is the title and the body; a data set only `text`."""
    return Document(_text(row, "body" if "body" in row else "text"), id=row.get("id"), title=row.get("title") or None)


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str):
        raise InputError(f"A row of mteb has {value!r:.60} as {column!r}: this package ranks text alone.")
    return value


def _meta(reranker: Reranker) -> ModelMeta:
    """What mteb writes beside the scores; the revision tells all apart that can move one: weights, recipe, limits."""
    declared = reranker.declared
    known = _row(declared.name)
    whole = f"{declared.version} {reranker.limits!r}"
    facts = {
        "name": declared.name if known and "/" in known.name else f"{_OURS}/{plain(declared.name)}",
        "revision": f"{plain(declared.version)}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}",
        "max_tokens": declared.max_tokens,
        "n_parameters": known.parameters if known else None,
        "use_instructions": declared.instructions == "slot",
        "model_type": ["cross-encoder"],
    }
    found: ModelMeta = _mteb().ModelMeta.create_empty(overwrites=facts)
    return found


def _row(name: str) -> catalog.Row | None:
    try:
        return catalog.find(name)
    except UnknownModel:
        return None


def _mteb() -> Any:
    try:
        import mteb.models
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mteb":
            raise
        raise MissingExtra("An mteb model", "mteb") from error
    return mteb.models
