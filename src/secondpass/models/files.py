"""Finding a checkpoint's files: a local folder, or a hub id through the hub's own cache.

Knows names, folders and the hub; nothing of what the files mean. Takes ONNX graphs, safetensors, JSON and tokenizers,
never code and never pickled weights. A model that was fetched before is read from the cache without asking the network;
`pull` asks.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from secondpass.backends.choose import Format, formats
from secondpass.errors import ModelLoadError, UnknownModel
from secondpass.models.catalog import built_in
from secondpass.models.hub import Repository, hint, offline
from secondpass.models.variants import (
    IR,
    MARKER,
    SAFETENSORS,
    STATIC,
    Choice,
    choose_weights,
    machine_features,
    onnx_files,
    weight_files,
)

CONFIG_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "adapter_config.json",
    "artifact.metadata",
    MARKER,
)
MODULE_FILES = tuple(
    f"*_{kind}/{file}"
    for kind in ("Pooling", "Dense", "LayerNorm", "LogitScore", "MultiVectorMask", "SpladePooling")
    for file in ("config.json", "model.safetensors")
)
"""What sentence-transformers keeps of the modules behind a transformer, in a folder each."""

ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
"""What peft writes of a LoRA adapter."""

_WEIGHTS = (".safetensors", ".bin", ".pt", ".h5", ".msgpack")
_DYNAMIC = b"DynamicQuantizeLinear"  # the operator that takes an activation's scale from the batch at hand
_INDEX = ".index.json"
_BIN = ".bin"  # OpenVINO's weights
_EDGE = 1024 * 1024  # bytes at either end of a graph that its digest reads
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

Name = str | os.PathLike[str]
Accept = Callable[[Path, Sequence[str], Path | None], Sequence[Format]]
"""Looks at a checkpoint before its weights are fetched: its folder, every file that it has, and its adapter's folder.

Gives the formats of weights that may be chosen, and may raise."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a model's files lie: its folder, the file of weights chosen, why, and the hub's commit if it is from there.

    `graph` is an ONNX graph, model.safetensors, or the index of its shards. `adapter` is the folder of a LoRA adapter,
    where all else is its base model's; `adapter_commit` is the hub's.
    """

    name: str
    folder: Path
    graph: Path
    precision: str
    reason: str
    commit: str | None = None
    adapter: Path | None = None
    adapter_commit: str | None = None

    @property
    def version(self) -> str:
        """What the weights are: the hub's commit, or a digest of the graph and of its modules, with the graph's file
        name; and the same of the adapter."""
        found = f"{self.commit or digest(self.graph, *_modules(self.folder))}:{self.graph.name}"
        if self.adapter is None:
            return found
        return f"{found}+{self.adapter_commit or digest(*(self.adapter / file for file in reversed(ADAPTER)))}"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer.json: the adapter's where it has one, which may know more tokens than its base's."""
        own = (self.adapter or self.folder) / "tokenizer.json"
        return own if own.is_file() else self.folder / "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What `pull` fetched: the checkpoint's folder and the bytes that its files take there."""

    folder: Path
    size: int

    def __str__(self) -> str:
        return f"{self.folder} ({self.size / 1e6:.1f} MB)"


def resolve(
    name: Name,
    *,
    precision: str = "auto",
    revision: str | None = None,
    cache_dir: Path | None = None,
    accept: Accept | None = None,
    readable: Sequence[Format] = ("onnx",),
) -> Checkpoint:
    """Find a checkpoint's files.

    A path, or a string that starts with `.`, `/`, `~` or a drive, is a folder. Anything else is a hub id: it is read
    from the hub's cache if it was fetched before, else fetched; HF_HUB_OFFLINE=1 forbids that. `revision` pins its
    branch, tag or commit. `accept` is called as soon as the JSON files are there, before the weights are fetched, and
    narrows `readable`: the formats of weights that may be chosen, an ONNX graph first. A LoRA adapter comes with its
    base model, which its adapter_config.json names. Raises `UnknownModel` where there is no such folder or hub id,
    `ModelLoadError` where it has no weights in a readable format, `InputError` for an unknown precision.
    """
    return _find(name, _Wanted(precision, accept, tuple(readable), revision, cache_dir))


