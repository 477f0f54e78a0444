"""How large a build becomes and how long it takes, from a few samples that are timed here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vbdata.engine.trial import Trial, Trials
from vbdata.planning.plan import Plan

HOUR, MINUTE, DAY = 3600.0, 60.0, 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEstimate:
    """A cell: its samples, and seconds and bytes of one of them; None where none could be timed."""

    source: str
    task: str
    samples: int
    seconds: float | None
    bytes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A build, or the part of it that is not finished.

    shards, samples: that are to be built; timed: samples that were; workers: that build at once;
    cells: of those samples.
    """

    shards: int
    samples: int
    timed: int
    workers: int
    cells: tuple[CellEstimate, ...]

    @property
    def untimed(self) -> tuple[str, ...]:
        """Cells with samples of which no record could be timed, as "source / task"."""
        return tuple(
            f"{cell.source} / {cell.task}"
            for cell in self.cells
            if cell.samples and cell.seconds is None
        )

    @property
    def core_seconds(self) -> float:
        """Seconds that one core of this machine would take for all timed cells."""
        return sum(cell.samples * (cell.seconds or 0) for cell in self.cells)

    @property
    def bytes(self) -> float:
        """Bytes of all shards, of timed cells."""
        return sum(cell.samples * (cell.bytes or 0) for cell in self.cells)

    @property
    def wall_seconds(self) -> float:
        """Seconds for which workers are busy, each with one whole shard at a time."""
        at_once = max(1, min(self.workers, self.shards))
        return self.core_seconds / max(1, self.shards) * math.ceil(self.shards / at_once)

    def text(self) -> str:
        """The estimate in a sentence or two."""
        if not self.shards:
            return "nothing is left to be built"
        if not self.timed:
            return "no estimate: no record could be timed"
        many = f"{self.workers} worker{'s' if self.workers > 1 else ''}"
        few = self.workers > self.shards
        idle = f", {self.shards} of which have a shard to build" if few else ""
        text = (
            f"estimate for {self.samples:,} samples in {self.shards:,} shards: "
            f"{size_text(self.bytes)}, {hours_text(self.core_seconds)}, "
            f"about {time_text(self.wall_seconds)} of building with {many}{idle}; from "
            f"{self.timed} samples timed here, one at a time, reading included"
        )
        if self.untimed:
            text += f"; without {', '.join(self.untimed)}, of which no record could be timed"
        return text

    def as_json(self) -> dict[str, Any]:
        """The estimate as JSON values: bytes, seconds of one core, seconds of all workers."""
        return {
            "shards": self.shards,
            "samples": self.samples,
            "bytes": round(self.bytes),
            "core_seconds": round(self.core_seconds, 3),
            "workers": self.workers,
            "wall_seconds": round(self.wall_seconds, 3),
            "timed": self.timed,
            "cells": [asdict(cell) for cell in self.cells],
        }


def estimated(
    plan: Plan, trials: Iterable[Trial], workers: int, left: Mapping[int, int] | None = None
) -> Estimate:
    """The estimate for a plan by trials of its cells.

    left: how many samples of each cell, by its place in the plan, are to be built, and under -1 how
    many shards; all by default.
    """
    by_cell = {(trial.source, trial.task): trial for trial in trials}
    counts = {place: cell.count for place, cell in enumerate(plan.cells)} | {-1: plan.shards}
    counts = counts if left is None else {place: left.get(place, 0) for place in counts}
    cells = []
    for place, cell in enumerate(plan.cells):
        trial = by_cell.get((cell.source, cell.task))
        cells.append(
            CellEstimate(
                source=cell.source,
                task=cell.task,
                samples=counts[place],
                seconds=trial.pace if trial else None,
                bytes=trial.size if trial else None,
            )
        )
    return Estimate(
        shards=counts[-1],
        samples=sum(cell.samples for cell in cells),
        timed=sum(len(trial.seconds) for trial in by_cell.values()),
        workers=workers,
        cells=tuple(cells),
    )


def timed(plan: Plan, count: int) -> list[Trial]:
    """Trials of some records of each cell; cells whose data cannot be opened have none."""
    trials, found = Trials(plan), list[Trial]()
    for cell in plan.cells if count else ():
        try:
            found.append(trials.of(cell, count))
        except Exception:  # noqa: BLE001, S112 (the build itself says what is wrong; see `untimed`)
            continue
    return found


def size_text(size: float) -> str:
    """Bytes as 3.2 MB, 41 GB or 1.2 TB."""
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.1f} {unit}" if size < 9.95 else f"{size:.0f} {unit}"
    return f"{size / 1000:.1f} TB"


def hours_text(seconds: float) -> str:
    """Seconds of one core as core-hours, or core-seconds where that is less than a tenth of one."""
    if seconds < HOUR / 10:
        return f"{seconds:.2g} core-seconds" if seconds < 10 else f"{seconds:.0f} core-seconds"
    hours = seconds / HOUR
    return f"{hours:.1f} core-hours" if hours < 99.5 else f"{hours:,.0f} core-hours"


def time_text(seconds: float) -> str:
    """Seconds as 5 s, 12 min, 3 h 20 min or 2 d 4 h."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / MINUTE)
    if minutes < 100:
        return f"{minutes} min"
    if seconds < 2 * DAY:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / HOUR)
    return f"{hours // 24} d {hours % 24} h"
