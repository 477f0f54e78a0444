"""Parts of a source are indexed by Ray tasks, where the cluster has room."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from vbdata.errors import SourceError
from vbdata.index.joined import PartDone, PartTask, Pool, index_part
from vbdata.run.attempt import cause

AHEAD = 2  # parts a core of the cluster that may be done and wait for those before them
RETRIES = 3  # of a part whose worker died


def pool(ready: Callable[[], object]) -> Pool:
    """A pool of the connected cluster. ready: waits until it is (vbdata.run.ray.cluster)."""

    def indexed(tasks: Sequence[PartTask]) -> Iterator[PartDone]:
        ready()
        cores = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(index_part)
        waiting: deque[tuple[PartTask, Any]] = deque()
        try:
            for task in tasks:
                waiting.append((task, remote.remote(task)))
                if len(waiting) >= AHEAD * max(cores, 1):
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        finally:
            for _, left in waiting:
                ray.cancel(left, force=True)

    return indexed


def _result(task: PartTask, result: Any) -> PartDone:
    """What became of a part. Raises SourceError if its workers died."""
    try:
        done: PartDone = ray.get(result)
    except ray.exceptions.RayError as err:
        raise SourceError(f"{task.part.name}: no Ray worker could index it: {cause(err)}") from err
    return done
