"""Computes ONNX graphs with OpenVINO, one core a forward pass, in bf16 where the processor has it.

Knows compiled models and infer requests; nothing of what the tensors mean.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Literal
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Capabilities, Tensors, named
from secondpass.backends.machine import Machine, machine, versions
from secondpass.backends.network import Network
from secondpass.backends.onnx import OnnxBackend, OnnxGraph, stream_count
from secondpass.errors import MissingExtra, ModelError, ModelLoadError

if TYPE_CHECKING:
    import openvino

Precision = Literal["auto", "fp32", "bf16"]
_DEVICE = "CPU"
_BUDGET = 768  # flat from 640 to 1,536; less costs a call too often, more pads too much
# Every operator is compiled anew for every input shape. By default thousands of them are kept, twice over (by each
# stream and by oneDNN below): over 400 MB once every length has been met. Measured for 100 documents: 0.318 s and
# 253 MB with 16 and 256 of them, 0.280 s and 269 MB (344 MB after 80 lists of random lengths) with these.
_KEPT_BY_STREAM = 128
_KEPT_BY_ONEDNN = 768
_RESULT = "/sink_port_0"  # what is put behind an output's name
_ONEDNN = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


class OpenVinoBackend:
    """OpenVINO on the CPU: `streams` forward passes at once, each on one core (None: one a usable core).

    `precision` "auto" multiplies in bf16 where the processor does so in hardware, "fp32" never does, "bf16" always.
    `why` it was taken goes into `capabilities.reason`. Raises `MissingExtra` where openvino is not installed.
    """

    def __init__(self, streams: int | None = None, precision: Precision = "auto", *, why: str = "") -> None:
        here = machine()
        count = stream_count(streams, here.cores)
        half, because = _half(precision, here)
        self._capabilities = Capabilities(
            name="openvino",
            version=versions().get("openvino", "unknown"),
            streams=count,
            precision="bf16" if half else "fp32",
            budget=_BUDGET,
            reason=f"openvino, {count} single-threaded streams on {here.cores} usable cores, {because}"
            + (why and f"; {why}"),
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def load(self, path: Path, network: Network | None = None) -> OpenVinoGraph:
        """Load an ONNX file, or OpenVINO's own (.xml). Raises `ModelLoadError` naming the file and the reason."""
        if not path.is_file():
            raise ModelLoadError(f"{path} is not there. Give the path of an ONNX file.")
        return OpenVinoGraph(path, self._capabilities)


class OpenVinoGraph:
    """One compiled model; `run` may be called from several threads at once, each takes an infer request from a pool.

    A forked child computes with onnxruntime, from the same file and in fp32: its parent's OpenVINO threads do not exist
    there, and OpenVINO waits for them without end, even to compile a model anew.
    """

    def __init__(self, path: Path, capabilities: Capabilities) -> None:
        self._path = path
        self._streams = capabilities.streams
        self._lock = Lock()
        self._closed = self._forked = False
        self._idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        compiled = _compile(path, capabilities)
        self._compiled: openvino.CompiledModel | None = compiled
        self._child: OnnxGraph | None = None
        self._inputs = tuple(map(_name, compiled.inputs))
        self._outputs = tuple(map(_name, compiled.outputs))
        _GRAPHS.add(self)

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return self._outputs

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """Compute every output. Raises `InputError` where an input is missing, `ModelError` after `close`."""
        read = named(tensors, self._inputs)
        if self._forked:
            return self._in_child().run(read)
        idle, request = self._request()
        request.infer(read, share_inputs=True)
        # The request writes its next run into the same arrays, so the caller gets copies.
        computed = {name: np.array(request.get_output_tensor(i).data) for i, name in enumerate(self._outputs)}
        idle.put(request)
        return computed

    def close(self) -> None:
        """Give the memory back; runs that are under way finish."""
        with self._lock:
            self._closed, self._compiled, self._child, self._idle = True, None, None, SimpleQueue()

    def forked(self) -> None:
        """Leave what was compiled to the parent; the next run loads anew. Called in the child, first of all."""
        self._forked = True
        _never_destroy(self._compiled)
        _never_destroy(self._idle)
        # The parent may have forked while another of its threads held the lock.
        self._lock, self._compiled, self._idle = Lock(), None, SimpleQueue()

    def _request(self) -> tuple[SimpleQueue[openvino.InferRequest], openvino.InferRequest]:
        with self._lock:
            if self._closed or self._compiled is None:
                raise ModelError("This graph is closed. Load it again.")
            compiled, idle = self._compiled, self._idle
        try:
            return idle, idle.get_nowait()
        except Empty:
            return idle, compiled.create_infer_request()

    def _in_child(self) -> OnnxGraph:
        with self._lock:
            if self._closed:
                raise ModelError("This graph is closed. Load it again.")
            if self._path.suffix != ".onnx":
                raise ModelError(
                    f"{self._path} is computed by OpenVINO alone, which a forked process cannot do. Load the model in "
                    "the child, or convert it with --to onnx."
                )
            if self._child is None:
                self._child = OnnxBackend(self._streams).load(self._path)
            return self._child


