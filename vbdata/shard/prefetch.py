"""Prefetch: a few threads load the next records of a shard where the raw data is remote.

Records, and the faults of those that cannot be loaded, come out in the order in which they are
asked for, so no byte depends on the threads. Local records are loaded when they are asked for:
there is nothing to wait for, and a second thread would only take another worker's core.
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
LOADED = 6  # records that wait or are being loaded, at most: what bounds the memory

Load = Callable[[Row], Loaded]


@contextmanager
def prefetched(job: Job, load: Load, clock: Clock, threads: int) -> Iterator[Load]:
    """A function that loads rows as `load` does; the job's next rows are loaded meanwhile.

    It is to be called with the job's rows in their order. Other rows, such as spares, are loaded
    when they come, and a row of the job may be left out. It raises what `load` raises.

    threads: 0 = load nothing ahead. Where samples of earlier builds may be copied nothing is loaded
    ahead either, as most of it would not be used.
    """
    if not threads or job.reuse or not any(map(is_remote, job.roots.values())):
        yield load
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="prefetch")
    try:
        yield _Queue(job.rows, load, clock, pool).get
    finally:
        pool.shutdown(cancel_futures=True)


class _Queue:
    """The job's rows in their order, with the futures of those whose loading has begun."""

    def __init__(
        self, rows: Sequence[Row], load: Load, clock: Clock, pool: ThreadPoolExecutor
    ) -> None:
        self._rows, self._load, self._clock, self._pool = iter(rows), load, clock, pool
        self._begun: deque[tuple[Row, Future[Loaded]]] = deque()

    def get(self, row: Row) -> Loaded:
        """A loaded record. Raises what loading it raised."""
        self._fill()
        # a spare is never in the queue; it is loaded here while the rows that were begun stay
        if not any(row is begun for begun, _ in self._begun):
            return self._load(row)
        # a row that nobody asked for, such as a poison record, is dropped on the way
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


def is_remote(urls: Sequence[str]) -> bool:
    """Whether a root lies on another machine, at least in part."""
    return any("://" in url and not url.startswith("file://") for url in urls)
