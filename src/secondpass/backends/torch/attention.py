"""How attention is computed: which kernel a device has, and the one that reads rows lying behind each other.

Knows kernels, devices and cumulative lengths; nothing of heads and tokens. The kernels for packed rows on CUDA have
never been run on a GPU yet: tests run the loop over rows, on a CPU.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

PACKED = "secondpass_packed"
"""What the attention for packed rows is called in transformers' registry."""

SETTER = "set_attn_implementation"
"""A body's method; older versions of transformers lack it."""

_HALF = (torch.bfloat16, torch.float16)
_AMPERE = (8, 0)  # the least compute capability that flash attention has kernels for
_HEAD_STEP, _HEAD_MOST = 8, 256  # head sizes that it has kernels for: multiples of the first, up to the second

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, int, float | None, tuple[int, int]], Tensor]
"""Attention of rows that lie behind each other: query, key and value, shape (tokens, heads, head size), cumulative
lengths (rows + 1,), the longest row, the scale, and how many tokens before and behind are seen (-1: all)."""


@cache
def packing_kernel(device: torch.device, dtype: torch.dtype) -> str | None:
    """What computes packed rows on `device` in `dtype`: "torch", "flash_attn", or None where nothing does.

    Only kernels that cost no padding count, so a CPU has none. torch's takes windows and grouped heads from 2.11 on.
    """
    if not _has_flash(device, dtype):
        return None
    if find_spec("torch.nn.attention.varlen") is not None:
        varlen = import_module("torch.nn.attention.varlen").varlen_attn
        if {"scale", "window_size", "enable_gqa"} <= inspect.signature(varlen).parameters.keys():
            return "torch"
    return "flash_attn" if find_spec("flash_attn") is not None else None


def padded_attention(body: Any, device: torch.device, dtype: torch.dtype, *, masked: bool) -> str:
    """What attention over padded rows is called in transformers: its own choice (sdpa, or eager where the architecture
    has none), or flash_attention_2 where that is installed and serves. `masked`: every row brings a mask of its own,
    which flash attention does not read."""
    flash = _has_flash(device, dtype) and find_spec("flash_attn") is not None
    if flash and not masked and getattr(body, "_supports_flash_attn", False) and hasattr(body, SETTER):
        return "flash_attention_2"
    return str(body.config._attn_implementation)


def head_size_fits(config: Any) -> bool:
    """Whether flash attention has kernels for the architecture's heads."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return bool(size % _HEAD_STEP == 0 and size <= _HEAD_MOST)


@cache
def register() -> bool:
    """Make `PACKED` known to transformers; False where it is too old to have a registry."""
    try:
        from transformers import AttentionInterface, AttentionMaskInterface
        from transformers.masking_utils import sdpa_mask
    except ImportError:
        return False
    AttentionInterface.register(PACKED, packed_attention)
    AttentionMaskInterface.register(PACKED, sdpa_mask)
    return True


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: Tensor | None = None,
    max_length_q: int | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """One layer's attention: of packed rows where their lengths are given, else transformers' SDPA.

    `query`, `key`, `value`: shape (1, heads, tokens, head size); the first result has shape (1, tokens, heads, head
    size). `attention_mask` is not read where lengths are given. `sliding_window` counts the token itself, and in a
    bidirectional layer reaches as far on both sides, as in transformers' own flash attention.
    """
    if cu_seq_lens_q is None or max_length_q is None:
        return _sdpa()(  # type: ignore[no-any-return]
            module, query, key, value, attention_mask, scaling=scaling, is_causal=is_causal, **others
        )
    causal = bool(getattr(module, "is_causal", True)) if is_causal is None else is_causal
    reach = -1 if sliding_window is None else sliding_window - 1
    kernel = KERNELS[packing_kernel(query.device, query.dtype)]
    queries, keys, values = (each[0].transpose(0, 1) for each in (query, key, value))
    seen = (reach, 0 if causal else reach)
    return kernel(queries, keys, values, cu_seq_lens_q, max_length_q, scaling, seen)[None], None


def _sdpa() -> Any:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    return sdpa_attention_forward


def _has_flash(device: torch.device, dtype: torch.dtype) -> bool:
    if device.type != "cuda" or torch.version.hip is not None or dtype not in _HALF:
        return False
    return torch.cuda.get_device_capability(device) >= _AMPERE


def _torch(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, most: int, scale: float | None, seen: tuple[int, int]
) -> Tensor:
    varlen: Any = import_module("torch.nn.attention.varlen").varlen_attn
    found: Tensor = varlen(query, key, value, ends, ends, most, most, scale=scale, window_size=seen, enable_gqa=True)
    return found


def _flash_attn(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, most: int, scale: float | None, seen: tuple[int, int]
) -> Tensor:
    varlen: Any = import_module("flash_attn").flash_attn_varlen_func
    causal = seen[1] == 0
    found: Tensor = varlen(
        query, key, value, ends, ends, most, most, softmax_scale=scale, causal=causal, window_size=seen
    )
    return found


def _row_by_row(
    query: Tensor, key: Tensor, value: Tensor, ends: Tensor, most: int, scale: float | None, seen: tuple[int, int]
) -> Tensor:
    """Right on every device and fast on none: one SDPA a row."""
    rows = [
        _row(query[start:end], key[start:end], value[start:end], scale, seen) for start, end in pairwise(ends.tolist())
    ]
    return torch.cat(rows)


def _row(query: Tensor, key: Tensor, value: Tensor, scale: float | None, seen: tuple[int, int]) -> Tensor:
    at = torch.arange(len(query), device=query.device)
    ahead = at[None, :] - at[:, None]  # how far behind each query a key stands
    before, behind = seen
    visible = torch.ones_like(ahead, dtype=torch.bool)
    if before >= 0:
        visible &= ahead >= -before
    if behind >= 0:
        visible &= ahead <= behind
    queries, keys, values = (each.transpose(0, 1)[None] for each in (query, key, value))
    found = nn.functional.scaled_dot_product_attention(
        queries, keys, values, attn_mask=visible, scale=scale, enable_gqa=True
    )
    return found[0].transpose(0, 1)


KERNELS: dict[str | None, Kernel] = {"torch": _torch, "flash_attn": _flash_attn, None: _row_by_row}
"""By the names that `packing_kernel` gives."""
