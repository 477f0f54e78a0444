"""The runner on Ray: a map over actors that build one shard at a time.

The driver holds the numbers of the shards that wait, sends a spec to each idle worker, replaces
workers that die or fall silent, and waits nowhere without a timeout. Ray restarts and retries
nothing by itself; whether a shard gets another attempt is decided here, by these rules:

- Building it raised an error: an attempt failed.
- Its worker died while its node lives: an attempt failed, and a record may have ended the process.
  The next attempts are made in a child process of the worker (vbdata.run.guarded), which finds it.
- Its worker died although the shard was in a child: no record did that, so the attempt is lost.
- Ray ended its worker because memory ran out: an attempt failed, whether in a child or not, since
  the next one will need as much memory. It is made in a child, whose death names the record.
- Its node went away, or the call was lost on the network: the attempt is lost.
- The worker sent no heartbeat for `silent_s`, or the shard took `deadline_s`: the worker is killed,
  an attempt failed, and the next ones are made in a child.

How many attempts may fail or be lost, and what a child that is killed counts for, is decided in
vbdata.run.attempts.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, OutOfMemoryError, RayError, RayTaskError

from vbdata.jobs.job import ShardReport, ShardSpec
from vbdata.run.attempts import Attempts
from vbdata.run.events import Done, Event, Events, Failed, Retried, Todo, Workers
from vbdata.run.poison import PoisonRecords
from vbdata.run.ray.cluster import START_S, start, stop
from vbdata.run.ray.pool import StartedWorker, WorkerPool, lost, root_cause
from vbdata.run.ray.worker import Heartbeats
from vbdata.storage.folder import Folder

__all__ = ["run_ray", "start", "stop"]

TICK_S = 1.0  # the longest wait for something to happen
RESULT_S = 120.0  # to fetch a result that is ready
SILENT_S = 900.0  # without a heartbeat from a shard, after which its worker is taken for dead
DEADLINE_S = 6 * 3600.0  # for a shard from which heartbeats come


@dataclass(slots=True, kw_only=True)
class _Assignment:
    """A worker that has a shard.

    number: of the shard; guarded: built in a child; since: when it was sent; heard: when a new
    heartbeat was last seen; steps, last: how many there were by then, and which record the last
    one was of; asked: the call that asks the worker for its heartbeats, while one is under way.
    """

    worker: StartedWorker
    number: int
    guarded: bool
    since: float
    heard: float
    steps: int = 0
    last: str = "the start"
    asked: Any = None


@dataclass(kw_only=True)
class _Run:
    """What the driver holds: which worker has which shard, and what went wrong so far.

    busy: call of `build` -> assignment; asked: call of `heartbeats` -> assignment.
    """

    pool: WorkerPool
    spec: Callable[[int], ShardSpec]
    poison: PoisonRecords
    waiting: deque[int]
    silent_s: float
    deadline_s: float
    clock: Callable[[], float]
    busy: dict[Any, _Assignment] = field(default_factory=dict)
    asked: dict[Any, _Assignment] = field(default_factory=dict)
    attempts: Attempts = field(default_factory=Attempts)
    looked: float = 0.0
    counted: int = 0

    def hand_out(self) -> None:
        """Give every idle worker a shard."""
        while self.pool.idle and self.waiting:
            worker, number = self.pool.idle.pop(), self.waiting.popleft()
            spec, now = self.spec(number), self.clock()
            guarded = self.poison.may_hold(spec)
            assignment = _Assignment(
                worker=worker, number=number, guarded=guarded, since=now, heard=now
            )
            self.busy[worker.actor.build.remote(spec, guarded)] = assignment

    def collect(self) -> Iterator[Event]:
        """Take what has come back: reports, errors, deaths, started workers, heartbeats."""
        refs = [*self.busy, *self.pool.starting, *self.asked]
        if not refs:
            time.sleep(TICK_S)
            return
        done, _ = ray.wait(refs, num_returns=1, timeout=TICK_S)
        if done:
            done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref in done:
            if ref in self.busy:
                yield self._finished(self.busy.pop(ref), ref)
            elif ref in self.asked:
                self._heard(self.asked.pop(ref), ref)
            else:
                yield from self.pool.started(ref)

    def watch(self) -> Iterator[Event]:
        """Ask busy workers for heartbeats now and then; kill those that are silent or overdue."""
        now = self.clock()
        if now - self.looked < min(TICK_S, self.silent_s / 8):
            return
        self.looked = now
        for ref, assignment in list(self.busy.items()):
            if now - assignment.heard > self.silent_s:
                yield self._killed(ref, f"no heartbeat for {self.silent_s:g} s")
            elif now - assignment.since > self.deadline_s:
                yield self._killed(ref, f"no result after {self.deadline_s:g} s")
            elif assignment.asked is None and now - assignment.heard > self.silent_s / 4:
                assignment.asked = assignment.worker.actor.heartbeats.remote()
                self.asked[assignment.asked] = assignment

    def count(self) -> Iterator[Event]:
        """A Workers event, if the number of workers has changed."""
        alive = len(self.busy) + len(self.pool.idle)
        if alive != self.counted:
            self.counted = alive
            yield Workers(alive)

    def end(self) -> None:
        """Kill all workers, busy or not."""
        for assignment in self.busy.values():
            ray.kill(assignment.worker.actor)
        self.pool.stop_all()

    def _finished(self, assignment: _Assignment, ref: Any) -> Event:
        self.asked.pop(assignment.asked, None)
        number = assignment.number
        try:
            made: ShardReport | str = ray.get(ref, timeout=RESULT_S)
        except RayTaskError as err:
            self.pool.idle.append(assignment.worker)
            again = self.attempts.failed(number, err.cause)
            return self._decided(number, root_cause(err), again=again)
        except RayError as err:
            return self._died(assignment, err)
        self.pool.idle.append(assignment.worker)
        self._forget(number)
        if isinstance(made, str):
            return Failed(number, made)
        self.poison.learn(made)
        return Done(made)

    def _died(self, assignment: _Assignment, err: RayError) -> Event:
        """Decide on a shard whose worker is gone, by the rules above."""
        ray.kill(assignment.worker.actor)
        number, cause = assignment.number, root_cause(err)
        starved = isinstance(err, OutOfMemoryError)  # Ray's, before the kernel has to
        if not starved and lost(err, assignment.worker.node):
            return self._lost(number, f"its node was lost: {cause}")
        if not starved and assignment.guarded:
            return self._lost(number, f"its worker was ended from outside: {cause}")
        self.poison.shards.add(number)
        if isinstance(err, ActorUnavailableError):  # dead, or out of reach; it cannot be known yet
            return self._lost(number, f"its worker was lost: {cause}")
        return self._again(number, f"its worker died: {cause}")

    def _killed(self, ref: Any, why: str) -> Event:
        """Kill a worker that is silent or overdue, and decide on its shard."""
        assignment = self.busy.pop(ref)
        self.asked.pop(assignment.asked, None)
        ray.kill(assignment.worker.actor)
        self.poison.shards.add(assignment.number)
        return self._again(assignment.number, f"{why}; last seen at {assignment.last}")

    def _heard(self, assignment: _Assignment, ref: Any) -> None:
        """Take the answer of a worker that was asked for its heartbeats."""
        assignment.asked = None
        try:
            beats: Heartbeats = ray.get(ref, timeout=RESULT_S)
        except RayError:  # its call of `build` ends with the same error, and that one counts
            return
        if beats.steps != assignment.steps:
            assignment.heard, assignment.steps = self.clock(), beats.steps
        assignment.last = beats.last

    def _decided(self, number: int, cause: str, *, again: bool) -> Event:
        """Try a shard again, or give it up."""
        if again:
            self.waiting.append(number)
            return Retried(number, cause)
        self._forget(number)
        return Failed(number, cause)

    def _again(self, number: int, cause: str) -> Event:
        return self._decided(number, cause, again=self.attempts.failed(number))

    def _lost(self, number: int, cause: str) -> Event:
        return self._decided(number, cause, again=self.attempts.lost(number))

    def _forget(self, number: int) -> None:
        self.attempts.forget(number)
        self.poison.shards.discard(number)


def run_ray(
    todo: Todo,
    out: Folder,
    *,
    workers: int | None,
    device: str = "cpu",
    gpus_per_worker: float = 0.0,
    start_s: float = START_S,
    silent_s: float = SILENT_S,
    deadline_s: float = DEADLINE_S,
    clock: Callable[[], float] = time.monotonic,
) -> Events:
    """Build the shards of a Todo on the connected cluster (vbdata.run.ray.cluster.connected).

    workers: how many, None = as many as the cluster has room for, as nodes come and go; device,
    gpus_per_worker: as in vbdata.run.how.How; start_s: that a worker may take to start; silent_s:
    without a heartbeat, after which a worker is killed; deadline_s: that a shard may take; clock:
    seconds since any moment, by which the last two are measured. Raises BuildError if no worker can
    be started.
    """
    pool = WorkerPool(
        out=out,
        device=device,
        gpus_per_worker=gpus_per_worker,
        workers=workers,
        start_s=start_s,
        context=ray.put(todo.context),
    )
    run = _Run(
        pool=pool,
        spec=todo.spec,
        poison=PoisonRecords(todo.record),
        waiting=deque(todo.numbers),
        silent_s=silent_s,
        deadline_s=deadline_s,
        clock=clock,
    )
    try:
        while run.waiting or run.busy:
            pool.resize(len(run.waiting), len(run.busy))
            run.hand_out()
            yield from run.collect()
            pool.drop_slow()
            yield from run.watch()
            yield from pool.pending(len(run.busy))
            yield from run.count()
    finally:
        run.end()
