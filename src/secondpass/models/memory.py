"""What was computed of texts before, kept within a number of bytes. Knows keys and sizes, nothing of what it keeps."""

from __future__ import annotations

import os
from collections import OrderedDict
from threading import Lock
from typing import Any, Protocol

from secondpass.errors import InputError

OVERHEAD = 256
"""Bytes that an entry takes beside its arrays: objects, the key, its place in the order."""


class Sized(Protocol):
    """Whatever says how many bytes it takes; numpy's arrays do."""

    @property
    def nbytes(self) -> int: ...


class Memory:
    """Entries by key, at most `limit` bytes of them together; those that were not asked for the longest go first.

    `limit` 0 keeps nothing. Safe to use from several threads and after a fork. Raises `InputError` for a limit below 0.
    """

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise InputError(f"A memory of {limit} bytes cannot be kept: give 0 to keep nothing, or more.")
        self.limit = limit
        self._used = 0
        self._entries: OrderedDict[bytes, Sized] = OrderedDict()
        self._lock = Lock()
        self._process = os.getpid()

    @property
    def used(self) -> int:
        """Bytes that the entries take."""
        return self._used

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> Any:
        """The entry, or None."""
        with self._locked():
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: bytes, entry: Sized) -> None:
        """Keep an entry, in place of others where there is no room; one larger than all the room is not kept."""
        size = entry.nbytes + OVERHEAD
        if size > self.limit:
            return
        with self._locked():
            before = self._entries.pop(key, None)
            self._used += size - (before.nbytes + OVERHEAD if before is not None else 0)
            self._entries[key] = entry
            while self._used > self.limit:
                _, oldest = self._entries.popitem(last=False)
                self._used -= oldest.nbytes + OVERHEAD

    def clear(self) -> None:
        """Forget everything."""
        with self._locked():
            self._entries.clear()
            self._used = 0

    def _locked(self) -> Lock:
        """The lock; in a forked child a new one, and nothing kept: the parent may have been changing it then."""
        if self._process != os.getpid():
            self._process, self._lock, self._entries, self._used = os.getpid(), Lock(), OrderedDict(), 0
        return self._lock
