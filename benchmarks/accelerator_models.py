"""The checkpoints of the accelerator benchmark: published shapes, random weights, real vocabularies."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{%- set text = namespace(system='Given a web search query, retrieve relevant passages that answer the query') -%}"
    "{%- for m in messages -%}{%- if m.role == 'system' -%}{%- set text.system = m.content -%}"
    "{%- elif m.role == 'query' -%}{%- set text.query = m.content -%}"
    "{%- else -%}{%- set text.document = m.content -%}{%- endif -%}{%- endfor -%}"
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: {{ text.system }}\n<Query>: {{ text.query }}\n"
    "<Document>: {{ text.document }}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    '{{ "" }}'
)
YES, NO = 9693, 2152


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's configuration class and sizes in transformers, and which vocabulary it reads."""

    config: str
    model: str
    tokenizer: str
    sizes: dict[str, Any]

    def operations(self, lengths: list[int]) -> int:
        """Multiplications and additions of a forward pass over texts of these lengths, without padding and head."""
        hidden, layers = self.sizes["hidden_size"], self.sizes["num_hidden_layers"]
        heads = self.sizes["num_attention_heads"]
        size = self.sizes.get("head_dim", hidden // heads)
        shared = self.sizes.get("num_key_value_heads", heads)
        projections = hidden * size * (2 * heads + 2 * shared)
        wide = (3 if "num_key_value_heads" in self.sizes else 2) * hidden * self.sizes["intermediate_size"]
        return sum(2 * layers * length * (projections + wide + 2 * length * heads * size) for length in lengths)


SHAPES = {
    "minilm-l6": Shape(
        "BertConfig",
        "BertForSequenceClassification",
        "bert-uncased",
        {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    ),
    "bge-v2-m3": Shape(
        "XLMRobertaConfig",
        "XLMRobertaForSequenceClassification",
        "xlm-r",
        {
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "max_position_embeddings": 8194,
            "type_vocab_size": 1,
            "pad_token_id": 1,
        },
    ),
    "qwen3-0.6b": Shape(
        "Qwen3Config",
        "Qwen3ForCausalLM",
        "qwen3",
        {
            "hidden_size": 1024,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "intermediate_size": 3072,
            "tie_word_embeddings": True,
            "pad_token_id": 151_643,
        },
    ),
}


def make(folder: Path, name: str, tokenizers: Path, layers: int | None) -> Path:
    """Write the checkpoint of a shape, of `layers` layers where given, unless it is there; returns its folder."""
    folder = folder / (name if layers is None else f"{name}-{layers}")
    if (folder / "tokenizer.json").is_file():
        return folder
    import torch
    import transformers

    shape = SHAPES[name]
    tokenizer = _tokenizer(tokenizers / shape.tokenizer, shape)
    rows = {"vocab_size": -(-len(tokenizer) // 64) * 64, "num_labels": 1}
    sizes = {**shape.sizes, **rows, **({"num_hidden_layers": layers} if layers else {})}
    torch.manual_seed(0)
    made: Callable[..., Any] = getattr(transformers, shape.model)
    model: Any = made(getattr(transformers, shape.config)(**sizes)).to(torch.bfloat16)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if shape.model.endswith("ForCausalLM"):
        _as_sentence_transformers(folder)
    return folder


def _tokenizer(source: Path, shape: Shape) -> Any:
    """The vocabulary with the template that pairs are laid out by."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    packed = source / "tokenizer.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.is_file() else (source / "tokenizer.json").read_bytes()
    specials = {
        "bert-uncased": {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
        "xlm-r": {"pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>"},
        "qwen3": {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"},
    }[shape.tokenizer]
    types = ["token_type_ids"] if shape.tokenizer == "bert-uncased" else []
    untyped: Any = PreTrainedTokenizerFast
    return untyped(
        tokenizer_object=Tokenizer.from_buffer(text),
        model_max_length=512 if types else 8192,
        model_input_names=["input_ids", *types, "attention_mask"],
        **specials,
    )


def _as_sentence_transformers(folder: Path) -> None:
    """Save a decoder again with the modules and the chat template by which both contenders read it."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    transformer = Transformer(
        str(folder),
        transformer_task="text-generation",
        processor_kwargs={"chat_template": TEMPLATE},
        processing_kwargs={"chat_template": {"add_generation_prompt": True}},
    )
    score = LogitScore(true_token_id=YES, false_token_id=NO)
    CrossEncoder(modules=[transformer, score], device="cpu").save_pretrained(str(folder))
