"""A running build in numbers, by cell: what is done, how fast, and how long the rest will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from vbdata.engine.progress import Progress
from vbdata.jobs.job import ShardReport
from vbdata.planning.plan import Plan
from vbdata.run.events import Done

WINDOW_S = 300.0  # over which the pace is taken
SNAPSHOT_S = 1.0  # between two counts that are remembered


@dataclass(slots=True)
class CellProgress:
    """How far a cell of the mixture is, in samples.

    total: planned; done: finished, in earlier runs as well; made, bytes: of this run alone;
    quarantined: damaged records; replaced: samples that stand for one.
    """

    source: str
    task: str
    total: int
    done: int = 0
    made: int = 0
    bytes: int = 0
    quarantined: int = 0
    replaced: int = 0


class Account:
    """Counts the events of a build by cell, and its pace.

    clock: seconds since any moment, by which the pace is measured.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = plan.recipe.name
        self.cells = [CellProgress(cell.source, cell.task, cell.count) for cell in plan.cells]
        self._by = {(cell.source, cell.task): cell for cell in self.cells}
        self._clock, self._start = clock, clock()
        self._past = deque([(self._start, self._now())])

    @property
    def seconds(self) -> float:
        """Seconds since the first shard was begun."""
        return self._clock() - self._start

    def step(self, state: Progress) -> None:
        """Count an event."""
        if state.event is None:
            for cell, kept in zip(self.cells, state.kept, strict=False):
                cell.done = kept
            self._start = self._clock()
            self._past = deque([(self._start, self._now())])
        elif isinstance(state.event, Done):
            self._add(state.event.report)
            self._remember()

    def pace(self) -> list[tuple[float, float]]:
        """(samples, megabytes) a second of each cell, over the last WINDOW_S seconds."""
        since, then = self._past[0]
        seconds = max(self._clock() - since, 1e-6)
        return [
            ((made - old_made) / seconds, (size - old_size) / seconds / 1e6)
            for (made, size), (old_made, old_size) in zip(self._now(), then, strict=True)
        ]

    def left(self, state: Progress) -> float | None:
        """Seconds that the rest will take at this pace, None if nothing was made in the window."""
        samples = sum(made for made, _ in self.pace())
        return (state.samples - state.samples_done) / samples if samples else None

    def _now(self) -> list[tuple[int, int]]:
        return [(cell.made, cell.bytes) for cell in self.cells]

    def _remember(self) -> None:
        now = self._clock()
        if now - self._past[-1][0] >= SNAPSHOT_S:
            self._past.append((now, self._now()))
        while len(self._past) > 1 and now - self._past[1][0] >= WINDOW_S:
            self._past.popleft()

    def _add(self, report: ShardReport) -> None:
        for name, count in report.samples.items():
            cell = self._by[name]
            cell.done, cell.made = cell.done + count, cell.made + count
        for line in report.quarantine:
            self._by[line["source"], line["task"]].quarantined += 1
        for name, count in report.replaced.items():
            self._by[name].replaced += count
        for spent in report.spent.stages if report.spent else ():
            if spent.stage == "tar" and spent.source:
                self._by[spent.source, spent.task].bytes += spent.bytes


def clock_text(seconds: float) -> str:
    """Seconds as 0:42, 1:02:03 or 2 d 03:04."""
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    if days:
        return f"{days} d {rest // 3600:02d}:{rest % 3600 // 60:02d}"
    hours, minutes = divmod(rest // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
