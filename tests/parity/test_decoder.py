"""Prompts against the authors' code and against sentence-transformers, on tiny checkpoints: 1e-4 in fp32."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

import torch

from secondpass.backends.network import Classifier, Network, Projection
from secondpass.backends.torch.backend import TorchBackend
from secondpass.models.files import Checkpoint
from secondpass.models.prompt import PromptModel
from secondpass.models.prompt_recipe import answer_rows, find_recipe
from secondpass.text.encode import Limits, TextEncoder
from tests import decoders
from tests.parity.record import SPECIFICATION, Parity

MXBAI: dict[str, Any] = json.loads((Path(__file__).parent / "goldens" / "mxbai.json").read_text(encoding="utf-8"))
OUTPUT = ("lm_head.weight", "model.embed_tokens.weight")
QUERY = "who wrote the book of the second pass?"
INSTRUCTION = "prefer the newest document"
DOCUMENTS = (
    "the panda is a bear native to south central china.",
    "\n the river rises in the mountains and runs to the sea.\n",
    "",
    "a",
    "numbers such as 12, 1984 and 3.14 are exact; 東京 is a city. " * 3,
)
REFERENCE = Limits(truncation="reference")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    there = tmp_path_factory.mktemp("decoders")
    return {family: decoders.write_decoder(there / family, family) for family in ("qwen3", "qwen2", "mistral")}


def load(folder: Path, recipe: str) -> PromptModel:
    found = find_recipe(recipe)
    rows = answer_rows(found, TextEncoder.from_file(folder / "tokenizer.json"))
    return with_network(folder, recipe, Network(head=Projection(OUTPUT, rows=rows)))


def with_network(folder: Path, recipe: str, network: Network) -> PromptModel:
    checkpoint = Checkpoint(folder.name, folder, folder / "model.safetensors", "fp32", "a test")
    return PromptModel(checkpoint, TorchBackend(precision="fp32", device="cpu"), network, find_recipe(recipe))


def ours(
    model: PromptModel,
    documents: Sequence[str],
    limits: Limits = REFERENCE,
    *,
    query: str = QUERY,
    instruction: str | None = None,
) -> NDArray[np.float32]:
    readings = model.read(query, instruction, limits)(documents)
    return model.logits([piece for reading in readings for piece in reading.pieces])


def difference(found: NDArray[np.float32], wanted: Any) -> float:
    assert np.ptp(found) > 0.01  # else the weights are such that nothing would show
    largest = float(np.abs(found - np.asarray(wanted)).max())
    assert largest <= 1e-4
    return largest


# --- Qwen3-Reranker -------------------------------------------------------------------------------------------------

_PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
_SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
_TEMPLATE = (
    _PREFIX + "<Instruct>: {{ messages | selectattr('role', 'eq', 'system') | map(attribute='content') | first }}\n"
    "<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}\n"
    "<Document>: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}" + _SUFFIX
)


def card(folder: Path, documents: Sequence[str], instruction: str, longest: int = 512) -> list[float]:
    """What the model card of Qwen3-Reranker computes: the log-odds of "yes" against "no"."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(folder, padding_side="left")
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    model.eval()
    prefix, suffix = (tokenizer.encode(text, add_special_tokens=False) for text in (_PREFIX, _SUFFIX))
    bodies = [f"<Instruct>: {instruction}\n<Query>: {QUERY}\n<Document>: {document}" for document in documents]
    room = longest - len(prefix) - len(suffix)
    read = tokenizer(bodies, padding=False, truncation="longest_first", return_attention_mask=False, max_length=room)
    rows = {"input_ids": [prefix + ids + suffix for ids in read["input_ids"]]}
    batch = tokenizer.pad(rows, padding=True, return_tensors="pt")
    with torch.inference_mode():
        last = model(**batch).logits[:, -1]
    yes, no = (tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))
    pair = torch.log_softmax(torch.stack([last[:, no], last[:, yes]], dim=1), dim=1)
    return (pair[:, 1] - pair[:, 0]).tolist()


def test_qwen3_is_what_its_card_computes(folders: dict[str, Path], parity: Parity) -> None:
    model = load(folders["qwen3"], "qwen3-reranker")
    default = find_recipe("qwen3-reranker").instruction
    found = difference(ours(model, DOCUMENTS), card(folders["qwen3"], DOCUMENTS, default))
    parity.record("Qwen3-Reranker", SPECIFICATION, "2026-11", found)
    instructed = ours(model, DOCUMENTS, instruction=INSTRUCTION)
    difference(instructed, card(folders["qwen3"], DOCUMENTS, INSTRUCTION))
    assert np.abs(instructed - ours(model, DOCUMENTS)).max() > 0.01


