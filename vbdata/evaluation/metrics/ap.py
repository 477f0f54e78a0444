"""Average precision (AP) of instance masks, by the rules of pycocotools' COCOeval, as a stream.

Reference: cocodataset/cocoapi, PythonAPI/pycocotools/cocoeval.py (evaluateImg, accumulate), without
area ranges and crowds. Ten IoU thresholds, 0.5 to 0.95; at most 100 answers an image; precision
interpolated at 101 recalls; the mean over classes that have a true instance. Only confidences and
matches are kept, some twenty bytes an instance, never masks. Answers of equal confidence rank in
the order of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.evaluation.metrics.matching import Matrix, greedy
from vbdata.evaluation.metrics.meter import Value, mean

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100  # answers of an image that count, the most confident ones


@dataclass
class _Ranked:
    """The answers of one class.

    wanted: true instances; scores: confidences float64[n], an array an image; matched: bool[10, n],
    whether an answer matches a true instance at each threshold, an array an image.
    """

    wanted: int = 0
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    matched: list[NDArray[np.bool_]] = field(default_factory=list)

    def precision(self) -> NDArray[np.float64]:
        """float64[10]: the average precision at each threshold; `wanted` must not be 0."""
        if not self.scores:
            return np.zeros(len(THRESHOLDS))
        order = np.argsort(-np.concatenate(self.scores), kind="stable")
        hits = np.concatenate(self.matched, axis=1)[:, order]
        total, ranks = np.cumsum(hits, axis=1), np.arange(1, hits.shape[1] + 1)
        # as pycocotools interpolates: the best precision at this recall or at a higher one
        precision = np.maximum.accumulate((total / ranks)[:, ::-1], axis=1)[:, ::-1]
        precision = np.pad(precision, ((0, 0), (0, 1)))  # 0 at a recall that is never reached
        recall = total / self.wanted
        ranks_at = [np.searchsorted(line, RECALLS, side="left") for line in recall]
        return np.array([line[k].mean() for line, k in zip(precision, ranks_at, strict=True)])


class AveragePrecision:
    """The ranked answers of each class, from which AP follows."""

    def __init__(self) -> None:
        self._classes: dict[str, _Ranked] = {}

    def add(self, name: str, iou: Matrix, confidence: NDArray[np.float64]) -> None:
        """Add one image's IoU, float64[n true, m answered], of a class; confidence: float64[m]."""
        ranked = self._classes.setdefault(name, _Ranked())
        ranked.wanted += len(iou)
        order = np.argsort(-confidence, kind="stable")[:MOST]
        if len(order):
            ranked.scores.append(confidence[order])
            ranked.matched.append(greedy(iou[:, order], THRESHOLDS))

    def merge(self, later: AveragePrecision) -> None:
        """Add the ranked answers of the images that come after these."""
        for name, more in later._classes.items():
            ranked = self._classes.setdefault(name, _Ranked())
            ranked.wanted += more.wanted
            ranked.scores += more.scores
            ranked.matched += more.matched

    def result(self) -> dict[str, Value]:
        """ap, ap_50 and ap_75, from 0 to 1; None if no class has a true instance."""
        by_class = [ranked.precision() for ranked in self._classes.values() if ranked.wanted]
        return {
            "ap": mean([float(line.mean()) for line in by_class]),
            "ap_50": mean([float(line[0]) for line in by_class]),
            "ap_75": mean([float(line[5]) for line in by_class]),
        }
