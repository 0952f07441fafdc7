"""Late interaction: a vector for every token, and the sum over the query's of their best match in the document.

Reads the layouts of Stanford's ColBERT (Santhanam et al., ColBERTv2, arXiv 2112.01488), PyLate and
sentence-transformers, and token states of any encoder. Knows vectors and files; nothing of graphs and batching.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secondpass.backends.network import Step, Tokens
from secondpass.errors import ModelLoadError
from secondpass.models.recipe import read_json, read_max_tokens
from secondpass.models.sentence import Published, special_id
from secondpass.models.separate import Separation
from secondpass.models.side import Expansion, Row, Side
from secondpass.text.encode import TextEncoder

STANFORD = "HF_ColBERT"
"""The architecture that config.json names in Stanford's layout."""

LENGTHS = (32, 180)
"""Tokens of a query and of a document where the files do not say: those of ColBERTv2."""

_TINY = 1e-12  # what torch.nn.functional.normalize divides by at least
_MODULES = frozenset({"Transformer", "Dense", "LayerNorm", "MultiVectorMask", "Normalize"})
_DROPPED = frozenset({"Pooling"})  # of a plain encoder, whose tokens are read one by one

Vectors = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class MaxSim:
    """Vectors of length 1, shape (tokens, size), and the sum over the query's of their best match.

    `skipped`: ids of document tokens that are left out; `only`: the sole ones that are read, where there are any.
    `mean` divides by the query's tokens. `half` keeps documents in float16: half the memory, and logits that differ by
    some 1e-3. `device`: where the products are computed, numpy's on "cpu", else torch's.
    """

    skipped: frozenset[int] = frozenset()
    query_skipped: frozenset[int] = frozenset()
    only: frozenset[int] = frozenset()
    mean: bool = False
    half: bool = False
    device: str = "cpu"

    @property
    def version(self) -> str:
        return "late@1"

    @property
    def settings(self) -> tuple[object, ...]:
        return (sorted(self.skipped), sorted(self.query_skipped), sorted(self.only), self.mean, self.half)

    def on(self, device: str) -> MaxSim:
        """The same, computed on a backend's device."""
        return replace(self, device=device)

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("token_embeddings", "last_hidden_state", "states")

    def kept(self, found: NDArray[np.float32], row: Row, *, query: bool) -> Vectors:
        """The vectors of the tokens that count, of length 1."""
        states = found[: len(row)]
        skipped = self.query_skipped if query else self.skipped
        if skipped or (self.only and not query):
            states = states[self._counted(row, skipped, query=query)]
        size = np.sqrt(np.einsum("th,th->t", states, states))[:, None]
        vectors = states / np.maximum(size, _TINY)
        kept: Vectors = vectors.astype(np.float16 if self.half and not query else np.float32)
        return kept

    def logits(self, query: Vectors, documents: Sequence[Vectors]) -> NDArray[np.float32]:
        """One sum a document: all tokens of all documents in one product, then the best of each stretch."""
        lengths = np.array([len(document) for document in documents])
        out = np.zeros(len(documents), np.float32)
        there = lengths > 0
        if not there.any() or not len(query):
            return out
        flat = np.concatenate(documents, dtype=np.float32)
        starts = (np.cumsum(lengths) - lengths)[there]
        if self.device == "cpu":
            # A row a query token: stretches of it lie in memory as they are, three times faster than columns.
            best = np.maximum.reduceat(query @ flat.T, starts, axis=1)
        else:
            from secondpass.backends.torch.products import best_matches

            best = best_matches(np.asarray(query, np.float32), flat, lengths[there], self.device)
        out[there] = best.sum(0, dtype=np.float64) / (len(query) if self.mean else 1)
        return out

    def _counted(self, row: Row, skipped: frozenset[int], *, query: bool) -> NDArray[np.bool_]:
        counted = ~np.isin(row.ids, list(skipped))
        return counted & np.isin(row.ids, list(self.only)) if self.only and not query else counted


def is_late(files: Published) -> bool:
    """Whether a checkpoint's files say that it is read by late interaction."""
    pylate = "query_length" in files.settings and "Dense" in files.kinds
    named = files.kind in ("ColBERT", "MultiVectorEncoder")
    return files.architecture == STANFORD or named or pylate or "MultiVectorMask" in files.kinds


def read_late(files: Published) -> tuple[Separation, Tokens]:
    """How a checkpoint of one of the three layouts is read, and the head on its transformer's states.

    Raises `ModelLoadError` for modules that are not known here.
    """
    if files.modules:
        return _of_modules(files)
    metadata = read_json(files.folder / "artifact.metadata", optional=True)
    told: dict[str, Any] = {
        "query_prefix": (metadata.get("query_token_id") or "[unused0]") + " ",
        "document_prefix": (metadata.get("doc_token_id") or "[unused1]") + " ",
        "query_length": metadata.get("query_maxlen"),
        "document_length": metadata.get("doc_maxlen"),
        "attend_to_expansion_tokens": metadata.get("attend_to_mask_tokens"),
        "skiplist_words": None if metadata.get("mask_punctuation", True) else [],
    }
    return _separation(files, told), Tokens(("linear.weight",), unattended=not told["attend_to_expansion_tokens"])