def test_qwen3_cuts_where_its_card_cuts(folders: dict[str, Path]) -> None:
    model = load(folders["qwen3"], "qwen3-reranker")
    long = [document * 20 for document in DOCUMENTS]
    readings = model.read(QUERY, INSTRUCTION, replace(REFERENCE, max_tokens=320))(long)
    assert [reading.truncated for reading in readings] == [True, True, False, False, True]
    found = model.logits([piece for reading in readings for piece in reading.pieces])
    difference(found, card(folders["qwen3"], long, INSTRUCTION, 320))


def sentence_transformer(folder: Path, template: str, true: int, false: int | None, bos: str = "") -> Any:
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = Transformer(
            str(folder), transformer_task="text-generation", processor_kwargs={"chat_template": bos + template}
        )
        if body.tokenizer.pad_token is None:
            body.tokenizer.pad_token = body.tokenizer.eos_token  # as the authors of ctxl-rerank do
        return CrossEncoder(modules=[body, LogitScore(true_token_id=true, false_token_id=false)], device="cpu")


def predicted(reference: Any, documents: Sequence[str], instruction: str | None) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: NDArray[np.float32] = reference.predict(
            [(QUERY, document) for document in documents],
            prompt=instruction,
            activation_fn=torch.nn.Identity(),
            show_progress_bar=False,
        )
    return found


def test_qwen3_is_cross_encoder_whose_template_keeps_its_last_newline(folders: dict[str, Path], parity: Parity) -> None:
    folder = folders["qwen3"]
    model = load(folder, "qwen3-reranker")
    rows = answer_rows(find_recipe("qwen3-reranker"), TextEncoder.from_file(folder / "tokenizer.json"))
    found = ours(model, DOCUMENTS, instruction=INSTRUCTION)
    kept = sentence_transformer(folder, _TEMPLATE + '{{ "" }}', rows[0], rows[1])
    largest = difference(found, predicted(kept, DOCUMENTS, INSTRUCTION))
    parity.record("Qwen3-Reranker", "sentence-transformers", version("sentence-transformers"), largest)
    lost = sentence_transformer(folder, _TEMPLATE, rows[0], rows[1])
    assert np.abs(found - predicted(lost, DOCUMENTS, INSTRUCTION)).max() > 0.01


@pytest.mark.parametrize("labels", [1, 2])
def test_a_classifiers_head_reads_the_same_prompt(tmp_path: Path, labels: int, parity: Parity) -> None:
    folder = decoders.write_decoder(tmp_path, "qwen3", labels=labels)
    wanted = classified(folder, DOCUMENTS)
    wanted = wanted[:, 0] if labels == 1 else wanted[:, 1] - wanted[:, 0]
    by_row = Network(head=Projection(("score.weight",)))
    found = ours(with_network(folder, "qwen3-reranker-seq-cls", by_row), DOCUMENTS, instruction=INSTRUCTION)
    parity.record("Qwen3-Reranker seq-cls", "transformers", version("transformers"), difference(found, wanted))
    as_it_is = with_network(folder, "qwen3-reranker-seq-cls", Network(head=Classifier()))
    difference(ours(as_it_is, DOCUMENTS, instruction=INSTRUCTION), wanted)


