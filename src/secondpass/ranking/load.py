"""`secondpass.load`: from a model's name to a reranker."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from secondpass.backends.base import Backend
from secondpass.backends.choose import choose
from secondpass.errors import UnknownModel
from secondpass.models.scorer import ListScorer, PairScorer
from secondpass.ranking.reranker import Reranker
from secondpass.text.encode import Aggregate, Limits, Policy, Truncation

DEFAULT = "embedded"

# Built-in name → module and class, imported on use. A class that takes a backend says so by `True`.
_BUILT_IN: dict[str, tuple[str, str, bool]] = {
    "bm25": ("secondpass.models.lexical", "BM25Scorer", False),
    "embedded": ("secondpass.models.embedded.scorer", "EmbeddedScorer", True),
    "embedded@1": ("secondpass.models.embedded.scorer", "EmbeddedScorer", True),
}


def load(
    name: str | Path | None = None,
    *,
    backend: str = "auto",
    precision: str = "auto",
    streams: int | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    policy: Policy = "truncate",
    max_tokens: int | None = None,
    overlap: int = 80,
    aggregate: Aggregate = "max",
    truncation: Truncation = "document",
) -> Reranker:
    """Load a model: the embedded one by default, `bm25`, a local folder (`./…`, `/…`) or a hub id (`org/name`).

    `backend`: "auto", "onnxruntime" or "openvino". `precision`: "auto", "fp32", "bf16" or "int8". `streams`: forward
    passes at a time, one a core by default. `revision` pins a hub id. For `policy`, `max_tokens`, `overlap`,
    `aggregate` and `truncation` see `Limits`. Raises `UnknownModel`, `UntrainedHead`, `ModelLoadError`, `MissingExtra`
    and `InputError`.
    """
    limits = Limits(policy, max_tokens, overlap, aggregate, truncation)
    known = _BUILT_IN.get(str(name or DEFAULT))
    if known is not None:
        module, attribute, computes = known
        made = getattr(import_module(module), attribute)
        chosen = choose(backend, precision, streams) if computes else None
        scorer: PairScorer | ListScorer = made() if chosen is None else made(chosen)
        return _reranker(scorer, limits, chosen)
    if str(name).partition("@")[0] in _BUILT_IN:
        raise UnknownModel(f"{str(name)!r}: this version has {', '.join(sorted(_BUILT_IN))}.")
    from secondpass.models.files import resolve
    from secondpass.models.pair import PairModel
    from secondpass.models.recipe import check_head

    cache = Path(cache_dir) if cache_dir is not None else None
    checkpoint = resolve(str(name), precision=precision, revision=revision, cache_dir=cache, accept=check_head)
    chosen = choose(backend, precision, streams)
    return _reranker(PairModel(checkpoint, chosen), limits, chosen)


def _reranker(scorer: PairScorer | ListScorer, limits: Limits, backend: Backend | None) -> Reranker:
    return Reranker(scorer, limits=limits, capabilities=None if backend is None else backend.capabilities)
