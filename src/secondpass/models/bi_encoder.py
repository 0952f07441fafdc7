"""Bi-encoders: one vector for a query, one for a document, and their cosine or dot product.

Reads the layout of sentence-transformers, and DPR's two encoders (Karpukhin et al., arXiv 2004.04906). Knows vectors
and files; nothing of graphs and batching.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.network import Body, Chain, Pool, Rename, Step, pool_mode
from secondpass.errors import ModelLoadError
from secondpass.models.recipe import read_json, read_max_tokens
from secondpass.models.sentence import Published
from secondpass.models.separate import Separation
from secondpass.models.side import Row

_TINY = 1e-12  # what torch.nn.functional.normalize divides by at least
_MODULES = frozenset({"Transformer", "Pooling", "Dense", "LayerNorm", "Normalize"})
_SIMILARITIES = ("cosine", "dot")
_INSTRUCTED = re.compile(r"(Instruct: )(.*?)(\s*\nQuery: ?)", re.DOTALL)
"""The prompt of encoders that were trained for instructions (Wang et al., E5-mistral, arXiv 2401.00368)."""

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Product:
    """The product of two vectors, of length 1 where `unit`, shape (size,). `pool` joins the states of an ONNX graph
    that does not do so itself."""

    unit: bool
    pool: Pool

    @property
    def version(self) -> str:
        return "cosine@1" if self.unit else "dot@1"

    @property
    def settings(self) -> tuple[object, ...]:
        return (self.unit, self.pool)

    def on(self, device: str) -> Product:
        """The same: it is less work than to move the vectors."""
        return self

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("sentence_embedding", "token_embeddings", "last_hidden_state", "states")

    def kept(self, found: NDArray[np.float32], row: Row, *, query: bool) -> Vector:
        """The text's vector."""
        vector = self._pooled(found[: row.attended]) if found.ndim == 2 else found
        size = max(float(np.linalg.norm(vector)), _TINY) if self.unit else 1.0
        kept: Vector = np.divide(vector, size, dtype=np.float32)  # a copy: the batch is not held on to
        return kept

    def logits(self, query: Vector, documents: Sequence[Vector]) -> NDArray[np.float32]:
        """One product a document."""
        # Not by BLAS, whose last digit depends on a row's place among the others.
        found: NDArray[np.float32] = np.einsum("nd,d->n", np.stack(documents), query)
        return found

    def _pooled(self, states: NDArray[np.float32]) -> Vector:
        if self.pool == "mean":
            mean: Vector = states.mean(0)
            return mean
        state: Vector = states[0] if self.pool == "first" else states[-1]
        return state


def is_dpr(files: Published) -> bool:
    """Whether it is one of DPR's two encoders."""
    return files.config.get("model_type") == "dpr"


def asks(files: Published) -> bool:
    """Whether it is the one of DPR's encoders that reads questions."""
    return files.architecture == "DPRQuestionEncoder"


def read_bi_encoder(files: Published) -> tuple[Separation, Chain]:
    """How a checkpoint is read, and the modules on its transformer's states; without modules.json their mean is taken.

    Raises `ModelLoadError` for modules or a similarity that are not known here.
    """
    unknown = sorted(set(files.kinds) - _MODULES)
    if unknown:
        raise ModelLoadError(
            f"{files.folder / 'modules.json'} has the modules {', '.join(files.kinds)}, and of a bi-encoder "
            f"{', '.join(sorted(_MODULES))} are read here. Choose another model: `secondpass models` lists some."
        )
    similarity = files.settings.get("similarity_fn_name") or "cosine"
    if similarity not in _SIMILARITIES:
        raise ModelLoadError(
            f"{files.folder} compares by {similarity!r}, and {' and '.join(_SIMILARITIES)} are known here. Choose "
            "another model: `secondpass models` lists some."
        )
    chain, pool = _chain(files)
    unit = similarity == "cosine" or files.kinds[-1:] == ("Normalize",)
    query, document = files.sides(read_max_tokens(files.folder))
    instructed = _INSTRUCTED.fullmatch(query.prompt)
    separation = Separation(
        query,
        document,
        Product(unit, pool),
        files.pad_id,
        slot=instructed.group(1) + "{}" + instructed.group(3) if instructed else "",
        scale=1.0 if unit else _spread(files),
        onnx=not {"Dense", "LayerNorm"} & set(files.kinds),
    )
    return separation, chain


def read_dpr(files: Published) -> tuple[Separation, Chain, Body]:
    """How DPR's encoder of documents is read: the first state of a BERT, and the dot product with the question's.

    Raises `ModelLoadError` for one with a projection, which none that was published has.
    """
    if files.config.get("projection_dim"):
        raise ModelLoadError(
            f"config.json says projection_dim={files.config['projection_dim']!r}, and DPR is read without a projection "
            "here. Choose another model."
        )
    query, document = files.sides(read_max_tokens(files.folder))
    separation = Separation(
        query, document, Product(unit=False, pool="first"), files.pad_id, scale=_spread(files), own_query=True
    )
    renames = (Rename(r"(?:question_encoder|ctx_encoder)\.bert_model\.(.*)", (r"\1",)),)
    return separation, Chain((), pool="first"), Body(settings={"model_type": "bert"}, renames=renames)


def _chain(files: Published) -> tuple[Chain, Pool]:
    pooling = next((module for module in files.modules if module.kind == "Pooling"), None)
    if pooling is None:
        if files.modules:
            raise ModelLoadError(f"{files.folder / 'modules.json'} has no Pooling, which makes one vector of a text.")
        return Chain((), pool="mean"), "mean"
    path = files.folder / pooling.folder / "config.json"
    config = read_json(path)
    prompted = files.prompt("query") or files.prompt("document", "passage", "corpus")
    if config.get("include_prompt") is False and prompted:
        raise ModelLoadError(
            f"{path} leaves the prompt's tokens out of the mean, which is not done here. Choose another."
        )
    steps: tuple[Any, ...] = tuple(Step(m.kind, m.folder) for m in files.modules[1:])  # type: ignore[arg-type]
    return Chain(steps), pool_mode(config, path)


def _spread(files: Published) -> float:
    """A typical size of a dot product: of vectors with numbers around 1, the root of how many they have."""
    return sqrt(float(files.config.get("hidden_size") or 1))
