"""`secondpass.load`: from a model's name to a reranker.

Knows what kinds of names there are and who opens each; nothing of what is behind them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from secondpass.backends.choose import choose
from secondpass.errors import InputError, UnknownModel
from secondpass.ranking.cascade_name import CascadeName, is_cascade
from secondpass.ranking.hybrid_name import HybridName, is_hybrid
from secondpass.ranking.reranker import Reranker
from secondpass.text.encode import Aggregate, ChunkBy, Limits, Policy, QueryPolicy, Truncation
from secondpass.text.glossary import Glossary
from secondpass.text.lexical import VARIANTS

if TYPE_CHECKING:
    from secondpass.ranking.calibration import Calibration

DEFAULT = "embedded"
_EMBEDDED = ("embedded", "embedded@1")
_ENCODER = ("embedded-cosine", "embedded-maxsim")
_PREFIXED = re.compile(r"(?P<prefix>[A-Za-z][\w-]+):")  # one letter would be a drive


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
    compress_ratio: int | None = None,
    compress_layers: Sequence[int] | None = None,
    query_model: str | Path | None = None,
    remember_mb: int | None = None,
    table: str | Path | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    calibration: Calibration | str | Path | None = None,
    renderer: int | None = None,
    glossary: bool | str | Path = True,
    policy: Policy = "truncate",
    max_tokens: int | None = None,
    overlap: int = 80,
    aggregate: Aggregate = "max",
    truncation: Truncation = "document",
    max_query_tokens: int | None = None,
    chunk_by: ChunkBy = "tokens",
    best_chunks: int = 3,
    query_policy: QueryPolicy = "refuse",
) -> Reranker:
    """Load a model: the embedded one by default, a form of BM25 (`bm25`, `bm25-robertson`, `bm25-atire`, `bm25l`,
    `bm25+`), the embedded model's encoder without its gate (`embedded-cosine`, `embedded-maxsim`), a local folder
    (`./…`, `/…`), a hub id (`org/name`), a hosted model (`cohere:rerank-v3.5`, `tei:http://localhost:8080`), a chat
    model by a listwise recipe (`rankgpt:gpt-4o-mini`), several models as one (`hybrid(bm25, embedded)`, see
    `Hybrid`), or one after the other (`cascade(bm25=100, embedded)`, see `Cascade`).

    What is computed here: `backend`: "auto", "onnxruntime", "openvino" or "torch"; "auto" takes torch for decoders, and
    where a checkpoint has no ONNX file and the extra is installed. `precision`: "auto", "fp32", "bf16", "fp16", "int4"
    (torch) or "int8". `streams`: forward passes at a time, one a core by default, and one with torch. `device`: "auto",
    "cpu", "cuda", "cuda:N" or "mps", or several; all but the first two need torch. Other models leave these aside.

    A folder or a hub id: `revision` pins a hub id. `recipe` names the prompt of a decoder whose files and name do not
    tell it; `cutoff_layers`: how many layers are computed, of a model with a head behind each. `compress_ratio`: how
    many tokens of a document become one, 1, 2, 4 or 8, before each of `compress_layers`, (24, 40) by default, in
    bge-reranker-v2.5-gemma2-lightweight. Of models that read query and document apart: `query_model` encodes queries
    where that is another model (DPR), and `remember_mb` is how much of what was computed of documents is kept. A `Path`
    is always a folder.

    BM25: `table`: a file of a corpus' document frequencies (`text.lexical.Statistics.save`), instead of those of the
    candidates. Hosted models: `base_url` and `api_key` go before the environment's; `hosted.open` takes more.

    `calibration`: what `secondpass calibrate` wrote for this model, or the path of it; hits then have a `probability`.
    The embedded model has one of its own.

    `renderer`: how documents are written out, instead of the model's own way: 1, or 2, which finds tools, tables,
    records, code and markup in them, and puts what says most first (`text.render`).

    `glossary`: whether a model that reads English alone reads documents in other languages once more, word for word in
    English (`text.glossary`), or the path of your own terms, which go before those of the package.

    For `policy`, `max_tokens`, `overlap`, `aggregate`, `truncation`, `max_query_tokens`, `chunk_by`, `best_chunks` and
    `query_policy` see `Limits`.
    Warns with `LicenceWarning` and `UnverifiedWarning`. Raises `UnknownModel`, `UntrainedHead`, `ModelLoadError`,
    `MissingExtra`, `Unauthorized` where a hosted model needs a key, and `InputError`.
    """
    return open_named(
        DEFAULT if name is None else name,
        Options(
            backend=backend,
            precision=precision,
            streams=streams,
            revision=revision,
            cache_dir=cache_dir,
            device=device,
            recipe=recipe,
            cutoff_layers=cutoff_layers,
            compress_ratio=compress_ratio,
            compress_layers=compress_layers,
            query_model=query_model,
            remember_mb=remember_mb,
            table=table,
            base_url=base_url,
            api_key=api_key,
            calibration=calibration,
            renderer=renderer,
            glossary=glossary,
            policy=policy,
            max_tokens=max_tokens,
            overlap=overlap,
            aggregate=aggregate,
            truncation=truncation,
            max_query_tokens=max_query_tokens,
            chunk_by=chunk_by,
            best_chunks=best_chunks,
            query_policy=query_policy,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `load` takes beside a name, under the same names and with the same defaults."""

    backend: str = "auto"
    precision: str = "auto"
    streams: int | None = None
    revision: str | None = None
    cache_dir: str | Path | None = None
    device: str | Sequence[str] = "auto"
    recipe: str | None = None
    cutoff_layers: int | None = None
    compress_ratio: int | None = None
    compress_layers: Sequence[int] | None = None
    query_model: str | Path | None = None
    remember_mb: int | None = None
    table: str | Path | None = None
    base_url: str | None = None
    api_key: str | None = None
    calibration: Calibration | str | Path | None = None
    renderer: int | None = None
    glossary: bool | str | Path = True
    policy: Policy = "truncate"
    max_tokens: int | None = None
    overlap: int = 80
    aggregate: Aggregate = "max"
    truncation: Truncation = "document"
    max_query_tokens: int | None = None
    chunk_by: ChunkBy = "tokens"
    best_chunks: int = 3
    query_policy: QueryPolicy = "refuse"

    @property
    def limits(self) -> Limits:
        """How long inputs are dealt with. Raises `InputError`."""
        return Limits(**{field.name: getattr(self, field.name) for field in fields(Limits)})


