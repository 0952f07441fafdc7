from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any, ClassVar

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
from secondpass.models.load import load_scorer, pull
from secondpass.models.pair import PairModel
from secondpass.models.prompt import PromptModel
from secondpass.text.encode import Limits
from tests import checkpoints, odd_decoders
from tests.decoders import qwen, write_decoder
from tests.local_hub import COMMIT, HUB_ID, Hub, run, serving

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
    assert "computed by torch" in model.capabilities.reason
    assert "qwen3-reranker" in model.declared.version
    assert np.ptp(logits(model)) > 0.01
    model.close()


def test_a_decoder_is_asked_with_the_catalogues_recipe(decoder: Path, tmp_path: Path) -> None:
    cache = as_hub(decoder, tmp_path, "Qwen/Qwen3-Reranker-0.6B")
    listed = load_scorer("Qwen/Qwen3-Reranker-0.6B", cache_dir=cache)
    named = load_scorer(decoder, recipe="qwen3-reranker")
    assert isinstance(listed, PromptModel)
    assert isinstance(named, PromptModel)
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


def test_it_says_why_the_onnx_file_was_not_taken(chain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chain, tmp_path / "chain"))
    headless = checkpoints.write_weigher(tmp_path / "other", checkpoints.byte_pairs(), output="last_hidden_state")
    shutil.copytree(headless / "onnx", folder / "onnx")
    with secondpass.load(folder) as reranker:
        assert reranker.capabilities is not None
        assert "model.safetensors, because model.onnx lacks the head" in reranker.capabilities.reason
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match="which its ONNX graph lacks"):
        secondpass.load(folder)


def test_a_damaged_onnx_file_is_an_error_though_there_are_other_weights(chain: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(chain, tmp_path / "chain"))
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"cut off")
    with pytest.raises(ModelLoadError, match=r"model\.onnx"):
        secondpass.load(folder)


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
    model = checkpoints.load_pair(folder)
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
    assert isinstance(found, PromptModel)
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


def test_documents_are_shortened_inside_the_model_that_was_trained_so(tmp_path: Path) -> None:
    folder = odd_decoders.write(tmp_path, "cost_wise_gemma")
    asked: dict[str, Any] = {"recipe": "bge-gemma2-lightweight", "cutoff_layers": 5, "device": "cpu"}
    versions, found = [], []
    ways: list[dict[str, Any]] = [{}, {"compress_ratio": 1, "compress_layers": (2,)}]
    for more in (*ways, {"compress_ratio": 2, "compress_layers": (2, 4)}):
        with secondpass.load(folder, **asked, **more) as reranker:
            versions.append(reranker.declared.version)
            found.append(reranker.predict([(QUERY, document) for document in DOCUMENTS]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert np.abs(found[0] - found[2])[1] > 1e-3
    assert versions[0] == versions[1] != versions[2]
    assert "layers=5 compressed=2@2,4" in versions[2]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"compress_ratio": 3, "compress_layers": (2,)}, "compress_ratio of 3"),
        ({"compress_layers": (2,)}, "without compress_ratio"),
        ({"compress_ratio": 2}, "names layer 24, and this model"),
    ],
)
def test_compression_that_cannot_be_is_refused(tmp_path: Path, asked: dict[str, Any], told: str) -> None:
    folder = odd_decoders.write(tmp_path, "cost_wise_gemma")
    with pytest.raises(InputError, match=told):
        secondpass.load(folder, recipe="bge-gemma2-lightweight", **asked)


def test_compression_is_refused_where_it_was_not_trained(encoder: Path, decoder: Path) -> None:
    with pytest.raises(InputError, match="compress_ratio=2"):
        secondpass.load(encoder, compress_ratio=2)
    with pytest.raises(InputError, match=r"compress_ratio=2 .* Qwen3ForCausalLM was not trained"):
        secondpass.load(decoder, recipe="qwen3-reranker", compress_ratio=2)
    with pytest.raises(InputError, match="is for decoders"):
        secondpass.load("bm25", compress_ratio=2)
    with pytest.raises(InputError, match="is for decoders"):
        secondpass.load("bm25", compress_layers=(24,))


def test_weights_that_were_made_small_are_another_version(encoder: Path, decoder: Path) -> None:
    for folder, recipe in ((encoder, None), (decoder, "qwen3-reranker")):
        versions = set()
        for precision in ("fp32", "int8"):
            model = load_scorer(folder, backend="torch", device="cpu", precision=precision, recipe=recipe)
            versions.add(model.declared.version.rpartition(" ")[2])
            model.close()
        assert versions == {"fp32", "int8-weights-fp32"}


