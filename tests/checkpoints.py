"""Tiny cross-encoder checkpoints with random weights, written as their authors would publish them.

`write_checkpoint` gives a real one of a family, by torch and transformers: config.json, tokenizer, weights and
onnx/model.onnx. Matrices are drawn from N(0, 0.25) and biases from N(0, 0.1): a library's default initialisation gives
nearly the same logit for every pair and hides bugs. `write_weigher` gives one whose logit is a sum that a test can do
itself, by `onnx` alone.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from secondpass.models.load import load_scorer
from secondpass.models.pair import PairModel

if TYPE_CHECKING:
    from onnx import NodeProto
    from transformers import PreTrainedModel

MAX_TOKENS = 64
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
SENTENCES = (
    "who wrote the book of the second pass?",
    "the river rises in the mountains and runs to the sea.",
    "a query and a document are read together by a cross encoder.",
    "numbers such as 12, 1984 and 3.14 are exact.",
    "how do I sort a list of tuples in Python by the second item?",
    "prefer the newest source; answers in one short sentence.",
    "Zürich, São Paulo and Kraków are cities; 東京 is one too.",
    "a panda is a bear native to south central china.",
)
_DIMENSIONS = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


@dataclass(frozen=True, slots=True)
class Family:
    """How one family is built: its tokenizer, its special tokens, and its config.json beside the dimensions."""

    tokenizer: Callable[[], Tokenizer]
    specials: dict[str, str]
    type_ids: bool
    config: dict[str, Any]


def load_pair(folder: Path, **options: Any) -> PairModel:
    """The checkpoint in `folder`, which has to be a cross-encoder."""
    found = load_scorer(folder, **options)
    assert isinstance(found, PairModel)
    return found


def write_checkpoint(folder: Path, family: str, *, labels: int = 1, seed: int = 0) -> Path:
    """Write a tiny checkpoint of `family` (a key of `FAMILIES`) with an fp32 ONNX graph; returns `folder`.

    Needs torch and transformers.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    made = FAMILIES[family]
    tokenizer = made.tokenizer()
    ids = {f"{name}_id": tokenizer.token_to_id(token) for name, token in made.specials.items()}
    sizes = {"vocab_size": tokenizer.get_vocab_size(), "num_labels": labels, "max_position_embeddings": MAX_TOKENS}
    config = AutoConfig.for_model(family, **(_DIMENSIONS | sizes | ids | made.config))
    model = _typed(AutoModelForSequenceClassification.from_config)(config, attn_implementation="eager").eval()
    _randomise(model, torch.Generator().manual_seed(seed))
    model.save_pretrained(folder)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if made.type_ids else [])]
    _typed(PreTrainedTokenizerFast)(
        tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, model_input_names=names, **made.specials
    ).save_pretrained(folder)
    export(model, folder / "onnx" / "model.onnx", names)
    return folder


