"""Classes of a legend: a confusion matrix over the whole set, by the classes' names.

Every sample has a legend of its own, so its pixels are counted by name, never by place in the
legend or by colour. With TP, FP, FN the pixels of a name over all samples whose legend has it:

    miou               mean over names of the IoU, TP / (TP + FP + FN)
    miou_background    mean with one more name, "background": what no legend entry claims
    pixel_accuracy     share of the pixels whose name is right, background included
    names              how many names have an IoU

As PASCAL VOC does, and cityscapesScripts (evalPixelLevelSemanticLabeling.py), intersection and
union are summed over the whole set before they are divided. A name that a legend asks for and
that neither truth nor answer has is left out of the mean; one that only the answer has gets IoU 0.
Pixels that the annotators left out (void) are not counted. A pixel in a colour that the decoder
rejects is a false negative of its true name and a false positive of none; `rejected` is the share
of those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Ids, Mask, Sums, Value, mean, ratio

BACKGROUND = ""


def confusion(truth: Ids, answer: Ids, names: int) -> NDArray[np.int64]:
    """int64[names + 1, names + 2]: how many pixels have each pair of true id and answered id.

    truth: int32[n], from 0, the background, to `names`; answer: int32[n], names + 1 where the
    decoder rejects the colour.
    """
    width = names + 2
    flat = truth * np.int32(width) + answer
    return np.bincount(flat, minlength=(names + 1) * width).reshape(names + 1, width)


def answered(answer: Segments, mask: Mask) -> Ids:
    """int32[n]: the answered ids of the n pixels in mask, bool[H, W].

    A pixel in a colour that the decoder rejects has id len(classes) + 1.
    """
    ids, good = answer.ids[mask], answer.valid[mask]
    return np.where(good, ids, np.int32(len(answer.classes) + 1))


@dataclass
class ClassesMeter:
    """Pixel counts by name: right answers, answers, true pixels; see the module for the metrics."""

    sums: Sums = field(default_factory=Sums)
    pixels: int = 0
    right: int = 0
    rejected: int = 0

    def add(self, truth: Segments, answer: Segments, geometry: Geometry) -> None:
        """Add an image. Both labels: Segments [H, W] whose ids count the same legend from 1."""
        mask = truth.valid
        names = (BACKGROUND, *truth.classes)
        table = confusion(truth.ids[mask], answered(answer, mask), len(truth.classes))
        hits, wanted, painted = np.diagonal(table), table.sum(1), table.sum(0)
        for k, name in enumerate(names):
            self.sums.add(name, np.array([hits[k], painted[k], wanted[k]], np.int64))
        self.pixels += int(wanted.sum())
        self.right += int(hits.sum())
        self.rejected += int(painted[-1])

    def merge(self, later: ClassesMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        self.sums.merge(later.sums)
        self.pixels += later.pixels
        self.right += later.right
        self.rejected += later.rejected

    def result(self) -> dict[str, Value]:
        """miou, miou_background, pixel_accuracy, names and rejected, over all pixels so far."""
        ious = self._ious()
        foreground = [iou for name, iou in ious.items() if name != BACKGROUND]
        return {
            "miou": mean(foreground),
            "miou_background": mean(list(ious.values())),
            "pixel_accuracy": ratio(self.right, self.pixels),
            "names": float(sum(iou is not None for iou in foreground)),
            "rejected": ratio(self.rejected, self.pixels),
        }

    def per_class(self) -> dict[str, Value]:
        """The IoU of each name, sorted; the background is the empty name."""
        return dict(sorted(self._ious().items()))

    def _ious(self) -> dict[str, Value]:
        counted = self.sums.by_name.items()
        return {name: ratio(c[0], c[1] + c[2] - c[0]) for name, c in counted}
