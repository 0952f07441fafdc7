"""What a provider is: how its request is written, how its answer is read, and what it allows.

Knows JSON values and limits; nothing of HTTP, retries or environment variables' contents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from secondpass.hosted.answer import Answer

Scale = Literal["probability", "logit", "similarity"]
"""What an API's scores are. "probability": in [0, 1]. "logit": a model's raw output, whose sigmoid the API gives as its
score elsewhere. "similarity": raw, and shown by the API as it is, as NIM's logits and jina-reranker-v3's cosine are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request's contents. `instruction` is None unless the provider has a slot for it; else `query` holds it.

    `metadata`: a line of context a document, where the provider takes it. `refuse_long`: a pair over the model's limit
    is to be an error rather than cut. `max_tokens`: the longest pair, where the provider lets that be set.
    """

    model: str
    query: str
    documents: Sequence[str]
    instruction: str | None = None
    metadata: Sequence[str] | None = None
    refuse_long: bool = False
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may hold: documents, tokens in all, tokens of one pair (more are cut), bytes of its body.

    Tokens are estimated (`batches.estimate`), the query's counted once a document, as the providers count them.
    """

    documents: int
    tokens: int | None = None
    pair_tokens: int | None = None
    body_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """One API. `name` is what stands before the colon in `cohere:rerank-v3.5`; `title` is what messages call it.

    `base_url` is None where the user runs the server. `path` follows the base URL; `{model}` in it is the model's name.
    `key_variables`: environment variables for the key, the customary one first; `url_variables`: for another base URL.
    `default_model` "" means that the server knows its model by itself; None, that the user has to name one.
    `similarity_models` are those whose scores are not on the provider's usual `scale`.
    """

    name: str
    title: str
    base_url: str | None
    path: str
    build: Callable[[Asked], Mapping[str, Any]]
    read: Callable[[Any], Answer]
    limits: RequestLimits
    key_variables: tuple[str, ...]
    url_variables: tuple[str, ...] = ()
    needs_key: bool = True
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
    headers: Mapping[str, str] = field(default_factory=dict)
    default_model: str | None = None
    url_has_model: bool = True
    model_in_path: Callable[[str], str] = str
    scale: Scale = "probability"
    similarity_models: frozenset[str] = frozenset()
    instructions: Literal["slot", "joined"] = "joined"
    can_refuse_long: bool = False
    takes_max_tokens: bool = False
    takes_metadata: bool = False

    def scale_of(self, model: str) -> Scale:
        """What this model's scores are."""
        return "similarity" if model in self.similarity_models else self.scale
