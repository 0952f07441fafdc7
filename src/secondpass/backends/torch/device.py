"""Which devices torch has here, and what each computes best in. Knows nothing of models."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from secondpass.errors import InputError

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"(cpu|mps|cuda)(?::(\d+))?", re.ASCII)


def find_device(asked: str) -> torch.device:
    """The device of that name. Raises `InputError`, naming those that there are, where it is not one of them."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if asked == "auto":
        return torch.device("cuda" if count else "mps" if mps else "cpu")
    form = _DEVICE.fullmatch(asked)
    here = {"cpu": 1, "mps": int(mps), "cuda": count}
    if form is None or int(form[2] or 0) >= here[form[1]]:
        there = ["auto", "cpu", *(["mps"] if mps else []), *(f"cuda:{index}" for index in range(count))]
        raise InputError(f"device={asked!r} is not here; choose one of {', '.join(map(repr, there))}.")
    return torch.device(asked)


def pick_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    """What "auto" is on `device`: bf16 on a CUDA device that computes it in hardware, else fp32."""
    import torch

    if device.type != "cuda":
        return "fp32"
    with torch.cuda.device(device):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
