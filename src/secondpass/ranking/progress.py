"""A progress bar for long work: in a terminal only, on stderr, and only once the work proves long."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE = 1.0
"""Seconds before a bar appears, so that short work stays silent."""


class Bar:
    """Counts what was scored, of `total` where that is known.

    `show`: True for always, False for never, None for a terminal after a second of work.
    """

    def __init__(self, total: int | None, *, show: bool | None = None) -> None:
        self._total = total
        # A program without a console, such as pythonw, has no stderr.
        self._show = sys.stderr is not None and sys.stderr.isatty() if show is None else show
        self._due = time.monotonic() + (0.0 if show else PATIENCE)
        self._done = 0
        self._bar: Progress | None = None

    def advance(self, count: int) -> None:
        """Tell of `count` more pieces done."""
        self._done += count
        if not self._show:
            return
        if self._bar is None and time.monotonic() >= self._due:
            self._bar = _bar()
            self._bar.start()
            self._bar.add_task("ranking", total=self._total)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True, force_terminal=True), transient=True)
