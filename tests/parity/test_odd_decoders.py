"""Decoders that transformers has not: the scores of FlagEmbedding's own classes, peft's, and a restatement; 1e-4.

FlagEmbedding's come from goldens/odd.json, written by goldens/make_odd.py in an environment of its own.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from torch import Tensor

from secondpass.backends.base import PREFIX
from secondpass.backends.network import Compression, Network
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.loading import load_body
from secondpass.models import decoders
from secondpass.models.files import Checkpoint
from secondpass.models.prompt import PromptModel
from secondpass.models.prompt_recipe import PromptRecipe, answer_rows, find_recipe
from secondpass.text.encode import Limits, TextEncoder
from tests import odd_decoders
from tests.parity.record import SPECIFICATION, Parity

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "goldens" / "odd.json").read_text(encoding="utf-8"))
RECIPES = {
    "gemma": "bge-gemma",
    "minicpm": "bge-minicpm-layerwise",
    "cost_wise_gemma": "bge-gemma2-lightweight",
}
NAMES = {
    "gemma": "bge-reranker-v2-gemma",
    "minicpm": "bge-reranker-v2-minicpm-layerwise",
    "cost_wise_gemma": "bge-reranker-v2.5-gemma2-lightweight",
}
LONGEST = GOLDEN["max_length"]
VOCABULARY = 97


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    there = tmp_path_factory.mktemp("odd")
    return {kind: odd_decoders.write(there / kind, kind) for kind in odd_decoders.CONFIGS}


def named(case: dict[str, Any]) -> str:
    return "-".join(map(str, [case["kind"], case.get("attention", ""), *case["asked"].values()]))


@pytest.mark.parametrize("kind", sorted(odd_decoders.CONFIGS))
def test_the_checkpoints_are_those_that_the_goldens_were_made_of(folders: dict[str, Path], kind: str) -> None:
    assert odd_decoders.digest(folders[kind], kind) == GOLDEN["checkpoints"][kind]


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=named)
def test_scores_are_flag_embeddings(folders: dict[str, Path], case: dict[str, Any], parity: Parity) -> None:
    kind = case["kind"]
    model = ours(folders[kind], kind, case)
    limits = Limits(truncation="reference")
    plain = scores(model, GOLDEN["query"], GOLDEN["documents"], limits)
    cut = scores(model, GOLDEN["long_query"], GOLDEN["long"], replace(limits, max_tokens=LONGEST))
    model.close()
    assert np.ptp(plain) > 0.01
    difference = max(np.abs(plain - case["scores"]).max(), np.abs(cut - case["cut"]).max())
    assert difference <= 1e-4
    parity.record(NAMES[kind], "FlagEmbedding", GOLDEN["version"], float(difference))


def test_a_shortened_pair_has_the_same_score_alone_and_beside_others(folders: dict[str, Path]) -> None:
    asked = {"cutoff_layers": [5], "compress_ratio": 4, "compress_layers": [2, 4]}
    model = ours(folders["cost_wise_gemma"], "cost_wise_gemma", {"asked": asked})
    together = scores(model, GOLDEN["query"], GOLDEN["documents"], Limits())
    alone = [scores(model, GOLDEN["query"], [document], Limits())[0] for document in GOLDEN["documents"]]
    np.testing.assert_allclose(alone, together, atol=1e-5)
    model.close()


@pytest.mark.parametrize("kind", ["cost_wise_gemma", "minicpm"])
def test_layers_above_the_cutoff_are_not_loaded(folders: dict[str, Path], kind: str) -> None:
    config = json.loads((folders[kind] / "config.json").read_text(encoding="utf-8"))
    body = load_body(
        folders[kind] / "model.safetensors", decoders.network(config, None, (), cutoff=3).body, torch.float32
    )
    assert len(body.layers) == 3


def ours(folder: Path, kind: str, case: dict[str, Any]) -> PromptModel:
    recipe = find_recipe(RECIPES[kind])
    asked = case["asked"]
    shortened = (
        Compression(asked["compress_ratio"], tuple(asked["compress_layers"])) if "compress_ratio" in asked else None
    )
    cutoff = asked["cutoff_layers"][0] if "cutoff_layers" in asked else None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    rows = answer_rows(recipe, TextEncoder.from_file(folder / "tokenizer.json")) if recipe.true else ()
    network = decoders.network(config, recipe, rows, cutoff=cutoff, compression=shortened)
    if case.get("attention") == "eager":  # with the softcap inside attention
        softcap = {"attn_logit_softcapping": config["attn_logit_softcapping"]}
        body = replace(network.body, settings={**network.body.settings, **softcap})
        network = replace(network, body=body)
    return prompted(folder, recipe, network)


def prompted(folder: Path, recipe: PromptRecipe, network: Network) -> PromptModel:
    checkpoint = Checkpoint(folder.name, folder, folder / "model.safetensors", "fp32", "a test")
    return PromptModel(checkpoint, TorchBackend(device="cpu", precision="fp32"), network, recipe)


def scores(model: PromptModel, query: str, documents: Sequence[str], limits: Limits) -> NDArray[np.float32]:
    readings = model.read(query, None, limits)(documents)
    return model.logits([piece for reading in readings for piece in reading.pieces])


def llama(folder: Path, kind: str, **config: Any) -> Any:
    """Write a tiny Llama with weights N(0, 0.25), as `kind` has it, and change its config.json; returns the module."""
    import transformers

    sizes = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48}
    untyped: Any = transformers.LlamaConfig
    made = untyped(vocab_size=VOCABULARY, hidden_size=32, pad_token_id=0, num_labels=1, **sizes)
    torch.manual_seed(0)
    model: Any = getattr(transformers, kind)(made).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0 if parameter.dim() > 1 else 1.0, 0.25)
    model.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **config}), encoding="utf-8")
    return model


def rows() -> list[NDArray[np.int64]]:
    return [np.random.default_rng(length).integers(3, VOCABULARY, length) for length in (17, 4, 30, 1)]


def logits(folder: Path, network: Network) -> NDArray[np.float32]:
    """Of all `rows` in one batch."""
    graph = TorchBackend(device="cpu", precision="fp32").load(folder / "model.safetensors", network)
    ids, mask = np.zeros((2, 4, 32), np.int64)
    for place, row in enumerate(rows()):
        ids[place, : len(row)], mask[place, : len(row)] = row, 1
    return graph.run({"input_ids": ids, "attention_mask": mask, PREFIX: np.zeros((1, 0), np.int64)})["logits"]


@pytest.mark.parametrize("pooling", ["avg", "cls", "last"])
def test_nemotron_is_a_llama_whose_tokens_see_each_other(tmp_path: Path, pooling: str, parity: Parity) -> None:
    told = {"model_type": "llama_bidirec", "architectures": ["LlamaBidirectionalForSequenceClassification"]}
    model = llama(tmp_path, "LlamaForSequenceClassification", pooling=pooling, temperature=0.5, **told)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    found = logits(tmp_path, decoders.network(config, None, ()))
    wanted = [restated(model, row, pooling) / 0.5 for row in rows()]
    difference = float(np.abs(found[:, 0] - wanted).max())
    assert difference <= 1e-4
    parity.record("llama-nemotron-rerank", SPECIFICATION, "-", difference)


def restated(model: Any, row: NDArray[np.int64], pooling: str) -> float:
    """What is published of llama-nemotron-rerank, in plain torch, for one row by itself: Llama without its mask."""
    with torch.inference_mode():
        states = model.model.embed_tokens.weight[torch.tensor(row)]
        for layer in model.model.layers:
            states = states + attention(layer.self_attn, normed(states, layer.input_layernorm))
            inner = normed(states, layer.post_attention_layernorm)
            mlp = layer.mlp
            gate = torch.nn.functional.silu(inner @ mlp.gate_proj.weight.T)
            states = states + (gate * (inner @ mlp.up_proj.weight.T)) @ mlp.down_proj.weight.T
        states = normed(states, model.model.norm)
        pooled = {"avg": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]
        return float(pooled @ model.score.weight[0])


def normed(states: Tensor, norm: Any) -> Tensor:
    scaled: Tensor = states / (states.pow(2).mean(-1, keepdim=True) + norm.variance_epsilon).sqrt() * norm.weight
    return scaled


def attention(layer: Any, states: Tensor) -> Tensor:
    """Every token of (length, 32) sees every other: 4 heads of 8, of which two share keys and values."""
    length = len(states)
    angles = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, 8, 2) / 8)
    cos, sin = (each.repeat(1, 2)[:, None] for each in (angles.cos(), angles.sin()))

    def turned(each: Tensor) -> Tensor:
        return each * cos + torch.cat((-each[..., 4:], each[..., :4]), -1) * sin

    query = turned((states @ layer.q_proj.weight.T).view(length, 4, 8))
    key = turned((states @ layer.k_proj.weight.T).view(length, 2, 8)).repeat_interleave(2, 1)
    value = (states @ layer.v_proj.weight.T).view(length, 2, 8).repeat_interleave(2, 1)
    seen = torch.softmax(torch.einsum("qhd,khd->hqk", query, key) / 8**0.5, -1)
    found: Tensor = torch.einsum("hqk,khd->qhd", seen, value).reshape(length, 32) @ layer.o_proj.weight.T
    return found


ADAPTERS: dict[str, dict[str, Any]] = {
    "rankllama": {"task_type": "SEQ_CLS", "modules_to_save": ["score"], "target_modules": ["q_proj", "v_proj"]},
    "rank-stabilised": {"task_type": "SEQ_CLS", "use_rslora": True, "target_modules": "all-linear"},
    "patterns": {
        "task_type": "SEQ_CLS",
        "target_modules": ["q_proj", "down_proj", "embed_tokens"],
        "rank_pattern": {"down_proj": 2},
        "alpha_pattern": {"layers.1.self_attn.q_proj": 3},
    },
    "generative": {"task_type": "CAUSAL_LM", "target_modules": ["k_proj", "o_proj", "lm_head"]},
}


def adapted(folder: Path, adapter: Path, asked: dict[str, Any]) -> Any:
    """Write a base model and an adapter with random weights; returns the two, merged by peft."""
    import peft
    import transformers

    base = llama(folder, "LlamaForCausalLM")
    if asked["task_type"] == "SEQ_CLS":
        base = transformers.LlamaForSequenceClassification.from_pretrained(folder)
    model: Any = peft.get_peft_model(base, peft.LoraConfig(r=4, lora_alpha=12, **asked)).eval()
    with torch.no_grad():
        for each in (each for each in model.parameters() if each.requires_grad):
            each.normal_(0.0, 0.25)
    model.save_pretrained(adapter, save_embedding_layers=False)
    return model.merge_and_unload()


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_is_merged_as_peft_merges_it(tmp_path: Path, name: str, parity: Parity) -> None:
    pytest.importorskip("peft", reason="peft is not installed")
    generative = ADAPTERS[name]["task_type"] == "CAUSAL_LM"
    adapter = tmp_path / "adapter"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft calls what transformers has deprecated
        merged = adapted(tmp_path, adapter, ADAPTERS[name])
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    found = logits(tmp_path, decoders.network(config, None, (11, 7) if generative else (), adapter=adapter))
    with torch.inference_mode():
        theirs = [merged(input_ids=torch.tensor(row)[None]).logits[0].numpy() for row in rows()]
    wanted = [each[-1, 11] - each[-1, 7] if generative else each[0] for each in theirs]
    difference = float(np.abs(found[:, 0] - wanted).max())
    assert difference <= 1e-5 * max(1.0, float(np.abs(found).max()))
    parity.record("RankLLaMA" if name == "rankllama" else "LoRA adapters", "peft", version("peft"), difference)
