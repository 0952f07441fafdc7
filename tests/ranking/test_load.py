import dataclasses
import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secondpass import InputError, ModelLoadError, UnknownModel, UntrainedHead, load
from secondpass.models.catalog import find
from secondpass.ranking.load import Options
from secondpass.text.lexical import VARIANTS, Bag, Statistics, terms
from tests import checkpoints
from tests.decoders import write_decoder
from tests.hosted.server import Server, cohere


def test_a_path_is_a_folder_even_where_it_reads_like_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given in (Path("./owner/name"), Path("embedded")):  # Path drops the leading dot
        with pytest.raises(UnknownModel, match=f"There is no folder {given}"):
            load(given)


def test_an_empty_name_is_not_the_default_model() -> None:
    with pytest.raises(UnknownModel, match="''"):
        load("")


@pytest.mark.parametrize("name", [None, "embedded@1", "bm25"])
def test_a_revision_of_a_built_in_model_is_refused(name: str | None) -> None:
    with pytest.raises(InputError, match=r"revision='main'.*leave it out"):
        load(name, revision="main")


def test_a_checkpoints_reranker_says_which_file_was_taken_and_why(tmp_path: Path) -> None:
    folder = checkpoints.write_weigher(tmp_path, checkpoints.word_piece())
    with load(folder, backend="onnxruntime", streams=1) as reranker:
        assert reranker.capabilities is not None
        assert reranker.capabilities.reason.startswith("onnxruntime, 1 single-threaded")
        assert reranker.capabilities.reason.endswith("onnx/model.onnx: fp32")
        assert len(reranker.rank("who?", ["a panda", "a river"])) == 2


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as transformers saves it, without an ONNX file."""
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    folder = checkpoints.write_checkpoint(tmp_path_factory.mktemp("weights"), "bert")
    shutil.rmtree(folder / "onnx")
    return folder


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_a_checkpoint_without_an_onnx_file_is_computed_by_torch(weights: Path, backend: str) -> None:
    documents = [*checkpoints.SENTENCES, "a panda " * 40]
    with load(weights, backend=backend, device="cpu") as reranker:
        assert reranker.capabilities is not None
        assert reranker.capabilities.name == "torch"
        assert reranker.capabilities.reason.endswith("model.safetensors")
        assert ("no ONNX file" if backend == "auto" else "asked for") in reranker.capabilities.reason
        together = reranker.score("who wrote it?", documents)
        alone = [reranker.score("who wrote it?", [document])[0] for document in documents]
        np.testing.assert_allclose(together, alone, atol=1e-4)
        back = reranker.score("who wrote it?", documents[::-1])
        np.testing.assert_allclose(back[::-1], alone, atol=1e-4)


def test_other_backends_answer_weights_with_the_extra(weights: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"secondpass\[torch\]"):
        load(weights, backend="onnxruntime")


def test_without_torch_auto_answers_weights_with_the_extra(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secondpass.backends.choose.torch_installed", lambda: False)
    with pytest.raises(ModelLoadError, match=r"secondpass\[torch\]"):
        load(weights)


def test_a_device_is_torchs_even_where_the_choice_is_left_open(weights: Path) -> None:
    with pytest.raises(InputError, match="device='cuda:99' is not here"):
        load(weights, device="cuda:99")


def test_weights_whose_modules_give_no_score_are_refused(weights: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "chain"))
    modules = [{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    with pytest.raises(UntrainedHead, match=r"modules Transformer, Dense"):
        load(folder, backend="torch")


def test_several_devices_are_torchs_as_well(weights: Path) -> None:
    with pytest.raises(InputError, match="device='cuda:99' is not here"):
        load(weights, device=["cuda:99", "cuda:98"])


@pytest.mark.parametrize("given", [{"recipe": "zerank"}, {"cutoff_layers": 8}])
@pytest.mark.parametrize("name", ["bm25", "bm25l", "cohere:rerank-v3.5", None])
def test_what_is_for_decoders_is_refused_for_the_built_in_models(name: str | None, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"is for decoders.*leave it out"):
        load(name, **given)


def test_a_decoder_is_loaded_by_the_name_of_its_recipe(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("transformers", reason="transformers is not installed")
    folder = write_decoder(tmp_path, "qwen3")
    with load(folder, recipe="qwen3-reranker", device="cpu") as reranker:
        assert reranker.declared.instructions == "slot"
        plain = reranker.score("who?", ["a panda", "a river"])
        told = reranker.score("who?", ["a panda", "a river"], instruction="prefer rivers")
    assert np.abs(plain - told).max() > 1e-4


def test_bm25_counts_in_a_corpus_where_a_table_of_it_is_given(tmp_path: Path) -> None:
    corpus = ["the red fox", "the dog", "the cat", "a red car", "a red house", "red roses"]
    Statistics.over([Bag.of(terms(text)) for text in corpus]).save(tmp_path / "table.json")
    documents = ["red", "fox"]
    with load("bm25") as alone, load("bm25", table=tmp_path / "table.json") as informed:
        assert [hit.index for hit in alone.rank("red fox", documents)] == [0, 1]  # each term in one of two: a tie
        assert [hit.index for hit in informed.rank("red fox", documents)] == [1, 0]  # red is common in the corpus
        assert "table=" in informed.declared.version


def test_a_table_for_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table=.*leave it out"):
        load(table=tmp_path / "table.json")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_form_of_bm25_is_loaded_by_its_name_and_takes_a_table(variant: str, tmp_path: Path) -> None:
    Statistics.over([Bag.of(terms(text)) for text in ("the red fox", "red", "the dog", "a cat")]).save(tmp_path / "t")
    with load(variant) as alone, load(variant, table=tmp_path / "t") as informed:
        assert alone.name == informed.name == variant
        assert [hit.index for hit in informed.rank("red fox", ["red", "fox"])] == [1, 0]
        assert find(variant).loads


NAMES = {
    "bm25": {"table"},
    "embedded": set(),
    "cohere:rerank-v3.5": {"base_url", "api_key"},
    "rankgpt:gpt-4o-mini": {"base_url", "api_key"},
    "./no-folder": {"revision", "recipe", "cutoff_layers", "compress_ratio", "query_model", "remember_mb"},
    "owner/name": {"revision", "recipe", "cutoff_layers", "compress_ratio", "query_model", "remember_mb"},
    "hybrid(bm25, embedded)": set(),
}
FOR_SOME: dict[str, Any] = {
    "table": "table.json",
    "base_url": "http://localhost:1",
    "api_key": "sk-secret",
    "revision": "main",
    "recipe": "zerank",
    "cutoff_layers": 8,
    "compress_ratio": 2,
    "query_model": "owner/queries",
    "remember_mb": 1,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("argument", FOR_SOME)
def test_an_argument_that_makes_no_sense_for_a_name_is_refused_with_both(name: str, argument: str) -> None:
    if argument in NAMES[name]:
        return
    with pytest.raises(InputError, match=rf"^{argument}.*{re.escape(repr(name))} is ") as refused:
        load(name, **{argument: FOR_SOME[argument]})
    assert "sk-secret" not in str(refused.value)


def test_options_are_those_that_load_takes() -> None:
    taken = dict(inspect.signature(load).parameters)
    del taken["name"]
    assert {name: one.default for name, one in taken.items()} == {
        each.name: each.default for each in dataclasses.fields(Options)
    }


def test_a_hosted_model_is_loaded_by_its_name() -> None:
    with Server(cohere) as server, load("cohere:rerank-v3.5", base_url=server.url, api_key="sk-1") as reranker:
        ranking = reranker.rank("what?", ["short", "a longer one"], instruction="the newest")
        assert [hit.index for hit in ranking] == [1, 0]
        assert ranking.model == "cohere:rerank-v3.5"
        assert server.asked[0].headers["Authorization"] == "Bearer sk-1"
    with load("tei:http://localhost:8080") as reranker:
        assert reranker.name.startswith("tei")


def test_a_prefix_that_nothing_is_called_by_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownModel, match=r"'coher'.*rankgpt.*Did you mean 'cohere'\?"):
        load("coher:rerank-v3.5")


@pytest.mark.parametrize("name", ["embedded@9", "bm25@2", "bm25+@1"])
def test_a_version_that_there_is_not_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"this version has .*embedded@1.*bm25l"):
        load(name)
