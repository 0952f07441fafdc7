from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed")

from secondpass.backends.network import Layers, Projection
from secondpass.errors import InputError, ModelLoadError, UntrainedHead, UnverifiedWarning
from secondpass.models import seq2seq
from secondpass.models.load import load_scorer
from secondpass.models.plan import Plan, plan
from secondpass.models.prompt_recipe import answer_rows, find_recipe
from secondpass.models.prompt_tokens import PromptEncoder
from secondpass.text.encode import Limits, TextEncoder
from tests.seq2seq import pieces, real_t5, write_rank_t5, write_t5

T5 = {"model_type": "t5", "d_model": 64, "decoder_start_token_id": 0}
CONFIG = {**T5, "architectures": ["T5ForConditionalGeneration"]}
QUERY = "who wrote the book?"


def made(folder: Path, config: dict[str, Any], name: str = "./here", **options: Any) -> Plan:
    pieces().save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return plan(folder, name, **options)


@pytest.mark.parametrize(
    ("config", "divisor"),
    [
        (T5, 8.0),
        ({**T5, "tie_word_embeddings": True}, 8.0),
        ({**T5, "tie_word_embeddings": False}, 1.0),
        ({**T5, "tie_word_embeddings": True, "scale_decoder_outputs": False}, 1.0),
        ({**T5, "model_type": "mt5", "tie_word_embeddings": False}, 1.0),
        ({**T5, "model_type": "mt5", "tie_word_embeddings": True}, 1.0),
    ],
)
def test_only_the_first_t5_scales_its_states_down(config: dict[str, Any], divisor: float) -> None:
    head = seq2seq.network(config, (5, 7)).head
    assert isinstance(head, Projection)
    assert (head.rows, head.divisor) == ((5, 7), divisor)


def test_the_decoder_begins_with_what_config_json_says() -> None:
    assert seq2seq.network({**T5, "decoder_start_token_id": 3}, (5,)).body.start == 3
    assert seq2seq.network({"model_type": "t5", "d_model": 4, "pad_token_id": 2}, (5,)).body.start == 2
    with pytest.raises(ModelLoadError, match="decoder_start_token_id"):
        seq2seq.network({"model_type": "t5", "d_model": 4}, (5,))


def test_without_rows_it_is_the_encoder_with_a_head() -> None:
    found = seq2seq.network(T5, ())
    assert (found.body.part, found.body.start) == ("encoder", None)
    assert isinstance(found.head, Layers)
    assert found.head.pool == "first"


@pytest.mark.parametrize(
    ("name", "driver", "recipe"),
    [
        ("castorini/monot5-base-msmarco", "prompt", "monot5"),
        ("castorini/duot5-base-msmarco", "duo", "duot5"),
        ("unicamp-dl/mt5-base-mmarco-v2", "prompt", "mt5"),
    ],
)
def test_the_catalogue_says_what_is_asked(tmp_path: Path, name: str, driver: str, recipe: str) -> None:
    found = made(tmp_path, CONFIG, name)
    assert (found.driver, found.recipe) == (driver, find_recipe(recipe))
    assert found.unverified == ""


def test_a_t5_of_which_nothing_says_how_it_is_asked_needs_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"T5ForConditionalGeneration.*Pass recipe=.*monot5"):
        made(tmp_path, CONFIG)


def test_layers_cannot_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cutoff_layers=3"):
        made(tmp_path, CONFIG, recipe="monot5", cutoff=3)


def test_an_adapter_is_to_be_merged_first(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="merge_and_unload"):
        made(tmp_path, CONFIG, recipe="monot5", adapter=tmp_path)


def test_answers_and_prompt_have_the_ids_of_the_real_tokenizer(shared: Path) -> None:
    recipe, encoder = find_recipe("monot5"), TextEncoder(real_t5(shared))
    assert answer_rows(recipe, encoder) == (1176, 6136)
    assert answer_rows(find_recipe("rankt5"), encoder) == (32089,)
    prompt = PromptEncoder(recipe, encoder)
    (parts,) = prompt.parts(prompt.ask("who?"), ["the  bear\n is"])
    whole = real_t5(shared).encode("Query: who? Document: the  bear\n is Relevant:").ids
    assert [*parts.head, *parts.document, *parts.tail] == whole
    assert list(parts.document) == [8, 4595, 19]
    assert list(parts.tail) == [31484, 17, 10, 1]


def test_only_the_document_is_cut_and_the_prompts_end_stays(tmp_path: Path) -> None:
    with load_closing(write_t5(tmp_path)) as model:
        (reading,) = model.read(QUERY, None, Limits(max_tokens=24))(["the river runs to the sea " * 20])
        assert reading.truncated
        ids = reading.pieces[0].inputs.own
        ends = TextEncoder(pieces()).ids([f"Query: {QUERY} Document: the", "Relevant:"])
        assert len(ids) == 24
        assert list(ids[: len(ends[0])]) == ends[0]
        assert list(ids[-len(ends[1]) - 1 :]) == [*ends[1], 1]


def test_the_name_of_a_special_token_in_a_document_is_text(tmp_path: Path) -> None:
    with load_closing(write_t5(tmp_path)) as model:
        (reading,) = model.read(QUERY, None, Limits())(["a </s> b"])
        assert list(reading.pieces[0].inputs.own).count(1) == 1


def test_a_head_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_rank_t5(tmp_path)
    held = {name: each for name, each in load_file(folder / "model.safetensors").items() if "linear" not in name}
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.warns(UnverifiedWarning), pytest.raises(UntrainedHead, match=r"linear\.weight"):
        load_scorer(folder, recipe="rankt5-encoder", precision="fp32", device="cpu")


def load_closing(folder: Path) -> Any:
    from contextlib import closing

    return closing(load_scorer(folder, recipe="monot5", precision="fp32", device="cpu"))
