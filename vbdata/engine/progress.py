"""What a watcher of a build is told: how far it is, after each event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vbdata.engine.times import Times
from vbdata.planning.plan import Plan
from vbdata.run.events import Done, Event, Retried, Workers
from vbdata.shard.reuse import REUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a watcher of the build is told after each event.

    times: sums over the shards so far, of earlier runs as well; kept: samples of each cell of the
    plan that an earlier run has finished.
    """

    event: Event | None
    shards_done: int
    shards_kept: int
    shards: int
    samples_done: int
    samples_kept: int
    samples: int
    bytes: int
    quarantined: int
    reused: int = 0
    retries: int = 0
    workers: int = 0
    times: Times = field(default_factory=Times)
    kept: tuple[int, ...] = ()


class Watcher:
    """Follows a build; this one is silent."""

    def planned(self, plan: Plan) -> None:
        """The mixture is known; no pixel has been read."""

    def step(self, state: Progress) -> None:
        """Something happened; the first time, nothing yet."""


def initial(plan: Plan, todo: Sequence[int], workers: int, times: Times) -> Progress:
    """Before anything has happened in this run. todo: shards that are lacking."""
    kept = np.setdiff1d(np.arange(plan.shards), todo)
    cells = tuple(int(n) for n in plan.table[kept].sum(axis=0)) if len(kept) else ()
    samples = sum(cells)
    return Progress(
        event=None,
        shards_done=len(kept),
        shards_kept=len(kept),
        shards=plan.shards,
        samples_done=samples,
        samples_kept=samples,
        samples=plan.recipe.samples,
        bytes=0,
        quarantined=0,
        workers=workers,
        times=times,
        kept=cells,
    )


def advanced(progress: Progress, event: Event) -> Progress:
    """After an event."""
    if isinstance(event, Workers):
        return replace(progress, event=event, workers=event.alive)
    if not isinstance(event, Done):
        retries = progress.retries + isinstance(event, Retried)
        return replace(progress, event=event, retries=retries)
    report = event.report
    return replace(
        progress,
        event=event,
        shards_done=progress.shards_done + 1,
        samples_done=progress.samples_done + sum(report.samples.values()),
        bytes=progress.bytes + report.size,
        quarantined=progress.quarantined + len(report.quarantine),
        reused=progress.reused + report.reuse.get(REUSED, 0),
    )