def pull(
    name: Name,
    *,
    precision: str = "auto",
    revision: str | None = None,
    cache_dir: Path | None = None,
    accept: Accept | None = None,
    readable: Sequence[Format] | None = None,
) -> Pulled:
    """Fetch a hub model ahead of its use, or bring it up to date; a local folder is only checked and measured.

    `accept` and `readable` as for `resolve`; without them, what backend "auto" would read of a cross-encoder. Raises as
    `resolve` does.
    """
    wanted = _Wanted(precision, accept, formats("auto") if readable is None else tuple(readable), revision, cache_dir)
    if is_local(name):
        checkpoint = _local(name, wanted)
    else:
        hub_id = _checked(str(name))
        if offline():
            raise ModelLoadError(f"{hub_id} cannot be fetched while HF_HUB_OFFLINE is set; unset it.")
        checkpoint = _fetch(hub_id, wanted)
    taken = [checkpoint.folder / file for file in CONFIG_FILES]
    taken += [checkpoint.graph, *_external(checkpoint.graph), *_modules(checkpoint.folder)]
    taken += [checkpoint.adapter / file for file in ADAPTER] if checkpoint.adapter else []
    return Pulled(checkpoint.folder, sum(path.stat().st_size for path in taken if path.is_file()))


def is_local(name: Name) -> bool:
    """Whether `name` means a folder rather than a hub id or a built-in model."""
    return not isinstance(name, str) or name.startswith((".", "/", "~", "\\")) or _DRIVE.match(name) is not None


def digest(graph: Path, *others: Path) -> str:
    """A name for a graph's content: sizes and both ends of it, of the weights that lie beside it and of `others`."""
    found = hashlib.sha256()
    read = [graph, *_external(graph), *others]
    sizes = [path.stat().st_size for path in read]
    found.update(str(sizes).encode())
    for path, size in zip(read, sizes, strict=True):
        with path.open("rb") as file:
            found.update(file.read(_EDGE))
            file.seek(max(0, size - _EDGE))
            found.update(file.read(_EDGE))
    return f"sha256-{found.hexdigest()[:16]}"


def weight_paths(graph: Path) -> list[Path]:
    """The files of a graph, or of an index, and of the weights beside it."""
    return [graph, *_external(graph)]


def takes_scales_per_batch(graph: Path) -> bool:
    """Whether a graph quantises activations by the batch at hand, so that a pair's logit depends on its neighbours."""
    if graph.stat().st_size == 0:
        return False
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_DYNAMIC) >= 0


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What `resolve` was asked for, beside the name."""

    precision: str
    accept: Accept | None
    readable: tuple[Format, ...]
    revision: str | None
    cache_dir: Path | None

    def accepted(self, folder: Path, files: Sequence[str]) -> tuple[Format, ...]:
        """The formats that may be chosen, by what the checkpoint's files say."""
        if self.accept is None or "config.json" not in files:
            return self.readable
        taken = self.accept(folder, files, None)
        return tuple(each for each in self.readable if each in taken)

    def base(self, adapter: Path, revision: str | None) -> _Wanted:
        """What is asked for the base model of an adapter: weights that it can be merged into."""
        accept = self.accept
        for_it = None if accept is None else lambda folder, files, _: accept(folder, files, adapter)
        return _Wanted(self.precision, for_it, ("safetensors",), revision, self.cache_dir)


def _find(name: Name, wanted: _Wanted) -> Checkpoint:
    if is_local(name):
        return _local(name, wanted)
    hub_id = _checked(str(name))
    repository = Repository(hub_id, wanted.revision, wanted.cache_dir)
    cached = repository.cached()
    if cached is not None:
        try:
            return _checkpoint(hub_id, cached, wanted, commit=cached.name)
        except ModelLoadError:
            if offline():
                raise  # else the hub may have the file that is missing here
    if offline():
        raise repository.absent()
    return _fetch(hub_id, wanted)


