"""Panoptic quality of things and stuff together: PQ, SQ and RQ by class, then their means.

    pq    sum of the IoUs of matches / (TP + FP/2 + FN/2)
    sq    sum of the IoUs of matches / TP          rq    TP / (TP + FP/2 + FN/2)
    pq_th, pq_st and so on: of things alone, of stuff alone

A match is a true and an answered segment of one class with an IoU above 0.5; void pixels are cut
from the union. Of the truth, crowds are matched by nothing and missed by nobody. An answered
segment without a match does not count if more than half of it lies on void and on the (last) crowd
of its class. Means are over the classes that have a match, a miss or a false segment.

Kirillov et al., "Panoptic Segmentation", CVPR 2019, sections 4.1 and 4.2; reference:
cocodataset/panopticapi, evaluation.py (pq_compute_single_core). Of an answer all pixels of one
colour are one segment, and a pixel in a colour that the decoder rejects is of none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Sums, Value, mean, ratio

Line = NDArray[np.float64]


def counts(truth: Segments, answer: Segments) -> dict[tuple[str, bool], Line]:
    """Sum of IoUs, TP, FP and FN of one image by class: (name, whether it is a thing).

    truth: Segments [H, W], void where a pixel is not valid and of no crowd; answer: of that size.
    """
    wanted, painted = len(truth.classes), len(answer.classes)
    crowds = np.array([False, *truth.crowds])
    true = np.where(truth.valid | crowds[truth.ids], truth.ids, 0).astype(np.int64)
    said = np.where(answer.valid, answer.ids, 0)
    flat = true * (painted + 1) + said
    table = np.bincount(flat.ravel(), minlength=(wanted + 1) * (painted + 1))
    table = table.reshape(wanted + 1, painted + 1)
    areas, sizes = table.sum(1), table.sum(0)
    found: dict[tuple[str, bool], Line] = {}
    matched, answered = set[int](), set[int]()
    for k, j in np.argwhere(table[1:, 1:] > 0).tolist():
        one, other = _kind(truth, k), _kind(answer, j)
        if truth.crowds[k] or one != other:
            continue
        both = table[k + 1, j + 1]
        iou = both / (areas[k + 1] + sizes[j + 1] - both - table[0, j + 1])
        if iou > 0.5:
            _line(found, one)[:2] += iou, 1
            matched.add(k)
            answered.add(j)
    last: dict[tuple[str, bool], int] = {}
    for k in np.flatnonzero(areas[1:]).tolist():
        if truth.crowds[k]:
            last[_kind(truth, k)] = k
        elif k not in matched:
            _line(found, _kind(truth, k))[3] += 1
    for j in np.flatnonzero(sizes[1:]).tolist():
        kind = _kind(answer, j)
        hidden = table[0, j + 1] + (table[last[kind] + 1, j + 1] if kind in last else 0)
        if j not in answered and not hidden / sizes[j + 1] > 0.5:
            _line(found, kind)[2] += 1
    return found


def _kind(label: Segments, place: int) -> tuple[str, bool]:
    return label.classes[place], label.things[place]


def _line(found: dict[tuple[str, bool], Line], kind: tuple[str, bool]) -> Line:
    return found.setdefault(kind, np.zeros(4))


@dataclass
class PanopticMeter:
    """Sums of IoUs, TP, FP and FN by class, of things and of stuff; and rejected pixels."""

    things: Sums = field(default_factory=Sums)
    stuff: Sums = field(default_factory=Sums)
    pixels: int = 0
    rejected: int = 0

    def add(self, truth: Segments, answer: Segments, geometry: Geometry) -> None:
        """Add an image. Both labels: Segments [H, W], each id one segment."""
        for (name, thing), line in counts(truth, answer).items():
            (self.things if thing else self.stuff).add(name, line)
        self.pixels += int(truth.valid.sum())
        self.rejected += int((truth.valid & ~answer.valid).sum())

    def merge(self, later: PanopticMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.things.merge(later.things)
        self.stuff.merge(later.stuff)
        self.pixels += later.pixels
        self.rejected += later.rejected

    def result(self) -> dict[str, Value]:
        """pq, sq, rq, the same of things (_th) and of stuff (_st), and rejected (a share)."""
        things, stuff = (list(sums.by_name.values()) for sums in (self.things, self.stuff))
        values: dict[str, Value] = {}
        for ending, lines in (("", things + stuff), ("_th", things), ("_st", stuff)):
            values[f"pq{ending}"] = mean([_pq(line) for line in lines])
            values[f"sq{ending}"] = mean([ratio(line[0], line[1]) or 0.0 for line in lines])
            values[f"rq{ending}"] = mean([_rq(line) for line in lines])
        return values | {"rejected": ratio(self.rejected, self.pixels)}

    def per_class(self) -> dict[str, Value]:
        """The PQ of each class, things first, sorted by name."""
        both: list[dict[str, Any]] = [self.things.by_name, self.stuff.by_name]
        return {name: _pq(line) for sums in both for name, line in sorted(sums.items())}


def _pq(line: Line) -> Value:
    return ratio(line[0], line[1] + line[2] / 2 + line[3] / 2)


def _rq(line: Line) -> Value:
    return ratio(line[1], line[1] + line[2] / 2 + line[3] / 2)
