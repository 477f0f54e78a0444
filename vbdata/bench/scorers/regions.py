"""A region for each expression: cIoU and gIoU, with and without the constants of LISA's script.

    ciou        sum of intersections / sum of unions
    giou        mean of intersection / union, 1 where both are empty
    giou_lisa   mean of intersection / (union + 1e-5), 1 where the union is 0
    ciou_lisa   sum of intersections / (sum of unions + 1e-10)
    p_0.5 ... p_0.9    share of the expressions with a target whose IoU reaches so much
    n_acc       share of the expressions without a target for which nothing is painted
    t_acc       share of the expressions with a target for which something is painted
    expressions        how many there are

The constants are those of dvlab-research/LISA (train_ds.py, validate): they matter in the sixth
digit. Pixels that the annotators ignore (255 in its masks) are of neither region. All variants are
metrics of one pass, so a benchmark of this kind has one variant without options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.bench.scorers.scorer import Results
from vbdata.core.labels import Segments
from vbdata.evaluation.metrics.meter import Value, ratio
from vbdata.evaluation.metrics.regions import THRESHOLDS

GIOU, CIOU = 1e-5, 1e-10


@dataclass
class _Counts:
    """What is added up over expressions; see the module for the metrics."""

    inter: int = 0
    union: int = 0
    ious: float = 0.0
    lisa: float = 0.0
    targets: int = 0
    answered: int = 0
    empty: int = 0
    quiet: int = 0
    reached: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(THRESHOLDS), np.int64))

    def merge(self, later: _Counts) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(later, name))

    def metrics(self) -> dict[str, Value]:
        total = self.targets + self.empty
        return {
            "ciou": ratio(self.inter, self.union),
            "giou": ratio(self.ious, total),
            "giou_lisa": ratio(self.lisa, total),
            "ciou_lisa": self.inter / (self.union + CIOU) if total else None,
            **{
                f"p_{limit:g}": ratio(int(count), self.targets)
                for limit, count in zip(THRESHOLDS, self.reached.tolist(), strict=True)
            },
            "n_acc": ratio(self.quiet, self.empty),
            "t_acc": ratio(self.answered, self.targets),
            "expressions": float(total),
        }


class RegionsScorer:
    """Counts over expressions, from which all metrics of regions follow."""

    def __init__(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        if len(variants) != 1 or any(variants.values()):
            raise ValueError("regions have one variant, without options")
        (self._name,) = variants
        self._counts = _Counts()

    def add(
        self, truths: Sequence[Segments], answer: Segments, params: Mapping[str, Any]
    ) -> Results:
        """Add the answer to one expression; of several truths the first one counts."""
        truth, one = truths[0], _Counts()
        valid = np.asarray(truth.valid)
        targets = [segment + 1 for segment in params["legend"][0]["targets"]]
        wanted = np.isin(np.asarray(truth.ids), targets) & valid
        painted = (np.asarray(answer.ids) == 1) & np.asarray(answer.valid) & valid
        inter = int(np.count_nonzero(wanted & painted))
        union = int(np.count_nonzero(wanted | painted))
        iou = inter / union if union else 1.0
        one.inter, one.union, one.ious = inter, union, iou
        one.lisa = inter / (union + GIOU) if union else 1.0
        if wanted.any():
            one.targets, one.answered = 1, int(painted.any())
            one.reached += [iou >= limit for limit in THRESHOLDS]
        else:
            one.empty, one.quiet = 1, int(not painted.any())
        self._counts.merge(one)
        return {self._name: one.metrics()}

    def merge(self, later: RegionsScorer) -> None:
        """Add what a later scorer of this kind has counted; in the order of the expressions."""
        self._counts.merge(later._counts)

    def result(self) -> Results:
        """The metrics of all expressions so far, under the variant."""
        return {self._name: self._counts.metrics()}

    def per_class(self) -> Mapping[str, Value]:
        """An empty mapping: expressions are free text, not classes."""
        return {}
