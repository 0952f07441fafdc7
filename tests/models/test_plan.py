from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secondpass.backends.network import Chain, Classifier, Network, Projection, Step
from secondpass.errors import InputError, ModelLoadError, SecondpassError, UntrainedHead
from secondpass.models.plan import Plan, plan
from secondpass.models.prompt_recipe import read_recipes
from tests import checkpoints
from tests.decoders import mistral, qwen

BERT = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
QWEN = {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "tie_word_embeddings": True}
QWEN_CLASSIFIER = {**QWEN, "architectures": ["Qwen3ForSequenceClassification"]}
TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
MESSAGE = {"modality_config": {"text": {}, "message": {"format": "flat"}}}


def write(folder: Path, config: dict[str, Any], tokenizer: Any = None, **files: Any) -> Path:
    """A checkpoint's JSON files; `files` by name, with "__" for "/" and without the suffix."""
    folder.mkdir(parents=True, exist_ok=True)
    (tokenizer or checkpoints.word_piece()).save(str(folder / "tokenizer.json"))
    for name, content in {"config": config, **files}.items():
        path = folder / f"{name.replace('__', '/')}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def modules(*kinds: str) -> list[dict[str, str]]:
    return [
        {"type": f"sentence_transformers.models.{kind}", "path": f"{place}_{kind}" if place else ""}
        for place, kind in enumerate(kinds)
    ]


def made(folder: Path, name: str = "./here", **options: Any) -> Plan:
    return plan(folder, name, **options)


def test_an_encoders_classifier_is_a_pair(tmp_path: Path) -> None:
    found = made(write(tmp_path, BERT))
    assert (found.driver, found.network, found.recipe) == ("pair", Network(), None)
    assert "BertForSequenceClassification" in found.reason
    assert found.unverified == ""


def test_the_catalogue_says_how_the_authors_cut(tmp_path: Path) -> None:
    folder = write(tmp_path, {"architectures": ["XLMRobertaForSequenceClassification"], "model_type": "xlm-roberta"})
    assert made(folder).reference == "longest-first"
    assert made(folder, "BAAI/bge-reranker-v2-m3").reference == "query-then-passage"
    assert made(folder, "BAAI/bge-reranker-v2-m3", graph_suffix=".onnx").reference == "query-then-passage"


def test_what_sentence_transformers_saved_of_an_encoder_is_a_pair(tmp_path: Path) -> None:
    found = made(write(tmp_path, BERT, modules=modules("Transformer")))
    assert (found.driver, found.network) == ("pair", Network())
    assert "modules.json has Transformer" in found.reason


def test_a_chain_is_the_head_of_a_pair(tmp_path: Path) -> None:
    kinds = ("Transformer", "Pooling", "Dense", "LayerNorm", "Dense")
    dense = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
    config = {"architectures": ["ModernBertModel"], "model_type": "modernbert"}
    folder = write(tmp_path, config, modules=modules(*kinds), **{"2_Dense__config": dense})
    write(tmp_path, config, modules=modules(*kinds), **{"4_Dense__config": {"module_output_name": "scores"}})
    steps = tuple(Step(kind, f"{place}_{kind}") for place, kind in enumerate(kinds) if place)  # type: ignore[arg-type]
    assert made(folder).network.head == Chain(steps)
    odd = {**dense, "module_input_name": "token_embeddings"}
    write(tmp_path, config, modules=modules(*kinds), **{"2_Dense__config": odd})
    with pytest.raises(ModelLoadError, match="reads 'token_embeddings'"):
        made(folder)


def chat(folder: Path, config: dict[str, Any] | None = None, **files: Any) -> Path:
    score = {"true_token_id": 7, "false_token_id": 5}
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return write(
        folder,
        config or QWEN,
        qwen(),
        **{
            "modules": modules("Transformer", "LogitScore"),
            "sentence_bert_config": MESSAGE,
            "1_LogitScore__config": score,
            **files,
        },
    )


def test_a_logit_score_with_a_chat_template_is_a_prompt(tmp_path: Path) -> None:
    found = made(chat(tmp_path))
    assert found.driver == "prompt"
    assert found.recipe is not None
    assert found.recipe.plain == ("<query>{query}<document>{document}",)
    assert found.recipe.instructed == ("<system>{instruction}<query>{query}<document>{document}",)
    assert (found.recipe.true, found.recipe.false, found.recipe.activation) == (7, 5, "sigmoid")
    assert isinstance(found.network.head, Projection)
    assert found.network.head.rows == (7, 5)


