"""A model that torch computes, written as one ONNX graph with free numbers of rows and tokens.

Knows modules and torch's tracer; nothing of what the model is for.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secondpass.backends.base import PREFIX
from secondpass.errors import ModelError

if TYPE_CHECKING:
    import torch

    from secondpass.backends.torch.graph import TorchGraph

OUTPUT = "logits"
_OPSET = 20
_ROWS, _LENGTH = 2, 16  # of the example: neither may be 1, which the tracer would take for granted


def trace(graph: TorchGraph, path: Path) -> str:
    """Write what `graph` computes to `path`, with the inputs that it has but for prefixes, and the output "logits".

    Returns what the names of the body's nodes begin with. Raises `ModelError` where torch cannot trace the model.
    """
    import torch

    names = [name for name in graph.inputs if name != PREFIX]
    module = graph.module
    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: "rows", 1: "length"} for name in names} | {OUTPUT: {0: "rows"}}
    try:
        with warnings.catch_warnings(), torch.no_grad(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of the tracer, about every shape that it reads
            torch.onnx.export(
                _positional(module, names),
                tuple(_example(names)),
                str(path),
                input_names=names,
                output_names=[OUTPUT],
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"torch cannot write this model as an ONNX graph ({str(error).strip():.300}). Load it with backend='torch'."
        ) from error
    return f"/inner/{_body(module)}/"


def _positional(module: torch.nn.Module, names: Sequence[str]) -> torch.nn.Module:
    """The module with its inputs in order, as the tracer gives them."""
    import torch

    class Positional(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.inner(**dict(zip(names, tensors, strict=True)))
            return found

    return Positional().eval()


def _example(names: Sequence[str]) -> list[torch.Tensor]:
    """Inputs to trace with: two rows, one of them padded."""
    import torch

    mask = torch.ones(_ROWS, _LENGTH, dtype=torch.long)
    mask[1, _LENGTH // 2 :] = 0
    known = {"attention_mask": mask, "input_ids": torch.arange(_ROWS * _LENGTH).reshape(_ROWS, _LENGTH) % 11 + 2}
    return [known.get(name, torch.zeros_like(mask)) for name in names]


def _body(module: Any) -> str:
    """Where in the module its transformer is."""
    from secondpass.backends.torch.headed import Logits

    return f"model/{module.model.base_model_prefix}" if isinstance(module, Logits) else "body"
