"""monoT5, duoT5 and RankT5 on tiny checkpoints, against the code of others and what is published: 1e-4 in fp32."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")

import torch

from secondpass.errors import UnverifiedWarning
from secondpass.models.duo import DuoModel
from secondpass.models.load import load_scorer
from secondpass.models.prompt import PromptModel
from secondpass.text.encode import Limits
from tests import seq2seq
from tests.parity.record import SPECIFICATION, Parity

QUERY = "who wrote the book of the river?"
DOCUMENTS = (
    "the panda is a bear native to china.",
    " the river runs  to the sea.\n",
    "",
    "a",
    "numbers such as 12, 1984 and 3.14 are exact; " * 4,
)
LONG = "the river runs to the sea and the panda is in it. " * 60
REFERENCE = Limits(truncation="reference")
GOLDENS = Path(__file__).parent / "goldens"
PYGAGGLE: dict[str, Any] = json.loads((GOLDENS / "duo.json").read_text(encoding="utf-8"))
T5RANKER: dict[str, Any] = json.loads((GOLDENS / "t5ranker.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seq2seq.write_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def untied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seq2seq.write_t5(tmp_path_factory.mktemp("t5"), tied=False, seed=1)


@pytest.fixture(scope="module")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seq2seq.write_t5(tmp_path_factory.mktemp("mt5"), "mt5", tied=False, begin=3)


def load(folder: Path, recipe: str = "monot5") -> PromptModel:
    found = load_scorer(folder, recipe=recipe, precision="fp32", device="cpu")
    assert isinstance(found, PromptModel)
    return found


def ours(
    model: PromptModel, documents: Sequence[str], limits: Limits = REFERENCE, *, query: str = QUERY
) -> NDArray[np.float32]:
    readings = model.read(query, None, limits)(documents)
    return model.logits([piece for reading in readings for piece in reading.pieces])


def first_step(folder: Path, texts: Sequence[str]) -> torch.Tensor:
    """What transformers' own class says first, one text at a time: logits of the whole vocabulary."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(folder)
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    begin = torch.tensor([[model.config.decoder_start_token_id]])
    found = []
    for text in texts:
        ids = tokenizer(text, truncation=True, max_length=512, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            found.append(model(input_ids=ids, decoder_input_ids=begin).logits[0, 0])
    return torch.stack(found)


def token(folder: Path, text: str) -> int:
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(folder / "tokenizer.json")).token_to_id(text)
    assert isinstance(found, int)
    return found


def log_odds(folder: Path, texts: Sequence[str], true: str = "▁true", false: str = "▁false") -> Any:
    logits = first_step(folder, texts)
    return (logits[:, token(folder, true)] - logits[:, token(folder, false)]).numpy()


def difference(found: Any, wanted: Any) -> float:
    assert np.ptp(found) > 0.01  # else the weights are such that nothing would show
    largest = float(np.abs(np.asarray(found) - np.asarray(wanted)).max())
    assert largest <= 1e-4
    return largest


def mono(document: str, query: str = QUERY) -> str:
    return f"Query: {query} Document: {document} Relevant:"


def duo(one: str, other: str) -> str:
    return f"Query: {QUERY} Document0: {one} Document1: {other} Relevant:"


# --- monoT5 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "recipe", "held", "name"),
    [
        ("folder", "monot5", "tied", "monoT5"),
        ("untied", "monot5", "untied", "monoT5 (T5 1.1)"),
        ("multilingual", "mt5", "mt5", "monoT5 (mT5)"),
    ],
)
def test_the_probability_is_that_of_rerankers(
    request: pytest.FixtureRequest, parity: Parity, which: str, recipe: str, held: str, name: str
) -> None:
    folder: Path = request.getfixturevalue(which)
    query, documents = T5RANKER["query"], T5RANKER["documents"]
    logits = ours(load(folder, recipe), documents, query=query).astype(np.float64)
    found = difference(1 / (1 + np.exp(-logits)), T5RANKER[held])
    parity.record(name, "rerankers", T5RANKER["version"], found)


