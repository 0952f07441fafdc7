"""The keys and values of tokens that stand before every row of a batch, computed once and shared by all.

Knows a causal transformer's cache; nothing of what the tokens say.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

MOST_PREFIXES = 8
"""How many prefixes' keys and values are kept: as many queries as a batch is likely to be made of."""

States = tuple[tuple[Tensor, Tensor], ...]
"""Keys and values of each layer, shape (1, heads, length, head size)."""


class Prefixes:
    """The states of the prefixes that were asked for last. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, States] = OrderedDict()
        self._lock = Lock()

    def states(self, body: Any, ids: Tensor) -> States:
        """The states that `body` has after reading `ids`, shape (1, length)."""
        key = ids.cpu().numpy().tobytes()
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = _compute(body, ids)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > MOST_PREFIXES:
                self._kept.popitem(last=False)
        return made


def shared(states: States) -> Cache:
    """A cache for one forward pass of any number of rows behind the prefix; it keeps nothing of them."""
    return Cache(layers=[_Shared(*layer) for layer in states])


class _Shared(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's prefix. Put before the rows' own keys and values for the time of their attention, and never grown."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values
        self._prefix = keys, values

    def update(self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any) -> tuple[Tensor, Tensor]:
        keys, values = (each.expand(len(key_states), -1, -1, -1) for each in self._prefix)
        return torch.cat([keys, key_states], dim=-2), torch.cat([values, value_states], dim=-2)


def _compute(body: Any, ids: Tensor) -> States:
    cache: Any = DynamicCache()
    body(input_ids=ids, past_key_values=cache, use_cache=True)
    return tuple((layer.keys, layer.values) for layer in cache.layers)
