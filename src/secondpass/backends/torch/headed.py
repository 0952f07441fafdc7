"""A transformer's body with a head of ours on its last states. Knows masks and prefixes, nothing of tokens' meaning."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from secondpass.backends.network import Body
from secondpass.backends.torch.heads import ChainHead, LinearHead, TokensHead
from secondpass.backends.torch.layers import LayersHead
from secondpass.backends.torch.prefix import Prefixes, shared
from secondpass.backends.torch.vocabulary import VocabularyHead

Head = ChainHead | LayersHead | LinearHead | TokensHead | VocabularyHead
_RESUMABLE = frozenset({"full_attention", "sliding_attention"})  # layers whose past is keys and values alone


class Logits(nn.Module):
    """A classifier of transformers, for its logits alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, **given: Tensor) -> Tensor:
        """Logits, shape (rows, labels)."""
        found: Tensor = self.model(**given).logits
        return found


class Headed(nn.Module):
    """Reads rows padded on the right, so that a causal body needs no mask for the padding."""

    def __init__(self, body: nn.Module, head: Head, told: Body) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self._bidirectional = told.attention == "bidirectional"
        self._prefixes = Prefixes()
        # Padding stands behind all that is read: without a mask, kernels that know of causality alone can be used.
        self._sees_no_padding = _causal(body) and not self._bidirectional and not getattr(body, "_is_stateful", False)
        # Else keys and values of every layer are kept until the pass ends, for tokens that are never generated.
        untyped: Any = body
        untyped.config.get_text_config().use_cache = False

    @property
    def resumes(self) -> bool:
        """Whether rows can be read behind a prefix that was computed before, whose own states no head then sees."""
        body: Any = self.body
        config = body.config.get_text_config()
        kinds = set(getattr(config, "layer_types", None) or ("full_attention",))
        reads_past = "past_key_values" in inspect.signature(body.forward).parameters
        if self._bidirectional or not reads_past or getattr(body, "_is_stateful", False):
            return False
        return self.head.pool == "last" and kinds <= _RESUMABLE and _causal(body)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, prefix_ids: Tensor | None = None, **others: Tensor
    ) -> Tensor:
        """Logits in fp32, shape (rows, labels)."""
        states = self._states(input_ids, attention_mask, prefix_ids, others)
        found: Tensor = self.head(states, attention_mask)
        return found

    def _states(self, ids: Tensor, mask: Tensor, prefix: Tensor | None, others: dict[str, Tensor]) -> Tensor:
        """The last layer's states of `ids`, shape (rows, length, hidden)."""
        if self._bidirectional:
            others["attention_mask"] = _visible(mask, self.body)
        elif prefix is not None and prefix.shape[1]:
            cache = shared(self._prefixes.states(self.body, prefix))
            seen = torch.ones(len(ids), prefix.shape[1], dtype=mask.dtype, device=mask.device)
            both = torch.cat([seen, mask], dim=1)
            states = self.body(input_ids=ids, attention_mask=both, past_key_values=cache, use_cache=True)
            return states.last_hidden_state  # type: ignore[no-any-return]
        elif not self._sees_no_padding or torch.onnx.is_in_onnx_export():
            others["attention_mask"] = mask  # which an exported graph's own mask is made from
        return self.body(input_ids=ids, **others).last_hidden_state  # type: ignore[no-any-return]


def _causal(body: nn.Module) -> bool:
    """Whether no token sees a later one, which config.json does not always tell: encoders have caches in theirs too."""
    told = [module.is_causal for module in body.modules() if hasattr(module, "is_causal")]
    return bool(told) and all(told)


def _visible(mask: Tensor, body: nn.Module) -> Tensor:
    """An additive mask in which every row's real tokens see each other, shape (rows, 1, length, length)."""
    dtype = next(body.parameters()).dtype
    hidden = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask == 0, torch.finfo(dtype).min)
    return hidden[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
