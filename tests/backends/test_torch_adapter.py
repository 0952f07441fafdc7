"""What of a LoRA adapter is read, and which are refused; that it is merged as peft does is in tests/parity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch
from safetensors.torch import save_file

from secondpass.backends.network import Body, Network, Rename
from secondpass.backends.torch.adapter import Adapter
from secondpass.backends.torch.backend import TorchBackend
from secondpass.errors import ModelLoadError

LORA = {"peft_type": "LORA", "lora_alpha": 6, "r": 2}


class Tiny(torch.nn.Module):
    """One matrix, as a transformer's body names it."""

    base_model_prefix = "model"

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.proj = torch.nn.Linear(3, 4, bias=False, dtype=dtype)


def write(folder: Path, tensors: dict[str, torch.Tensor], **config: Any) -> Path:
    (folder / "adapter_config.json").write_text(json.dumps({**LORA, **config}), encoding="utf-8")
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def factors(module: str = "model.proj", shape: tuple[int, int] = (4, 3)) -> dict[str, torch.Tensor]:
    name = f"base_model.model.{module}"
    return {f"{name}.lora_A.weight": torch.randn(2, shape[1]), f"{name}.lora_B.weight": torch.randn(shape[0], 2)}


@pytest.mark.parametrize(("stabilised", "scale"), [(False, 3.0), (True, 6 / 2**0.5)])
def test_the_change_is_added_with_its_scale(tmp_path: Path, stabilised: bool, scale: float) -> None:
    tensors, body = factors(), Tiny()
    before = body.proj.weight.detach().clone()
    Adapter(write(tmp_path, tensors, use_rslora=stabilised)).merge(body, Body())
    a, b = tensors.values()
    torch.testing.assert_close(body.proj.weight.data, before + scale * b @ a)


def test_a_weight_in_bf16_stays_so_and_is_rounded_once(tmp_path: Path) -> None:
    tensors, body = factors(), Tiny(torch.bfloat16)
    before = body.proj.weight.detach().float()
    Adapter(write(tmp_path, tensors)).merge(body, Body())
    a, b = tensors.values()
    assert body.proj.weight.dtype == torch.bfloat16
    torch.testing.assert_close(body.proj.weight.data, (before + 3.0 * b @ a).bfloat16())


def test_a_body_whose_weights_are_renamed_takes_the_adapters_by_the_new_names(tmp_path: Path) -> None:
    body = Tiny()
    before = body.proj.weight.detach().clone()
    told = Body(renames=(Rename(r"model\.language_model\.(.*)", (r"\1",)),))
    Adapter(write(tmp_path, factors("model.language_model.proj"))).merge(body, told)
    assert not torch.equal(body.proj.weight, before)


def test_a_head_that_was_trained_whole_is_the_adapters(tmp_path: Path) -> None:
    score = torch.randn(1, 3)
    adapter = Adapter(write(tmp_path, {"base_model.model.score.weight": score}))
    adapter.merge(Tiny(), Body())  # which has no head, and needs none
    found = adapter.head("score.weight", None)
    assert found is not None
    assert torch.equal(found, score)
    assert adapter.head("lm_head.weight", (1,)) is None
    assert adapter.change("score.weight", None) is None


def test_some_rows_of_a_heads_change_are_those_of_the_whole(tmp_path: Path) -> None:
    adapter = Adapter(write(tmp_path, factors("lm_head", (9, 3))))
    whole, rows = adapter.change("lm_head.weight", None), adapter.change("lm_head.weight", (7, 2))
    assert whole is not None
    assert rows is not None
    torch.testing.assert_close(rows, whole[[7, 2]])


@pytest.mark.parametrize(
    "tensors", [factors("model.other"), factors(shape=(5, 3)), factors("model.proj") | factors("model.layers.9.proj")]
)
def test_another_models_adapter_is_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ModelLoadError, match="trained on another one"):
        Adapter(write(tmp_path, tensors)).merge(Tiny(), Body())


def test_quantised_weights_are_not_merged_into(tmp_path: Path) -> None:
    body = Tiny()
    body.proj.weight = torch.nn.Parameter(torch.zeros(4, 3, dtype=torch.int8), requires_grad=False)
    with pytest.raises(ModelLoadError, match="quantised"):
        Adapter(write(tmp_path, factors())).merge(body, Body())


@pytest.mark.parametrize(
    ("name", "value"),
    [("fan_in_fan_out", True), ("use_dora", True), ("peft_type", "IA3"), ("bias", "all"), ("lora_bias", True)],
)
def test_what_is_put_together_in_another_way_is_refused_by_name(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(ModelLoadError, match=rf"{name}={value!r}.*merge_and_unload"):
        Adapter(write(tmp_path, factors(), **{name: value}))


def test_an_encoders_adapter_is_refused_rather_than_left_out(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    save_file({"nothing": torch.zeros(1)}, weights)
    with pytest.raises(ModelLoadError, match="adapter of an encoder"):
        TorchBackend(device="cpu").load(weights, Network(adapter=tmp_path))


def test_half_a_change_and_pickled_weights_are_refused(tmp_path: Path) -> None:
    half = {name: tensor for name, tensor in factors().items() if "lora_A" in name}
    with pytest.raises(ModelLoadError, match="one half"):
        Adapter(write(tmp_path, half))
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match="pickled weights are not read"):
        Adapter(tmp_path)
