"""How a build runs: where, on how many workers, what it may take over; never what it makes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a build runs. No field changes a byte of what it makes.

    workers: Ray actors, None = as many as the cluster has room for; ray: the address of a running
    cluster, "local" = a cluster of this build's own, None = in this process, without Ray;
    device: where labels are rendered, such as "cpu" or "cuda"; gpus_per_worker: the share of a GPU
    that each actor takes;
    rehash: read the bytes of finished shards again, and the raw data of their samples, and build
    again those of which something has changed; retry: build shards again that put records into
    quarantine; reuse: folders or URLs of earlier builds, from which samples are copied that would
    come out the same;
    patience_s: seconds without a heartbeat from a shard (vbdata.shard.heartbeat) after which its
    worker is taken for dead; clock: seconds since any moment, by which they are measured.
    """

    workers: int | None = 1
    ray: str | None = None
    device: str = "cpu"
    gpus_per_worker: float = 0.0
    rehash: bool = False
    retry: bool = False
    reuse: tuple[str, ...] = ()
    patience_s: float = 900.0
    clock: Callable[[], float] = time.monotonic
