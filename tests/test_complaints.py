"""What users complain of in other rerankers' scores, and the tests that show that we do not make the error.

`COMPLAINTS` names public threads, what went wrong there, and what happens here. Each row's tests are below, or
elsewhere; all go through `secondpass.load`, or say what they hold it against.
"""

from __future__ import annotations

import ast
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import secondpass
from tests.apart import write_pylate
from tests.checkpoints import write_checkpoint
from tests.decoders import write_decoder

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

import torch

HERE = "tests/test_complaints.py"
QUERY = "who wrote the book?"
DOCUMENTS = ("a river", "the panda is a bear and the bear wrote a book. " * 3, "the sea?", "")
INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"
PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
EXACT: dict[str, Any] = {"precision": "fp32", "device": "cpu"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """`threads`: repository and number. `wrong`: what users met. `here`: what happens here. `tests`: "file::test"."""

    threads: tuple[str, ...]
    wrong: str
    here: str
    tests: tuple[str, ...]


COMPLAINTS = (
    Complaint(
        ("vllm-project/vllm#21681", "vllm-project/vllm#20478", "vllm-project/vllm#30550"),
        "Qwen3-Reranker's order is not that of its authors' code: asked with another prompt, or with none",
        "its prompt is a recipe, letter by letter, and its logits are those of the model card's code",
        (
            f"{HERE}::test_qwen3_is_asked_as_its_card_asks",
            "tests/parity/test_decoder.py::test_qwen3_is_what_its_card_computes",
            "tests/models/test_prompt_tokens.py::test_a_whole_prompt_has_these_ids",
        ),
    ),
    Complaint(
        ("vllm-project/vllm#19260",),
        "without its template a decoder's results are nearly random, and nothing is said",
        "a decoder whose files and name tell no prompt is refused, with the recipes that there are",
        (
            f"{HERE}::test_a_decoder_without_a_prompt_is_refused",
            "tests/models/test_plan.py::test_a_missing_template_is_refused",
        ),
    ),
    Complaint(
        ("vllm-project/vllm#20794",),
        "London above Paris for the capital of France",
        "Paris is first; that needs real weights, so the test fetches them",
        ("tests/hub/test_published.py::test_paris_is_above_london_for_the_capital_of_france",),
    ),
    Complaint(
        (
            "vllm-project/vllm#11568",
            "xorbitsai/inference#3104",
            "xorbitsai/inference#4571",
            "ggml-org/llama.cpp#14533",
            "ggml-org/llama.cpp#16407",
        ),
        "one model and one input, and another score than with transformers or sentence-transformers",
        "every family is held against the code of its authors, and the engines against each other",
        (
            f"{HERE}::test_every_engine_gives_the_scores_of_transformers",
            "tests/parity/test_cross_encoder.py::test_logits_are_those_of_cross_encoder",
            "tests/parity/test_encoders.py::test_query_then_passage_cuts_as_flag_embedding",
            "tests/hub/test_published.py::test_the_numbers_are_those_that_are_published",
        ),
    ),
    Complaint(
        ("QwenLM/Qwen3-Embedding#146",),
        "two ways to compute one model order documents differently",
        "the language model's two rows and the classifier made of them give the same logits",
        (
            f"{HERE}::test_a_language_model_and_the_classifier_made_of_it_agree",
            "tests/parity/test_decoder.py::test_a_classifiers_head_reads_the_same_prompt",
        ),
    ),
    Complaint(
        ("QwenLM/Qwen3-Embedding#96", "QwenLM/Qwen3-Embedding#64", "rohitg00/agentmemory#724"),
        "a softmax over one logit, or over the wrong ones: all scores are 1.0",
        "one label gets a sigmoid, two give the second's probability; scores differ as logits do",
        (
            f"{HERE}::test_one_label_is_never_put_through_a_softmax",
            f"{HERE}::test_of_two_labels_the_second_is_relevant",
            "tests/models/test_load.py::test_scores_are_never_a_softmax_over_one_logit",
        ),
    ),
    Complaint(
        ("ggml-org/llama.cpp#25447",),
        "the file has no classifier's head; scores are 1e-20, and nothing is said",
        "a head whose weights are not in the files is an UntrainedHead, before anything is scored",
        (
            f"{HERE}::test_a_head_whose_weights_are_missing_is_refused",
            "tests/models/test_load.py::test_an_untrained_head_is_refused",
        ),
    ),
    Complaint(
        ("withcatai/node-llama-cpp#550",),
        "NaN or null instead of scores",
        "a logit that is no number is a ModelError that names the document",
        (
            f"{HERE}::test_no_score_is_nan_and_a_nan_is_an_error",
            "tests/ranking/test_outcome.py::test_rank_names_the_document",
        ),
    ),
    Complaint(
        ("xorbitsai/inference#4747",),
        "a template that lowers the quality cannot be switched",
        "recipe= goes before what the files and the catalogue say",
        (
            f"{HERE}::test_the_prompt_is_a_switch",
            "tests/models/test_plan.py::test_metadata_goes_before_the_catalogue_and_an_asked_recipe_before_both",
        ),
    ),
    Complaint(
        ("huggingface/text-embeddings-inference#615",),
        "a ModernBERT is pooled at its first token where its configuration says mean",
        "the pooling is the one that config.json names",
        (f"{HERE}::test_modernbert_is_pooled_as_its_configuration_says",),
    ),
    Complaint(
        ("AnswerDotAI/rerankers#75",),
        "late interaction sums over the padding of a query too, and scores are inflated",
        "a query's own tokens are compared, and those that its authors fill it up with, whatever is beside it",
        (
            f"{HERE}::test_a_querys_padding_is_not_compared",
            "tests/parity/test_late.py::test_logits_are_those_of_sentence_transformers",
        ),
    ),
    Complaint(
        ("mem0ai/mem0#4033",),
        "a cross-encoder loaded as an embedding model: every score is 0.0",
        "what a checkpoint is, its own files say; there is no class to choose wrongly",
        (f"{HERE}::test_a_cross_encoder_needs_no_class_to_be_chosen",),
    ),
    Complaint(
        ("michaelfeil/infinity#106", "netease-youdao/BCEmbedding#106"),
        "an embedding model loaded as a reranker: refused at the first request, or given a new random head each run",
        "refused when it is loaded, by name",
        (
            f"{HERE}::test_an_embedding_model_is_refused_on_load",
            "tests/models/test_plan.py::test_an_embedding_model_is_refused",
            "tests/models/test_load.py::test_an_embedding_checkpoint_is_refused_by_every_backend",
        ),
    ),
    Complaint(
        ("modelscope/ms-swift#4795",),
        "a model is trained with a prompt that ends otherwise than the one that it is asked with",
        "there is one copy of each prompt, and a template that loses its last newline is known to give other ids",
        (
            "tests/models/test_prompt_recipe.py::test_prompts_end_as_their_authors_end_them",
            "tests/models/test_prompt_tokens.py::test_a_template_that_loses_its_last_newline_gives_other_ids",
            "tests/parity/test_chat.py::test_the_templates_last_newline_counts",
        ),
    ),
)
BEYOND = (
    Complaint(
        (),
        "a long document pushes the prompt's end out, where the score is read",
        "documents alone are cut; the last ids are the prompt's own",
        (
            f"{HERE}::test_the_prompts_end_survives_a_long_document",
            "tests/parity/test_chat.py::test_by_default_the_templates_end_is_still_there_behind_a_long_document",
        ),
    ),
    Complaint(
        (),
        "a sigmoid on what had one already",
        "Hit.score is one sigmoid of Hit.logit, whatever activation the authors name",
        (
            f"{HERE}::test_a_sigmoid_is_applied_once",
            "tests/models/test_load.py::test_the_scores_scale_is_the_one_that_the_files_name",
        ),
    ),
    Complaint(
        (),
        "a decoder's configuration names no padding token, and more than one row cannot be computed",
        "rows of unlike lengths get the scores that they have alone",
        (f"{HERE}::test_a_missing_padding_token_changes_no_score",),
    ),
)
"""Errors of the same kind that the threads above have in common."""


@pytest.mark.parametrize("complaint", [*COMPLAINTS, *BEYOND], ids=lambda each: each.wrong[:40])
def test_every_test_that_is_named_is_there(complaint: Complaint) -> None:
    root = Path(__file__).parents[1]
    assert complaint.tests
    for named in complaint.tests:
        file, _, test = named.partition("::")
        tree = ast.parse((root / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, named


def test_every_thread_is_answered_once() -> None:
    threads = Counter(thread for complaint in COMPLAINTS for thread in complaint.threads)
    assert set(threads.values()) == {1}


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_decoder(tmp_path_factory.mktemp("qwen"), "qwen3")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("bert"), "bert")


def logits(folder: Path, documents: Sequence[str] = DOCUMENTS, **options: Any) -> NDArray[np.float32]:
    """What `secondpass.load` gives for the documents, as it is."""
    with secondpass.load(folder, **EXACT, **options) as reranker:
        pairs = [(QUERY, document) for document in documents]
        found: NDArray[np.float32] = reranker.predict(pairs, activation_fn=lambda raw: raw)
    return found


def as_on_the_card(folder: Path, document: str, longest: int | None = None) -> float:
    """The log-odds of "yes" behind Qwen3's prompt in three pieces, of which the middle one is cut."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    body = f"<Instruct>: {INSTRUCTION}\n<Query>: {QUERY}\n<Document>: {document}"
    prefix, body, suffix = (tokenizer.encode(text, add_special_tokens=False) for text in (PREFIX, body, SUFFIX))
    room = None if longest is None else longest - len(prefix) - len(suffix)
    with torch.inference_mode():
        last = model.eval()(torch.tensor([prefix + body[:room] + suffix])).logits[0, -1]
    return float(last[tokenizer.convert_tokens_to_ids("yes")] - last[tokenizer.convert_tokens_to_ids("no")])


def test_qwen3_is_asked_as_its_card_asks(qwen: Path) -> None:
    found = logits(qwen, recipe="qwen3-reranker")
    wanted = [as_on_the_card(qwen, document) for document in DOCUMENTS]
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert np.argsort(-found).tolist() == np.argsort(-np.array(wanted)).tolist()


def test_a_decoder_without_a_prompt_is_refused(qwen: Path) -> None:
    with pytest.raises(secondpass.ModelLoadError, match=r"means nothing\. Pass recipe=.*qwen3-reranker"):
        secondpass.load(qwen)


def test_the_prompts_end_survives_a_long_document(qwen: Path) -> None:
    long = "the river and the sea " * 300
    found = logits(qwen, [long], recipe="qwen3-reranker", max_tokens=200)
    assert found[0] == pytest.approx(as_on_the_card(qwen, long, 200), abs=1e-4)


def test_the_prompt_is_a_switch(qwen: Path) -> None:
    one, other = (logits(qwen, recipe=name) for name in ("qwen3-reranker", "zerank"))
    assert np.abs(one - other).max() > 0.01


def test_a_language_model_and_the_classifier_made_of_it_agree(qwen: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(qwen)
    causal: Any = AutoModelForCausalLM.from_pretrained(qwen)
    makes: Any = AutoModelForSequenceClassification
    classifier = makes.from_config(type(causal.config).from_pretrained(qwen, num_labels=1))
    classifier.model.load_state_dict(causal.model.state_dict())
    yes, no = (causal.lm_head.weight[tokenizer.convert_tokens_to_ids(word)] for word in ("yes", "no"))
    with torch.no_grad():
        classifier.score.weight[0] = yes - no
    classifier.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    found = logits(tmp_path, recipe="qwen3-reranker-seq-cls")
    np.testing.assert_allclose(found, logits(qwen, recipe="qwen3-reranker"), atol=1e-4)


def test_a_missing_padding_token_changes_no_score(tmp_path: Path) -> None:
    folder = write_decoder(tmp_path, "qwen3", labels=1)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": None}), encoding="utf-8")
    together = logits(folder, recipe="qwen3-reranker-seq-cls")
    alone = [logits(folder, [document], recipe="qwen3-reranker-seq-cls")[0] for document in DOCUMENTS]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert np.ptp(together) > 0.01


@pytest.mark.parametrize("labels", [None, 1])
def test_one_label_is_never_put_through_a_softmax(tmp_path: Path, labels: int | None) -> None:
    folder = write_decoder(tmp_path, "qwen3", labels=labels)
    recipe = "qwen3-reranker" if labels is None else "qwen3-reranker-seq-cls"
    with secondpass.load(folder, recipe=recipe, **EXACT) as reranker:
        hits = reranker.rank(QUERY, DOCUMENTS)
        scores = reranker.predict([(QUERY, document) for document in DOCUMENTS])
    assert len({round(hit.score, 6) for hit in hits}) == len(DOCUMENTS)
    assert scores.max() < 1.0
    np.testing.assert_allclose([hit.score for hit in hits], 1 / (1 + np.exp([-hit.logit for hit in hits])), rtol=1e-5)


def test_of_two_labels_the_second_is_relevant(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path, "bert", labels=2)
    wanted = torch.softmax(torch.tensor(computed(folder)), dim=1)[:, 1]
    with secondpass.load(folder, precision="fp32") as reranker:
        found = reranker.predict([(QUERY, document) for document in DOCUMENTS])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "torch"])
def test_every_engine_gives_the_scores_of_transformers(bert: Path, backend: str) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino", reason="openvino is not installed")
    with secondpass.load(bert, backend=backend, precision="fp32") as reranker:
        found = reranker.predict([(QUERY, document) for document in DOCUMENTS], activation_fn=lambda raw: raw)
    np.testing.assert_allclose(found, computed(bert)[:, 0], atol=1e-4)


def computed(folder: Path) -> NDArray[np.float32]:
    """transformers' own logits of the pairs, one at a time, shape (documents, labels)."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    untyped: Any = AutoTokenizer
    tokenizer = untyped.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    pairs = [
        tokenizer([(QUERY, each)], truncation="longest_first", max_length=64, return_tensors="pt") for each in DOCUMENTS
    ]
    with torch.inference_mode():
        found: NDArray[np.float32] = torch.cat([model.eval()(**pair).logits for pair in pairs]).numpy()
    return found


@pytest.mark.parametrize("activation", ["Sigmoid", "Identity"])
def test_a_sigmoid_is_applied_once(bert: Path, tmp_path: Path, activation: str) -> None:
    folder = Path(shutil.copytree(bert, tmp_path / "published"))
    published = {"activation_fn": f"torch.nn.{activation}"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(published), encoding="utf-8")
    with secondpass.load(folder, precision="fp32") as reranker:
        ranking = reranker.rank(QUERY, DOCUMENTS)
        scores = reranker.predict([(QUERY, document) for document in DOCUMENTS])
    for hit in ranking:
        once = 1 / (1 + np.exp(-hit.logit))
        assert hit.score == pytest.approx(once, abs=1e-6)
        assert scores[hit.index] == pytest.approx(once if activation == "Sigmoid" else hit.logit, abs=1e-5)
        assert hit.logit == pytest.approx(computed(folder)[hit.index, 0], abs=1e-4)


def test_modernbert_is_pooled_as_its_configuration_says(tmp_path: Path) -> None:
    mean = write_checkpoint(tmp_path / "mean", "modernbert")
    first = Path(shutil.copytree(mean, tmp_path / "first"))
    config = json.loads((first / "config.json").read_text(encoding="utf-8"))
    assert config["classifier_pooling"] == "mean"
    (first / "config.json").write_text(json.dumps({**config, "classifier_pooling": "cls"}), encoding="utf-8")
    found = {folder.name: logits(folder, backend="torch") for folder in (mean, first)}
    assert np.abs(found["mean"] - found["first"]).max() > 0.01
    for folder in (mean, first):
        np.testing.assert_allclose(found[folder.name], computed(folder)[:, 0], atol=1e-4)


def test_a_querys_padding_is_not_compared(tmp_path: Path) -> None:
    folder = write_pylate(tmp_path / "late", "bert", do_query_expansion=False)
    queries = [QUERY, f"{QUERY} and the river " * 3]
    with secondpass.load(folder, **EXACT) as reranker:
        alone = [{hit.index: hit.logit for hit in reranker.rank(query, DOCUMENTS)} for query in queries]
        together = reranker.rank_many(queries, [DOCUMENTS, DOCUMENTS])
    for ranking, wanted in zip(together, alone, strict=True):
        for hit in ranking:
            assert hit.logit == pytest.approx(wanted[hit.index], abs=1e-4)
    assert max(alone[0].values()) != max(alone[1].values())


def test_a_cross_encoder_needs_no_class_to_be_chosen(bert: Path) -> None:
    found = logits(bert)
    assert np.abs(found).min() > 0
    assert np.ptp(found) > 0.01


@pytest.mark.parametrize("backend", ["auto", "torch"])
def test_an_embedding_model_is_refused_on_load(bert: Path, tmp_path: Path, backend: str) -> None:
    folder = Path(shutil.copytree(bert, tmp_path / "embedding"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["BertModel"]}), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(secondpass.UntrainedHead, match="embedding is a BertModel"):
            secondpass.load(folder, backend=backend)


@pytest.mark.parametrize("head", ["score.weight", "classifier.weight"])
def test_a_head_whose_weights_are_missing_is_refused(bert: Path, tmp_path: Path, head: str) -> None:
    from safetensors.torch import load_file, save_file

    decoder = head == "score.weight"
    folder = tmp_path / "headless"
    if decoder:
        write_decoder(folder, "qwen3", labels=1)
    else:
        shutil.copytree(bert, folder)
    weights = load_file(folder / "model.safetensors")
    del weights[head]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(secondpass.UntrainedHead, match=head.replace(".", r"\.")):
        secondpass.load(folder, backend="torch", recipe="qwen3-reranker-seq-cls" if decoder else None)


def test_no_score_is_nan_and_a_nan_is_an_error(bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(bert, tmp_path / "damaged"))
    assert np.isfinite(logits(folder, ["", "\x00", "a" * 5000, "🐼"])).all()
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"][:] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with secondpass.load(folder, backend="torch") as reranker, pytest.raises(secondpass.ModelError, match=r"NaN"):
        reranker.rank(QUERY, DOCUMENTS)
