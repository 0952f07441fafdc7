from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import secondpass
from secondpass.backends.base import Tensors
from secondpass.errors import MissingExtra, ModelError, ModelLoadError
from secondpass.models.separate import SeparateModel
from secondpass.text.encode import Limits
from tests.apart import DOCUMENTS, QUERIES, load_apart, logits, write_body, write_embedder, write_stanford
from tests.checkpoints import export

pytest.importorskip("torch", reason="torch is not installed")

WRITERS: dict[str, tuple[Callable[[Path], Any], str | None]] = {
    "late": (write_stanford, None),
    "sparse": (lambda path: write_body(path, kind="AutoModelForMaskedLM"), "splade"),
    "bi-encoder": (write_embedder, "cosine"),
}


@pytest.fixture(scope="module", params=WRITERS)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str | None]:
    write, recipe = WRITERS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    write(folder)
    return folder, recipe


@pytest.fixture
def model(loaded: tuple[Path, str | None]) -> Iterator[SeparateModel]:
    folder, recipe = loaded
    found = load_apart(folder, recipe=recipe)
    yield found
    found.close()


@pytest.fixture
def forgetful(loaded: tuple[Path, str | None]) -> Iterator[SeparateModel]:
    folder, recipe = loaded
    found = load_apart(folder, recipe=recipe, remember_mb=0)
    yield found
    found.close()


def counted(model: SeparateModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each run of the documents' graph has from here on."""
    graph = model._document._graph
    run = graph.run
    rows: list[int] = []

    class Counting:
        inputs, outputs = graph.inputs, graph.outputs

        def run(self, tensors: Tensors) -> Any:
            rows.append(len(tensors["input_ids"]))
            return run(tensors)

        def close(self) -> None:
            graph.close()

    monkeypatch.setattr(model._document, "_graph", Counting())
    return rows


def test_a_pair_has_the_same_logit_alone_in_any_batch_and_from_memory(
    model: SeparateModel, forgetful: SeparateModel
) -> None:
    together = logits(forgetful, QUERIES[0], DOCUMENTS)
    size = max(1.0, float(np.abs(together).max()) / 100)
    for place, document in enumerate(DOCUMENTS):
        alone = logits(forgetful, QUERIES[0], [document])[0]
        assert abs(float(alone - together[place])) < 1e-4 * size
    for _ in range(2):
        np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS), together, atol=1e-4 * size)
    np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS[::-1]), together[::-1], atol=1e-4 * size)


def test_a_document_is_computed_once_and_then_compared_from_memory(
    model: SeparateModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = counted(model, monkeypatch)
    first = logits(model, QUERIES[0], DOCUMENTS)
    read = sum(rows)
    rows.clear()
    logits(model, QUERIES[1], DOCUMENTS)
    assert sum(rows) <= 1  # the other query
    rows.clear()
    np.testing.assert_array_equal(logits(model, QUERIES[0], DOCUMENTS), first)
    assert (sum(rows), read >= len(DOCUMENTS)) == (0, True)
    assert model.memory.used > 0


def test_other_limits_are_not_answered_from_memory(model: SeparateModel) -> None:
    long = DOCUMENTS[-1]
    whole = logits(model, QUERIES[1], [long])
    short = logits(model, QUERIES[1], [long], Limits(max_tokens=12))
    assert abs(float(whole[0] - short[0])) > 1e-4
    (cut,) = model.read(QUERIES[1], None, Limits(max_tokens=12))([long])
    (chunked,) = model.read(QUERIES[1], None, Limits(max_tokens=12, policy="chunk"))([long])
    assert cut.truncated
    assert not chunked.truncated
    assert len(chunked.pieces) > 1


def test_with_no_memory_nothing_is_kept_and_a_text_met_twice_is_still_read_once(
    forgetful: SeparateModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = counted(forgetful, monkeypatch)
    readings = forgetful.read(QUERIES[0], None, Limits())([DOCUMENTS[0]] * 3)
    rows.clear()
    found = forgetful.logits([piece for reading in readings for piece in reading.pieces])
    assert sum(rows) == 1
    assert len(set(found.tolist())) == 1
    assert (forgetful.memory.used, len(forgetful.memory)) == (0, 0)


def test_memory_stays_within_its_limit(loaded: tuple[Path, str | None]) -> None:
    from secondpass.models.memory import Memory

    model = load_apart(loaded[0], recipe=loaded[1])
    model.memory = Memory(6000)
    before = logits(model, QUERIES[0], DOCUMENTS)
    for number in range(12):
        logits(model, QUERIES[0], [f"a river, number {number}"])
        assert model.memory.used <= 6000
    size = max(1.0, float(np.abs(before).max()) / 100)
    np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS), before, atol=1e-4 * size)
    model.close()


