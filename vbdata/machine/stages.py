"""Where the time of a sample goes: a clock for each shard, which decides no byte of it.

`stage(name)` measures a block's own time, without that of the stages inside it. The clock to which
the thread is bound (`Clock.bind`) sums that by source, task and stage; in a thread that is bound to
no clock, nothing is measured. Seconds are those of threads: two threads at work take two seconds a
second. Work of a GPU counts for the stage that waits for its result.

read: asking the raw data's storage; decode: from its bytes to typed labels and pixels;
render: prompt and target; round trip: decoding the target and comparing it with its label;
encode: pixels to files; tar: writing and syncing the archive; hash: digests; upload: to the output
folder; wait: for another thread; other: the rest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from types import TracebackType
from typing import Final, NamedTuple

STAGES: Final = (
    *("read", "decode", "render", "round trip", "encode"),
    *("tar", "hash", "upload", "wait", "other"),
)


class StageTime(NamedTuple):
    """The own time of a stage, in seconds, and the bytes that went through it.

    source and task are empty for work that is the shard's as a whole.
    """

    source: str
    task: str
    stage: str
    seconds: float
    bytes: int


class Spent(NamedTuple):
    """The time that a shard took. seconds: of wall-clock time, whatever the number of threads."""

    seconds: float
    stages: tuple[StageTime, ...]


class _Bound:
    """A thread bound to a clock: nanoseconds and bytes by stage, and the innermost open stage."""

    __slots__ = ("now", "span", "sums")

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.sums: dict[str, list[int]] = {}
        self.span: stage | None = None


class _Here(threading.local):
    """What the current thread is bound to."""

    bound: _Bound | None = None


_here = _Here()


class stage:
    """Times a block: `with stage("encode") as span: ...; span.bytes = len(data)`.

    Its own time counts, without that of stages inside it. size, bytes: how much went through it.
    """

    __slots__ = ("_bound", "_outer", "_since", "bytes", "inner", "name")

    def __init__(self, name: str, size: int = 0) -> None:
        self.name, self.bytes, self.inner = name, size, 0

    def __enter__(self) -> stage:
        bound = self._bound = _here.bound
        if bound is not None:
            self._outer, bound.span = bound.span, self
            self._since = bound.now()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        bound = self._bound
        if bound is None:
            return
        whole = bound.now() - self._since
        outer = bound.span = self._outer
        if outer is not None:
            outer.inner += whole
        sums = bound.sums.get(self.name)
        if sums is None:
            bound.sums[self.name] = [whole - self.inner, self.bytes]
        else:
            sums[0] += whole - self.inner
            sums[1] += self.bytes


class Clock:
    """Sums of one shard, from any number of threads.

    now: nanoseconds since any moment.
    """

    def __init__(self, now: Callable[[], int] = perf_counter_ns) -> None:
        self._now = now
        self._since = now()
        self._lock = threading.Lock()
        self._sums: dict[tuple[str, str, str], list[int]] = {}

    @contextmanager
    def bind(self, source: str = "", task: str = "") -> Iterator[None]:
        """Bind this thread: its work counts for a source and task, or the shard as a whole."""
        before, _here.bound = _here.bound, _Bound(self._now)
        bound, since = _here.bound, self._now()
        try:
            with stage("other"):
                yield
        finally:
            _here.bound = before
            self._take(source, task, bound)
            if before is not None and before.span is not None:
                before.span.inner += self._now() - since

    def _take(self, source: str, task: str, bound: _Bound) -> None:
        with self._lock:
            for name, (nanoseconds, size) in bound.sums.items():
                sums = self._sums.setdefault((source, task, name), [0, 0])
                sums[0] += nanoseconds
                sums[1] += size

    def spent(self) -> Spent:
        """All that was measured since the clock was made."""
        seconds = (self._now() - self._since) / 1e9
        with self._lock:
            sums = sorted(self._sums.items())
        stages = [StageTime(*place, ns / 1e9, size) for place, (ns, size) in sums]
        return Spent(seconds, tuple(stages))