def test_another_cutoff_is_another_version(tmp_path: Path) -> None:
    folder = odd_decoders.write(tmp_path, "minicpm")
    versions = set()
    for cutoff in (3, 5):
        model = load_scorer(folder, recipe="bge-minicpm-layerwise", cutoff=cutoff, device="cpu")
        versions.add(model.declared.version)
        model.close()
    assert len(versions) == 2


def test_a_decoder_that_was_only_restated_is_called_unverified(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "llama", labels=1)
    path = folder / "config.json"
    told = {"model_type": "llama_bidirec", "architectures": ["LlamaBidirectionalForSequenceClassification"]}
    described = {**json.loads(path.read_text(encoding="utf-8")), **told, "pooling": "avg"}
    path.write_text(json.dumps(described), encoding="utf-8")
    tokenizer = folder / "tokenizer.json"
    renamed = tokenizer.read_text(encoding="utf-8").replace('"<s>"', '"<|begin_of_text|>"')
    tokenizer.write_text(renamed, encoding="utf-8")
    with pytest.warns(UnverifiedWarning, match="authors' code was not run"):
        secondpass.load(folder, recipe="nemotron", device="cpu").close()


class DecoderHub(Hub):
    """A decoder with an ONNX file beside its weights."""

    files: ClassVar[dict[str, bytes]] = {
        "config.json": json.dumps({"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}).encode(),
        "tokenizer.json": qwen().to_str().encode(),
        "model.safetensors": b"weights",
        "onnx/model.onnx": b"graph",
    }


class HeadlessHub(Hub):
    """A chain of modules, of which an ONNX file has the transformer alone; filled in by the test."""

    files: ClassVar[dict[str, bytes]] = {}


PULL = "from secondpass.models.load import pull; print(pull({name!r}{more}).folder.name)"


def test_pull_fetches_what_load_would_read_of_a_decoder(tmp_path: Path) -> None:
    with serving(DecoderHub) as address:
        done = run(PULL.format(name=HUB_ID, more=", recipe='qwen3-reranker'"), address, tmp_path)
        asked = set(DecoderHub.asked)
        refused = run(PULL.format(name=HUB_ID, more=""), address, tmp_path)
    assert done.stdout.split() == [COMMIT], done.stderr
    assert asked == {"config.json", "tokenizer.json", "model.safetensors"}
    assert "Pass recipe=" in refused.stderr


def test_pull_fetches_the_weights_that_have_the_head(tmp_path: Path) -> None:
    folder = checkpoints.write_weigher(tmp_path / "chain", checkpoints.word_piece(), output="last_hidden_state")
    described: dict[str, Any] = {"modules.json": modules("Transformer", "Pooling", "Dense")}
    described["1_Pooling/config.json"] = {"pooling_mode": "cls"}
    described["2_Dense/config.json"] = {"module_output_name": "scores"}
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    HeadlessHub.files |= files | {name: json.dumps(content).encode() for name, content in described.items()}
    HeadlessHub.files |= {"model.safetensors": b"weights", "2_Dense/model.safetensors": b"weights"}
    with serving(HeadlessHub) as address:
        done = run(PULL.format(name=HUB_ID, more=""), address, tmp_path)
    assert done.stdout.split() == [COMMIT], done.stderr
    assert {"onnx/model.onnx", "model.safetensors"} <= set(HeadlessHub.asked)


def modules(*kinds: str) -> list[dict[str, str]]:
    return [
        {"type": f"sentence_transformers.models.{kind}", "path": f"{place}_{kind}" if place else ""}
        for place, kind in enumerate(kinds)
    ]


def test_pull_refuses_what_load_would_refuse() -> None:
    with pytest.raises(ModelLoadError, match=r"jina-reranker-m0 cannot be loaded"):
        pull("jinaai/jina-reranker-m0")


def test_the_formats_that_are_read_are_those_of_the_backend(encoder: Path) -> None:
    taken: dict[str, Format] = {"onnxruntime": "onnx", "torch": "safetensors"}
    for backend, kind in taken.items():
        model = load_scorer(encoder, backend=backend)
        assert model.checkpoint.graph.suffix == f".{kind}"
        model.close()
