"""Classes of a legend: a confusion matrix over the whole set, by the classes' names.

Every sample has a legend of its own, so its pixels are counted under names, never under places or
colours. With TP, FP, FN the pixels of a name over all samples whose legend has it:

    miou               mean over names of TP / (TP + FP + FN)
    miou_background    the same with what no legend entry claims ("background") as one more name
    pixel_accuracy     share of the pixels whose name is right, background included
    names              how many have an IoU

A name that the legends ask for and nobody paints, in truth or answer, has no IoU and is left out of
the mean; one that is painted where the truth has none has IoU 0. The annotators' void is not
counted. A colour that the decoder rejects is wrong: it is missed by its true name and claimed by
none; `rejected` is the share of those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Geometry, Segments
from vbdata.evaluation.metrics.meter import Ids, Mask, Sums, Value, mean, ratio

BACKGROUND = ""


def confusion(truth: Ids, answer: Ids, names: int) -> NDArray[np.int64]:
    """int64[names + 1, names + 2]: pixels by true and answered id, of int32[n] from 0 to names.

    Id 0 is background; the last column, an answer of names + 1, is no answer at all.
    """
    width = names + 2
    flat = truth * np.int32(width) + answer
    return np.bincount(flat, minlength=(names + 1) * width).reshape(names + 1, width)


def answered(answer: Segments, mask: Mask) -> Ids:
    """int32[n]: the answer where mask; what the decoder rejects is len(classes) + 1."""
    ids, good = answer.ids.numpy()[mask], answer.valid.numpy()[mask]
    return np.where(good, ids, np.int32(len(answer.classes) + 1))


@dataclass
class ClassesMeter:
    """Counts by name: true positives, pixels answered, pixels that are it."""

    sums: Sums = field(default_factory=Sums)
    pixels: int = 0
    right: int = 0
    rejected: int = 0

    def add(self, truth: Segments, answer: Segments, geometry: Geometry) -> None:
        """Score an image. Both labels: [H, W], ids in the order of the same legend."""
        mask = truth.valid.numpy()
        names = (BACKGROUND, *truth.classes)
        table = confusion(truth.ids.numpy()[mask], answered(answer, mask), len(truth.classes))
        hits, wanted, painted = np.diagonal(table), table.sum(1), table.sum(0)
        for k, name in enumerate(names):
            self.sums.add(name, np.array([hits[k], painted[k], wanted[k]], np.int64))
        self.pixels += int(wanted.sum())
        self.right += int(hits.sum())
        self.rejected += int(painted[-1])

    def merge(self, later: ClassesMeter) -> None:
        """Take up the images that come after these."""
        self.sums.merge(later.sums)
        self.pixels += later.pixels
        self.right += later.right
        self.rejected += later.rejected

    def result(self) -> dict[str, Value]:
        """Over the whole set."""
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
        """IoU by name, sorted; the background is the empty name."""
        return dict(sorted(self._ious().items()))

    def _ious(self) -> dict[str, Value]:
        counted = self.sums.by_name.items()
        return {name: ratio(c[0], c[1] + c[2] - c[0]) for name, c in counted}
