from __future__ import annotations

import pytest

from secondpass.errors import InputError
from secondpass.models.listwise.conversation import Message
from secondpass.models.listwise.recipe import find_list_recipe, list_recipes
from secondpass.models.listwise.windows import Windows

PASSAGES = ["a {query} of braces", "the second"]


def test_rankgpt_acknowledges_every_passage() -> None:
    asked = find_list_recipe("rankgpt").conversation("who {num}?", PASSAGES)
    system, before, agreed, first, got_first, second, got_second, after = asked.messages
    assert system == Message(
        "system",
        "You are RankGPT, an intelligent assistant that can rank passages based on their relevancy to the query.",
    )
    assert before.role == "user"
    assert before.content == (
        "I will provide you with 2 passages, each indicated by number identifier [].\n"
        "Rank the passages based on their relevance to query: who {num}?."
    )
    assert agreed == Message("assistant", "Okay, please provide the passages.")
    assert first == Message("user", "[1] a {query} of braces")
    assert got_first == Message("assistant", "Received passage [1].")
    assert second == Message("user", "[2] the second")
    assert got_second == Message("assistant", "Received passage [2].")
    assert after.content.startswith("Search Query: who {num}?.\nRank the 2 passages above")
    assert after.content.endswith(
        "[] > [], e.g., [1] > [2]. Only response the ranking results, do not say any word or explain."
    )
    assert (asked.max_tokens, asked.top_logprobs) == (None, 0)


def test_rankzephyr_asks_in_one_turn() -> None:
    asked = find_list_recipe("rankzephyr").conversation("q", PASSAGES)
    system, user = asked.messages
    assert system.content == (
        "You are RankLLM, an intelligent assistant that can rank passages based on their relevancy to the query"
    )
    assert user.content == (
        "I will provide you with 2 passages, each indicated by a numerical identifier []. Rank the passages based on "
        "their relevance to the search query: q.\n[1] a {query} of braces\n[2] the second\nSearch Query: q.\nRank the "
        "2 passages above based on their relevance to the search query. All the passages should be included and listed "
        "using identifiers, in descending order of relevance. The output format should be [] > [], e.g., [2] > [1], "
        "Answer concisely and directly and only respond with the ranking results, do not say any word or explain."
    )
    assert asked.max_tokens == 12


def test_first_asks_for_the_letters_and_their_logprobs() -> None:
    recipe = find_list_recipe("first")
    asked = recipe.conversation("q", PASSAGES)
    assert "an alphabetical identifier" in asked.messages[1].content
    assert "\n[A] a {query} of braces\n[B] the second\n" in asked.messages[1].content
    assert "e.g., [B] > [A]," in asked.messages[1].content
    assert (asked.max_tokens, asked.top_logprobs) == (2, 20)
    recipe.check(Windows(26, 10))
    with pytest.raises(InputError, match="size=27"):
        recipe.check(Windows(27, 10))


def test_lighton_asks_briefly_in_small_windows() -> None:
    recipe = find_list_recipe("lighton-lw")
    asked = recipe.conversation("q", ["one", "two"])
    assert [message.content for message in asked.messages] == [
        "Query: q\n\nRank these passages from most to least relevant:\n[1]: one\n[2]: two\n\nRanking:"
    ]
    assert (asked.max_tokens, recipe.size, recipe.stride) == (30, 4, 2)


@pytest.mark.parametrize(("count", "words"), [(20, 300), (10, 600), (2, 3000), (7, 857)])
def test_passages_share_the_words_of_a_window(count: int, words: int) -> None:
    assert find_list_recipe("rankzephyr").words_a_passage(count) == words


def test_every_recipe_has_windows_that_it_can_name() -> None:
    for recipe in list_recipes().values():
        recipe.check(Windows(recipe.size, recipe.stride))


def test_an_unknown_recipe_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"'rankvicuna'.*rankgpt, rankzephyr, first, lighton-lw"):
        find_list_recipe("rankvicuna")
