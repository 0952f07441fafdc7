"""What is put on a transformer's last states to get logits, in fp32. Knows states and weights, nothing of devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from secondpass.backends.network import Chain, Pool, Projection, Step, Tokens, pool_mode
from secondpass.backends.torch.adapter import Adapter
from secondpass.backends.torch.loading import read_config, read_tensor
from secondpass.errors import ModelLoadError, UntrainedHead

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "torch.nn.modules.linear.Identity": nn.Identity,
    "torch.nn.modules.activation.GELU": nn.GELU,
    "torch.nn.modules.activation.ReLU": nn.ReLU,
    "torch.nn.modules.activation.Tanh": nn.Tanh,
}


def pooled(states: Tensor, mask: Tensor, pool: Pool) -> Tensor:
    """One state a row in fp32, shape (rows, hidden), of `states` (rows, length, hidden); `mask` (rows, length) has 1
    for real tokens, wherever the padding stands."""
    if pool == "mean":
        weights = mask.unsqueeze(-1).float()
        return (states.float() * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    real = mask.long()
    at = real.argmax(1) if pool == "first" else mask.shape[1] - 1 - real.flip(1).argmax(1)
    return states[torch.arange(states.shape[0], device=states.device), at].float()


class LinearHead(nn.Module):
    """A `Projection` with its weights: states (rows, length, hidden) and their mask to logits (rows, labels)."""

    def __init__(self, path: Path, told: Projection, adapter: Adapter | None = None) -> None:
        super().__init__()
        self.pool = told.pool
        self._told = told
        weight = _weight(path, told.weight, told.rows, adapter)
        bias = _weight(path, told.bias, told.rows, adapter) if told.bias else torch.zeros(len(weight))
        if told.softcap is None and told.rows is not None and len(told.rows) == 2:
            # The difference of two rows in fp32: subtracting two logits that were rounded would lose its last digits.
            weight, bias = weight[:1] - weight[1:], bias[:1] - bias[1:]
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(bias, requires_grad=False)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        logits = nn.functional.linear(pooled(states, mask, self.pool), self.weight, self.bias)
        if self._told.softcap is not None:
            logits = self._told.softcap * torch.tanh(logits / self._told.softcap)
            if self._told.rows is not None and len(self._told.rows) == 2:
                logits = logits[:, :1] - logits[:, 1:]
        return logits / self._told.divisor


def _weight(path: Path, names: tuple[str, ...], rows: tuple[int, ...] | None, adapter: Adapter | None) -> Tensor:
    """The head's weight in fp32, with what an adapter changes in it."""
    if adapter is None:
        return read_tensor(path, names, rows)
    # By its first name only: an adapter that changes the input's embedding leaves an output tied to it as it was.
    whole = adapter.head(names[0], rows)
    if whole is not None:
        return whole
    change = adapter.change(names[0], rows)
    weight = read_tensor(path, names, rows)
    return weight if change is None else weight + change


class ChainHead(nn.Module):
    """Modules of sentence-transformers: states (rows, length, hidden) and their mask to logits (rows, labels)."""

    def __init__(self, folder: Path, chain: Chain) -> None:
        super().__init__()
        rest = list(chain.steps)
        if chain.pool is not None:
            self.pool = chain.pool
        else:
            self.pool = _pool(folder, rest.pop(0))
        self.steps = nn.Sequential(*(_step(folder, step) for step in rest))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self.steps(pooled(states, mask, self.pool))
        return found


class TokensHead(nn.Module):
    """A `Tokens` with its weights: states (rows, length, hidden) to vectors (rows, length, size)."""

    pool = None

    def __init__(self, path: Path, told: Tokens) -> None:
        super().__init__()
        steps = [_step(path.parent, step) for step in told.steps]
        if told.weight:
            weight = read_tensor(path, told.weight)
            linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
            linear.weight.data = weight
            steps.insert(0, linear)
        self.steps = nn.Sequential(*steps)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = self.steps(states.float())
        return found


def _pool(folder: Path, pooling: Step) -> Pool:
    if pooling.kind != "Pooling":
        raise ModelLoadError(
            f"{folder / 'modules.json'} has a {pooling.kind} right behind the transformer, where a Pooling is "
            "expected. Choose a checkpoint whose modules begin with Transformer, Pooling."
        )
    path = folder / pooling.folder / "config.json"
    return pool_mode(read_config(path), path)


def _step(folder: Path, step: Step) -> nn.Module:
    if step.kind == "Normalize":
        return _Normalize()
    path = folder / step.folder
    config = read_config(path / "config.json")
    weights = path / "model.safetensors"
    if not weights.is_file():
        raise UntrainedHead(f"{weights} is not there: the head would be random. Fetch the model again, whole.")
    if step.kind == "LayerNorm":
        norm = nn.LayerNorm(int(config["dimension"]))
        _fill(norm, weights, "norm")
        return norm
    linear = nn.Linear(int(config["in_features"]), int(config["out_features"]), bias=bool(config.get("bias", True)))
    _fill(linear, weights, "linear")
    made = nn.Sequential(linear, _activation(path, config))
    return _Residual(made, linear, weights) if config.get("use_residual") else made


class _Normalize(nn.Module):
    """Vectors brought to length 1."""

    def forward(self, states: Tensor) -> Tensor:
        return nn.functional.normalize(states, dim=-1)


class _Residual(nn.Module):
    """A module whose input is added to what it gives, through a matrix of its own where the sizes differ."""

    def __init__(self, inner: nn.Module, linear: nn.Linear, weights: Path) -> None:
        super().__init__()
        self.inner = inner
        self.residual: nn.Module = nn.Identity()
        if linear.in_features != linear.out_features:
            self.residual = nn.Linear(linear.in_features, linear.out_features, bias=False)
            self.residual.weight.data = read_tensor(weights, ("residual.weight",))

    def forward(self, states: Tensor) -> Tensor:
        found: Tensor = self.inner(states) + self.residual(states)
        return found


def _activation(path: Path, config: dict[str, Any]) -> nn.Module:
    named = config.get("activation_function", "torch.nn.modules.activation.Tanh")
    if named not in _ACTIVATIONS:
        raise ModelLoadError(
            f"{path / 'config.json'} names the activation {named!r}, which is not one of {', '.join(_ACTIVATIONS)}."
        )
    return _ACTIVATIONS[named]()


def _fill(module: nn.Linear | nn.LayerNorm, weights: Path, name: str) -> None:
    module.weight.data = read_tensor(weights, (f"{name}.weight",))
    if module.bias is not None:
        module.bias.data = read_tensor(weights, (f"{name}.bias",))
