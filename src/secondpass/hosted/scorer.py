"""A hosted reranker as a list scorer: documents to requests, answers to logits.

Knows providers by their declared data alone, and HTTP by its client.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from secondpass.errors import InputError, UnknownModel
from secondpass.hosted.answer import LOWEST, BadAnswer, in_order, logits_of, require_probabilities
from secondpass.hosted.batches import estimate, split
from secondpass.hosted.client import Client
from secondpass.hosted.key import find_key
from secondpass.hosted.provider import Asked, Provider, RequestLimits, Scale
from secondpass.hosted.retry import Deadline, Patience, World
from secondpass.hosted.usage import Meter, Price, Usage, price_of
from secondpass.models.pair import join
from secondpass.models.scorer import Declared, Listed
from secondpass.text.encode import Limits
from secondpass.text.render import RENDERER

if TYPE_CHECKING:
    import httpx

VERSION = "hosted@1"
_OWN = frozenset(
    {"model", "query", "queries", "documents", "texts", "input", "passages", "text_1", "text_2", "metadata"}
)


@dataclass(frozen=True, slots=True)
class _Part:
    """One request's answer: scores and cuts of its documents, in their order."""

    scores: NDArray[np.float64]
    truncated: Sequence[bool]


class HostedScorer:
    """A `ListScorer` that asks a provider. Safe to use from several threads and after a fork.

    Logits are the log-odds of scores in [0, 1], clipped at `answer.CLIP`, or the API's own where it gives raw ones, so
    that a hit's score is the API's. Blank documents are not sent, since some APIs refuse a whole list for one: they get
    the lowest logit. `tokens` are estimated (`batches.estimate`); `truncated` is only ever true where the API says so.

    `api_key` and `base_url` go before the environment's. `patience`: timeouts and retries. `in_flight`: requests at a
    time. `max_documents`: fewer documents a request than the provider allows. `scale` and `instructions` overrule the
    provider's, for a model that differs. `options` are added to the body of each request, under the API's own names.
    `price` overrules the table's. Raises `Unauthorized` without a key where one is needed, and `InputError`.
    """

    def __init__(
        self,
        provider: Provider,
        model: str = "",
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        patience: Patience | None = None,
        in_flight: int = 4,
        max_documents: int | None = None,
        scale: Scale | None = None,
        instructions: Literal["slot", "joined"] | None = None,
        options: Mapping[str, Any] | None = None,
        price: Price | None = None,
        environ: Mapping[str, str] = os.environ,
        world: World | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._provider = provider
        self._model = model or _default_model(provider)
        self._scale = scale or provider.scale_of(self._model)
        self._options = _checked_options(options or {})
        self._limits = _fewer(provider, max_documents)
        self._declared = self._declare(instructions or provider.instructions)
        self._meter = Meter(price or price_of(provider.name, self._model))
        self._in_flight = in_flight
        self._client = Client(
            provider.title,
            _base_url(provider, base_url, environ),
            provider.headers,
            key=find_key(provider, api_key, environ),
            key_header=provider.key_header,
            key_prefix=provider.key_prefix,
            patience=patience or Patience(),
            in_flight=in_flight,
            world=world or World(),
            transport=transport,
        )

    @property
    def declared(self) -> Declared:
        """What may be relied on. The scores may still change with the provider's model behind the same name."""
        return self._declared

    @property
    def usage(self) -> Usage:
        """What has been used so far, and its list price."""
        return self._meter.usage

    def score(
        self,
        query: str,
        documents: Sequence[str],
        instruction: str | None = None,
        limits: Limits | None = None,
        *,
        metadata: Sequence[str] | None = None,
    ) -> Listed:
        """One logit a document, from as many requests as the provider's limits ask for.

        `metadata`: a line of context a document, "" for none, where the provider takes it. Raises `InputError` for what
        the provider cannot do, `Unauthorized`, `DeadlineExceeded` and `HostedAPIError`.
        """
        base = self._asked(query, instruction, limits or Limits())
        self._check_metadata(metadata, len(documents))
        sent = [i for i, document in enumerate(documents) if document.strip()]
        sizes = [estimate(document) for document in documents]
        asks = []
        spans = split([sizes[i] for i in sent], estimate(base.query) + estimate(base.instruction or ""), self._limits)
        for span in spans:
            at = [sent[i] for i in span]
            told = None if metadata is None else [metadata[i] for i in at]
            asks.append(replace(base, documents=[documents[i] for i in at], metadata=told))
        parts = self._ask_all(asks)
        truncated = np.zeros(len(documents), bool)
        truncated[sent] = [cut for part in parts for cut in part.truncated]
        return Listed(self._logits(len(documents), sent, parts), sizes, truncated.tolist())

    def close(self) -> None:
        """Close the connections. Closing twice does nothing."""
        self._client.close()

    def __enter__(self) -> HostedScorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HostedScorer({self._declared.name!r})"

    def _declare(self, instructions: Literal["slot", "joined"]) -> Declared:
        extras = [f"{name}={value!r}" for name, value in sorted(self._options.items())]
        name = f"{self._provider.name}:{self._model}" if self._model else self._provider.name
        return Declared(
            name=name,
            version=" ".join([VERSION, name, self._scale, f"renderer@{RENDERER}", *extras]),
            renderer=RENDERER,
            max_tokens=self._provider.limits.pair_tokens,
            activation="identity" if self._scale == "similarity" else "sigmoid",
            instructions=instructions,
        )

    def _asked(self, query: str, instruction: str | None, limits: Limits) -> Asked:
        """What all requests of a list have in common. Raises `InputError` for limits that the provider cannot keep."""
        provider = self._provider
        if limits.policy == "chunk":
            raise InputError(f'policy="chunk": {provider.title} reads documents by itself. Leave the policy out.')
        if limits.policy == "error" and not provider.can_refuse_long:
            raise InputError(f'policy="error": {provider.title} cuts long documents and cannot refuse them.')
        if limits.max_tokens is not None and not provider.takes_max_tokens:
            raise InputError(f"max_tokens={limits.max_tokens}: {provider.title} has a limit of its own. Leave it out.")
        slot = self._declared.instructions == "slot"
        told = instruction if slot and instruction and instruction.strip() else None
        return Asked(
            model=self._model,
            query=query if slot else join(instruction, query),
            documents=(),
            instruction=told,
            refuse_long=limits.policy == "error",
            max_tokens=limits.max_tokens,
        )

    def _check_metadata(self, metadata: Sequence[str] | None, documents: int) -> None:
        if metadata is None:
            return
        if not self._provider.takes_metadata:
            raise InputError(f"metadata: {self._provider.title} takes none. Put it into the documents.")
        if len(metadata) != documents:
            raise InputError(
                f'{len(metadata)} lines of metadata for {documents} documents: give one each, "" for none.'
            )

    def _ask_all(self, asks: Sequence[Asked]) -> list[_Part]:
        """Every request's answer, in order; the first failure calls the rest off."""
        deadline = self._client.deadline()
        if len(asks) <= 1:
            return [self._ask(asked, deadline) for asked in asks]
        pool = ThreadPoolExecutor(min(self._in_flight, len(asks)), "secondpass-hosted")
        try:
            futures = [pool.submit(self._ask, asked, deadline) for asked in asks]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()  # raises what failed first
            return [future.result() for future in futures]
        finally:
            deadline.call_off()
            # A request under way ends by itself: nobody waits for it after a failure.
            pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, asked: Asked, deadline: Deadline) -> _Part:
        path = self._provider.path.format(model=quote(self._provider.model_in_path(self._model), safe="/"))
        body = self._client.post(path, {**self._provider.build(asked), **self._options}, deadline)
        try:
            return self._read(body, len(asked.documents))
        except BadAnswer as wrong:
            problem = str(wrong)
        raise self._client.error(f"gave an answer that cannot be used: {problem}")

    def _read(self, body: Any, documents: int) -> _Part:
        answer = self._provider.read(body)
        self._meter.add(answer.used)  # it was billed, whatever the scores are worth
        scores, truncated = in_order(answer.rows, documents)
        if self._scale == "probability":
            require_probabilities(scores)
        return _Part(scores, truncated)

    def _logits(self, documents: int, sent: Sequence[int], parts: Sequence[_Part]) -> NDArray[np.float32]:
        logits = np.full(documents, LOWEST, np.float32)
        if parts:
            found = logits_of(
                np.concatenate([part.scores for part in parts]), probabilities=self._scale == "probability"
            )
            logits[:] = min(LOWEST, float(found.min()))  # for those that were not sent
            logits[sent] = found
        return logits


