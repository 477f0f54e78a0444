"""Run jobs in this process; and what every runner tells its caller.

A runner takes shard numbers and a function that makes a job of one, and yields events. It ends
when each shard has been reported as Done or Failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vbdata.nouns import Job, Receipt
from vbdata.shard import build_shard
from vbdata.storage import Folder

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Done:
    """A shard is finished and its receipt is written."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt at a shard failed; there will be another."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard is given up."""

    shard: int
    cause: str


Event = Done | Retried | Failed


def run_local(
    numbers: Sequence[int], make: Callable[[int], Job], out: Folder, device: str = "cpu"
) -> Iterator[Event]:
    """Build shards one after the other in this process."""
    one_thread()
    for number in numbers:
        yield from _attempts(number, make(number), out, device)


def _attempts(number: int, job: Job, out: Folder, device: str) -> Iterator[Event]:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            receipt = build_shard(job, out, device)
        except OSError as err:  # the machine's fault, not the data's: worth another try
            cause = f"{type(err).__name__}: {err}"
            yield Retried(number, cause) if attempt < ATTEMPTS else Failed(number, cause)
        else:
            yield Done(receipt)
            return


def one_thread() -> None:
    """Keep every library of this process to one thread: workers are the parallelism."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    import cv2

    cv2.setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
