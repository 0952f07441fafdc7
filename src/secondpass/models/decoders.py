"""How a decoder's config.json becomes a network: its body, and the rows or the head that its score is read from.

Knows the names in config.json and in the weights' files; nothing of prompts' texts, tokens and devices.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from secondpass.backends.network import Body, Compression, Network, Pool, Projection, Rename
from secondpass.errors import InputError, ModelLoadError, UntrainedHead
from secondpass.models.prompt_recipe import PromptRecipe

CUTOFF = 28
"""The layer that the cards of both models of several heads read at, where the checkpoint has that many."""

RATIOS = (1, 2, 4, 8)
"""How many tokens of a document the authors of `cost_wise_gemma` made into one."""

LAYERS = (24, 40)
"""The layers before which the card of `cost_wise_gemma` has documents shortened."""

UNVERIFIED: Mapping[str, str] = {
    "LlamaBidirectionalForSequenceClassification": (
        "The Llama whose tokens all see each other is built after what is published of it; its authors' code was not "
        "run beside it"
    ),
}
"""Of the architectures that are read here, those whose logits were not compared with their authors' code."""

_OUTPUTS = ("lm_head.weight", "language_model.lm_head.weight")
_INPUTS = (
    "model.embed_tokens.weight",
    "model.language_model.embed_tokens.weight",
    "language_model.model.embed_tokens.weight",
    "embed_tokens.weight",
)
_SCORES = ("score.weight",)
_POOLS: Mapping[str, Pool] = {"avg": "mean", "mean": "mean", "cls": "first", "last": "last"}
_SOFTCAPS = {"gemma2": 30.0}  # where config.json does not say, as in transformers
_TEXT = (  # a model of text and images, for its text alone
    Rename(r"(?:model\.language_model|language_model\.model)\.(.*)", (r"\1",)),
    Rename(r"(?:model\.)?(?:visual|vision_tower|vision_model|multi_modal_projector|audio_tower)\..*", ()),
)


def network(
    config: Mapping[str, Any],
    recipe: PromptRecipe | None,
    rows: tuple[int, ...],
    *,
    cutoff: int | None = None,
    compression: Compression | None = None,
    adapter: Path | None = None,
) -> Network:
    """What the decoder of this config.json is built into.

    `rows` are the ids of the tokens whose logits `recipe` compares; () for a head of its own. `cutoff` is how many
    layers are computed, for a checkpoint with a head behind each; `compression` shortens documents, for
    `cost_wise_gemma` alone; `adapter` is the folder of a LoRA adapter, and `config` then its base model's.

    Raises `InputError` where the checkpoint has no such cutoff or compression, `UntrainedHead` where it has no head and
    no rows are given, `ModelLoadError` for settings that no checkpoint is known to have.
    """
    architecture = _architecture(config)
    if compression is not None:
        _require_compression(architecture, compression)
    if architecture in _LAYERWISE:
        made = _LAYERWISE[architecture](config, cutoff)
        return Network(made.body, made.head, adapter, compression)
    if cutoff is not None:
        raise InputError(
            f"cutoff_layers={cutoff} was given, but {architecture or 'this model'} has one head. Leave it out."
        )
    if architecture == "LlamaBidirectionalForSequenceClassification":
        made = _llama_bidirectional(config)
        return Network(made.body, made.head, adapter)
    body, inner = _body(config)
    if _classifies(architecture, adapter):
        return Network(body, Projection(_SCORES), adapter)
    if not rows:
        asked = f"the recipe {recipe.name!r}" if recipe else "no recipe"
        raise UntrainedHead(
            f"{architecture or 'This model'} has no scoring head, and {asked} names no tokens whose logits are its "
            "score. Choose a checkpoint that was trained to rank: `secondpass models` lists some."
        )
    return Network(body, _language_head(config, inner, rows), adapter)


def compression(ratio: int | None, layers: Sequence[int] | None) -> Compression | None:
    """What a caller asked for; None where nothing was, the card's `LAYERS` where a ratio alone was.

    Raises `InputError` for layers without a ratio.
    """
    if ratio is None:
        if layers is None:
            return None
        raise InputError(f"compress_layers={tuple(layers)} was given without compress_ratio: add it.")
    return Compression(ratio, LAYERS if layers is None else tuple(layers))


def require_layers(config: Mapping[str, Any], asked: Compression) -> None:
    """Raise `InputError` for a layer that the model has not; the authors' code leaves it out without a word."""
    last = int(config.get("num_hidden_layers", 0)) - 1
    wrong = [layer for layer in asked.layers if not 1 <= layer <= last]
    if wrong:
        raise InputError(
            f"compress_layers={asked.layers} names layer {wrong[0]}, and this model can shorten documents before its "
            f"layers 1 to {last}. Leave it out."
        )


def unverified(config: Mapping[str, Any]) -> str:
    """Why the logits may differ from those of the authors' code, in a sentence; "" where they were compared."""
    return UNVERIFIED.get(_architecture(config), "")


def _architecture(config: Mapping[str, Any]) -> str:
    return str(next(iter(config.get("architectures") or ()), ""))


def _body(config: Mapping[str, Any]) -> tuple[Body, Mapping[str, Any]]:
    """The text decoder, and its part of config.json."""
    inner = config.get("text_config")
    if not isinstance(inner, Mapping):
        return Body(), config
    parts = {name: None for name, value in config.items() if name.endswith("_config") and isinstance(value, Mapping)}
    return Body({**parts, **inner}, _TEXT), inner


