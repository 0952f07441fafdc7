"""A LoRA adapter's weights, added to those of the model that it was trained on.

Knows the files that peft writes: adapter_config.json and adapter_model.safetensors. Knows nothing of prompts and
scores, and needs no peft. Formula: W + s·B·A, with s = alpha / r, or alpha / √r where it is rank-stabilised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from secondpass.backends.network import Body
from secondpass.backends.torch.loading import called, read_config
from secondpass.errors import ModelLoadError

_PREFIX = "base_model.model."
_FACTOR = re.compile(r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<side>[AB])(?:\.default)?(?:\.weight)?")
_HEADS = ("score", "lm_head")
_PLAIN: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "fan_in_fan_out": (False, None),
    "use_dora": (False, None),
    "lora_bias": (False, None),
    "bias": ("none", None),
    "layer_replication": (None,),
}
"""Settings that change how the weights are put together, and the values that are read here."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What is added to one weight: `scale` times `b`, shape (out, r), times `a`, shape (r, in)."""

    a: Tensor
    b: Tensor
    scale: float
    embedding: bool

    def rows(self, rows: tuple[int, ...] | None = None) -> Tensor:
        """The change of a whole weight, or of some of its rows, in fp32."""
        if self.embedding:
            a = self.a if rows is None else self.a[:, list(rows)]
            return (self.b @ a).T * self.scale
        b = self.b if rows is None else self.b[list(rows)]
        return b @ self.a * self.scale


class Adapter:
    """The adapter in `folder`. Raises `ModelLoadError` for one that is not there, or is of a kind not read here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = read_config(folder / "adapter_config.json")
        _require_plain(folder, self._config)
        factors: dict[str, dict[str, Tensor]] = {}
        self._whole: dict[str, Tensor] = {}
        self._embeddings: set[str] = set()
        for name, tensor in _tensors(folder):
            factor = _FACTOR.fullmatch(name)
            if factor is None:
                self._whole[name.replace(".modules_to_save.", ".")] = tensor
                continue
            factors.setdefault(factor["module"], {})[factor["side"]] = tensor
            if factor["embedding"]:
                self._embeddings.add(factor["module"])
        self._changes = {module: self._change(module, sides) for module, sides in factors.items()}

    def merge(self, body: nn.Module, told: Body) -> None:
        """Add to the weights of `body`, in their own type, computed in fp32; put those that were trained whole.

        Raises `ModelLoadError` where it has no weight of that name or shape, or a quantised one.
        """
        changes = {f"{module}.weight": change for module, change in self._changes.items()}
        for name in (*changes, *self._whole):
            if name.split(".")[0] in _HEADS:
                continue
            added = changes[name].rows() if name in changes else self._whole[name]
            weight = self._weight(body, called(name, told), added)
            before = weight.data.float() if name in changes else 0.0
            weight.data = (before + added).to(weight.dtype)

    def _weight(self, body: nn.Module, names: tuple[str, ...], added: Tensor) -> nn.Parameter:
        """The one weight of `body` of those names."""
        parameters = dict(body.named_parameters())
        prefix = f"{getattr(body, 'base_model_prefix', 'model')}."
        weight = parameters.get(names[0].removeprefix(prefix)) if len(names) == 1 else None
        if weight is None or weight.shape != added.shape or not weight.is_floating_point():
            raise ModelLoadError(
                f"{self._folder} changes {' and '.join(names)}, shape {tuple(added.shape)}, which the model does not "
                "have, or has quantised: it was trained on another one. Use the model that adapter_config.json names "
                "as its base, in fp32, fp16 or bf16."
            )
        return weight

    def head(self, name: str, rows: tuple[int, ...] | None) -> Tensor | None:
        """The weight or bias `name` of a head that was trained whole, in fp32; None where it was not."""
        whole = self._whole.get(name)
        if whole is None or rows is None:
            return whole
        return whole[list(rows)]

    def change(self, name: str, rows: tuple[int, ...] | None) -> Tensor | None:
        """What is added to the weight `name` of a head, in fp32; None where it stays."""
        found = self._changes.get(name.removesuffix(".weight"))
        return None if found is None else found.rows(rows)

    def _change(self, module: str, sides: Mapping[str, Tensor]) -> _Change:
        if set(sides) != {"A", "B"}:
            raise ModelLoadError(f"{self._folder} has one half of the change of {module} only. Fetch it again, whole.")
        rank = sides["A"].shape[0]
        alpha = _of_pattern(self._config.get("alpha_pattern") or {}, module, self._config.get("lora_alpha", 8))
        root = math.sqrt(rank) if self._config.get("use_rslora") else rank
        return _Change(sides["A"], sides["B"], alpha / root, module in self._embeddings)


def _of_pattern(patterns: Mapping[str, float], module: str, otherwise: float) -> float:
    """The value of the first pattern that a module's whole name, or its end behind a dot, matches."""
    return next((value for key, value in patterns.items() if re.fullmatch(rf"(.*\.)?({key})", module)), otherwise)


def _tensors(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """The adapter's tensors in fp32, under the names of the modules that they belong to."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / "adapter_model.safetensors"
    if not path.is_file():
        raise ModelLoadError(
            f"{path} is not there, and pickled weights are not read. Save the adapter with peft's "
            "save_pretrained(folder, safe_serialization=True)."
        )
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error} Fetch it again.") from error
    for name, tensor in tensors.items():
        yield name.removeprefix(_PREFIX), tensor.to(torch.float32)


def _require_plain(folder: Path, config: Mapping[str, Any]) -> None:
    for name, read in _PLAIN.items():
        value = config.get(name, read[-1])
        if value not in read:
            raise ModelLoadError(
                f"{folder / 'adapter_config.json'} has {name}={value!r}, which is not read; only {name}={read[0]!r} "
                "is. Merge it with peft's merge_and_unload(), save the model, and load that."
            )
