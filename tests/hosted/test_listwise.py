"""Listwise recipes by name, against the local chat server."""

from __future__ import annotations

import pytest

from secondpass import Reranker, UnknownModel, load
from secondpass.hosted.listwise import is_listwise, open_listwise
from secondpass.models.listwise.recipe import list_recipes
from tests.hosted.test_chat import Endpoint, server

__all__ = ["server"]

DOCUMENTS = ["value 3", "value 9", "value 5"]


@pytest.mark.parametrize("recipe", list_recipes())
def test_every_recipe_is_loaded_by_its_prefix(server: Endpoint, recipe: str) -> None:
    with load(f"{recipe}:my-model", base_url=server.url, api_key="sk-1") as reranker:
        ranking = reranker.rank("which is most?", DOCUMENTS)
    assert [hit.index for hit in ranking] == [1, 2, 0]
    assert ranking.model == f"{recipe}:my-model"
    assert server.asked[0]["model"] == "my-model"
    assert server.headers[0]["Authorization"] == "Bearer sk-1"


def test_it_is_part_of_a_hybrid_like_any_other(server: Endpoint) -> None:
    with load("rankgpt:m", base_url=server.url) as listwise:
        from secondpass import Hybrid

        with Hybrid([listwise, "bm25"]) as hybrid:
            assert hybrid.rank("value 9", DOCUMENTS)[0].index == 1


def test_closing_the_reranker_closes_the_endpoint(server: Endpoint) -> None:
    scorer = open_listwise("rankgpt:m", base_url=server.url)
    reranker = Reranker(scorer)
    assert len(reranker.rank("which?", DOCUMENTS)) == 3
    reranker.close()
    assert scorer._endpoint._client.is_closed
    reranker.close()


@pytest.mark.parametrize(
    ("name", "listwise"),
    [("rankgpt:gpt-4o-mini", True), ("first:", True), ("rankgpt", False), ("cohere:m", False), ("rank:m", False)],
)
def test_names_are_those_that_begin_with_a_recipe(name: str, listwise: bool) -> None:
    assert is_listwise(name) is listwise


@pytest.mark.parametrize("name", ["rankgpt:", "rankgpt: ", "rank:m", "rankgpt"])
def test_a_name_without_a_model_or_a_recipe_is_refused(name: str) -> None:
    with pytest.raises(UnknownModel, match=r"RECIPE:MODEL.*rankgpt, rankzephyr"):
        open_listwise(name)