def _local(name: Name, wanted: _Wanted) -> Checkpoint:
    folder = Path(name).expanduser()
    if folder.is_file():
        raise ModelLoadError(
            f"{folder} is a file. Name the folder that holds config.json, tokenizer.json and onnx/model.onnx."
        )
    if not folder.is_dir():
        raise UnknownModel(f"There is no folder {folder} (looked in {Path.cwd()}). A hub id is written owner/name.")
    return _checkpoint(str(name), folder, wanted, commit=None)


def _checkpoint(name: str, folder: Path, wanted: _Wanted, *, commit: str | None) -> Checkpoint:
    """Choose among the graphs that are there, and look into a quantised one."""
    files = _files(folder)
    if _is_adapter(files):
        return _adapted(name, folder, files, wanted, commit)
    readable = wanted.accepted(folder, files)
    _require_files(name, files, readable)
    static = MARKER in files if commit else any(_is_static(folder / file) for file in onnx_files(files))
    choice = choose_weights(name, files, wanted.precision, formats=readable, static=static, features=machine_features())
    graph = folder / choice.file
    absent = [path.name for path in _external(graph) if not path.is_file()]
    if absent:
        raise ModelLoadError(f"{name} lacks {', '.join(absent[:4])}, which {choice.file} names. Fetch the model again.")
    return Checkpoint(name, folder, graph, choice.precision, _inspected(graph, choice, static), commit)


def _is_adapter(files: Sequence[str]) -> bool:
    return ADAPTER[0] in files and "config.json" not in files


def _adapted(name: str, folder: Path, files: Sequence[str], wanted: _Wanted, commit: str | None) -> Checkpoint:
    """The base model of a LoRA adapter, with the adapter's folder."""
    if "safetensors" not in wanted.readable:
        raise ModelLoadError(
            f"{name} is a LoRA adapter, which is merged into its base model's weights by torch: pip install "
            "'secondpass[torch]' and pass backend='torch'."
        )
    if ADAPTER[1] not in files:
        raise ModelLoadError(f"{name} has no {ADAPTER[1]}; pickled weights are not read. Save it with peft again.")
    path = folder / ADAPTER[0]
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        base, revision = str(config["base_model_name_or_path"]), config.get("revision")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelLoadError(f"{path} names no base model ({error!r}); fetch the adapter again.") from error
    found = _find(base, wanted.base(folder, revision))
    reason = f"{found.reason} of {base}, with the adapter {name} merged in"
    return replace(found, name=name, reason=reason, adapter=folder, adapter_commit=commit)


def _modules(folder: Path) -> list[Path]:
    """The files of the modules behind a transformer, mostly none."""
    return sorted(path for pattern in MODULE_FILES for path in folder.glob(pattern))


def _is_static(graph: Path) -> bool:
    return graph.name == STATIC and not takes_scales_per_batch(graph)


def _inspected(graph: Path, choice: Choice, static: bool) -> str:
    """The choice's reason, completed by what an int8 graph turns out to do with its activations."""
    if choice.precision != "int8" or not takes_scales_per_batch(graph):
        return choice.reason
    if static and graph.name == STATIC:
        raise ModelLoadError(
            f"{graph} has {MARKER} beside it, which says that its scales are static, yet it holds {_DYNAMIC.decode()} "
            "operators. Quantise it again, or remove the marker and pass precision='int8'."
        )
    return f"{choice.reason}; its activation scales are taken from each batch, so a score may depend on its neighbours"


def _require_files(name: str, files: Sequence[str], readable: Sequence[Format]) -> None:
    """Say what is missing: a JSON file, the conversion to a graph, or the weights themselves."""
    missing = [file for file in ("config.json", "tokenizer.json") if file not in files]
    found = weight_files(files, readable)
    if found and not missing:
        return
    if found:
        raise ModelLoadError(
            f"{name} has no {' and no '.join(missing)}. Save the whole model there, with a fast tokenizer: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(DIR)."
        )
    if "onnx" not in readable:
        raise _no_safetensors(name, files)
    weights = sorted(file for file in files if file.endswith(_WEIGHTS))
    if not weights:
        there = ", ".join(sorted(files)[:8]) or "nothing"
        raise ModelLoadError(
            f"{name} has no weights: there is no onnx/*.onnx, only {there}. Name a folder or a hub id that has "
            "onnx/model.onnx."
        )
    installs = (
        "pip install 'secondpass[torch]' and pass backend='torch', which reads it, or export it once: "
        f"`secondpass convert {name} --output DIR` (pip install 'secondpass[convert]')"
    )
    export = installs if set(SAFETENSORS) & set(files) else "Export it once with its own tools"
    raise ModelLoadError(
        f"{name} has no onnx/*.onnx, only {', '.join(weights[:4])}. {export}, or "
        f"`optimum-cli export onnx --model {name} --task text-classification DIR`, or sentence-transformers' "
        f"CrossEncoder({name!r}, backend='onnx').save_pretrained('DIR'); then load the folder DIR."
    )