def open_named(name: str | Path, options: Options) -> Reranker:
    """What `load` returns. Raises as it does."""
    options.limits  # noqa: B018 what is wrong there is said before anything is opened
    kind = next(kind for kind in _KINDS if kind.means(name))
    for argument, meant in _FOR_ONE_KIND.items():
        value = getattr(options, argument)
        if value is not None and argument not in kind.takes:
            shown = argument if argument == "api_key" else f"{argument}={str(value)!r}"
            raise InputError(f"{shown} {meant}, and {str(name)!r} is {kind.what}: {kind.remedy}.")
    reranker = kind.open(name, options)
    if options.renderer is not None:
        reranker = reranker.with_renderer(options.renderer)
    if options.glossary is not True:
        reranker.glossary = None if options.glossary is False else Glossary(options.glossary)
    if options.calibration is not None:
        reranker.calibrate(_calibration(options.calibration))
    return reranker


def _calibration(given: Calibration | str | Path) -> Calibration:
    from secondpass.ranking.calibration import Calibration

    return given if isinstance(given, Calibration) else Calibration.read(given)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of names: which ones, what opens them, and which of the arguments in `_FOR_ONE_KIND` it `takes`."""

    what: str
    means: Callable[[str | Path], bool]
    open: Callable[[str | Path, Options], Reranker]
    takes: frozenset[str] = frozenset()
    remedy: str = "leave it out"


_CHECKPOINTS = frozenset(
    {
        "revision",
        "recipe",
        "cutoff_layers",
        "compress_ratio",
        "compress_layers",
        "query_model",
        "remember_mb",
        "calibration",
    }
)
_FOR_ONE_KIND = {
    "revision": "pins a hub id",
    "recipe": "is for decoders",
    "cutoff_layers": "is for decoders",
    "compress_ratio": "is for decoders",
    "compress_layers": "is for decoders",
    "query_model": "is for models that read query and document apart",
    "remember_mb": "is for models that read query and document apart",
    "table": "has statistics for BM25",
    "base_url": "is where a hosted model is asked",
    "api_key": "is for hosted models",
    "calibration": "makes probabilities of one model's logits",
}
"""What each argument does that makes sense for some kinds of names alone."""


def _text(means: Callable[[str], bool]) -> Callable[[str | Path], bool]:
    """For names that are text: a `Path` is always a folder."""
    return lambda name: isinstance(name, str) and means(name)


def _is_hosted(name: str) -> bool:
    if not _has_prefix(name):
        return False  # nor is anything imported
    from secondpass.hosted.registry import is_hosted

    return is_hosted(name)


def _is_listwise(name: str) -> bool:
    if not _has_prefix(name):
        return False
    from secondpass.hosted.listwise import is_listwise

    return is_listwise(name)


def _has_prefix(name: str) -> bool:
    return _PREFIXED.match(name) is not None


def _is_absent(name: str) -> bool:
    """Whether a name is spelt like one of another version's built-in models."""
    return name.partition("@")[0] in (*_EMBEDDED, *VARIANTS)


def _open_bm25(name: str | Path, options: Options) -> Reranker:
    from secondpass.models.lexical import BM25Scorer

    table = None if options.table is None else Path(options.table)
    return Reranker(BM25Scorer(table, variant=str(name)), limits=options.limits)


