from __future__ import annotations

import numpy as np
import pytest

import secondpass
from secondpass.backends.onnx import OnnxBackend
from secondpass.errors import InputError
from secondpass.models.embedded.apart import NAMES, embedded_apart
from secondpass.models.embedded.scorer import EmbeddedScorer
from secondpass.text.encode import Limits

QUERY = "what is a good conductor of electricity?"
DOCUMENTS = [
    "Copper conducts electricity very well.",
    "Oslo is the capital of Norway.",
    "A conductor leads an orchestra.",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_encoder_ranks_by_itself(name: str) -> None:
    with secondpass.load(name, remember_mb=8) as reranker:
        assert reranker.name == name
        ranking = reranker.rank(QUERY, DOCUMENTS)
        assert ranking[0].index == 0
        again = reranker.rank(QUERY, DOCUMENTS)
        assert [hit.logit for hit in again] == pytest.approx([hit.logit for hit in ranking], abs=1e-5)


def test_the_cosine_is_that_of_the_whole_model_s_evidence() -> None:
    apart, whole = embedded_apart("embedded-cosine", OnnxBackend(1)), EmbeddedScorer(OnnxBackend(1))
    states = whole._states([np.array(ids, np.int64) for ids in whole._encoder.ids([QUERY, *DOCUMENTS])])
    means = np.array([each.mean(0) / np.linalg.norm(each.mean(0)) for each in states])
    pieces = [piece for each in apart.read(QUERY, None, Limits())(DOCUMENTS) for piece in each.pieces]
    np.testing.assert_allclose(apart.logits(pieces), means[1:] @ means[0], atol=0.02)
    apart.close()
    whole.close()


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match="embedded-cosine or embedded-maxsim"):
        embedded_apart("embedded-dot", OnnxBackend(1))
