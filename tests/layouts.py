"""Tiny checkpoints in the layouts of their authors that transformers does not read: jina-reranker v1 and v2, GTE `new`.

Configuration keys and names of tensors are those of the real repositories. Needs torch and transformers.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FLASH: Mapping[str, Any] = {
    "architectures": ["XLMRobertaForSequenceClassification"],
    "auto_map": {
        "AutoConfig": "configuration_xlm_roberta.XLMRobertaFlashConfig",
        "AutoModel": "modeling_xlm_roberta.XLMRobertaModel",
        "AutoModelForSequenceClassification": "modeling_xlm_roberta.XLMRobertaForSequenceClassification",
    },
    "emb_pooler": None,
    "output_past": True,
    "position_embedding_type": "absolute",
    "use_cache": False,
    "use_flash_attn": False,  # True as published; the authors' code then needs a GPU, ours reads neither
}
NEW: Mapping[str, Any] = {
    "architectures": ["NewForSequenceClassification"],
    "model_type": "new",
    "auto_map": {
        "AutoConfig": "Alibaba-NLP/new-impl--configuration.NewConfig",
        "AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel",
        "AutoModelForSequenceClassification": "Alibaba-NLP/new-impl--modeling.NewForSequenceClassification",
    },
    "layer_norm_type": "layer_norm",
    "logn_attention_clip1": False,
    "logn_attention_scale": False,
    "pack_qkv": True,
    "position_embedding_type": "rope",
    "rope_scaling": {"factor": 8.0, "type": "ntk"},
    "rope_theta": 20000,
    "unpad_inputs": False,
    "use_memory_efficient_attention": False,
}
JINA_BERT: Mapping[str, Any] = {
    "_name_or_path": "jinaai/jina-bert-implementation",
    "architectures": ["JinaBertForSequenceClassification"],
    "auto_map": {
        "AutoConfig": "jinaai/jina-bert-implementation--configuration_bert.JinaBertConfig",
        "AutoModelForSequenceClassification": (
            "jinaai/jina-bert-implementation--modeling_bert.JinaBertForSequenceClassification"
        ),
    },
    "emb_pooler": "mean",
    "feed_forward_type": "geglu",
    "hidden_act": "gelu",
    "model_type": "bert",
    "position_embedding_type": "alibi",
}
_FLASH_NAMES = (
    (r"roberta\.embeddings\.LayerNorm", "roberta.emb_ln"),
    (r"encoder\.layer\.", "encoder.layers."),
    (r"attention\.output\.dense", "mixer.out_proj"),
    (r"attention\.output\.LayerNorm", "norm1"),
    (r"intermediate\.dense", "mlp.fc1"),
    (r"(?<=\d\.)output\.dense", "mlp.fc2"),
    (r"(?<=\d\.)output\.LayerNorm", "norm2"),
)
_QKV = re.compile(r"(.*)attention\.self\.(query|key|value)\.(weight|bias)")


def write_flash(folder: Path, native: Path) -> Path:
    """A checkpoint in the layout of jina-reranker-v2, with the weights of the xlm-roberta checkpoint `native`."""
    import torch

    tensors = _tensors(native)
    made: dict[str, Any] = {}
    for name, tensor in tensors.items():
        packed = _QKV.fullmatch(name)
        if packed is None:
            made[_renamed(name)] = tensor
        elif packed[2] == "query":
            parts = [tensors[name.replace("query", part)] for part in ("query", "key", "value")]
            made[_renamed(f"{packed[1]}mixer.Wqkv.{packed[3]}")] = torch.cat(parts)
    return _write(folder, native, made, FLASH, without=("model_type",))


_ROTARY_NAMES = (
    (r"embeddings\.LayerNorm", "emb_ln"),
    (r"^layers\.", "encoder.layers."),
    (r"self_attn\.o_proj", "mixer.out_proj"),
    (r"post_attention_layernorm", "norm1"),
    (r"post_mlp_layernorm", "norm2"),
)


def write_rotary_colbert(folder: Path) -> Any:
    """A tiny checkpoint in the layout of jina-colbert-v2; returns transformers' own module of its weights."""
    import torch
    import transformers
    from safetensors.torch import save_file

    from tests.checkpoints import FAMILIES

    tokenizer = FAMILIES["xlm-roberta"].tokenizer()
    tokenizer.add_special_tokens(["[QueryMarker]", "[DocumentMarker]"])
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    sizes |= {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": 128, "pad_token_id": 1}
    untyped: Any = transformers
    config = untyped.AutoConfig.for_model("jina_embeddings_v3", **sizes)
    config.rope_parameters = {"rope_type": "default", "rope_theta": 500.0}
    torch.manual_seed(0)
    model = untyped.AutoModel.from_config(config).eval()
    made: dict[str, Any] = {"linear.weight": torch.randn(16, 32)}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0 if parameter.dim() > 1 else 1.0, 0.25)
    weights = model.state_dict()
    for name, tensor in weights.items():
        for pattern, to in _ROTARY_NAMES:
            name = re.sub(pattern, to, name)
        if ".q_proj." in name:
            of = [weights[f"layers.{name.split('.')[2]}.self_attn.{part}_proj.{name.split('.')[-1]}"] for part in "qkv"]
            made["roberta." + name.replace("self_attn.q_proj", "mixer.Wqkv")] = torch.cat(of)
        elif ".k_proj." not in name and ".v_proj." not in name:
            made[f"roberta.{name}"] = tensor.contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    save_file(made, folder / "model.safetensors", metadata={"format": "pt"})
    told = {**FLASH, **sizes, "architectures": ["HF_ColBERT"], "position_embedding_type": "rotary"}
    told["rotary_emb_base"] = 500.0
    (folder / "config.json").write_text(json.dumps(told), encoding="utf-8")
    metadata = {"query_token_id": "[QueryMarker]", "doc_token_id": "[DocumentMarker]", "query_maxlen": 24}
    metadata |= {"doc_maxlen": 60, "attend_to_mask_tokens": True, "mask_punctuation": True}
    (folder / "artifact.metadata").write_text(json.dumps(metadata), encoding="utf-8")
    untyped.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=126, **FAMILIES["xlm-roberta"].specials
    ).save_pretrained(folder)
    return model


