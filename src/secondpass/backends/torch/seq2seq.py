"""An encoder with a decoder, for what the decoder says first. Knows masks and states, nothing of tokens' meaning."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class FirstStep(nn.Module):
    """Reads rows with the encoder and gives the decoder its first token; the head reads the state that comes of it.

    Nothing is generated: no second step, and no logits but those that the head has rows for.
    """

    def __init__(self, body: nn.Module, head: nn.Module, start: int) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self._start = start

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **others: Tensor) -> Tensor:
        """Logits in fp32, shape (rows, labels)."""
        body: Any = self.body
        begin = torch.full_like(input_ids[:, :1], self._start)
        states = body(
            input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=begin, use_cache=False, **others
        ).last_hidden_state
        found: Tensor = self.head(states, torch.ones_like(begin))
        return found
