"""What all meters share: sums that merge, and values that may be undefined.

A meter takes one sample at a time and can be merged with a meter of later samples. Its result maps
names to numbers, or to None where the samples define none, such as a mean over nothing. Meters are
merged in the order of the samples, so the result does not depend on how samples were distributed.
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
    """The metrics of one kind of label, summed over samples."""

    def add(self, truth: Any, answer: Any, geometry: Geometry) -> None:
        """Add the errors of one decoded answer against the truth, both of the same size [H, W].

        geometry: from the source image to both, in pixels.
        """

    def merge(self, later: Any) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""

    def result(self) -> dict[str, Value]:
        """The metrics by name; None for one that the samples do not define."""

    def per_class(self) -> dict[str, Value]:
        """The main metric by class name; empty if the kind of label has no classes."""


def ratio(part: float, whole: float) -> Value:
    """part / whole, or None if whole is 0."""
    return float(part) / float(whole) if whole else None


def mean(values: list[Value]) -> Value:
    """The mean of the values that are not None, or None if there are none."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


class Means:
    """Means over images, by name of the metric; an image whose value is None does not count."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Value]) -> None:
        """Add the values of one image, by name."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + (value or 0.0)
            self._counts[name] = self._counts.get(name, 0) + (value is not None)

    def merge(self, later: Means) -> None:
        """Add the sums of the images that come after these."""
        for name, total in later._sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + total
            self._counts[name] = self._counts.get(name, 0) + later._counts[name]

    def result(self) -> dict[str, Value]:
        """The mean of each metric, None if no image defines it."""
        return {name: ratio(total, self._counts[name]) for name, total in self._sums.items()}


class Sums:
    """Sums of count arrays, by class name."""

    def __init__(self) -> None:
        self.by_name: dict[str, NDArray[Any]] = {}

    def add(self, name: str, counts: NDArray[Any]) -> None:
        """Add counts to the sum of one class; they always have the same length."""
        total = self.by_name.get(name)
        self.by_name[name] = counts.copy() if total is None else total + counts

    def merge(self, later: Sums) -> None:
        """Add the sums of the samples that come after these."""
        for name, counts in later.by_name.items():
            self.add(name, counts)
