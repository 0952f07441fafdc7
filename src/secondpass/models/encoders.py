"""Encoders whose checkpoints transformers does not read as they are: other names, other settings, code of their own.

Knows config.json and the names of weights; nothing of tokens, graphs and backends. The code that comes with a
checkpoint is never run: what it computes is either built from the same weights by what is here, or refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from secondpass.backends.network import Body, Rename
from secondpass.errors import ModelLoadError

Config = Mapping[str, Any]

_NOT_RUN = "is built after what is published of it; its authors' code was not run beside it"
UNVERIFIED: Mapping[str, str] = {
    "JinaBertConfig": f"JinaBERT {_NOT_RUN}",
    "NewConfig": f"The original layout of GTE {_NOT_RUN}",
    "XLMRobertaFlashConfig": f"The flash-attention variant of XLM-RoBERTa {_NOT_RUN}",
}
"""Of the configuration classes that are read here, those whose logits were not compared with their authors' code."""

_KINDS: Mapping[str, str] = {"JinaBertConfig": "jina_bert", "NewConfig": "gte", "XLMRobertaFlashConfig": "xlm-roberta"}
_ROTARY = "jina_embeddings_v3"
_REMOTE = ("AutoConfig", "AutoModelForSequenceClassification", "AutoModel")  # what a classifier is made of


def body(config: Config) -> Body:
    """What torch builds from a checkpoint with this config.json: `Body()` where transformers has the architecture.

    Raises `ModelLoadError` where it takes code of the checkpoint's own, or a setting that is not known here.
    """
    needed = remote_class(config)
    build = _BUILDERS.get(needed)
    if build is not None:
        return build(config)
    if needed:
        raise ModelLoadError(
            f"The checkpoint is of the class {needed}, whose code comes with it (auto_map in config.json). Code of a "
            f"checkpoint is not run, and of such classes {', '.join(_BUILDERS)} alone are known. Choose another model: "
            "`secondpass models` lists some."
        )
    return Body()


def remote_class(config: Config) -> str:
    """The class of the checkpoint's own that reads its config.json, or its model's; "" where there is none."""
    named = config.get("auto_map") or {}
    path = next((named[kind] for kind in _REMOTE if kind in named), "")
    return str(path).rpartition(".")[2] or _NAMED.get(config.get("model_type", ""), "")


def kind(config: Config) -> str:
    """The model_type of what is built, which a class of the checkpoint's own hides; else that of config.json."""
    if _turns(config):
        return _ROTARY
    return _KINDS.get(remote_class(config)) or str(config.get("model_type", ""))


def unverified(config: Config) -> str:
    """Why the logits may differ from those of the authors' code, in a sentence; "" where they were compared."""
    return UNVERIFIED.get(remote_class(config), "")


def _turns(config: Config) -> bool:
    """Whether the flash variant of XLM-RoBERTa turns its states for positions, rather than adding a table's rows."""
    return remote_class(config) == "XLMRobertaFlashConfig" and config.get("position_embedding_type") == "rotary"


def _flash_roberta(config: Config) -> Body:
    """XLM-RoBERTa under the names of its flash-attention variant (jina-reranker-v2).

    The same post-norm layers with exact GELU; query, key and value are one matrix, in that order.
    """
    if _turns(config):
        return _rotary_roberta(config)
    layer = r"(roberta\.encoder\.)layers(\.\d+\.)"
    return Body(
        settings={"model_type": _KINDS["XLMRobertaFlashConfig"]},
        renames=(
            Rename(r"roberta\.emb_ln\.(.*)", (r"roberta.embeddings.LayerNorm.\1",)),
            Rename(
                layer + r"mixer\.Wqkv\.(.*)",
                tuple(rf"\1layer\2attention.self.{part}.\3" for part in ("query", "key", "value")),
            ),
            Rename(layer + r"mixer\.out_proj\.(.*)", (r"\1layer\2attention.output.dense.\3",)),
            Rename(layer + r"norm1\.(.*)", (r"\1layer\2attention.output.LayerNorm.\3",)),
            Rename(layer + r"mlp\.fc1\.(.*)", (r"\1layer\2intermediate.dense.\3",)),
            Rename(layer + r"mlp\.fc2\.(.*)", (r"\1layer\2output.dense.\3",)),
            Rename(layer + r"norm2\.(.*)", (r"\1layer\2output.LayerNorm.\3",)),
        ),
    )


