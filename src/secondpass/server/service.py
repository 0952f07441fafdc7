"""One request's way through the server: key, body, deadline, a thread to rank in, the answer, what is counted.

Knows HTTP and dialects by their contract. What computes runs in threads, so that the event loop is free; a request
whose client hangs up, or whose time is over, is given up there.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from secondpass.errors import Cancelled
from secondpass.server.admission import Admission
from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body, dump, parse
from secondpass.server.dialects.dialect import Dialect, Sent
from secondpass.server.dialects.registry import chosen, presumed
from secondpass.server.extension import answered, extended
from secondpass.server.keys import Key, Keys
from secondpass.server.log import LOGGER, where
from secondpass.server.metrics import Metrics, Outcome
from secondpass.server.models import Models, Ranked
from secondpass.server.problem import NotReady, Problem, Refused, problem_of
from secondpass.server.settings import Settings
from secondpass.server.tracing import Tracing

DEADLINE = "x-request-timeout-ms"
"""The header with a request's deadline, in milliseconds from when it comes in."""

GONE = 499
"""The status under which a request is counted whose client hung up."""

_REQUEST_ID = re.compile(r"[\w.:-]{1,128}")
_PHASES = ("read", "wait", "queue", "tokenise", "infer", "rank", "write", "total")


class Gone:
    """Whether anybody waits for the answer any more; set by the event loop, asked by the threads."""

    def __init__(self) -> None:
        self._is = False

    def __call__(self) -> bool:
        return self._is

    def set(self) -> None:
        self._is = True


@dataclass(slots=True)
class Work:
    """One request under way. `dialect` is what the headers make likely until the body tells which it is."""

    candidates: tuple[Dialect, ...]
    dialect: Dialect
    sent: Sent
    id: str
    began: float
    outcome: Outcome
    raw: bytes = b""
    until: float | None = None
    gone: Gone = field(default_factory=Gone)
    key: Key | None = None


