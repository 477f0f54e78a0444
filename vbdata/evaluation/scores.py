"""What scoring adds up: meters by cell and row, counts, and what was wrong with single answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vbdata.core.types import Cell
from vbdata.evaluation.metrics.meter import Meter
from vbdata.evaluation.predictions import Fault


@dataclass
class Scores:
    """The sums over some samples.

    meters: by cell and name of a row ("prediction", "ceiling", a trivial one), in order of first
    appearance; counts: samples of each cell by what became of their answer ("scored", "missing",
    "unreadable", "stretched", "resized") and, as "row NAME", by row; faults: of single answers.
    """

    meters: dict[tuple[Cell, str], Meter] = field(default_factory=dict)
    counts: Counter[tuple[Cell, str]] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def merge(self, later: Scores) -> None:
        """Add the sums of the samples that come after these, which decides the last digits."""
        merge_by_key(self.meters, later.meters)
        self.counts += later.counts
        self.faults += later.faults


def merge_by_key(sums: dict[Any, Any], later: Mapping[Any, Any]) -> None:
    """Merge each value of `later` into the value of the same key in `sums`, or add it there."""
    for key, value in later.items():
        if key in sums:
            sums[key].merge(value)
        else:
            sums[key] = value
