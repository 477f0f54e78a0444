"""How far a command is, on stderr: a live bar on a terminal, else a line now and then.

Standard output holds the result alone, so that scripts may read it whole.
"""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vbdata.terminal import events

PLAIN_EVERY_S = 10.0


class Steps:
    """Told how many of how many are done: `steps(3, 40)`. Used as a context manager."""

    def __init__(self, noun: str, as_json: bool) -> None:
        self._noun, self._json, self._last = noun, as_json, time.monotonic()
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        if self._console.is_terminal and not as_json:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(noun, total=None)

    def __enter__(self) -> Steps:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, done: int, of: int) -> None:
        """Show it."""
        if self._bar:
            self._bar.update(self._task, completed=done, total=of)
        elif time.monotonic() - self._last > PLAIN_EVERY_S:
            self._last = time.monotonic()
            text = f"{done} of {of} {self._noun}"
            if self._json:
                text = events.line("progress", **{self._noun: done, "of": of})
            self._console.print(text, markup=False, soft_wrap=True)
