"""Records of a shard loaded ahead by a few threads, where their storage is far away.

What is loaded, and what is wrong with it, comes out in the order in which it is asked for, so no
byte depends on the threads. Local records are loaded when they are asked for: there is nothing to
wait for, and a second thread would only take another worker's core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from vbdata.jobs.job import Job, Row
from vbdata.machine.stages import Clock, stage
from vbdata.shard.sample import Loaded

THREADS = 4
LOADED = 6  # records at most that are loaded or being loaded ahead

Load = Callable[[Row], Loaded]


@contextmanager
def prefetched(job: Job, load: Load, clock: Clock, threads: int) -> Iterator[Load]:
    """`load`, to be asked for a job's rows one after the other; other rows are loaded as they come.

    threads: 0 = nothing ahead. Where samples of earlier builds may be copied nothing is, either:
    most would be loaded in vain.
    """
    if not threads or job.reuse or not any(map(_far, job.roots.values())):
        yield load
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="prefetch")
    try:
        yield _Queue(job.rows, load, clock, pool).get
    finally:
        pool.shutdown(cancel_futures=True)


class _Queue:
    def __init__(
        self, rows: Sequence[Row], load: Load, clock: Clock, pool: ThreadPoolExecutor
    ) -> None:
        self._rows, self._load, self._clock, self._pool = iter(rows), load, clock, pool
        self._begun: deque[tuple[Row, Future[Loaded]]] = deque()

    def get(self, row: Row) -> Loaded:
        """A record, or what its loading raises."""
        self._fill()
        if not any(row is begun for begun, _ in self._begun):
            return self._load(row)
        while self._begun:
            begun, future = self._begun.popleft()
            if begun is row:
                with stage("wait"):
                    return future.result()
        raise AssertionError("a row that was begun is gone")

    def _fill(self) -> None:
        while len(self._begun) < LOADED and (row := next(self._rows, None)):
            self._begun.append((row, self._pool.submit(self._timed, row)))

    def _timed(self, row: Row) -> Loaded:
        with self._clock.bind(*row.cell):
            return self._load(row)


def _far(urls: Sequence[str]) -> bool:
    return any("://" in url and not url.startswith("file://") for url in urls)
