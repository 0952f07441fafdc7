"""Tiny checkpoints in quantised formats, written by each format's own library, or by us where that needs a GPU.

Knows layouts of tensors and settings; nothing of how they are read back and of scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Make = Callable[[Path, Path], None]
"""Reads the checkpoint in the first folder and writes the second."""

GROUP = 64
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
_KEPT = ["classifier", "bert.pooler.dense", "lm_head"]


def write_plain(folder: Path, kind: str, shape: Mapping[str, int] | None = None) -> Path:
    """A random fp32 checkpoint: "decoder" is a Qwen3 with its output matrix, "encoder" a BERT with a classifier."""
    import transformers

    sizes = {"vocab_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256}
    sizes |= {"hidden_size": 128, "intermediate_size": 256} | dict(shape or {})
    library: Any = transformers
    if kind == "decoder":
        config = library.Qwen3Config(**sizes, num_key_value_heads=2, head_dim=128, tie_word_embeddings=False)
        model = library.Qwen3ForCausalLM(config)
    else:
        model = library.BertForSequenceClassification(library.BertConfig(**sizes, num_labels=1))
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.08, generator=draw)
    model.save_pretrained(folder)
    return folder


def on_load(config: str, **settings: Any) -> Make:
    """Quantised by transformers with its configuration class of that name, and saved."""

    def make(plain: Path, folder: Path) -> None:
        library: Any = import_module("transformers")
        made = {name: each() if callable(each) else each for name, each in settings.items()}
        told = getattr(library, config)(*made.pop("first", ()), **made)
        _class(plain).from_pretrained(plain, quantization_config=told, dtype=torch.float32).save_pretrained(folder)

    return make


def torchao(name: str) -> Make:
    """Quantised by torchao with its configuration class of that name."""
    return on_load("TorchAoConfig", first=lambda: (getattr(import_module("torchao.quantization"), name)(),))


def compressed(preset: str) -> Make:
    """Quantised by compressed-tensors under one of its preset schemes, scales from the least and greatest weights."""

    def make(plain: Path, folder: Path) -> None:
        quantization: Any = import_module("compressed_tensors.quantization")
        compressors: Any = import_module("compressed_tensors.compressors")
        model = _class(plain).from_pretrained(plain, dtype=torch.float32)
        scheme = quantization.preset_name_to_scheme(preset, ["Linear"])
        ignore = ["lm_head", "classifier", "re:.*pooler.*"]
        config = quantization.QuantizationConfig(
            config_groups={"group_0": scheme}, ignore=ignore, quantization_status="frozen"
        )
        quantization.apply_quantization_config(model, config)
        for module in model.modules():
            if hasattr(module, "quantization_scheme"):
                _calibrate(module)
        compressor = compressors.ModelCompressor.from_pretrained_model(model)
        compressor.compress_model(model)
        model.save_pretrained(folder)
        compressor.update_config(folder)

    return make


def _calibrate(module: Any) -> None:
    tools: Any = import_module("compressed_tensors.quantization.utils")
    told, weight = module.quantization_scheme.weights, module.weight.data
    strategy = getattr(told.strategy, "value", told.strategy)
    parts = weight.view(len(weight), -1, told.group_size if "group" in strategy else weight.shape[1])
    least, greatest = (parts.amin(2), parts.amax(2)) if strategy != "tensor" else (weight.min(), weight.max())
    overall = None
    if hasattr(module, "weight_global_scale"):
        overall = tools.generate_gparam(weight.min(), weight.max())
        module.weight_global_scale.data.copy_(overall)
    scale, zero = tools.calculate_qparams(least, greatest, told, global_scale=overall)
    module.weight_scale.data.copy_(scale.reshape(module.weight_scale.shape))
    if hasattr(module, "weight_zero_point"):
        module.weight_zero_point.data.copy_(zero.reshape(module.weight_zero_point.shape))
    if hasattr(module, "input_global_scale"):
        module.input_global_scale.data.fill_(448 * 6 / 4)  # for inputs up to 4


def four_bits(method: str) -> Make:
    """GPTQ or AWQ in 4 bits, rounded to nearest with a scale for each 64 inputs of a row."""
    common = {"quant_method": method, "bits": 4, "group_size": GROUP}
    own = {"gptq": {"desc_act": False, "sym": True, "checkpoint_format": "gptq"}}
    settings = common | own.get(method, {"version": "gemm", "zero_point": True, "modules_to_not_convert": _KEPT})

    def small(name: str, weight: Tensor) -> dict[str, Tensor]:
        inputs = weight.T.contiguous()
        groups = inputs.view(len(inputs) // GROUP, GROUP, -1)
        scales = (groups.abs().amax(1) / 7).half()
        codes = ((groups / scales[:, None].float()).round() + 8).clamp(0, 15).view(inputs.shape)
        zeros = torch.full(scales.shape, 8)
        if method == "gptq":
            found = {"qweight": _pack(codes.T).T, "qzeros": _pack(zeros - 1)}  # its zeros are stored less one
            found["g_idx"] = (torch.arange(len(inputs)) // GROUP).int()
        else:
            found = {"qweight": _pack(codes, AWQ_ORDER), "qzeros": _pack(zeros, AWQ_ORDER)}
        return {name + each: tensor.contiguous() for each, tensor in (found | {"scales": scales}).items()}

    return lambda plain, folder: _rewrite(plain, folder, small, settings)


def fp8_blocks(plain: Path, folder: Path) -> None:
    """fp8 (e4m3) with a scale for each block of 64 × 64, in the layout that transformers calls fine-grained."""

    def small(name: str, weight: Tensor) -> dict[str, Tensor]:
        blocks = weight.view(len(weight) // GROUP, GROUP, -1, GROUP)
        scales = blocks.abs().amax((1, 3)) / 448
        codes = (blocks / scales[:, None, :, None]).view(weight.shape).to(torch.float8_e4m3fn)
        return {f"{name}weight": codes, f"{name}weight_scale_inv": scales}

    told = {"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "weight_block_size": [GROUP, GROUP]}
    _rewrite(plain, folder, small, told | {"modules_to_not_convert": _KEPT})


def marked(method: str) -> Make:
    """Plain weights under settings that name a method, for methods that nothing here can write."""
    return lambda plain, folder: _rewrite(
        plain, folder, lambda name, weight: {f"{name}weight": weight}, {"quant_method": method}
    )


def _rewrite(
    plain: Path, folder: Path, small: Callable[[str, Tensor], dict[str, Tensor]], settings: Mapping[str, Any]
) -> None:
    """A copy in which the weights of linear layers are what `small` makes of them."""
    from safetensors.torch import load_file, save_file

    found: dict[str, Tensor] = {}
    for name, tensor in load_file(plain / "model.safetensors").items():
        layer = ".layer" in name and tensor.dim() == 2
        found |= small(name.removesuffix("weight"), tensor) if layer else {name: tensor}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(found, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((plain / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": dict(settings)}), encoding="utf-8")


def _pack(codes: Tensor, order: Sequence[int] = range(8)) -> Tensor:
    """Eight 4-bit codes of a row in one int32, the first in the lowest bits."""
    parts = codes.reshape(len(codes), -1, 8).long()
    whole = torch.stack([parts[..., at] << (4 * place) for place, at in enumerate(order)]).sum(0)
    return torch.where(whole >= 2**31, whole - 2**32, whole).int()


def _class(folder: Path) -> Any:
    library: Any = import_module("transformers")
    named: Sequence[str] = json.loads((folder / "config.json").read_text(encoding="utf-8"))["architectures"]
    return getattr(library, named[0])
