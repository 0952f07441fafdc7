"""One process at a time in a folder: a lock that the system lets go of when its process ends, however it ends.

Knows a file and the number of a process; nothing of what is done in the folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from secondpass.errors import InputError

LOCK = "lock"
"""The file in the folder; empty while nobody holds it."""

_PLACE = 1 << 20  # of the byte that Windows locks: nobody can read what is locked there


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder, which is made if it is not there, as long as the block runs.

    What a process left that was killed is taken over. Raises `InputError` naming the process that holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    with path.open("a+", encoding="utf-8") as file:
        if not _taken(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise InputError(
                f"{folder} is being written by the process {holder}: wait for it or end it, or give another folder."
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


if sys.platform == "win32":
    import msvcrt

    def _taken(file: IO[str]) -> bool:
        file.seek(_PLACE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _taken(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
