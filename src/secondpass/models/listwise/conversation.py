"""What a generative model is asked, and what it answers: the whole contract between a listwise scorer and a model.

Knows no HTTP, no tokenizer and no ranking. Whatever turns a `Conversation` into an `Answer` will do: an endpoint, a
model on this machine, a recording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Message:
    """One turn, as chat templates take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is asked: the turns so far, and how the answer is to be made (greedily, in every case).

    `max_tokens`: the most tokens to generate, None for as many as the model likes. `top_logprobs`: how many of the
    likeliest tokens to report at every position, with their logarithmic probabilities; 0 for none.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    top_logprobs: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: its text and, where they were asked for, each position's likeliest tokens.

    `top_logprobs`: an entry a generated token, from a token's text to its natural logarithmic probability; empty where
    the model reports none.
    """

    text: str
    top_logprobs: Sequence[Mapping[str, float]] = ()


Complete = Callable[[Conversation], Answer]
"""Has a conversation answered. Raises a `ServiceError` where it cannot be, now or ever."""
