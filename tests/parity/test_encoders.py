"""Encoders that transformers does not read as they are, chains of modules, and their authors' way to cut: 1e-4 in fp32.

Goldens were made by the authors' code in another environment, see goldens/. Where there is none, the reference is what
is published of a family, written down here a second time, which parity.md lists as unverified.
"""

from __future__ import annotations

import gzip
import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

import sentence_transformers
import torch

import secondpass
from secondpass.backends.network import Chain, Network, Step
from secondpass.backends.torch.backend import TorchBackend
from secondpass.backends.torch.loading import load_body
from secondpass.errors import UnverifiedWarning
from secondpass.models.encoders import body
from secondpass.models.files import Checkpoint
from secondpass.models.pair import PairModel
from secondpass.models.reference import Reference
from secondpass.text.encode import Limits, aggregate
from tests import checkpoints, layouts
from tests.parity.goldens import checkpoint as golden
from tests.parity.record import LARGEST, SPECIFICATION, Parity
from tests.parity.restated import gte, jina_bert, pair_ids, pair_ids_and_types, rerank

QUERY = "who wrote the book of the second pass?"
DOCUMENTS = ("the river rises in the mountains", "a", "", "a query and a document are read together. " * 2)
LONG = tuple(text * 12 for text in checkpoints.SENTENCES[:3])
CUT = Limits(truncation="reference")
GOLDENS = Path(__file__).with_name("goldens")


def built(folder: Path, network: Network | None = None, reference: Reference = "longest-first") -> PairModel:
    weights = folder / "model.safetensors"
    found = Checkpoint(folder.name, folder, weights, "fp32", "a test")
    return PairModel(found, TorchBackend(device="cpu", precision="fp32"), network, reference=reference)


def ours(model: PairModel, query: str, documents: Sequence[str], limits: Limits) -> NDArray[np.float32]:
    """One logit a document: the aggregate of its pieces'."""
    readings = model.read(query, None, limits)(documents)
    logits = iter(model.logits([piece for reading in readings for piece in reading.pieces]).tolist())
    found = [aggregate([next(logits) for _ in reading.pieces], limits.aggregate) for reading in readings]
    return np.array(found, dtype=np.float32)


