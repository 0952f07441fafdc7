"""What the tensors of quantised checkpoints mean, written down a second time: formula by formula, with no library.

Turns a quantised checkpoint into a plain one in fp32, which another must score as if it were the same. Knows layouts of
tensors; nothing of who reads them and of scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.quantised_checkpoints import AWQ_ORDER

Parts = Mapping[str, Tensor]
"""The tensors of one linear layer, by what follows its name."""

_E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])  # OCP Microscaling Formats 1.0, table 5
_FP4 = torch.cat([_E2M1, -_E2M1])  # the highest of four bits is the sign
_NF4 = torch.tensor(
    (
        *(-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0.0),
        *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
    )
)  # QLoRA (Dettmers et al. 2023), appendix E
_BLOCK = 64


def decode(small: Path, plain: Path, folder: Path) -> Path:
    """Write to `folder` what `plain` is with the linear weights of `small`, a quantised copy of it, decoded to fp32."""
    from safetensors.torch import load_file

    held = load_file(small / "model.safetensors")

    def change(name: str, exact: Tensor) -> Tensor:
        stem = name.removesuffix("weight")
        if name in held and held[name].dtype == exact.dtype and held[name].shape == exact.shape:
            return held[name]
        return _decoded({key.removeprefix(stem): held[key] for key in held if key.startswith(stem)}, exact.shape)

    return _rewritten(plain, folder, change)


def rounded(plain: Path, folder: Path, bits: str) -> Path:
    """Write `plain` to `folder` with its layers' linear weights as "int8" by row, or NF4 by block, has them."""
    nearest = {"int8": _nearest_int8, "int4": _nearest_nf4}[bits]

    def change(name: str, exact: Tensor) -> Tensor:
        return nearest(exact) if ".layer" in name and exact.dim() == 2 else exact

    return _rewritten(plain, folder, change)


