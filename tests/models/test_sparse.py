from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import ModelLoadError
from secondpass.models.side import Row
from secondpass.models.sparse import SharedTerms, Terms
from tests.apart import DOCUMENTS, QUERIES, load_apart, logits, write_body

ROW = Row(np.array([1], np.int32), 1)
weights = st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.25, 3.0]), min_size=7, max_size=7)


def terms(values: list[float], *, query: bool = False) -> Terms:
    return SharedTerms().kept(np.array(values, np.float32), ROW, query=query)


@given(query=weights, documents=st.lists(weights, min_size=1, max_size=5))
def test_the_logit_is_the_dot_product_of_the_weights(query: list[float], documents: list[list[float]]) -> None:
    found = SharedTerms().logits(terms(query, query=True), [terms(each) for each in documents])
    np.testing.assert_allclose(found, np.array(documents) @ np.array(query), rtol=1e-6)
    assert found.dtype == np.float32


def test_only_weights_above_0_are_kept() -> None:
    kept = terms([0, 2, 0, 0, 0, 1, 0])
    assert kept.entries.tolist() == [1, 5]
    assert kept.nbytes == 16


def test_logits_are_never_negative_and_scores_lie_below_1(tmp_path: Path) -> None:
    write_body(tmp_path, kind="AutoModelForMaskedLM")
    model = load_apart(tmp_path, recipe="splade")
    found = logits(model, QUERIES[0], DOCUMENTS)
    assert (found >= 0).all()
    assert (model.declared.activation, model.declared.separable) == ("ratio", True)
    model.close()


def test_an_encoder_without_a_masked_language_model_is_refused(tmp_path: Path) -> None:
    write_body(tmp_path)
    with pytest.raises(ModelLoadError, match=r"BertModel.*ForMaskedLM"):
        load_apart(tmp_path, recipe="splade")
