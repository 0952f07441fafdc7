"""The second pass of search: put the best of your candidates on top.

The public names, and nothing else. Each is imported when it is first used, so that `import secondpass` stays cheap and
loads no numpy, no onnxruntime and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secondpass.conversion.convert import Conversion, convert
    from secondpass.errors import (
        Cancelled,
        DeadlineExceeded,
        HostedAPIError,
        InputError,
        LicenceWarning,
        MissingExtra,
        ModelError,
        ModelLoadError,
        Overloaded,
        SecondpassError,
        ServiceError,
        Unauthorized,
        UnknownModel,
        UntrainedHead,
        UnverifiedWarning,
    )
    from secondpass.ranking.cascade import Cascade
    from secondpass.ranking.hybrid import Hybrid
    from secondpass.ranking.load import load
    from secondpass.ranking.reranker import Reranker
    from secondpass.text.encode import Limits
    from secondpass.types import Document, Hit, Ranking

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "Cascade",
    "Conversion",
    "DeadlineExceeded",
    "Document",
    "Hit",
    "HostedAPIError",
    "Hybrid",
    "InputError",
    "LicenceWarning",
    "Limits",
    "MissingExtra",
    "ModelError",
    "ModelLoadError",
    "Overloaded",
    "Ranking",
    "Reranker",
    "SecondpassError",
    "ServiceError",
    "Unauthorized",
    "UnknownModel",
    "UntrainedHead",
    "UnverifiedWarning",
    "__version__",
    "convert",
    "load",
]

_HOMES = {
    "Cascade": "ranking.cascade",
    "Conversion": "conversion.convert",
    "Document": "types",
    "Hit": "types",
    "Hybrid": "ranking.hybrid",
    "Limits": "text.encode",
    "Ranking": "types",
    "Reranker": "ranking.reranker",
    "convert": "conversion.convert",
    "load": "ranking.load",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'secondpass' has no attribute {name!r}")
    value: object = getattr(import_module(f"secondpass.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
