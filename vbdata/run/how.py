"""Where and how fast a build runs; never what it makes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """Where and how fast, never what.

    ray: None = in this process, else an address or "local"; rehash: read finished shards again
    instead of trusting their size; retry: build again those that put records into quarantine;
    reuse: earlier builds, from which samples are copied that would come out the same;
    workers: None = as many as the cluster has room for; patience_s: seconds without a step in a
    shard after which its worker is taken for dead; clock: seconds since any moment, by which it is.
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
