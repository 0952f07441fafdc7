"""Rerankers that others run, over HTTP (extra `hosted`): one small file a provider, over one client.

The public names, and nothing else. Importing this loads no HTTP client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from secondpass.hosted.registry import is_hosted, names, open_scorer, provider_named

if TYPE_CHECKING:
    from secondpass.hosted.scorer import HostedScorer

open = open_scorer  # noqa: A001 `hosted.open(name)` reads as what it does, and nothing here opens files

__all__ = ["HostedScorer", "is_hosted", "names", "open", "provider_named"]


def __getattr__(name: str) -> object:
    if name != "HostedScorer":
        raise AttributeError(f"module 'secondpass.hosted' has no attribute {name!r}")
    from secondpass.hosted.scorer import HostedScorer

    return HostedScorer
