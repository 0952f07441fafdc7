"""Which devices torch has here, and what each computes best in. Knows nothing of models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from secondpass.errors import InputError

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"(cpu|mps|cuda)(?::(\d+))?", re.ASCII)


def find_devices(asked: str | Sequence[str]) -> tuple[torch.device, ...]:
    """The devices named in `asked`: one name, several (in a sequence, or with commas between), or "cuda:*" for all of
    CUDA's. Raises `InputError` where one is not here, and where they are of different kinds."""
    import torch

    names = [name.strip() for name in asked.split(",")] if isinstance(asked, str) else list(asked)
    if names == ["cuda:*"] and torch.cuda.is_available():
        names = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if not names:
        raise InputError(f"device={asked!r} names none; pass device='auto', or the names of some.")
    found = tuple(find_device(name) for name in names)
    kinds = sorted({device.type for device in found})
    if len(kinds) > 1:
        raise InputError(
            f"device={asked!r} mixes {' and '.join(kinds)}, which compute in different precisions and at different "
            "speeds; name devices of one kind."
        )
    return found


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
