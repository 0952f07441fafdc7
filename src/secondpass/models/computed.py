"""What the drivers have in common that compute a checkpoint's graph on a backend. Knows neither texts nor logits."""

from __future__ import annotations

from dataclasses import replace

from secondpass.backends.base import Backend, Capabilities
from secondpass.models.files import Checkpoint
from secondpass.models.scorer import Declared
from secondpass.text.render import RENDERER


class Computed:
    """A scorer's files and backend. A driver sets `_declared` once it knows what else there is to declare."""

    _declared: Declared

    def __init__(self, checkpoint: Checkpoint, backend: Backend) -> None:
        self.checkpoint = checkpoint
        self._backend = backend

    @property
    def declared(self) -> Declared:
        """What may be relied on."""
        return self._declared

    @property
    def capabilities(self) -> Capabilities:
        """The backend's; its reason also says which of the checkpoint's files was taken, and why."""
        found = self._backend.capabilities
        return replace(found, reason=f"{found.reason}; {self.checkpoint.reason}")

    def _version(self, recipe: str, *, weights: str = "") -> str:
        """Everything that can move a score: the weights (the checkpoint's own unless others are named), the recipe, the
        renderer, and what is computed in."""
        arithmetic = self._backend.capabilities.arithmetic
        return f"{weights or self.checkpoint.version} {recipe} renderer@{RENDERER} {arithmetic}"