def _no_safetensors(name: str, files: Sequence[str]) -> ModelLoadError:
    there = ", ".join(sorted(file for file in files if file.endswith((*_WEIGHTS, ".onnx")))[:4]) or "no weights at all"
    remedy = "Pass backend='auto'" if onnx_files(files) else "Save it with save_pretrained(DIR), which writes that file"
    return ModelLoadError(f"{name} has no model.safetensors, which backend='torch' reads, only {there}. {remedy}.")


def _files(folder: Path) -> list[str]:
    """Every file of a checkpoint's folder and of the folders in it, as relative paths with `/`."""
    paths = [*folder.glob("*"), *folder.glob("*/*")]
    return sorted(path.relative_to(folder).as_posix() for path in paths if path.is_file())


def _external(graph: Path) -> list[Path]:
    """The files in which a graph of more than 2 GB, or of OpenVINO's format, keeps its weights; or those of an index.

    Those that an index names need not be there. Raises `ModelLoadError` for an index that cannot be read.
    """
    if graph.suffix == IR.suffix:
        return [graph.with_suffix(_BIN)]
    if not graph.name.endswith(_INDEX):
        return sorted(graph.parent.glob(f"{graph.name}?data*"))
    try:
        named = set(json.loads(graph.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelLoadError(f"{graph} is no index of weights ({error!r}); fetch the model again.") from error
    # A name with a folder in it would point out of the checkpoint.
    return sorted(graph.parent / Path(str(name)).name for name in named)


def _checked(hub_id: str) -> str:
    """`hub_id` if it has the form of one. Raises `ModelLoadError` for a built-in model, else `UnknownModel`."""
    if hub_id in built_in():
        raise ModelLoadError(
            f"{hub_id} is built in: it came with the package and has no files to fetch. Load it as it is."
        )
    if _HUB_ID.fullmatch(hub_id) and len(hub_id) <= 96 and "--" not in hub_id and ".." not in hub_id:
        return hub_id
    raise UnknownModel(
        f"There is no model {hub_id!r}: built in are 'embedded' and 'bm25', a folder starts with '.' or '/', and a hub "
        f"id is written owner/name.{hint(hub_id)}"
    )


def _fetch(hub_id: str, wanted: _Wanted) -> Checkpoint:
    """Fetch the JSON files, choose among the weights that the hub lists, and fetch those alone."""
    repository = Repository(hub_id, wanted.revision, wanted.cache_dir)
    files = repository.files()
    folder = repository.download((*CONFIG_FILES, *MODULE_FILES))
    if _is_adapter(files):
        folder = repository.download((*CONFIG_FILES, *ADAPTER))
        return _adapted(hub_id, folder, files, wanted, folder.name)
    readable = wanted.accepted(folder, files)
    _require_files(hub_id, files, readable)
    static = MARKER in files
    choice = choose_weights(
        hub_id, files, wanted.precision, formats=readable, static=static, features=machine_features()
    )
    folder = repository.download((*CONFIG_FILES, choice.file, f"{choice.file}?data*"))
    if choice.file.endswith(_INDEX):
        folder = repository.download([path.name for path in _external(folder / choice.file)])
    if choice.file == str(IR):
        folder = repository.download([str(IR.with_suffix(_BIN))])
    graph = folder / choice.file
    return Checkpoint(hub_id, folder, graph, choice.precision, _inspected(graph, choice, static), folder.name)
