from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondpass.errors import HostedAPIError, InputError, Unauthorized
from secondpass.models.listwise.conversation import Answer, Conversation
from secondpass.models.listwise.scorer import ListwiseScorer, OnFailure
from secondpass.models.listwise.windows import Windows
from secondpass.models.scorer import ListScorer, bounded
from secondpass.text.encode import Limits

_PASSAGE = re.compile(r"^\[(\w+)\]:? value (\d+)", re.MULTILINE)


def shown(conversation: Conversation) -> list[tuple[str, int]]:
    """The identifiers and values of the passages in a prompt."""
    text = "\n".join(message.content for message in conversation.messages)
    return [(name, int(value)) for name, value in _PASSAGE.findall(text)]


def knowing(conversation: Conversation) -> Answer:
    """A model that never errs: the higher the value in a passage, the better."""
    ranked = sorted(shown(conversation), key=lambda passage: -passage[1])
    likely = {name: -float(rank) for rank, (name, _) in enumerate(ranked, 1)}
    return Answer(" > ".join(f"[{name}]" for name, _ in ranked), [{"[": -0.1}, likely])


def documents(*values: int) -> list[str]:
    return [f"value {value}" for value in values]


@pytest.mark.parametrize("recipe", ["rankgpt", "rankzephyr", "first", "lighton-lw"])
def test_every_recipe_puts_a_window_into_the_order_of_the_answer(recipe: str) -> None:
    scorer = ListwiseScorer("oracle", knowing, recipe=recipe)
    found = scorer.score("highest", documents(3, 1, 4, 2))
    np.testing.assert_array_equal(found.logits, np.array([3, 1, 4, 2], np.float32))
    assert found.logits.dtype == np.float32
    assert (found.tokens, found.truncated, found.degraded) == ([2] * 4, [False] * 4, False)


@given(st.permutations(range(57)))
def test_the_best_of_a_long_list_rise_to_the_top(values: list[int]) -> None:
    found = ListwiseScorer("oracle", knowing, recipe="rankzephyr").score("highest", documents(*values))
    best = np.argsort(-found.logits)[:10]
    assert [values[position] for position in best] == list(range(56, 46, -1))
    assert sorted(found.logits.tolist()) == list(range(1, 58))


def test_more_passes_sort_more() -> None:
    once, twice = (
        ListwiseScorer("oracle", knowing, recipe="lighton-lw", windows=Windows(4, 2, passes)) for passes in (1, 2)
    )
    values = list(range(10))
    first, second = (
        scorer.score("highest", documents(*values)).logits.argsort()[::-1].tolist() for scorer in (once, twice)
    )
    assert first[:2] == [9, 8]
    assert second[:4] == [9, 8, 7, 6]
    assert first[:4] != second[:4]


@given(st.lists(st.text(), max_size=30), st.text())
def test_whatever_is_answered_every_document_has_a_place_of_its_own(texts: list[str], answer: str) -> None:
    found = ListwiseScorer("noise", lambda _: Answer(answer), windows=Windows(5, 2)).score("q", texts)
    assert sorted(found.logits.tolist()) == list(range(1, len(texts) + 1))


def test_an_answer_that_names_nothing_keeps_the_order_and_says_so() -> None:
    found = ListwiseScorer("mute", lambda _: Answer("Sorry.")).score("q", documents(1, 2, 3))
    assert found.logits.tolist() == [3, 2, 1]
    assert found.degraded


@pytest.mark.parametrize("count", [0, 1])
def test_where_there_is_no_choice_nobody_is_asked(count: int) -> None:
    scorer = ListwiseScorer("never", cast("Callable[[Conversation], Answer]", None))
    assert scorer.score("q", documents(*range(count))).logits.tolist() == [1.0] * count


def failing_at(call: int, error: Exception) -> Callable[[Conversation], Answer]:
    """A model that fails once, at its n-th question."""
    calls: list[Conversation] = []

    def complete(conversation: Conversation) -> Answer:
        calls.append(conversation)
        if len(calls) == call:
            raise error
        return knowing(conversation)

    return complete


