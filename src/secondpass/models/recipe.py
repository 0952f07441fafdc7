"""What a cross-encoder's JSON files say of how it is read: its template, its longest input, its scale.

Knows the files that publishers write; nothing of graphs and backends. What they say goes before what the architecture
suggests, in the order of sentence-transformers: config_sentence_transformers.json, then config.json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secondpass.errors import ModelLoadError
from secondpass.models.encoders import kind
from secondpass.models.scorer import Activation
from secondpass.models.template import PairTemplate, read_template

_ACTIVATIONS: Mapping[str, Activation] = {
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.Identity": "identity",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
    "torch.nn.Sigmoid": "sigmoid",
}
# Their position ids start behind the padding id, so the table has that many rows that no token reaches.
_OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "mpnet"})
_UNLIMITED = 10**9  # tokenizers without a limit write 10^30
_HEAD_MODULES = ("Dense", "LogitScore")  # of sentence-transformers; they are not in the graph of the transformer


@dataclass(frozen=True, slots=True)
class PairRecipe:
    """How pairs become inputs and outputs become logits.

    `activation` is None where the files name none: a sigmoid for one label, as sentence-transformers has it. `prompt`
    stands right before the query where no instruction is given; mostly "".
    """

    template: PairTemplate
    max_tokens: int | None
    pad_id: int
    activation: Activation | None
    prompt: str = ""


def read_recipe(folder: Path) -> PairRecipe:
    """Read a cross-encoder's folder. Raises `ModelLoadError` naming the file that cannot be read, or what it lacks."""
    config = read_json(folder / "config.json")
    tokenizer = read_json(folder / "tokenizer.json")
    settings = read_json(folder / "tokenizer_config.json", optional=True)
    return PairRecipe(
        template=read_template(tokenizer),
        max_tokens=read_max_tokens(folder),
        pad_id=_pad_id(config, tokenizer, settings),
        activation=read_activation(folder),
        prompt=read_prompt(folder),
    )


def head_modules(folder: Path) -> list[str]:
    """The sentence-transformers modules behind the transformer that may hold a trained head; mostly none."""
    path = folder / "modules.json"
    if not path.is_file():
        return []
    names = [str(module["type"]).rpartition(".")[2] for module in read_list(path)]
    return [name for name in names if name in _HEAD_MODULES]


def read_json(path: Path, *, optional: bool = False) -> Mapping[str, Any]:
    """A JSON object from a file; an empty one if `optional` and not there. Raises `ModelLoadError` naming the file."""
    if optional and not path.is_file():
        return {}
    found = _parse(path)
    if not isinstance(found, dict):
        raise ModelLoadError(f"{path} holds no JSON object; fetch the model again.")
    return found


def read_list(path: Path) -> Sequence[Any]:
    """A JSON array from a file. Raises `ModelLoadError` naming the file."""
    found = _parse(path)
    if not isinstance(found, list):
        raise ModelLoadError(f"{path} holds no JSON array; fetch the model again.")
    return found


def _parse(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} cannot be read as JSON ({error}); fetch the model again.") from error


def read_activation(folder: Path) -> Activation | None:
    """The activation that the authors name; code of their own is not run, the default holds then, as theirs does.

    None where they name none. Raises `ModelLoadError` for one that is not known here.
    """
    config = read_json(folder / "config.json")
    published = read_json(folder / "config_sentence_transformers.json", optional=True)
    named = (
        published.get("activation_fn"),
        (config.get("sentence_transformers") or {}).get("activation_fn"),
        config.get("sbert_ce_default_activation_function"),
    )
    path = next((path for path in named if path), "")
    if path.startswith("torch.") and path not in _ACTIVATIONS:
        raise ModelLoadError(
            f"{folder} names the activation {path!r}, which is not one of {', '.join(_ACTIVATIONS)}. Change "
            "`activation_fn` in its configuration to the one that its authors mean."
        )
    return _ACTIVATIONS.get(path)


def read_max_tokens(folder: Path) -> int | None:
    """The least of what tokenizer, sentence-transformers and position table allow; None where none sets a limit."""
    config = read_json(folder / "config.json")
    positions = read_positions(config)
    settings = read_json(folder / "tokenizer_config.json", optional=True)
    sentence = read_json(folder / "sentence_bert_config.json", optional=True)
    text = (sentence.get("processing_kwargs") or {}).get("text") or {}
    limits = (positions, settings.get("model_max_length"), sentence.get("max_seq_length"), text.get("max_length"))
    return min((int(limit) for limit in limits if limit is not None and 0 < limit < _UNLIMITED), default=None)


def read_positions(config: Mapping[str, Any]) -> int | None:
    """The tokens that a parsed config.json has positions for; None where it sets no end."""
    inner = config.get("text_config")  # of a model of texts and images
    positions: int | None = config.get("max_position_embeddings") or (inner or {}).get("max_position_embeddings")
    if positions is not None and kind(config) in _OFFSET_POSITIONS:
        positions -= int(config.get("pad_token_id") or 0) + 1
    return positions


def read_pad_id(folder: Path) -> int:
    """The id of the token that rows are filled up with, which nothing reads."""
    settings = read_json(folder / "tokenizer_config.json", optional=True)
    return _pad_id(read_json(folder / "config.json"), read_json(folder / "tokenizer.json"), settings)


def read_prompt(folder: Path) -> str:
    """The prompt that sentence-transformers puts in front where it is given none; mostly "", for nothing."""
    published = read_json(folder / "config_sentence_transformers.json", optional=True)
    prompts = published.get("prompts") or {}
    return str(prompts.get(published.get("default_prompt_name")) or "")


def _pad_id(config: Mapping[str, Any], tokenizer: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """The padding id. It is masked, so where no file names one, any will do: 0."""
    if config.get("pad_token_id") is not None:
        return int(config["pad_token_id"])
    if tokenizer.get("padding"):
        return int(tokenizer["padding"]["pad_id"])
    pad = settings.get("pad_token")
    pad = pad["content"] if isinstance(pad, dict) else pad
    return next((int(added["id"]) for added in tokenizer.get("added_tokens", ()) if added["content"] == pad), 0)
