"""How a decoder is asked about a pair: its prompt, and where in its answer the score is read. Data, and what reads it.

Knows the text of prompts; nothing of weights and graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from secondpass.errors import InputError, ModelLoadError
from secondpass.models.rows import read_rows
from secondpass.models.scorer import Activation
from secondpass.text.encode import TextEncoder

Reference = Literal["body", "whole", "restored", "query-then-passage", "query-then-document"]
"""How the authors' code cuts a prompt that is too long.

"body": the segment with the document, at its end, so that the others fit. "whole": all of it, at its end. "restored":
likewise, and its last tokens then become those of the prompt's own end (sentence-transformers). The other two cut the
query's segment to 3/4 of the limit, the document's to the limit, and then the document's so that both fit together:
with what stands before them into the limit and the length of what stands behind ("query-then-passage", FlagEmbedding),
or by themselves into the limit ("query-then-document", mxbai_rerank).
"""


@dataclass(frozen=True, slots=True)
class PromptRecipe:
    """One way to ask.

    `plain` and `instructed`: the prompt without and with an instruction, in segments that are tokenised one by one, as
    the authors' code does, each with the fields {query}, {instruction} and {document} filled in; special tokens are
    written as text. One segment has {document}. An empty `instructed` means that an instruction is joined to the query;
    `plain` may be empty where there is a default instruction. `instruction` is the authors' default, used where none
    is given; "" for none. `true` and `false`: the tokens whose logits at the last position are compared, as text or as
    ids; no `false` for the logit of `true` alone; neither for a checkpoint whose head is a classifier. `max_tokens`:
    the longest prompt that the authors read by default. `activation`: how their code makes the score. `reference`: how
    their code cuts. `strip`: whether they strip query and document. Where `compares` is true, a prompt is about two
    documents, {document} and {other}.
    """

    name: str
    plain: tuple[str, ...]
    instructed: tuple[str, ...] = ()
    instruction: str = ""
    true: str | int | None = None
    false: str | int | None = None
    activation: Activation = "sigmoid"
    max_tokens: int | None = None
    reference: Reference = "whole"
    strip: bool = False

    @property
    def compares(self) -> bool:
        return any("{other}" in segment for segment in self.plain)


def find_recipe(name: str) -> PromptRecipe:
    """The recipe called `name`. Raises `InputError` naming those that there are."""
    recipes = read_recipes()
    if name not in recipes:
        raise InputError(f"There is no prompt recipe {name!r}; choose one of {', '.join(recipes)}.")
    return recipes[name]


@cache
def read_recipes() -> Mapping[str, PromptRecipe]:
    """The recipes of prompts.toml by name, in its order."""
    return {name: _recipe(name, row) for name, row in read_rows("secondpass.models", "prompts.toml").items()}


def answer_rows(recipe: PromptRecipe, encoder: TextEncoder) -> tuple[int, ...]:
    """The rows of the output matrix that the score is read from: `true`, and `false` where there is one.

    Raises `ModelLoadError` where one of them is not a single token of the vocabulary, `InputError` where the recipe has
    none, because its head is a classifier's.
    """
    answers = [answer for answer in (recipe.true, recipe.false) if answer is not None]
    if not answers:
        raise InputError(f"The recipe {recipe.name!r} compares no tokens: read a classifier's head with it.")
    return tuple(answer if isinstance(answer, int) else _single(answer, encoder) for answer in answers)


def _single(answer: str, encoder: TextEncoder) -> int:
    (found,) = encoder.ids([answer])
    if len(found) != 1:
        raise ModelLoadError(
            f"The answer {answer!r} is {len(found)} tokens of this vocabulary, and its logit is that of one: the "
            "tokenizer is not the one that the model was trained with. Fetch the model's files again."
        )
    return found[0]


def _recipe(name: str, row: Mapping[str, Any]) -> PromptRecipe:
    lists = {field: tuple(row.get(field, ())) for field in ("plain", "instructed")}
    return PromptRecipe(**{**row, **lists, "name": name})