def _rotary_roberta(config: Config) -> Body:
    """The same variant with rotary positions (jina-colbert-v2), which transformers has as jina-embeddings-v3's body."""
    layer = r"(?:roberta\.)?encoder\.(layers\.\d+\.)"
    return Body(
        settings={
            "model_type": _ROTARY,
            "rope_parameters": {"rope_type": "default", "rope_theta": float(config.get("rotary_emb_base", 10_000.0))},
        },
        renames=(
            Rename(r"(?:roberta\.)?emb_ln\.(.*)", (r"embeddings.LayerNorm.\1",)),
            Rename(layer + r"mixer\.Wqkv\.(.*)", tuple(rf"\1self_attn.{part}_proj.\2" for part in ("q", "k", "v"))),
            Rename(layer + r"mixer\.out_proj\.(.*)", (r"\1self_attn.o_proj.\2",)),
            Rename(layer + r"norm1\.(.*)", (r"\1post_attention_layernorm.\2",)),
            Rename(layer + r"norm2\.(.*)", (r"\1post_mlp_layernorm.\2",)),
            Rename(layer + r"(mlp\..*)", (r"\1\2",)),
            Rename(r"(?:roberta\.)?(embeddings\..*|pooler\..*)", (r"\1",)),
        ),
    )


def _new_gte(config: Config) -> Body:
    """transformers' GTE, which reads the names of the original layout (model_type "new") but not its rotary positions.

    Their NTK scaling divides the frequencies of base theta·factor by factor^(2 / head size), which is what transformers
    calls linear scaling (Su, kexue.fm/archives/9706).
    """
    for field, known in _GTE_KNOWN.items():
        if config.get(field, known) != known:
            raise ModelLoadError(
                f"config.json says {field}={config[field]!r}, and of the architecture 'new' only {known!r} is known. "
                "Choose another model, or a version of it that transformers has."
            )
    return Body(settings={"model_type": _KINDS["NewConfig"], "rope_parameters": _rope(config), "rope_scaling": None})


def _rope(config: Config) -> dict[str, Any]:
    """The rotary parameters of transformers that give the frequencies of a `new` checkpoint."""
    theta = float(config.get("rope_theta", 10_000.0))
    scaling = config.get("rope_scaling")
    if not scaling:
        return {"rope_type": "default", "rope_theta": theta}
    kind = scaling.get("type") or scaling.get("rope_type")
    if kind != "ntk" or scaling.get("mixed_b") is not None:
        raise ModelLoadError(
            f"config.json says rope_scaling={dict(scaling)!r}, and of the architecture 'new' only the type 'ntk' "
            "without mixed_b is known. Choose another model."
        )
    factor = float(scaling["factor"])
    head = int(config["hidden_size"]) // int(config["num_attention_heads"])
    return {"rope_type": "linear", "rope_theta": theta * factor, "factor": factor ** (2 / head)}


def _jina_bert(config: Config) -> Body:
    """JinaBERT (jina-reranker-v1): a BERT with symmetric ALiBi for positions and a gated feed-forward layer."""
    for field, known in _JINA_KNOWN.items():
        if config.get(field, known[0]) not in known:
            raise ModelLoadError(
                f"config.json says {field}={config[field]!r}, and of JinaBERT only {' and '.join(map(repr, known))} is "
                "known. Choose another model."
            )
    return Body(settings={"model_type": _KINDS["JinaBertConfig"]})


_GTE_KNOWN: Config = {
    "position_embedding_type": "rope",
    "layer_norm_type": "layer_norm",
    "logn_attention_scale": False,
}
_JINA_KNOWN: Mapping[str, tuple[Any, ...]] = {
    "position_embedding_type": ("alibi",),
    "feed_forward_type": ("geglu", "reglu"),
}
_BUILDERS: Mapping[str, Callable[[Config], Body]] = {
    "XLMRobertaFlashConfig": _flash_roberta,
    "NewConfig": _new_gte,
    "JinaBertConfig": _jina_bert,
}
_NAMED: Mapping[str, str] = {"new": "NewConfig"}  # the class of a model_type, where no auto_map names it