def test_a_logit_score_of_one_token_is_its_logit(tmp_path: Path) -> None:
    score = {"true_token_id": 0, "false_token_id": None}
    found = made(chat(tmp_path, **{"1_LogitScore__config": score}))
    assert isinstance(found.network.head, Projection)
    assert found.network.head.rows == (0,)


def test_a_logit_score_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="true_token_id"):
        made(chat(tmp_path, **{"1_LogitScore__config": {}}))


def test_a_decoders_classifier_with_a_chat_template_is_a_prompt_too(tmp_path: Path) -> None:
    found = made(chat(tmp_path, QWEN_CLASSIFIER, modules=modules("Transformer")))
    assert (found.driver, found.network.head) == ("prompt", Projection(("score.weight",)))


def test_the_recipes_name_follows_the_template(tmp_path: Path) -> None:
    one, other = chat(tmp_path / "one"), chat(tmp_path / "other")
    (other / "chat_template.jinja").write_text(f"{TEMPLATE}!", encoding="utf-8")
    first, second = made(one).recipe, made(other).recipe
    assert first is not None
    assert second is not None
    assert first.name != second.name


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()


def test_metadata_goes_before_the_catalogue_and_an_asked_recipe_before_both(tmp_path: Path) -> None:
    folder = chat(tmp_path)
    listed = made(folder, "Qwen/Qwen3-Reranker-0.6B")
    assert listed.recipe is not None
    assert listed.recipe.name.startswith("chat-")
    asked = made(folder, "Qwen/Qwen3-Reranker-0.6B", recipe="zerank")
    assert asked.recipe == read_recipes()["zerank"]
    assert isinstance(asked.network.head, Projection)
    assert asked.network.head.rows == (qwen().token_to_id("Yes"),)


def test_without_metadata_the_catalogue_has_the_recipe(tmp_path: Path) -> None:
    found = made(write(tmp_path, QWEN, qwen()), "Qwen/Qwen3-Reranker-0.6B")
    assert found.recipe == read_recipes()["qwen3-reranker"]
    assert "the catalogue" in found.reason


def test_a_logit_score_without_a_template_is_refused_unless_the_catalogue_knows_it(tmp_path: Path) -> None:
    folder = chat(tmp_path, sentence_bert_config={"modality_config": {"text": {}}})
    with pytest.raises(ModelLoadError, match=r"no settings for a chat template.*recipe="):
        made(folder)
    listed = made(folder, "Qwen/Qwen3-Reranker-0.6B").recipe
    assert listed == read_recipes()["qwen3-reranker"]


def test_a_missing_template_is_refused(tmp_path: Path) -> None:
    folder = chat(tmp_path)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelLoadError, match="no chat template"):
        made(folder)


