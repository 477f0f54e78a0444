"""Referring segmentation: the region that is painted for each expression, against its truth.

    ciou     sum of intersections / sum of unions over all expressions
    giou     mean over expressions of their IoU, which is 1 if truth and answer are both empty
    p_0.5 ... p_0.9      share of the expressions with a target whose IoU reaches the threshold
    n_acc    share of the expressions without a target for which nothing is painted
    t_acc    share of the expressions with a target for which something is painted

As GRES (Liu et al., CVPR 2023, arXiv 2306.00968) and its evaluator (henghuiding/ReLA,
gres_model/evaluation/refer_evaluation.py) have it: what is painted for an expression without a
target adds to the union. Void pixels are not counted. A colour that the decoder rejects belongs to
no region; `rejected` is the share of those pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.classes import answered, confusion
from vbdata.evaluation.metrics.meter import Value, ratio

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass
class RegionsMeter:
    """Counts over expressions, from which all metrics of regions follow."""

    intersection: int = 0
    union: int = 0
    ious: float = 0.0
    targets: int = 0
    answered_targets: int = 0
    empties: int = 0
    unanswered_empties: int = 0
    reached: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(THRESHOLDS), np.int64))
    pixels: int = 0
    rejected: int = 0

    def add(self, truth: Segments, answer: Segments, geometry: Geometry) -> None:
        """Add an image. Both labels: Segments [H, W], id k = the k-th expression of the prompt."""
        mask = truth.valid
        count = len(truth.classes)
        table = confusion(truth.ids[mask], answered(answer, mask), count)
        wanted, painted = table.sum(1), table.sum(0)
        self.pixels += int(wanted.sum())
        self.rejected += int(painted[-1])
        for k in range(1, count + 1):
            self._add(int(table[k, k]), int(wanted[k]), int(painted[k]))

    def _add(self, both: int, wanted: int, painted: int) -> None:
        union = wanted + painted - both
        iou = both / union if union else 1.0
        self.intersection += both
        self.union += union
        self.ious += iou
        if wanted:
            self.targets += 1
            self.answered_targets += painted > 0
            self.reached += [iou >= limit for limit in THRESHOLDS]
        else:
            self.empties += 1
            self.unanswered_empties += not painted

    def merge(self, later: RegionsMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(later, name))

    def result(self) -> dict[str, Value]:
        """ciou, giou, p_*, n_acc, t_acc, expressions (how many) and rejected, over all so far."""
        values: dict[str, Value] = {
            "ciou": ratio(self.intersection, self.union),
            "giou": ratio(self.ious, self.targets + self.empties),
        }
        for limit, count in zip(THRESHOLDS, self.reached.tolist(), strict=True):
            values[f"p_{limit:g}"] = ratio(count, self.targets)
        return values | {
            "n_acc": ratio(self.unanswered_empties, self.empties),
            "t_acc": ratio(self.answered_targets, self.targets),
            "expressions": float(self.targets + self.empties),
            "rejected": ratio(self.rejected, self.pixels),
        }

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: expressions are free text, not classes."""
        return {}
