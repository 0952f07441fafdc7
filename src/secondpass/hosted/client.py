"""One HTTP client for all providers: keys, timeouts, retries, a bound on requests in flight.

Knows URLs, statuses and JSON; nothing of documents and scores. A key is in one header, and in no error, repr or log.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from secondpass.errors import (
    DeadlineExceeded,
    HostedAPIError,
    InputError,
    MissingExtra,
    ModelError,
    ServiceError,
    Unauthorized,
)
from secondpass.hosted.key import Key
from secondpass.hosted.retry import AGAIN, Deadline, Patience, World, retry_after
from secondpass.text.encode import clean

try:
    import httpx
except ImportError as error:
    raise MissingExtra("A hosted reranker", "hosted") from error

MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read. 1,000 documents' scores take 100 kB."""

_MESSAGE = 300  # characters of an error's body that are shown
_REFUSED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that failed: how (ends a sentence), whether another may succeed, and the wait that was asked for."""

    how: str
    again: bool
    wait: float | None = None
    kind: type[ServiceError] = HostedAPIError


@dataclass(frozen=True, slots=True)
class Reply:
    """A status in the 200s with a body of JSON."""

    body: Any


class _Session:
    """Connections, and a place for each request in flight. Belongs to one process: sockets do not survive a fork."""

    def __init__(self, in_flight: int, transport: httpx.BaseTransport | None) -> None:
        self.pid = os.getpid()
        self.closed = False
        limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
        self.http = httpx.Client(transport=transport, limits=limits, follow_redirects=False, verify=_trusted())
        self._places = threading.BoundedSemaphore(in_flight)
        self._lock = threading.Lock()
        self._busy = 0

    def enter(self, seconds: float) -> bool:
        """Take a place, waiting for one; False where there was none in time, or the session was closed."""
        if not self._places.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            return False
        with self._lock:
            is_open = not self.closed
            self._busy += is_open
        if not is_open:
            self._places.release()
        return is_open

    def leave(self) -> None:
        with self._lock:
            self._busy -= 1
            last = self.closed and not self._busy
        self._places.release()
        if last:
            self.http.close()

    def close(self) -> None:
        """Close the connections once the requests in flight have ended: one that is closed under a read hangs it."""
        with self._lock:
            self.closed = True
            idle = not self._busy
        if idle:
            self.http.close()


@cache
def _trusted() -> ssl.SSLContext:
    """Who is trusted, read once: it takes longer than a request."""
    return httpx.create_ssl_context()


class Client:
    """POSTs JSON to one provider and gives JSON back. Safe to use from several threads and after a fork."""

    def __init__(
        self,
        title: str,
        base_url: str,
        headers: Mapping[str, str],
        *,
        key: Key | None = None,
        key_header: str = "Authorization",
        key_prefix: str = "Bearer ",
        patience: Patience,
        in_flight: int,
        world: World,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if in_flight < 1:
            raise InputError(f"in_flight={in_flight}: give 1 or more.")
        self._title = title
        self._base_url = checked_url(base_url)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._key, self._key_header, self._key_prefix = key, key_header, key_prefix
        self._patience = patience
        self._in_flight = in_flight
        self._world = world
        self._transport = transport
        self._session = _Session(in_flight, transport)

    def deadline(self) -> Deadline:
        """When everything that one list needs has to be there, from now."""
        return Deadline(self._patience.total_s, self._world)

    def post(self, path: str, body: Mapping[str, Any], deadline: Deadline) -> Any:
        """The JSON that `path` answers to `body`, tried as often as the patience allows.

        Raises `Unauthorized` for a key that is not accepted, `DeadlineExceeded` past the deadline, and `HostedAPIError`
        for everything else, each with the provider's name and its own message.
        """
        url = joined(self._base_url, path)
        content = clean(json.dumps(body, ensure_ascii=False, allow_nan=False)).encode()
        attempt = 0
        while True:
            attempt += 1
            result = self._attempt(url, content, deadline)
            if isinstance(result, Reply):
                return result.body
            tries = f" ({attempt} attempts)" if attempt > 1 else ""
            if not result.again or attempt >= self._patience.attempts or deadline.called_off:
                raise self.error(result.how + tries, result.kind)
            wait = self._patience.wait(attempt, result.wait, self._world.chance())
            if wait >= deadline.left():
                asked = f"; it asks to wait {result.wait:.0f} s" if result.wait else ""
                why = f"{result.how}{tries}{asked}, and total_s={self._patience.total_s:g} is over before that"
                raise self.error(why, DeadlineExceeded)
            deadline.sleep(wait)
            if deadline.called_off:
                raise self.error(result.how + tries, result.kind)

    def error(self, how: str, kind: type[ServiceError] = HostedAPIError) -> ServiceError:
        """An error that names the provider and where it is, and that has no key in it."""
        text = (
            f"{self._title} at {self._base_url} {how.rstrip('.')}. {_REMEDIES[kind].format(source=self._key_source())}"
        )
        return kind(text if self._key is None else self._key.hidden_in(text))

    def close(self) -> None:
        """Close the connections; requests in flight end first, elsewhere. Closing twice does nothing."""
        self._session.close()

    def __repr__(self) -> str:
        return f"Client({self._title!r}, {self._base_url!r})"

    def _key_source(self) -> str:
        return "none was sent" if self._key is None else f"it came from {self._key.source}"

    def _attempt(self, url: str, content: bytes, deadline: Deadline) -> Reply | Failure:
        # What went wrong is told, not chained: an exception of the HTTP client holds the request with its headers.
        try:
            with self._place(deadline) as (http, seconds):
                if not seconds:
                    return self._late()
                return self._exchange(http, url, content, seconds, deadline)
        except httpx.TimeoutException:
            return Failure(f"did not answer within timeout_s={self._patience.timeout_s:g}", again=True)
        except httpx.RequestError as error:
            return Failure(f"could not be read: {type(error).__name__}: {error}", again=True)

    @contextmanager
    def _place(self, deadline: Deadline) -> Iterator[tuple[httpx.Client, float]]:
        """A place among the requests in flight: the connections, and the seconds that an attempt has (0 if none)."""
        session = self._session
        if session.pid != os.getpid() and not session.closed:
            session = self._session = _Session(self._in_flight, self._transport)
        entered = session.enter(deadline.left())
        if session.closed and not entered:
            raise ModelError(f"This scorer of {self._title} is closed: open it anew.")
        if not entered:
            yield session.http, 0.0
            return
        try:
            yield session.http, min(self._patience.timeout_s, deadline.left())
        finally:
            session.leave()

    def _exchange(
        self, http: httpx.Client, url: str, content: bytes, seconds: float, deadline: Deadline
    ) -> Reply | Failure:
        headers = dict(self._headers)
        if self._key is not None:
            headers[self._key_header] = self._key.header(self._key_prefix)
        with http.stream("POST", url, content=content, headers=headers, timeout=seconds) as response:
            received = bytearray()
            # httpx times each read by itself: an answer that comes drop by drop has to be stopped here.
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) > MOST_BYTES:
                    return Failure(f"answered with more than {MOST_BYTES} bytes", again=False)
                if not deadline.left():
                    return self._late()
            text = received.decode("utf-8", "replace")
            if response.is_success:
                return _parsed(text, response.status_code)
            asked = retry_after(response.headers.get("Retry-After"), self._world.now())
            return self._refused(response.status_code, text, asked)

    def _late(self) -> Failure:
        return Failure(f"did not answer within total_s={self._patience.total_s:g}", again=False, kind=DeadlineExceeded)

    def _refused(self, status: int, text: str, asked: float | None) -> Failure:
        message = said(text)
        # The key goes before the message is cut, or a part of it might stay.
        message = message if self._key is None else self._key.hidden_in(message)
        message = message if len(message) <= _MESSAGE else message[: _MESSAGE - 1] + "…"
        how = f"answered {status}: {message}" if message else f"answered {status} without a message"
        kind = Unauthorized if status in _REFUSED else HostedAPIError
        return Failure(how, again=status in AGAIN, wait=asked, kind=kind)


_REMEDIES: Mapping[type[ServiceError], str] = {
    Unauthorized: "Check the key ({source}) and what it may use.",
    DeadlineExceeded: "Give it more time (total_s), or send fewer documents.",
    HostedAPIError: "See the provider's status and documentation, or try again later.",
}


def said(text: str) -> str:
    """The message in an error's body, wherever its dialect puts it; a body without any as it is, on one line."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())
    places: list[Any] = [body]
    if isinstance(body, Mapping):
        error = body.get("error")
        inner = error.get("message") if isinstance(error, Mapping) else error
        places = [body.get("message"), body.get("detail"), inner, body]
    found = next((place for place in places if place), "")
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def joined(base: str, path: str) -> str:
    """`base` and `path`; what a base already has of it, its first part (`/v1`) or all of it, is not repeated."""
    first = "/" + path.split("/")[1]
    trimmed = base.rstrip("/")
    return trimmed if trimmed.endswith(path) else trimmed.removesuffix(first) + path


def checked_url(url: str) -> str:
    """A base URL without a trailing slash. Raises `InputError`, which does not repeat what might be a secret."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"The base URL cannot be read ({error}). Give one such as http://localhost:8080.") from None
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            f"The base URL of {host} has a user, a query or a fragment, which could hold a secret that ends in a log. "
            "Give scheme, host, port and path alone, and the key in the environment."
        )
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise InputError(f"base_url={url!r} is not a URL of a server: give one such as http://localhost:8080.")
    return url.rstrip("/")


def _parsed(text: str, status: int) -> Reply | Failure:
    try:
        return Reply(json.loads(text))
    except (ValueError, RecursionError):
        start = " ".join(text.split())[:80]
        # A proxy's page, or an answer that was cut off: the next may be whole.
        return Failure(f"answered {status} with what is no JSON: {start!r}", again=True)
