"""Late interaction against sentence-transformers' MultiVectorEncoder and PyLate's goldens: 1e-4 in fp32."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Tokenizer

from secondpass.text.encode import Limits
from tests.apart import DOCUMENTS, QUERIES, load_apart, logits, write_pylate, write_stanford
from tests.parity.goldens import late_checkpoint
from tests.parity.record import Parity

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

GOLDENS = json.loads(Path(__file__).parent.joinpath("goldens", "pylate.json").read_text(encoding="utf-8"))
REFERENCE = Limits(truncation="reference")
LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "ColBERT (Stanford)": write_stanford,
    "ColBERT (Stanford), attending": lambda path: write_stanford(
        path, attend_to_mask_tokens=True, mask_punctuation=False
    ),
    "ColBERT (PyLate), ModernBERT": write_pylate,
    "ColBERT (PyLate), XLM-R": lambda path: write_pylate(path, "xlm-roberta", attend_to_expansion_tokens=True),
    "ColBERT (PyLate), no expansion": lambda path: write_pylate(path, "bert", do_query_expansion=False),
}


def reference(folder: Path) -> Any:
    from sentence_transformers import MultiVectorEncoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MultiVectorEncoder(str(folder), device="cpu")


def theirs(model: Any, query: str) -> NDArray[np.float32]:
    found = model.similarity(model.encode_query([query]), model.encode_document(list(DOCUMENTS)))
    scores: NDArray[np.float32] = np.asarray(found, np.float32)[0]
    return scores


@pytest.mark.parametrize("layout", LAYOUTS)
def test_logits_are_those_of_sentence_transformers(layout: str, tmp_path: Path, parity: Parity) -> None:
    folder = LAYOUTS[layout](tmp_path / "published")
    model, encoder = load_apart(folder), reference(folder)
    for query in (*QUERIES, QUERIES[0] * 6):
        found, wanted = logits(model, query, DOCUMENTS, REFERENCE), theirs(encoder, query)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        parity.record(layout, "sentence-transformers", version("sentence-transformers"), np.abs(found - wanted).max())
    assert np.ptp(found) > 0.01  # else the weights are such that nothing would show
    model.close()


def test_a_checkpoint_that_sentence_transformers_saved_anew_gives_the_same(tmp_path: Path, parity: Parity) -> None:
    encoder = reference(write_stanford(tmp_path / "published"))
    encoder.save_pretrained(str(tmp_path / "saved"))
    model = load_apart(tmp_path / "saved")
    for query in QUERIES:
        found, wanted = logits(model, query, DOCUMENTS, REFERENCE), theirs(encoder, query)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
        parity.record(
            "ColBERT (MultiVectorEncoder)",
            "sentence-transformers",
            version("sentence-transformers"),
            np.abs(found - wanted).max(),
        )
    model.close()


@pytest.mark.parametrize("case", GOLDENS["cases"], ids=lambda case: f"{case['settings']} {case['query'][:12]}")
def test_logits_are_those_of_pylate(case: dict[str, Any], tmp_path: Path, parity: Parity) -> None:
    model = load_apart(late_checkpoint.write(tmp_path, **case["settings"]))
    found, wanted = logits(model, case["query"], GOLDENS["documents"], REFERENCE), np.array(case["scores"])
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    parity.record("ColBERT (PyLate), XLM-R", GOLDENS["reference"], GOLDENS["version"], np.abs(found - wanted).max())
    model.close()


def test_with_the_real_tokenizer_markers_and_punctuation_are_single_tokens(
    shared: Path, tmp_path: Path, parity: Parity
) -> None:
    tokenizer = Tokenizer.from_file(str(shared / "tokenizers" / "bert-uncased" / "tokenizer.json"))
    folder = write_stanford(tmp_path, tokenizer=tokenizer)
    model, encoder = load_apart(folder), reference(folder)
    row = model.separation.query.query(model.encoder, "Who?", Limits())
    assert row.ids[:4].tolist() == [101, 1, 2040, 1029]  # [CLS] [unused0] who ?
    assert (row.ids[5:] == 103).all()  # [MASK]
    assert len(row) == 24
    for query in QUERIES:
        found, wanted = logits(model, query, DOCUMENTS, REFERENCE), theirs(encoder, query)
        np.testing.assert_allclose(found, wanted, atol=1e-4)
    model.close()
