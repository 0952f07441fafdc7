"""What sentence-transformers keeps of a cross-encoder beside its weights: modules, prompts, and how pairs are put.

Knows modules.json and the files that it leads to; nothing of a template's text and of graphs. Classes that a checkpoint
brings itself are never run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from secondpass.backends.network import Step
from secondpass.errors import ModelLoadError, UntrainedHead
from secondpass.models.recipe import read_json, read_list, read_prompt

_LIBRARY = "sentence_transformers."
_STEPS: Mapping[str, Literal["Pooling", "Dense", "LayerNorm"]] = {
    "Pooling": "Pooling",
    "Dense": "Dense",
    "LayerNorm": "LayerNorm",
}
_POOLED = (None, "sentence_embedding")  # what a Dense of a chain reads: the state that was pooled
_SIZES = ("padding", "truncation", "max_length", "return_tensors")  # settings of the tokenizer among the template's

BY_VECTORS = "To rank by its vectors all the same, pass recipe='cosine', or recipe='maxsim' to compare token by token."
"""What helps where a checkpoint makes vectors of texts."""


@dataclass(frozen=True, slots=True)
class Chat:
    """How pairs are put into the chat template.

    `content`: "flat" where a message's content is its text, "structured" where it is a list of parts, "" where the
    files leave that open. `arguments` are the template's variables beside the messages. `restored`: whether the
    template's end is put back where a prompt was cut. `max_tokens`: the longest prompt that is read.
    """

    content: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    restored: bool = True
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Modules:
    """A cross-encoder's modules, in one of three forms.

    `steps`: modules with weights of their own behind the transformer. `rows`: one or two token ids, whose logits are
    the score. Neither where the transformer has a classifier itself. `chat` is None where a pair is read as two texts.
    `prompt` is put before the query, or is the system's message, where the caller gives no instruction.
    """

    kinds: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    rows: tuple[int, ...] = ()
    chat: Chat | None = None
    prompt: str = ""


def read_modules(folder: Path) -> Modules | None:
    """The modules of a checkpoint; None where it is not kept in that form.

    Raises `UntrainedHead` where they give vectors and no score, `ModelLoadError` where they are of another making.
    """
    if not (folder / "modules.json").is_file():
        return None
    listed = [module for module in read_list(folder / "modules.json") if isinstance(module, dict)]
    kinds = tuple(_kind(folder, module) for module in listed)
    published = read_json(folder / "config_sentence_transformers.json", optional=True)
    if published.get("model_type", "CrossEncoder") != "CrossEncoder":
        raise _no_head(folder, kinds)
    if kinds[:1] != ("Transformer",) or listed[0].get("path"):
        raise ModelLoadError(
            f"{folder / 'modules.json'} begins with {(kinds or ('nothing',))[0]}, where a Transformer in the folder "
            "itself is expected. Choose a cross-encoder that is kept so."
        )
    settings = read_json(folder / "sentence_bert_config.json", optional=True)
    made = Modules(kinds, chat=_chat(settings), prompt=read_prompt(folder))
    rest = [PurePosixPath(str(module.get("path", ""))).name for module in listed[1:]]
    if kinds == ("Transformer",):
        return made
    if kinds == ("Transformer", "LogitScore"):
        return Modules(kinds, rows=_rows(folder / rest[0]), chat=made.chat, prompt=made.prompt)
    return Modules(kinds, steps=_steps(folder, kinds, rest), chat=made.chat, prompt=made.prompt)


def _kind(folder: Path, module: Mapping[str, Any]) -> str:
    """The class of a module. Raises `ModelLoadError` for one of the checkpoint's own."""
    path = str(module.get("type", ""))
    if path.startswith(_LIBRARY):
        return path.rpartition(".")[2]
    raise ModelLoadError(
        f"{folder / 'modules.json'} names the class {path!r}, which is code of its authors. Code from a checkpoint is "
        "never run, and there is no trust_remote_code to ask for it. Choose a model without: `secondpass models` lists "
        "some."
    )


def _chat(settings: Mapping[str, Any]) -> Chat | None:
    message = (settings.get("modality_config") or {}).get("message")
    if message is None:
        return None
    given = settings.get("processing_kwargs") or {}
    chat: dict[str, Any] = dict(given.get("chat_template") or {})
    sizes = {**(given.get("common") or {}), **(given.get("text") or {}), **chat}
    cut = sizes.get("truncation", True) not in (False, "do_not_truncate")
    return Chat(
        content=message.get("format") or "",
        arguments={name: value for name, value in chat.items() if name not in (*_SIZES, "restore_suffix")},
        restored=cut and bool(chat.get("restore_suffix", True)),
        max_tokens=sizes.get("max_length"),
    )


def _rows(path: Path) -> tuple[int, ...]:
    """The token whose logit is the score, and the one whose logit is taken from it if there is one."""
    config = read_json(path / "config.json")
    true, false = config.get("true_token_id"), config.get("false_token_id")
    if not isinstance(true, int):
        raise ModelLoadError(f"{path / 'config.json'} names no true_token_id, from which the score is read.")
    return (true,) if false is None else (true, int(false))


def _steps(folder: Path, kinds: Sequence[str], paths: Sequence[str]) -> tuple[Step, ...]:
    """The chain behind the transformer: a Pooling, and what makes a score of the pooled state."""
    if any(kind not in _STEPS and kind != "Normalize" for kind in kinds[1:]):
        raise ModelLoadError(
            f"{folder / 'modules.json'} has the modules {', '.join(kinds)}, and this version reads a LogitScore, or "
            f"{', '.join(_STEPS)} behind the transformer. Choose another model: `secondpass models` lists some."
        )
    last = read_json(folder / paths[-1] / "config.json") if kinds[-1] == "Dense" else {}
    if kinds[1] != "Pooling" or "Normalize" in kinds or last.get("module_output_name") != "scores":
        raise _no_head(folder, kinds)
    for kind, path in zip(kinds[1:], paths, strict=True):
        read = read_json(folder / path / "config.json").get("module_input_name") if kind == "Dense" else None
        if read not in _POOLED:
            raise ModelLoadError(
                f"{folder / path} reads {read!r}, where the pooled state is expected. Choose another model."
            )
    return tuple(Step(_STEPS[kind], path) for kind, path in zip(kinds[1:], paths, strict=True))


def _no_head(folder: Path, kinds: Sequence[str]) -> UntrainedHead:
    return UntrainedHead(
        f"{folder} has the modules {', '.join(kinds)}: it makes vectors of texts and has no trained head to score a "
        f"pair with. Use a cross-encoder, such as cross-encoder/ms-marco-MiniLM-L6-v2. {BY_VECTORS}"
    )