def _language_head(config: Mapping[str, Any], inner: Mapping[str, Any], rows: tuple[int, ...]) -> Projection:
    """The rows of the output matrix, or of the input's where the two are one."""
    tied = inner.get("tie_word_embeddings", config.get("tie_word_embeddings"))
    names = _OUTPUTS if tied is False else _OUTPUTS + _INPUTS
    kind = inner.get("model_type", "")
    softcap = inner.get("final_logit_softcapping", _SOFTCAPS.get(kind))
    divisor = inner.get("logits_scaling", 1.0) if kind.startswith("granite") else 1.0
    return Projection(names, rows=rows, softcap=softcap, divisor=divisor)


def _classifies(architecture: str, adapter: Path | None) -> bool:
    """Whether the score comes from a head of its own: the adapter's, where there is one, else the model's."""
    if adapter is None:
        return architecture.endswith("ForSequenceClassification")
    path = adapter / "adapter_config.json"
    try:
        task = json.loads(path.read_text(encoding="utf-8")).get("task_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelLoadError(f"{path} cannot be read ({error}); fetch the adapter again.") from error
    return bool(task == "SEQ_CLS" or architecture.endswith("ForSequenceClassification"))


def _minicpm(config: Mapping[str, Any], cutoff: int | None) -> Network:
    """MiniCPM with a head behind each layer (bge-reranker-v2-minicpm-layerwise), as a Granite: Llama with three scales.

    The authors' code divides by the root of the number of layers that there are, not of those that are computed.
    """
    if config.get("head_type", "simple") != "simple":
        raise ModelLoadError(f"head_type={config['head_type']!r} in config.json is not read; only 'simple' is.")
    layers, start = config["num_hidden_layers"], config.get("start_layer", 8)
    taken = _cutoff(cutoff, range(start, layers + 1))
    settings = {
        "model_type": "granite",
        "num_hidden_layers": taken,
        "embedding_multiplier": config.get("scale_emb", 1),
        "residual_multiplier": config.get("scale_depth", 1) / math.sqrt(layers),
        "attention_multiplier": (config["hidden_size"] // config["num_attention_heads"]) ** -0.5,
    }
    several = config.get("head_multi", True)
    name = f"lm_head.{taken - start}.linear_head.weight" if several else "lm_head.linear_head.weight"
    return Network(Body(settings), Projection((name,)))


def _cost_wise_gemma(config: Mapping[str, Any], cutoff: int | None) -> Network:
    """Gemma 2 with a head behind each layer (bge-reranker-v2.5-gemma2-lightweight).

    As FlagEmbedding computes it: it takes the heads by their place in the list of cutoffs, not by layer, so that one
    cutoff alone is read by the first head, whichever it is; and its attention, torch's, has no softcap inside, which
    config.json asks for.
    """
    if not config.get("layer_wise", False):
        raise ModelLoadError("layer_wise=false in config.json is not read: that model has no heads behind its layers.")
    layers = config["num_hidden_layers"]
    start, every = config.get("start_layer", CUTOFF), config.get("layer_sep", CUTOFF)
    taken = _cutoff(cutoff, range(start, layers + 1, every))
    settings: dict[str, Any] = {"model_type": "gemma2", "num_hidden_layers": taken, "attn_logit_softcapping": None}
    if config.get("layer_types"):
        settings["layer_types"] = list(config["layer_types"][:taken])
    softcap = config.get("final_logit_softcapping", _SOFTCAPS["gemma2"])
    return Network(Body(settings), Projection(("lm_head.0.linear_head.weight",), softcap=softcap))


def _llama_bidirectional(config: Mapping[str, Any]) -> Network:
    """A Llama whose tokens all see each other (nvidia/llama-nemotron-rerank-1b-v2)."""
    pooling = config.get("pooling", "avg")
    if pooling not in _POOLS:
        raise ModelLoadError(f"pooling={pooling!r} in config.json is not read; one of {', '.join(_POOLS)} is.")
    head = Projection(_SCORES, pool=_POOLS[pooling], divisor=config.get("temperature") or 1.0)
    return Network(Body({"model_type": "llama"}, attention="bidirectional"), head)


def _cutoff(asked: int | None, there: range) -> int:
    """How many layers are computed: those asked for, else as on the card, else as many as there are."""
    if asked is None:
        return CUTOFF if CUTOFF in there else there[-1]
    if asked not in there:
        step = f" in steps of {there.step}" if there.step > 1 else ""
        raise InputError(f"cutoff_layers={asked} has no head; this model has one from {there[0]} to {there[-1]}{step}.")
    return asked


def _require_compression(architecture: str, asked: Compression) -> None:
    if architecture != "CostWiseGemmaForCausalLM":
        raise InputError(
            f"compress_ratio={asked.ratio} was given, and {architecture or 'this model'} was not trained with "
            "compression. Leave it out."
        )
    if asked.ratio not in RATIOS:
        raise InputError(f"A compress_ratio of {asked.ratio} was given; it is one of {', '.join(map(str, RATIOS))}.")


_LAYERWISE: Mapping[str, Callable[[Mapping[str, Any], int | None], Network]] = {
    "LayerWiseMiniCPMForCausalLM": _minicpm,
    "CostWiseGemmaForCausalLM": _cost_wise_gemma,
}
