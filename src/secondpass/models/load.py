"""From a name to a scorer: finds the files, decides how they are read, and warns of what the user should know.

Knows names, plans and drivers; nothing of queries and documents, nor of the models in the package.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secondpass.backends.base import Backend
from secondpass.backends.choose import Format, choose, formats
from secondpass.errors import (
    LicenceWarning,
    MissingExtra,
    ModelLoadError,
    UnknownModel,
    UntrainedHead,
    UnverifiedWarning,
)
from secondpass.models.catalog import Row, find, licence_notice, why_not
from secondpass.models.files import Checkpoint, Name, resolve
from secondpass.models.pair import PairModel
from secondpass.models.plan import Plan, plan
from secondpass.models.prompt import PromptModel
from secondpass.models.recipe import head_modules
from secondpass.models.variants import onnx_files

_ONNX = ".onnx"
_CALLER = 3  # frames between a warning and who called `secondpass.load`


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
) -> PairModel | PromptModel:
    """Load a cross-encoder or a decoder from a folder or a hub id.

    Backend "auto" reads an ONNX graph where there is one, and else falls back to torch where that is installed, as it
    does for decoders in any case; `device` other than "auto" and "cpu" means torch. `recipe` names the prompt of a
    decoder, `cutoff` how many of its layers are computed; both are found out where they are left out. Warns with
    `LicenceWarning` of a licence that forbids commercial use, with `UnverifiedWarning` of scores that were not held
    against the authors' code. Raises `UnknownModel`, `UntrainedHead`, `ModelLoadError`, `MissingExtra`, and what
    `choose` does for a backend that there is not.
    """
    if backend == "auto" and device not in ("auto", "cpu"):
        backend = "torch"
    ready = choose(backend, precision, streams, device) if backend == "torch" else None
    row = _row(name)
    if row is not None and recipe is None and why_not(row):
        raise ModelLoadError(f"{row.name} cannot be loaded. {why_not(row)}")
    planner = _Planner(str(name), backend, recipe, cutoff)

    def found(readable: Sequence[Format]) -> Checkpoint:
        return resolve(
            name, precision=precision, revision=revision, cache_dir=cache_dir, accept=planner, readable=readable
        )

    def made(checkpoint: Checkpoint) -> PairModel | PromptModel:
        chosen = planner.settled(checkpoint)
        onnx = checkpoint.graph.suffix == _ONNX
        return _model(checkpoint, chosen, ready or _computed(onnx, chosen, backend, precision, streams, device))

    checkpoint = found(formats(backend))
    for notice, category in _notices(row, planner.settled(checkpoint)):
        warnings.warn(notice, category, stacklevel=_CALLER)
    try:
        return made(checkpoint)
    except (ModelLoadError, UntrainedHead) as error:
        whole = checkpoint.graph.suffix != _ONNX or not head_modules(checkpoint.folder)
        if whole or "safetensors" not in formats(backend):
            raise
        # An ONNX file of the transformer alone: its head lies in modules beside it, which torch reads.
        failed = error
    try:
        return made(found(("safetensors",)))
    except (ModelLoadError, UntrainedHead):
        raise failed from None


@dataclass(slots=True)
class _Planner:
    """Plans a checkpoint as soon as its JSON files are there, and keeps the plan."""

    name: str
    backend: str
    recipe: str | None
    cutoff: int | None
    made: dict[str, Plan] = field(default_factory=dict)

    def __call__(self, folder: Path, files: Sequence[str], adapter: Path | None) -> Sequence[Format]:
        """The formats in which the checkpoint can be read; see `files.Accept`."""
        readable = ("safetensors",) if adapter is not None else formats(self.backend)
        suffix = _ONNX if "onnx" in readable and onnx_files(files) else ".safetensors"
        if self._plan(folder, suffix, adapter).driver == "pair":
            return readable
        if "safetensors" in readable:
            return ("safetensors",)
        if self.backend == "auto":
            raise MissingExtra(f"{self.name}, a decoder that is asked with a prompt,", "torch")
        raise ModelLoadError(
            f"{self.name} is a decoder that is asked with a prompt, which backend={self.backend!r} does not compute. "
            "Pass backend='torch'."
        )

    def settled(self, checkpoint: Checkpoint) -> Plan:
        """The plan for the weights that were chosen."""
        suffix = _ONNX if checkpoint.graph.suffix == _ONNX else ".safetensors"
        return self._plan(checkpoint.folder, suffix, checkpoint.adapter)

    def _plan(self, folder: Path, suffix: str, adapter: Path | None) -> Plan:
        if suffix not in self.made:
            self.made[suffix] = plan(
                folder, self.name, recipe=self.recipe, cutoff=self.cutoff, graph_suffix=suffix, adapter=adapter
            )
        return self.made[suffix]


def _row(name: Name) -> Row | None:
    """The catalogue's row of a hub id; None where it is not listed, or a folder."""
    try:
        return find(name) if isinstance(name, str) else None
    except UnknownModel:
        return None


def _computed(
    onnx: bool, chosen: Plan, backend: str, precision: str, streams: int | None, device: str | Sequence[str]
) -> Backend:
    if onnx or backend != "auto":
        return choose(backend, precision, streams, device)
    why = "the checkpoint has no ONNX file" if chosen.driver == "pair" else "decoders are computed by torch"
    return choose("torch", precision, streams, device, why=why)


def _model(checkpoint: Checkpoint, chosen: Plan, backend: Backend) -> PairModel | PromptModel:
    if chosen.recipe is not None:
        return PromptModel(checkpoint, backend, chosen.network, chosen.recipe)
    return PairModel(checkpoint, backend, chosen.network, reference=chosen.reference)


def _notices(row: Row | None, chosen: Plan) -> list[tuple[str, type[UserWarning]]]:
    """What to say when the model is loaded, one line each."""
    said: list[tuple[str, type[UserWarning]]] = []
    if row is not None and licence_notice(row):
        said.append((licence_notice(row), LicenceWarning))
    if chosen.unverified:
        said.append((f"The scores are unverified: {chosen.unverified}.", UnverifiedWarning))
    return said
