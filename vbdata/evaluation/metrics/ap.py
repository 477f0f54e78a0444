"""Average precision of instance masks, by the rules of pycocotools' COCOeval, as a stream.

Ten IoU thresholds, 0.5 to 0.95; at most 100 answers an image; precision read at 101 recalls; the
mean over classes that have a true instance. Only scores and matches are kept, some twenty bytes an
instance, never masks. Equal scores rank in the order of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.evaluation.metrics.matching import Matrix, greedy
from vbdata.evaluation.metrics.meter import Value, mean

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MOST = 100  # answers of an image


@dataclass
class _Ranked:
    """The answers of one class: scores float64[n] and matches bool[10, n], by image."""

    wanted: int = 0
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    matched: list[NDArray[np.bool_]] = field(default_factory=list)

    def precision(self) -> NDArray[np.float64]:
        """float64[10]: average precision at each threshold; there is a true instance."""
        if not self.scores:
            return np.zeros(len(THRESHOLDS))
        order = np.argsort(-np.concatenate(self.scores), kind="stable")
        hits = np.concatenate(self.matched, axis=1)[:, order]
        found, ranks = np.cumsum(hits, axis=1), np.arange(1, hits.shape[1] + 1)
        # the best precision at this recall or a higher one
        precision = np.maximum.accumulate((found / ranks)[:, ::-1], axis=1)[:, ::-1]
        precision = np.pad(precision, ((0, 0), (0, 1)))  # a recall never reached
        recall = found / self.wanted
        at = [np.searchsorted(line, RECALLS, side="left") for line in recall]
        return np.array([line[k].mean() for line, k in zip(precision, at, strict=True)])


class AveragePrecision:
    """Ranked answers by class."""

    def __init__(self) -> None:
        self._classes: dict[str, _Ranked] = {}

    def add(self, name: str, iou: Matrix, confidence: NDArray[np.float64]) -> None:
        """One image's IoU float64[n true, m answered] of one class, confidence float64[m]."""
        ranked = self._classes.setdefault(name, _Ranked())
        ranked.wanted += len(iou)
        order = np.argsort(-confidence, kind="stable")[:MOST]
        if len(order):
            ranked.scores.append(confidence[order])
            ranked.matched.append(greedy(iou[:, order], THRESHOLDS))

    def merge(self, later: AveragePrecision) -> None:
        """Take up the images that come after these."""
        for name, more in later._classes.items():
            ranked = self._classes.setdefault(name, _Ranked())
            ranked.wanted += more.wanted
            ranked.scores += more.scores
            ranked.matched += more.matched

    def result(self) -> dict[str, Value]:
        """ap, ap_50, ap_75; None where no class has a true instance."""
        found = [ranked.precision() for ranked in self._classes.values() if ranked.wanted]
        return {
            "ap": mean([float(one.mean()) for one in found]),
            "ap_50": mean([float(one[0]) for one in found]),
            "ap_75": mean([float(one[5]) for one in found]),
        }
