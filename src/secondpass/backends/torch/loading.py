"""Builds transformers' modules from a checkpoint's files, each weight from its file or an error that says why.

Knows transformers and safetensors; nothing of devices and of what is computed with the weights. Runs no code that comes
with a checkpoint.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from secondpass.backends.network import Body
from secondpass.errors import MissingExtra, ModelError, ModelLoadError, UntrainedHead

if TYPE_CHECKING:
    import torch


def load_classifier(path: Path, body: Body) -> Any:
    """The architecture's classifier on the CPU, weights as they are stored. `path`: model.safetensors or its index.

    Raises `UntrainedHead` where the head's weights are missing, `ModelLoadError` for all else that cannot be read.
    """
    model, wrong = _load("AutoModelForSequenceClassification", path, body, "auto")
    if wrong:
        raise _incomplete(path, wrong, f"{model.base_model_prefix}.")
    return model


def load_body(path: Path, body: Body, dtype: torch.dtype) -> Any:
    """The transformer without a head, on the CPU, weights in `dtype`. Raises `ModelLoadError`."""
    model, wrong = _load("AutoModel", path, body, dtype)
    wrong = [name for name in wrong if not name.startswith("pooler.")]  # nothing reads it: heads read the states
    if wrong:
        raise _incomplete(path, wrong, "")
    return model


def import_torch() -> tuple[Any, Any]:
    """torch and transformers. Raises `MissingExtra` where one is not installed."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra("The torch backend", "torch") from error
    return torch, transformers


def read_tensor(path: Path, names: tuple[str, ...], rows: tuple[int, ...] | None = None) -> torch.Tensor:
    """The first of the tensors `names` that is in the weights at `path`, in fp32; only its `rows` where given.

    Reads no more of the file than it gives. Raises `UntrainedHead` where none is there, `ModelLoadError` where a row
    lies beyond its end.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    for file, held in weight_map(path).items():
        found = next((name for name in names if name in held), None)
        if found is None:
            continue
        try:
            with safe_open(file, framework="pt") as tensors:
                if rows is None:
                    whole: torch.Tensor = tensors.get_tensor(found)
                    return whole.float()
                part = tensors.get_slice(found)
                _require_rows(path, found, rows, part.get_shape()[0])
                return torch.cat([part[row : row + 1] for row in rows]).float()
        except (OSError, SafetensorError) as error:
            raise ModelLoadError(f"{file} cannot be read: {error} Fetch it again.") from error
    raise UntrainedHead(
        f"{path} has no weights {' or '.join(names)}, which its score is read from; it would be random. Use a "
        "checkpoint that was trained to rank: `secondpass models` lists some."
    )


def weight_map(path: Path) -> dict[Path, frozenset[str]]:
    """The files of weights that `path` is, or is the index of, each with the names of the tensors in it."""
    from safetensors import SafetensorError, safe_open

    files = [path]
    if path.suffix == ".json":
        index: Mapping[str, str] = read_config(path)["weight_map"]
        files = sorted({path.parent / Path(name).name for name in index.values()})
    found = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as tensors:
                found[file] = frozenset(tensors.keys())
        except (OSError, SafetensorError) as error:
            raise ModelLoadError(f"{file} cannot be read: {error} Fetch it again.") from error
    return found


def read_config(path: Path) -> dict[str, Any]:
    """A JSON object. Raises `ModelLoadError` naming the file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} cannot be read ({error}); fetch the model again.") from error
    if not isinstance(found, dict):
        raise ModelLoadError(f"{path} holds no JSON object; fetch the model again.")
    return found


def renamed(names: Mapping[str, torch.Tensor], body: Body) -> dict[str, torch.Tensor]:
    """The weights under the names that `body` gives them; those of several names are split evenly by rows."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in names.items():
        rule = next((rule for rule in body.renames if re.fullmatch(rule.pattern, name)), None)
        targets = (name,) if rule is None else tuple(re.sub(rule.pattern, to, name) for to in rule.to)
        parts = [tensor] if len(targets) <= 1 else tensor.chunk(len(targets))
        found.update(zip(targets, (part.contiguous() for part in parts), strict=False))
    return found


def _load(kind: str, path: Path, body: Body, dtype: torch.dtype | str) -> tuple[Any, list[str]]:
    """A module of the automatic class `kind`, and the names of its weights that no file has in its shape."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _, transformers = import_torch()
    folder = path.parent
    settings = read_config(folder / "config.json")
    _refuse_quantised(folder, settings)
    changed: dict[str, Any] = {}
    source: str | None = str(folder)
    try:
        with _quietly():
            if body.settings:
                changed["config"] = _config(transformers, {**settings, **body.settings})
            if body.renames:
                files = [load_file(file) for file in weight_map(path)]
                changed["state_dict"] = renamed({name: file[name] for file in files for name in file}, body)
                changed.setdefault("config", _config(transformers, {**settings, **body.settings}))
                source = None
            model, told = getattr(transformers, kind).from_pretrained(
                source,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
                ignore_mismatched_sizes=True,  # they are named by the caller, with what is missing
                output_loading_info=True,
                **changed,
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        # What transformers raises for files that it cannot read; it has no class of its own for it.
        raise ModelLoadError(f"{path} cannot be read by transformers: {error} Fetch it again.") from error
    return model, sorted({*told["missing_keys"], *(each[0] for each in told["mismatched_keys"])})


def _config(transformers: Any, settings: Mapping[str, Any]) -> Any:
    return transformers.AutoConfig.for_model(**{**settings, "auto_map": None})


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


def _require_rows(path: Path, name: str, rows: tuple[int, ...], count: int) -> None:
    beyond = [row for row in rows if row >= count]
    if beyond:
        raise ModelLoadError(
            f"{path} has {count} rows in {name}, and the score is read from row {beyond[0]}: the tokenizer beside "
            "it is another model's. Fetch the model again."
        )


def _refuse_quantised(folder: Path, config: Mapping[str, Any]) -> None:
    quantised = config.get("quantization_config")
    if quantised:
        raise ModelLoadError(
            f"{folder} has weights quantised with {quantised.get('quant_method', 'a method that it does not name')}, "
            "which this version does not read. Choose the same model in fp32, fp16 or bf16."
        )


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
