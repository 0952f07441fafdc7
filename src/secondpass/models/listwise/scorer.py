"""Generative listwise reranking: a model is shown a window of the list and answers with its order (RankGPT and after).

Knows recipes, windows and orders; nothing of who answers, which is a function that the caller gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from secondpass.errors import HostedAPIError, InputError
from secondpass.models.listwise.conversation import Complete, Conversation
from secondpass.models.listwise.passage import CHARACTERS_A_WORD, cut, without_identifiers
from secondpass.models.listwise.permutation import Order, by_logprobs, order, permutation
from secondpass.models.listwise.recipe import ListRecipe, find_list_recipe
from secondpass.models.listwise.windows import Windows
from secondpass.models.pair import join
from secondpass.models.scorer import Declared, Listed
from secondpass.text.encode import Limits
from secondpass.text.render import RENDERER

OnFailure = Literal["raise", "keep"]


class ListwiseScorer:
    """A `ListScorer` that has `complete` answer a question about each window.

    `recipe`: one of recipes.toml, by name, or a `ListRecipe`. `windows`: the recipe's own where none are given.
    `on_failure`: what a `HostedAPIError` does, "raise" to pass it on, "keep" to leave the window in its order and mark
    the result as degraded. An answer that names no passage keeps the order and marks the result in either case. Raises
    `InputError`.
    """

    def __init__(
        self,
        name: str,
        complete: Complete,
        *,
        recipe: str | ListRecipe = "rankgpt",
        windows: Windows | None = None,
        on_failure: OnFailure = "raise",
    ) -> None:
        if on_failure not in get_args(OnFailure):
            raise InputError(f"on_failure={on_failure!r}: choose one of {', '.join(get_args(OnFailure))}.")
        self._recipe = find_list_recipe(recipe) if isinstance(recipe, str) else recipe
        self._windows = windows or Windows(self._recipe.size, self._recipe.stride)
        self._recipe.check(self._windows)
        self._complete = complete
        self._on_failure = on_failure
        how = self._windows
        self._declared = Declared(
            name=name,
            version=f"{self._recipe.name} windows={how.size}/{how.stride}x{how.passes} renderer={RENDERER}",
            renderer=RENDERER,
            max_tokens=None,
            activation="ratio",
            instructions="joined",
        )

    @property
    def declared(self) -> Declared:
        """What may be relied on: ranks turned into numbers, so no score means anything outside its own list."""
        return self._declared

    def score(
        self, query: str, documents: Sequence[str], instruction: str | None = None, limits: Limits | None = None
    ) -> Listed:
        """n for the best of n documents, 1 for the last; each one's length in words, and whether it was cut anywhere.

        The order that `documents` come in matters: a list of more than one window is only partly sorted. Raises
        `InputError` for limits that count tokens or ask for chunks, for policy "error" where a document is too long,
        `HostedAPIError` as `on_failure` says, and whatever else `complete` raises.
        """
        _check(limits or Limits())
        listing = _Listing([document.split() for document in documents])
        asked = without_identifiers(join(instruction, query))
        for window in self._windows.over(len(documents)):
            self._rank(asked, listing, window, refuse=limits is not None and limits.policy == "error")
        logits = np.empty(len(documents), np.float32)
        logits[listing.order] = np.arange(len(documents), 0, -1)
        truncated = [position in listing.truncated for position in range(len(documents))]
        return Listed(logits, [len(words) for words in listing.words], truncated, listing.degraded)

    def close(self) -> None:
        """Nothing is held open; `complete` belongs to who made it."""

    def _rank(self, query: str, listing: _Listing, window: range, *, refuse: bool) -> None:
        shown = listing.order[window.start : window.stop]
        most = self._recipe.words_a_passage(len(shown))
        passages = [cut(listing.words[position], most) for position in shown]
        cut_short = [position for position, passage in zip(shown, passages, strict=True) if passage.truncated]
        if cut_short and refuse:
            raise InputError(
                f"documents[{cut_short[0]}] has {len(listing.words[cut_short[0]])} words, and a window of {len(shown)} "
                f"passages has room for {most} each (and {CHARACTERS_A_WORD * most} characters): shorten it, choose "
                "smaller windows, or let it be cut with policy='truncate'."
            )
        listing.truncated.update(cut_short)
        found = self._answered(self._recipe.conversation(query, [passage.text for passage in passages]), len(shown))
        listing.degraded = listing.degraded or not found.named
        listing.order[window.start : window.stop] = [shown[position] for position in found.positions]

    def _answered(self, conversation: Conversation, size: int) -> Order:
        try:
            answer = self._complete(conversation)
        except HostedAPIError:
            if self._on_failure == "raise":
                raise
            return order([], size)
        if self._recipe.read == "text":
            return permutation(answer.text, size, self._recipe.identifiers)
        if not answer.top_logprobs:
            raise HostedAPIError(
                f"{self._declared.name!r} answered without logprobs, which the recipe {self._recipe.name!r} reads: "
                "choose an endpoint that reports them, or a recipe that reads text, such as 'rankzephyr'."
            )
        return by_logprobs(answer.top_logprobs, size, self._recipe.identifiers)


@dataclass(slots=True)
class _Listing:
    """A list being sorted: its documents' words, their order so far, and what is to be told of it."""

    words: list[list[str]]
    order: list[int] = field(init=False)
    truncated: set[int] = field(default_factory=set)
    degraded: bool = False

    def __post_init__(self) -> None:
        self.order = list(range(len(self.words)))


def _check(limits: Limits) -> None:
    if limits.max_tokens is not None:
        raise InputError(
            f"max_tokens={limits.max_tokens}: a listwise prompt is cut by words, for the model's tokens are not known "
            "here; leave it out."
        )
    if limits.policy == "chunk":
        raise InputError(
            "policy='chunk': a listwise model compares passages, not chunks; choose 'truncate' or 'error'."
        )
