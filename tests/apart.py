"""Tiny checkpoints of models that read query and document apart, in the layouts of their authors, with random weights.

Needs torch and transformers; `write_tokens` and `write_vectors` need nothing of sentence-transformers.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from secondpass.models.load import load_scorer
from secondpass.models.separate import SeparateModel
from secondpass.text.encode import Limits
from tests.checkpoints import FAMILIES, Family

HIDDEN, SIZE, POSITIONS = 32, 16, 96
MARKERS = ("[unused0]", "[unused1]")
QUERIES = ("who wrote the book of the second pass?", "a river", "numbers, such as 12; in Python!")
DOCUMENTS = (
    "the river rises in the mountains and runs to the sea.",
    "a panda, is a bear; native to: south central china!",
    "a",
    "",
    "a query and a document are read together by a cross encoder. " * 12,
)


def load_apart(folder: Path, **options: Any) -> SeparateModel:
    """The checkpoint in `folder`, which has to be read apart; with torch unless told otherwise."""
    found = load_scorer(folder, **({"backend": "torch", "precision": "fp32", "device": "cpu"} | options))
    assert isinstance(found, SeparateModel)
    return found


def logits(
    model: SeparateModel,
    query: str,
    documents: Sequence[str],
    limits: Limits | None = None,
    instruction: str | None = None,
) -> Any:
    readings = model.read(query, instruction, limits or Limits())(documents)
    return model.logits([piece for reading in readings for piece in reading.pieces])


def write_body(
    folder: Path, family: str = "bert", *, kind: str = "AutoModel", tokenizer: Tokenizer | None = None, seed: int = 0
) -> Any:
    """A tiny transformer of the automatic class `kind` with its tokenizer; returns the module."""
    import transformers

    made = FAMILIES[family]
    read = made.tokenizer() if tokenizer is None else tokenizer
    if tokenizer is None:
        read.add_tokens([mark for mark in string.punctuation if read.token_to_id(mark) is None])
        read.add_special_tokens([*MARKERS])
    untyped: Any = transformers
    automatic = getattr(untyped, kind)
    model = automatic.from_config(_config(family, made, read), attn_implementation="eager").eval()
    randomise(model, seed)
    model.save_pretrained(folder)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if made.type_ids else [])]
    untyped.PreTrainedTokenizerFast(
        tokenizer_object=read, model_max_length=POSITIONS, model_input_names=names, **made.specials
    ).save_pretrained(folder)
    return model


def randomise(model: Any, seed: int) -> None:
    """Matrices N(0, 0.25), biases N(0, 0.1), so that no two texts are alike."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.25, generator=generator)
            elif name.endswith("bias"):
                parameter.normal_(0.0, 0.1, generator=generator)


def write_stanford(folder: Path, *, tokenizer: Tokenizer | None = None, **metadata: Any) -> Path:
    """ColBERTv2's layout: `bert.*` and `linear.weight` in one file, artifact.metadata beside it."""
    import torch
    from safetensors.torch import save_file

    model = write_body(folder, tokenizer=tokenizer)
    weights = {f"bert.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    weights["linear.weight"] = torch.randn(SIZE, HIDDEN, generator=torch.Generator().manual_seed(7))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _change(folder / "config.json", {"architectures": ["HF_ColBERT"]})
    told = {"query_token_id": MARKERS[0], "doc_token_id": MARKERS[1], "query_maxlen": 24, "doc_maxlen": 40}
    told |= {"attend_to_mask_tokens": False, "mask_punctuation": True}
    (folder / "artifact.metadata").write_text(json.dumps(told | metadata), encoding="utf-8")
    return folder


def write_pylate(folder: Path, family: str = "modernbert", **settings: Any) -> Path:
    """PyLate's layout: a transformer, a Dense without bias, and what it keeps in config_sentence_transformers.json."""
    made = FAMILIES[family]
    tokenizer = made.tokenizer()
    tokenizer.add_tokens(["[Q] ", "[D] "])
    write_body(folder, family, tokenizer=tokenizer)
    write_dense(folder / "1_Dense")
    modules = ("sentence_transformers.models.Transformer", ""), ("pylate.models.Dense.Dense", "1_Dense")
    _write_modules(folder, modules)
    told = {"query_prefix": "[Q] ", "document_prefix": "[D] ", "query_length": 20, "document_length": 36}
    told |= {"attend_to_expansion_tokens": False, "skiplist_words": list(string.punctuation)}
    told |= {"do_query_expansion": True, "model_type": "ColBERT", "similarity_fn_name": "MaxSim", "prompts": {}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(told | settings), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 35, "do_lower_case": false}')
    return folder


def write_dense(folder: Path, activation: str = "torch.nn.modules.linear.Identity") -> None:
    """A linear map without bias, as a module of sentence-transformers."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = {"in_features": HIDDEN, "out_features": SIZE, "bias": False, "activation_function": activation}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weight = torch.randn(SIZE, HIDDEN, generator=torch.Generator().manual_seed(5))
    save_file({"linear.weight": weight}, folder / "model.safetensors")


def write_embedder(folder: Path, family: str = "bert", pooling: str = "mean", **settings: Any) -> Path:
    """A bi-encoder of sentence-transformers: Transformer, Pooling, Normalize."""
    write_body(folder, family)
    (folder / "1_Pooling").mkdir()
    config = {"embedding_dimension": HIDDEN, "pooling_mode": pooling, "include_prompt": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    named = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    _write_modules(folder, [(f"sentence_transformers.models.{kind}", path) for kind, path in named])
    told = {"prompts": {}, "similarity_fn_name": "cosine", "model_type": "SentenceTransformer"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(told | settings), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 48, "do_lower_case": false}')
    return folder


def write_dpr(folder: Path, side: str, seed: int) -> Path:
    """One of DPR's two encoders: "question" or "ctx"."""
    kind = {"question": "DPRQuestionEncoder", "ctx": "DPRContextEncoder"}[side]
    import transformers

    made = FAMILIES["bert"]
    tokenizer = made.tokenizer()
    untyped: Any = transformers
    config = untyped.DPRConfig(**_sizes(made, tokenizer))
    model = getattr(untyped, kind)(config).eval()
    randomise(model, seed)
    model.save_pretrained(folder)
    untyped.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=POSITIONS, **made.specials
    ).save_pretrained(folder)
    return folder


def _config(family: str, made: Family, tokenizer: Tokenizer) -> Any:
    from transformers import AutoConfig

    return AutoConfig.for_model(family, **(_sizes(made, tokenizer) | made.config | _positions(family)))


def _positions(family: str) -> dict[str, int]:
    return {"max_position_embeddings": POSITIONS + (2 if family in ("xlm-roberta", "roberta") else 0)}


def _sizes(made: Family, tokenizer: Tokenizer) -> dict[str, Any]:
    ids = {f"{name}_id": tokenizer.token_to_id(token) for name, token in made.specials.items()}
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    return sizes | ids | {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": POSITIONS}


def _write_modules(folder: Path, modules: Sequence[tuple[str, str]]) -> None:
    listed = [{"idx": at, "name": str(at), "path": path, "type": kind} for at, (kind, path) in enumerate(modules)]
    (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")


def _change(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | dict(values)), encoding="utf-8")
