"""Linear layers whose weights are kept in 8 or 4 bits, while what they multiply stays in full precision.

Each row of a batch is computed by itself, so a pair's logit is the same alone and in any batch. Knows modules; nothing
of checkpoints and of what the layers mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor, nn

from secondpass.backends.torch.quantised import EXTRA
from secondpass.errors import MissingExtra, ModelLoadError

_BLOCK = 64
"""Weights that share a scale in 4 bits: NF4 of QLoRA (Dettmers et al. 2023), as bitsandbytes stores it."""


class Int8Linear(nn.Module):
    """A linear layer of int8 `weight`, shape (out, in), times one fp32 `scale` a row, shape (out, 1)."""

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.float())
        self.register_buffer("bias", None if bias is None else bias.detach())

    @classmethod
    def of(cls, linear: nn.Linear) -> Int8Linear:
        """The nearest to `linear`: each row's greatest weight becomes 127."""
        exact = linear.weight.detach().float()
        scale = exact.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / 127
        return cls((exact / scale).round().to(torch.int8), scale, linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        # The scale goes to the weights: products with whole numbers up to 127 could leave the range of fp16.
        weight = (self.weight * self.scale).to(states.dtype)
        return nn.functional.linear(states, weight, None if self.bias is None else self.bias.to(states.dtype))


def shrink(body: nn.Module, bits: Literal["int8", "int4"]) -> None:
    """Put small weights into every linear layer of `body`, but for its pooler, which belongs to the head.

    Raises `MissingExtra` where 4 bits are asked for and bitsandbytes is not installed.
    """
    if bits == "int4" and find_spec("bitsandbytes") is None:
        raise MissingExtra("precision='int4' with torch", EXTRA)
    for parent, name, child in _linear(body):
        setattr(parent, name, Int8Linear.of(child) if bits == "int8" else _four_bits(child))


def require_exact(body: nn.Module) -> None:
    """Raise `ModelLoadError` where weights of `body` are kept small, so that nothing can be added to them."""
    for name, parameter in body.named_parameters():
        if type(parameter.data) is not Tensor or not parameter.is_floating_point():
            raise ModelLoadError(
                f"{name} is quantised, and a LoRA adapter is added to weights in full precision only. Put the adapter "
                "on the same model in fp32, fp16 or bf16; precision='int8' or 'int4' makes the sum small."
            )


def expand(model: nn.Module, heads: Iterable[nn.Module]) -> None:
    """Put plain fp32 weights into the linear layers of `heads`, modules in `model`, that were stored small.

    What rounding took from them is gone; no more is lost. Raises `ModelLoadError` for layers that nothing here expands.
    """
    exact = {each for head in heads for each in head.modules()}
    for parent, name, child in _named(model):
        weight = _expanded(child, name) if child in exact else None
        if weight is None:
            continue
        plain = nn.Linear(weight.shape[1], weight.shape[0], bias=child.bias is not None, device="meta")
        plain.weight = nn.Parameter(weight, requires_grad=False)
        if child.bias is not None:
            plain.bias = nn.Parameter(child.bias.detach().float(), requires_grad=False)
        setattr(parent, name, plain)


def settle(model: nn.Module, dtype: torch.dtype) -> None:
    """Have layers of bitsandbytes in `model` compute in `dtype`, each row by itself and in any thread.

    Its 8-bit layers round activations, by a scale a row, and set apart the columns in which any row of the batch has a
    great value; ours take the same weights and leave activations alone. Its 4-bit layers would repack their weights on
    the first pass, which two threads may begin at once.
    """
    for parent, name, child in _named(model):
        kind = type(child)
        if not kind.__module__.startswith("bitsandbytes."):
            continue
        if kind.__name__ == "Linear8bitLt":
            weight: Any = child.weight
            setattr(parent, name, Int8Linear(weight.data, weight.SCB[:, None] / 127, child.bias))
        elif kind.__name__ == "Linear4bit":
            _steady(child, dtype)


def _expanded(layer: Any, name: str) -> Tensor | None:
    """The weight of a layer in fp32, shape (out, in); None where it was not stored small."""
    kind = type(layer)
    if kind.__module__.startswith("bitsandbytes.") and kind.__name__ == "Linear8bitLt":
        return layer.weight.data.float() * layer.weight.SCB[:, None] / 127  # type: ignore[no-any-return]
    if kind.__module__.startswith("bitsandbytes.") and kind.__name__ == "Linear4bit":
        codes: Any = import_module("bitsandbytes.functional")
        return codes.dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()  # type: ignore[no-any-return]
    if hasattr(layer, "qweight"):
        raise ModelLoadError(
            f"The head's layer {name} is quantised as {kind.__name__}, and a head is computed in fp32 only. Choose a "
            "checkpoint that leaves its head as it is, or the same model in fp32, fp16 or bf16."
        )
    if type(layer) is nn.Linear and type(layer.weight.data) is not Tensor:  # torchao's are kinds of tensors
        return layer.weight.dequantize().float()
    return None


def _four_bits(linear: nn.Linear) -> nn.Module:
    small: Any = import_module("bitsandbytes.nn")  # its types are not those that it takes
    dtype = linear.weight.dtype
    made: Any = small.Linear4bit(
        linear.in_features, linear.out_features, linear.bias is not None, compute_dtype=dtype, device="meta"
    )
    exact = small.Params4bit(
        linear.weight.detach(),
        requires_grad=False,
        quant_type="nf4",
        blocksize=_BLOCK,
        compress_statistics=False,  # scales in fp32, half a bit a weight, so that they are the formula's
        module=made,
    )
    made.weight = exact.to("cpu")  # which is when it is rounded
    made.bias = linear.bias
    _steady(made, dtype)
    return made  # type: ignore[no-any-return]


def _steady(layer: Any, dtype: torch.dtype) -> None:
    layer.compute_dtype, layer.compute_type_is_set = dtype, True
    layer.support_avx512bf16_for_cpu = False


def _linear(body: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """The layers whose weights are not small yet, with the module that holds each and its name there."""
    pooler = getattr(body, "pooler", None)
    exact = set(pooler.modules()) if isinstance(pooler, nn.Module) else set()
    for parent, name, child in _named(body):
        if type(child) is nn.Linear and type(child.weight.data) is Tensor and child not in exact:
            yield parent, name, child


def _named(model: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            yield parent, name, child
