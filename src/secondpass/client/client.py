"""`Client` and `AsyncClient`: one server of ours, asked from threads and from an event loop.

Knows httpx and how to drive a talk; what is said in it is elsewhere.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self, Unpack

from secondpass.client.call import Call, Options
from secondpass.client.talk import Got, Send, Talk, Wait, talk
from secondpass.errors import HostedAPIError, InputError, MissingExtra, ServiceError
from secondpass.hosted.key import Key
from secondpass.hosted.retry import Patience, World
from secondpass.types import AnyDocument, Ranking

try:
    import httpx
except ImportError as error:
    raise MissingExtra("The client of a server", "hosted") from error

_RANK = "/shared/rerank"
_MODELS = "/v1/models"
_READY = "/ready"
_VARIABLE = "SECONDPASS_API_KEY"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that the server has: the `id` to ask for it by, its `name`, and the longest input that it reads."""

    id: str
    name: str
    max_tokens: int | None


class _Face:
    """What both clients share: where the server is, the key, how patient to be, and what is said."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        api_key: str | None = None,
        *,
        timeout: float = 30,
        retries: int = 4,
    ) -> None:
        """The server at `base_url`, with `api_key`, or SECONDPASS_API_KEY of the environment, or none.

        `timeout`: seconds for one attempt. `retries`: how often to try again after 429, 5xx and lost connections,
        waiting ever longer between, and at least as long as the server's Retry-After asks. Raises `InputError`.
        """
        from secondpass.hosted.client import checked_url

        if retries < 0:
            raise InputError(f"retries={retries}: give 0 or more.")
        self._base_url = checked_url(base_url)
        self._patience = Patience(timeout_s=timeout, attempts=retries + 1)
        secret = os.environ.get(_VARIABLE, "") if api_key is None else api_key
        self._key = Key(secret, _VARIABLE if api_key is None else "api_key=") if secret.strip() else None
        self._open()

    def _open(self) -> None:
        """Make the connections' pool."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    def _talk(self, call: Call | None = None) -> Talk:
        """About a ranking, or a page that is only fetched."""
        body, deadline_ms = (call.body, call.deadline_ms) if call else (None, None)
        return talk(body, deadline_ms, self._patience, World(), f"The server at {self._base_url}")

    def _request(self, path: str, send: Send) -> dict[str, Any]:
        """For httpx. The key is in no attribute of the connection, so that no repr has it."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = self._key.header("Bearer ")
        method = "GET" if send.content is None else "POST"
        content, timeout = send.content, send.timeout
        return {
            "method": method,
            "url": self._base_url + path,
            "content": content,
            "headers": headers,
            "timeout": timeout,
        }

    @property
    def _once(self) -> Send:
        return Send(None, self._patience.timeout_s)


class Client(_Face):
    """One server, asked from any thread. Closes its connections with `close`, or at the end of a `with`."""

    def _open(self) -> None:
        self._http = httpx.Client()

    def rank(self, query: str, documents: Iterable[AnyDocument], **options: Unpack[Options]) -> Ranking:
        """Rank `documents` for `query`, best first, as `Reranker.rank` does here.

        `model`: the id of one of `models()`; the server's default for None. `instruction`, `top_n`, `now`, `rules`,
        `budget_ms` and `priority` are those of `Reranker.rank`; `signals` and `cascade` are written as on the command
        line. `deadline_ms`: when the answer is wanted, from now, attempts and waits together; the best order by then
        comes as a degraded ranking, or with `on_deadline="error"` as `DeadlineExceeded`.

        Raises `InputError`, `Unauthorized`, `Overloaded` with the seconds to wait, `DeadlineExceeded`, and
        `ServiceError` for a server that cannot be reached or has failed.
        """
        call = Call.of(query, documents, options)
        return call.ranking(self._say(_RANK, self._talk(call)))

    def models(self) -> tuple[ServedModel, ...]:
        """The models that are served."""
        return _models(self._say(_MODELS, self._talk()))

    def health(self) -> str:
        """Whether the server is "ready", "loading" or "draining". Raises `ServiceError` where nothing answers."""
        return _health(self._send(_READY, self._once))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, path: str, said: Talk) -> Any:
        try:
            step = next(said)
            while True:
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                    step = next(said)
                else:
                    step = said.send(self._send(path, step))
        except StopIteration as end:
            return end.value

    def _send(self, path: str, send: Send) -> Got:
        try:
            return _got(self._http.request(**self._request(path, send)))
        except httpx.TransportError as error:
            return _lost(error, send)


class AsyncClient(_Face):
    """The same for an event loop. Closes its connections with `close`, or at the end of an `async with`."""

    def _open(self) -> None:
        self._http = httpx.AsyncClient()

    async def rank(self, query: str, documents: Iterable[AnyDocument], **options: Unpack[Options]) -> Ranking:
        """As `Client.rank`."""
        call = Call.of(query, documents, options)
        return call.ranking(await self._say(_RANK, self._talk(call)))

    async def models(self) -> tuple[ServedModel, ...]:
        """As `Client.models`."""
        return _models(await self._say(_MODELS, self._talk()))

    async def health(self) -> str:
        """As `Client.health`."""
        return _health(await self._send(_READY, self._once))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _say(self, path: str, said: Talk) -> Any:
        try:
            step = next(said)
            while True:
                if isinstance(step, Wait):
                    await asyncio.sleep(step.seconds)
                    step = next(said)
                else:
                    step = said.send(await self._send(path, step))
        except StopIteration as end:
            return end.value

    async def _send(self, path: str, send: Send) -> Got:
        try:
            return _got(await self._http.request(**self._request(path, send)))
        except httpx.TransportError as error:
            return _lost(error, send)


def _got(response: httpx.Response) -> Got:
    return Got(response.status_code, response.text, response.headers.get("Retry-After"))


def _lost(error: httpx.TransportError, send: Send) -> Got:
    # Told, not chained: an error of httpx holds the request with its headers.
    if isinstance(error, httpx.TimeoutException):
        return Got(0, f"did not answer within {send.timeout:g} s")
    return Got(0, f"could not be reached ({type(error).__name__}: {error})")


def _models(answer: Any) -> tuple[ServedModel, ...]:
    try:
        return tuple(ServedModel(row["id"], row["root"], row["max_model_len"]) for row in answer["data"])
    except (KeyError, TypeError) as error:
        raise HostedAPIError(
            f"The list of models is not one of a secondpass server ({error!r}). Check base_url."
        ) from error


def _health(got: Got) -> str:
    words = [word for word in ("ready", "loading", "draining") if f'"status":"{word}"' in got.text.replace(" ", "")]
    if not words:
        raise ServiceError(f"No secondpass server answers: {got.status or ''} {got.text[:200]} Check base_url.")
    return words[0]
