"""A Ray cluster as the runner sees it: to connect to it, what it has room for, which nodes live.

No wait here is without an end.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import ray

from vbdata.errors import BuildError
from vbdata.run.attempt import cause
from vbdata.run.ray import private as ray_private

ANSWER_S = 10.0  # for a cluster's port to accept a connection
START_S = 120.0  # for a worker to come up on this machine
CLUSTER_START_S = 1800.0  # and on a cluster that may have to boot and furnish a node for it
LOCAL_STORE_BYTES = 200 * 2**20


def start(address: str, workers: int | None) -> float:
    """Connect to a cluster, or start one of this machine's own with room for the workers.

    Returns the seconds that a worker may take to come up. Raises BuildError if there is none.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # quiets a warning of Ray's
    if address == "local":
        ray_private.start(
            num_cpus=workers,
            include_dashboard=False,
            object_store_memory=LOCAL_STORE_BYTES,
            **quiet,
        )
        return START_S
    try:
        _knock(address)
        ray.init(address=address, **quiet)
    except (ValueError, OSError, RuntimeError) as err:
        raise BuildError(f"no Ray cluster at {address!r}: {cause(err)}") from err
    return CLUSTER_START_S


@contextmanager
def connected(address: str, workers: int | None, early: bool) -> Iterator[Callable[[], float]]:
    """What gives, and waits for, the seconds that a worker may take to come up (`start`).

    early: begin to start at once, on a thread, so that there is time for other things meanwhile.
    Within, the cluster stays; where nobody waited for it, none was joined.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ray") as pool:
        begun = pool.submit(start, address, workers) if early else None
        joined = early

        def ready() -> float:
            nonlocal joined
            joined = True
            with _our_signals():
                return begun.result() if begun else start(address, workers)

        try:
            yield ready
        finally:
            if begun:
                wait((begun,))
            if joined:
                stop()


def stop() -> None:
    """Leave the cluster; one of our own ends with it."""
    ray.shutdown()
    ray_private.clear()


def room(gpus_per_worker: float) -> int:
    """How many workers the living nodes have room for, were they ours alone."""
    return sum(_room_of(node["Resources"], gpus_per_worker) for node in _nodes() if alive(node))


def alive(node: dict[str, Any]) -> bool:
    """Whether a line of ray.nodes() is of a node that works."""
    return bool(node["Alive"])


def lives(node_id: str) -> bool:
    """Whether a node is there still."""
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
    """Raise OSError where nobody listens, which Ray would find out only after minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_S).close()


@contextmanager
def _our_signals() -> Iterator[None]:
    """ray.init puts handlers of its own on SIGTERM, whose printing may crash what they interrupt.

    On another thread it does so, too, below Python's.
    """
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)
