"""A Ray cluster as the runner sees it: how to connect, how many workers fit, which nodes live.

No wait here is without an end.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError

from vbdata.errors import BuildError
from vbdata.run.attempt import cause
from vbdata.run.ray import private
from vbdata.run.ray.token import show_token

ANSWER_S = 10.0  # for a cluster's port to accept a connection
START_S = 600.0  # for a worker to start on this machine
CLUSTER_START_S = 1800.0  # and on a cluster, which may have to boot and set up a node first
SIGACTION_BYTES = 1024  # more than a struct sigaction has anywhere
LOCAL_STORE_BYTES = 200 * 2**20  # of Ray's object store, which holds little more than the context


def start(address: str, workers: int | None) -> float:
    """Connect to the cluster at an address, or start one on this machine if that is "local".

    workers: that a new one has room for, None = as many as the machine has cores. Returns the
    seconds that a worker may take to start there. Raises BuildError if no cluster answers, or if it
    asks for another token.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # quiets a warning of Ray's
    if address == "local":
        with _our_signals():
            private.start(
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=LOCAL_STORE_BYTES,
                **quiet,
            )
        return START_S
    try:
        _knock(address)
        show_token(address)
        with _our_signals():
            ray.init(address=address, **quiet)
    except (ValueError, OSError, RuntimeError, RayError) as err:
        raise BuildError(f"no Ray cluster at {address!r}: {cause(err)}") from err
    return CLUSTER_START_S


class Connection(NamedTuple):
    """A cluster while `connected` lasts.

    ready: waits for it and returns what `start` does; leave: begins to leave it, on a thread, once
    the caller needs it no more.
    """

    ready: Callable[[], float]
    leave: Callable[[], None]


@contextmanager
def connected(address: str, workers: int | None, early: bool) -> Iterator[Connection]:
    """A connection to a cluster, which has been left at the end of this.

    early: connect at once, on a thread, while the caller does something else. Otherwise the first
    call of `ready` connects; without a call there never is a cluster.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ray") as pool:
        starting = pool.submit(start, address, workers) if early else None
        leaving: Future[None] | None = None
        joined = early

        def ready() -> float:
            nonlocal joined
            joined = True
            return starting.result() if starting else start(address, workers)

        def leave() -> None:
            nonlocal leaving
            leaving = leaving or pool.submit(stop)

        try:
            yield Connection(ready, leave)
        finally:
            if starting:
                wait((starting,))
            if leaving:
                leaving.result()
            elif joined:
                stop()


def stop() -> None:
    """Leave the cluster. One that `start` has started ends with that."""
    with _our_signals():
        ray.shutdown()
    private.clear()


def room(gpus_per_worker: float) -> int:
    """How many workers the living nodes have room for, if nobody else used them.

    gpus_per_worker: the share of a GPU that each takes; 0 = none.
    """
    return sum(_room_of(node["Resources"], gpus_per_worker) for node in _nodes() if alive(node))


def alive(node: dict[str, Any]) -> bool:
    """Whether a line of ray.nodes() is of a node that is up."""
    return bool(node["Alive"])


def lives(node_id: str) -> bool:
    """Whether the node with this id is still up."""
    return any(node["NodeID"] == node_id and alive(node) for node in _nodes())


def _nodes() -> list[dict[str, Any]]:
    return ray.nodes()  # type: ignore[no-untyped-call]


def _room_of(resources: dict[str, float], gpus_per_worker: float) -> int:
    cpus = int(resources.get("CPU", 0))
    if not gpus_per_worker:
        return cpus
    gpus = resources.get("GPU", 0.0)
    # Ray gives a worker a share of one card, or whole cards
    each = math.floor(1 / gpus_per_worker + 1e-9) if gpus_per_worker <= 1 else 1 / gpus_per_worker
    return min(cpus, int(gpus * each))


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at an address; Ray would find that out only after minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()


@contextmanager
def _our_signals() -> Iterator[None]:
    """Put this process' handlers of SIGTERM back after Ray set its own, on any thread.

    Ray's prints a stack trace, which may crash what it interrupts. One of them lies below Python's
    handlers, which only the main thread may set, and it may be busy for long.
    """
    ours, c_library = signal.getsignal(signal.SIGTERM), ctypes.CDLL(None)
    below = ctypes.create_string_buffer(SIGACTION_BYTES)
    c_library.sigaction(signal.SIGTERM, None, below)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)
        c_library.sigaction(signal.SIGTERM, below, None)
