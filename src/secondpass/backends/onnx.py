"""Computes ONNX graphs with onnxruntime, one core a forward pass.

Knows sessions and their memory; nothing of what the tensors mean.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Capabilities, Tensors, named
from secondpass.backends.machine import machine, versions
from secondpass.backends.network import Network
from secondpass.errors import InputError, ModelError, ModelLoadError

if TYPE_CHECKING:
    import onnxruntime

_ERRORS_ONLY = 3
# Activations of more tokens leave a core's second-level cache: 100 documents took 0.32 s at 512, 0.38 s at 1,024.
_BUDGET = 512


class OnnxBackend:
    """onnxruntime on the CPU: `streams` forward passes at once, each on one core (None: one a usable core).

    `why` it was taken goes into `capabilities.reason`.
    """

    def __init__(self, streams: int | None = None, *, why: str = "") -> None:
        here = machine()
        count = stream_count(streams, here.cores)
        self._capabilities = Capabilities(
            name="onnxruntime",
            version=versions().get("onnxruntime", "unknown"),
            streams=count,
            precision="fp32",
            budget=_BUDGET,
            reason=f"onnxruntime, {count} single-threaded streams on {here.cores} usable cores" + (why and f"; {why}"),
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def load(self, path: Path, network: Network | None = None) -> OnnxGraph:
        """Load an ONNX file. Raises `ModelLoadError` naming the file and the reason."""
        runtime = import_onnxruntime()
        if not path.is_file():
            raise ModelLoadError(f"{path} is not there. Give the path of an ONNX file.")
        if path.suffix == ".xml":
            raise ModelLoadError(
                f"{path} is of OpenVINO's own format, which onnxruntime does not read: pass backend='openvino', or "
                "convert the model with --to onnx."
            )
        try:
            session = runtime.InferenceSession(str(path), _options(runtime), providers=["CPUExecutionProvider"])
        except _failures() as error:
            raise ModelLoadError(f"{path} cannot be read by onnxruntime: {error} Export or fetch it again.") from error
        return OnnxGraph(session)


class OnnxGraph:
    """One session; `run` may be called from several threads at once, each computes on its own."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session: onnxruntime.InferenceSession | None = session
        self._inputs = tuple(each.name for each in session.get_inputs())
        self._outputs = tuple(each.name for each in session.get_outputs())

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._outputs

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """Compute every output. Raises `InputError` where an input is missing, `ModelError` after `close`."""
        session = self._session
        if session is None:
            raise ModelError("This graph is closed. Load it again.")
        values = session.run(list(self._outputs), dict(named(tensors, self._inputs)))
        return dict(zip(self._outputs, cast("list[NDArray[np.float32]]", values), strict=True))

    def close(self) -> None:
        """Give the memory back; runs that are under way finish."""
        self._session = None


def stream_count(asked: int | None, cores: int) -> int:
    """`asked`, or one stream a core. Raises `InputError` for fewer than one."""
    if asked is not None and asked < 1:
        raise InputError(f"streams={asked} computes nothing; give 1 or more, or None for one a usable core.")
    return cores if asked is None else asked


def _options(runtime: Any) -> onnxruntime.SessionOptions:
    options: onnxruntime.SessionOptions = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    # A memory plan is kept for every shape that was ever met, so memory would grow with their number. The arena alone
    # stays as large as the largest batches that ran side by side.
    options.enable_mem_pattern = False
    return options


def _failures() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; its errors have no class in common."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return tuple(each for each in vars(state).values() if isinstance(each, type) and issubclass(each, Exception))


def import_onnxruntime() -> Any:
    """The module, kept from reporting to its makers: what is installed to work offline has nothing to tell anyone."""
    # Read when the module is imported. The reporting thread also keeps forked children from ending.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(f"onnxruntime cannot be imported ({error}): pip install onnxruntime") from error
    return onnxruntime
