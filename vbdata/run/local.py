"""Run jobs in this process; and what every runner tells its caller.

A runner takes what is to do and yields events. It ends when each shard has been reported as Done
or Failed.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vbdata.errors import BuildError
from vbdata.jobs.job import Job, Receipt, Report, Ticket
from vbdata.jobs.shared import Jobs
from vbdata.run.attempts import Tries
from vbdata.run.guarded import build_guarded
from vbdata.run.suspects import InWork, Suspects
from vbdata.shard import prefetch as ahead
from vbdata.shard.shard import build_shard
from vbdata.storage.folder import Folder

LONGEST_CAUSE = 500  # characters of an error's text that are shown


@dataclass(frozen=True, slots=True)
class Done:
    """A shard is finished and its receipt is written."""

    report: Report


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt at a shard failed; there will be another."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """No worker is there yet; the cluster may have to start a node."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A shard is given up."""

    shard: int
    cause: str


@dataclass(frozen=True, slots=True)
class Workers:
    """How many workers are there now; said when that has changed."""

    alive: int


Event = Done | Retried | Failed | Waiting | Workers
Events = Generator[Event, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """What a runner is to do: shards by number, what their jobs share, and the ticket of each.

    record: the place of an entry, by source and id (vbdata.jobs.tickets).
    """

    numbers: Sequence[int]
    jobs: Jobs
    ticket: Callable[[int], Ticket]
    record: Callable[[str, str], int]


def run_local(todo: Todo, out: Folder, device: str = "cpu") -> Events:
    """Build shards one after the other in this process.

    A record that ends the process ends the run; the next run builds that shard in a child.
    """
    one_thread()
    if todo.numbers:
        todo.jobs.warm()
    note, suspects = InWork(out), Suspects(todo.record)
    for number in todo.numbers:
        ticket = todo.ticket(number)
        with note.noted(ticket.digest):
            guarded = ticket.digest == note.left or suspects.suspected(ticket)
            for event in _attempts(todo.jobs.checked(ticket), out, device, guarded=guarded):
                if isinstance(event, Done):
                    suspects.learn(event.report)
                yield event


def _attempts(job: Job, out: Folder, device: str, *, guarded: bool) -> Iterator[Event]:
    tries, number, again = Tries(), job.shard, True
    while again:
        try:
            made = (
                build_guarded(job, out, device, lambda *_: None)
                if guarded
                else build_or_blame(job, out, device)
            )
        except OSError as err:
            again = tries.failed(number, err)
            yield Retried(number, cause(err)) if again else Failed(number, cause(err))
        else:
            yield Failed(number, made) if isinstance(made, str) else Done(Report.of(made))
            return


def build_or_blame(
    job: Job, out: Folder, device: str, threads: int = ahead.THREADS
) -> Receipt | str:
    """The receipt, or the fault of a plug-in, which another try would only repeat.

    threads: that load records ahead. An OSError is the machine's fault and goes up, to be tried
    again.
    """
    try:
        return build_shard(job, out, device, threads)
    except OSError:
        raise
    except Exception as err:  # noqa: BLE001 (the runner: any fault of a plug-in ends its shard)
        return cause(err)


def cause(err: BaseException) -> str:
    """An error in one line: what, which record, and where in the code it arose."""
    frames = traceback.extract_tb(err.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    notes = "".join(f" [{note}]" for note in getattr(err, "__notes__", ()))
    said = " ".join(str(err)[:LONGEST_CAUSE].split())
    return f"{type(err).__name__}: {said}{notes}{place}"


def one_thread() -> None:
    """Keep every library of this process to one thread: workers are the parallelism."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    import cv2

    cv2.setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def check_device(device: str) -> None:
    """Raise BuildError if nothing can be rendered there."""
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as err:
        said = str(err).splitlines()[0]
        raise BuildError(f"device {device!r} cannot be used: {said}; known: cpu, cuda") from err
