"""A decoder that reads fewer and fewer tokens of the document on its way up. Knows layers and lengths, not weights.

As the authors of bge-reranker-v2.5-gemma2-lightweight do: FlagEmbedding, `CostWiseGemmaModel`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask

from secondpass.backends.network import Compression
from secondpass.errors import ModelLoadError

_MASKS: dict[str, Callable[..., Any]] = {
    "full_attention": create_causal_mask,
    "sliding_attention": create_sliding_window_causal_mask,
}


class Compressed(nn.Module):
    """A Gemma 2 body whose documents are shortened as `told`, and a head on its last states.

    Rows are padded on the right. Tokens have the positions that they have among those which are left.
    """

    def __init__(self, body: Any, head: nn.Module, told: Compression) -> None:
        super().__init__()
        if body.config.model_type != "gemma2":
            raise ModelLoadError(
                f"Compression was asked of a {body.config.model_type}, and only Gemma 2 can do it. Leave it out."
            )
        self.body = body
        self.head = head
        self._ratio = told.ratio
        count = body.config.num_hidden_layers
        self._bounds = (0, *sorted({layer for layer in told.layers if 0 < layer < count}), count)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, query_lengths: Tensor, prompt_lengths: Tensor
    ) -> Tensor:
        """Logits in fp32, shape (rows, labels)."""
        states, mask = self.body.embed_tokens(input_ids), attention_mask
        for start, end in pairwise(self._bounds):
            if start:
                states, mask = shorten(states, mask, query_lengths, prompt_lengths, self._ratio)
            states = self._layers(states, mask, start, end)
        found: Tensor = self.head(self.body.norm(states), mask)
        return found

    def _layers(self, states: Tensor, mask: Tensor, start: int, end: int) -> Tensor:
        """What comes out of the layers from `start` up to `end`."""
        config = self.body.config
        positions = torch.arange(states.shape[1], device=states.device)[None]
        rotary = self.body.rotary_emb(states, positions)
        masks = {
            kind: _MASKS[kind](config, states, mask, past_key_values=None, position_ids=positions)
            for kind in set(config.layer_types[start:end])
        }
        for kind, layer in zip(config.layer_types[start:end], self.body.layers[start:end], strict=True):
            states = layer(states, attention_mask=masks[kind], position_embeddings=rotary, position_ids=positions)
        return states


def shorten(states: Tensor, mask: Tensor, queries: Tensor, prompts: Tensor, ratio: int) -> tuple[Tensor, Tensor]:
    """States (rows, length, hidden) whose documents' are means of `ratio`, the last of what is left, and their mask.

    `queries` and `prompts`, shape (rows,), are the tokens before and behind the document.
    """
    rows, length, hidden = states.shape
    documents = (mask.sum(1) - queries - prompts).clamp(min=0)[:, None]
    kept = (documents + ratio - 1) // ratio
    real = queries[:, None] + kept + prompts[:, None]
    place = torch.arange(length, device=states.device)[None].expand(rows, -1)
    inside = place - queries[:, None]
    to = torch.where(inside < 0, place, queries[:, None] + inside // ratio)
    to = torch.where(inside >= documents, place - documents + kept, to)
    longest = int(real.max())
    to = torch.where(mask.bool(), to, longest)  # padding is gathered behind the end, and cut off
    sums = torch.zeros(rows, longest + 1, hidden, dtype=torch.float32, device=states.device)
    sums.scatter_add_(1, to[..., None].expand(-1, -1, hidden), states.float())
    counts = torch.zeros(rows, longest + 1, device=states.device).scatter_add_(1, to, torch.ones_like(to).float())
    means = sums / counts.clamp(min=1.0)[..., None]
    left = torch.arange(longest, device=states.device)[None] < real
    return means[:, :longest].to(states.dtype), left.to(mask.dtype)
