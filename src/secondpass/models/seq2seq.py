"""How a T5's config.json becomes a network: its decoder's first answer, or its encoder with a head behind it.

Knows the names in config.json and in the weights' files; nothing of prompts' texts, tokens and devices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from secondpass.backends.network import Body, Layer, Layers, Network, Projection, Rename
from secondpass.errors import ModelLoadError

KINDS = frozenset({"mt5", "t5"})
"""The model_types that are read here."""

UNVERIFIED: Mapping[str, str] = {
    "rankt5": "RankT5 is built after its paper; its authors' code, which is for T5X, was not run beside it",
    "rankt5-encoder": "its head is built after the model card, which does not say how query and document are joined",
}
"""Of the recipes for these models, by name, those whose logits were not compared with their authors' code."""

_OUTPUTS = ("lm_head.weight", "shared.weight", "decoder.embed_tokens.weight", "encoder.embed_tokens.weight")
# naver/trecdl22-crossencoder-rankT53b-repro: transformers' encoder within a class of theirs, three layers beside it.
# There is nothing between the two linear maps but the norm, which their card calls a mistake.
_ENCODER = (
    Rename(r"model\.(?:shared|encoder\.embed_tokens)\.weight", ("shared.weight",)),
    Rename(r"model\.(.*)", (r"\1",)),
    Rename(r"(?:first_transform|layer_norm|linear)\..*", ()),
)
_RANK_T5 = Layers(
    (Layer("Linear", "first_transform"), Layer("LayerNorm", "layer_norm", eps=1e-12), Layer("Linear", "linear")),
)


def network(config: Mapping[str, Any], rows: tuple[int, ...]) -> Network:
    """What the T5 of this config.json is built into.

    `rows` are the ids of the tokens that the decoder's first answer is compared at: of two, the first minus the second,
    whose sigmoid is the softmax over them. () for RankT5 as naver trained it: the encoder's first state and a head.
    Raises `ModelLoadError` where config.json does not say what the decoder begins with.
    """
    if not rows:
        return Network(Body(renames=_ENCODER, part="encoder"), _RANK_T5)
    start = config.get("decoder_start_token_id", config.get("pad_token_id"))
    if start is None:
        raise ModelLoadError(
            "config.json has no decoder_start_token_id, which a T5's decoder begins with. Fetch the model again."
        )
    return Network(Body(start=int(start)), Projection(_OUTPUTS, rows=rows, divisor=_divisor(config)))


def _divisor(config: Mapping[str, Any]) -> float:
    """What the logits are divided by: the first T5, whose output is its input's embedding, scales its states down.

    T5 1.1 and mT5 have an output of their own and do not. transformers 5 writes `scale_decoder_outputs` for that, and
    `tie_word_embeddings` as true for all of them.
    """
    tied = config.get("tie_word_embeddings") is not False
    scaled = config["model_type"] == "t5" and config.get("scale_decoder_outputs", tied)
    return math.sqrt(config["d_model"]) if scaled else 1.0
