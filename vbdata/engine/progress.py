"""How far a build is, as its watcher is told after each event of the runner."""

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
    """How far a build is, in samples and shards.

    event: what has just happened, None at the start; *_done: finished by now, by this run or an
    earlier one; *_kept: finished by an earlier run; bytes, quarantined, reused, retries: of this
    run; workers: how many there are now; times: where the time went, in earlier runs as well; kept:
    samples of each of the plan's cells that an earlier run has finished, empty if it finished none.
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
    """Follows a build. This one ignores everything; others override what they want to know.

    An exception that it raises ends the build.
    """

    def planned(self, plan: Plan) -> None:
        """The plan is made; no image has been opened yet."""

    def step(self, state: Progress) -> None:
        """Something has happened. It is called once before, with `state.event` None."""


def initial(plan: Plan, todo: Sequence[int], workers: int, times: Times) -> Progress:
    """The progress before anything has happened in this run.

    todo: numbers of the shards that are missing; workers: how many there are already; times: where
    the time of earlier runs went.
    """
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
    """The progress after one more event."""
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
