"""From a name to a scorer: finds the files, decides how they are read, and warns of what the user should know.

Knows names, plans and drivers; nothing of queries and documents, nor of the models in the package.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from secondpass.backends.base import Backend
from secondpass.backends.choose import Format, choose, formats
from secondpass.backends.network import Compression, Network
from secondpass.errors import (
    InputError,
    LicenceWarning,
    MissingExtra,
    ModelLoadError,
    UnknownModel,
    UnverifiedWarning,
)
from secondpass.models import decoders, files
from secondpass.models.bi_encoder import asks
from secondpass.models.blocks import BlockModel
from secondpass.models.catalog import Row, find, licence_notice, why_not
from secondpass.models.duo import DuoModel
from secondpass.models.files import Checkpoint, Name, Pulled, resolve
from secondpass.models.memory import Memory
from secondpass.models.pair import HeadElsewhere, PairModel, is_headed
from secondpass.models.plan import Plan, plan
from secondpass.models.prompt import PromptModel
from secondpass.models.recipe import head_modules
from secondpass.models.sentence import read_published
from secondpass.models.separate import REMEMBERED, SeparateModel
from secondpass.models.variants import GRAPHS, IR, weight_files

Scorer = BlockModel | DuoModel | PairModel | PromptModel | SeparateModel
REMEMBERED_MB = REMEMBERED // 2**20
_ONNX = ".onnx"
_WHOLE: tuple[Format, ...] = ("onnx",)  # formats whose files hold the whole graph
_PACKAGE = __name__.partition(".")[0]


def load_scorer(
    name: Name,
    *,
    backend: str = "auto",
    precision: str = "auto",
    streams: int | None = None,
    revision: str | None = None,
    cache_dir: Path | None = None,
    device: str | Sequence[str] = "auto",
    recipe: str | None = None,
    cutoff: int | None = None,
    compress_ratio: int | None = None,
    compress_layers: Sequence[int] | None = None,
    query_model: Name | None = None,
    remember_mb: int = REMEMBERED_MB,
) -> Scorer:
    """Load a cross-encoder, a decoder, an encoder-decoder or a model that reads lists from a folder or a hub id.

    Backend "auto" reads an ONNX graph where there is one, and else falls back to torch where that is installed, as it
    does for decoders that were not converted; `device` other than "auto" and "cpu" means torch. `recipe` names the
    prompt of a decoder, `cutoff` how many of its layers are computed; both are found out where they are left out.
    `compress_ratio` and `compress_layers` shorten documents inside a model that was trained so
    (`network.Compression`). Of models that read query and document apart, `query_model` is the encoder of queries where
    it is another one (DPR), and `remember_mb` how much of what was computed of documents is kept. Warns with
    `LicenceWarning` of a licence that forbids commercial use, with `UnverifiedWarning` of scores that were not held
    against the authors' code. Raises `UnknownModel`, `UntrainedHead`, `ModelLoadError`, `MissingExtra`, and what
    `choose` does for a backend that there is not.
    """
    if backend == "auto" and device not in ("auto", "cpu"):
        backend = "torch"
    ready = choose(backend, precision, streams, device) if backend == "torch" else None
    row = _readable_row(name, recipe)
    planner = _Planner(str(name), backend, recipe, cutoff, decoders.compression(compress_ratio, compress_layers))

    def found(readable: Sequence[Format]) -> Checkpoint:
        return resolve(
            name, precision=precision, revision=revision, cache_dir=cache_dir, accept=planner, readable=readable
        )

    def made(checkpoint: Checkpoint) -> Scorer:
        chosen = planner.settled(checkpoint)
        asking = _asking(query_model, chosen, precision=precision, cache_dir=cache_dir)
        computed = ready or _computed(checkpoint, chosen, backend, precision, streams, device)
        if chosen.separation is not None:
            memory = Memory(remember_mb * 2**20)
            return SeparateModel(checkpoint, computed, chosen.network, chosen.separation, memory=memory, asking=asking)
        return scorer_of(checkpoint, chosen, computed)

    checkpoint = found(formats(backend))
    for notice, category in _notices(row, planner.settled(checkpoint)):
        warnings.warn(notice, category, stacklevel=_frames_to_the_caller())
    try:
        return made(checkpoint)
    except HeadElsewhere as error:
        # An ONNX file of the transformer alone: its head lies in modules beside it, which torch reads.
        if "safetensors" not in formats(backend):
            raise
        failed = error
    try:
        whole = found(("safetensors",))
    except ModelLoadError as error:
        raise failed from error
    why = f"{whole.reason}, because {checkpoint.graph.name} lacks the head, which lies in modules beside it"
    return made(replace(whole, reason=why))


def find_weights(
    name: Name, *, revision: str | None = None, cache_dir: Path | None = None, recipe: str | None = None
) -> tuple[Checkpoint, Plan]:
    """The weights themselves, even where there is a graph beside them, and how they are read.

    Raises as `load_scorer` with these arguments and backend "torch" does, before anything is computed.
    """
    _readable_row(name, recipe)
    planner = _Planner(str(name), "torch", recipe, None, None)
    found = resolve(name, revision=revision, cache_dir=cache_dir, accept=planner, readable=formats("torch"))
    return found, planner.settled(found)


def pull(
    name: Name,
    *,
    precision: str = "auto",
    revision: str | None = None,
    cache_dir: Path | None = None,
    recipe: str | None = None,
) -> Pulled:
    """Fetch what `load_scorer` with these arguments would read, or bring it up to date; a local folder is only checked.

    Raises as `files.pull` and `plan` do.
    """
    _readable_row(name, recipe)
    planner = _Planner(str(name), "auto", recipe, None, None)
    asked: dict[str, Any] = {"precision": precision, "revision": revision, "cache_dir": cache_dir, "accept": planner}
    readable = formats("auto")
    pulled = files.pull(name, **asked, readable=readable)
    if "safetensors" in readable and _is_headless(resolve(name, **asked, readable=readable)):
        return files.pull(name, **asked, readable=("safetensors",))
    return pulled


@dataclass(slots=True)
class _Planner:
    """Plans a checkpoint as soon as its JSON files are there, and keeps the plan."""

    name: str
    backend: str
    recipe: str | None
    cutoff: int | None
    compression: Compression | None
    made: dict[str, Plan] = field(default_factory=dict)

    def __call__(self, folder: Path, files: Sequence[str], adapter: Path | None) -> Sequence[Format]:
        """The formats in which the checkpoint can be read; see `files.Accept`."""
        readable = ("safetensors",) if adapter is not None else formats(self.backend)
        suffix = _ONNX if "onnx" in readable and weight_files(files, _WHOLE) else ".safetensors"
        chosen = self._plan(folder, suffix, adapter)
        if chosen.graphs:
            return readable
        if "safetensors" in readable:
            return ("safetensors",)
        what = "a model that is asked with a prompt" if chosen.separation is None else "a model of more than one part"
        if self.backend == "auto":
            raise MissingExtra(f"{self.name}, {what},", "torch")
        raise ModelLoadError(
            f"{self.name} is {what}, which backend={self.backend!r} does not compute. Pass backend='torch'."
        )

    def settled(self, checkpoint: Checkpoint) -> Plan:
        """The plan for the weights that were chosen."""
        suffix = _ONNX if checkpoint.graph.suffix in GRAPHS else ".safetensors"
        return self._plan(checkpoint.folder, suffix, checkpoint.adapter)

    def _plan(self, folder: Path, suffix: str, adapter: Path | None) -> Plan:
        if suffix not in self.made:
            self.made[suffix] = plan(
                folder,
                self.name,
                recipe=self.recipe,
                cutoff=self.cutoff,
                compression=self.compression,
                graph_suffix=suffix,
                adapter=adapter,
            )
        return self.made[suffix]


def _row(name: Name) -> Row | None:
    """The catalogue's row of a hub id; None where it is not listed, or a folder."""
    try:
        return find(name) if isinstance(name, str) else None
    except UnknownModel:
        return None


