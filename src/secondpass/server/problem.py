"""What can go wrong with a request, as a status and a message; each dialect writes it in its own form.

Knows no dialect. No message holds a key or a document's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secondpass.errors import (
    DeadlineExceeded,
    HostedAPIError,
    InputError,
    Overloaded,
    ServiceError,
    Unauthorized,
    UnknownModel,
)

NOTHING_HERE = "There is nothing at this path; /docs lists what there is."


class Refused(InputError):
    """A request that cannot be used: `param` names the field, `status` is None for the dialect's own."""

    def __init__(self, message: str, param: str | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.status = status


class NotReady(ServiceError):
    """The server loads its models, or is about to end."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure. `retry_after` in seconds, where trying again can help."""

    status: int
    message: str
    param: str | None = None
    retry_after: float | None = None

    @property
    def type(self) -> str:
        """What OpenAI-like clients call it."""
        return _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")


_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "unavailable_error",
    504: "timeout_error",
}

_STATUSES: Mapping[type[BaseException], int] = {
    NotReady: 503,
    Overloaded: 429,
    Unauthorized: 401,
    UnknownModel: 404,
    DeadlineExceeded: 504,
    HostedAPIError: 502,
}
"""By the error's type; what the models' own services refuse us is never our client's fault (see `problem_of`)."""


def problem_of(error: Exception, refused: int) -> Problem:
    """What `error` is to the client; `refused` is the dialect's status for input that cannot be used."""
    retry_after = getattr(error, "retry_after", None)
    if isinstance(error, Refused):
        return Problem(error.status or refused, str(error), error.param)
    if isinstance(error, InputError):
        return Problem(refused, str(error))
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            waits = (retry_after or 1.0) if status in (429, 503) else None
            return Problem(status, str(error), retry_after=waits)
    return Problem(500, f"The model failed ({type(error).__name__}); the server's log has the request's id.")


def as_everyone_reads(problem: Problem) -> dict[str, Any]:
    """The form in which every family of clients finds its message, but TEI's."""
    told = {"message": problem.message, "type": problem.type, "param": problem.param, "code": problem.status}
    return {"message": problem.message, "detail": problem.message, "error": told}
