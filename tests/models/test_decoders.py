"""What a decoder's config.json is read as: which weights the score comes from, how many layers, which scales."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from secondpass.backends.network import Compression, Projection
from secondpass.errors import InputError, ModelLoadError, UntrainedHead
from secondpass.models import decoders
from tests.odd_decoders import CONFIGS

QWEN = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
MINICPM = {**CONFIGS["minicpm"], "num_hidden_layers": 40, "start_layer": 8}
LIGHT = {**CONFIGS["cost_wise_gemma"], "num_hidden_layers": 42, "start_layer": 8}
NEMOTRON = {"architectures": ["LlamaBidirectionalForSequenceClassification"], "model_type": "llama_bidirec"}
NAMED = ("lm_head.weight", "model.embed_tokens.weight")


def head_of(config: dict[str, Any], rows: tuple[int, ...] = (3, 5), **asked: Any) -> Projection:
    found = decoders.network(config, None, rows, **asked).head
    assert isinstance(found, Projection)
    return found


def test_a_language_model_is_read_at_its_last_token_from_the_rows_of_its_output() -> None:
    head = head_of(QWEN)
    assert (head.rows, head.pool, head.softcap, head.divisor) == ((3, 5), "last", None, 1.0)
    assert head.weight.index(NAMED[0]) < head.weight.index(NAMED[1])


@pytest.mark.parametrize("place", ["outside", "inside"])
def test_the_embedding_is_no_output_where_the_two_are_told_apart(place: str) -> None:
    untied = {"tie_word_embeddings": False}
    config = {**QWEN, **(untied if place == "outside" else {"text_config": {"model_type": "qwen3_5_text", **untied}})}
    assert not [name for name in head_of(config).weight if "embed" in name]


@pytest.mark.parametrize(
    ("config", "softcap"),
    [
        ({"model_type": "gemma2"}, 30.0),
        ({"model_type": "gemma2", "final_logit_softcapping": None}, None),
        ({"model_type": "gemma3_text", "final_logit_softcapping": 12.0}, 12.0),
        ({"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "final_logit_softcapping": 9.0}}, 9.0),
        ({"model_type": "gemma"}, None),
    ],
)
def test_logits_are_capped_where_the_model_caps_them(config: dict[str, Any], softcap: float | None) -> None:
    assert head_of({"architectures": ["GemmaForCausalLM"], **config}).softcap == softcap


def test_granite_divides_its_logits() -> None:
    granite = {"architectures": ["GraniteForCausalLM"], "model_type": "granite", "logits_scaling": 8.0}
    assert head_of(granite).divisor == 8.0


def test_of_a_model_of_images_and_text_only_the_text_is_built() -> None:
    inner = {"model_type": "gemma3_text", "hidden_size": 8}
    body = decoders.network({**QWEN, "text_config": inner, "vision_config": {"depth": 2}}, None, (1,)).body
    assert body.settings == {"text_config": None, "vision_config": None, **inner}
    assert body.renames


def test_a_classifier_is_read_from_its_own_head_whatever_the_rows() -> None:
    head = head_of({"architectures": ["Qwen3ForSequenceClassification"], "model_type": "qwen3"})
    assert (head.weight, head.rows, head.pool) == (("score.weight",), None, "last")


def test_a_language_model_without_rows_has_no_head() -> None:
    with pytest.raises(UntrainedHead, match="Qwen3ForCausalLM has no scoring head"):
        decoders.network(QWEN, None, ())


def test_minicpm_is_a_granite_cut_at_the_cutoff_with_scales_of_all_its_layers() -> None:
    network = decoders.network(MINICPM, None, (), cutoff=12)
    assert network.body.settings == {
        "model_type": "granite",
        "num_hidden_layers": 12,
        "embedding_multiplier": 3,
        "residual_multiplier": 1.4 / math.sqrt(40),
        "attention_multiplier": 8**-0.5,
    }
    assert head_of(MINICPM, (), cutoff=12).weight == ("lm_head.4.linear_head.weight",)
    assert head_of({**MINICPM, "head_multi": False}, ()).weight == ("lm_head.linear_head.weight",)


@pytest.mark.parametrize(("config", "name"), [(MINICPM, "lm_head.20"), (LIGHT, "lm_head.0")])
def test_without_a_cutoff_it_is_the_cards(config: dict[str, Any], name: str) -> None:
    network = decoders.network(config, None, ())
    assert network.body.settings["num_hidden_layers"] == decoders.CUTOFF == 28
    assert head_of(config, ()).weight == (f"{name}.linear_head.weight",)


@pytest.mark.parametrize("config", [CONFIGS["minicpm"], CONFIGS["cost_wise_gemma"]])
def test_a_checkpoint_with_fewer_layers_than_the_cards_cutoff_is_computed_whole(config: dict[str, Any]) -> None:
    assert decoders.network(config, None, ()).body.settings["num_hidden_layers"] == 6


@pytest.mark.parametrize("config", [MINICPM, LIGHT])
@pytest.mark.parametrize("cutoff", [0, 7, 43, -1])
def test_a_cutoff_without_a_head_is_refused_with_the_range(config: dict[str, Any], cutoff: int) -> None:
    with pytest.raises(InputError, match=rf"cutoff_layers={cutoff} .* from 8 to {config['num_hidden_layers']}\."):
        decoders.network(config, None, (), cutoff=cutoff)


def test_steps_between_heads_are_kept_to() -> None:
    stepped = {**LIGHT, "layer_sep": 4}
    assert decoders.network(stepped, None, (), cutoff=12).body.settings["num_hidden_layers"] == 12
    with pytest.raises(InputError, match="in steps of 4"):
        decoders.network(stepped, None, (), cutoff=13)


def test_a_cutoff_of_a_model_with_one_head_is_refused() -> None:
    with pytest.raises(InputError, match=r"cutoff_layers=12 was given, but Qwen3ForCausalLM"):
        decoders.network(QWEN, None, (1,), cutoff=12)


def test_the_lightweight_gemma_is_capped_cut_and_shortened() -> None:
    asked = Compression(2, (24, 40))
    typed = {**LIGHT, "layer_types": ["sliding_attention", "full_attention"] * 21}
    network = decoders.network(typed, None, (), cutoff=10, compression=asked)
    assert network.compression == asked
    assert network.body.settings["model_type"] == "gemma2"
    assert network.body.settings["attn_logit_softcapping"] is None
    assert len(network.body.settings["layer_types"]) == 10
    assert head_of(LIGHT, ()).softcap == 3.0


@pytest.mark.parametrize(
    ("config", "asked", "told"),
    [(LIGHT, Compression(3, (8,)), "ratio of 3"), (QWEN, Compression(2, (8,)), "Qwen3ForCausalLM was not trained")],
)
def test_compression_that_was_not_trained_is_refused(config: dict[str, Any], asked: Compression, told: str) -> None:
    with pytest.raises(InputError, match=told):
        decoders.network(config, None, (1,), compression=asked)


@pytest.mark.parametrize(("pooling", "pool"), [("avg", "mean"), ("cls", "first"), ("last", "last"), (None, "mean")])
def test_nemotron_pools_as_its_config_says(pooling: str | None, pool: str) -> None:
    config = {**NEMOTRON, "temperature": 0.2, **({"pooling": pooling} if pooling else {})}
    network = decoders.network(config, None, ())
    assert (network.body.attention, network.body.settings) == ("bidirectional", {"model_type": "llama"})
    head = head_of(config, ())
    assert (head.pool, head.divisor, head.weight) == (pool, 0.2, ("score.weight",))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({**MINICPM, "head_type": "raw"}, "head_type='raw'"),
        ({**LIGHT, "layer_wise": False}, "layer_wise=false"),
        ({**NEMOTRON, "pooling": "weighted"}, "pooling='weighted'"),
    ],
)
def test_settings_of_no_known_checkpoint_are_refused_by_name(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ModelLoadError, match=told):
        decoders.network(config, None, ())


@pytest.mark.parametrize(("task", "rows"), [("SEQ_CLS", None), ("CAUSAL_LM", (3, 5))])
def test_the_adapters_task_says_whether_it_brings_a_head(tmp_path: Path, task: str, rows: tuple[int, ...]) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"task_type": task}), encoding="utf-8")
    network = decoders.network(QWEN, None, (3, 5), adapter=tmp_path)
    assert network.adapter == tmp_path
    assert head_of(QWEN, (3, 5), adapter=tmp_path).rows == rows


def test_an_adapter_without_its_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"adapter_config\.json"):
        decoders.network(QWEN, None, (3, 5), adapter=tmp_path)


def test_what_a_caller_asks_of_compression_is_made_whole() -> None:
    assert decoders.compression(None, None) is None
    assert decoders.compression(2, None) == Compression(2, (24, 40))
    assert decoders.compression(4, [8, 16]) == Compression(4, (8, 16))
    with pytest.raises(InputError, match=r"compress_layers=\(8,\) was given without compress_ratio"):
        decoders.compression(None, [8])


@pytest.mark.parametrize("layer", [-1, 0, 42])
def test_a_layer_that_is_not_there_shortens_nothing_and_is_refused(layer: int) -> None:
    decoders.require_layers(LIGHT, Compression(2, (1, 41)))
    with pytest.raises(InputError, match=rf"names layer {layer}, .* layers 1 to 41"):
        decoders.require_layers(LIGHT, Compression(2, (24, layer)))


def test_what_was_not_compared_with_its_authors_code_says_so() -> None:
    assert "not run" in decoders.unverified(NEMOTRON)
    assert decoders.unverified(QWEN) == ""
