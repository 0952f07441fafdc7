"""Computes models of transformers with PyTorch, from model.safetensors, on a CPU or an accelerator.

Knows modules, devices and their memory; nothing of what the tensors mean. Runs no code that comes with a checkpoint.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from secondpass.backends.base import LENGTHS, MARKS, PREFIX, Capabilities
from secondpass.backends.machine import versions
from secondpass.backends.network import Body, Chain, Classifier, Layers, Network, Tokens, Vocabulary
from secondpass.backends.onnx import stream_count
from secondpass.backends.torch.device import find_devices, pick_precision
from secondpass.backends.torch.graph import TorchGraph
from secondpass.backends.torch.loading import import_torch, load_body, load_classifier, load_masked, read_config
from secondpass.backends.torch.replicas import Replicas
from secondpass.errors import ModelLoadError

if TYPE_CHECKING:
    import torch

    from secondpass.backends.torch.adapter import Adapter

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8", "int4"]
_WEIGHTS: dict[str, Literal["int8", "int4"]] = {"int8": "int8", "int4": "int4"}  # of linear layers alone
_DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}  # names in torch
_BUDGET_CPU = 1024  # 100 documents, MiniLM-L6 in fp32 on two cores: 1.55 s at 512, 1.50 at 1,024, 1.64 at 2,048
_BUDGET_ACCELERATOR = 16_384  # not measured: large enough that starting a kernel costs less than what it computes
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class TorchBackend:
    """PyTorch on `device`: "auto" (CUDA, else MPS, else the CPU), "cpu", "mps", "cuda" (the first) or "cuda:N".

    Several, "cuda:0,cuda:1" or a sequence of names, or "cuda:*" for all, hold a copy of the weights each and compute
    different batches side by side, `streams` on each; a model that does not fit on one does not fit on several. On a
    CPU each copy takes its memory again. `precision` "auto" is bf16 on a CUDA device that computes it in hardware, else
    fp32; "int8" and "int4" keep the body's linear weights in so many bits and compute in what "auto" takes; the weights
    are read in full first, so that loading takes the memory of the whole model. The scoring head is computed in fp32
    always. On a CPU each forward pass uses torch's own threads, as many as
    `torch.get_num_threads` says, so there is one stream unless more are asked for. On CUDA, rows are packed without
    padding where a kernel and the architecture allow it; `packed` True does so everywhere, False nowhere, and the
    scores are the same. `why` it was taken goes into `capabilities.reason`. Raises `InputError` for a device that is
    not there, `MissingExtra` where torch or transformers is not installed.
    """

    def __init__(
        self,
        streams: int | None = None,
        precision: Precision = "auto",
        device: str | Sequence[str] = "auto",
        *,
        why: str = "",
        packed: bool | None = None,
    ) -> None:
        import_torch()
        import torch

        self._streams = stream_count(streams, 1)
        self._devices = find_devices(device)
        first = self._devices[0]
        self._weights = _WEIGHTS.get(precision)
        taken = pick_precision(first) if precision == "auto" or self._weights else precision
        self._dtype: torch.dtype = getattr(torch, _DTYPES[taken])
        self._packed = packed
        count = self._streams * len(self._devices)
        where, attention = self._where(), self._attention()
        self._capabilities = Capabilities(
            name="torch",
            version=versions().get("torch", "unknown"),
            streams=count,
            precision=taken,
            device=str(first),
            budget=_BUDGET_CPU if first.type == "cpu" else _BUDGET_ACCELERATOR,
            reason=f"torch, {count} stream{'s' if count > 1 else ''} on {where}, {taken}"
            + (f", {self._weights} weights" if self._weights else "")
            + f", {attention}"
            + (why and f"; {why}"),
            weights=self._weights or "",
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    def load(self, path: Path, network: Network | None = None) -> TorchGraph | Replicas:
        """Load model.safetensors, or the index of its shards, as `network` says; config.json lies beside it.

        On several devices it is read once for each.

        Raises `ModelLoadError` naming the file and the reason, `UntrainedHead` where its head has no weights.
        """
        if not path.is_file():
            raise ModelLoadError(f"{path} is not there. Give the path of a model.safetensors file.")
        if ".safetensors" not in path.suffixes:
            raise ModelLoadError(
                f"{path} is no model.safetensors, which is what backend='torch' reads. Pass backend='onnxruntime'."
            )
        graphs = [self._load(path, network or Network(), device) for device in self._devices]
        return graphs[0] if len(graphs) == 1 else Replicas(graphs, self._streams)

    def _load(self, path: Path, told: Network, device: torch.device) -> TorchGraph:
        module, inputs = self._build(path, told)
        attention = self._settle(module.to(device), told, device)
        return TorchGraph(module, inputs, device, attention=attention)

    def _build(self, path: Path, told: Network) -> tuple[torch.nn.Module, tuple[str, ...]]:
        """The module on the CPU, and what it reads."""
        from secondpass.backends.torch.adapter import Adapter
        from secondpass.backends.torch.headed import Logits
        from secondpass.backends.torch.weight_only import expand, require_exact

        if isinstance(told.head, Classifier):
            if told.adapter is not None:
                raise ModelLoadError(
                    f"{told.adapter} is an adapter of an encoder, and only decoders' are read. Merge it with peft's "
                    "merge_and_unload(), save the model, and load that."
                )
            model = load_classifier(path, told.body)
            expand(model, _behind(model))
            _cast(model, self._dtype)
            self._shrink(model, model.base_model)
            return Logits(model), _inputs(model, path.parent)
        if isinstance(told.head, Vocabulary):
            return self._masked(path, told.body, told.head)
        body = load_body(path, told.body, self._dtype)
        adapter = Adapter(told.adapter) if told.adapter else None
        if adapter is not None:
            require_exact(body)
            adapter.merge(body, told.body)
        self._shrink(body, body)
        return _headed(path, told, body, adapter)

    def _masked(self, path: Path, told: Body, vocabulary: Vocabulary) -> tuple[torch.nn.Module, tuple[str, ...]]:
        """A masked language model, apart: its body in the precision asked for, and what gives the weights in fp32."""
        from secondpass.backends.torch.headed import Headed
        from secondpass.backends.torch.vocabulary import VocabularyHead

        model = load_masked(path, told, self._dtype)
        body = model.base_model
        head = VocabularyHead(model, vocabulary)
        self._shrink(body, body)
        return Headed(body, head, told), _inputs(body, path.parent)

    def _shrink(self, model: Any, body: Any) -> None:
        """Make the weights of `body` small where that is asked for; steady those of `model` that were stored small."""
        from secondpass.backends.torch.weight_only import settle, shrink

        settle(model, self._dtype)
        if self._weights:
            shrink(body, self._weights)

    def _settle(self, module: Any, told: Network, device: torch.device) -> str:
        """Have the body's attention computed in the way that is fastest here, and say which that is."""
        from secondpass.backends.torch.attention import padded_attention
        from secondpass.backends.torch.headed import Logits
        from secondpass.backends.torch.packing import PackedBody, can_pack

        owner = module.model if isinstance(module, Logits) else module
        name = str(owner.base_model_prefix) if owner is not module else "body"
        body = getattr(owner, name)
        masked = told.body.attention == "bidirectional" or told.compression is not None
        masked = masked or (isinstance(told.head, Tokens) and told.head.unattended)
        if self._packed is not False and not masked and can_pack(body, device, self._dtype, forced=bool(self._packed)):
            setattr(owner, name, PackedBody(body))
            return "packed"
        attention = padded_attention(body, device, self._dtype, masked=masked)
        if attention != body.config._attn_implementation:
            body.set_attn_implementation(attention)
        return attention

    def _where(self) -> str:
        import torch

        if self._devices[0].type == "cpu":
            return f"cpu with torch's own {torch.get_num_threads()} threads"
        return ", ".join(map(str, self._devices))

    def _attention(self) -> str:
        """One line on attention for any model; which a graph has, its `attention` says."""
        from secondpass.backends.torch.attention import packing_kernel

        kernel = packing_kernel(self._devices[0], self._dtype)
        if self._packed or (self._packed is None and kernel is not None):
            return f"rows packed by {kernel or 'a loop'} where the architecture allows it"
        return "rows padded, attention by sdpa where the architecture has it"


