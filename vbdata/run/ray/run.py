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
from vbdata.run.attempts import Tries
from vbdata.run.events import Done, Event, Events, Failed, Retried, Todo, Workers
from vbdata.run.ray.cluster import START_S, start, stop
from vbdata.run.ray.crew import Crew, StartedWorker, lost, root_cause
from vbdata.run.suspects import Suspects
from vbdata.storage.folder import Folder

__all__ = ["run_ray", "start", "stop"]

TICK_S = 1.0
RESULT_S = 120.0  # to fetch a receipt that is ready
SILENT_S = 900.0  # without a step in a shard, and its worker is taken for dead
DEADLINE_S = 6 * 3600.0  # for a shard in which there are steps


@dataclass(slots=True, kw_only=True)
class _Shift:
    """A worker on a shard. guarded: in a child; heard: when it was last known to get on; at: with
    what.
    """

    member: StartedWorker
    number: int
    guarded: bool
    since: float
    heard: float
    at: str = "the start"
    pulse: Any = None


@dataclass(kw_only=True)
class _Run:
    """What the driver holds: who works on what, and what is known of shards that went wrong."""

    crew: Crew
    spec: Callable[[int], ShardSpec]
    suspects: Suspects
    waiting: deque[int]
    silent_s: float
    deadline_s: float
    busy: dict[Any, _Shift] = field(default_factory=dict)
    pulses: dict[Any, _Shift] = field(default_factory=dict)
    tries: Tries = field(default_factory=Tries)
    looked: float = 0.0
    said_alive: int = 0

    def hand_out(self) -> None:
        """Give every idle worker a shard."""
        while self.crew.idle and self.waiting:
            member, number = self.crew.idle.pop(), self.waiting.popleft()
            spec, now = self.spec(number), time.monotonic()
            guarded = self.suspects.suspected(spec)
            shift = _Shift(member=member, number=number, guarded=guarded, since=now, heard=now)
            self.busy[member.actor.build.remote(spec, guarded)] = shift

    def collect(self) -> Iterator[Event]:
        """Take what has come back: started workers, pulses, receipts, errors, deaths."""
        refs = [*self.busy, *self.crew.starting, *self.pulses]
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
                self._felt(self.pulses.pop(ref), ref)
            else:
                self.crew.started(ref)

    def look_after(self) -> Iterator[Event]:
        """Now and then: feel pulses, and end workers that are silent or overdue."""
        now = time.monotonic()
        if now - self.looked < min(TICK_S, self.silent_s / 8):
            return
        self.looked = now
        for ref, shift in list(self.busy.items()):
            if now - shift.heard > self.silent_s:
                yield self._killed(ref, f"no sign of life for {self.silent_s:g} s")
            elif now - shift.since > self.deadline_s:
                yield self._killed(ref, f"no result after {self.deadline_s:g} s")
            elif shift.pulse is None and now - shift.heard > self.silent_s / 4:
                shift.pulse = shift.member.actor.pulse.remote()
                self.pulses[shift.pulse] = shift

    def count(self) -> Iterator[Event]:
        """Say how many workers there are when that has changed."""
        alive = len(self.busy) + len(self.crew.idle)
        if alive != self.said_alive:
            self.said_alive = alive
            yield Workers(alive)

    def end(self) -> None:
        """Let nobody work on."""
        for shift in self.busy.values():
            ray.kill(shift.member.actor)
        self.crew.dismiss()

    def _finished(self, shift: _Shift, ref: Any) -> Event:
        self.pulses.pop(shift.pulse, None)
        number = shift.number
        try:
            made: ShardReport | str = ray.get(ref, timeout=RESULT_S)
        except RayTaskError as err:
            self.crew.idle.append(shift.member)
            again = self.tries.failed(number, err.cause)
            return self._decided(number, root_cause(err), again=again)
        except RayError as err:
            return self._died(shift, err)
        self.crew.idle.append(shift.member)
        self._forget(number)
        if isinstance(made, str):
            return Failed(number, made)
        self.suspects.learn(made)
        return Done(made)

    def _died(self, shift: _Shift, err: RayError) -> Event:
        """A worker is gone. What a record may do to one, it does to a child if there is one."""
        ray.kill(shift.member.actor)
        number, cause = shift.number, root_cause(err)
        starved = isinstance(err, OutOfMemoryError)
        if not starved and lost(err, shift.member.node):
            return self._lost(number, f"its node was lost: {cause}")
        if not starved and shift.guarded:
            return self._lost(number, f"its worker was ended from outside: {cause}")
        self.suspects.shards.add(number)
        if isinstance(err, ActorUnavailableError):  # what became of it, or its node, is not known
            return self._lost(number, f"its worker was lost: {cause}")
        return self._again(number, f"its worker died: {cause}")

    def _killed(self, ref: Any, why: str) -> Event:
        shift = self.busy.pop(ref)
        self.pulses.pop(shift.pulse, None)
        ray.kill(shift.member.actor)
        self.suspects.shards.add(shift.number)
        return self._again(shift.number, f"{why}; last seen at {shift.at}")

    def _felt(self, shift: _Shift, ref: Any) -> None:
        shift.pulse = None
        try:
            quiet_s, at = ray.get(ref, timeout=TICK_S)
        except RayError:  # the build that is lost with it tells the same
            return
        shift.heard, shift.at = max(shift.heard, time.monotonic() - quiet_s), at

    def _decided(self, number: int, cause: str, *, again: bool) -> Event:
        """Try a shard again, or give it up."""
        if again:
            self.waiting.append(number)
            return Retried(number, cause)
        self._forget(number)
        return Failed(number, cause)

    def _again(self, number: int, cause: str) -> Event:
        return self._decided(number, cause, again=self.tries.failed(number))

    def _lost(self, number: int, cause: str) -> Event:
        return self._decided(number, cause, again=self.tries.lost(number))

    def _forget(self, number: int) -> None:
        self.tries.forget(number)
        self.suspects.shards.discard(number)


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
) -> Events:
    """Build shards on the connected cluster; raises BuildError if no worker can be started.

    workers: None = as many as the cluster has room for, as nodes come and go.
    """
    crew = Crew(
        out=out,
        device=device,
        gpus_per_worker=gpus_per_worker,
        workers=workers,
        start_s=start_s,
        context=ray.put(todo.context),
    )
    run = _Run(
        crew=crew,
        spec=todo.spec,
        suspects=Suspects(todo.record),
        waiting=deque(todo.numbers),
        silent_s=silent_s,
        deadline_s=deadline_s,
    )
    try:
        while run.waiting or run.busy:
            crew.staff(len(run.waiting), len(run.busy))
            run.hand_out()
            yield from run.collect()
            crew.drop_slow()
            yield from run.look_after()
            yield from crew.pending(len(run.busy))
            yield from run.count()
    finally:
        run.end()
