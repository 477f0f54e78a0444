"""Sizes in as few groups as it takes for a trainer that chooses buckets by aspect ratio alone.

tdrussell/diffusion-pipe takes the aspect ratios of `size_buckets`, rounded to three decimals, each
once and rising, and lets the n-th ratio stand for the n-th bucket of the list as given. An image
gets the ratio whose logarithm is nearest to its own. So a list must be ordered by aspect ratio, and
two sizes of one ratio, or of ratios that round to one, cannot stand in the same list: one of them
is resized to the other. Lists are made such that every image gets its own bucket.
Source: utils/dataset.py of that repository (DirectoryDataset.__init__, dedup_and_sort,
_find_closest_size_bucket), commit 8f83dbf of 2026-08-20.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vbdata.export.parts.sizes import most_frequent
from vbdata.export.parts.types import Size, Sizes

DECIMALS = 3
MARGIN = 1e-9  # of logarithms: nearer than a rounding error of theirs


@dataclass(slots=True)
class _Bucket:
    """A size that images get; ratio: its own, rounded; images: logarithms of their ratios."""

    size: Size
    ratio: float
    images: list[float] = field(default_factory=list)


def grouped(sizes: Sizes, bucket_of: Mapping[Size, Size]) -> dict[Size, int]:
    """The number of each size's group, from 0; sizes of most samples come to the first groups.

    bucket_of: the bucket that images of each size shall get; mostly that size itself.
    """
    groups: list[list[_Bucket]] = []
    numbers = {}
    for size in most_frequent(sizes):
        for number in range(len(groups) + 1):
            if number == len(groups):
                groups.append([])
            if _joined(groups[number], size, bucket_of[size]):
                numbers[size] = number
                break
    return numbers


def by_ratio(buckets: set[Size]) -> list[Size]:
    """Buckets in the order in which the trainer numbers their aspect ratios."""
    return sorted(buckets, key=lambda size: (_ratio(size), size))


def _joined(group: list[_Bucket], size: Size, bucket: Size) -> bool:
    """Add a size to a group, unless an image would then get another's bucket; whether it was."""
    width, height = size
    log, ratio = float(np.log(width / height)), _ratio(bucket)
    at = bisect_left([each.ratio for each in group], ratio)
    if at < len(group) and group[at].ratio == ratio:
        if group[at].size != bucket or not _nearest(group, at, [log]):
            return False
        group[at].images.append(log)
        return True
    grown = [*group[:at], _Bucket(bucket, ratio, [log]), *group[at:]]
    near = range(max(at - 1, 0), min(at + 2, len(grown)))
    if not all(_nearest(grown, place, grown[place].images) for place in near):
        return False
    group[:] = grown
    return True


def _nearest(group: list[_Bucket], at: int, images: list[float]) -> bool:
    """Whether the bucket at a place is nearer to some images than its neighbours are."""
    with np.errstate(divide="ignore"):  # a ratio that is rounded to 0
        own = float(np.log(group[at].ratio))
        others = [float(np.log(group[k].ratio)) for k in (at - 1, at + 1) if 0 <= k < len(group)]
    return all(
        abs(image - own) + MARGIN < abs(image - other) for image in images for other in others
    )


def _ratio(size: Size) -> float:
    width, height = size
    return float(np.round(np.float64(width) / height, DECIMALS))