def test_several_threads_get_what_one_gets(model: SeparateModel, forgetful: SeparateModel) -> None:
    wanted = {query: logits(forgetful, query, DOCUMENTS) for query in QUERIES}
    with ThreadPoolExecutor(4) as pool:
        asked = list(QUERIES) * 4
        for query, found in zip(asked, pool.map(lambda query: logits(model, query, DOCUMENTS), asked), strict=True):
            size = max(1.0, float(np.abs(found).max()) / 100)
            np.testing.assert_allclose(found, wanted[query], atol=1e-4 * size)


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="only POSIX forks")
def test_after_a_fork_the_child_scores_too(model: SeparateModel) -> None:
    wanted = logits(model, QUERIES[0], DOCUMENTS)
    child = multiprocessing.get_context("fork").Process(target=_scores, args=(model, wanted))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _scores(model: SeparateModel, wanted: Any) -> None:
    np.testing.assert_allclose(logits(model, QUERIES[0], DOCUMENTS), wanted, rtol=1e-5, atol=1e-4)


def test_it_ranks_through_the_public_face(loaded: tuple[Path, str | None]) -> None:
    with secondpass.load(loaded[0], recipe=loaded[1], backend="torch", device="cpu", precision="fp32") as reranker:
        ranking = reranker.rank(QUERIES[0], DOCUMENTS)
        assert sorted(hit.index for hit in ranking) == list(range(len(DOCUMENTS)))
        assert all(0 <= hit.score <= 1 for hit in ranking)
        assert [hit.score for hit in ranking] == sorted((hit.score for hit in ranking), reverse=True)
        assert len({hit.score for hit in ranking}) > 1  # not all at the sigmoid's end
        many = reranker.rank_many(list(QUERIES), [DOCUMENTS] * len(QUERIES))
        for query, found in zip(QUERIES, many, strict=True):
            alone = {hit.index: hit.logit for hit in reranker.rank(query, DOCUMENTS)}
            for hit in found:
                assert hit.logit == pytest.approx(alone[hit.index], rel=1e-5, abs=1e-4)


def test_closed_it_computes_nothing_more(loaded: tuple[Path, str | None]) -> None:
    model = load_apart(loaded[0], recipe=loaded[1])
    model.close()
    model.close()
    with pytest.raises(ModelError, match="closed"):
        logits(model, QUERIES[0], DOCUMENTS)


@pytest.mark.parametrize("recipe", ["cosine", "maxsim"])
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_an_onnx_graph_of_the_transformer_gives_what_torch_gives(tmp_path: Path, backend: str, recipe: str) -> None:
    pytest.importorskip(backend)
    from transformers import AutoModel

    folder = write_embedder(tmp_path)
    body = AutoModel.from_pretrained(str(folder), attn_implementation="eager").eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    export(body, folder / "onnx" / "model.onnx", names, output="last_hidden_state")
    by_graph = load_apart(folder, recipe=recipe, backend=backend)
    by_torch = load_apart(folder, recipe=recipe)
    assert by_graph.checkpoint.graph.suffix == ".onnx"
    found, wanted = (logits(each, QUERIES[0], DOCUMENTS) for each in (by_graph, by_torch))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    by_graph.close()
    by_torch.close()


def test_a_graph_without_states_is_refused_by_its_outputs(tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = write_embedder(tmp_path)
    body = AutoModel.from_pretrained(str(folder), attn_implementation="eager").eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    export(body, folder / "onnx" / "model.onnx", names, output="pooler_output")
    with pytest.raises(ModelLoadError, match="gives pooler_output"):
        load_apart(folder, recipe="maxsim", backend="onnxruntime")


def test_what_lies_in_more_than_one_file_needs_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_stanford(tmp_path)
    with pytest.raises(ModelLoadError, match="backend='torch'"):
        load_apart(folder, backend="onnxruntime", device="auto")
    monkeypatch.setattr("secondpass.models.load.formats", lambda backend: ("onnx",))
    with pytest.raises(MissingExtra, match=r"secondpass\[torch\]"):
        load_apart(folder, backend="auto", device="auto")


def test_chunks_say_which_characters_they_have_and_still_do_from_memory(model: SeparateModel) -> None:
    text = "The river runs to the sea. " * 30
    limits = Limits(max_tokens=40, policy="chunk", chunk_by="sentences", overlap=0)
    first, again = (model.read(QUERIES[0], None, limits)([text])[0] for _ in range(2))
    assert len(first.spans) == len(first.pieces) > 2
    assert first.spans == again.spans
    assert all(text[start:end].strip().startswith("The river") for start, end in first.spans)
    assert model.parts(QUERIES[0], Limits(query_policy="chunk")) == [QUERIES[0]]
    assert len(model.parts("a river? " * 40, Limits(query_policy="chunk", max_query_tokens=20))) > 1
