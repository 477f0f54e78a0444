"""Paired differences over a few seeds: mean, standard deviation, 95 % interval of Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# 97.5 % quantiles of Student's t by degrees of freedom (any table of them).
QUANTILE = {
    1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over `count` seeds and its 95 % interval, mean - half to mean + half.

    For fewer than two seeds the deviation is NaN and half infinite.
    """

    mean: float
    deviation: float
    half: float
    count: int

    @property
    def shows(self) -> int:
        """1 if the interval is above zero, -1 if below, 0 if it covers zero."""
        if not self.mean - self.half <= 0 <= self.mean + self.half:
            return 1 if self.mean > 0 else -1
        return 0


def interval(values: Sequence[float]) -> Interval:
    """The mean and interval of one to ten values."""
    count = len(values)
    mean = sum(values) / count
    if count < 2:
        return Interval(mean, math.nan, math.inf, count)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    return Interval(mean, deviation, QUANTILE[count - 1] * deviation / math.sqrt(count), count)


def paired(one: dict[int, float], other: dict[int, float]) -> Interval | None:
    """One minus the other over the seeds that both have; None if there are none."""
    seeds = sorted(one.keys() & other.keys())
    return interval([one[seed] - other[seed] for seed in seeds]) if seeds else None