def _default_model(provider: Provider) -> str:
    if provider.default_model is None:
        raise UnknownModel(f"{provider.name + ':'!r} names no model: give one, as in '{provider.name}:MODEL'.")
    return provider.default_model


def _base_url(provider: Provider, given: str | None, environ: Mapping[str, str]) -> str:
    own = f"{provider.name.upper().replace('-', '_')}_BASE_URL"
    variables = (own, *(name for name in provider.url_variables if name != own))
    found = given or next((environ[name] for name in variables if environ.get(name)), provider.base_url)
    if found is None:
        raise InputError(
            f"Where is {provider.title}? Name it as '{provider.name}:http://localhost:8080', "
            f"or set {' or '.join(variables)}."
        )
    return found


def _checked_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    wrong = sorted(_OWN.intersection(options))
    if wrong:
        raise InputError(f"options has {', '.join(wrong)}, which the scorer writes itself: leave it out.")
    try:
        json.dumps(dict(options), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"options={options!r:.200} cannot be written as JSON: {error}. Give plain values.") from error
    return dict(options)


def _fewer(provider: Provider, max_documents: int | None) -> RequestLimits:
    if max_documents is None:
        return provider.limits
    if max_documents < 1:
        raise InputError(f"max_documents={max_documents}: give 1 or more.")
    return replace(provider.limits, documents=max_documents)