def cross_encoder(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sentence_transformers.CrossEncoder(str(folder), device="cpu")


def theirs(reference: Any, query: str, documents: Sequence[str]) -> NDArray[np.float32]:
    from torch.nn import Identity

    pairs = [(query, document) for document in documents]
    found: NDArray[np.float32] = reference.predict(pairs, activation_fn=Identity(), show_progress_bar=False)
    return found


def largest(found: NDArray[np.floating[Any]], wanted: NDArray[np.floating[Any]]) -> float:
    assert np.ptp(found) > 0.01  # else the weights are such that nothing would show
    difference = float(np.abs(found - np.asarray(wanted)).max())
    assert difference <= LARGEST
    return difference


# jina-reranker-v2


JINA_V2 = "jina-reranker-v2"
JINA_GOLDEN = GOLDENS / "jina_v2.json"
JINA: dict[str, Any] = json.loads(JINA_GOLDEN.read_text(encoding="utf-8")) if JINA_GOLDEN.is_file() else {}


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The golden checkpoint as transformers names its weights, and as jina-reranker-v2 does."""
    folder = tmp_path_factory.mktemp("flash")
    native = golden.write(folder / "native")
    return native, layouts.write_flash(folder / "flash", native)


def test_the_flash_layout_is_xlm_roberta_under_other_names(flash: tuple[Path, Path], parity: Parity) -> None:
    model, reference = built(flash[1]), cross_encoder(flash[0])
    assert model.declared.max_tokens == golden.POSITIONS
    plain = largest(ours(model, QUERY, DOCUMENTS, CUT), theirs(reference, QUERY, DOCUMENTS))
    cut = largest(ours(model, QUERY * 8, LONG, CUT), theirs(reference, QUERY * 8, LONG))
    parity.record(JINA_V2, SPECIFICATION, "2026-11", max(plain, cut), checkpoint="tiny, against XLM-RoBERTa")


@pytest.mark.parametrize("query", [golden.QUERY, golden.LONG_QUERY], ids=["query", "long query"])
def test_rerank_of_jina_v2_is_reading_in_chunks(flash: tuple[Path, Path], parity: Parity, query: str) -> None:
    """Against its rules, restated: the query to 32 tokens with its own special ones, overlapping chunks, their best."""
    limits = Limits("chunk", 96, 20, truncation="reference", max_query_tokens=32)
    found = ours(built(flash[1]), query, golden.DOCUMENTS, limits)
    wanted = rerank(flash[0], query, golden.DOCUMENTS, most=96, most_query=32, overlap=20)
    parity.record(JINA_V2, SPECIFICATION, "2026-11", largest(found, wanted), checkpoint="tiny, rerank in chunks")


def test_load_reads_as_jina_v2s_rerank(flash: tuple[Path, Path]) -> None:
    """The whole way: a folder, its settings, the order and the scores."""
    with pytest.warns(UnverifiedWarning):
        reranker = secondpass.load(
            flash[1], policy="chunk", max_tokens=96, overlap=20, max_query_tokens=32, truncation="reference"
        )
    ranking = reranker.rank(golden.LONG_QUERY, golden.DOCUMENTS)
    logits = rerank(flash[0], golden.LONG_QUERY, golden.DOCUMENTS, most=96, most_query=32, overlap=20)
    assert [hit.index for hit in ranking] == np.argsort(-logits).tolist()
    wanted = np.sort(1 / (1 + np.exp(-logits)))[::-1]
    np.testing.assert_allclose([hit.score for hit in ranking], wanted, atol=LARGEST)
    reranker.close()


@pytest.mark.parametrize("query", [golden.QUERY, golden.LONG_QUERY * 2], ids=["query", "long query"])
def test_compute_score_of_jina_v2_cuts_the_longer_first(flash: tuple[Path, Path], query: str) -> None:
    limits = Limits(truncation="reference", max_tokens=96)
    reference = cross_encoder(flash[0])
    reference.max_seq_length = 96
    largest(ours(built(flash[1]), query, golden.DOCUMENTS, limits), theirs(reference, query, golden.DOCUMENTS))


if JINA:  # as soon as goldens/make_jina.py was run beside the authors' files, which this repository has not

    @pytest.mark.parametrize("case", JINA["cases"], ids=lambda case: str(len(case["query"])))
    def test_scores_are_those_of_jina_v2s_own_code(
        flash: tuple[Path, Path], parity: Parity, case: dict[str, Any]
    ) -> None:
        assert golden.digest(flash[0]) == JINA["checkpoint"]
        model = built(flash[1])
        pairs = ours(model, case["query"], golden.DOCUMENTS, Limits(truncation="reference", max_tokens=96))
        chunked = Limits("chunk", 96, 20, truncation="reference", max_query_tokens=32)
        lists = ours(model, case["query"], golden.DOCUMENTS, chunked)
        wanted = np.array([case["compute_score"], case["rerank"]])
        difference = largest(1 / (1 + np.exp(-np.stack([pairs, lists]))), wanted)
        parity.record(JINA_V2, JINA["reference"], JINA["version"], difference)


def test_a_query_that_was_cut_is_told_and_one_that_fits_is_not(flash: tuple[Path, Path]) -> None:
    limits = Limits("chunk", 96, 20, truncation="reference", max_query_tokens=32)
    model = built(flash[1])
    (long,) = model.read(golden.LONG_QUERY, None, limits)(["a"])
    (short,) = model.read(golden.QUERY, None, limits)(golden.DOCUMENTS[-1:])
    assert long.truncated
    assert not short.truncated
    assert len(short.pieces) > 2


# FlagEmbedding's way to cut


FLAG = json.loads((GOLDENS / "flag_encoder.json").read_text(encoding="utf-8"))


def test_the_goldens_are_of_the_checkpoint_that_is_written_here(flash: tuple[Path, Path]) -> None:
    assert golden.digest(flash[0]) == FLAG["checkpoint"]


@pytest.mark.parametrize("case", FLAG["cases"], ids=lambda case: f"{len(case['query'])}-{case['max_length']}")
def test_query_then_passage_cuts_as_flag_embedding(
    flash: tuple[Path, Path], parity: Parity, case: dict[str, Any]
) -> None:
    own = case.get("query_max_length")  # which counts no special tokens, and ours two
    limits = Limits(
        max_tokens=case["max_length"], truncation="reference", max_query_tokens=None if own is None else own + 2
    )
    model = built(flash[0], reference="query-then-passage")
    difference = largest(ours(model, case["query"], golden.DOCUMENTS, limits), np.array(case["logits"]))
    parity.record("bge (XLM-RoBERTa)", "FlagEmbedding FlagReranker", FLAG["version"], difference)


def test_the_other_rule_would_give_other_logits(flash: tuple[Path, Path]) -> None:
    case = FLAG["cases"][2]
    limits = Limits(max_tokens=case["max_length"], truncation="reference")
    found = ours(built(flash[0]), case["query"], golden.DOCUMENTS, limits)
    assert np.abs(found - np.array(case["logits"])).max() > 0.01


# GTE in its original layout


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new")
    return layouts.write_new(folder / "new", checkpoints.write_checkpoint(folder / "native", "gte"))


def test_the_original_gte_is_read_with_its_own_rotary_positions(new: Path, parity: Parity) -> None:
    model = built(new)
    wanted = [gte(new, pair_ids(new, QUERY, document)) for document in DOCUMENTS]
    difference = largest(ours(model, QUERY, DOCUMENTS, CUT), np.array(wanted, dtype=np.float32))
    parity.record("gte-multilingual (original layout)", SPECIFICATION, "2026-11", difference)


def test_without_its_scaling_the_original_gte_would_score_otherwise(new: Path, tmp_path: Path) -> None:
    config = json.loads((new / "config.json").read_text(encoding="utf-8"))
    other = shutil.copytree(new, tmp_path / "other")
    (other / "config.json").write_text(json.dumps({**config, "rope_scaling": None}), encoding="utf-8")
    there, here = ours(built(other), QUERY, DOCUMENTS, CUT), ours(built(new), QUERY, DOCUMENTS, CUT)
    assert np.abs(there - here).max() > 0.01


# jina-reranker-v1


@pytest.fixture(scope="module", params=[4, 2], ids=["4 heads", "2 heads"])
def jina(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jina")
    native = checkpoints.write_checkpoint(folder / "native", "bert")
    return layouts.write_jina_bert(folder / "jina", native, heads=request.param)


def test_jina_bert_computes_what_is_published_of_it(jina: Path, parity: Parity) -> None:
    model = built(jina)
    wanted = [jina_bert(jina, *pair_ids_and_types(jina, QUERY, document)) for document in DOCUMENTS]
    difference = largest(ours(model, QUERY, DOCUMENTS, CUT), np.array(wanted, dtype=np.float32))
    parity.record("jina-reranker-v1 (JinaBERT)", SPECIFICATION, "2026-11", difference)


def test_jina_bert_in_bf16_stays_near(jina: Path) -> None:
    found = Checkpoint(jina.name, jina, jina / "model.safetensors", "bf16", "a test")
    model, exact = PairModel(found, TorchBackend(device="cpu", precision="bf16")), built(jina)
    near, wanted = (ours(each, QUERY, DOCUMENTS, CUT) for each in (model, exact))
    assert 0 < np.abs(near - wanted).max() < 0.05 * max(1.0, float(np.abs(wanted).max()))


# Chains of modules (Ettin)


@pytest.fixture(scope="module", params=["cls", "mean"])
def ettin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ModernBERT without a head, behind it the modules of an Ettin reranker, as sentence-transformers saves them."""
    folder = tmp_path_factory.mktemp("ettin")
    native = checkpoints.write_checkpoint(folder / "native", "modernbert")
    return write_chain(folder / "ettin", native, request.param)


CHAIN = Chain(
    (Step("Pooling", "1_Pooling"), Step("Dense", "2_Dense"), Step("LayerNorm", "3_LayerNorm"), Step("Dense", "4_Dense"))
)


def test_a_chain_of_modules_is_cross_encoders(ettin: Path, parity: Parity) -> None:
    model, reference = built(ettin, Network(head=CHAIN)), cross_encoder(ettin)
    assert model.declared.activation == "identity"
    plain = largest(ours(model, QUERY, DOCUMENTS, CUT), theirs(reference, QUERY, DOCUMENTS))
    cut = largest(ours(model, QUERY, LONG, CUT), theirs(reference, QUERY, LONG))
    parity.record("ettin (ModernBERT and modules)", "sentence-transformers", version(), max(plain, cut))


def test_a_chain_with_the_older_flags_of_pooling_is_the_same(ettin: Path, tmp_path: Path) -> None:
    older = shutil.copytree(ettin, tmp_path / "older")
    path = older / "1_Pooling" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    mode = config.pop("pooling_mode")
    flags = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens"}
    config |= {flag: name == mode for name, flag in flags.items()}
    path.write_text(json.dumps(config), encoding="utf-8")
    there = ours(built(older, Network(head=CHAIN)), QUERY, DOCUMENTS, CUT)
    largest(there, ours(built(ettin, Network(head=CHAIN)), QUERY, DOCUMENTS, CUT))


def write_chain(folder: Path, native: Path, pooling: str) -> Path:
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling
    from torch import nn

    transformer = Transformer(str(native), transformer_task="feature-extraction")
    size = 32
    head = Dense(size, size, bias=False, activation_function=nn.GELU())
    out = Dense(size, 1, activation_function=nn.Identity(), module_output_name="scores")
    modules = [transformer, Pooling(size, pooling), head, LayerNorm(size), out]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in modules[2:]:
            for parameter in module.parameters():
                parameter.normal_(0.0, 0.25, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        untyped: Any = sentence_transformers.CrossEncoder
        untyped(modules=modules, activation_fn=nn.Identity(), device="cpu").save_pretrained(str(folder))
    return folder


# Real vocabularies


REAL = {"bert-uncased": "bert", "xlm-r": "xlm-roberta", "modernbert": "modernbert"}


@pytest.mark.parametrize("vocabulary", REAL)
def test_logits_with_a_real_vocabulary_are_cross_encoders(
    vocabulary: str, shared: Path, tmp_path: Path, parity: Parity
) -> None:
    folder = write_real(tmp_path, shared / "tokenizers" / vocabulary, REAL[vocabulary])
    texts = (*DOCUMENTS, "Zürich liegt am See; 東京は都市です。", *(text * 6 for text in checkpoints.SENTENCES[:2]))
    model, reference = built(folder), cross_encoder(folder)
    difference = largest(ours(model, QUERY, texts, CUT), theirs(reference, QUERY, texts))
    parity.record(
        REAL[vocabulary], "sentence-transformers", version(), difference, checkpoint=f"tiny, tokenizer {vocabulary}"
    )


def write_real(folder: Path, source: Path, family: str) -> Path:
    """A tiny model with all rows of a real vocabulary, saved and loaded again by its library."""
    from tokenizers import Tokenizer
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    packed = source / "tokenizer.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.is_file() else (source / "tokenizer.json").read_bytes()
    tokenizer = Tokenizer.from_str(text.decode())
    made = checkpoints.FAMILIES[family]
    ids = {f"{name}_id": tokenizer.token_to_id(token) for name, token in made.specials.items()}
    sizes = {"vocab_size": tokenizer.get_vocab_size(), "num_labels": 1, "num_hidden_layers": 2}
    sizes |= {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
    settings: Any = {**made.config, **ids, **sizes, "max_position_embeddings": 66}
    automatic: Any = AutoModelForSequenceClassification
    model = automatic.from_config(AutoConfig.for_model(family, **settings))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.25, generator=generator)
    model.save_pretrained(folder)
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if made.type_ids else [])]
    untyped: Any = PreTrainedTokenizerFast
    untyped(tokenizer_object=tokenizer, model_max_length=64, model_input_names=names, **made.specials).save_pretrained(
        folder
    )
    return folder


def version() -> str:
    return str(sentence_transformers.__version__)


def test_jina_colberts_body_is_the_one_that_transformers_has_for_its_kind(tmp_path: Path, parity: Parity) -> None:
    native = layouts.write_rotary_colbert(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    made = load_body(tmp_path / "model.safetensors", body(config), torch.float32).eval()
    ids = torch.randint(5, 60, (2, 40), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted, found = (each(input_ids=ids).last_hidden_state for each in (native, made))
    assert wanted.std() > 0.1
    difference = float((found - wanted).abs().max())
    assert difference <= 1e-5
    parity.record("jina-colbert-v2", SPECIFICATION, "2026-11", difference, checkpoint="tiny, states of the body")
