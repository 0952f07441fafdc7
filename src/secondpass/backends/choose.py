"""Picks the backend: by what is installed and what the machine can do, and says why.

Knows which backends there are; nothing of models.
"""

from __future__ import annotations

from importlib.util import find_spec

from secondpass.backends.base import Backend
from secondpass.backends.machine import Machine, machine
from secondpass.backends.onnx import OnnxBackend
from secondpass.backends.openvino import OpenVinoBackend, Precision
from secondpass.errors import InputError

NAMES = ("auto", "onnxruntime", "openvino")
PRECISIONS: dict[str, Precision] = {"auto": "auto", "fp32": "fp32", "bf16": "bf16", "int8": "auto"}
"""What may be asked for → what products outside int8 weights are computed in; "int8" is about the file's weights."""


def choose(name: str = "auto", precision: str = "auto", streams: int | None = None) -> Backend:
    """The backend of that name, set up for this machine; its `capabilities.reason` says why.

    "auto" takes OpenVINO where it is installed and the processor is an x86 that multiplies int8 in one instruction,
    onnxruntime otherwise. Raises `InputError` for a name, precision or number of streams that cannot be had, and
    `MissingExtra` where OpenVINO is asked for and not installed.
    """
    if name not in NAMES:
        raise InputError(f"backend={name!r} is not known; choose one of {', '.join(map(repr, NAMES))}.")
    if precision not in PRECISIONS:
        raise InputError(f"precision={precision!r} is not known; choose one of {', '.join(map(repr, PRECISIONS))}.")
    taken, why = (name, "asked for by name") if name != "auto" else pick(machine(), installed=_openvino_installed())
    if precision == "bf16" and taken == "onnxruntime":
        raise InputError(
            "precision='bf16' is not computed by onnxruntime on a CPU; pass precision='auto', or install "
            "secondpass[openvino] and pass backend='openvino'."
        )
    if taken == "onnxruntime":
        return OnnxBackend(streams, why=why)
    return OpenVinoBackend(streams, PRECISIONS[precision], why=why)


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


def _openvino_installed() -> bool:
    return find_spec("openvino") is not None
