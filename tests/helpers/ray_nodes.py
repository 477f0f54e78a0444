"""Ray clusters of several nodes on this machine, waited for however busy it is: Ray gives 30 s."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.helpers.waiting import LONG_S

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster


@contextmanager
def running(**head: Any) -> Iterator[Cluster]:
    """A cluster of its head alone; head: options of that node."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"wait": False, **head})
    try:
        cluster.wait_for_nodes(timeout=LONG_S)
        yield cluster
    finally:
        cluster.shutdown()


def added(cluster: Cluster, **options: Any) -> Any:
    """Another node, once it is part of the cluster; options: of the node."""
    node = cluster.add_node(wait=False, **options)
    cluster.wait_for_nodes(timeout=LONG_S)
    return node
