"""Computes models of transformers with PyTorch, from model.safetensors, on a CPU or an accelerator.

Knows modules, devices and their memory; nothing of what the tensors mean. Runs no code that comes with a checkpoint.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from secondpass.backends.base import PREFIX, Capabilities
from secondpass.backends.machine import versions
from secondpass.backends.network import Chain, Classifier, Network
from secondpass.backends.onnx import stream_count
from secondpass.backends.torch.device import find_device, pick_precision
from secondpass.backends.torch.graph import TorchGraph
from secondpass.backends.torch.loading import import_torch, load_body, load_classifier, read_config
from secondpass.errors import ModelLoadError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "bf16", "fp16"]
_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # names in torch
_BUDGET_CPU = 1024  # 100 documents, MiniLM-L6 in fp32 on two cores: 1.55 s at 512, 1.50 at 1,024, 1.64 at 2,048
_BUDGET_ACCELERATOR = 16_384  # not measured: large enough that starting a kernel costs less than what it computes
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


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
        import_torch()
        import torch

        count = stream_count(streams, 1)
        self._device = find_device(device)
        taken = pick_precision(self._device) if precision == "auto" else precision
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

    def load(self, path: Path, network: Network | None = None) -> TorchGraph:
        """Load model.safetensors, or the index of its shards, as `network` says; config.json lies beside it.

        Raises `ModelLoadError` naming the file and the reason, `UntrainedHead` where its head has no weights.
        """
        if not path.is_file():
            raise ModelLoadError(f"{path} is not there. Give the path of a model.safetensors file.")
        if ".safetensors" not in path.suffixes:
            raise ModelLoadError(
                f"{path} is no model.safetensors, which is what backend='torch' reads. Pass backend='onnxruntime'."
            )
        module, inputs = self._build(path, network or Network())
        return TorchGraph(module.to(self._device), inputs, self._device)

    def _build(self, path: Path, told: Network) -> tuple[torch.nn.Module, tuple[str, ...]]:
        """The module on the CPU, and what it reads."""
        from secondpass.backends.torch.headed import Headed, Logits
        from secondpass.backends.torch.heads import ChainHead, LinearHead

        if isinstance(told.head, Classifier):
            model = load_classifier(path, told.body)
            _cast(model, self._dtype)
            return Logits(model), _inputs(model, path.parent)
        body = load_body(path, told.body, self._dtype)
        head = ChainHead(path.parent, told.head) if isinstance(told.head, Chain) else LinearHead(path, told.head)
        module = Headed(body, head, told.body)
        return module, _inputs(body, path.parent) + ((PREFIX,) if module.resumes else ())


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
    given = read_config(settings).get("model_input_names") if settings.is_file() else None
    typed = (getattr(model.config, "type_vocab_size", 0) or 0) > 1 and "token_type_ids" in (given or _INPUTS)
    return tuple(name for name in _INPUTS if name in accepted and (typed or name != "token_type_ids"))
