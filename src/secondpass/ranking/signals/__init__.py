"""Signals beside the model: time, use, trust, names and the first stage; `fit` learns their weights.

The public names, each imported when it is first used: a reranker without signals pays for none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secondpass.ranking.signals.activation import Activation
    from secondpass.ranking.signals.blend import Blend
    from secondpass.ranking.signals.combine import max_swing, needs_now
    from secondpass.ranking.signals.confidence import Confidence
    from secondpass.ranking.signals.entities import Entities
    from secondpass.ranking.signals.extractor import Extractor
    from secondpass.ranking.signals.first_stage import FirstStage
    from secondpass.ranking.signals.frequency import Frequency
    from secondpass.ranking.signals.presets import adaptive_recall, generative_agents, langchain, mem0
    from secondpass.ranking.signals.recency import Recency
    from secondpass.ranking.signals.weights import clicks, fit

__all__ = [
    "Activation",
    "Blend",
    "Confidence",
    "Entities",
    "Extractor",
    "FirstStage",
    "Frequency",
    "Recency",
    "adaptive_recall",
    "clicks",
    "fit",
    "generative_agents",
    "langchain",
    "max_swing",
    "mem0",
    "needs_now",
]

_HOMES = {
    "Activation": "activation",
    "Blend": "blend",
    "Confidence": "confidence",
    "Entities": "entities",
    "Extractor": "extractor",
    "FirstStage": "first_stage",
    "Frequency": "frequency",
    "Recency": "recency",
    "adaptive_recall": "presets",
    "clicks": "weights",
    "fit": "weights",
    "generative_agents": "presets",
    "langchain": "presets",
    "max_swing": "combine",
    "mem0": "presets",
    "needs_now": "combine",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