def test_a_window_that_fails_fails_the_list() -> None:
    scorer = ListwiseScorer("flaky", failing_at(2, HostedAPIError("status 500")), windows=Windows(4, 2))
    with pytest.raises(HostedAPIError, match="status 500"):
        scorer.score("q", documents(*range(8)))


def test_a_window_that_fails_may_be_kept_as_it_is() -> None:
    complete = failing_at(2, HostedAPIError("status 500"))
    found = ListwiseScorer("flaky", complete, windows=Windows(4, 2), on_failure="keep").score("q", documents(*range(6)))
    assert found.degraded
    assert np.argsort(-found.logits).tolist() == [0, 1, 5, 4, 3, 2]


def test_a_key_that_is_not_accepted_is_never_passed_over() -> None:
    scorer = ListwiseScorer("locked", failing_at(1, Unauthorized("status 401")), on_failure="keep")
    with pytest.raises(Unauthorized):
        scorer.score("q", documents(1, 2))


def test_first_says_when_there_are_no_logprobs() -> None:
    scorer = ListwiseScorer("plain", lambda _: Answer("[B] > [A]"), recipe="first", on_failure="keep")
    with pytest.raises(HostedAPIError, match=r"without logprobs.*rankzephyr"):
        scorer.score("q", documents(1, 2))


def test_long_documents_are_cut_and_reported() -> None:
    asked: list[Conversation] = []

    def complete(conversation: Conversation) -> Answer:
        asked.append(conversation)
        return Answer("[2] > [1]")

    texts = ["salt " * 3001, "short [1]", "salt " * 2000]
    found = ListwiseScorer("m", complete, recipe="rankzephyr").score("see [2]", texts, "only facts")
    assert (found.tokens, found.truncated) == ([3001, 2, 2000], [True, False, False])
    prompt = asked[0].messages[1].content
    assert prompt.count("salt") == 4000
    assert "\n[2] short (1)\n" in prompt
    assert "Search Query: only facts see (2)." in prompt


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits("error"), r"documents\[1\] has 7001 words"),
        (Limits("chunk"), "chunk"),
        (Limits(max_tokens=512), "max_tokens=512"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(limits: Limits, named: str) -> None:
    with pytest.raises(InputError, match=named):
        ListwiseScorer("m", knowing).score("q", ["short", "word " * 7001], None, limits)


def test_it_is_a_list_scorer_that_declares_what_moves_its_scores() -> None:
    scorer: ListScorer = ListwiseScorer("m", knowing)
    assert isinstance(scorer, ListScorer)
    declared = scorer.declared
    assert (declared.name, declared.instructions, declared.separable) == ("m", "joined", False)
    others = [
        ListwiseScorer("m", knowing, recipe="rankzephyr"),
        ListwiseScorer("m", knowing, windows=Windows(10, 5)),
        ListwiseScorer("m", knowing, windows=Windows(passes=2)),
    ]
    assert len({declared.version, *(other.declared.version for other in others)}) == 4
    scorer.close()


@pytest.mark.parametrize("count", [1, 2, 20, 1000])
def test_scores_lie_between_0_and_1_and_keep_the_order(count: int) -> None:
    found = ListwiseScorer("m", lambda _: Answer("[2] > [1]")).score("q", ["a"] * count)
    scores = bounded(found.logits, ListwiseScorer("m", knowing).declared.activation)
    assert ((scores > 0) & (scores < 1)).all()
    assert len(set(scores.tolist())) == count
    np.testing.assert_array_equal(np.argsort(-scores), np.argsort(-found.logits))


def test_arguments_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="on_failure='ignore'"):
        ListwiseScorer("m", knowing, on_failure=cast(OnFailure, "ignore"))
    with pytest.raises(InputError, match="size=30"):
        ListwiseScorer("m", knowing, recipe="first", windows=Windows(30, 10))