def read_plain(files: Published) -> tuple[Separation, Tokens]:
    """MaxSim over the states of an encoder trained for something else: no markers, nothing added or skipped."""
    query, document = files.sides(read_max_tokens(files.folder))
    separation = Separation(query, document, MaxSim(), files.pad_id, scale=float(LENGTHS[0]), onnx=True)
    return separation, Tokens()


def _of_modules(files: Published) -> tuple[Separation, Tokens]:
    unknown = sorted(set(files.kinds) - _MODULES - _DROPPED)
    if unknown:
        raise ModelLoadError(
            f"{files.folder / 'modules.json'} has the modules {', '.join(files.kinds)}, and of late interaction "
            f"{', '.join(sorted(_MODULES))} are read here. Choose another model: `secondpass models` lists some."
        )
    steps = tuple(Step(m.kind, m.folder) for m in files.modules if m.kind in ("Dense", "LayerNorm"))  # type: ignore[arg-type]
    pylate = files.kind == "ColBERT" or "query_length" in files.settings
    told: dict[str, Any] = dict(files.settings) if pylate else _of_sentence_transformers(files)
    if pylate:
        told = {"query_prefix": "[Q] ", "document_prefix": "[D] ", **told}
    separation = _separation(files, told)
    expansion = separation.query.expansion
    head = Tokens(steps=steps, unattended=expansion is not None and not expansion.attend)
    return replace(separation, onnx=not steps), head


def _of_sentence_transformers(files: Published) -> dict[str, Any]:
    """The settings of `MultiVectorEncoder` under PyLate's names: prompts are text there, not tokens."""
    expansion = files.transformer.get("query_expansion") or {}
    mask = files.settings_of("MultiVectorMask")
    return {
        "query_length": files.transformer.get("query_length") or read_max_tokens(files.folder),
        "document_length": files.transformer.get("document_length") or read_max_tokens(files.folder),
        "do_query_expansion": bool(expansion),
        "expansion": expansion,
        "skiplist_words": mask.get("skiplist_words") or [],
        "skiplist_tasks": mask.get("skiplist_tasks") or ["document"],
        "keep_only_token_ids": mask.get("keep_only_token_ids") or [],
        "similarity_fn_name": files.settings.get("similarity_fn_name"),
    }


def _separation(files: Published, told: Mapping[str, Any]) -> Separation:
    encoder = TextEncoder.from_file(files.folder / "tokenizer.json")
    query_length = told.get("query_length") or LENGTHS[0]
    document_length = told.get("document_length") or LENGTHS[1]
    query, document = files.sides(None)
    query = _marked(replace(query, limit=query_length), str(told.get("query_prefix") or ""), encoder)
    document = _marked(replace(document, limit=document_length), str(told.get("document_prefix") or ""), encoder)
    expansion = _expansion(files, told, query_length)
    if expansion is not None and (told.get("expansion") or {}).get("strategy", "fixed") == "fixed":
        query = replace(query, limit=expansion.length)
    words = told.get("skiplist_words")
    skipped = _known(encoder, string.punctuation if words is None else words)
    tasks = told.get("skiplist_tasks") or ["document"]
    comparison = MaxSim(
        skipped=skipped if "document" in tasks else frozenset(),
        query_skipped=skipped if "query" in tasks else frozenset(),
        only=frozenset(told.get("keep_only_token_ids") or ()),
        mean=told.get("similarity_fn_name") == "meanmaxsim",
    )
    return Separation(
        replace(query, expansion=expansion),
        document,
        comparison,
        files.pad_id,
        scale=1.0 if comparison.mean else float(LENGTHS[0]),
    )


def _marked(side: Side, prefix: str, encoder: TextEncoder) -> Side:
    """A side whose prefix, where the vocabulary has it, is one token behind the first, and text before it otherwise."""
    first = prefix.split(None, 1)[0] if prefix.split() else ""
    prompt = side.prompt.removeprefix(prefix)
    for marker in (prefix, first):
        token = encoder.find(marker) if marker else None
        if token is not None:
            before = (*side.before[:1], token, *side.before[1:])
            rest = prefix[len(marker) :]
            return replace(side, before=before, prompt=(rest if rest.strip() else "") + prompt)
    return replace(side, prompt=prefix + prompt)


def _expansion(files: Published, told: Mapping[str, Any], length: int) -> Expansion | None:
    if told.get("do_query_expansion") is False:
        return None
    given = told.get("expansion") or {}
    named = given.get("token")
    token = TextEncoder.from_file(files.folder / "tokenizer.json").special(str(named)) if named else None
    for name in ("mask_token", "eos_token"):
        token = special_id(files.folder, name) if token is None else token
    if token is None:
        raise ModelLoadError(
            f"{files.folder / 'tokenizer_config.json'} names no mask_token, which queries are filled up with. Save the "
            "tokenizer that the model was trained with beside it."
        )
    attend = given.get("attend", told.get("attend_to_expansion_tokens"))
    return Expansion(token, int(given.get("length") or length), bool(attend))


def _known(encoder: TextEncoder, words: Sequence[str]) -> frozenset[int]:
    """The ids of those of `words` that are tokens."""
    found = (encoder.find(word) for word in words)
    return frozenset(token for token in found if token is not None)
