"""Quantised checkpoints score as their weights decoded by formula, or are refused; weights made small on load too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from secondpass.backends.choose import choose
from secondpass.backends.torch import quantised
from secondpass.backends.torch.quantised import FORMATS, find_format
from secondpass.errors import InputError, MissingExtra, ModelError, ModelLoadError

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch  # after the skip

from benchmarks.quantised import EXACT, TRIALS, greatest, logits
from benchmarks.quantised_checkpoints import Make, compressed, fp8_blocks, on_load, write_plain
from benchmarks.quantised_decoding import decode, rounded
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.weight_only import Int8Linear, expand
from tests.backends.conftest import rows

Kind = Literal["decoder", "encoder"]
NAMED = {trial.name: trial for trial in TRIALS}
READ = (
    "bitsandbytes int8",
    "bitsandbytes nf4",
    "bitsandbytes nf4, double",
    "bitsandbytes fp4",
    "compressed-tensors W8A16",
    "compressed-tensors W8A8",
    "compressed-tensors W4A16",
    "compressed-tensors FP8",
    "compressed-tensors FP8_DYNAMIC",
    "compressed-tensors MXFP4A16",
    "compressed-tensors NVFP4A16",
    "compressed-tensors NVFP4",
    "fp8, 64 × 64",
)
"""Trials of formats that the extra reads. Those of torchao, AWQ and GPTQ run in benchmarks/quantised.py alone."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[Kind, Path]:
    return {
        "decoder": write_plain(tmp_path_factory.mktemp("decoder"), "decoder"),
        "encoder": write_plain(tmp_path_factory.mktemp("encoder"), "encoder"),
    }


@pytest.fixture(scope="module")
def exact(plain: dict[Kind, Path]) -> dict[Kind, Any]:
    """The logits before anything is rounded."""
    return {kind: logits(folder, kind) for kind, folder in plain.items()}


def make(way: Make, plain: Path, folder: Path) -> Path:
    """The checkpoint quantised in that way; what the libraries warn of as they write is theirs."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        way(plain, folder)
    return folder


def configure(folder: Path, told: dict[str, Any]) -> Path:
    """A folder whose config.json has that `quantization_config`, and no weights at all."""
    described = {"model_type": "bert", "quantization_config": told}
    (folder / "config.json").write_text(json.dumps(described), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    return folder / "model.safetensors"


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_a_quantised_checkpoint_scores_as_its_weights_decoded_by_formula(
    plain: dict[Kind, Path], exact: dict[Kind, Any], tmp_path: Path, kind: Kind, name: str
) -> None:
    # `logits` holds a row alone against the same row in a batch.
    folder = make(NAMED[name].make, plain[kind], tmp_path / "small")
    found, decoded = logits(folder, kind), logits(decode(folder, plain[kind], tmp_path / "decoded"), kind)
    assert greatest(found - decoded) <= EXACT
    assert greatest(found - exact[kind]) > 100 * EXACT  # rounding did change something


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("way", [on_load("BitsAndBytesConfig", load_in_8bit=True), compressed("W8A16"), fp8_blocks])
def test_quantised_weights_compute_in_the_precision_asked_for(
    plain: dict[Kind, Path], tmp_path: Path, precision: Literal["bf16", "fp16"], way: Make
) -> None:
    folder = make(way, plain["encoder"], tmp_path / "small")
    batch = rows([9, 33])
    half = TorchBackend(precision=precision, device="cpu").load(folder / "model.safetensors").run(batch)["logits"]
    whole = TorchBackend(precision="fp32", device="cpu").load(folder / "model.safetensors").run(batch)["logits"]
    assert 0 < np.abs(half - whole).max() < 0.05


def test_eight_bits_of_bitsandbytes_leave_a_row_alone_where_another_has_great_values() -> None:
    from bitsandbytes import nn as small

    from secondpass.backends.torch.weight_only import settle

    loaded: Any = small
    holder = torch.nn.Sequential(loaded.Linear8bitLt(64, 32, has_fp16_weights=False, threshold=6.0)).to("cpu")
    settle(holder, torch.float32)
    assert type(holder[0]) is Int8Linear
    calm = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    wild = calm.clone()
    wild[1, 5] = 40.0
    torch.testing.assert_close(holder(wild)[0], holder(calm)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("each", [each for each in FORMATS if each.weights == "refused"], ids=lambda each: each.method)
def test_what_is_not_read_is_refused_before_a_weight_is_read(tmp_path: Path, each: quantised.Format) -> None:
    path = configure(tmp_path, {"quant_method": each.method})
    with pytest.raises(ModelLoadError, match=f"quantised with {each.method}") as raised:
        TorchBackend(device="cpu").load(path)
    assert each.instead in str(raised.value)
    assert "precision='int8'" in str(raised.value)


@pytest.mark.parametrize(("told", "named"), [({"quant_method": "new"}, "new"), ({"bits": 4}, "does not name")])
def test_an_unknown_method_is_refused_by_name(tmp_path: Path, told: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelLoadError, match=named):
        TorchBackend(device="cpu").load(configure(tmp_path, told))


def test_without_its_library_a_format_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised, "find_spec", lambda name: None)
    for each in FORMATS:
        if each.weights == "refused":
            continue
        with pytest.raises(ModelError) as raised:
            find_format(tmp_path, {"quantization_config": {"quant_method": each.method}})
        assert all(name in str(raised.value) for name in each.needs)
        assert each.install in str(raised.value)
        assert isinstance(raised.value, MissingExtra) == ("secondpass[" in each.install)


def test_old_settings_of_bitsandbytes_have_no_name_for_it(tmp_path: Path) -> None:
    found = find_format(tmp_path, {"quantization_config": {"load_in_8bit": True}})
    assert found is not None
    assert found.method == "bitsandbytes"
    assert find_format(tmp_path, {}) is None


@pytest.mark.parametrize(
    "name", ["lm_head.qweight", "lm_head.weight_packed", "lm_head._weight_qdata", "lm_head.weight"]
)
def test_an_output_matrix_that_is_quantised_is_refused(plain: dict[Kind, Path], tmp_path: Path, name: str) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(plain["decoder"] / "model.safetensors")
    del tensors["lm_head.weight"]
    tensors[name] = torch.zeros(128, 16, dtype=torch.int32)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_bytes((plain["decoder"] / "config.json").read_bytes())
    with pytest.raises(ModelLoadError, match=rf"{name}.*is quantised"):
        logits(tmp_path, "decoder")


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_weights_made_small_on_load_are_those_rounded_by_formula(
    plain: dict[Kind, Path], exact: dict[Kind, Any], tmp_path: Path, kind: Kind, precision: Literal["int8", "int4"]
) -> None:
    found, by_hand = logits(plain[kind], kind, precision), logits(rounded(plain[kind], tmp_path, precision), kind)
    assert greatest(found - by_hand) <= EXACT
    assert greatest(found - exact[kind]) > 100 * EXACT


@pytest.mark.parametrize("settings", [{"load_in_8bit": True}, {"load_in_4bit": True}], ids=["int8", "fp4"])
def test_a_head_that_was_stored_small_is_computed_in_fp32(
    plain: dict[Kind, Path], tmp_path: Path, settings: dict[str, bool]
) -> None:
    folder = make(on_load("BitsAndBytesConfig", **settings), plain["encoder"], tmp_path / "small")
    graph: Any = TorchBackend(precision="bf16", device="cpu").load(folder / "model.safetensors")
    model = graph._module.model
    for head in (model.classifier, model.bert.pooler.dense):
        assert type(head) is torch.nn.Linear
        assert head.weight.dtype == head.bias.dtype == torch.float32
    states = torch.ones(1, 128, dtype=torch.bfloat16)
    assert model.classifier(states).dtype == torch.float32


def test_a_head_that_nothing_expands_is_refused() -> None:
    packed = torch.nn.Module()
    packed.register_buffer("qweight", torch.zeros(1, 1, dtype=torch.int32))
    head = torch.nn.ModuleDict({"score": packed})
    with pytest.raises(ModelLoadError, match=r"score is quantised as Module"):
        expand(head, [head])


SILENT = """
import sys
from secondpass.backends.torch.backend import TorchBackend
for path in sys.argv[1:]:
    TorchBackend(device="cpu").load(__import__("pathlib").Path(path, "model.safetensors"))
