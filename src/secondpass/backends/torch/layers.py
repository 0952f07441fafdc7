"""Heads of several layers that a checkpoint holds beside its transformer, and a body that is read at marked tokens.

Knows states and weights, nothing of devices and of what the tokens mean.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from secondpass.backends.network import Layer, Layers, Pool
from secondpass.backends.torch.heads import pooled
from secondpass.backends.torch.loading import read_tensor, weight_map


class LayersHead(nn.Module):
    """A `Layers` with its weights, in fp32."""

    def __init__(self, path: Path, told: Layers) -> None:
        """Raises `UntrainedHead` where a layer's weights are not in the files at `path`."""
        super().__init__()
        self.pool: Pool = told.pool or "last"
        held = frozenset().union(*weight_map(path).values())
        self.steps = nn.Sequential(*(_step(path, layer, held) for layer in told.layers))

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Logits, shape (rows, labels), of states (rows, length, hidden) and their mask (rows, length)."""
        return self.each(pooled(states, mask, self.pool))

    def each(self, states: Tensor) -> Tensor:
        """What the layers make of each state by itself: (..., hidden) to (..., size)."""
        found: Tensor = self.steps(states.float())
        return found


class Marked(nn.Module):
    """Gives a vector for each marked token. Rows have no padding, so a causal body needs no mask."""

    def __init__(self, body: nn.Module, head: LayersHead) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def forward(self, input_ids: Tensor, marks: Tensor) -> Tensor:
        """Vectors, shape (rows, marks, size), of ids (rows, length) and positions in them (rows, marks)."""
        states = self.body(input_ids=input_ids, use_cache=False).last_hidden_state
        rows = torch.arange(len(states), device=states.device)[:, None]
        return self.head.each(states[rows, marks])


def _step(path: Path, layer: Layer, held: frozenset[str]) -> nn.Module:
    if layer.kind == "ReLU":
        return nn.ReLU()
    weight = read_tensor(path, (f"{layer.name}.weight",))
    if layer.kind == "LayerNorm":
        norm = nn.LayerNorm(weight.shape, eps=layer.eps)
        _fill(norm, weight, read_tensor(path, (f"{layer.name}.bias",)))
        return norm
    bias = f"{layer.name}.bias" in held
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=bias)
    _fill(linear, weight, read_tensor(path, (f"{layer.name}.bias",)) if bias else None)
    return linear


def _fill(module: nn.Linear | nn.LayerNorm, weight: Tensor, bias: Tensor | None) -> None:
    module.weight.data = weight
    if bias is not None:
        module.bias.data = bias
