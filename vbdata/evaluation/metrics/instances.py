"""Instances of one class a prompt: panoptic quality, F1, promptable-concept F1, AP.

    pq, sq, rq    of each class: sum of matched IoUs / (TP + FP/2 + FN/2), / TP, and TP / (TP + FP/2
                  + FN/2), a match being an IoU above 0.5; then the mean over classes (Kirillov et
                  al., CVPR 2019). A class without any instance, true or answered, is left out
    f1            2 TP / (2 TP + FP + FN) at the same matches, over all instances of all classes
    pm_f1         the same F1 at IoU >= 0.5, 0.55 ... 0.95, over all prompts whose truth has an
                  instance, by the assignment with the largest sum of IoUs; mean of the ten
    il_mcc        Matthews correlation over all prompts: has the truth an instance, has the answer
    cgf1          100 pm_f1 il_mcc
    ap, ap_50, ap_75   as pycocotools has them; see metrics_ap

pm_f1, il_mcc and cgf1 are those of SAM 3's evaluator (arXiv 2511.16719; facebookresearch/sam3,
sam3/eval/cgf1_eval.py) without its small constants in the denominators: a prompt is an image and a
class. il_mcc, and so cgf1, is undefined unless the set has both prompts with and without an
instance; it is 0 where the answers are all alike.

A painted image carries no scores. For AP an instance's confidence is 1 - the mean RGB distance of
its pixels from their mean colour, over the largest distance there is, 255 sqrt(3): a flat colour is
a sure one. That is our choice; PQ and F1 do not depend on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import Pixels
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.ap import THRESHOLDS, AveragePrecision
from vbdata.evaluation.metrics.matching import Instances, assigned, overlaps
from vbdata.evaluation.metrics.meter import Ids, Sums, Value, mean, ratio

FARTHEST = 255 * math.sqrt(3)


def confidence(rgb: Pixels, ids: Ids, count: int) -> NDArray[np.float64]:
    """float64[count]: how flat each instance is painted; uint8[H, W, 3], int32[H, W]."""
    mine = ids.reshape(-1)
    at = np.flatnonzero(mine)
    mine = mine[at]
    area = np.maximum(np.bincount(mine, minlength=count + 1), 1)
    squared = np.zeros(len(mine), np.float32)
    for k in range(3):
        channel = rgb[..., k].reshape(-1)[at]
        middle = (np.bincount(mine, channel, count + 1) / area).astype(np.float32)
        gap = channel - middle[mine]
        squared += np.multiply(gap, gap, out=gap)
    apart = np.bincount(mine, np.sqrt(squared, out=squared), count + 1) / area
    return np.asarray(1 - apart[1:] / FARTHEST)


@dataclass
class InstancesMeter:
    """Counts over prompts.

    quality: by class the sum of matched IoUs, TP, FP, FN; concept: TP, FP, FN at ten thresholds
    over prompts with instances; presence: prompts by truth (0, 1) and answer (0, 1).
    """

    quality: Sums = field(default_factory=Sums)
    concept: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((3, len(THRESHOLDS)), np.int64)
    )
    presence: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2), np.int64))
    ranking: AveragePrecision = field(default_factory=AveragePrecision)

    def add(self, truth: Instances, answer: Instances, geometry: Geometry) -> None:
        """Score an image. Both labels: [H, W], of the same class."""
        iou, counts = overlaps(truth, answer)
        iou = iou[:, counts]
        wanted, painted = iou.shape
        matched = iou[iou > 0.5]
        hits = len(matched)
        line = [float(matched.sum()), hits, painted - hits, wanted - hits]
        self.quality.add(truth.name, np.array(line))
        self.presence[int(wanted > 0), int(painted > 0)] += 1
        self.ranking.add(truth.name, iou, answer.confidence[counts])
        if wanted:
            pairs = assigned(iou)
            found = (pairs[None, :] >= THRESHOLDS[:, None]).sum(1)
            self.concept += [found, painted - found, wanted - found]

    def merge(self, later: InstancesMeter) -> None:
        """Take up the images that come after these."""
        self.quality.merge(later.quality)
        self.concept += later.concept
        self.presence += later.presence
        self.ranking.merge(later.ranking)

    def result(self) -> dict[str, Value]:
        """Over all prompts."""
        lines = [line for line in self.quality.by_name.values() if line[1:].any()]
        hits, false, missed = np.sum([line[1:] for line in lines], axis=0) if lines else (0, 0, 0)
        pm_f1, il_mcc = self._pm_f1(), self._il_mcc()
        return {
            "pq": mean([_quality(line) for line in lines]),
            "sq": mean([ratio(line[0], line[1]) or 0.0 for line in lines]),
            "rq": mean([_f1(line[1], line[2], line[3]) for line in lines]),
            "f1": _f1(hits, false, missed),
            "pm_f1": pm_f1,
            "il_mcc": il_mcc,
            "cgf1": None if pm_f1 is None or il_mcc is None else 100 * pm_f1 * il_mcc,
            **self.ranking.result(),
        }

    def per_class(self) -> dict[str, Value]:
        """PQ by class name, sorted."""
        return {
            name: _quality(line) if line[1:].any() else None
            for name, line in sorted(self.quality.by_name.items())
        }

    def _pm_f1(self) -> Value:
        if not self.presence[1].any():
            return None
        return mean([_f1(hits, false, missed) for hits, false, missed in self.concept.T])

    def _il_mcc(self) -> Value:
        (tn, fp), (fn, tp) = self.presence.tolist()
        if not (tn + fp and fn + tp):
            return None
        square = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return (tp * tn - fp * fn) / math.sqrt(square) if square else 0.0


def _quality(line: NDArray[np.float64]) -> Value:
    return ratio(line[0], line[1] + line[2] / 2 + line[3] / 2)


def _f1(hits: float, false: float, missed: float) -> Value:
    return ratio(2 * hits, 2 * hits + false + missed)