class Service:
    """Answers requests in every dialect. `ready` is whether models are loaded, `draining` whether the end is near."""

    def __init__(self, settings: Settings, models: Models, keys: Keys) -> None:
        self.settings = settings
        self.models = models
        self.keys = keys
        self.ready = False
        self.draining = False
        self.admission = Admission(settings.max_queued_tokens)
        self._tracing = Tracing(settings.tracing)
        self.pool = ThreadPoolExecutor(settings.threads, "secondpass-request")
        self.metrics = Metrics(
            models.cache,
            {
                "requests_under_way": ("Requests under way.", lambda: self.admission.requests),
                "tokens_under_way": ("Tokens under way, by 4 bytes a token.", lambda: self.admission.tokens),
            },
        )

    async def answer(self, request: Request, route: str, candidates: tuple[Dialect, ...]) -> Response:
        """The response to one request at a path with these dialects. Never raises for what a client does."""
        work = self._begun(request, route, candidates)
        try:
            response = Response(await self._answer(request, work), media_type="application/json")
        except (ClientDisconnect, Cancelled):
            work.outcome.error = "Cancelled"
            response = Response(status_code=GONE)
        except Exception as error:  # noqa: BLE001 the edge: every defect ends in an answer in the client's own form
            response = self._failed(work, error)
        return self._done(work, response)

    def require_ready(self) -> None:
        """Raise `NotReady` while models are loaded."""
        if not self.ready:
            raise NotReady("The models are being loaded: try again in a moment.", 1.0)

    def allow(self, headers: Mapping[str, str]) -> Key | None:
        """Whose key the headers have. Raises `Unauthorized`."""
        return self.keys.named(headers)

    def _begun(self, request: Request, route: str, candidates: tuple[Dialect, ...]) -> Work:
        headers = dict(request.headers)  # names in lower case, one of each
        given = headers.get("x-request-id", "")
        own = presumed(candidates, headers)
        return Work(
            candidates=candidates,
            dialect=own,
            sent=Sent(route, {name: str(value) for name, value in request.path_params.items()}, headers),
            id=given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex,
            began=time.monotonic(),
            outcome=Outcome(own.name),
        )

    async def _answer(self, request: Request, work: Work) -> bytes:
        work.key = self.allow(work.sent.headers)
        self.require_ready()
        self.keys.admit(work.key)
        work.until = _until(work, self.settings.deadline_ms)
        work.raw = await _read(request, int(self.settings.max_body_mb * 1_000_000))
        work.outcome.phases["read"] = time.monotonic() - work.began
        with self.admission.admitted(len(work.raw)):
            return await self._computed(request, work)

    async def _computed(self, request: Request, work: Work) -> bytes:
        """The answer of a thread, unless the client hangs up first."""
        handed = time.monotonic()
        job = self.pool.submit(self._work, work, handed)
        computed = asyncio.wrap_future(job)
        hung_up = asyncio.ensure_future(_hangs_up(request))
        try:
            left = None if work.until is None else max(0.0, work.until - handed)
            ended, _ = await asyncio.wait((computed, hung_up), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not ended and job.cancel():
                # No thread had time for it, and now there is nothing to be read any more: that needs none of them.
                return await asyncio.to_thread(self._work, work, handed)
            await asyncio.wait((computed, hung_up), return_when=asyncio.FIRST_COMPLETED)
            if not computed.done():
                work.gone.set()
                if not job.cancel():  # its tokens stay counted as under way until the thread has let go of them
                    await asyncio.wait((computed,))
                    computed.exception()
                raise Cancelled("The client hung up.")
            return computed.result()
        finally:
            work.gone.set()
            hung_up.cancel()

    def _work(self, work: Work, handed: float) -> bytes:
        """In a thread: from the body to the answer's body."""
        began = time.monotonic()
        phases = work.outcome.phases
        phases["wait"] = began - handed
        if work.gone():
            raise Cancelled("The client hung up.")
        try:
            asked = self._asked(work)
        except RecursionError as error:
            raise Refused("The body is nested too deeply: send plain documents.") from error
        phases["read"] += time.monotonic() - began
        began = time.monotonic()
        with self._tracing.span(work.id, work.dialect.name, asked) as span:
            ranked = self._ranked(work, asked)
            span.done(ranked)
        phases["rank"] = time.monotonic() - began
        work.outcome.note(ranked.spent)
        return self._written(work, asked, ranked)

    def _asked(self, work: Work) -> Asked:
        given = parse(work.raw)
        work.raw = b""
        work.dialect = chosen(work.candidates, given, work.sent)
        work.outcome.dialect = work.dialect.name
        body = Body(given)
        asked = extended(work.dialect.read(body, work.sent), body)
        work.outcome.documents = len(asked.documents)
        return asked

    def _ranked(self, work: Work, asked: Asked) -> Ranked:
        until = work.until
        if asked.more.deadline_ms is not None:
            own = work.began + asked.more.deadline_ms / 1000
            until = own if until is None else min(until, own)
        try:
            ranked = self.models.rank(asked, until, work.gone)
        except RecursionError as error:
            raise Refused("A document is nested too deeply: send plain documents.") from error
        # Clients may make any number of cascades: as a label they are one.
        work.outcome.model = ranked.model if asked.more.cascade is None else "cascade"
        work.outcome.tokens, work.outcome.degraded = ranked.tokens, ranked.degraded
        self.keys.spend(work.key, ranked.tokens)
        return ranked

    def _written(self, work: Work, asked: Asked, ranked: Ranked) -> bytes:
        began = time.monotonic()
        answer = Answered(
            asked=asked,
            id=work.id,
            model=ranked.model,
            hits=ranked.hits,
            query_tokens=ranked.query_tokens,
            tokens=ranked.tokens,
            created=int(time.time()),
            seconds=work.outcome.phases["rank"],
            degraded=ranked.degraded,
            rules=ranked.rules,
            stages=ranked.stages,
        )
        content = dump(answered(work.dialect.write(answer), answer))
        work.outcome.phases["write"] = time.monotonic() - began
        return content

    def _failed(self, work: Work, error: Exception) -> Response:
        problem = problem_of(error, work.dialect.refused)
        work.outcome.error = type(error).__name__
        if problem.status == 500:
            LOGGER.error("failed", extra={"told": {"request_id": work.id, "where": where(error)}}, exc_info=error)
        return failed(problem, work.dialect)

    def _done(self, work: Work, response: Response) -> Response:
        outcome = work.outcome
        outcome.status = response.status_code
        outcome.phases["total"] = time.monotonic() - work.began
        response.headers["X-Request-Id"] = work.id
        response.headers["Server-Timing"] = ", ".join(
            f"{name};dur={outcome.phases[name] * 1000:.1f}" for name in _PHASES if name in outcome.phases
        )
        if outcome.model:
            # Aliases may be in any script, headers may not.
            response.headers["X-Secondpass-Model"] = outcome.model.encode("ascii", "backslashreplace").decode()
        if outcome.degraded:
            response.headers["X-Secondpass-Degraded"] = "true"
        if self.draining:
            response.headers["Connection"] = "close"
        self.metrics.count(outcome)
        self._log(work)
        return response

    def _log(self, work: Work) -> None:
        if not LOGGER.isEnabledFor(logging.INFO):
            return
        outcome = work.outcome
        told: dict[str, Any] = {
            "request_id": work.id,
            "route": work.sent.route,
            "dialect": outcome.dialect,
            "model": outcome.model,
            "status": outcome.status,
            "documents": outcome.documents,
            "tokens": outcome.tokens,
            "ms": {name: round(seconds * 1000, 1) for name, seconds in outcome.phases.items()},
        }
        told |= {"degraded": True} if outcome.degraded else {}
        told |= {"error": outcome.error} if outcome.error else {}
        told |= {"key": work.key.name} if work.key else {}
        LOGGER.info("request", extra={"told": told})


def failed(problem: Problem, dialect: Dialect) -> Response:
    """A failure in the form that the dialect's clients read."""
    response = Response(dump(dialect.error(problem)), problem.status, media_type="application/json")
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(problem.retry_after + 0.5)))
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _until(work: Work, default_ms: float | None) -> float | None:
    """The deadline that the header or the settings give. Raises `Refused`."""
    given = work.sent.headers.get(DEADLINE)
    if given is None:
        return None if default_ms is None else work.began + default_ms / 1000
    try:
        milliseconds = float(given)
    except ValueError:
        milliseconds = 0.0
    if not 0 < milliseconds < 1e9:
        raise Refused(f"The header {DEADLINE} is no deadline: give milliseconds, more than 0.", DEADLINE)
    return work.began + milliseconds / 1000


async def _read(request: Request, most: int) -> bytes:
    """The whole body. Raises `Refused` with 413 once it is longer than `most` bytes."""
    too_long = Refused(f"The body is over {most} bytes: send fewer documents at a time.", status=413)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise too_long
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise too_long
    return bytes(found)


async def _hangs_up(request: Request) -> None:
    """Return once the client has gone; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