def _readable_row(name: Name, recipe: str | None) -> Row | None:
    """The same. Raises `ModelLoadError` where the catalogue says that this version has no way to read it."""
    row = _row(name)
    if row is not None and recipe is None and why_not(row):
        raise ModelLoadError(f"{row.name} cannot be loaded. {why_not(row)}")
    return row


def _is_headless(checkpoint: Checkpoint) -> bool:
    """Whether an ONNX graph is a transformer's alone, whose head lies in modules beside it."""
    if checkpoint.graph.suffix != _ONNX or not head_modules(checkpoint.folder):
        return False
    graph = choose("onnxruntime").load(checkpoint.graph)
    try:
        return not is_headed(graph)
    finally:
        graph.close()


def _computed(
    checkpoint: Checkpoint,
    chosen: Plan,
    backend: str,
    precision: str,
    streams: int | None,
    device: str | Sequence[str],
) -> Backend:
    if backend == "auto" and checkpoint.graph.suffix == IR.suffix:
        return choose("openvino", precision, streams, device, why="the model was converted for it")
    if checkpoint.graph.suffix in GRAPHS or backend != "auto":
        return choose(backend, precision, streams, device)
    why = "the checkpoint has no ONNX file" if chosen.graphs else "its kind is computed by torch"
    return choose("torch", precision, streams, device, why=why)


