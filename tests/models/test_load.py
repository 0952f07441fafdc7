from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import secondpass
from secondpass.backends.choose import Format
from secondpass.errors import (
    InputError,
    LicenceWarning,
    MissingExtra,
    ModelLoadError,
    UntrainedHead,
    UnverifiedWarning,
)
from secondpass.models.load import load_scorer
from secondpass.models.pair import PairModel
from secondpass.models.prompt import PromptModel
from secondpass.text.encode import Limits
from tests import checkpoints
from tests.decoders import write_decoder

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

QUERY = "who wrote the book?"
DOCUMENTS = ("a river", "the panda is a bear " * 4, "")


def logits(model: PairModel | PromptModel) -> Any:
    readings = model.read(QUERY, None, Limits())(DOCUMENTS)
    return model.logits([piece for reading in readings for piece in reading.pieces])


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder(tmp_path_factory.mktemp("decoder"), "qwen3")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT with both an ONNX file and safetensors."""
    return checkpoints.write_checkpoint(tmp_path_factory.mktemp("encoder"), "bert")


def as_hub(folder: Path, cache: Path, name: str) -> Path:
    """The same checkpoint as the hub's cache would have it."""
    repository = cache / f"models--{name.replace('/', '--')}"
    commit = "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, encoding="utf-8")
    return cache


def test_an_encoder_with_an_onnx_file_is_computed_from_it(encoder: Path) -> None:
    model = load_scorer(encoder)
    assert isinstance(model, PairModel)
    assert model.checkpoint.graph.suffix == ".onnx"
    assert model.capabilities.name != "torch"
    model.close()


def test_a_decoder_is_asked_with_the_recipe_that_is_named(decoder: Path) -> None:
    model = load_scorer(decoder, recipe="qwen3-reranker")
    assert isinstance(model, PromptModel)
    assert model.capabilities.name == "torch"
    assert "decoders are computed by torch" in model.capabilities.reason
    assert "qwen3-reranker" in model.declared.version
    assert np.ptp(logits(model)) > 0.01
    model.close()


def test_a_decoder_is_asked_with_the_catalogues_recipe(decoder: Path, tmp_path: Path) -> None:
    cache = as_hub(decoder, tmp_path, "Qwen/Qwen3-Reranker-0.6B")
    listed = load_scorer("Qwen/Qwen3-Reranker-0.6B", cache_dir=cache)
    named = load_scorer(decoder, recipe="qwen3-reranker")
    assert listed.declared.instructions == "slot"
    np.testing.assert_array_equal(logits(listed), logits(named))
    listed.close()
    named.close()


def test_a_decoder_with_an_onnx_file_beside_its_weights_is_computed_from_those(decoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(decoder, tmp_path / "both"))
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"not read")
    model = load_scorer(folder, recipe="zerank")
    assert model.checkpoint.graph.name == "model.safetensors"
    model.close()
    with pytest.raises(ModelLoadError, match=r"backend='onnxruntime' does not compute.*backend='torch'"):
        load_scorer(folder, recipe="zerank", backend="onnxruntime")


def test_without_torch_a_decoder_is_answered_with_the_extra(decoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secondpass.backends.choose.torch_installed", lambda: False)
    with pytest.raises(MissingExtra, match=r"decoder.*secondpass\[torch\]"):
        load_scorer(decoder, recipe="qwen3-reranker")


def test_a_causal_language_model_without_a_recipe_is_refused_before_its_weights_are_looked_for(
    decoder: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(decoder, tmp_path / "empty"))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"Pass recipe="):
        load_scorer(folder)


def test_a_licence_that_forbids_commercial_use_is_said_in_one_line(decoder: Path, tmp_path: Path) -> None:
    name = "zeroentropy/zerank-2"
    cache = as_hub(decoder, tmp_path, name)
    with pytest.warns(LicenceWarning, match="forbids commercial use") as said:
        load_scorer(name, cache_dir=cache, recipe="zerank").close()
    assert len(said) == 1
    assert "\n" not in str(said[0].message)


