"""Encoders that transformers does not read as they are: which body they become, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secondpass import UnverifiedWarning, load
from secondpass.backends.network import Body, Network
from secondpass.errors import ModelLoadError
from secondpass.models.encoders import body, kind, unverified
from tests import layouts
from tests.checkpoints import write_checkpoint

NATIVE = ("bert", "electra", "roberta", "xlm-roberta", "camembert", "deberta-v2", "modernbert", "gte")
SIZES = {"hidden_size": 768, "num_attention_heads": 12}


@pytest.mark.parametrize("kind", NATIVE)
def test_what_transformers_has_is_built_as_it_is(kind: str) -> None:
    assert body({"model_type": kind, "architectures": ["AnyForSequenceClassification"]}) == Body()


def test_an_auto_map_for_the_tokenizer_alone_is_no_code_of_the_model() -> None:
    assert body({"model_type": "bert", "auto_map": {"AutoTokenizer": ["tokenization.Own", None]}}) == Body()


@pytest.mark.parametrize("entry", ["AutoModelForSequenceClassification", "AutoModel", "AutoConfig"])
def test_code_of_a_checkpoint_is_refused_by_its_class_and_never_run(entry: str) -> None:
    with pytest.raises(ModelLoadError, match=r"(?s)OwnThing.*not run"):
        body({"model_type": "own", "auto_map": {entry: "someone/code--modeling.OwnThing"}})


def test_the_flash_variant_of_xlm_roberta_has_its_three_matrices_in_one() -> None:
    found = body(layouts.FLASH)
    assert found.settings["model_type"] == "xlm-roberta"
    (packed,) = [rule for rule in found.renames if "Wqkv" in rule.pattern]
    assert [name.split(".")[-2] for name in packed.to] == ["query", "key", "value"]


@pytest.mark.parametrize(("theta", "factor", "head"), [(20_000, 8.0, 64), (10_000, 2.0, 32), (160_000, 4.0, 8)])
def test_the_frequencies_of_new_are_those_of_ntk_scaling(theta: float, factor: float, head: int) -> None:
    """Restated from the formula: base theta·factor, all divided by factor^(2/head)."""
    config = {**layouts.NEW, "hidden_size": 4 * head, "num_attention_heads": 4, "rope_theta": theta}
    found = body({**config, "rope_scaling": {"type": "ntk", "factor": factor}}).settings["rope_parameters"]
    wanted = [(theta * factor) ** (-2 * place / head) / factor ** (2 / head) for place in range(head // 2)]
    made = [found["rope_theta"] ** (-2 * place / head) / found["factor"] for place in range(head // 2)]
    np.testing.assert_allclose(made, wanted, rtol=1e-12)
    assert found["rope_type"] == "linear"


def test_the_first_frequencies_of_gte_multilingual_are_the_published_ones() -> None:
    found = body({**layouts.NEW, **SIZES}).settings["rope_parameters"]
    first = [found["rope_theta"] ** (-2 * place / 64) / found["factor"] for place in range(2)]
    np.testing.assert_allclose(first, [0.9371, 0.6444], atol=5e-5)


def test_new_without_scaling_has_its_own_base() -> None:
    found = body({**layouts.NEW, **SIZES, "rope_scaling": None, "rope_theta": 500_000})
    assert found.settings["rope_parameters"] == {"rope_type": "default", "rope_theta": 500_000.0}


def test_new_is_known_without_an_auto_map() -> None:
    config = {name: value for name, value in layouts.NEW.items() if name != "auto_map"}
    assert body({**config, **SIZES}).settings["model_type"] == "gte"


@pytest.mark.parametrize(
    "change",
    [
        {"rope_scaling": {"type": "ntk", "factor": 8.0, "mixed_b": 0.6}},
        {"rope_scaling": {"type": "yarn", "factor": 8.0}},
        {"position_embedding_type": "absolute"},
        {"layer_norm_type": "rms_norm"},
        {"logn_attention_scale": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_setting_of_new_that_is_not_known_is_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(ModelLoadError, match=next(iter(change))):
        body({**layouts.NEW, **SIZES, **change})


@pytest.mark.parametrize("change", [{"position_embedding_type": "absolute"}, {"feed_forward_type": "original"}])
def test_a_setting_of_jina_bert_that_is_not_known_is_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(ModelLoadError, match=next(iter(change))):
        body({**layouts.JINA_BERT, **change})


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (layouts.FLASH, "xlm-roberta"),
        (layouts.NEW, "gte"),
        (layouts.JINA_BERT, "jina_bert"),
        ({"model_type": "bert"}, "bert"),
    ],
)
def test_the_architecture_that_is_built_has_its_name(config: dict[str, Any], name: str) -> None:
    assert kind(config) == name


def test_what_was_not_compared_with_its_authors_code_says_so() -> None:
    assert "not run" in unverified(layouts.JINA_BERT)
    assert unverified({"model_type": "bert"}) == ""


@pytest.mark.parametrize(("heads", "first", "last"), [(4, 2**-2, 2**-8), (8, 2**-1, 2**-8), (12, 2**-1, 2**-3.5)])
def test_the_slopes_of_alibi(heads: int, first: float, last: float) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from secondpass.backends.torch.jina_bert import slopes

    found = slopes(heads)
    assert len(found) == heads
    assert math.isclose(found[0], first)
    assert math.isclose(found[-1], last)


@pytest.mark.parametrize(
    "missing", ["bert.encoder.layer.1.mlp.wo.weight", "classifier.weight", "bert.pooler.dense.bias"]
)
def test_a_jina_bert_without_a_weight_is_refused_by_its_name(missing: str, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file, save_file

    from secondpass.backends.torch.backend import TorchBackend
    from secondpass.errors import ModelError

    folder = layouts.write_jina_bert(tmp_path / "jina", write_checkpoint(tmp_path / "bert", "bert"))
    weights = load_file(folder / "model.safetensors")
    del weights[missing]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=missing):
        TorchBackend(device="cpu").load(folder / "model.safetensors", Network(body=body(layouts.JINA_BERT)))


def test_jina_colberts_layout_ranks_and_says_that_it_is_unverified(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    layouts.write_rotary_colbert(tmp_path)
    with pytest.warns(UnverifiedWarning, match="flash"):
        reranker = load(tmp_path)
    with reranker:
        logits = reranker.score("who wrote the book?", ["the author wrote a book", "the river", ""])
    assert len(set(logits.tolist())) == 3
