"""What is known of a document from an earlier call, by everything that could move its score.

Knows digests and numbers: no text is kept. Only outcomes of pair scorers belong here (a list scorer's depend on the
list), and only complete ones.
"""

from __future__ import annotations

import os
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock

from secondpass.errors import InputError
from secondpass.models.scorer import Declared
from secondpass.text.chunk import Chunk
from secondpass.text.encode import Limits

ENTRY_BYTES = 384
"""Memory that an entry takes at most, with its key, measured on CPython 3.11."""

CHUNK_BYTES = 192
"""And each of its chunks."""

_CACHES: weakref.WeakSet[ScoreCache] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Known:
    """One document's outcome: the logit of its pieces together, and what is to be told of it.

    `passages`: the chunks that were read, in order; none where one piece had all of the text.
    """

    logit: float
    tokens: int
    truncated: bool
    chunks: int
    passages: tuple[Chunk, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory that it takes in a cache, at most."""
        return ENTRY_BYTES + CHUNK_BYTES * len(self.passages)


class Keys:
    """Makes the keys of one query's documents, 16 bytes each; `text` is the document as rendered for the model."""

    def __init__(self, declared: Declared, limits: Limits, query: str, instruction: str | None) -> None:
        self._begun = blake2b(digest_size=16)
        told = "" if instruction is None else f"={instruction}"
        for part in (declared.name, declared.version, repr(limits), query, told):
            written = _bytes(part)
            self._begun.update(len(written).to_bytes(8, "little") + written)

    def key(self, text: str) -> bytes:
        """The key of one document."""
        whole = self._begun.copy()
        whole.update(_bytes(text))
        return whole.digest()


class ScoreCache:
    """At most `max_bytes` of outcomes; the one that was not asked for the longest makes room. Safe from any thread.

    `hits` and `misses` count what was asked for. Raises `InputError` where not even one entry has room.
    """

    def __init__(self, max_bytes: int = 64 * 2**20) -> None:
        if max_bytes < ENTRY_BYTES:
            raise InputError(f"max_bytes={max_bytes}: an entry takes {ENTRY_BYTES}. Give more, or use no cache.")
        self.max_bytes = max_bytes
        self._used = 0
        self.hits = 0
        self.misses = 0
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._lock = Lock()
        _CACHES.add(self)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: bytes) -> Known | None:
        """What is known under this key; None where nothing is."""
        with self._lock:
            known = self._known.get(key)
            if known is None:
                self.misses += 1
            else:
                self.hits += 1
                self._known.move_to_end(key)
            return known

    def put(self, key: bytes, known: Known) -> None:
        """Remember an outcome."""
        with self._lock:
            before = self._known.pop(key, None)
            self._used += known.nbytes - (before.nbytes if before else 0)
            self._known[key] = known
            while self._used > self.max_bytes:
                self._used -= self._known.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forget every outcome; the counters stay."""
        with self._lock:
            self._known.clear()
            self._used = 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _after_fork() -> None:
    """A lock may be held by a thread that a forked child does not have, in the middle of a change."""
    for cache in list(_CACHES):
        cache._lock = Lock()
        cache._known = OrderedDict()
        cache._used = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
