from __future__ import annotations

import re
from pathlib import Path

import pytest

from secondpass.errors import InputError, ModelLoadError
from secondpass.models.prompt_recipe import PromptRecipe, answer_rows, find_recipe, read_recipes
from secondpass.text.encode import TextEncoder
from tests import decoders

FIELDS = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("recipe", read_recipes().values(), ids=list(read_recipes()))
def test_every_recipe_asks_about_one_query_and_one_document_or_two(recipe: PromptRecipe) -> None:
    prompts = [prompt for prompt in (recipe.plain, recipe.instructed) if prompt]
    assert prompts
    for prompt in prompts:
        wanted = (
            {"query", "document"}
            | ({"other"} if recipe.compares else set())
            | ({"instruction"} if prompt is recipe.instructed else set())
        )
        assert sorted(FIELDS.findall("".join(prompt))) == sorted(wanted)
    assert recipe.plain or recipe.instruction  # else a question without an instruction could not be asked
    assert not recipe.false or recipe.true


def test_the_fields_of_a_prompt_stand_in_the_same_segments_with_an_instruction() -> None:
    for recipe in read_recipes().values():
        if recipe.plain and recipe.instructed:
            plain, instructed = (
                [[field in text for text in prompt] for field in ("{query}", "{document}")]
                for prompt in (recipe.plain, recipe.instructed)
            )
            assert plain == instructed, recipe.name


def test_prompts_end_as_their_authors_end_them() -> None:
    ends = {
        "qwen3-reranker": "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "qwen3-reranker-seq-cls": "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
        "mxbai-v2-base": "Relevance:<|im_end|>\n<|im_start|>assistant\n",
        "mxbai-v2-large": "Relevance:<|im_end|>\n<|im_start|>assistant\n",
        "ctxl-v2": " ??",
        "ctxl-v2-6b": " ??",
        "zerank": "<|im_end|>\n<|im_start|>assistant\n",
        "bge-gemma": "either 'Yes' or 'No'.",
        "bge-minicpm-layerwise": "either 'Yes' or 'No'.",
        "bge-gemma2-lightweight": "an answer to query A.",
        "nemotron": " \n \n passage:{document}",
        "rankllama": "query:  {query} document:  {document}",
        "monot5": "Query: {query} Document: {document} Relevant:</s>",
        "mt5": "Query: {query} Document: {document} Relevant:</s>",
        "duot5": "Query: {query} Document0: {document} Document1: {other} Relevant:</s>",
        "rankt5": "Query: {query} Document: {document}</s>",
        "rankt5-encoder": "{query}</s>{document}</s>",
    }
    assert set(ends) == set(read_recipes())
    for name, end in ends.items():
        recipe = find_recipe(name)
        for prompt in (recipe.plain, recipe.instructed):
            assert not prompt or "".join(prompt).endswith(end)


def test_a_recipe_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no prompt recipe 'qwen'; choose one of .*qwen3-reranker.*zerank"):
        find_recipe("qwen")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("qwen3-reranker", (9693, 2152)),
        ("mxbai-v2-base", (16, 15)),
        ("mxbai-v2-large", (16, 15)),
        ("ctxl-v2", (0,)),
        ("zerank", (9454,)),
    ],
)
def test_answers_are_the_rows_of_their_tokens(shared: Path, name: str, rows: tuple[int, ...]) -> None:
    assert answer_rows(find_recipe(name), TextEncoder(decoders.real_qwen(shared))) == rows


def test_an_answer_of_several_tokens_is_another_models(tmp_path: Path) -> None:
    recipe = PromptRecipe("own", ("{query}{document}",), true="certainly", false="no")
    with pytest.raises(ModelLoadError, match=r"'certainly' is \d+ tokens"):
        answer_rows(recipe, TextEncoder(decoders.qwen()))


def test_a_classifier_compares_no_tokens() -> None:
    with pytest.raises(InputError, match="'qwen3-reranker-seq-cls' compares no tokens"):
        answer_rows(find_recipe("qwen3-reranker-seq-cls"), TextEncoder(decoders.qwen()))
