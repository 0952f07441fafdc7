"""Sparse models: a weight for every entry of the vocabulary, few of them above 0, and the dot product of two such.

SPLADE (Formal et al., arXiv 2109.10086), as the authors and sentence-transformers keep it. Knows weights and files;
nothing of graphs and batching.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.network import Vocabulary
from secondpass.errors import ModelLoadError
from secondpass.models.recipe import read_max_tokens
from secondpass.models.sentence import Published
from secondpass.models.separate import Separation
from secondpass.models.side import Row

_MODULES = frozenset({"Transformer", "MLMTransformer", "SpladePooling"})


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The entries of the vocabulary that a text has a weight for, in order, of `size` in all."""

    entries: NDArray[np.int32]
    weights: NDArray[np.float32]
    size: int

    @property
    def nbytes(self) -> int:
        return self.entries.nbytes + self.weights.nbytes


@dataclass(frozen=True, slots=True)
class SharedTerms:
    """The dot product of a query's weights and a document's; never below 0."""

    @property
    def version(self) -> str:
        return "sparse@1"

    @property
    def settings(self) -> tuple[object, ...]:
        return ()

    def on(self, device: str) -> SharedTerms:
        """The same: it is less work than to move the vectors."""
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        return ()

    def kept(self, found: NDArray[np.float32], row: Row, *, query: bool) -> Terms:
        """The weights above 0 of (vocabulary,)."""
        entries = np.flatnonzero(found).astype(np.int32)
        return Terms(entries, found[entries], len(found))

    def logits(self, query: Terms, documents: Sequence[Terms]) -> NDArray[np.float32]:
        """One product a document: all documents' entries at once."""
        asked = np.zeros(query.size, np.float32)
        asked[query.entries] = query.weights
        rows = np.repeat(np.arange(len(documents)), [len(document.entries) for document in documents])
        shares = np.concatenate([asked[document.entries] * document.weights for document in documents])
        return np.bincount(rows, weights=shares, minlength=len(documents)).astype(np.float32)


def is_sparse(files: Published) -> bool:
    """Whether a checkpoint's files say that it gives weights for terms."""
    return files.kind == "SparseEncoder" or "SpladePooling" in files.kinds


def read_sparse(files: Published) -> tuple[Separation, Vocabulary]:
    """How a checkpoint is read, and how its logits are joined; without modules.json by their maximum.

    Raises `ModelLoadError` for modules that are not known here, and where it is no masked language model.
    """
    unknown = sorted(set(files.kinds) - _MODULES)
    if unknown or (files.modules and "SpladePooling" not in files.kinds):
        raise ModelLoadError(
            f"{files.folder / 'modules.json'} has the modules {', '.join(files.kinds)}, and of sparse models a "
            "Transformer with a SpladePooling is read here. Choose another model: `secondpass models` lists some."
        )
    if not files.architecture.endswith("ForMaskedLM"):
        raise ModelLoadError(
            f"{files.folder} is a {files.architecture or 'model without an architecture in its config.json'}, and "
            "SPLADE is read from a masked language model (…ForMaskedLM). Choose another model."
        )
    pooling = files.settings_of("SpladePooling")
    head = Vocabulary(
        pool="sum" if pooling.get("pooling_strategy") == "sum" else "max",
        twice=pooling.get("activation_function") == "log1p_relu",
    )
    query, document = files.sides(read_max_tokens(files.folder))
    return Separation(query, document, SharedTerms(), files.pad_id, activation="ratio"), head
