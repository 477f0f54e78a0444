"""What all meters share: sums that merge, and values that may be undefined.

A meter takes one sample at a time, merges with another meter of its kind (in the order of the
samples, so that the result does not depend on how they were dealt out), and ends in a mapping of
numbers; None is a value that the samples do not define, such as a mean over nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Geometry

Value = float | None
Mask = NDArray[np.bool_]
Ids = NDArray[np.int32]
Floats = NDArray[np.float32]


class Meter(Protocol):
    """One row of a result: a task's metrics over the samples of a source."""

    def add(self, truth: Any, answer: Any, geometry: Geometry) -> None:
        """Score one decoded answer against the truth; geometry: from the source image to both."""

    def merge(self, later: Any) -> None:
        """Take up the samples that come after this meter's own."""

    def result(self) -> dict[str, Value]:
        """Metrics by name."""

    def per_class(self) -> dict[str, Value]:
        """The headline metric by class; empty where there are no classes."""


def ratio(part: float, whole: float) -> Value:
    """part / whole, None where whole is 0."""
    return float(part) / float(whole) if whole else None


def mean(values: list[Value]) -> Value:
    """The mean of the defined values, None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


class Means:
    """Means over images, by name; an image whose value is None does not count."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Value]) -> None:
        """One image's values."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + (value or 0.0)
            self._counts[name] = self._counts.get(name, 0) + (value is not None)

    def merge(self, later: Means) -> None:
        """Take up the images that come after these."""
        for name, total in later._sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + total
            self._counts[name] = self._counts.get(name, 0) + later._counts[name]

    def result(self) -> dict[str, Value]:
        """The means."""
        return {name: ratio(total, self._counts[name]) for name, total in self._sums.items()}


class Sums:
    """Arrays of counts by class name, added up."""

    def __init__(self) -> None:
        self.by_name: dict[str, NDArray[Any]] = {}

    def add(self, name: str, counts: NDArray[Any]) -> None:
        """Add to the counts of one name."""
        known = self.by_name.get(name)
        self.by_name[name] = counts.copy() if known is None else known + counts

    def merge(self, later: Sums) -> None:
        """Take up another's counts."""
        for name, counts in later.by_name.items():
            self.add(name, counts)
