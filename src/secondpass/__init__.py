"""The second pass of search: put the best of your candidates on top.

The public names, and nothing else. Each is imported when it is first used, so that `import secondpass` stays cheap and
loads no numpy, no onnxruntime and no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secondpass.client.client import AsyncClient, Client
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
    from secondpass.ranking.calibration import Calibration
    from secondpass.ranking.cascade import Cascade
    from secondpass.ranking.hybrid import Hybrid
    from secondpass.ranking.load import load
    from secondpass.ranking.reranker import Reranker
    from secondpass.ranking.signals import Activation, Confidence, Entities, FirstStage, Frequency, Recency
    from secondpass.text.encode import Limits
    from secondpass.types import Document, Hit, Ranking

__version__ = "0.1.0"

__all__ = [
    "Activation",
    "AsyncClient",
    "Calibration",
    "Cancelled",
    "Cascade",
    "Client",
    "Confidence",
    "Conversion",
    "DeadlineExceeded",
    "Document",
    "Entities",
    "FirstStage",
    "Frequency",
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
    "Recency",
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
    "Activation": "ranking.signals",
    "AsyncClient": "client.client",
    "Calibration": "ranking.calibration",
    "Cascade": "ranking.cascade",
    "Client": "client.client",
    "Confidence": "ranking.signals",
    "Conversion": "conversion.convert",
    "Document": "types",
    "Entities": "ranking.signals",
    "FirstStage": "ranking.signals",
    "Frequency": "ranking.signals",
    "Hit": "types",
    "Hybrid": "ranking.hybrid",
    "Limits": "text.encode",
    "Ranking": "types",
    "Recency": "ranking.signals",
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
