"""How the authors' code cuts prompts that are too long, for parity with it. Knows lists of ids, nothing of text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from secondpass.errors import InputError
from secondpass.models.prompt_recipe import PromptRecipe

Segments = Sequence[Sequence[int]]


def reference_cut(
    recipe: PromptRecipe, segments: Segments, longest: int, positions: int | None, end: Sequence[int] = ()
) -> tuple[list[int], list[int], list[int]]:
    """What is kept before the document's segment, of it, and behind it, cut as `recipe.reference` says.

    `segments`: those of the whole prompt. `longest`: what the authors' code calls max_length, which some of them mean
    for a part of the prompt alone. `positions`: the longest input that the model has positions for. `end`: the tokens
    that every prompt ends in, whatever the texts. Raises `InputError` where nothing is left for the document.
    """
    place = _place(recipe, "{document}")
    before, own, behind = _flat(segments[:place]), list(segments[place]), _flat(segments[place + 1 :])
    if recipe.reference == "whole":
        return _first(longest, before, own, behind)
    if recipe.reference == "restored":
        return [], _restored([*before, *own, *behind], longest, end), []
    if recipe.reference == "body":
        room = longest - len(before) - len(behind)
        _require(room, longest)
        return before, own[:room], behind
    query = _place(recipe, "{query}")
    opening, between = _flat(segments[:query]), _flat(segments[query + 1 : place])
    if recipe.reference == "query-then-passage":
        room = longest + len(behind) - len(opening)
    else:
        if positions is not None:
            longest = min(longest, positions - len(opening) - len(behind))
            _require(longest, positions)
        room = longest
    first = list(segments[query][: longest * 3 // 4])
    return [*opening, *first, *between], own[: max(min(longest, room - len(first) - len(between)), 0)], behind


def _restored(ids: list[int], longest: int, end: Sequence[int]) -> list[int]:
    """The first `longest` tokens, the last of which make room for the end."""
    if len(ids) <= longest:
        return ids
    last = list(end)[-longest:]
    return ids[: longest - len(last)] + last


def _first(longest: int, *parts: list[int]) -> tuple[list[int], list[int], list[int]]:
    """The first `longest` tokens of three parts together."""
    found = []
    for part in parts:
        found.append(part[:longest])
        longest -= len(found[-1])
    before, own, behind = found
    return before, own, behind


def _place(recipe: PromptRecipe, field: str) -> int:
    """Which segment has a field; it is the same one with and without an instruction."""
    return next(place for place, segment in enumerate(recipe.plain or recipe.instructed) if field in segment)


def _flat(segments: Segments) -> list[int]:
    return list(chain.from_iterable(segments))


def _require(room: int, longest: int) -> None:
    if room < 1:
        raise InputError(
            f"The prompt alone takes more than the {longest} tokens that are read, so none is left for a document. "
            "Raise max_tokens."
        )
