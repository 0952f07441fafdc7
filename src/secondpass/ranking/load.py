"""`secondpass.load`: from a model's name to a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secondpass.backends.choose import choose
from secondpass.errors import InputError, UnknownModel
from secondpass.ranking.reranker import Reranker
from secondpass.text.encode import Aggregate, Limits, Policy, Truncation

DEFAULT = "embedded"
_BUILT_IN = ("bm25", "embedded", "embedded@1")


def load(
    name: str | Path | None = None,
    *,
    backend: str = "auto",
    precision: str = "auto",
    streams: int | None = None,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    device: str | Sequence[str] = "auto",
    recipe: str | None = None,
    cutoff_layers: int | None = None,
    table: str | Path | None = None,
    policy: Policy = "truncate",
    max_tokens: int | None = None,
    overlap: int = 80,
    aggregate: Aggregate = "max",
    truncation: Truncation = "document",
    max_query_tokens: int | None = None,
) -> Reranker:
    """Load a model: the embedded one by default, `bm25`, a local folder (`./…`, `/…`) or a hub id (`org/name`).

    `backend`: "auto", "onnxruntime", "openvino" or "torch"; "auto" takes torch for decoders, and where a checkpoint has
    no ONNX file and the extra is installed. `precision`: "auto", "fp32", "bf16", "fp16", "int4" (torch) or "int8".
    `streams`: forward passes at a time, one a core by default, and one with torch. `device`: "auto", "cpu", "cuda", "cuda:N" or
    "mps", or several; all but the first two need torch. `revision` pins a hub id. `recipe` names the prompt of a
    decoder whose files and name do not tell it; `cutoff_layers`: how many layers are computed, of a model with a head
    behind each. `table`: a file of a corpus' document
    frequencies for `bm25` (`text.lexical.Statistics.save`), which else counts among the candidates. A `Path` is always
    a folder. For `policy`, `max_tokens`, `overlap`, `aggregate`, `truncation` and `max_query_tokens` see `Limits`.
    Warns with `LicenceWarning` and `UnverifiedWarning`. Raises `UnknownModel`, `UntrainedHead`, `ModelLoadError`,
    `MissingExtra` and `InputError`.
    """
    limits = Limits(policy, max_tokens, overlap, aggregate, truncation, max_query_tokens)
    named = DEFAULT if name is None else name
    if table is not None and named != "bm25":
        raise InputError(
            f"table={str(table)!r} has the statistics of bm25, and {str(named)!r} has its own: leave it out."
        )
    if named in _BUILT_IN:
        _refuse_decoders_own(named, recipe, cutoff_layers)
        if revision is not None:
            raise InputError(f"revision={revision!r} pins a hub id, and {named!r} came with the package: leave it out.")
        return _bm25(table, limits) if named == "bm25" else _embedded(backend, precision, streams, device, limits)
    if isinstance(named, str) and named.partition("@")[0] in _BUILT_IN:
        raise UnknownModel(f"{named!r}: this version has {', '.join(_BUILT_IN)}.")
    from secondpass.models.load import load_scorer

    cache = Path(cache_dir) if cache_dir is not None else None
    scorer = load_scorer(
        named,
        backend=backend,
        precision=precision,
        streams=streams,
        revision=revision,
        cache_dir=cache,
        device=device,
        recipe=recipe,
        cutoff=cutoff_layers,
    )
    return Reranker(scorer, limits=limits, capabilities=scorer.capabilities)


def _refuse_decoders_own(named: str | Path, recipe: str | None, cutoff_layers: int | None) -> None:
    for argument, value in (("recipe", recipe), ("cutoff_layers", cutoff_layers)):
        if value is not None:
            raise InputError(f"{argument}={value!r} is for decoders, and {str(named)!r} is none: leave it out.")


def _bm25(table: str | Path | None, limits: Limits) -> Reranker:
    from secondpass.models.lexical import BM25Scorer

    return Reranker(BM25Scorer(None if table is None else Path(table)), limits=limits)


def _embedded(
    backend: str, precision: str, streams: int | None, device: str | Sequence[str], limits: Limits
) -> Reranker:
    from secondpass.models.embedded.scorer import EmbeddedScorer

    chosen = choose(backend, precision, streams, device)
    return Reranker(EmbeddedScorer(chosen), limits=limits, capabilities=chosen.capabilities)
