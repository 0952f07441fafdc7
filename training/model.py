"""The reader: a small network that reads a document's token states with the query in view.

The backbone encodes query and document apart and is never changed, so what it learnt from a billion pairs stays. On top,
the reader adds: the pooled cosine, late interaction before and after a learnt projection, two layers in which the query's
(and the instruction's) tokens attend to the document's, and a gate that weighs all this with the lexical evidence.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secondpass.models.embedded.evidence import FEATURES

STATE, WIDTH, HEADS, LAYERS, HIDDEN = 384, 192, 6, 2, 64
QUERY, INSTRUCTION = 0, 1
NEURAL = ("cosine", "instruction_cosine", "late", "late_weighted", "late_learnt", "late_learnt_least")


class Attention(nn.Module):
    """Multi-head attention with keys and values read from `source`."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.output = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.key, self.value = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, source: Tensor, absent: Tensor) -> Tensor:
        q, k, v = self._split(self.query(x)), self._split(self.key(source)), self._split(self.value(source))
        weights = q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5 + absent[:, None, None, :]
        read = (weights.softmax(-1) @ v).transpose(1, 2).flatten(2)
        joined: Tensor = self.output(read)
        return joined

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (HEADS, WIDTH // HEADS)).transpose(1, 2)


class Layer(nn.Module):
    """Query tokens read the document, then one another, then think."""

    def __init__(self) -> None:
        super().__init__()
        self.cross, self.own = Attention(), Attention()
        self.wide, self.narrow = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(3 * WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(self, x: Tensor, x_absent: Tensor, document: Tensor, absent: Tensor) -> Tensor:
        x = self.norms[0](x + self.cross(x, document, absent))
        x = self.norms[1](x + self.own(x, x, x_absent))
        x = self.norms[2](x + self.narrow(F.gelu(self.wide(x))))
        return x


class Reader(nn.Module):
    """Gives one logit a pair.

    Inputs, for B pairs: `query` (B, Q, 384) states of the query's and the instruction's tokens, `query_mask` (B, Q),
    `segment` (B, Q) 0 for query and 1 for instruction tokens, `exact` (B, Q) whether the token's id occurs in the
    document, `document` (B, D, 384), `document_mask` (B, D), `evidence` (B, len(FEATURES)). Masks are float, 1 or 0.
    """

    def __init__(self, *, interact: bool = True) -> None:
        super().__init__()
        self.interact = interact
        total = len(FEATURES) + len(NEURAL)
        self.register_buffer("mean", torch.zeros(total))
        self.register_buffer("spread", torch.ones(total))
        self.project_query, self.project_document = nn.Linear(STATE, WIDTH), nn.Linear(STATE, WIDTH)
        self.importance = nn.Linear(STATE, 1)
        self.place = nn.Linear(STATE, WIDTH)
        self.segments = nn.Embedding(2, WIDTH)
        self.matched = nn.Linear(3, WIDTH)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.pool = nn.Linear(WIDTH, 1)
        self.plain = nn.Linear(total, 1)
        self.hidden = nn.Linear(total + (WIDTH if interact else 0), HIDDEN)
        self.out = nn.Linear(HIDDEN, 1)
        nn.init.zeros_(self.out.weight)

    def forward(
        self,
        query: Tensor,
        query_mask: Tensor,
        segment: Tensor,
        exact: Tensor,
        document: Tensor,
        document_mask: Tensor,
        evidence: Tensor,
    ) -> Tensor:
        asked, told = query_mask * (1 - segment), query_mask * segment
        absent = (document_mask - 1) * 1e4
        whole = F.normalize(_mean(document, document_mask), dim=-1)
        cosine = (F.normalize(_mean(query, asked), dim=-1) * whole).sum(-1)
        instruction_cosine = (F.normalize(_mean(query, told), dim=-1) * whole).sum(-1)
        plain = _best(F.normalize(query, dim=-1), F.normalize(document, dim=-1), absent)
        read = self.project_document(document)
        learnt = _best(F.normalize(self.project_query(query), dim=-1), F.normalize(read, dim=-1), absent)
        weight = F.softplus(self.importance(query).squeeze(-1)) * asked
        numbers = [
            cosine,
            instruction_cosine,
            _average(plain, asked),
            _average(plain, weight),
            _average(learnt, weight),
            (learnt + (1 - asked) * 2).amin(-1),
        ]
        given = torch.cat([evidence, torch.stack(numbers, -1)], -1)
        given = (given - self.mean) / self.spread
        signals = given
        if self.interact:
            x = self.place(query) + self.segments(segment.long()) + self.matched(torch.stack([plain, learnt, exact], -1))
            x_absent = (query_mask - 1) * 1e4
            for layer in self.layers:
                x = layer(x, x_absent, read, absent)
            focus = (self.pool(x).squeeze(-1) + x_absent).softmax(-1)
            signals = torch.cat([given, (x * focus.unsqueeze(-1)).sum(1)], -1)
        logit: Tensor = self.plain(given) + self.out(F.gelu(self.hidden(signals)))
        return logit.squeeze(-1)


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)


def _best(query: Tensor, document: Tensor, absent: Tensor) -> Tensor:
    """For each query token its greatest similarity to a document token: (B, Q)."""
    return (query @ document.transpose(1, 2) + absent.unsqueeze(1)).amax(-1)


def _average(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum(-1) / weight.sum(-1).clamp_min(1e-6)
