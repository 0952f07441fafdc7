"""Computes classifiers of transformers with PyTorch, from model.safetensors, on a CPU or an accelerator.

Knows modules, devices and their memory; nothing of what the tensors mean. Runs no code that comes with a checkpoint.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.base import Capabilities, Tensors, named
from secondpass.backends.machine import versions
from secondpass.backends.onnx import stream_count
from secondpass.errors import InputError, MissingExtra, ModelError, ModelLoadError, UntrainedHead

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]
_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # names in torch
_DEVICE = re.compile(r"(cpu|mps|cuda)(?::(\d+))?", re.ASCII)
_BUDGET_CPU = 1024  # 100 documents, MiniLM-L6 in fp32 on two cores: 1.55 s at 512, 1.50 at 1,024, 1.64 at 2,048
_BUDGET_ACCELERATOR = 16_384  # not measured: large enough that starting a kernel costs less than what it computes
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_OUTPUT = "logits"


class TorchBackend:
    """PyTorch on `device`: "auto" (CUDA, else MPS, else the CPU), "cpu", "mps", "cuda" or "cuda:N".

    `precision` "auto" is bf16 on a CUDA device that computes it in hardware, else fp32; the scoring head is computed in
    fp32 always. On a CPU each forward pass uses torch's own threads, as many as `torch.get_num_threads` says, so there
    is one stream unless more are asked for. `why` it was taken goes into `capabilities.reason`. Raises `InputError` for
    a device that is not there, `MissingExtra` where torch or transformers is not installed.
    """

    def __init__(
        self, streams: int | None = None, precision: Precision = "auto", device: str = "auto", *, why: str = ""
    ) -> None:
        _import()
        import torch

        count = stream_count(streams, 1)
        self._device = find_device(device)
        taken = _pick_precision(self._device) if precision == "auto" else precision
        self._dtype: torch.dtype = getattr(torch, _DTYPES[taken])
        cpu = self._device.type == "cpu"
        where = f"cpu with torch's own {torch.get_num_threads()} threads" if cpu else str(self._device)
        self._capabilities = Capabilities(
            name="torch",
            version=versions().get("torch", "unknown"),
            streams=count,
            precision=taken,
            budget=_BUDGET_CPU if cpu else _BUDGET_ACCELERATOR,
            reason=f"torch, {count} stream{'s' if count > 1 else ''} on {where}, {taken}" + (why and f"; {why}"),
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def load(self, path: Path) -> TorchGraph:
        """Load model.safetensors, or the index of its shards; config.json lies beside it.

        Raises `ModelLoadError` naming the file and the reason, `UntrainedHead` where its head has no weights.
        """
        if not path.is_file():
            raise ModelLoadError(f"{path} is not there. Give the path of a model.safetensors file.")
        if ".safetensors" not in path.suffixes:
            raise ModelLoadError(
                f"{path} is no model.safetensors, which is what backend='torch' reads. Pass backend='onnxruntime'."
            )
        model = _load_classifier(path)
        _cast(model, self._dtype)
        return TorchGraph(model.to(self._device), _inputs(model, path.parent), self._device)


class TorchGraph:
    """One module in evaluation mode; `run` may be called from several threads at once.

    In a forked child it computes on a CPU, and raises `ModelError` on any other device, where CUDA forbids it.
    """

    def __init__(self, module: torch.nn.Module, inputs: tuple[str, ...], device: torch.device) -> None:
        self._module: torch.nn.Module | None = module.eval()
        self._inputs = inputs
        self._device = device
        self._process = os.getpid()

    @property
    def inputs(self) -> tuple[str, ...]:
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        return (_OUTPUT,)

    def run(self, tensors: Tensors) -> dict[str, NDArray[np.float32]]:
        """Compute the logits, float32, shape (rows, labels), in smaller batches where the device's memory is short.

        Raises `InputError` where an input is missing, `ModelError` after `close` and where one row does not fit.
        """
        module = self._module
        if module is None:
            raise ModelError("This graph is closed. Load it again.")
        read = named(tensors, self._inputs)
        if os.getpid() == self._process:
            return {_OUTPUT: self._halving(module, read)}
        if self._device.type != "cpu":
            raise ModelError(
                f"A process that was forked cannot use {self._device} of its parent. Load the model in the child, and "
                "start it with the method 'spawn', or pass device='cpu'."
            )
        # The thread that forked remembers OpenMP threads which are not in this process, and would wait for them without
        # end. A new one starts its own.
        with ThreadPoolExecutor(1) as pool:
            return {_OUTPUT: pool.submit(self._halving, module, read).result()}

    def close(self) -> None:
        """Give the memory back; runs that are under way finish."""
        self._module = None

    def _halving(self, module: torch.nn.Module, tensors: Tensors) -> NDArray[np.float32]:
        """The logits of all rows; where they do not fit into memory together, of each half by itself."""
        import torch

        try:
            return self._forward(module, tensors)
        except torch.OutOfMemoryError as error:
            rows, length = tensors[self._inputs[0]].shape
            if rows == 1:
                raise ModelError(
                    f"{self._device} has too little free memory for one pair of {length} tokens. Free some, lower "
                    "max_tokens, or pass device='cpu'."
                ) from error
        # Outside of `except`: the error holds on to the activations of the pass that failed.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        half = rows // 2
        parts = (slice(None, half), slice(half, None))
        return np.concatenate(
            [self._halving(module, {name: values[part] for name, values in tensors.items()}) for part in parts]
        )

    def _forward(self, module: torch.nn.Module, tensors: Tensors) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            given = {name: torch.tensor(values, device=self._device) for name, values in tensors.items()}
            found: NDArray[np.float32] = module(**given)[_OUTPUT].float().cpu().numpy()
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


def _pick_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    import torch

    if device.type != "cuda":
        return "fp32"
    with torch.cuda.device(device):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"


def _load_classifier(path: Path) -> Any:
    """The checkpoint's classifier, on the CPU, with every weight from its file."""
    from safetensors import SafetensorError

    _, transformers = _import()
    folder = path.parent
    _refuse_quantised(folder)
    try:
        with _quietly():
            model, told = transformers.AutoModelForSequenceClassification.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                ignore_mismatched_sizes=True,  # they are named below, with what is missing
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        # What transformers raises for files that it cannot read; it has no class of its own for it.
        raise ModelLoadError(f"{path} cannot be read by transformers: {error} Fetch it again.") from error
    wrong = sorted({*told["missing_keys"], *(each[0] for each in told["mismatched_keys"])})
    if wrong:
        raise _incomplete(path, wrong, f"{model.base_model_prefix}.")
    return model


