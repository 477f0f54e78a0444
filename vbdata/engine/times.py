"""Where the time of a build went, summed from the clocks of its shards: the `time` of run.json.

Seconds of a stage are those of threads, so two workers spend two of them in a second of the run.
`samples_per_second` and `mb_per_second` are the pace of a stage by itself: the samples of the
build, or the bytes that went through it, divided by its own seconds. The cell with empty source and
task has the work for shards as a whole, such as uploads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from vbdata.core.types import Cell
from vbdata.jobs.job import ShardReport
from vbdata.machine.stages import STAGES


class Times:
    """Seconds, samples and bytes, summed over shards of this run and of earlier ones.

    longest: seconds of the slowest shard.
    """

    def __init__(self) -> None:
        self.shards, self.shard_seconds, self.longest = 0, 0.0, 0.0
        self.samples = Counter[Cell]()
        self._seconds: dict[tuple[Cell, str], float] = {}
        self._bytes = Counter[tuple[Cell, str]]()

    def add(self, report: ShardReport) -> None:
        """Add a shard of this run."""
        if report.spent is None:
            return
        self.shards += 1
        self.shard_seconds += report.spent.seconds
        self.longest = max(self.longest, report.spent.seconds)
        self.samples.update(report.samples)
        for time in report.spent.stages:
            self._count((time.source, time.task), time.stage, time.seconds, time.bytes)

    def add_earlier(self, block: Mapping[str, Any]) -> None:
        """Add the sums of earlier runs, as `block` gave them.

        Raises LookupError, TypeError or ValueError if they are not that.
        """
        for line in block["cells"]:
            cell = (str(line["source"]), str(line["task"]))
            self.samples[cell] += int(line["samples"])
            for stage, spent in line["stages"].items():
                self._count(cell, stage, float(spent["seconds"]), int(spent["bytes"]))
        self.shards += int(block["shards"])
        self.shard_seconds += float(block["shard_seconds"])
        self.longest = max(self.longest, float(block["longest_shard_seconds"]))

    def shares(self) -> dict[str, float]:
        """Stage -> its share of all seconds, 0 to 1, the largest first; idle ones left out."""
        whole = sum(self._seconds.values()) or 1.0
        shares = {stage: sum(self._of(stage)) / whole for stage in STAGES}
        some = {stage: share for stage, share in shares.items() if share}
        return dict(sorted(some.items(), key=lambda item: -item[1]))

    def block(self) -> dict[str, Any]:
        """The sums as JSON values, by stage and by cell: the `time` of run.json."""
        shares, samples = self.shares(), sum(self.samples.values())
        return {
            "shards": self.shards,
            "shard_seconds": round(self.shard_seconds, 3),
            "longest_shard_seconds": round(self.longest, 3),
            "samples": samples,
            "stages": {
                stage: _line(samples, sum(self._of(stage)), self._bytes_of(stage))
                | {"share": round(shares[stage], 4)}
                for stage in STAGES
                if stage in shares
            },
            "cells": [self._cell(cell) for cell in sorted({cell for cell, _ in self._seconds})],
        }

    def _cell(self, cell: Cell) -> dict[str, Any]:
        count = self.samples[cell]
        stages = {
            stage: _line(count, self._seconds[cell, stage], self._bytes[cell, stage])
            for stage in STAGES
            if (cell, stage) in self._seconds
        }
        return {"source": cell[0], "task": cell[1], "samples": count, "stages": stages}

    def _count(self, cell: Cell, stage: str, seconds: float, size: int) -> None:
        self._seconds[cell, stage] = self._seconds.get((cell, stage), 0.0) + seconds
        self._bytes[cell, stage] += size

    def _of(self, stage: str) -> list[float]:
        return [seconds for (_, name), seconds in self._seconds.items() if name == stage]

    def _bytes_of(self, stage: str) -> int:
        return sum(size for (_, name), size in self._bytes.items() if name == stage)


def _line(samples: int, seconds: float, size: int) -> dict[str, Any]:
    """A stage's numbers as JSON values."""
    pace = 1 / seconds if seconds else 0.0
    return {
        "seconds": round(seconds, 6),
        "bytes": size,
        "samples_per_second": round(samples * pace, 3),
        "mb_per_second": round(size * pace / 1e6, 3),
    }
