"""The pool of workers: Ray actors, started as the cluster has room for them, and stopped again.

An actor is starting until its constructor has run, then idle or busy with a shard. Busy ones are
kept by the run (vbdata.run.ray.run); this module has the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayActorError, RayError

from vbdata.errors import BuildError
from vbdata.run.attempt import cause
from vbdata.run.attempts import ATTEMPTS
from vbdata.run.events import Started, Waiting
from vbdata.run.ray import cluster
from vbdata.run.ray.worker import THREADS, Ready, Worker
from vbdata.storage.folder import Folder

ROOM_EVERY_S = 5.0  # between two looks at how many workers the cluster has room for
SAY_EVERY_S = 30  # between two Waiting events
START_ANSWER_S = 10.0  # to fetch the answer of a worker that has started
LONGEST_PAUSE_S = 60.0  # between two starts where constructors fail


class StartedWorker(NamedTuple):
    """An actor whose constructor has run, and the id of its node."""

    actor: Any
    node: str


@dataclass(kw_only=True)
class WorkerPool:
    """The workers of one run that are not busy.

    workers: how many there are to be in all, None = as many as the cluster has room for, now and
    later; start_s: seconds that one may take to start; context: a JobContext in Ray's object store;
    starting: the call of `ready` -> the actor, and when it was started (seconds, monotonic).
    """

    out: Folder
    device: str
    gpus_per_worker: float
    workers: int | None
    start_s: float
    context: Any
    idle: list[StartedWorker] = field(default_factory=list)
    starting: dict[Any, tuple[Any, float]] = field(default_factory=dict)
    _failures: int = 0
    _failure: str = ""
    _next_start: float = 0.0
    _room: tuple[float, int] = (0.0, 0)
    _said_after: int = 0

    def resize(self, waiting: int, busy: int) -> None:
        """Start workers that are missing, and stop those for which there is no shard or no room.

        waiting: shards that no worker has; busy: workers that have one. Raises BuildError if there
        is no worker and none can be started.
        """
        wanted = min(self._wanted(), waiting + busy)
        have = busy + len(self.idle) + len(self.starting)
        if have > wanted:
            self._stop(have - wanted)
        elif have < wanted and time.monotonic() >= self._next_start:
            for _ in range(wanted - have):
                self._start()
        if self._failures >= ATTEMPTS and not (busy or self.idle or self.starting):
            raise BuildError(f"no worker can be started: {self._failure}")

    def started(self, ref: Any) -> Iterator[Started]:
        """Take a worker whose call of `ready` has ended: idle, or given up if it failed."""
        actor, _ = self.starting.pop(ref)
        try:
            ready: Ready = ray.get(ref, timeout=START_ANSWER_S)
        except RayError as err:
            ray.kill(actor)
            if not _with_its_node(err):  # a node that goes away says nothing of the next worker
                self._failed(root_cause(err))
        else:
            self._failures, self._said_after = 0, 0
            self.idle.append(StartedWorker(actor, ready.node))
            yield Started(slow=ready.slow, host=ready.host)

    def drop_slow(self) -> None:
        """Give up workers that have not started within `start_s`."""
        for ref, (actor, since) in list(self.starting.items()):
            if time.monotonic() - since > self.start_s:
                del self.starting[ref]
                ray.kill(actor)
                self._failed(f"the cluster gave none within {self.start_s:g} s")

    def pending(self, busy: int) -> Iterator[Waiting]:
        """A Waiting event now and then, as long as no worker has started."""
        if not self.starting or busy or self.idle:
            return
        waited = int(time.monotonic() - min(since for _, since in self.starting.values()))
        if waited >= self._said_after + SAY_EVERY_S:
            self._said_after = waited
            yield Waiting(waited)

    def stop_all(self) -> None:
        """Stop all workers that are not busy."""
        self._stop(len(self.idle) + len(self.starting))

    def _wanted(self) -> int:
        if self.workers is not None:
            return self.workers
        looked, room = self._room
        if not looked or time.monotonic() - looked > ROOM_EVERY_S:
            room = cluster.room(self.gpus_per_worker)
            self._room = (time.monotonic(), room)
        return max(1, room)  # an actor that waits is what makes an autoscaler start a node

    def _start(self) -> None:
        actor: Any = (
            ray.remote(Worker)
            .options(
                num_cpus=1,
                num_gpus=self.gpus_per_worker,
                max_concurrency=THREADS,
                max_restarts=0,
                max_task_retries=0,
            )
            .remote(self.out.url, self.device, self.context)
        )
        self.starting[actor.ready.remote()] = (actor, time.monotonic())

    def _stop(self, count: int) -> None:
        """Stop workers: first those that are still starting, the last one before the others."""
        for _ in range(count):
            if self.starting:
                actor, _ = self.starting.popitem()[1]
            elif self.idle:
                actor = self.idle.pop().actor
            else:
                return
            ray.kill(actor)

    def _failed(self, cause: str) -> None:
        self._failures, self._failure = self._failures + 1, cause
        pause = min(LONGEST_PAUSE_S, 2.0 ** min(self._failures - 1, 6))
        self._next_start = time.monotonic() + pause


def lost(err: RayError, node: str) -> bool:
    """Whether a call was lost with its node or on the network, rather than by what it did.

    node: the id of its worker's node.
    """
    return not isinstance(err, RayActorError) or _with_its_node(err) or not cluster.lives(node)


def root_cause(err: RayError) -> str:
    """What a Ray error came of, in one line: Ray's own text holds whole tracebacks."""
    if "error raised in its creation task" in str(err):
        return str(err).strip().splitlines()[-1]
    return cause(getattr(err, "cause", None) or err)


def _with_its_node(err: RayError) -> bool:
    return "its node has died" in str(err)
