"""JinaBERT: a BERT without a position table. Symmetric ALiBi tells tokens apart, and the feed-forward layer is gated.

After Günther et al. 2023 (arXiv:2310.19923) and Press et al. 2022 (arXiv:2108.12409). Modules are called as the weights
of jina-reranker-v1 are. Knows tensors, nothing of tokens' meaning and files.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class JinaBertConfig(BertConfig):  # type: ignore[no-untyped-call]
    """BERT's, with the activation of the gate: "geglu" or "reglu"."""

    model_type = "jina_bert"
    feed_forward_type: str = "geglu"


class JinaBertForSequenceClassification(PreTrainedModel):  # type: ignore[no-untyped-call]
    """The first token's state through the pooler (dense, tanh) and one linear layer."""

    config_class = JinaBertConfig
    base_model_prefix = "bert"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = _Body(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Logits, shape (rows, labels), of ids, mask and segment types, each (rows, length)."""
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        return SequenceClassifierOutput(logits=self.classifier(self.bert(input_ids, attention_mask, types)))

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: every weight comes from a file, or the checkpoint is refused."""


def slopes(heads: int) -> list[float]:
    """ALiBi's slope of each head: 2^(-8k/n) for k = 1..n where n is a power of two.

    For another number, those of the next lower power, and then every second one of twice that power.
    """
    power = 2 ** int(math.log2(heads))
    own = [2.0 ** (-8 * place / power) for place in range(1, power + 1)]
    between = [2.0 ** (-4 * place / power) for place in range(1, 2 * power + 1, 2)]
    return own + between[: heads - power]


class _Body(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))
        self.pooler = _Pooler(config)
        self._slopes = slopes(config.num_attention_heads)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """The pooled state of each row, shape (rows, hidden)."""
        states = self.embeddings(ids, types)
        bias = self._bias(mask, states.dtype)
        for layer in self.encoder.layer:  # type: ignore[union-attr]
            states = layer(states, bias)
        pooled: Tensor = self.pooler(states[:, 0])
        return pooled

    def _bias(self, mask: Tensor, dtype: torch.dtype) -> Tensor:
        """What is added to the attention scores, shape (rows, heads, length, length): the distance of two tokens times
        the head's slope, and for padding so much that nothing is left of it."""
        places = torch.arange(mask.shape[1], device=mask.device)
        distance = (places[None, :] - places[:, None]).abs()
        slope = torch.tensor(self._slopes, device=mask.device)
        far = -slope[:, None, None] * distance
        hidden = torch.zeros(mask.shape, device=mask.device).masked_fill(mask == 0, torch.finfo(dtype).min / 2)
        return (far[None] + hidden[:, None, None, :]).to(dtype)


class _Embeddings(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        found: Tensor = self.LayerNorm(self.word_embeddings(ids) + self.token_type_embeddings(types))
        return found


class _Layer(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.attention = _Attention(config)
        self.mlp = _Gated(config)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        found: Tensor = self.mlp(self.attention(states, bias))
        return found


class _Attention(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self._heads = config.num_attention_heads
        self.self = nn.ModuleDict(
            {name: nn.Linear(config.hidden_size, config.hidden_size) for name in ("query", "key", "value")}
        )
        self.output = nn.ModuleDict(
            {
                "dense": nn.Linear(config.hidden_size, config.hidden_size),
                "LayerNorm": nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps),
            }
        )

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (self._split(self.self[name](states)) for name in ("query", "key", "value"))
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        joined = mixed.transpose(1, 2).flatten(2)
        found: Tensor = self.output["LayerNorm"](states + self.output["dense"](joined))
        return found

    def _split(self, states: Tensor) -> Tensor:
        """(rows, length, hidden) as (rows, heads, length, head size)."""
        return states.view(*states.shape[:2], self._heads, -1).transpose(1, 2)


class _Gated(nn.Module):
    """The first half of a projection, activated, times its second half; post-norm with the layer's residual."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.gated_layers = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.wo = nn.Linear(config.intermediate_size, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self._activate = {"geglu": nn.GELU, "reglu": nn.ReLU}[config.feed_forward_type]()

    def forward(self, states: Tensor) -> Tensor:
        gate, value = self.gated_layers(states).chunk(2, dim=-1)
        found: Tensor = self.layernorm(states + self.wo(self._activate(gate) * value))
        return found


class _Pooler(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, first: Tensor) -> Tensor:
        return torch.tanh(self.dense(first))


CONFIG = JinaBertConfig
BUILDERS = {"AutoModelForSequenceClassification": JinaBertForSequenceClassification}
