"""Boxes of one class or expression, one prompt each: average precision (AP) and F1.

    ap, ap_50, ap_75    average precision as pycocotools has it for boxes; see metrics/ap.py
    f1                  2 TP / (2 TP + FP + FN) at IoU >= 0.5 over all boxes, by the assignment with
                        the largest sum of IoUs
    iou                 mean over the true boxes of the IoU of the box that is assigned to it, 0 for
                        one that has none

The IoU is that of the rectangles' areas (cocoapi, maskApi.c, bbIou). An answered box that has more
than half of its area on pixels that are not valid, such as crowds, and an IoU of no more than 0.5
with every true box does not count. A painted box carries no confidence, by which AP ranks: it is
that of its colour (metrics/instances.py). All expressions are one class.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.ap import AveragePrecision
from vbdata.evaluation.metrics.matching import Matrix, assigned
from vbdata.evaluation.metrics.meter import Mask, Value, ratio

ENOUGH = 0.5  # the IoU from which a box is found


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """The boxes of one class in one image.

    name: of the class, "" for an expression; corners: float64[n, 4], x0, y0, x1, y1 in pixels,
    edges at whole numbers; confidence: float64[n]; valid: bool[H, W], False where annotators left
    pixels out.
    """

    name: str
    corners: NDArray[np.float64]
    confidence: NDArray[np.float64]
    valid: Mask


def overlaps(one: NDArray[np.float64], other: NDArray[np.float64]) -> Matrix:
    """IoU of boxes, float64[n, m]; of float64[n, 4] and float64[m, 4]."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.maximum(high - low, 0).prod(-1)
    sizes = [(each[:, 2:] - each[:, :2]).prod(-1) for each in (one, other)]
    return np.asarray(both / np.maximum(sizes[0][:, None] + sizes[1][None] - both, 1e-9))


def _hidden(boxes: Boxes, valid: Mask) -> NDArray[np.bool_]:
    """bool[n]: the boxes of whose pixels more than half are not valid, bool[H, W]."""
    height, width = valid.shape
    edges = np.rint(boxes.corners).astype(int).clip(0, (width, height, width, height))
    return np.array([not _mostly(valid[y0:y1, x0:x1]) for x0, y0, x1, y1 in edges], np.bool_)


def _mostly(mask: Mask) -> bool:
    return not mask.size or 2 * int(mask.sum()) >= mask.size


@dataclass
class BoxesMeter:
    """Counts over prompts: TP, FP, FN, the sum of assigned IoUs, and the ranked boxes of AP."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    ious: float = 0.0
    ranking: AveragePrecision = field(default_factory=AveragePrecision)

    def add(self, truth: Boxes, answer: Boxes, geometry: Geometry) -> None:
        """Add one prompt, an image and a class or an expression."""
        iou = overlaps(truth.corners, answer.corners)
        if not bool(truth.valid.all()):
            off = _hidden(answer, truth.valid) & (iou.max(0, initial=0.0) <= ENOUGH)
            iou, confidence = iou[:, ~off], answer.confidence[~off]
        else:
            confidence = answer.confidence
        pairs = assigned(iou)
        found = int((pairs >= ENOUGH).sum())
        self.hits += found
        self.false += iou.shape[1] - found
        self.missed += len(iou) - found
        self.ious += float(pairs.sum())
        self.ranking.add(truth.name, iou, confidence)

    def merge(self, later: BoxesMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.hits += later.hits
        self.false += later.false
        self.missed += later.missed
        self.ious += later.ious
        self.ranking.merge(later.ranking)

    def result(self) -> dict[str, Value]:
        """ap, ap_50, ap_75, f1 and iou, over all prompts so far."""
        return {
            **self.ranking.result(),
            "f1": ratio(2 * self.hits, 2 * self.hits + self.false + self.missed),
            "iou": ratio(self.ious, self.hits + self.missed),
        }

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: AP is a mean over classes already."""
        return {}
