"""Picks the backend: by what is installed and what the machine can do, and says why.

Knows which backends there are; nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

from secondpass.backends.base import Backend
from secondpass.backends.machine import Machine, machine
from secondpass.backends.onnx import OnnxBackend
from secondpass.backends.openvino import OpenVinoBackend
from secondpass.backends.openvino import Precision as OpenVinoPrecision
from secondpass.backends.torch.backend import Precision as TorchPrecision
from secondpass.backends.torch.backend import TorchBackend
from secondpass.errors import InputError

Format = Literal["onnx", "safetensors"]
NAMES = ("auto", "onnxruntime", "openvino", "torch")
PRECISIONS = ("auto", "fp32", "bf16", "fp16", "int8", "int4")
"""What may be asked for: what products are computed in; "int8" and "int4" are about the weights, as the file has them
with onnxruntime and OpenVINO, as they are made on load with torch."""

_OPENVINO: dict[str, OpenVinoPrecision] = {"auto": "auto", "fp32": "fp32", "bf16": "bf16", "int8": "auto"}
_TORCH: dict[str, TorchPrecision] = {
    "auto": "auto",
    "fp32": "fp32",
    "bf16": "bf16",
    "fp16": "fp16",
    "int8": "int8",
    "int4": "int4",
}
_ASKED = "asked for by name"


def choose(
    name: str = "auto",
    precision: str = "auto",
    streams: int | None = None,
    device: str | Sequence[str] = "auto",
    *,
    why: str = _ASKED,
) -> Backend:
    """The backend of that name, set up for this machine; its `capabilities.reason` says `why`.

    "auto" takes OpenVINO where it is installed and the processor is an x86 that multiplies int8 in one instruction,
    onnxruntime otherwise; it is about ONNX graphs, so never torch. `device` other than "auto" and "cpu" is torch's,
    which takes several (see `TorchBackend`). Raises `InputError` for a name, precision, device or number of streams
    that cannot be had, and `MissingExtra` where the backend is asked for and not installed.
    """
    if name not in NAMES:
        raise InputError(f"backend={name!r} is not known; choose one of {', '.join(map(repr, NAMES))}.")
    if precision not in PRECISIONS:
        raise InputError(f"precision={precision!r} is not known; choose one of {', '.join(map(repr, PRECISIONS))}.")
    if name == "torch":
        return _torch(streams, precision, device, why)
    if device not in ("auto", "cpu"):
        raise InputError(
            f"device={device!r} is for the torch backend, the others compute on the CPU: pass backend='torch'."
        )
    if precision in ("fp16", "int4"):
        raise InputError(
            f"precision={precision!r} is computed by torch alone: pass backend='torch', or precision='auto'."
        )
    taken, why = (name, why) if name != "auto" else pick(machine(), installed=_openvino_installed())
    if precision == "bf16" and taken == "onnxruntime":
        raise InputError(
            "precision='bf16' is not computed by onnxruntime on a CPU; pass precision='auto', or install "
            "secondpass[openvino] and pass backend='openvino'."
        )
    if taken == "onnxruntime":
        return OnnxBackend(streams, why=why)
    return OpenVinoBackend(streams, _OPENVINO[precision], why=why)


def pick(here: Machine, *, installed: bool) -> tuple[str, str]:
    """What "auto" means on the machine `here`, where OpenVINO is `installed` or not, and why."""
    if not installed:
        return "onnxruntime", "openvino is not installed"
    if not here.x86:
        return "onnxruntime", f"openvino is preferred on x86 alone, this is {here.architecture}"
    if here.instructions and not here.int8:
        return "onnxruntime", "the processor has no int8 instructions (VNNI or AMX)"
    if not here.instructions:
        # Windows does not tell; who installed openvino there wants it used.
        return "openvino", "openvino is installed, and the processor is x86"
    return "openvino", "openvino is installed, and the processor is x86 with int8 instructions"


def formats(name: str) -> tuple[Format, ...]:
    """The formats of weights that a backend of that name reads, best first; "auto" falls back to torch's."""
    if name == "torch":
        return ("safetensors",)
    return ("onnx", "safetensors") if name == "auto" and torch_installed() else ("onnx",)


def torch_installed() -> bool:
    """Whether the extra `torch` is there; nothing is imported."""
    return find_spec("torch") is not None and find_spec("transformers") is not None


def _torch(streams: int | None, precision: str, device: str | Sequence[str], why: str) -> TorchBackend:
    return TorchBackend(streams, _TORCH[precision], device, why=why)


def _openvino_installed() -> bool:
    return find_spec("openvino") is not None