_GRAPHS: WeakSet[OpenVinoGraph] = WeakSet()
_CORE_LOCK = Lock()


def _forked() -> None:
    global _CORE_LOCK
    _CORE_LOCK = Lock()
    for graph in tuple(_GRAPHS):
        graph.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _never_destroy(left_by_parent: object) -> None:
    """To destroy it would wait for threads that are not in this process, even while the interpreter ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(left_by_parent))


def _name(port: openvino.ConstOutput) -> str:
    """The file's name for an input or an output.

    What an operator without effect makes of a tensor is the same one here, which then has both names.
    """
    own = str(port.node.friendly_name).removesuffix(_RESULT)
    return own if own in port.names else str(port.any_name)


def _half(precision: Precision, here: Machine) -> tuple[bool, str]:
    """Whether to multiply in bf16, and why."""
    capable = "BF16" in _core().get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    if precision != "auto":
        return precision == "bf16", f"{precision} as asked"
    # The device says it is capable wherever there is AVX-512, but without the instructions bf16 is emulated, slowly.
    able = capable and here.bf16
    return able, "bf16 in hardware" if able else "fp32, no bf16 in hardware"


def _compile(path: Path, capabilities: Capabilities) -> openvino.CompiledModel:
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if capabilities.precision == "bf16" else "f32",
        "NUM_STREAMS": str(capabilities.streams),
        "INFERENCE_NUM_THREADS": str(capabilities.streams),
        "CPU_RUNTIME_CACHE_CAPACITY": str(_KEPT_BY_STREAM),
    }
    try:
        with _small_onednn_cache():
            return _core().compile_model(path, _DEVICE, options)
    except RuntimeError as error:
        # OpenVINO raises nothing more exact for a file that it cannot read.
        raise ModelLoadError(f"{path} cannot be read by openvino: {error} Export or fetch it again.") from error


@contextmanager
def _small_onednn_cache() -> Iterator[None]:
    """oneDNN reads its settings from the environment alone, when the process's first model is compiled.

    A value that the user has set stays, and afterwards the environment is as before: PyTorch has a oneDNN of its own.
    """
    if _ONEDNN in os.environ:
        yield
        return
    os.environ[_ONEDNN] = str(_KEPT_BY_ONEDNN)
    try:
        yield
    finally:
        os.environ.pop(_ONEDNN, None)


def _core() -> openvino.Core:
    """One core for the process: each would load its own copy of the device's plugin."""
    with _CORE_LOCK:
        return _make_core()


@cache
def _make_core() -> openvino.Core:
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("The OpenVINO backend", "openvino") from error
    # These fill tables on first use, in a way that two threads at once never come back from; so one thread goes first.
    openvino.Type.f32.to_dtype()
    openvino.Tensor(np.zeros(1, np.int64), shared_memory=True)
    return openvino.Core()
