"""What one request needs until it is answered: attempts, waits between them, and when to give up.

A talk is a generator that says what to do next and is told what came of it, so that one serves threads and event loops
alike. Knows statuses and bodies; nothing of sockets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from secondpass.errors import (
    DeadlineExceeded,
    HostedAPIError,
    InputError,
    Overloaded,
    SecondpassError,
    ServiceError,
    Unauthorized,
)
from secondpass.hosted.retry import AGAIN, Patience, World, retry_after

GRACE_S = 1.0
"""How long after the deadline an answer may still come in: past it the server sends the best order that it knows."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this body (None: a GET) and wait so many seconds for the answer."""

    content: bytes | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Got:
    """What an attempt brought: a status with a body, or (`status` 0) in `text` what went wrong on the way."""

    status: int
    text: str
    retry_after: str | None = None


Talk = Generator[Send | Wait, Got | None, Any]


def talk(
    made: Callable[[float | None], bytes] | None,
    deadline_ms: float | None,
    patience: Patience,
    world: World,
    where: str,
) -> Talk:
    """Ask until there is an answer; returns its JSON. `made` gives the body, for the milliseconds
    that are left; None fetches a page.

    Raises `Unauthorized`, `InputError`, `Overloaded` with the seconds to wait, `DeadlineExceeded`, and `HostedAPIError`
    or `ServiceError` for what is left. A wait that the server asks for and that is longer than an attempt may take is
    the caller's to make.
    """
    began, attempt = world.clock(), 0
    while True:
        attempt += 1
        left = None if deadline_ms is None else deadline_ms / 1000 - (world.clock() - began)
        if left is not None and left <= 0:
            raise DeadlineExceeded(f"{where} did not answer within deadline_ms={deadline_ms:g}: give it more time.")
        timeout = patience.timeout_s if left is None else min(patience.timeout_s, left + GRACE_S)
        got = yield Send(made and made(None if left is None else left * 1000), timeout)
        assert got is not None  # what drives the talk answers every Send
        if 200 <= got.status < 300:
            return _json(got, where)
        asked = retry_after(got.retry_after, world.now())
        error = _error(got, asked, where)
        wait = patience.wait(attempt, asked, world.chance())
        if (got.status and got.status not in AGAIN) or attempt >= patience.attempts or wait > patience.timeout_s:
            raise error
        if left is not None and deadline_ms is not None and wait >= deadline_ms / 1000 - (world.clock() - began):
            raise (
                error
                if isinstance(error, Overloaded)
                else DeadlineExceeded(f"{error} deadline_ms={deadline_ms:g} is over before another attempt.")
            )
        yield Wait(wait)


def _json(got: Got, where: str) -> Any:
    try:
        return json.loads(got.text)
    except (ValueError, RecursionError) as error:
        start = " ".join(got.text.split())[:80]
        raise HostedAPIError(
            f"{where} answered {got.status} with what is no JSON: {start!r}. Check base_url."
        ) from error


def _error(got: Got, asked: float | None, where: str) -> SecondpassError:
    from secondpass.hosted.client import said

    if not got.status:
        return ServiceError(f"{where} {got.text}. Check base_url, and that the server runs.")
    told = f"{where} answered {got.status}: {said(got.text)[:500] or 'no message'}"
    if got.status in (401, 403):
        return Unauthorized(f"{told} The key is api_key=, or SECONDPASS_API_KEY in the environment.")
    if got.status == 429:
        return Overloaded(told, retry_after=asked)
    if got.status == 504:
        return DeadlineExceeded(told)
    return InputError(told) if got.status < 500 else ServiceError(told)
