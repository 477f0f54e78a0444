"""Where the time of a sample goes: a clock for each shard, read by none of the code that it times.

`stage(name)` measures a block's own time, without that of the stages inside it; the clock that the
thread is bound to (`Clock.at`) sums it by source, task and stage. In a thread that is bound to none
it does nothing. Seconds are those of threads: with two at work a second has two. What a GPU is
asked for counts where its answer is waited for.

read: asking the raw data's storage; decode: from its bytes to typed labels and pixels;
render: prompt and target; prove: the target's round trip; encode: pixels to files; tar: writing
and syncing the archive; hash: digests; upload: to the output folder; wait: for another thread;
other: the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, perf_counter_ns
from types import TracebackType
from typing import Final, NamedTuple

STAGES: Final = (
    *("read", "decode", "render", "prove", "encode"),
    *("tar", "hash", "upload", "wait", "other"),
)


class StageTime(NamedTuple):
    """Seconds of a stage's own, and bytes that went through it.

    source and task are empty for what a shard as a whole needs.
    """

    source: str
    task: str
    stage: str
    seconds: float
    bytes: int


class Spent(NamedTuple):
    """What a shard took. seconds: on the wall."""

    seconds: float
    stages: tuple[StageTime, ...]


class _Here(threading.local):
    """What this thread is doing, and for which clock and cell."""

    clock: Clock | None = None
    cell: tuple[str, str] = ("", "")
    span: stage | None = None


_here = _Here()


class stage:
    """A block's own time and the bytes that went through it; `bytes` may be set inside."""

    __slots__ = ("_inner", "_outer", "_since", "bytes", "name")

    def __init__(self, name: str, size: int = 0) -> None:
        self.name, self.bytes = name, size
        self._inner = self._since = 0

    def __enter__(self) -> stage:
        if _here.clock is not None:
            self._outer, _here.span = _here.span, self
            self._since = perf_counter_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        here = _here
        if here.clock is not None and self._since:
            whole = perf_counter_ns() - self._since
            here.span = self._outer
            if self._outer is not None:
                self._outer._inner += whole
            here.clock.add(here.cell, self.name, whole - self._inner, self.bytes)


class Clock:
    """Sums of one shard, from any number of threads."""

    def __init__(self) -> None:
        self._since = perf_counter()
        self._lock = threading.Lock()
        self._sums: dict[tuple[tuple[str, str], str], list[int]] = {}

    @contextmanager
    def at(self, source: str = "", task: str = "") -> Iterator[None]:
        """Bind this thread: what it does now is for a cell, or for the shard as a whole."""
        before = _here.clock, _here.cell
        _here.clock, _here.cell = self, (source, task)
        try:
            with stage("other"):
                yield
        finally:
            _here.clock, _here.cell = before

    def add(self, cell: tuple[str, str], name: str, nanoseconds: int, size: int) -> None:
        """Count a stage."""
        with self._lock:
            sums = self._sums.setdefault((cell, name), [0, 0])
            sums[0] += nanoseconds
            sums[1] += size

    def spent(self) -> Spent:
        """Since the clock was made: the wall time, and sums by source, task and stage."""
        seconds = perf_counter() - self._since
        with self._lock:
            sums = sorted(self._sums.items())
        stages = [StageTime(*cell, name, ns / 1e9, size) for (cell, name), (ns, size) in sums]
        return Spent(seconds, tuple(stages))
