"""Instances of one class, one prompt each: panoptic quality, F1, promptable-concept F1, AP.

    pq, sq, rq    of each class: sum of matched IoUs / (TP + FP/2 + FN/2), / TP, and TP / (TP + FP/2
                  + FN/2), a match being an IoU above 0.5; then the mean over classes (Kirillov et
                  al., CVPR 2019). A class without any instance, true or answered, is left out
    f1            2 TP / (2 TP + FP + FN) of these matches, over all instances of all classes
    pm_f1         mean of ten such F1, at IoU >= 0.5, 0.55 ... 0.95, over all prompts whose truth
                  has an instance, by the assignment with the largest sum of IoUs
    il_mcc        Matthews correlation, over all prompts, of "the truth has an instance" with "the
                  answer has one"
    cgf1          100 pm_f1 il_mcc
    ap, ap_50, ap_75   average precision as pycocotools has it; see metrics/ap.py

pm_f1, il_mcc and cgf1 are those of SAM 3's evaluator (arXiv 2511.16719; facebookresearch/sam3,
sam3/eval/cgf1_eval.py) without its small constants in the denominators: a prompt is an image and a
class. il_mcc, and so cgf1, is undefined unless the set has both prompts with and without an
instance; it is 0 if all answers have one, or none has.

A painted image carries no confidence, which AP needs to rank instances. Here it is 1 minus the mean
RGB distance of an instance's pixels from their mean colour, divided by the largest distance there
is, 255 sqrt(3): 1 for a flat colour. That is our choice; PQ and F1 do not depend on it.
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

FARTHEST = 255 * math.sqrt(3)  # distance of black and white in RGB


def confidence(rgb: Pixels, ids: Ids, count: int) -> NDArray[np.float64]:
    """float64[count]: how uniformly each instance is painted, 1 for a single colour.

    rgb: uint8[H, W, 3]; ids: int32[H, W], 0 = none, k = instance k - 1; count: instances.
    """
    owner = ids.reshape(-1)
    painted = np.flatnonzero(owner)
    owner = owner[painted]
    area = np.maximum(np.bincount(owner, minlength=count + 1), 1)
    squared = np.zeros(len(owner), np.float32)
    for k in range(3):
        channel = rgb[..., k].reshape(-1)[painted]
        means = (np.bincount(owner, channel, count + 1) / area).astype(np.float32)
        gap = channel - means[owner]
        squared += np.multiply(gap, gap, out=gap)
    distance = np.bincount(owner, np.sqrt(squared, out=squared), count + 1) / area
    return np.asarray(1 - distance[1:] / FARTHEST)


@dataclass
class InstancesMeter:
    """Counts over prompts, from which all metrics of instances follow.

    quality: by class, the sum of matched IoUs, TP, FP and FN; concept: int64[3, 10], TP, FP and FN
    at ten thresholds, over prompts whose truth has an instance; presence: int64[2, 2], prompts by
    whether the truth (row) and the answer (column) have an instance.
    """

    quality: Sums = field(default_factory=Sums)
    concept: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((3, len(THRESHOLDS)), np.int64)
    )
    presence: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2), np.int64))
    ranking: AveragePrecision = field(default_factory=AveragePrecision)

    def add(self, truth: Instances, answer: Instances, geometry: Geometry) -> None:
        """Add one prompt, an image and a class. Both labels: Instances [H, W] of that class."""
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
            right = (pairs[None, :] >= THRESHOLDS[:, None]).sum(1)
            self.concept += [right, painted - right, wanted - right]

    def merge(self, later: InstancesMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.quality.merge(later.quality)
        self.concept += later.concept
        self.presence += later.presence
        self.ranking.merge(later.ranking)

    def result(self) -> dict[str, Value]:
        """pq, sq, rq, f1, pm_f1, il_mcc, cgf1, ap, ap_50 and ap_75, over all prompts so far."""
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
        """The PQ of each class, sorted by name; None for a class without any instance."""
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
