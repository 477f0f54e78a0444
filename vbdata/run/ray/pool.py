"""Who works: actors that start, idle or build; hired as the cluster has room for them."""

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
from vbdata.run.events import Waiting
from vbdata.run.ray import cluster as ray_cluster
from vbdata.run.ray.worker import THREADS, Worker
from vbdata.storage.folder import Folder

ROOM_EVERY_S = 5.0
SAY_EVERY_S = 30
START_ANSWER_S = 10.0  # to fetch the answer of a worker that has started
LONGEST_PAUSE_S = 60.0  # between two tries where constructors fail


class StartedWorker(NamedTuple):
    """An actor that has started, and its node."""

    actor: Any
    node: str


@dataclass(kw_only=True)
class WorkerPool:
    """The workers of one run.

    workers: how many are wanted, None = as many as the cluster has room for, now and later;
    start_s: seconds that one may take to come up; jobs: what they are to know, in Ray's store.
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
        """Hire who is lacking, and let go whom neither the shards nor the cluster have use for.

        Raises BuildError if nobody works and none can be started.
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

    def started(self, ref: Any) -> None:
        """Take in what `ready` of a new worker has come to."""
        actor, _ = self.starting.pop(ref)
        try:
            node = ray.get(ref, timeout=START_ANSWER_S)
        except RayError as err:
            ray.kill(actor)
            if not _with_its_node(err):
                self._failed(root_cause(err))
        else:
            self._failures, self._said_after = 0, 0
            self.idle.append(StartedWorker(actor, node))

    def drop_slow(self) -> None:
        """Give up workers that do not come up."""
        for ref, (actor, since) in list(self.starting.items()):
            if time.monotonic() - since > self.start_s:
                del self.starting[ref]
                ray.kill(actor)
                self._failed(f"the cluster gave none within {self.start_s:g} s")

    def pending(self, busy: int) -> Iterator[Waiting]:
        """Say now and then that there is no worker yet."""
        if not self.starting or busy or self.idle:
            return
        waited = int(time.monotonic() - min(since for _, since in self.starting.values()))
        if waited >= self._said_after + SAY_EVERY_S:
            self._said_after = waited
            yield Waiting(waited)

    def stop_all(self) -> None:
        """End all that are not on a shard."""
        self._stop(len(self.idle) + len(self.starting))

    def _wanted(self) -> int:
        if self.workers is not None:
            return self.workers
        looked, room = self._room
        if not looked or time.monotonic() - looked > ROOM_EVERY_S:
            room = ray_cluster.room(self.gpus_per_worker)
            self._room = (time.monotonic(), room)
        return max(1, room)  # one that waits lets an autoscaler know

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
        """First those that are not there yet, the last hired before the others."""
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
    """Whether a call was lost with its node or on the way, not by what it did."""
    return not isinstance(err, RayActorError) or _with_its_node(err) or not ray_cluster.lives(node)


def root_cause(err: RayError) -> str:
    """The root of a Ray error in one line."""
    if "error raised in its creation task" in str(err):
        return str(err).strip().splitlines()[-1]
    return cause(getattr(err, "cause", None) or err)


def _with_its_node(err: RayError) -> bool:
    return "its node has died" in str(err)