def classified(folder: Path, documents: Sequence[str]) -> NDArray[np.float32]:
    """Logits of transformers' own classifier, one prompt at a time."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    model.eval()
    found = []
    for document in documents:
        body = f"<Instruct>: {INSTRUCTION}\n<Query>: {QUERY}\n<Document>: {document}"
        ids = [id_ for text in (_PREFIX, body, _SUFFIX) for id_ in tokenizer(text, add_special_tokens=False).input_ids]
        with torch.inference_mode():
            found.append(model(torch.tensor([ids])).logits[0].numpy())
    return np.stack(found)


# --- mxbai-rerank v2 ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", MXBAI["cases"], ids=lambda case: f"{case['max_length']}-{case['instruction'] or 'plain'}"
)
def test_mxbai_v2_is_its_own_package(folders: dict[str, Path], case: dict[str, Any], parity: Parity) -> None:
    model = load(folders["qwen2"], "mxbai-v2-base")
    limits = replace(REFERENCE, max_tokens=case["max_length"])
    found = ours(model, case["documents"], limits, query=case["query"], instruction=case["instruction"])
    parity.record("mxbai-rerank v2", MXBAI["reference"], MXBAI["version"], difference(found, case["scores"]))


# --- ctxl-rerank v2 and zerank --------------------------------------------------------------------------------------

_CTXL = (
    "Check whether a given document contains information helpful to answer the query.\n"
    "<Document> {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}\n"
    "<Query> {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}"
    "{% for message in messages if message.role == 'system' %} {{ message.content }}{% endfor %} ??"
)
_ZERANK = (
    "<|im_start|>system\n{{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}"
    "<|im_end|>\n<|im_start|>user\n"
    "{{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}"
    '<|im_end|>\n<|im_start|>assistant\n{{ "" }}'
)


@pytest.mark.parametrize(
    ("family", "recipe", "bos"), [("qwen3", "ctxl-v2", ""), ("mistral", "ctxl-v2-6b", "<s>")], ids=["qwen3", "mistral"]
)
def test_ctxl_is_cross_encoder_that_reads_the_first_row(
    folders: dict[str, Path], family: str, recipe: str, bos: str, parity: Parity
) -> None:
    model = load(folders[family], recipe)
    reference = sentence_transformer(folders[family], _CTXL, 0, None, bos)
    for instruction in (None, INSTRUCTION):
        found = ours(model, DOCUMENTS, instruction=instruction)
        largest = difference(found, predicted(reference, DOCUMENTS, instruction))
        parity.record("ctxl-rerank v2", "sentence-transformers", version("sentence-transformers"), largest)


def test_zerank_is_cross_encoder_that_reads_yes(folders: dict[str, Path], parity: Parity) -> None:
    model = load(folders["qwen3"], "zerank")
    (yes,) = answer_rows(find_recipe("zerank"), TextEncoder.from_file(folders["qwen3"] / "tokenizer.json"))
    reference = sentence_transformer(folders["qwen3"], _ZERANK, yes, None)
    stripped = [document.strip() for document in DOCUMENTS]
    largest = difference(ours(model, DOCUMENTS), predicted(reference, stripped, None))
    parity.record("zerank", "sentence-transformers", version("sentence-transformers"), largest)


# --- all of them ----------------------------------------------------------------------------------------------------

RECIPES = [
    ("qwen3", "qwen3-reranker"),
    ("qwen2", "mxbai-v2-base"),
    ("qwen3", "ctxl-v2"),
    ("mistral", "ctxl-v2-6b"),
    ("qwen3", "zerank"),
]


@pytest.mark.parametrize(("family", "recipe"), RECIPES)
def test_a_logit_is_the_same_alone_and_in_any_batch(folders: dict[str, Path], family: str, recipe: str) -> None:
    model = load(folders[family], recipe)
    asked = ((QUERY, None), ("the sea", INSTRUCTION), (QUERY * 4, None))
    readings = [each for query, told in asked for each in model.read(query, told, Limits())(DOCUMENTS)]
    pieces = [piece for reading in readings for piece in reading.pieces]
    together = model.logits(pieces)
    alone = np.concatenate([model.logits([piece]) for piece in pieces])
    order = np.random.default_rng(0).permutation(len(pieces))
    np.testing.assert_allclose(together, alone, atol=1e-4)
    np.testing.assert_allclose(model.logits([pieces[place] for place in order]), together[order], atol=1e-4)


@pytest.mark.parametrize(("family", "recipe"), RECIPES)
def test_query_and_document_are_not_the_same_to_the_model(folders: dict[str, Path], family: str, recipe: str) -> None:
    model = load(folders[family], recipe)
    there, back = ours(model, DOCUMENTS[:1]), ours(model, [QUERY], query=DOCUMENTS[0])
    assert abs(float(there[0] - back[0])) > 1e-3


@pytest.mark.parametrize(("family", "recipe"), RECIPES)
def test_what_fits_is_the_same_under_both_truncations(folders: dict[str, Path], family: str, recipe: str) -> None:
    model = load(folders[family], recipe)
    np.testing.assert_allclose(ours(model, DOCUMENTS, Limits()), ours(model, DOCUMENTS), atol=1e-4)


def test_a_checkpoint_that_was_read_and_saved_again_scores_the_same(folders: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = folders["qwen3"]
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    untyped: Any = AutoTokenizer
    untyped.from_pretrained(folder).save_pretrained(tmp_path)
    again = ours(load(tmp_path, "qwen3-reranker"), DOCUMENTS)
    np.testing.assert_allclose(again, ours(load(folder, "qwen3-reranker"), DOCUMENTS), atol=1e-5)