assert "bitsandbytes" not in sys.modules
"""


def test_an_ordinary_checkpoint_loads_without_a_word_and_without_bitsandbytes(plain: dict[Kind, Path]) -> None:
    command = [sys.executable, "-c", SILENT, str(plain["encoder"])]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not ran.stdout + ran.stderr


def test_small_weights_are_said_and_the_rest_is_as_auto_has_it() -> None:
    told = choose("torch", "int8", device="cpu").capabilities
    assert (told.precision, told.weights, told.arithmetic) == ("fp32", "int8", "int8-weights-fp32")
    exact = choose("torch", "fp32", device="cpu").capabilities
    assert (exact.weights, exact.arithmetic) == ("", "fp32")
    assert "int8 weights" in told.reason


def test_four_bits_are_for_torch_alone_and_need_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    from secondpass.backends.torch import weight_only

    with pytest.raises(InputError, match=r"precision='int4'.*backend='torch'"):
        choose("onnxruntime", "int4")
    monkeypatch.setattr(weight_only, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"int4.*secondpass\[quantised\]"):
        weight_only.shrink(torch.nn.Linear(4, 4), "int4")


def test_an_adapter_is_not_added_to_codes() -> None:
    from secondpass.backends.torch.weight_only import require_exact

    codes = torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.int8), requires_grad=False)
    require_exact(torch.nn.Linear(2, 2))
    with pytest.raises(ModelLoadError, match=r"0 is quantised.*LoRA"):
        require_exact(torch.nn.ParameterList([codes]))


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (3, 8), elements=st.floats(-1000, 1000, width=32)))
def test_a_weight_in_eight_bits_is_off_by_half_a_step_of_its_row(weight: Any) -> None:
    linear = torch.nn.Linear(8, 3, bias=False)
    linear.weight.data = torch.tensor(weight)
    found = Int8Linear.of(linear)
    off = np.abs((found.weight * found.scale).numpy() - weight)
    assert (off <= np.abs(weight).max(1, keepdims=True) / 127 * 0.5001 + 1e-30).all()