def _headed(path: Path, told: Network, body: Any, adapter: Adapter | None) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """A body with its head, and what the two read."""
    from secondpass.backends.torch.compression import Compressed
    from secondpass.backends.torch.headed import Headed
    from secondpass.backends.torch.heads import ChainHead, LinearHead, TokensHead
    from secondpass.backends.torch.layers import LayersHead, Marked
    from secondpass.backends.torch.seq2seq import FirstStep

    inputs = _inputs(body, path.parent)
    head: ChainHead | LayersHead | LinearHead | TokensHead
    if isinstance(told.head, Layers):
        head = LayersHead(path, told.head)
        if told.head.pool is None:
            return Marked(body, head), ("input_ids", MARKS)
    elif isinstance(told.head, Chain):
        head = ChainHead(path.parent, told.head)
    elif isinstance(told.head, Tokens):
        head = TokensHead(path, told.head)
    else:
        assert not isinstance(told.head, Classifier | Vocabulary)  # its architecture's own class has it
        head = LinearHead(path, told.head, adapter)
    if told.body.start is not None:
        return FirstStep(body, head, told.body.start), inputs
    if told.compression is not None and told.compression.ratio > 1:
        return Compressed(body, head, told.compression), inputs + LENGTHS
    module = Headed(body, head, told.body)
    return module, inputs + ((PREFIX,) if module.resumes else ())


def _cast(model: Any, dtype: torch.dtype) -> None:
    """Weights in `dtype`, but for all that comes behind the transformer's body: its pooler and the head, in fp32.

    Buffers stay as they are: the frequencies of rotary positions need fp32.
    """
    import torch

    behind = _behind(model)
    exact = {id(parameter) for module in behind for parameter in module.parameters()}
    for parameter in model.parameters():
        if type(parameter.data) is not torch.Tensor or not parameter.is_floating_point():
            continue  # a quantised weight
        parameter.data = parameter.data.to(torch.float32 if id(parameter) in exact else dtype)
    for module in behind:
        module.register_forward_pre_hook(_upcast)


def _behind(model: Any) -> list[torch.nn.Module]:
    """What reads the body's last states: its pooler, and the modules of the head."""
    body = model.base_model
    pooler = getattr(body, "pooler", None)
    return [module for module in model.children() if module is not body] + ([pooler] if pooler is not None else [])


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
