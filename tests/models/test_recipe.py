from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secondpass.errors import ModelLoadError
from secondpass.models.recipe import head_modules, read_recipe
from secondpass.models.scorer import Activation
from tests import checkpoints, layouts

IDENTITY = "torch.nn.modules.linear.Identity"
SIGMOID = "torch.nn.modules.activation.Sigmoid"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    checkpoints.word_piece().save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def write(folder: Path, file: str, content: Any) -> None:
    (folder / file).write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "published", "activation"),
    [
        ({}, {}, None),
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, {}, "identity"),
        ({"sbert_ce_default_activation_function": "torch.nn.Identity"}, {}, "identity"),
        ({"sbert_ce_default_activation_function": SIGMOID}, {}, "sigmoid"),
        ({"sentence_transformers": {"activation_fn": SIGMOID}}, {"activation_fn": IDENTITY}, "identity"),
        (
            {"sentence_transformers": {"activation_fn": IDENTITY}, "sbert_ce_default_activation_function": SIGMOID},
            {"activation_fn": None},
            "identity",
        ),
        ({"sentence_transformers": {"activation_fn": "their_code.Scale"}}, {}, None),
    ],
)
def test_the_activation_is_the_one_that_sentence_transformers_would_take(
    folder: Path, config: dict[str, Any], published: dict[str, Any], activation: Activation | None
) -> None:
    write(folder, "config.json", config)
    write(folder, "config_sentence_transformers.json", published)
    assert read_recipe(folder).activation == activation


def test_an_activation_that_is_not_known_is_refused_by_name(folder: Path) -> None:
    write(folder, "config.json", {"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}})
    with pytest.raises(ModelLoadError, match="Tanh"):
        read_recipe(folder)


@pytest.mark.parametrize(
    ("config", "settings", "sentence", "longest"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, {}, {}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}, {}, {}, 512),
        ({"model_type": "xlm-roberta", "max_position_embeddings": 8194, "pad_token_id": 1}, {}, {}, 8192),
        ({"model_type": "bert", "max_position_embeddings": 512}, {"model_max_length": 10**30}, {}, 512),
        ({"model_type": "bert", "max_position_embeddings": 512}, {"model_max_length": 256}, {}, 256),
        ({"model_type": "bert", "max_position_embeddings": 512}, {}, {"max_seq_length": 128}, 128),
        ({"model_type": "deberta-v2"}, {}, {}, None),
        ({**layouts.FLASH, "max_position_embeddings": 1026, "pad_token_id": 1}, {}, {}, 1024),
        ({"model_type": "qwen3_5", "text_config": {"max_position_embeddings": 4096}}, {}, {}, 4096),
    ],
)
def test_the_longest_input_is_what_every_file_allows(
    folder: Path, config: dict[str, Any], settings: dict[str, Any], sentence: dict[str, Any], longest: int | None
) -> None:
    write(folder, "config.json", config)
    write(folder, "tokenizer_config.json", settings)
    write(folder, "sentence_bert_config.json", sentence)
    assert read_recipe(folder).max_tokens == longest


def test_the_padding_id_comes_from_config_then_from_the_tokenizer(folder: Path) -> None:
    write(folder, "config.json", {"pad_token_id": 7})
    assert read_recipe(folder).pad_id == 7
    write(folder, "config.json", {})
    write(folder, "tokenizer_config.json", {"pad_token": {"content": "[MASK]"}})
    assert read_recipe(folder).pad_id == 4
    tokenizer = checkpoints.word_piece()
    tokenizer.enable_padding(pad_id=5, pad_token="[UNK]")
    tokenizer.save(str(folder / "tokenizer.json"))
    assert read_recipe(folder).pad_id == 5


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json"])
@pytest.mark.parametrize("content", ["{", "[1]", None])
def test_a_file_that_cannot_be_read_is_named(folder: Path, file: str, content: str | None) -> None:
    write(folder, "config.json", {})
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content, encoding="utf-8")
    with pytest.raises(ModelLoadError, match=file):
        read_recipe(folder)


def test_the_modules_that_may_hold_a_head_are_named(tmp_path: Path) -> None:
    names = ("Transformer", "Pooling", "Normalize", "Dense")
    write(tmp_path, "modules.json", [{"type": f"sentence_transformers.models.{name}"} for name in names])
    assert head_modules(tmp_path) == ["Dense"]


def test_the_default_prompt_is_the_one_that_is_named_and_mostly_there_is_none(folder: Path) -> None:
    write(folder, "config.json", {})
    assert read_recipe(folder).prompt == ""
    prompts = {"query": "query: ", "other": "x"}
    write(folder, "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": "query"})
    assert read_recipe(folder).prompt == "query: "
    write(folder, "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    assert read_recipe(folder).prompt == ""