def _open_embedded(name: str | Path, options: Options) -> Reranker:
    from secondpass.models.embedded.scorer import FOLDER, EmbeddedScorer
    from secondpass.ranking.calibration import Calibration

    chosen = choose(options.backend, options.precision, options.streams, options.device)
    calibration = Calibration.read(FOLDER.parent / "calibration.json")
    return Reranker(
        EmbeddedScorer(chosen), limits=options.limits, capabilities=chosen.capabilities, calibration=calibration
    )


def _open_encoder(name: str | Path, options: Options) -> Reranker:
    from secondpass.models.embedded.apart import embedded_apart

    chosen = choose(options.backend, options.precision, options.streams, options.device)
    scorer = embedded_apart(str(name), chosen, remember_mb=options.remember_mb)
    return Reranker(scorer, limits=options.limits, capabilities=scorer.capabilities)


def _open_hosted(name: str | Path, options: Options) -> Reranker:
    from secondpass.hosted.registry import open_scorer

    scorer = open_scorer(str(name), base_url=options.base_url, api_key=options.api_key)
    return Reranker(scorer, limits=options.limits)


def _open_listwise(name: str | Path, options: Options) -> Reranker:
    from secondpass.hosted.listwise import open_listwise

    scorer = open_listwise(str(name), base_url=options.base_url, api_key=options.api_key)
    return Reranker(scorer, limits=options.limits)


def _open_hybrid(name: str | Path, options: Options) -> Reranker:
    from secondpass.ranking.hybrid import Hybrid

    read = HybridName.parse(str(name))
    each = {field.name: getattr(options, field.name) for field in fields(options)}
    return Hybrid(read.parts, read.weights, read.how, read.k, **each)


def _open_cascade(name: str | Path, options: Options) -> Reranker:
    from secondpass.ranking.cascade import Cascade

    read = CascadeName.parse(str(name))
    each = {field.name: getattr(options, field.name) for field in fields(options)}
    return Cascade(read.stages, read.keep, **each)


def _open_checkpoint(name: str | Path, options: Options) -> Reranker:
    from secondpass.models.load import REMEMBERED_MB, load_scorer

    scorer = load_scorer(
        name,
        backend=options.backend,
        precision=options.precision,
        streams=options.streams,
        revision=options.revision,
        cache_dir=None if options.cache_dir is None else Path(options.cache_dir),
        device=options.device,
        recipe=options.recipe,
        cutoff=options.cutoff_layers,
        compress_ratio=options.compress_ratio,
        compress_layers=options.compress_layers,
        query_model=options.query_model,
        remember_mb=REMEMBERED_MB if options.remember_mb is None else options.remember_mb,
    )
    return Reranker(scorer, limits=options.limits, capabilities=scorer.capabilities)


def _refuse_version(name: str | Path, options: Options) -> Reranker:
    raise UnknownModel(f"{name!r}: this version has {', '.join((*_EMBEDDED, *VARIANTS))}.")


def _refuse_prefix(name: str | Path, options: Options) -> Reranker:
    from secondpass.hosted.registry import names
    from secondpass.models.listwise.recipe import list_recipes

    known = [*names(), *list_recipes()]
    prefix = str(name).partition(":")[0]
    near = difflib.get_close_matches(prefix, known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownModel(
        f"{name!r}: nothing is called {prefix!r} that a name begins with; there are {', '.join(known)}.{hint}"
    )


_HOSTED = frozenset({"base_url", "api_key"})
_KINDS = (
    _Kind("a form of BM25", _text(VARIANTS.__contains__), _open_bm25, frozenset({"table"})),
    _Kind("the model in the package", _text(_EMBEDDED.__contains__), _open_embedded, frozenset({"calibration"})),
    _Kind(
        "the encoder in the package",
        _text(_ENCODER.__contains__),
        _open_encoder,
        frozenset({"remember_mb", "calibration"}),
    ),
    _Kind(
        "a hybrid",
        _text(is_hybrid),
        _open_hybrid,
        remedy="load the part that it is for with it, and give that to Hybrid",
    ),
    _Kind(
        "a cascade",
        _text(is_cascade),
        _open_cascade,
        remedy="load the stage that it is for with it, and give that to Cascade",
    ),
    _Kind("a built-in model", _text(_is_absent), _refuse_version, _CHECKPOINTS | _HOSTED | {"table"}),
    _Kind("a hosted model", _text(_is_hosted), _open_hosted, _HOSTED),
    _Kind("a chat model with a recipe", _text(_is_listwise), _open_listwise, _HOSTED),
    _Kind("neither hosted nor a recipe", _text(_has_prefix), _refuse_prefix, _CHECKPOINTS | _HOSTED | {"table"}),
    _Kind("a folder or a hub id", lambda name: True, _open_checkpoint, _CHECKPOINTS),
)
"""Every kind of names; the first that a name is of is the one that opens it."""