@pytest.mark.parametrize(
    ("which", "recipe", "true", "false"),
    [
        ("folder", "monot5", "▁true", "▁false"),
        ("untied", "monot5", "▁true", "▁false"),
        ("multilingual", "mt5", "▁yes", "▁no"),
    ],
)
def test_the_logit_is_the_difference_that_transformers_gives(
    request: pytest.FixtureRequest, parity: Parity, which: str, recipe: str, true: str, false: str
) -> None:
    folder: Path = request.getfixturevalue(which)
    wanted = log_odds(folder, [mono(document) for document in (*DOCUMENTS, LONG)], true, false)
    found = difference(ours(load(folder, recipe), [*DOCUMENTS, LONG]), wanted)
    name = {"folder": "monoT5", "untied": "monoT5 (T5 1.1)", "multilingual": "monoT5 (mT5)"}[which]
    parity.record(name, "transformers", version("transformers"), found)


def test_a_query_longer_than_all_that_is_read_is_cut_as_transformers_does(folder: Path) -> None:
    wanted = log_odds(folder, [mono(document, LONG) for document in DOCUMENTS[:2]])
    found = ours(load(folder), DOCUMENTS[:2], query=LONG)
    assert float(np.abs(found - wanted).max()) <= 1e-4


def test_with_the_real_tokenizer_too(shared: Path, tmp_path: Path, parity: Parity) -> None:
    folder = seq2seq.write_t5(tmp_path, tokenizer=seq2seq.real_t5(shared))
    documents = (*DOCUMENTS, "Zürich, São Paulo; 東京 ½", LONG)
    wanted = log_odds(folder, [mono(document) for document in documents])
    found = difference(ours(load(folder), documents), wanted)
    parity.record("monoT5", "transformers", version("transformers"), found, checkpoint="tiny, tokenizer t5")


def test_a_batch_of_unequal_lengths_gives_what_each_gives_alone(folder: Path) -> None:
    model = load(folder)
    pieces = [piece for reading in model.read(QUERY, None, Limits())([*DOCUMENTS, LONG]) for piece in reading.pieces]
    together = model.logits(pieces)
    np.testing.assert_allclose(together, np.concatenate([model.logits([piece]) for piece in pieces]), atol=1e-4)
    order = np.random.default_rng(0).permutation(len(pieces))
    np.testing.assert_allclose(model.logits([pieces[place] for place in order]), together[order], atol=1e-4)


def test_query_and_document_are_not_the_same_to_the_model(folder: Path) -> None:
    model = load(folder)
    assert abs(float((ours(model, DOCUMENTS[:1]) - ours(model, [QUERY], query=DOCUMENTS[0]))[0])) > 1e-3