def test_the_warning_points_at_who_called_load(decoder: Path, tmp_path: Path) -> None:
    cache = as_hub(decoder, tmp_path, "zeroentropy/zerank-2")
    with pytest.warns(LicenceWarning) as said:
        secondpass.load("zeroentropy/zerank-2", cache_dir=cache, recipe="zerank").close()
    assert said[0].filename == __file__


def test_scores_that_were_not_held_against_the_authors_are_called_unverified(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "llama", labels=1)
    with pytest.warns(UnverifiedWarning, match=r"unverified.*decoder"):
        load_scorer(folder).close()


def test_what_the_catalogue_refuses_is_refused_before_anything_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"jina-reranker-m0 cannot be loaded"):
        load_scorer("jinaai/jina-reranker-m0", cache_dir=tmp_path)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with a chain of modules behind it, as sentence-transformers saves it."""
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling
    from torch import nn

    plain = checkpoints.write_checkpoint(tmp_path_factory.mktemp("plain"), "modernbert")
    folder = tmp_path_factory.mktemp("chain")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = [
            Transformer(str(plain), transformer_task="feature-extraction"),
            Pooling(32, pooling_mode="cls"),
            Dense(32, 32, bias=False, activation_function=nn.GELU()),
            LayerNorm(32),
            Dense(32, 1, activation_function=nn.Identity(), module_output_name="scores"),
        ]
        for module in modules:
            for parameter in module.parameters():
                if parameter.dim() == 2 and parameter.shape[1] == 32:
                    nn.init.normal_(parameter, 0.0, 0.25)
        CrossEncoder(modules=modules, device="cpu").save_pretrained(str(folder))
    return folder


def test_a_chain_of_modules_gives_the_scores_of_sentence_transformers(chain: Path) -> None:
    from sentence_transformers import CrossEncoder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference: Any = CrossEncoder(str(chain), device="cpu")
    pairs = [(QUERY, document) for document in DOCUMENTS]
    with secondpass.load(chain, device="cpu") as reranker:
        found = reranker.predict(pairs)
    np.testing.assert_allclose(found, reference.predict(pairs, show_progress_bar=False), atol=1e-4)


def test_a_chain_whose_onnx_file_is_the_transformers_alone_is_computed_by_torch(chain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chain, tmp_path / "chain"))
    headless = checkpoints.write_weigher(tmp_path / "other", checkpoints.byte_pairs(), output="last_hidden_state")
    shutil.copytree(headless / "onnx", folder / "onnx")
    model = load_scorer(folder)
    assert model.checkpoint.graph.name == "model.safetensors"
    model.close()
    with pytest.raises(ModelLoadError, match="modules Dense, Dense"):
        load_scorer(folder, backend="onnxruntime")


def test_a_chain_whose_onnx_file_has_the_whole_of_it_is_computed_from_it(chain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chain, tmp_path / "chain"))
    whole = checkpoints.write_weigher(tmp_path / "other", checkpoints.byte_pairs())
    shutil.copytree(whole / "onnx", folder / "onnx")
    model = load_scorer(folder, backend="auto")
    assert model.checkpoint.graph.suffix == ".onnx"
    model.close()


def test_an_untrained_head_is_refused(encoder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(encoder, tmp_path / "headless"))
    weights = {name: each for name, each in load_file(folder / "model.safetensors").items() if "classifier" not in name}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UntrainedHead, match="classifier"):
        load_scorer(folder, backend="torch")


@pytest.mark.parametrize("architecture", ["BertModel", "BertForMaskedLM"])
@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_an_embedding_checkpoint_is_refused_by_every_backend(
    encoder: Path, tmp_path: Path, architecture: str, backend: str
) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "embedding"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    described = json.dumps({**config, "architectures": [architecture]})
    (folder / "config.json").write_text(described, encoding="utf-8")
    with pytest.raises(UntrainedHead, match=architecture):
        load_scorer(folder, backend=backend)


@pytest.mark.parametrize("labels", [1, 2])
def test_scores_are_never_a_softmax_over_one_logit(tmp_path: Path, labels: int) -> None:
    folder = checkpoints.write_checkpoint(tmp_path, "bert", labels=labels)
    with secondpass.load(folder) as reranker:
        scores = reranker.predict([(QUERY, document) for document in DOCUMENTS])
    assert len(set(np.round(scores, 6))) == len(DOCUMENTS)
    assert not np.allclose(scores, 1.0)


@pytest.mark.parametrize(
    ("named", "bounded"), [(None, True), ("torch.nn.modules.activation.Sigmoid", True), ("torch.nn.Identity", False)]
)
def test_the_scores_scale_is_the_one_that_the_files_name(
    encoder: Path, tmp_path: Path, named: str | None, bounded: bool
) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "scaled"))
    published = {} if named is None else {"activation_fn": named}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(published), encoding="utf-8")
    model = load_scorer(folder)
    raw = logits(model)
    model.close()
    with secondpass.load(folder) as reranker:
        scores = reranker.predict([(QUERY, document) for document in DOCUMENTS])
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-raw)) if bounded else raw, rtol=1e-5)


def test_a_default_prompt_stands_before_the_query_as_sentence_transformers_puts_it(
    encoder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    from sentence_transformers import CrossEncoder

    folder = Path(shutil.copytree(encoder, tmp_path / "prompted"))
    published = {"prompts": {"asked": "query: "}, "default_prompt_name": "asked"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(published), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference: Any = CrossEncoder(
            str(folder), device="cpu", prompts={"asked": "query: "}, default_prompt_name="asked"
        )
    pairs = [(QUERY, document) for document in DOCUMENTS]
    exact: Any = {"backend": "onnxruntime", "precision": "fp32"}
    with secondpass.load(folder, **exact) as reranker, secondpass.load(encoder, **exact) as plain:
        found, without = reranker.predict(pairs), plain.predict(pairs)
    np.testing.assert_allclose(found, reference.predict(pairs, show_progress_bar=False), atol=1e-4)
    assert np.abs(found - without).max() > 1e-4


def test_an_adapter_is_merged_into_its_base(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    import torch
    from transformers import AutoModelForSequenceClassification

    base = write_decoder(tmp_path / "base", "llama")
    untyped: Any = AutoModelForSequenceClassification
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = untyped.from_pretrained(base, num_labels=1)
        settings = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["q_proj", "v_proj"])
        tuned = peft.get_peft_model(model, settings)
        for name, parameter in tuned.named_parameters():
            if "lora_" in name or "score" in name:
                torch.nn.init.normal_(parameter, 0.0, 0.25)
        tuned.save_pretrained(tmp_path / "adapter")
    found = load_scorer(tmp_path / "adapter", recipe="rankllama")
    readings = found.read(QUERY, None, Limits())(DOCUMENTS)
    rows = [piece.inputs for reading in readings for piece in reading.pieces]
    got = found.logits([piece for reading in readings for piece in reading.pieces])
    found.close()
    tuned.eval()
    tuned.base_model.model.config.pad_token_id = -1
    with torch.no_grad():
        for row, logit in zip(rows, got, strict=True):
            ids = torch.tensor(np.concatenate((row.prefix, row.own)))[None]
            assert float(tuned(input_ids=ids).logits[0, 0]) == pytest.approx(float(logit), abs=1e-4)


def test_a_recipe_and_a_cutoff_are_refused_where_they_mean_nothing(encoder: Path) -> None:
    with pytest.raises(InputError, match="cutoff"):
        load_scorer(encoder, cutoff=8)
    with pytest.raises(InputError, match="'mine'"):
        load_scorer(encoder, recipe="mine")


def test_the_formats_that_are_read_are_those_of_the_backend(encoder: Path) -> None:
    taken: dict[str, Format] = {"onnxruntime": "onnx", "torch": "safetensors"}
    for backend, kind in taken.items():
        model = load_scorer(encoder, backend=backend)
        assert model.checkpoint.graph.suffix == f".{kind}"
        model.close()
