"""Every error that secondpass raises on purpose.

    SecondpassError
    ├── InputError               what the caller gave cannot be used (also a ValueError)
    ├── ModelError               a model cannot be used
    │   ├── UnknownModel         no built-in, folder or hub id of that name
    │   ├── UntrainedHead        the checkpoint has no trained scoring head
    │   ├── MissingExtra         an optional dependency is not installed (also an ImportError)
    │   └── ModelLoadError       the files are there, but cannot be read as this model
    └── ServiceError             a service cannot answer now
        ├── Overloaded
        ├── DeadlineExceeded
        ├── Cancelled
        ├── Unauthorized
        └── HostedAPIError

And what it warns of, without refusing anything:

    UserWarning
    ├── LicenceWarning           the model's licence forbids commercial use
    └── UnverifiedWarning        the model's scores were not held against its authors' code

Every message says what was wrong, with the value, and what to do.
"""

from __future__ import annotations


class SecondpassError(Exception):
    """The root: catch it to catch everything that secondpass raises on purpose."""


class InputError(SecondpassError, ValueError):
    """What the caller gave cannot be used; the message names the value and the remedy."""


class ModelError(SecondpassError):
    """A model cannot be used."""


class UnknownModel(ModelError):
    """No built-in model, folder or hub id of that name."""


class UntrainedHead(ModelError):
    """The checkpoint has no trained scoring head, so its scores would be random."""


class MissingExtra(ModelError, ImportError):
    """An optional dependency is not installed; the message has the install command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional dependency: pip install 'secondpass[{extra}]'")
        self.extra = extra


class ModelLoadError(ModelError):
    """The files are there, but cannot be read as this model."""


class ServiceError(SecondpassError):
    """A service cannot answer now."""


class Overloaded(ServiceError):
    """The queue is full; try again in about `retry_after` seconds, where that is known."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(ServiceError):
    """The answer was not ready by the deadline."""


class Cancelled(ServiceError):
    """Whoever asked is gone, and the work was given up."""


class Unauthorized(ServiceError):
    """The key is missing or not accepted."""


class HostedAPIError(ServiceError):
    """A hosted API refused or failed."""


class LicenceWarning(UserWarning):
    """The model's licence forbids commercial use."""


class UnverifiedWarning(UserWarning):
    """The model is read as its authors describe it, but its scores were not held against those of their code."""
