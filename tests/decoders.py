"""Tiny decoder checkpoints with random weights, laid out as real repositories are.

Weights and vocabularies are the same on every machine and with every version of the libraries: each matrix is drawn
from N(0, 0.25) by a generator that its name seeds, and merges are written down, not trained. So numbers that another
environment's reference gave can be compared with. Needs torch and transformers.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

MAX_TOKENS = 512
WORDS = (
    *("yes", "no", "Yes", "No", "true", "false", "the", "of", "and", "is", "in", "to", "who", "book", "wrote", "river"),
    *("panda", "bear", "document", "query", "Query", "Document", "instruction", "passage", "answer", "sea", "newest"),
)
_QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


@dataclass(frozen=True, slots=True)
class Family:
    """How one family is built: its tokenizer, the roles of its special tokens, and config.json beside the sizes."""

    tokenizer: Callable[[], Tokenizer]
    specials: dict[str, str]
    config: dict[str, Any] = field(default_factory=dict)


def write_decoder(
    folder: Path, family: str, *, tokenizer: Tokenizer | None = None, labels: int | None = None, seed: int = 0
) -> Path:
    """Write a tiny ForCausalLM of `family` (a key of `FAMILIES`), or a ForSequenceClassification of `labels`.

    Returns `folder`. `tokenizer` takes the place of the family's own tiny one.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    made = FAMILIES[family]
    tokenizer = tokenizer or made.tokenizer()
    ids = {f"{role}_id": tokenizer.token_to_id(token) for role, token in made.specials.items()}
    sizes = {"vocab_size": tokenizer.get_vocab_size(), "max_position_embeddings": MAX_TOKENS}
    sizes |= {} if labels is None else {"num_labels": labels}
    config = AutoConfig.for_model(family, **(_SIZES | sizes | ids | {"num_key_value_heads": 2} | made.config))
    kind: Any = AutoModelForCausalLM if labels is None else AutoModelForSequenceClassification
    model = kind.from_config(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 or name.endswith("bias"):
                draws = np.random.default_rng([seed, zlib.crc32(name.encode())])
                values = draws.normal(0.0, 0.25 if parameter.dim() > 1 else 0.1, tuple(parameter.shape))
                parameter.copy_(torch.tensor(values, dtype=torch.float32))
    model.save_pretrained(folder)
    _save_tokenizer(tokenizer, made.specials, folder)
    return folder


def _save_tokenizer(tokenizer: Tokenizer, specials: dict[str, str], folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    untyped: Any = PreTrainedTokenizerFast
    untyped(
        tokenizer_object=tokenizer,
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **specials,
    ).save_pretrained(folder)


def qwen() -> Tokenizer:
    """Byte-level pairs split as Qwen's are, where ".\\n" and " word" are joined; <think> is no special token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = _merges([*WORDS, *(f"Ġ{word}" for word in WORDS), ".Ċ", ">Ċ", "ĊĊ", "?Ċ", "Ġ??", ">ĊĊ", "ĠĠ"])
    tokenizer = Tokenizer(models.BPE(_vocabulary([*_QWEN_SPECIALS, "<think>", "</think>", *alphabet], merges), merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_special_tokens(list(_QWEN_SPECIALS))
    tokenizer.add_tokens([AddedToken(name, normalized=False, special=False) for name in ("<think>", "</think>")])
    return tokenizer


def gemma() -> Tokenizer:
    """Pairs with "▁" for spaces and bytes for what is unknown, as Gemma's; every text begins with <bos>."""
    return _pieces(("<pad>", "<eos>", "<bos>", "<unk>"), "<bos>")


def mistral() -> Tokenizer:
    """Pairs with the unknown token first, as Mistral's; every text begins with <s>."""
    return _pieces(("<unk>", "<s>", "</s>"), "<s>")


def real_qwen(shared: Path) -> Tokenizer:
    """The tokenizer of Qwen3, from the development data beside the checkout."""
    return Tokenizer.from_str(gzip.decompress((shared / "tokenizers/qwen3/tokenizer.json.gz").read_bytes()).decode())


def _pieces(specials: tuple[str, ...], first: str) -> Tokenizer:
    merges = _merges([*WORDS, *(f"▁{word}" for word in WORDS), "A:", "B:", "\n\n"])
    base = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "\n", *map(chr, range(33, 127))]
    model = models.BPE(_vocabulary(base, merges), merges, byte_fallback=True, fuse_unk=True, unk_token="<unk>")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(list(specials))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A", pair=f"{first} $A {first} $B", special_tokens=[(first, tokenizer.token_to_id(first))]
    )
    return tokenizer


def _merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """What makes one token of each word, with what makes those before it."""
    ranks: dict[tuple[str, str], int] = {}
    for word in words:
        pieces = _merged(list(word), ranks)
        while len(pieces) > 1:
            ranks[pieces[0], pieces[1]] = len(ranks)
            pieces = _merged(pieces, ranks)
    return list(ranks)


def _merged(pieces: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """`pieces` after all merges that apply, the first of `ranks` first."""
    while pairs := [pair for pair in pairwise(pieces) if pair in ranks]:
        first = min(pairs, key=ranks.__getitem__)
        place = list(pairwise(pieces)).index(first)
        pieces = [*pieces[:place], "".join(first), *pieces[place + 2 :]]
    return pieces


def _vocabulary(base: Sequence[str], merges: Sequence[tuple[str, str]]) -> dict[str, int]:
    pieces = dict.fromkeys([*base, *(left + right for left, right in merges)])
    return {piece: place for place, piece in enumerate(pieces)}


_QWEN_ROLES = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
_LLAMA_ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
FAMILIES = {
    "qwen3": Family(qwen, _QWEN_ROLES, {"head_dim": 8, "tie_word_embeddings": True}),
    "qwen2": Family(qwen, _QWEN_ROLES, {"tie_word_embeddings": False}),
    "gemma": Family(
        gemma,
        {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"},
        {"head_dim": 8, "num_key_value_heads": 1},
    ),
    "mistral": Family(mistral, _LLAMA_ROLES, {"head_dim": 8}),
    "llama": Family(mistral, _LLAMA_ROLES, {}),
}
