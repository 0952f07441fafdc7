"""Tiny T5 checkpoints with random weights, laid out as real repositories are. Needs torch and transformers.

Each matrix is drawn from N(0, 0.25) by a generator that its name seeds.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

MAX_TOKENS = 512
WORDS = (
    *("true", "false", "yes", "no", "Query", "Document", "Document0", "Document1", "Relevant", "the", "of", "and"),
    *("panda", "bear", "river", "sea", "who", "wrote", "book", "a", "is", "in", "to", "native", "runs"),
)
SPECIALS = ("<pad>", "</s>", "<unk>")
ANSWER = "<extra_id_10>"
ANSWERS = {"true": 1176, "false": 6136}
"""The ids that these words have in T5's vocabulary, by which some code reads them."""

_SIZES = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "relative_attention_num_buckets": 8}


def write_t5(
    folder: Path,
    kind: Literal["t5", "mt5"] = "t5",
    *,
    tokenizer: Tokenizer | None = None,
    tied: bool = True,
    begin: int = 0,
    seed: int = 0,
) -> Path:
    """Write a tiny T5ForConditionalGeneration, or an mT5; returns `folder`.

    Not `tied`: as T5 1.1 and mT5 are published, with an output of their own and config.json saying so. `begin`: what
    the decoder begins with.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    tokenizer = tokenizer or pieces()
    sizes = {**_SIZES, "vocab_size": tokenizer.get_vocab_size(), "decoder_start_token_id": begin}
    config = AutoConfig.for_model(kind, **sizes, pad_token_id=0, eos_token_id=1, tie_word_embeddings=tied)
    untyped: Any = AutoModelForSeq2SeqLM
    model = untyped.from_config(config)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    _fill(model, seed)
    model.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder)
    path = folder / "config.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    described.pop("scale_decoder_outputs", None)
    path.write_text(json.dumps({**described, "tie_word_embeddings": tied}), encoding="utf-8")
    return folder


def write_rank_t5(folder: Path, *, seed: int = 0) -> Path:
    """A T5's encoder under "model." and three layers of a head beside it, as naver published one; returns `folder`."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, T5EncoderModel

    tokenizer = pieces()
    config: Any = AutoConfig.for_model("t5", **_SIZES, vocab_size=tokenizer.get_vocab_size(), decoder_start_token_id=0)
    body: Any = T5EncoderModel(config)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = body
            self.first_transform = torch.nn.Linear(32, 32)
            self.layer_norm = torch.nn.LayerNorm(32, eps=1e-12)
            self.linear = torch.nn.Linear(32, 1)

    whole = Whole()
    _fill(whole, seed)
    config.architectures = ["T5ForConditionalGeneration"]
    config.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder)
    held = {name: tensor.clone() for name, tensor in whole.state_dict().items() if "embed_tokens" not in name}
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def pieces(*, ends: bool = True) -> Tokenizer:
    """Unigram pieces of words that are split at white space first, as T5's; with `ends` every text ends in </s>."""
    # A whole word is likelier than its letters.
    scores = [(piece, 0.0) for piece in SPECIALS] + [(f"▁{word}", -2.0) for word in WORDS if word not in ANSWERS]
    scores += [("▁", -3.0)] + [(chr(code), -5.0) for code in range(33, 127)]
    for word, id_ in ANSWERS.items():
        # No text that is split at spaces has one.
        scores += [(f"unused {place}", -9.0) for place in range(len(scores), id_)] + [(f"▁{word}", -2.0)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=2))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([*SPECIALS, ANSWER])
    if not ends:
        return tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return tokenizer


def real_t5(shared: Path) -> Tokenizer:
    """T5's own tokenizer, from the development data beside the checkout."""
    return Tokenizer.from_file(str(shared / "tokenizers/t5/tokenizer.json"))


def _fill(model: Any, seed: int) -> None:
    """Matrices N(0, 0.25), biases N(0, 0.1); the scales of norms stay."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 or name.endswith("bias"):
                draws = np.random.default_rng([seed, zlib.crc32(name.encode())])
                values = draws.normal(0.0, 0.25 if parameter.dim() > 1 else 0.1, tuple(parameter.shape))
                parameter.copy_(torch.tensor(values, dtype=torch.float32))


def _save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    untyped: Any = PreTrainedTokenizerFast
    untyped(
        tokenizer_object=tokenizer,
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
    ).save_pretrained(folder)
