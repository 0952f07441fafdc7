"""How a generative model is asked to rank a window: its prompt, and how its answer is read. Data, and what reads it.

Knows the text of prompts; nothing of who answers them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from string import ascii_uppercase
from typing import Literal

from secondpass.errors import InputError
from secondpass.models.listwise.conversation import Conversation, Message
from secondpass.models.listwise.permutation import Identifiers, identifier
from secondpass.models.listwise.windows import Windows
from secondpass.models.rows import read_rows


@dataclass(frozen=True, slots=True)
class ListRecipe:
    """One way to ask for an order.

    `system`, `before`, `passage` and `after` are the parts of the prompt, with the fields {query}, {num} (passages in
    the window), {id} and {passage}; `passage` is repeated. With `acknowledged` every passage is a turn of its own, that
    the model is shown to have answered so, and `before` with `agreed`; without, all is one turn. `words`: how many the
    passages of a window have together, shared out evenly. `identifiers`: what passages are called. `read`: whether the
    order is in the "text" that was generated or in the "logprobs" of the identifiers, with the `top_logprobs` likeliest
    tokens a position. `fixed`: the most tokens to generate, or, where that is 0, `per_passage` for each passage of the
    window; no limit where both are. `size` and `stride`: the windows that the model was trained or first used with.
    """

    name: str
    before: str
    passage: str
    after: str
    words: int
    system: str = ""
    agreed: str = ""
    acknowledged: str = ""
    identifiers: Identifiers = "numbers"
    read: Literal["text", "logprobs"] = "text"
    per_passage: int = 0
    fixed: int = 0
    top_logprobs: int = 0
    size: int = 20
    stride: int = 10

    def conversation(self, query: str, passages: Sequence[str]) -> Conversation:
        """The question about `passages`, in the order in which they stand now."""
        known = {"query": query, "num": len(passages)}
        bodies = [
            {"id": identifier(position, self.identifiers), "passage": passage}
            for position, passage in enumerate(passages)
        ]
        head = [Message("system", self.system)] if self.system else []
        body = self._turns(known, bodies) if self.acknowledged else self._one_turn(known, bodies)
        limit = self.fixed or self.per_passage * len(passages) or None
        return Conversation((*head, *body), limit, self.top_logprobs)

    def words_a_passage(self, count: int) -> int:
        """How many words each of `count` passages may have."""
        return max(1, self.words // count)

    def check(self, windows: Windows) -> None:
        """Raises `InputError` for windows with more passages than there are identifiers."""
        if self.identifiers == "letters" and windows.size > len(ascii_uppercase):
            raise InputError(
                f"size={windows.size}: {self.name!r} calls its passages by letters, of which there are "
                f"{len(ascii_uppercase)}; give a window no larger than that."
            )

    def _turns(self, known: Mapping[str, object], bodies: Sequence[Mapping[str, str]]) -> Iterator[Message]:
        yield Message("user", self.before.format(**known))
        yield Message("assistant", self.agreed.format(**known))
        for body in bodies:
            yield Message("user", self.passage.format(**body))
            yield Message("assistant", self.acknowledged.format(**body))
        yield Message("user", self.after.format(**known))

    def _one_turn(self, known: Mapping[str, object], bodies: Sequence[Mapping[str, str]]) -> Iterator[Message]:
        parts = [self.before.format(**known), *(self.passage.format(**body) for body in bodies)]
        yield Message("user", "".join([*parts, self.after.format(**known)]))


def find_list_recipe(name: str) -> ListRecipe:
    """The recipe called `name`. Raises `InputError` naming those that there are."""
    recipes = list_recipes()
    if name not in recipes:
        raise InputError(f"There is no listwise recipe {name!r}; choose one of {', '.join(recipes)}.")
    return recipes[name]


@cache
def list_recipes() -> Mapping[str, ListRecipe]:
    """The recipes of recipes.toml by name, in its order."""
    rows = read_rows("secondpass.models.listwise", "recipes.toml")
    return {name: ListRecipe(**row, name=name) for name, row in rows.items()}
