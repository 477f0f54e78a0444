"""Run jobs on Ray: a map over actors that pull one shard at a time.

The driver counts attempts itself, replaces actors that die or overrun their deadline, and waits
nowhere without a timeout. No other module imports ray.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from vbdata import ray_private
from vbdata.errors import BuildError
from vbdata.nouns import Job, Receipt
from vbdata.run import (
    ATTEMPTS,
    Done,
    Event,
    Failed,
    Retried,
    Waiting,
    Workers,
    build_or_blame,
    cause,
    one_thread,
)
from vbdata.storage import Folder

TICK_S = 1.0
SAY_EVERY_S = 30
DEADLINE_S = 3600.0
RESULT_S = 120.0  # to fetch a receipt that is ready
START_S = 120.0  # for a worker to come up on this machine
CLUSTER_START_S = 1800.0  # and on a cluster that may have to boot and furnish a node for it
LOCAL_STORE_BYTES = 200 * 2**20


class Worker:
    """Builds shards, one call at a time, on one thread."""

    def __init__(self, out: str, device: str) -> None:
        import torch

        torch.set_num_threads(1)
        one_thread()
        self._out, self._device = Folder(out), device

    def ready(self) -> int:
        """The process id, once the constructor has run."""
        return os.getpid()

    def build(self, job: Job) -> Receipt | str:
        """Build one shard, or say which fault of a plug-in ended it."""
        return build_or_blame(job, self._out, self._device)


@dataclass
class _State:
    """What the driver holds: shards waiting, their attempts, and who works on what."""

    waiting: deque[int]
    attempts: dict[int, int] = field(default_factory=dict)
    busy: dict[Any, tuple[Any, int, float]] = field(default_factory=dict)
    idle: list[Any] = field(default_factory=list)
    starting: dict[Any, tuple[Any, float]] = field(default_factory=dict)
    failed_starts: int = 0
    said_after: int = 0
    said_alive: int = 0


def start(address: str, workers: int) -> float:
    """Connect to a cluster, or start one of this machine's own with room for the workers.

    Returns the seconds that a worker may take to come up.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # quiets a warning of Ray's
    with _our_signals():
        if address == "local":
            ray_private.start(
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=LOCAL_STORE_BYTES,
                **quiet,
            )
            return START_S
        try:
            ray.init(address=address, **quiet)
        except (ValueError, ConnectionError, RuntimeError) as err:
            raise BuildError(f"no Ray cluster at {address!r}: {cause(err)}") from err
    return CLUSTER_START_S


@contextmanager
def _our_signals() -> Iterator[None]:
    """ray.init puts its own handler on SIGTERM, which would end the build without a word."""
    ours = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ours)


def stop() -> None:
    """Leave the cluster; one of our own ends with it."""
    ray.shutdown()
    ray_private.clear()


def run_ray(
    numbers: Sequence[int],
    make: Callable[[int], Job],
    out: Folder,
    *,
    workers: int,
    device: str = "cpu",
    gpus_per_worker: float = 0.0,
    start_s: float = START_S,
    deadline_s: float = DEADLINE_S,
) -> Iterator[Event]:
    """Build shards on the connected cluster; raises BuildError if no worker can be started."""
    remote = ray.remote(Worker).options(
        num_cpus=1, num_gpus=gpus_per_worker, max_restarts=0, max_task_retries=0
    )
    state = _State(waiting=deque(numbers))
    wanted = min(workers, len(numbers))
    try:
        while state.waiting or state.busy:
            _hire(state, remote, out, device, wanted)
            _hand_out(state, make)
            yield from _collect(state)
            _drop_slow_starts(state, start_s)
            yield from _overdue(state, deadline_s)
            yield from _pending(state)
            yield from _crew(state)
    finally:
        for actor in [
            *state.idle,
            *(a for a, *_ in [*state.busy.values(), *state.starting.values()]),
        ]:
            ray.kill(actor)


