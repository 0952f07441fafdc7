"""A logit that is no number: never ranked, always an error that names the document, whatever computed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass import Limits, Reranker, load
from secondpass.engine.cache import Known
from secondpass.errors import ModelError
from secondpass.models.scorer import Declared, Listed
from secondpass.ranking.outcome import Report, fold, gathered
from tests import checkpoints

QUERY = "who wrote the book?"
GOOD = ["the river rises in the mountains", "a query and a document", "", "numbers such as 12"]
BAD = "a panda is a bear"
BACKENDS = ["onnxruntime", "openvino", "torch"]


@given(
    chunks=st.lists(st.integers(1, 4), min_size=1, max_size=20),
    data=st.data(),
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_the_first_document_with_a_wrong_chunk_is_found(chunks: list[int], data: st.DataObject, value: float) -> None:
    reports = [Report(0, at, 1, truncated=False, chunks=count) for at, count in enumerate(chunks)]
    wrong = data.draw(st.integers(0, len(chunks) - 1))
    logits = np.zeros(sum(chunks), np.float32)
    computed = np.ones(len(logits), np.bool_)
    assert fold(logits, computed, reports, [len(chunks)], Limits())[1] is None
    logits[sum(chunks[:wrong]) + data.draw(st.integers(0, chunks[wrong] - 1))] = value
    logits[sum(chunks[: wrong + 1]) :] = np.nan
    assert fold(logits, computed, reports, [len(chunks)], Limits())[1] == reports[wrong]


def test_a_document_of_which_a_piece_was_not_computed_has_no_logit() -> None:
    reports = [Report(0, at, 5, truncated=False, chunks=2) for at in (1, 0, 2)]
    logits = np.array([1, 2, 3, np.nan], np.float32)
    (outcomes,), wrong = fold(logits, np.array([True, True, True, False]), reports, [4], Limits())
    assert wrong is None
    scored = gathered(outcomes)
    np.testing.assert_array_equal(scored.logits, [np.nan, 2, np.nan, np.nan])
    assert scored.degraded
    assert list(scored.chunks) == [2, 2, 2, 0]  # the last one was never reached


def test_what_was_known_before_needs_no_pieces() -> None:
    reports = [
        Report(0, 0, 5, truncated=False, chunks=1, known=Known(7.0, 5, False, 1)),
        Report(0, 1, 3, truncated=True, chunks=1),
    ]
    (outcomes,), _ = fold(np.array([2], np.float32), np.array([True]), reports, [2], Limits())
    scored = gathered(outcomes)
    assert scored.logits.tolist() == [7.0, 2.0]
    assert (list(scored.tokens), list(scored.truncated)) == ([5, 3], [False, True])


def poison(folder: Path, value: float) -> Path:
    """A checkpoint of BERT's, as safetensors and ONNX, whose embedding of a token that `BAD` alone has is `value`."""
    import torch
    from safetensors.torch import load_file, save_file
    from tokenizers import Tokenizer
    from transformers import AutoModelForSequenceClassification

    checkpoints.write_checkpoint(folder, "bert")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    seen = {token for text in (QUERY, *GOOD) for token in tokenizer.encode(text).ids}
    token = next(token for token in tokenizer.encode(BAD).ids if token not in seen)
    tensors = load_file(folder / "model.safetensors")
    tensors["bert.embeddings.word_embeddings.weight"][token, torch.arange(0, 32, 2)] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model: Any = AutoModelForSequenceClassification.from_pretrained(str(folder), attn_implementation="eager")
    checkpoints.export(model.eval(), folder / "onnx" / "model.onnx", list(checkpoints.INPUTS))
    return folder


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="torch is not installed")
    return poison(tmp_path_factory.mktemp("poisoned"), float("nan"))


@pytest.fixture(params=BACKENDS)
def broken(request: pytest.FixtureRequest, poisoned: Path) -> Any:
    pytest.importorskip(request.param)
    with load(poisoned, backend=request.param, precision="fp32", device="cpu") as reranker:
        yield reranker


def test_without_the_document_that_is_hit_the_rest_is_ranked(broken: Reranker) -> None:
    assert len(broken.rank(QUERY, GOOD)) == 4


@pytest.mark.parametrize("at", [0, 3, 4])
def test_rank_names_the_document(broken: Reranker, at: int) -> None:
    documents = [*GOOD[:at], BAD, *GOOD[at:]]
    with pytest.raises(ModelError, match=rf"^documents\[{at}\]: .*NaN or infinite\. Its weights are damaged") as raised:
        broken.rank(QUERY, documents)
    assert broken.name in str(raised.value)


def test_rank_many_names_the_query_too(broken: Reranker) -> None:
    with pytest.raises(ModelError, match=r"^queries\[1\]: documents\[2\]: "):
        broken.rank_many([QUERY, "who?"], [GOOD, [*GOOD[:2], BAD]])


def test_score_and_predict_name_it_as_they_were_given_it(broken: Reranker) -> None:
    with pytest.raises(ModelError, match=r"^documents\[1\]: "):
        broken.score(QUERY, [GOOD[0], BAD])
    with pytest.raises(ModelError, match=r"^pairs\[2\]: "):
        broken.predict([(QUERY, GOOD[0]), ("who?", GOOD[1]), (QUERY, BAD)])


def test_a_chunk_in_the_middle_is_not_lost_in_the_best_one(poisoned: Path) -> None:
    document = " ".join([*GOOD[:2] * 2, BAD, *GOOD[:2] * 2])
    reranker = load(poisoned, backend="onnxruntime", precision="fp32", policy="chunk", max_tokens=24, overlap=2)
    with reranker, pytest.raises(ModelError, match=r"^documents\[1\]: "):
        reranker.rank(QUERY, [GOOD[0], document, GOOD[1]])


def test_what_overflows_in_fp16_is_told_which_precisions_do_not(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    folder = poison(tmp_path, 1e6)
    told = r"documents\[1\].*fp16 overflows.*precision='bf16' or 'fp32'"
    with load(folder, backend="torch", precision="fp16", device="cpu") as half, pytest.raises(ModelError, match=told):
        half.rank(QUERY, [GOOD[0], BAD])
    for precision in ("bf16", "fp32"):
        with load(folder, backend="torch", precision=precision, device="cpu") as reranker:
            assert len(reranker.rank(QUERY, [GOOD[0], BAD])) == 2


class Lengths:
    """A list scorer whose logit is a document's length, and `empty` for a document without a letter."""

    declared = Declared("lengths", "1", renderer=1, max_tokens=None)

    def __init__(self, empty: float) -> None:
        self.empty = empty

    def score(self, query: str, documents: Sequence[str], instruction: str | None, limits: Limits) -> Listed:
        count = [len(text) for text in documents]
        return Listed(np.array([n or self.empty for n in count], np.float32), count, [False] * len(count))

    def close(self) -> None:
        pass


@pytest.mark.parametrize("empty", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda reranker: reranker.rank("q", ["a", ""]), "documents"),
        (lambda reranker: reranker.rank_many(["q", "r"], [["a"], ["b", ""]]), r"queries\[1\]: documents"),
        (lambda reranker: reranker.predict([("q", "a"), ("r", "")]), "pairs"),
    ],
    ids=["rank", "rank_many", "predict"],
)
def test_a_list_scorers_document_is_named_too(empty: float, ask: Callable[[Reranker], Any], named: str) -> None:
    with Reranker(Lengths(empty)) as reranker, pytest.raises(ModelError, match=rf"^{named}\[1\]: lengths gives it"):
        ask(reranker)
    with Reranker(Lengths(0.5)) as reranker:
        ask(reranker)
