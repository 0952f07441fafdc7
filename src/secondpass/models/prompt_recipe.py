"""How a decoder is asked about a pair: its prompt, and where in its answer the score is read. Data, and what reads it.

Knows the text of prompts; nothing of tokens, weights and graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from secondpass.models.scorer import Activation

Reference = Literal["body", "whole", "query-then-passage"]
"""How the authors' code cuts a prompt that is too long; see `prompt.py`."""


@dataclass(frozen=True, slots=True)
class PromptRecipe:
    """One way to ask.

    `plain` and `instructed`: the prompt without and with an instruction, in segments that are tokenised one by one, as
    the authors' code does, each with the fields {query}, {instruction} and {document} filled in; special tokens are
    written as text. One segment has {document}. An empty `instructed` means that an instruction is joined to the query.
    `instruction` is the authors' default, used where none is given; "" for none. `true` and `false`: the tokens whose
    logits at the last position are compared, as text or as ids; no `false` for the logit of `true` alone; neither for a
    checkpoint whose head is a classifier. `max_tokens`: the longest prompt that the authors read by default.
    `activation`: how their code makes the score. `reference`: how their code cuts. `strip`: whether they strip query
    and document.
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
