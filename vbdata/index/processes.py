"""Parts of a source are indexed by child processes of this one, one part a process at a time.

A child is this module, run: pickled tasks come in on standard input, and out goes what became of
each. It ends with its input, and so with its parent.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from vbdata.index.joined import PartDone, PartTask, Pool, index_part

AHEAD = 2  # parts a process that may be done and wait for those before them


def pool(processes: int | None = None) -> Pool:
    """A pool of that many processes, by default as many as this machine has cores."""
    return partial(_mapped, processes or os.cpu_count() or 1)


def _mapped(processes: int, tasks: Sequence[PartTask]) -> Iterator[PartDone]:
    count = min(processes, len(tasks))
    if count < 2:
        yield from map(index_part, tasks)
        return
    children = _Children()
    waiting: deque[Future[PartDone]] = deque()
    left = iter(tasks)
    with ThreadPoolExecutor(count) as threads:
        try:
            for task in left:
                waiting.append(threads.submit(children.index, task))
                if len(waiting) >= AHEAD * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            children.end()


class _Children:
    """A child for each thread that asks for one."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._all: list[subprocess.Popen[bytes]] = []

    def index(self, task: PartTask) -> PartDone:
        """What a child makes of a task; a fault if the child died of it."""
        child = getattr(self._own, "child", None)
        if child is None or child.poll() is not None:
            child = self._own.child = _started()
            self._all.append(child)
        assert child.stdin
        assert child.stdout
        try:
            pickle.dump(task, child.stdin)
            child.stdin.flush()
            done: PartDone = pickle.load(child.stdout)  # noqa: S301 (our child's)
        except (EOFError, OSError, pickle.UnpicklingError):
            end = f"{task.part.name}: the process that indexed it ended with {child.wait()}"
            return PartDone(rows=b"", trace={}, fault=end)
        return done

    def end(self) -> None:
        """End all children."""
        for child in self._all:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                with suppress(BrokenPipeError):
                    stream.close() if stream else None


def _started() -> subprocess.Popen[bytes]:
    """A child that finds the modules that this process finds."""
    paths = os.pathsep.join(filter(None, [*sys.path, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "vbdata.index.processes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
    )


def main() -> None:
    """Index the parts that the parent sends, until it sends no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what plug-ins print must not be taken for an answer
    with suppress(EOFError):
        while True:
            task = pickle.load(sys.stdin.buffer)  # noqa: S301 (our parent's)
            pickle.dump(index_part(task), answers, protocol=5)
            answers.flush()


if __name__ == "__main__":
    main()
