"""What sentence-transformers and PyLate keep of an encoder of texts beside its weights: modules, prompts and limits.

Knows modules.json and the files that it leads to; nothing of what is computed. Classes that a checkpoint brings itself
are never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from secondpass.errors import ModelLoadError
from secondpass.models.recipe import read_json, read_list, read_pad_id, read_positions
from secondpass.models.side import Side
from secondpass.models.template import read_single
from secondpass.text.encode import TextEncoder

_LIBRARIES = ("sentence_transformers.", "pylate.")
_FOLDED = ("document", "passage", "corpus")  # the names of a document's prompt, the first that is there counts


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its class, its folder within the checkpoint's, and the class with its package."""

    kind: str
    folder: str
    path: str


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint's files, read: modules (none where it has no modules.json) and the settings of each library."""

    folder: Path
    config: Mapping[str, Any]
    modules: tuple[Module, ...]
    settings: Mapping[str, Any]
    transformer: Mapping[str, Any]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(module.kind for module in self.modules)

    @property
    def architecture(self) -> str:
        return next(iter(self.config.get("architectures") or ()), "")

    @property
    def kind(self) -> str:
        """What the library that wrote the files calls the model; "" where they do not say."""
        return str(self.settings.get("model_type") or "")

    @property
    def positions(self) -> int | None:
        """The longest input that the transformer has positions for; None for no end."""
        return read_positions(self.config)

    def settings_of(self, kind: str) -> Mapping[str, Any]:
        """The config.json of the module of that class; {} where there is none."""
        found = next((module for module in self.modules if module.kind == kind), None)
        return {} if found is None else read_json(self.folder / found.folder / "config.json", optional=True)

    def prompt(self, *names: str) -> str:
        """The first of the prompts with these names, else the default one, else ""."""
        prompts = self.settings.get("prompts") or {}
        found = next((prompts[name] for name in names if name in prompts), None)
        return str((prompts.get(self.settings.get("default_prompt_name")) if found is None else found) or "")

    def sides(self, limit: int | None) -> tuple[Side, Side]:
        """Query and document, as every encoder of texts reads them: the tokenizer's special tokens and the prompts."""
        before, after = read_single(read_json(self.folder / "tokenizer.json"))
        lower = bool(self.transformer.get("do_lower_case"))
        query, document = self.prompt("query"), self.prompt(*_FOLDED)
        longest = self.positions
        return (
            Side(before, after, query, limit, longest, lower=lower),
            Side(before, after, document, limit, longest, lower=lower),
        )

    @property
    def pad_id(self) -> int:
        return read_pad_id(self.folder)


def read_published(folder: Path) -> Published:
    """Read a checkpoint's folder. Raises `ModelLoadError` for a file that cannot be read."""
    path = folder / "modules.json"
    listed = [module for module in read_list(path) if isinstance(module, dict)] if path.is_file() else []
    modules = tuple(_module(module) for module in listed)
    return Published(
        folder,
        read_json(folder / "config.json"),
        modules,
        read_json(folder / "config_sentence_transformers.json", optional=True),
        read_json(folder / "sentence_bert_config.json", optional=True),
    )


def special_id(folder: Path, name: str) -> int | None:
    """The id of the special token that tokenizer_config.json calls `name` ("mask_token"); None where it has none."""
    for file in ("tokenizer_config.json", "special_tokens_map.json"):
        told = read_json(folder / file, optional=True).get(name)
        token = told.get("content") if isinstance(told, dict) else told
        if token:
            return TextEncoder.from_file(folder / "tokenizer.json").special(str(token))
    return None


def require_known(files: Published) -> None:
    """Raise `ModelLoadError` for modules of a checkpoint's own, and for a transformer that is kept elsewhere."""
    path = files.folder / "modules.json"
    foreign = next((module.path for module in files.modules if not module.path.startswith(_LIBRARIES)), None)
    if foreign is not None:
        raise ModelLoadError(
            f"{path} names the class {foreign!r}, which is code of its authors. Code from a checkpoint is never run, "
            "and there is no trust_remote_code to ask for it. Choose a model without: `secondpass models` lists some."
        )
    first = files.modules[0] if files.modules else None
    if first is not None and (first.kind not in ("Transformer", "MLMTransformer") or first.folder):
        raise ModelLoadError(
            f"{path} begins with {first.kind} in {first.folder or 'the folder itself'!r}, where a Transformer in the "
            "folder itself is expected. Choose a checkpoint that is kept so."
        )


def _module(listed: Mapping[str, Any]) -> Module:
    path = str(listed.get("type", ""))
    return Module(path.rpartition(".")[2], PurePosixPath(str(listed.get("path", ""))).name, path)
