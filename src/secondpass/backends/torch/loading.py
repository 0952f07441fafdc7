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
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from secondpass.backends.network import Body
from secondpass.backends.torch.quantised import REMEDY, Format, find_format, reading, require_plain
from secondpass.errors import MissingExtra, ModelError, ModelLoadError, UntrainedHead

if TYPE_CHECKING:
    import torch


_OWN: Mapping[str, str] = {"jina_bert": "secondpass.backends.torch.jina_bert"}
"""Architectures that transformers lacks, by their model_type: a module with `CONFIG` and, by automatic class,
`BUILDERS`."""


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
    kind = "AutoModelForTextEncoding" if body.part == "encoder" else "AutoModel"
    model, wrong = _load(kind, path, body, dtype)
    wrong = [name for name in wrong if not name.startswith("pooler.")]  # nothing reads it: heads read the states
    if wrong:
        raise _incomplete(path, wrong, "")
    return model


def load_masked(path: Path, body: Body, dtype: torch.dtype) -> Any:
    """The architecture's masked language model, on the CPU, weights in `dtype`. Raises as `load_classifier` does."""
    model, wrong = _load("AutoModelForMaskedLM", path, body, dtype)
    wrong = [name for name in wrong if ".pooler." not in name]
    if wrong:
        raise _incomplete(path, wrong, f"{model.base_model_prefix}.")
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
    lies beyond its end and where it is quantised.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    held = weight_map(path)
    # Names before files: of a model whose output is its own, the input's embedding is often in an earlier shard.
    found = next(((file, name) for name in names for file in held if name in held[file]), None)
    if found is not None:
        file, name = found
        try:
            with safe_open(file, framework="pt") as tensors:
                require_plain(path, names, frozenset().union(*held.values()), tensors.get_slice(name).get_dtype())
                if rows is None:
                    whole: torch.Tensor = tensors.get_tensor(name)
                    return whole.float()
                part = tensors.get_slice(name)
                _require_rows(path, name, rows, part.get_shape()[0])
                return torch.cat([part[row : row + 1] for row in rows]).float()
        except (OSError, SafetensorError) as error:
            raise ModelLoadError(f"{file} cannot be read: {error} Fetch it again.") from error
    require_plain(path, names, frozenset().union(*held.values()))
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
        targets = called(name, body)
        parts = [tensor] if len(targets) <= 1 else tensor.chunk(len(targets))
        found.update(zip(targets, (part.contiguous() for part in parts), strict=False))
    return found


def called(name: str, body: Body) -> tuple[str, ...]:
    """The names that `body` gives a weight."""
    rule = next((rule for rule in body.renames if re.fullmatch(rule.pattern, name)), None)
    return (name,) if rule is None else tuple(re.sub(rule.pattern, to, name) for to in rule.to)


def _load(kind: str, path: Path, body: Body, dtype: torch.dtype | str) -> tuple[Any, list[str]]:
    """A module of the automatic class `kind`, and the names of its weights that no file has in its shape."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    _, transformers = import_torch()
    folder = path.parent
    settings = read_config(folder / "config.json")
    stored = find_format(folder, settings)
    _require_own_names(folder, body, stored)
    within = stored is not None and stored.whole and kind == "AutoModel"
    kind = "AutoModelForCausalLM" if within else kind
    expanding, changed = reading(stored, settings)
    replaced = {**body.settings, **expanding}
    source: str | None = str(folder)
    try:
        with _quietly():
            if replaced:
                changed["config"] = _config(transformers, {**settings, **replaced})
            if body.renames:
                files = [load_file(file) for file in weight_map(path)]
                changed["state_dict"] = renamed({name: file[name] for file in files for name in file}, body)
                changed.setdefault("config", _config(transformers, {**settings, **body.settings}))
                source = None
            model, told = _builder(kind, changed.get("config")).from_pretrained(
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
        remedy = "Fetch it again." if stored is None else REMEDY
        raise ModelLoadError(f"{path} cannot be read by transformers: {error} {remedy}") from error
    model = model.base_model if within else model
    return model, sorted({*told["missing_keys"], *(each[0] for each in told["mismatched_keys"])})


def _config(transformers: Any, settings: Mapping[str, Any]) -> Any:
    """The configuration, without what the checkpoint's own code would be found by."""
    plain = {name: value for name, value in settings.items() if name != "auto_map"}
    own = _OWN.get(plain["model_type"])
    if own is not None:
        del plain["model_type"]
        return import_module(own).CONFIG(**plain)
    return transformers.AutoConfig.for_model(**plain)


def _builder(kind: str, config: Any) -> Any:
    """What builds a module of the automatic class `kind`: the architecture's own class where a configuration is given.

    The automatic class itself takes no weights under other names than its files have.
    """
    import transformers
    from transformers.models.auto import auto_factory

    untyped: Any = auto_factory
    automatic = getattr(transformers, kind)
    if config is None:
        return automatic
    own = _OWN.get(config.model_type)
    if own is not None:
        return import_module(own).BUILDERS[kind]
    return untyped._get_model_class(config, automatic._model_mapping)


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


def _require_own_names(folder: Path, body: Body, stored: Format | None) -> None:
    if stored is not None and body.renames:
        raise ModelLoadError(
            f"{folder} has weights quantised with {stored.method} under other names than transformers "
            "has, and those are read from plain weights alone. Choose the same model in fp32, fp16 or bf16."
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
