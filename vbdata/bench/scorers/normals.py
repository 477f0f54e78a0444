"""Surface normals by the two ways that tables mix: all pixels of the set pooled, or by image.

Option of a variant, `over`:
    pixels   every valid pixel of the set weighs the same; no crop, no resize (Bae and Davison, CVPR
             2024, and what follows their utils/utils.py)
    images   each metric of an image, then the mean over images (Ke et al., src/util/metric.py)

Both have the metrics of vbdata.evaluation.metrics.normals, degrees and percent; their numbers
differ wherever images have different numbers of valid pixels, and medians always.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vbdata.bench.scorers.scorer import Results
from vbdata.core.labels import Normals
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.meter import Means, Value
from vbdata.evaluation.metrics.normals import BELOW, NormalsMeter, angles

OVER = ("pixels", "images")


class NormalsScorer:
    """Angles between answer and truth, pooled and by image."""

    def __init__(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        self._over = {name: str(how["over"]) for name, how in variants.items()}
        if wrong := set(self._over.values()) - set(OVER):
            raise ValueError(f"no protocol of normals: {sorted(wrong)}; known: {', '.join(OVER)}")
        self._pooled, self._means = NormalsMeter(), Means()

    def add(self, truths: Sequence[Normals], answer: Normals, params: Mapping[str, Any]) -> Results:
        """Add an image; of several truths the first one counts."""
        truth = truths[0]
        height, width = truth.valid.shape
        size = (int(width), int(height))
        whole = Geometry(source=size, scaled=size, left=0, top=0, width=size[0], height=size[1])
        self._pooled.add(truth, answer, whole)
        mask = np.asarray(truth.valid)
        off = angles(np.asarray(answer.xyz), np.asarray(truth.xyz))[mask].astype(np.float64)
        if not len(off):
            return {}
        rejected = np.count_nonzero(~np.asarray(answer.valid)[mask]) / len(off)
        values: dict[str, Value] = {
            "mean": float(off.mean()),
            "median": float(np.median(off)),
            "rmse": math.sqrt(float(np.square(off).mean())),
            **{f"below_{k:g}": 100.0 * np.count_nonzero(off < k) / len(off) for k in BELOW},
            "rejected": rejected,
        }
        self._means.add(values)
        return dict.fromkeys(self._over, values)

    def merge(self, later: NormalsScorer) -> None:
        """Add what a later scorer of this kind has counted; in the order of the images."""
        self._pooled.merge(later._pooled)
        self._means.merge(later._means)

    def result(self) -> Results:
        """mean, median, rmse (degrees), below_* (percent) and rejected (a share), by variant."""
        by = {"pixels": self._pooled.result(), "images": self._means.result()}
        return {name: by[over] for name, over in self._over.items()}

    def per_class(self) -> Mapping[str, Value]:
        """An empty mapping: normals have no classes."""
        return {}