def test_what_transformers_saves_again_scores_the_same(untied: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    model: Any = AutoModelForSeq2SeqLM.from_pretrained(untied)
    model.save_pretrained(tmp_path)
    untyped: Any = AutoTokenizer
    untyped.from_pretrained(untied).save_pretrained(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert described["scale_decoder_outputs"] is False  # and tie_word_embeddings has become true
    np.testing.assert_allclose(ours(load(tmp_path), DOCUMENTS), ours(load(untied), DOCUMENTS), atol=1e-5)


# --- duoT5 ----------------------------------------------------------------------------------------------------------


def load_duo(folder: Path) -> DuoModel:
    found = load_scorer(folder, recipe="duot5", precision="fp32", device="cpu")
    assert isinstance(found, DuoModel)
    return found


def sums(folder: Path, documents: Sequence[str]) -> list[float]:
    """What pygaggle's DuoT5 computes, by transformers' own class: probabilities of all ordered pairs, added up."""
    found = [0.0] * len(documents)
    for i, one in enumerate(documents):
        for j, other in enumerate(documents):
            if i != j:
                better = float(1 / (1 + np.exp(-float(log_odds(folder, [duo(one, other)])[0]))))
                found[i] += better
                found[j] += 1 - better
    return found


def test_duo_adds_up_what_the_pairs_say(untied: Path, parity: Parity) -> None:
    found = load_duo(untied).score(QUERY, DOCUMENTS, None, REFERENCE)
    largest = difference(found.logits, sums(untied, DOCUMENTS))
    parity.record("duoT5", "transformers", version("transformers"), largest)
    assert not any(found.truncated)


def test_mono_and_duo_are_those_of_pygaggle(tmp_path: Path, parity: Parity) -> None:
    folder = seq2seq.write_t5(tmp_path, tied=False)
    query, documents = PYGAGGLE["query"], PYGAGGLE["documents"]
    duo = load_duo(folder).score(query, documents).logits
    parity.record("duoT5", "pygaggle", PYGAGGLE["version"], difference(duo, PYGAGGLE["DuoT5"]))
    mono = -np.log1p(np.exp(-ours(load(folder), documents, query=query)))  # its score is the logarithm of a probability
    parity.record("monoT5", "pygaggle", PYGAGGLE["version"], difference(mono, PYGAGGLE["MonoT5"]))


def test_duo_cuts_the_end_as_transformers_does_where_that_is_asked_for(untied: Path) -> None:
    documents = (DOCUMENTS[0], LONG, DOCUMENTS[1])
    found = load_duo(untied).score(QUERY, documents, None, REFERENCE)
    difference(found.logits, sums(untied, documents))
    assert found.truncated == [True, True, True]  # behind the long one, nothing of the others is read


# --- RankT5 ---------------------------------------------------------------------------------------------------------


def test_rank_t5_is_the_logit_of_one_token(folder: Path, parity: Parity) -> None:
    with pytest.warns(UnverifiedWarning, match="paper"):
        model = load(folder, "rankt5")
    texts = [f"Query: {QUERY} Document: {document}" for document in (*DOCUMENTS, LONG)]
    wanted = first_step(folder, texts)[:, token(folder, seq2seq.ANSWER)].numpy()
    parity.record("RankT5", SPECIFICATION, "2026-11", difference(ours(model, [*DOCUMENTS, LONG]), wanted))


def test_rank_t5s_encoder_has_a_head_of_three_layers(tmp_path: Path, parity: Parity) -> None:
    folder = seq2seq.write_rank_t5(tmp_path)
    with pytest.warns(UnverifiedWarning, match="model card"):
        model = load(folder, "rankt5-encoder")
    wanted = [encoder_logit(folder, document) for document in DOCUMENTS]
    parity.record("RankT5 (naver)", SPECIFICATION, "2026-11", difference(ours(model, DOCUMENTS), wanted))


def encoder_logit(folder: Path, document: str) -> float:
    """The class on the model card, for one pair."""
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoTokenizer, T5EncoderModel

    held = load_file(folder / "model.safetensors")
    config: Any = AutoConfig.from_pretrained(folder)
    body: Any = T5EncoderModel(config)
    body.eval()
    body.load_state_dict({n.removeprefix("model."): t for n, t in held.items() if n.startswith("model.")}, strict=False)
    untyped: Any = AutoTokenizer
    batch = untyped.from_pretrained(folder)([[QUERY, document]], return_tensors="pt")
    with torch.inference_mode():
        state = body(**batch).last_hidden_state[:, 0]
        state = torch.nn.functional.linear(state, held["first_transform.weight"], held["first_transform.bias"])
        weight, bias = held["layer_norm.weight"], held["layer_norm.bias"]
        state = torch.nn.functional.layer_norm(state, (32,), weight, bias, eps=1e-12)
        return float(torch.nn.functional.linear(state, held["linear.weight"], held["linear.bias"]))
