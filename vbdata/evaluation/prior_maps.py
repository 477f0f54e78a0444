"""Trivial answers that are means: one value for every pixel, and one for each box of a map.

What a mean is of depends on the kind: of alpha; of linear colour as a share of the light that the
sample's own code ends at, which its decoder is told; of flow in pixels; of relative depth in the
space of its code, less the mean and over the deviation of its image, as only these are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Flow, Linear, Matte
from vbdata.evaluation.metrics.relative import from_space, scored, to_space
from vbdata.evaluation.prior_boxes import (
    FOLDS,
    GRID,
    Answer,
    box_numbers,
    enlarged,
    others,
    summed,
)
from vbdata.evaluation.truth import Truth
from vbdata.plugins.contract import MEASURED

Planes = NDArray[np.float64]
Seen = Callable[[Truth], tuple[Planes, NDArray[np.bool_]]]


class MeanPrior:
    """The mean of all pixels and that of each box, of some planes."""

    def __init__(
        self, planes: int, constant: str, seen: Seen, label: Callable[[Planes, Truth], Any]
    ) -> None:
        """constant: the name of the row that has one value everywhere; seen: what of a truth is
        averaged, float64[planes, H, W], and where; label: the label of such planes.
        """
        self.constant, self.seen, self.label = constant, seen, label
        self.sums = np.zeros((FOLDS, planes, GRID, GRID))
        self.counts = np.zeros((FOLDS, GRID, GRID), np.int64)

    def add(self, truth: Truth, fold: int) -> None:
        """Learn from one sample; fold: its own, from 0 to 7."""
        values, good = self.seen(truth)
        box = box_numbers(good.shape)[good]
        self.counts[fold] += summed(box)
        for plane, part in enumerate(values):
            self.sums[fold, plane] += summed(box, part[good])

    def merge(self, later: MeanPrior) -> None:
        """Add what another prior of this kind has learnt from other samples."""
        self.sums += later.sums
        self.counts += later.counts

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """Rows of the constant and "mean map", learnt from the other folds.

        No rows if those have no pixel. A box without a pixel has the overall mean.
        """
        sums, counts = others(self.sums, fold), others(self.counts, fold)
        if not counts.any():
            return
        whole = np.zeros_like(sums) + (sums.sum((1, 2)) / counts.sum())[:, None, None]
        means = np.where(counts > 0, sums / np.maximum(counts, 1), whole)
        for name, map_ in ((self.constant, whole), ("mean map", means)):
            yield name, self.label(enlarged(map_, truth.valid.shape), truth)


def _alpha(truth: Truth) -> tuple[Planes, NDArray[np.bool_]]:
    return truth.label.alpha[None].astype(np.float64), truth.label.valid


def _matte(planes: Planes, truth: Truth) -> Matte:
    return Matte(alpha=np.rint(planes[0]).astype(np.uint8), valid=np.ones_like(truth.valid))


def _motion(truth: Truth) -> tuple[Planes, NDArray[np.bool_]]:
    return truth.label.uv.astype(np.float64), truth.label.valid


def _flow(planes: Planes, truth: Truth) -> Flow:
    return Flow(uv=planes.astype(np.float32), valid=np.ones_like(truth.valid))


def _light(truth: Truth) -> tuple[Planes, NDArray[np.bool_]]:
    """Linear colour, 1 at the end of the sample's code."""
    return truth.label.rgb.astype(np.float64) / _top(truth), truth.label.valid


def _linear(planes: Planes, truth: Truth) -> Linear:
    rgb = (planes * _top(truth)).astype(np.float32)
    return Linear(rgb=rgb, valid=np.ones_like(truth.valid))


def _top(truth: Truth) -> float:
    return float(truth.row.params.get(MEASURED, {}).get("top", 1))


def _standardised(truth: Truth) -> tuple[Planes, NDArray[np.bool_]]:
    """Depth in its space, with the mean 0 and the deviation 1 over the image."""
    good = scored(truth.label)
    depth = np.where(good, truth.label.metres, 1).astype(np.float64)
    values = to_space(depth, _space(truth))
    known = values[good] if good.any() else np.ones(1)
    return ((values - known.mean()) / (known.std() or 1.0))[None], good


def _relative(planes: Planes, truth: Truth) -> Depth:
    """Depth of a plane of that space, moved to where every depth is above 0."""
    space, values = _space(truth), planes[0]
    shift = {"inverse": 1 - values.min(), "linear": -1 - values.max(), "log": 0.0}[space]
    metres = from_space(values + shift, space).astype(np.float32)
    return Depth(metres=metres, valid=np.ones_like(truth.valid))


def _space(truth: Truth) -> str:
    return str(truth.row.params.get("space", "inverse"))


MEANS: Mapping[str, Callable[[], MeanPrior]] = {
    "relative_depth": partial(MeanPrior, 1, "constant depth", _standardised, _relative),
    "matte": partial(MeanPrior, 1, "constant alpha", _alpha, _matte),
    "foreground": partial(MeanPrior, 1, "constant alpha", _alpha, _matte),
    "flow": partial(MeanPrior, 2, "constant vector", _motion, _flow),
    "albedo": partial(MeanPrior, 3, "constant colour", _light, _linear),
    "shading": partial(MeanPrior, 3, "constant colour", _light, _linear),
}
