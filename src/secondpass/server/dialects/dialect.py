"""What a dialect is: its paths, how its body is told apart, read and answered. Data in and out, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from secondpass.server.asked import Answered, Asked
from secondpass.server.body import Body
from secondpass.server.problem import Problem, as_everyone_reads


@dataclass(frozen=True, slots=True)
class Sent:
    """What comes beside the body: the `route`'s path, its parameters, and the headers, by names in lower case."""

    route: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def _always(body: Mapping[str, Any], sent: Sent) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Dialect:
    """One API, as clients know it.

    `paths` are those below its own `prefix`; `root`, those at which it is reached without the prefix too (None for all
    of them), where `claims` says that a body is its own. `error` writes a failure, `refused` is the status of input
    that cannot be used. `signature` begins the Authorization header of its clients and nobody else's, so that a refusal
    before the body is read has its form too. `example`: a request's body for the documentation. `source`: where the
    format was taken from.
    """

    name: str
    title: str
    prefix: str
    paths: tuple[str, ...]
    read: Callable[[Body, Sent], Asked]
    write: Callable[[Answered], Any]
    example: Mapping[str, Any]
    source: str
    root: tuple[str, ...] | None = None
    claims: Callable[[Mapping[str, Any], Sent], bool] = _always
    error: Callable[[Problem], Any] = as_everyone_reads
    refused: int = 422
    signature: str | None = None

    @property
    def at_root(self) -> tuple[str, ...]:
        """The paths without a prefix."""
        return self.paths if self.root is None else self.root


QUERY = "when do I get my money back?"
DOCUMENTS = ["Refunds reach your account within five working days.", "Opening hours: Monday to Friday, nine to five."]


def example(**more: Any) -> dict[str, Any]:
    """A request in the shape that most dialects share."""
    return {"model": "embedded", "query": QUERY, "documents": DOCUMENTS, **more}