def round_inputs(module: torch.nn.Module) -> None:
    """Have each linear layer of `module`'s blocks read int8, by a scale a token: its greatest value becomes 127.5."""

    def nearest(_layer: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        step = inputs[0].abs().amax(-1, keepdim=True) / 127.5
        return ((inputs[0] * (1 / step)).round().clamp(-128, 127) * step,)

    for name, layer in module.named_modules():
        if isinstance(layer, torch.nn.Linear) and ".layer" in name:
            layer.register_forward_pre_hook(nearest)


def _rewritten(plain: Path, folder: Path, change: Callable[[str, Tensor], Tensor]) -> Path:
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    found = {name: change(name, each) for name, each in load_file(plain / "model.safetensors").items()}
    found = {name: each.float().contiguous() for name, each in found.items()}
    save_file(found, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((plain / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _decoded(parts: Parts, shape: torch.Size) -> Tensor:
    """The weight, of shape (out, in), by the first layout whose mark is there."""
    layout = next(made for mark, made in _LAYOUTS if mark in parts)
    return layout(parts, shape).reshape(shape)


def _bitsandbytes_int8(parts: Parts, shape: torch.Size) -> Tensor:
    return parts["weight"].float() * parts["SCB"][:, None] / 127


def _bitsandbytes_four(parts: Parts, shape: torch.Size) -> Tensor:
    """The first weight of two is in the higher half of its byte; scales may be codes themselves."""
    told = json.loads(bytes(next(parts[name] for name in parts if ".quant_state." in name).tolist()))
    codes = torch.stack([parts["weight"].flatten() >> 4, parts["weight"].flatten() & 15], 1).flatten()
    scales = parts["weight.absmax"]
    if "weight.nested_absmax" in parts:
        of = parts["weight.nested_absmax"].repeat_interleave(told["nested_blocksize"])[: len(scales)]
        scales = parts["weight.nested_quant_map"][scales.long()] * of + told["nested_offset"]
    return parts["weight.quant_map"][codes.long()] * scales.repeat_interleave(told["blocksize"])[: len(codes)]


def _packed_integers(parts: Parts, shape: torch.Size) -> Tensor:
    """Codes of 4 or 8 bits in int32, the first in the lowest bits, above the least of their range."""
    bits = 32 * parts["weight_packed"].shape[1] // shape[1]
    codes = _unpacked(parts["weight_packed"], bits) - 2 ** (bits - 1)
    return _spread(codes.float(), parts["weight_scale"])


def _scaled(parts: Parts, shape: torch.Size) -> Tensor:
    return parts["weight"].float() * parts["weight_scale"].float()


def _nvfp4(parts: Parts, shape: torch.Size) -> Tensor:
    """The products are rounded to bf16, as compressed-tensors rounds them."""
    scales = parts["weight_scale"].float() / parts["weight_global_scale"].float()
    return _spread(_floats(parts["weight_packed"]), scales).bfloat16()


def _mxfp4(parts: Parts, shape: torch.Size) -> Tensor:
    """Scales are exponents of two, above 127."""
    return _spread(_floats(parts["weight_packed"]), torch.exp2(parts["weight_scale"].float() - 127))


def _fp8_blocks(parts: Parts, shape: torch.Size) -> Tensor:
    scales = parts["weight_scale_inv"].float()
    tall = scales.repeat_interleave(shape[0] // len(scales), 0)
    return _spread(parts["weight"].float(), tall)


def _torchao(parts: Parts, shape: torch.Size) -> Tensor:
    codes = parts["_weight_qdata"].float()
    if "_weight_zero_point" in parts:
        codes = codes - parts["_weight_zero_point"].float()
    return codes * parts["_weight_scale"].float()


def _gptq(parts: Parts, shape: torch.Size) -> Tensor:
    """Inputs go down in `qweight`; `g_idx` says which group each belongs to; zeros are stored less one."""
    codes = _unpacked(parts["qweight"].T, 4).T
    group = parts["g_idx"].long()
    zeros = _unpacked(parts["qzeros"], 4)[group] + 1
    return ((codes - zeros).float() * parts["scales"].float()[group]).T


def _awq(parts: Parts, shape: torch.Size) -> Tensor:
    """Inputs go down in `qweight`, and of eight outputs the order is AWQ's own."""
    codes, zeros = (_unpacked(parts[name], 4, AWQ_ORDER) for name in ("qweight", "qzeros"))
    size = len(codes) // len(zeros)
    offset = (codes - zeros.repeat_interleave(size, 0)).float()
    return (offset * parts["scales"].float().repeat_interleave(size, 0)).T


_LAYOUTS: tuple[tuple[str, Callable[[Parts, torch.Size], Tensor]], ...] = (
    ("SCB", _bitsandbytes_int8),
    ("weight.quant_map", _bitsandbytes_four),
    ("weight_shape", _packed_integers),
    ("weight_global_scale", _nvfp4),
    ("weight_packed", _mxfp4),
    ("weight_scale_inv", _fp8_blocks),
    ("weight_scale", _scaled),
    ("_weight_qdata", _torchao),
    ("g_idx", _gptq),
    ("qweight", _awq),
)
"""By the tensor that none above it has."""


def _unpacked(words: Tensor, bits: int, order: Sequence[int] | None = None) -> Tensor:
    """The codes in each row of int32 `words`, shape (rows, 32 / bits × words); `order` has their places in a word."""
    count = 32 // bits
    parts = [(words.long() >> (bits * place)) & (2**bits - 1) for place in range(count)]
    found = list(parts)
    for place, at in enumerate(order or range(count)):
        found[at] = parts[place]
    return torch.stack(found, 2).reshape(len(words), -1)


def _floats(codes: Tensor) -> Tensor:
    """Two 4-bit floats a byte, the first in its lower half."""
    return _FP4[torch.stack([codes & 15, codes >> 4], 2).flatten(1).long()]


def _spread(values: Tensor, scales: Tensor) -> Tensor:
    """`values` times scales that each are for as many neighbours of a row as there is room for."""
    return values * scales.repeat_interleave(values.shape[1] // scales.shape[1], 1)


def _nearest_int8(exact: Tensor) -> Tensor:
    step = exact.abs().amax(1, keepdim=True) / 127
    return (exact / step).round() * step


def _nearest_nf4(exact: Tensor) -> Tensor:
    blocks = exact.reshape(-1, _BLOCK)
    greatest = blocks.abs().amax(1, keepdim=True)
    code = ((blocks / greatest)[..., None] - _NF4).abs().argmin(-1)
    return (_NF4[code] * greatest).reshape(exact.shape)