def _hire(state: _State, remote: Any, out: Folder, device: str, wanted: int) -> None:
    """Start as many workers as are lacking and still of use."""
    have = len(state.busy) + len(state.idle) + len(state.starting)
    for _ in range(min(wanted, len(state.waiting) + len(state.busy)) - have):
        actor = remote.remote(out.url, device)
        state.starting[actor.ready.remote()] = (actor, time.monotonic())


def _hand_out(state: _State, make: Callable[[int], Job]) -> None:
    while state.idle and state.waiting:
        number, actor = state.waiting.popleft(), state.idle.pop()
        state.attempts[number] = state.attempts.get(number, 0) + 1
        state.busy[actor.build.remote(make(number))] = (actor, number, time.monotonic())


def _collect(state: _State) -> Iterator[Event]:
    """Take what has come back: started workers, receipts, errors, deaths."""
    refs = [*state.busy, *state.starting]
    done, _ = ray.wait(refs, num_returns=1, timeout=TICK_S)
    more, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
    for ref in dict.fromkeys([*done, *more]):
        if ref in state.starting:
            _started(state, ref)
        else:
            yield _finished(state, ref)


def _started(state: _State, ref: Any) -> None:
    actor, _ = state.starting.pop(ref)
    try:
        ray.get(ref, timeout=TICK_S)
    except RayError as err:
        _start_failed(state, _cause(err))
    else:
        state.failed_starts = 0
        state.idle.append(actor)


def _start_failed(state: _State, cause: str) -> None:
    state.failed_starts += 1
    if state.failed_starts >= ATTEMPTS and not state.busy and not state.idle:
        raise BuildError(f"no worker can be started: {cause}")


def _finished(state: _State, ref: Any) -> Event:
    actor, number, _ = state.busy.pop(ref)
    try:
        made: Receipt | str = ray.get(ref, timeout=RESULT_S)
    except RayActorError as err:
        return _again(state, number, f"its worker died: {_cause(err)}")
    except RayTaskError as err:
        state.idle.append(actor)
        return _again(state, number, _cause(err))
    except RayError as err:  # the result was lost with its node, or the like
        ray.kill(actor)
        return _again(state, number, _cause(err))
    state.idle.append(actor)
    return Failed(number, made) if isinstance(made, str) else Done(made)


def _again(state: _State, number: int, cause: str) -> Event:
    if state.attempts[number] >= ATTEMPTS:
        return Failed(number, cause)
    state.waiting.append(number)
    return Retried(number, cause)


def _drop_slow_starts(state: _State, start_s: float) -> None:
    for ref, (actor, since) in list(state.starting.items()):
        if time.monotonic() - since > start_s:
            del state.starting[ref]
            ray.kill(actor)
            _start_failed(state, f"the cluster gave none within {start_s:g} s")


def _pending(state: _State) -> Iterator[Event]:
    """Say now and then that there is no worker yet."""
    if not state.starting or state.busy or state.idle:
        return
    waited = int(time.monotonic() - min(since for _, since in state.starting.values()))
    if waited >= state.said_after + SAY_EVERY_S:
        state.said_after = waited
        yield Waiting(waited)


def _crew(state: _State) -> Iterator[Event]:
    """Say how many workers there are when that has changed."""
    alive = len(state.busy) + len(state.idle)
    if alive != state.said_alive:
        state.said_alive = alive
        yield Workers(alive)


def _overdue(state: _State, deadline_s: float) -> Iterator[Event]:
    """Kill workers that take too long over a shard."""
    now = time.monotonic()
    for ref, (actor, number, since) in list(state.busy.items()):
        if now - since > deadline_s:
            del state.busy[ref]
            ray.kill(actor)
            yield _again(state, number, f"no result after {deadline_s:g} s")


def _cause(err: RayError) -> str:
    """The root of a Ray error in one line."""
    root = getattr(err, "cause", None) or err
    return cause(root)
