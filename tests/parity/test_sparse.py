"""Sparse models against sentence-transformers' SparseEncoder: 1e-4 in fp32."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from secondpass.text.encode import Limits
from tests.apart import DOCUMENTS, QUERIES, load_apart, logits, write_body
from tests.parity.record import Parity

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

REFERENCE = Limits(truncation="reference")


def reference(folder: Path) -> Any:
    from sentence_transformers import SparseEncoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SparseEncoder(str(folder), device="cpu")


def theirs(model: Any, query: str) -> NDArray[np.float32]:
    found = model.similarity(model.encode_query([query]), model.encode_document(list(DOCUMENTS)))
    scores: NDArray[np.float32] = np.asarray(found.to_dense(), np.float32)[0]
    return scores


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert"])
def test_logits_are_those_of_sentence_transformers(family: str, tmp_path: Path, parity: Parity) -> None:
    write_body(tmp_path / "plain", family, kind="AutoModelForMaskedLM")
    encoder = reference(tmp_path / "plain")
    encoder.save_pretrained(str(tmp_path / "saved"))
    asked, named = load_apart(tmp_path / "plain", recipe="splade"), load_apart(tmp_path / "saved")
    for query in QUERIES:
        found, wanted = logits(asked, query, DOCUMENTS, REFERENCE), theirs(encoder, query)
        # In units of the largest: random weights make sums of hundreds, where float32 has five digits left.
        unit = max(1.0, float(np.abs(wanted).max()) / 100)
        np.testing.assert_allclose(found / unit, wanted / unit, atol=1e-4)
        np.testing.assert_allclose(logits(named, query, DOCUMENTS, REFERENCE), found, rtol=1e-6)
        difference = float(np.abs(found - wanted).max()) / unit
        parity.record(f"SPLADE, {family}", "sentence-transformers", version("sentence-transformers"), difference)
    asked.close()
    named.close()


@pytest.mark.parametrize(("pooling", "activation"), [("sum", "relu"), ("max", "log1p_relu"), ("sum", "log1p_relu")])
def test_every_way_of_joining_logits_is_the_reference_s(pooling: str, activation: str, tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    write_body(tmp_path / "plain", kind="AutoModelForMaskedLM")
    untyped: Any = SpladePooling
    modules: Any = [
        Transformer(str(tmp_path / "plain"), transformer_task="fill-mask"),
        untyped(pooling, activation_function=activation),
    ]
    encoder: Any = SparseEncoder(modules=modules, device="cpu")
    encoder.save_pretrained(str(tmp_path / "saved"))
    model = load_apart(tmp_path / "saved")
    found, wanted = logits(model, QUERIES[0], DOCUMENTS, REFERENCE), theirs(encoder, QUERIES[0])
    unit = max(1.0, float(np.abs(wanted).max()) / 100)
    np.testing.assert_allclose(found / unit, wanted / unit, atol=1e-4)
    model.close()


def test_with_the_real_tokenizer_terms_are_its_vocabulary_s(shared: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(shared / "tokenizers" / "bert-uncased" / "tokenizer.json"))
    write_body(tmp_path, kind="AutoModelForMaskedLM", tokenizer=tokenizer)
    model, encoder = load_apart(tmp_path, recipe="splade"), reference(tmp_path)
    found, wanted = logits(model, QUERIES[0], DOCUMENTS, REFERENCE), theirs(encoder, QUERIES[0])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    model.close()