def scorer_of(
    checkpoint: Checkpoint, chosen: Plan, backend: Backend
) -> BlockModel | DuoModel | PairModel | PromptModel:
    """What reads query and document together as a plan says. Raises as its driver does."""
    if chosen.driver == "blocks":
        return BlockModel(checkpoint, backend, chosen.network)
    if chosen.recipe is not None and chosen.driver == "duo":
        return DuoModel(checkpoint, backend, chosen.network, chosen.recipe)
    if chosen.recipe is not None:
        return PromptModel(checkpoint, backend, chosen.network, chosen.recipe)
    return PairModel(checkpoint, backend, chosen.network, reference=chosen.reference)


def _asking(
    name: Name | None, chosen: Plan, *, precision: str, cache_dir: Path | None
) -> tuple[Checkpoint, Network] | None:
    """The checkpoint that reads queries, where it is another one than documents', and what is built of it."""
    needed = chosen.separation is not None and chosen.separation.own_query
    if name is None and needed:
        raise InputError(
            "This model reads documents alone. Pass query_model= with the encoder of questions that was trained with "
            "it, such as facebook/dpr-question_encoder-single-nq-base."
        )
    if name is None:
        return None
    if not needed:
        raise InputError(
            f"query_model={str(name)!r} is for models whose queries have an encoder of their own: leave it out."
        )
    found = resolve(name, precision=precision, cache_dir=cache_dir, readable=("safetensors",))
    if not asks(read_published(found.folder)):
        raise ModelLoadError(
            f"{name} does not read questions (DPRQuestionEncoder in its config.json). Name one that does."
        )
    return found, chosen.network


def _frames_to_the_caller() -> int:
    """How many frames up whoever asked this package is: seen from who calls this, as `warnings.warn` counts."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
        frame, level = frame.f_back, level + 1
    return level


def _notices(row: Row | None, chosen: Plan) -> list[tuple[str, type[UserWarning]]]:
    """What to say when the model is loaded, one line each."""
    said: list[tuple[str, type[UserWarning]]] = []
    if row is not None and licence_notice(row):
        said.append((licence_notice(row), LicenceWarning))
    if chosen.unverified:
        said.append((f"The scores are unverified: {chosen.unverified}.", UnverifiedWarning))
    return said