def _incomplete(path: Path, wrong: list[str], body: str) -> ModelError:
    """What it means that the weights named in `wrong` are missing, where the transformer's own begin with `body`."""
    which = ", ".join(wrong[:6]) + (f" and {len(wrong) - 6} more" if len(wrong) > 6 else "")
    if any(name.startswith(body) and ".pooler." not in name for name in wrong):
        return ModelLoadError(
            f"{path} has no weights that fit {which}: it is damaged, or its authors' code names or shapes them "
            "in another way than transformers, and that code is not run. Fetch it again, or choose a model that "
            "transformers has."
        )
    return UntrainedHead(
        f"{path} has no weights that fit {which}; they would be random, and so would the scores. Use a checkpoint that "
        "was trained to rank, such as cross-encoder/ms-marco-MiniLM-L6-v2."
    )


def _refuse_quantised(folder: Path) -> None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{folder / 'config.json'} cannot be read ({error}); fetch the model again.") from error
    quantised = config.get("quantization_config")
    if quantised:
        raise ModelLoadError(
            f"{folder} has weights quantised with {quantised.get('quant_method', 'a method that it does not name')}, "
            "which this version does not read. Choose the same model in fp32, fp16 or bf16."
        )


def _cast(model: Any, dtype: torch.dtype) -> None:
    """Weights in `dtype`, but for all that comes behind the transformer's body: its pooler and the head, in fp32.

    Buffers stay as they are: the frequencies of rotary positions need fp32.
    """
    import torch

    body = model.base_model
    behind = [module for module in model.children() if module is not body]
    pooler = getattr(body, "pooler", None)
    behind += [pooler] if pooler is not None else []
    exact = {id(parameter) for module in behind for parameter in module.parameters()}
    for parameter in model.parameters():
        parameter.data = parameter.data.to(torch.float32 if id(parameter) in exact else dtype)
    for module in behind:
        module.register_forward_pre_hook(_upcast)


def _upcast(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    import torch

    return tuple(
        each.float() if isinstance(each, torch.Tensor) and each.is_floating_point() else each for each in inputs
    )


def _inputs(model: Any, folder: Path) -> tuple[str, ...]:
    """What the model reads; segment types only where it tells them apart and its tokenizer gives them."""
    accepted = inspect.signature(model.forward).parameters
    settings = folder / "tokenizer_config.json"
    given = json.loads(settings.read_text(encoding="utf-8")).get("model_input_names") if settings.is_file() else None
    typed = (getattr(model.config, "type_vocab_size", 0) or 0) > 1 and "token_type_ids" in (given or _INPUTS)
    return tuple(name for name in _INPUTS if name in accepted and (typed or name != "token_type_ids"))


_LOADING = Lock()  # transformers sets torch's default type and its own verbosity for the whole process


def _forked() -> None:
    global _LOADING
    _LOADING = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def _quietly() -> Iterator[None]:
    """One load at a time, without transformers' progress bars and advice; afterwards its settings are as before."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    with _LOADING:
        bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def _import() -> tuple[Any, Any]:
    """torch and transformers."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("The torch backend", "torch") from error
    return torch, transformers