@pytest.mark.parametrize("config", [QWEN, QWEN_CLASSIFIER, {**QWEN, "architectures": None}])
def test_a_decoder_of_which_nothing_says_how_it_is_asked_is_refused_with_the_recipes(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    with pytest.raises(ModelLoadError, match=r"reads a prompt.*recipe= .*qwen3-reranker.*zerank"):
        made(write(tmp_path, config, qwen()))


def test_a_decoder_whose_tokenizer_joins_pairs_is_read_so_and_called_unverified(tmp_path: Path) -> None:
    config = {"architectures": ["LlamaForSequenceClassification"], "model_type": "llama"}
    found = made(write(tmp_path, config, mistral()))
    assert (found.driver, found.network.head) == ("pair", Projection(("score.weight",)))
    assert "decoder" in found.unverified
    saved = made(write(tmp_path, config, mistral(), modules=modules("Transformer")))
    assert (saved.driver, saved.unverified) == ("pair", "")


@pytest.mark.parametrize("architecture", ["BertModel", "BertForMaskedLM", "XLMRobertaForTokenClassification"])
def test_an_architecture_without_a_head_is_refused_by_name(tmp_path: Path, architecture: str) -> None:
    config = {**BERT, "architectures": [architecture]}
    for suffix in (".onnx", ".safetensors"):
        with pytest.raises(UntrainedHead, match=f"{architecture}.*ForSequenceClassification"):
            made(write(tmp_path, config), graph_suffix=suffix)
    with pytest.raises(UntrainedHead, match=architecture):
        made(write(tmp_path, config, modules=modules("Transformer")))


@pytest.mark.parametrize(
    "kinds", [("Pooling",), ("Pooling", "Normalize"), ("Pooling", "Dense"), ("Pooling", "LayerNorm")]
)
def test_an_embedding_model_is_refused(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    config = {**BERT, "architectures": ["BertModel"]}
    dense = {"module_output_name": "sentence_embedding"}
    folder = write(tmp_path, config, modules=modules("Transformer", *kinds), **{"2_Dense__config": dense})
    with pytest.raises(UntrainedHead, match=r"makes vectors of texts.*cross-encoder.*recipe='cosine'.*'maxsim'"):
        made(folder)


def test_what_says_that_it_is_no_cross_encoder_is_refused(tmp_path: Path) -> None:
    published = {"model_type": "SentenceTransformer"}
    with pytest.raises(UntrainedHead, match="vectors"):
        made(write(tmp_path, BERT, modules=modules("Transformer"), config_sentence_transformers=published))


def test_a_family_without_a_driver_is_named(tmp_path: Path) -> None:
    config = {"architectures": ["BartForConditionalGeneration"], "model_type": "bart"}
    with pytest.raises(ModelLoadError, match=r"BartForConditionalGeneration.*no driver"):
        made(write(tmp_path, config))


@pytest.mark.parametrize(
    "files",
    [
        {"modules": [{"type": "modeling.MyTransformer", "path": ""}]},
        {"modules": [*modules("Transformer"), {"type": "code.MyHead", "path": "1_MyHead"}]},
    ],
)
def test_modules_of_a_checkpoints_own_are_refused_and_no_argument_allows_them(
    tmp_path: Path, files: dict[str, Any]
) -> None:
    with pytest.raises(ModelLoadError, match="never run, and there is no trust_remote_code"):
        made(write(tmp_path, BERT, **files))


def test_an_architecture_that_only_its_own_code_builds_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    config = {"architectures": ["MyForCausalLM"], "model_type": "mine", "auto_map": {"AutoModel": "modeling.My"}}
    with pytest.raises(ModelLoadError, match=r"'mine'.*never run, and there is no trust_remote_code"):
        made(write(tmp_path, config, qwen()), recipe="qwen3-reranker")
    encoder = {**BERT, "model_type": "mine", "auto_map": {"AutoConfig": "configuration.MyConfig"}}
    with pytest.raises(ModelLoadError, match=r"MyConfig.*not run"):
        made(write(tmp_path, encoder))


def test_an_onnx_file_is_asked_itself_where_no_file_names_an_architecture(tmp_path: Path) -> None:
    folder = write(tmp_path, {"model_type": "bert"})
    assert made(folder, graph_suffix=".onnx").network == Network()
    with pytest.raises(UntrainedHead, match="without an architecture"):
        made(folder)


def test_an_adapter_is_read_by_its_task_and_its_recipe(tmp_path: Path) -> None:
    base = write(tmp_path / "base", {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, mistral())
    adapter = write(tmp_path / "adapter", {}, mistral(), adapter_config={"task_type": "SEQ_CLS"})
    found = made(base, recipe="rankllama", adapter=adapter)
    assert found.driver == "prompt"
    assert found.network == Network(head=Projection(("score.weight",)), adapter=adapter)
    assert made(base, adapter=adapter).driver == "pair"  # as its tokenizer joins them
    bert = write(tmp_path / "bert", {**BERT, "architectures": ["BertModel"]})
    assert made(bert, adapter=adapter).network == Network(head=Classifier(), adapter=adapter)


def test_a_recipe_that_there_is_not_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'mine'.*qwen3-reranker"):
        made(write(tmp_path, QWEN, qwen()), recipe="mine")


def test_a_cutoff_is_refused_where_there_is_one_head(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="28"):
        made(write(tmp_path, BERT), cutoff=28)
    with pytest.raises(InputError, match="28"):
        made(write(tmp_path, QWEN, qwen()), recipe="qwen3-reranker", cutoff=28)


@pytest.mark.parametrize("content", ["{", "{}", "[]", '[{"type": 3}]'])
def test_a_modules_file_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path, BERT)
    (folder / "modules.json").write_text(content, encoding="utf-8")
    with pytest.raises(SecondpassError, match=r"modules\.json"):
        made(folder)
