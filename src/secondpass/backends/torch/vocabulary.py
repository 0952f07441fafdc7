"""A masked language model as a body and what stands behind it, which gives weights for the vocabulary's entries.

Knows states, masks and transformers' masked language models; nothing of terms and of devices.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from secondpass.backends.network import Vocabulary

_MOST = 2**24
"""Logits that are computed at a time: 64 MB of fp32."""


class VocabularyHead(nn.Module):
    """A `Vocabulary`: states (rows, length, hidden) and their mask to weights (rows, vocabulary), in fp32.

    Takes `model` over, whose body is left out of it: what its architecture puts behind the body then reads the states
    that it is given. Logits are joined over a row's tokens in slices, so that they are never there for a whole batch.
    """

    pool = None

    def __init__(self, model: Any, told: Vocabulary) -> None:
        super().__init__()
        body = getattr(model, model.base_model_prefix)
        setattr(model, model.base_model_prefix, _Given())
        self.model = model
        if next(body.parameters()).dtype is not torch.float32:
            # A copy: the output's matrix is often the input's, which the body goes on reading as it is.
            self.model = copy.deepcopy(model).float()
        self._told = told

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        size = self._logits(states[:1, :1]).shape[-1]
        rows = max(1, _MOST // (size * states.shape[1]))
        parts = zip(torch.split(states, rows), torch.split(mask, rows), strict=True)
        return torch.cat([self._joined(some, real, max(1, _MOST // (size * len(some)))) for some, real in parts])

    def _joined(self, states: Tensor, mask: Tensor, step: int) -> Tensor:
        """Weights of a few rows, `step` tokens after the other."""
        parts = zip(torch.split(states, step, 1), torch.split(mask, step, 1), strict=True)
        pooled = torch.stack([self._pooled(some, real) for some, real in parts])
        return pooled.amax(0) if self._told.pool == "max" else pooled.sum(0)

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        logits = self._logits(states).relu_() * mask.unsqueeze(-1)
        if self._told.pool == "max":
            return self._saturated(logits.amax(1))  # it rises with the logit, so the order of the two is free
        return self._saturated(logits).sum(1)

    def _saturated(self, logits: Tensor) -> Tensor:
        once = logits.log1p_()
        return once.log1p_() if self._told.twice else once

    def _logits(self, states: Tensor) -> Tensor:
        found: Tensor = self.model(inputs_embeds=states.float()).logits
        return found


class _Given(nn.Module):
    """Stands where a body was, and gives back the states that it is handed as embeddings."""

    def forward(self, *_: Any, inputs_embeds: Tensor, **__: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=inputs_embeds)