def write_new(folder: Path, native: Path, **changes: Any) -> Path:
    """A checkpoint in the layout of gte-multilingual-reranker-base, with the weights of the gte checkpoint `native`."""
    # transformers itself writes the packed names of that layout, but for their prefix.
    made = {re.sub(r"^gte\.", "new.", name): tensor for name, tensor in _tensors(native).items()}
    return _write(folder, native, made, {**NEW, **changes}, without=("rope_parameters", "tie_word_embeddings"))


def write_jina_bert(folder: Path, native: Path, *, heads: int = 4, seed: int = 0) -> Path:
    """A checkpoint in the layout of jina-reranker-v1, with the tokenizer of the bert checkpoint `native`."""
    import torch

    config = json.loads((native / "config.json").read_text(encoding="utf-8"))
    generator = torch.Generator().manual_seed(seed)
    made = {
        name: torch.randn(shape, generator=generator) * (0.25 if len(shape) > 1 else 0.1)
        for name, shape in _jina_shapes(config).items()
    }
    for name in made:
        if name.endswith(("LayerNorm.weight", "layernorm.weight")):
            made[name] += 1
    return _write(folder, native, made, {**JINA_BERT, "num_attention_heads": heads})


def _jina_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, middle = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
        "bert.embeddings.token_type_embeddings.weight": (2, hidden),
        **_pair("bert.embeddings.LayerNorm", hidden),
        **_pair("bert.pooler.dense", hidden, hidden),
        **_pair("classifier", 1, hidden),
    }
    for place in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{place}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _pair(f"{layer}attention.{part}", hidden, hidden)
        shapes |= _pair(f"{layer}attention.output.LayerNorm", hidden)
        shapes[f"{layer}mlp.gated_layers.weight"] = (2 * middle, hidden)
        shapes |= _pair(f"{layer}mlp.wo", hidden, middle) | _pair(f"{layer}mlp.layernorm", hidden)
    return shapes


def _pair(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _renamed(name: str) -> str:
    for pattern, to in _FLASH_NAMES:
        name = re.sub(pattern, to, name)
    return name


def _tensors(native: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(native / "model.safetensors")


def _write(
    folder: Path,
    native: Path,
    tensors: Mapping[str, Any],
    config: Mapping[str, Any],
    without: tuple[str, ...] = (),
) -> Path:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file(dict(tensors), folder / "model.safetensors", metadata={"format": "pt"})
    found = json.loads((native / "config.json").read_text(encoding="utf-8"))
    kept = {name: value for name, value in found.items() if name not in (*without, "dtype", "transformers_version")}
    described = {**kept, **config, "torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(described, indent=2), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(native / name, folder / name)
    return folder
