"""How a checkpoint is read: by what its files say, else the catalogue, else its architecture; else it is refused.

Knows the files that publishers write and the catalogue; nothing of graphs, tokens and backends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from secondpass.backends.network import Network
from secondpass.models.prompt_recipe import PromptRecipe


@dataclass(frozen=True, slots=True)
class Plan:
    """The driver ("pair" lays out `[CLS] q [SEP] d [SEP]`, "prompt" asks a decoder as `recipe` says), what the weights
    are built into, and in one line what decided so."""

    driver: Literal["pair", "prompt"]
    network: Network
    reason: str
    recipe: PromptRecipe | None = None