def export(model: PreTrainedModel, path: Path, names: list[str], output: str = "logits") -> None:
    """Trace `model` into an ONNX graph with free batch and length axes."""
    import torch

    class Positional(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.inner(**dict(zip(names, tensors, strict=True)))[output]
            return result

    path.parent.mkdir(parents=True, exist_ok=True)
    example = [torch.tensor([[5, 6, 7, 8, 9], [5, 6, 7, 1, 1]]), torch.ones(2, 5, dtype=torch.long)]
    example.extend(torch.zeros(2, 5, dtype=torch.long) for _ in names[2:])
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Positional(),
            tuple(example),
            str(path),
            input_names=names,
            output_names=[output],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in names} | {output: {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )


def _typed(untyped: Any) -> Any:
    """A function of a library without types."""
    return untyped


def _randomise(model: PreTrainedModel, generator: Any) -> None:
    """Matrices N(0, 0.25), biases N(0, 0.1); the scales of layer norms stay."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.25, generator=generator)
            elif name.endswith("bias"):
                parameter.normal_(0.0, 0.1, generator=generator)


def write_weigher(
    folder: Path,
    tokenizer: Tokenizer,
    *,
    config: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = INPUTS,
    output: str = "logits",
    labels: int = 1,
    seed: int = 0,
) -> Path:
    """Write a checkpoint whose logit is `weigh` of its tokens, times n for the n-th label; returns `folder`.

    `config` is added to config.json. Needs `onnx`.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constants: dict[str, NDArray[Any]] = {
        "table": weights(tokenizer.get_vocab_size(), seed),
        "axis": np.ones(1, dtype=np.int64),
        "one": np.ones(1, dtype=np.float32),
        "labels": np.arange(1, labels + 1, dtype=np.float32).reshape(1, labels),
    }
    graph = helper.make_graph(
        _weigher_nodes(output),
        "weigher",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", labels])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    path = folder / "onnx" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    tokenizer.save(str(folder / "tokenizer.json"))
    described = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "pad_token_id": 0}
    described["max_position_embeddings"] = MAX_TOKENS
    (folder / "config.json").write_text(json.dumps(described | dict(config or {})), encoding="utf-8")
    return folder


def _weigher_nodes(output: str) -> list[NodeProto]:
    """The steps of `weigh`: each an operator, what it reads, and the name of what it gives."""
    from onnx import TensorProto, helper

    steps = (
        ("Gather", ("table", "input_ids"), "weight"),
        ("Cast", ("attention_mask",), "mask"),
        ("Cast", ("token_type_ids",), "kind"),
        ("CumSum", ("mask", "axis"), "position"),
        ("Add", ("kind", "one"), "factor"),
        ("Mul", ("weight", "position"), "placed"),
        ("Mul", ("placed", "factor"), "typed"),
        ("Mul", ("typed", "mask"), "masked"),
        ("ReduceSum", ("masked", "axis"), "sum"),
        ("MatMul", ("sum", "labels"), output),
    )
    nodes = [helper.make_node(kind, reads, [gives]) for kind, reads, gives in steps]
    for node in nodes:
        if node.op_type == "Cast":
            node.attribute.append(helper.make_attribute("to", TensorProto.FLOAT))
    return nodes


def weights(vocabulary: int, seed: int = 0) -> NDArray[np.float32]:
    """What each token weighs in the graphs that `write_weigher` writes."""
    return np.random.default_rng(seed).normal(0.0, 0.05, vocabulary).astype(np.float32)


def weigh(ids: Sequence[int], types: Sequence[int], *, vocabulary: int, seed: int = 0) -> float:
    """The first label's logit for one pair: weights times position (from 1) times segment type plus 1, summed."""
    table = weights(vocabulary, seed)
    places = np.arange(1, len(ids) + 1)
    return float((table[list(ids)] * places * (np.array(types) + 1)).sum())


def word_piece() -> Tokenizer:
    """BERT: lower-cased word pieces, `[CLS] q [SEP] d [SEP]` with types 0 and 1."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    pieces = [*specials, *_pieces(normalizer, splitter, inner="##")]
    tokenizer = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(specials)
    _template(tokenizer, "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", "[CLS]", "[SEP]")
    return tokenizer


def unigram_xlm() -> Tokenizer:
    """XLM-R: `<s> q </s></s> d </s>`, no types, pad id 1."""
    tokenizer = _unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<unk>")
    _template(tokenizer, "<s> $A </s> </s> $B </s>", "<s>", "</s>")
    return tokenizer


def unigram_deberta() -> Tokenizer:
    """DeBERTa-v2: Unigram pieces between [CLS] and [SEP], types 0 and 1."""
    tokenizer = _unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[UNK]")
    _template(tokenizer, "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", "[CLS]", "[SEP]")
    return tokenizer


def byte_pairs() -> Tokenizer:
    """ModernBERT: byte-level pairs between [CLS] and [SEP], no types."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    _template(tokenizer, "[CLS] $A [SEP] $B [SEP]", "[CLS]", "[SEP]")
    return tokenizer


def _unigram(specials: list[str], unknown: str) -> Tokenizer:
    normalizer, splitter = normalizers.NFKC(), pre_tokenizers.Metaspace()
    pieces = _pieces(normalizer, splitter)
    scored = [*((special, 0.0) for special in specials), *((piece, -2.0) for piece in pieces)]
    tokenizer = Tokenizer(models.Unigram(scored, specials.index(unknown), False))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(specials)
    return tokenizer


def _pieces(normalizer: normalizers.Normalizer, splitter: pre_tokenizers.PreTokenizer, inner: str = "") -> list[str]:
    """Every word, character and two characters of `SENTENCES`, sorted; `inner` marks those within a word.

    Written out here: the trainers of `tokenizers` break ties by a hash that differs between processes, and with
    another vocabulary the same weights are another model.
    """
    pieces = set()
    for sentence in SENTENCES:
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(sentence)):
            pieces |= {word, word[0], word[:2]}
            pieces |= {inner + word[at : at + length] for at in range(1, len(word)) for length in (1, 2)}
    return sorted(pieces)


def _template(tokenizer: Tokenizer, pair: str, first: str, last: str) -> None:
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=pair,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (first, last)],
    )


_BERT_SPECIALS = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
_XLM_SPECIALS = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "bos_token": "<s>",
    "eos_token": "</s>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}

FAMILIES = {
    "bert": Family(word_piece, _BERT_SPECIALS, True, {}),
    "electra": Family(word_piece, _BERT_SPECIALS, True, {"embedding_size": 16}),
    "xlm-roberta": Family(
        unigram_xlm, _XLM_SPECIALS, False, {"type_vocab_size": 1, "max_position_embeddings": MAX_TOKENS + 2}
    ),
    "roberta": Family(
        unigram_xlm, _XLM_SPECIALS, False, {"type_vocab_size": 1, "max_position_embeddings": MAX_TOKENS + 2}
    ),
    "gte": Family(unigram_xlm, _XLM_SPECIALS, False, {"type_vocab_size": 1}),
    "modernbert": Family(
        byte_pairs,
        _BERT_SPECIALS,
        False,
        {
            "bos_token_id": 1,
            "eos_token_id": 2,
            "local_attention": 16,
            "global_attn_every_n_layers": 2,
            "classifier_pooling": "mean",
        },
    ),
    "deberta-v2": Family(
        unigram_deberta,
        _BERT_SPECIALS,
        True,
        {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "type_vocab_size": 0,
        },
    ),
}
