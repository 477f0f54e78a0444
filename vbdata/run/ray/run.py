"""Run jobs on Ray: a map over actors that pull one shard at a time.

The driver holds the numbers of the shards that wait and hands out specs, counts what goes
wrong itself (run.attempts), replaces actors that die or fall silent, and waits nowhere without a
timeout. A worker's death makes its shard a suspect, to be built in a child; a node's does not.
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
from vbdata.run.ray.worker import Pulse
from vbdata.storage.folder import Folder

__all__ = ["run_ray", "start", "stop"]

TICK_S = 1.0
RESULT_S = 120.0  # to fetch a receipt that is ready
SILENT_S = 900.0  # without a step in a shard, and its worker is taken for dead
DEADLINE_S = 6 * 3600.0  # for a shard in which there are steps


@dataclass(slots=True, kw_only=True)
class _Assignment:
    """A worker on a shard. guarded: in a child; heard: when it was last known to get on, after how
    many steps; at: with what.
    """

    member: StartedWorker
    number: int
    guarded: bool
    since: float
    heard: float
    steps: int = 0
    at: str = "the start"
    pulse: Any = None


@dataclass(kw_only=True)
class _Run:
    """What the driver holds: who works on what, and what is known of shards that went wrong."""

    pool: WorkerPool
    spec: Callable[[int], ShardSpec]
    poison: PoisonRecords
    waiting: deque[int]
    silent_s: float
    deadline_s: float
    clock: Callable[[], float]
    busy: dict[Any, _Assignment] = field(default_factory=dict)
    pulses: dict[Any, _Assignment] = field(default_factory=dict)
    attempts: Attempts = field(default_factory=Attempts)
    looked: float = 0.0
    said_alive: int = 0

    def hand_out(self) -> None:
        """Give every idle worker a shard."""
        while self.pool.idle and self.waiting:
            member, number = self.pool.idle.pop(), self.waiting.popleft()
            spec, now = self.spec(number), self.clock()
            guarded = self.poison.may_hold(spec)
            assignment = _Assignment(
                member=member, number=number, guarded=guarded, since=now, heard=now
            )
            self.busy[member.actor.build.remote(spec, guarded)] = assignment

    def collect(self) -> Iterator[Event]:
        """Take what has come back: started workers, pulses, receipts, errors, deaths."""
        refs = [*self.busy, *self.pool.starting, *self.pulses]
        if not refs:
            time.sleep(TICK_S)
            return
        done, _ = ray.wait(refs, num_returns=1, timeout=TICK_S)
        if done:
            done, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        for ref in done:
            if ref in self.busy:
                yield self._finished(self.busy.pop(ref), ref)
            elif ref in self.pulses:
                self._pulse_came(self.pulses.pop(ref), ref)
            else:
                self.pool.started(ref)

    def watch(self) -> Iterator[Event]:
        """Now and then: feel pulses, and end workers that are silent or overdue."""
        now = self.clock()
        if now - self.looked < min(TICK_S, self.silent_s / 8):
            return
        self.looked = now
        for ref, assignment in list(self.busy.items()):
            if now - assignment.heard > self.silent_s:
                yield self._killed(ref, f"no sign of life for {self.silent_s:g} s")
            elif now - assignment.since > self.deadline_s:
                yield self._killed(ref, f"no result after {self.deadline_s:g} s")
            elif assignment.pulse is None and now - assignment.heard > self.silent_s / 4:
                assignment.pulse = assignment.member.actor.pulse.remote()
                self.pulses[assignment.pulse] = assignment

    def count(self) -> Iterator[Event]:
        """Say how many workers there are when that has changed."""
        alive = len(self.busy) + len(self.pool.idle)
        if alive != self.said_alive:
            self.said_alive = alive
            yield Workers(alive)

    def end(self) -> None:
        """Let nobody work on."""
        for assignment in self.busy.values():
            ray.kill(assignment.member.actor)
        self.pool.stop_all()

    def _finished(self, assignment: _Assignment, ref: Any) -> Event:
        self.pulses.pop(assignment.pulse, None)
        number = assignment.number
        try:
            made: ShardReport | str = ray.get(ref, timeout=RESULT_S)
        except RayTaskError as err:
            self.pool.idle.append(assignment.member)
            again = self.attempts.failed(number, err.cause)
            return self._decided(number, root_cause(err), again=again)
        except RayError as err:
            return self._died(assignment, err)
        self.pool.idle.append(assignment.member)
        self._forget(number)
        if isinstance(made, str):
            return Failed(number, made)
        self.poison.learn(made)
        return Done(made)

    def _died(self, assignment: _Assignment, err: RayError) -> Event:
        """A worker is gone. What a record may do to one, it does to a child if there is one."""
        ray.kill(assignment.member.actor)
        number, cause = assignment.number, root_cause(err)
        starved = isinstance(err, OutOfMemoryError)
        if not starved and lost(err, assignment.member.node):
            return self._lost(number, f"its node was lost: {cause}")
        if not starved and assignment.guarded:
            return self._lost(number, f"its worker was ended from outside: {cause}")
        self.poison.shards.add(number)
        if isinstance(err, ActorUnavailableError):  # what became of it, or its node, is not known
            return self._lost(number, f"its worker was lost: {cause}")
        return self._again(number, f"its worker died: {cause}")

    def _killed(self, ref: Any, why: str) -> Event:
        assignment = self.busy.pop(ref)
        self.pulses.pop(assignment.pulse, None)
        ray.kill(assignment.member.actor)
        self.poison.shards.add(assignment.number)
        return self._again(assignment.number, f"{why}; last seen at {assignment.at}")

    def _pulse_came(self, assignment: _Assignment, ref: Any) -> None:
        assignment.pulse = None
        try:
            pulse: Pulse = ray.get(ref, timeout=RESULT_S)
        except RayError:  # the build that is lost with it tells the same
            return
        if pulse.steps != assignment.steps:
            assignment.heard, assignment.steps = self.clock(), pulse.steps
        assignment.at = pulse.at

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
    """Build shards on the connected cluster; raises BuildError if no worker can be started.

    workers: None = as many as the cluster has room for, as nodes come and go; clock: by which a
    shard is silent or overdue.
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
