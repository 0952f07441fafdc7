import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secondpass import InputError, ModelLoadError, Reranker, load
from secondpass.backends.choose import choose
from secondpass.models.embedded.scorer import FOLDER, MAX_TOKENS, EmbeddedScorer

INT8 = 0.02  # how far a logit may move with its neighbours
QUERY = "how do I get my money back?"
DOCUMENTS = (
    "Refunds reach your account within five working days.",
    "Opening hours: Monday to Friday, nine to five.",
    "An order can be cancelled until it has been packed.",
    "def refund(order_id: str, *, reason: str) -> Refund: ...",
    "CREATE TABLE refund (id INTEGER, order_id INTEGER, amount NUMERIC);",
    "返金は五営業日以内に行われます。",
    "",
    "money back " * 40,
)


@pytest.fixture(scope="module", params=["onnxruntime", "openvino"])
def reranker(request: pytest.FixtureRequest) -> Iterator[Reranker]:
    if request.param == "openvino":
        pytest.importorskip("openvino", reason="openvino is not installed")
    with load(backend=request.param) as made:
        yield made


def logits(reranker: Reranker, documents: list[str], query: str = QUERY) -> dict[int, float]:
    return {hit.index: hit.logit for hit in reranker.rank(query, documents)}


def test_the_answer_comes_first(reranker: Reranker) -> None:
    ranking = reranker.rank(QUERY, DOCUMENTS[:3])
    assert ranking[0].index == 0
    assert ranking.model == "embedded"


def test_code_schemas_and_other_scripts_are_told_apart_by_their_words(reranker: Reranker) -> None:
    assert reranker.rank("table with refunds and their amount", DOCUMENTS)[0].index == 4
    assert reranker.rank("返金", DOCUMENTS)[0].index == 5


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(len(DOCUMENTS))), st.integers(1, 1200))
def test_a_pair_has_the_same_logit_alone_shuffled_and_beside_a_giant(
    reranker: Reranker, order: list[int], words: int
) -> None:
    together = logits(reranker, [DOCUMENTS[i] for i in order] + ["giant " * words])
    for place, number in enumerate(order):
        alone = logits(reranker, [DOCUMENTS[number]])[0]
        assert together[place] == pytest.approx(alone, abs=INT8)


def test_queries_in_one_call_do_not_touch_each_other(reranker: Reranker) -> None:
    queries = [QUERY, "opening hours", "order cancelled", "返金"]
    together = reranker.rank_many(queries, [DOCUMENTS] * len(queries))
    for query, ranking in zip(queries, together, strict=True):
        alone = logits(reranker, list(DOCUMENTS), query)
        assert {hit.index: hit.logit for hit in ranking} == pytest.approx(alone, abs=INT8)


def test_both_backends_agree() -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    with load(backend="onnxruntime") as one, load(backend="openvino") as other:
        assert logits(one, list(DOCUMENTS)) == pytest.approx(logits(other, list(DOCUMENTS)), abs=0.15)


def test_an_instruction_moves_scores_and_a_blank_one_does_not(reranker: Reranker) -> None:
    plain = reranker.score(QUERY, DOCUMENTS)
    told = reranker.score(QUERY, DOCUMENTS, instruction="prefer source code")
    assert not np.allclose(plain, told, atol=1e-3)
    np.testing.assert_allclose(reranker.score(QUERY, DOCUMENTS, instruction=""), plain, atol=1e-6)


def test_what_is_not_read_is_reported(reranker: Reranker) -> None:
    long = "word " * 2000
    (hit,) = reranker.rank(QUERY, [long])
    assert (hit.tokens, hit.truncated, hit.chunks) == (2000, True, 1)
    with load(policy="chunk") as chunking:
        (hit,) = chunking.rank(QUERY, [long])
    assert (hit.tokens, hit.truncated) == (2000, False)
    assert hit.chunks == 5


def test_chunks_find_what_lies_beyond_the_first_tokens() -> None:
    buried = "The museum shows old maps. " * 150 + "Refunds reach your account within five working days."
    with load(policy="chunk") as chunking, load() as cutting:
        assert logits(chunking, [buried])[0] > logits(cutting, [buried])[0] + 0.1


def test_a_query_that_cannot_be_read_whole_is_refused(reranker: Reranker) -> None:
    with pytest.raises(InputError, match=rf"query has 600 tokens.*reads {MAX_TOKENS - 2}"):
        reranker.rank("word " * 600, ["a"])
    with pytest.raises(InputError, match="instruction has 600 tokens"):
        reranker.rank("word", ["a"], instruction="word " * 600)


def test_it_says_what_it_is(reranker: Reranker) -> None:
    declared = reranker.declared
    assert declared.name == "embedded"
    assert declared.separable
    assert declared.instructions == "slot"
    assert "embedded@1" in declared.version
    assert reranker.capabilities is not None
    assert reranker.capabilities.precision in declared.version


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_it_ranks_on_in_a_forked_child(reranker: Reranker) -> None:
    reranker.rank(QUERY, DOCUMENTS)
    child = os.fork()
    if child == 0:
        best = reranker.rank(QUERY, DOCUMENTS[:3])[0].index
        os._exit(0 if best == 0 else 1)
    deadline = time.monotonic() + 60
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert done == (child, 0)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "tokenizer.json", tmp_path)
    with pytest.raises(ModelLoadError, match=r"lacks encoder\.onnx, words\.npz, gate\.npz"):
        EmbeddedScorer(choose("onnxruntime"), tmp_path)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    for name in ("encoder.onnx", "tokenizer.json", "words.npz", "gate.npz"):
        shutil.copy(FOLDER / name, tmp_path)
    whole = (tmp_path / "gate.npz").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", (FOLDER / "words.npz").read_bytes()):
        (tmp_path / "gate.npz").write_bytes(damaged)
        with pytest.raises(ModelLoadError, match="damaged weights"):
            EmbeddedScorer(choose("onnxruntime"), tmp_path)


def test_the_version_names_the_weights(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "other")
    (tmp_path / "other" / "encoder.onnx").touch()
    backend = choose("onnxruntime")
    same = EmbeddedScorer(backend, tmp_path / "other").declared.version
    assert same == EmbeddedScorer(backend).declared.version
    shutil.copy(tmp_path / "other" / "words.npz", tmp_path / "words.npz")
    with np.load(tmp_path / "words.npz") as held:
        np.savez(tmp_path / "other" / "words.npz", **{**held, "unseen": held["unseen"] + 1})
    assert EmbeddedScorer(backend, tmp_path / "other").declared.version != same


def test_any_text_gets_a_finite_logit(reranker: Reranker) -> None:
    rng = random.Random(5)
    odd = ["\ud800\udfff lone", "\x00\x01\u202e", "🙂" * 50, "ก" * 300, "\u0301" * 20, "a" * 5000]
    odd += ["".join(chr(rng.randrange(1, 0x2FFF)) for _ in range(60)) for _ in range(10)]
    for query in (QUERY, "\ud800", "🙂", "ก"):
        assert np.isfinite(reranker.score(query, odd)).all()


def test_every_process_makes_the_same_batches_and_so_the_same_logits() -> None:
    code = (
        "import secondpass; r = secondpass.load(backend='onnxruntime'); "
        "t = [' '.join(['word', str(i), *['river'] * (i % 7)]) for i in range(120)]; "
        "print([h.logit for h in r.rank('which river?', t)])"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]
    assert found[0] == found[1] == found[2]
