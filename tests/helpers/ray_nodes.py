"""Ray clusters of several nodes on this machine, waited for however busy it is.

Ray gives a node 30 s to come up, and its agent 15 s to say which ports it chose; without an answer
the node ends itself (ray-project/ray #65983). Here a node has the time that it takes, and one that
has ended itself is followed by another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.waiting import LONG_S

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

TRIES = 20


@contextmanager
def running(**head: Any) -> Iterator[Cluster]:
    """A cluster of its head alone; head: options of that node."""
    from ray.cluster_utils import Cluster

    options = {"wait": False, **head}
    cluster = _up(lambda: Cluster(initialize_head=True, head_node_args=options))
    try:
        cluster.wait_for_nodes(timeout=LONG_S)
        yield cluster
    finally:
        cluster.shutdown()


def added(cluster: Cluster, **options: Any) -> Any:
    """Another node, once it is part of the cluster; options: of the node."""
    node = _up(lambda: cluster.add_node(wait=False, **options))
    cluster.wait_for_nodes(timeout=LONG_S)
    return node


def _up(start: Callable[[], Any]) -> Any:
    """What `start` returns, tried again while the node that it starts ends itself."""
    from ray._private import services

    asked = services.get_node

    def found(address: str, node_id: str) -> Any:
        end = time.monotonic() + LONG_S
        while True:
            try:
                return asked(address, node_id)
            except RuntimeError:
                if not _lives(node_id) or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "get_node", found)
        for last in (*[False] * (TRIES - 1), True):
            try:
                return start()
            except Exception as err:  # Ray raises nothing more special
                if last or "timed out during startup" not in str(err):
                    raise
    raise AssertionError("unreachable")


def _lives(node_id: str) -> bool:
    """Whether a node's own process, the raylet, runs."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            if command.partition(b"\0")[0].endswith(b"/raylet") and node_id.encode() in command:
                return True
    return False
