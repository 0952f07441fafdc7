"""Computes a batch's rows behind each other, without the padding between them.

Knows bodies of transformers and their positions; nothing of heads, which get padded states as always. What is computed
is the same: `tests/backends/test_torch_packing.py` holds packed against padded for every architecture on the list, on
a CPU. Never run on a GPU yet.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPoolingAndCrossAttentions

from secondpass.backends.torch.attention import PACKED, SETTER, head_size_fits, packing_kernel, register

Positions = Literal["column", "after padding"]
"""How a body counts positions: from 0, or as RoBERTa does from the padding token's id plus 1, leaving out padding
tokens."""

PACKABLE: dict[str, Positions] = {
    "bert": "column",
    "electra": "column",
    "gemma": "column",
    "gte": "column",
    "llama": "column",
    "mistral": "column",
    "modernbert": "column",
    "qwen2": "column",
    "qwen3": "column",
    "roberta": "after padding",
    "xlm-roberta": "after padding",
}
"""`model_type`s whose every layer sees other tokens through attention alone, and tells them apart by position ids.

Not among them: DeBERTa-v2 (positions within the attention), Gemma 2 (its scores are capped, which torch's kernel does
not do), and whatever reads its neighbours by convolution or recurrence.
"""

_WITH_ROWS = frozenset({"token_type_ids", "use_cache", "return_dict"})  # what a packed batch may come with


def can_pack(body: Any, device: torch.device, dtype: torch.dtype, *, forced: bool = False) -> bool:
    """Whether `body` can read packed rows; unless `forced`, only where a kernel makes that faster."""
    known = body.config.model_type in PACKABLE and getattr(body, "_supports_attention_backend", False)
    fast = forced or (packing_kernel(device, dtype) is not None and head_size_fits(body.config))
    return bool(known and fast and hasattr(body, SETTER) and register())


class PackedBody(nn.Module):
    """A body that is given padded rows and gives padded states, and computes no padding in between.

    A batch that comes with keys and values computed before, or with a mask of its own for every token, is computed as
    it is, padded. States of padding are 0.
    """

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body
        body.set_attn_implementation(PACKED)

    @property
    def config(self) -> Any:
        return self.body.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any) -> Any:
        given = {name: value for name, value in others.items() if value is not None}
        if attention_mask is None or attention_mask.dim() != 2 or not given.keys() <= _WITH_ROWS:
            return self.body(input_ids=input_ids, attention_mask=attention_mask, **given)
        real = attention_mask.flatten().nonzero().squeeze(1)
        states = self._packed(input_ids, attention_mask, given.get("token_type_ids"), real)
        padded = states.new_zeros(attention_mask.numel(), states.shape[-1]).index_copy_(0, real, states)
        padded = padded.view(*attention_mask.shape, -1)
        # The body's own pooler has seen the first row alone.
        pooler = getattr(self.body, "pooler", None)
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=padded, pooler_output=None if pooler is None else pooler(padded)
        )

    def _packed(self, ids: Tensor, mask: Tensor, types: Tensor | None, real: Tensor) -> Tensor:
        """The states of the tokens at `real`, shape (tokens, hidden)."""
        lengths = mask.sum(1, dtype=torch.int32)
        ends = nn.functional.pad(lengths.cumsum(0, dtype=torch.int32), (1, 0))
        longest = int(lengths.max())
        given = {"input_ids": ids, "position_ids": self._positions(ids)}
        if types is not None:
            given["token_type_ids"] = types
        found: Tensor = self.body(
            **{name: value.flatten()[real][None] for name, value in given.items()},
            # Of four dimensions, so that no mask is made of it for all pairs of tokens; `packed_attention` reads none.
            attention_mask=mask.new_ones(1, 1, 1, 1),
            cu_seq_lens_q=ends,
            cu_seq_lens_k=ends,
            max_length_q=longest,
            max_length_k=longest,
            **({"use_cache": False} if getattr(self.config, "use_cache", False) else {}),
        ).last_hidden_state
        return found[0]

    def _positions(self, ids: Tensor) -> Tensor:
        if PACKABLE[self.config.model_type] == "column":
            return torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        padding = self.config.pad_token_id
        counted = ids.ne(padding).long()
        found: Tensor = counted.cumsum(1) * counted + padding
        return found
