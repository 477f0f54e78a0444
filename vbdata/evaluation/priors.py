"""Trivial answers, which need no model: constants, per-pixel maps, nothing, everything.

A constant or a map for a sample is learnt from other samples of its cell only: the groups (scenes,
photographs) of a cell, sorted, are dealt to eight folds, and a fold is answered from the other
seven. A cell with a single group deals its records instead. A map is a grid of 32 x 32 boxes, each
the mean or the most frequent value of all pixels in it, so memory does not grow with the samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Flow, Matte, Normals, Segments
from vbdata.evaluation.metrics.depth import NEAREST
from vbdata.evaluation.metrics.matching import Instances
from vbdata.evaluation.prior_boxes import (
    FOLDS,
    GRID,
    Answer,
    box_numbers,
    enlarged,
    others,
    summed,
)
from vbdata.evaluation.prior_maps import MEANS, MeanPrior
from vbdata.evaluation.truth import Truth

# A histogram of log-depth finds the median without keeping a pixel.
OCTAVES, PER_OCTAVE = 10, 100  # 2**-10 to 2**10 metres, in steps of 0.7 %


class DepthPrior:
    """The median depth and the mean depth of each box, in metres, of pixels nearer than `cap`.

    Answers are clipped to the cap before they are scored, and what lies beyond it is not scored.
    """

    def __init__(self, cap: float = np.inf) -> None:
        self.cap = cap
        self.steps = np.zeros((FOLDS, 2 * OCTAVES * PER_OCTAVE), np.int64)
        self.sums = np.zeros((FOLDS, GRID, GRID))
        self.counts = np.zeros((FOLDS, GRID, GRID), np.int64)

    def add(self, truth: Truth, fold: int) -> None:
        """Learn from one sample; fold: its own, from 0 to 7."""
        metres = truth.label.metres
        good = truth.label.valid & (metres > NEAREST) & (metres < self.cap)
        box, metres = box_numbers(good.shape)[good], metres[good]
        self.sums[fold] += summed(box, metres)
        self.counts[fold] += summed(box)
        step = (np.log2(metres) + OCTAVES) * PER_OCTAVE
        step = np.clip(step, 0, self.steps.shape[1] - 1).astype(np.int64)
        self.steps[fold] += np.bincount(step, minlength=self.steps.shape[1])

    def merge(self, later: DepthPrior) -> None:
        """Add what another prior of this kind has learnt from other samples."""
        self.steps += later.steps
        self.sums += later.sums
        self.counts += later.counts

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """Rows "constant median" and "mean map" as Depth, learnt from the other folds.

        No rows if those have no pixel. A box without a pixel has the median.
        """
        steps = np.cumsum(others(self.steps, fold))
        if not steps[-1]:
            return
        middle = int(np.searchsorted(steps, (steps[-1] + 1) // 2))
        median = 2.0 ** ((middle + 0.5) / PER_OCTAVE - OCTAVES)
        sums, counts = others(self.sums, fold), others(self.counts, fold)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), median)
        for name, map_ in (("constant median", np.full_like(means, median)), ("mean map", means)):
            metres = enlarged(map_.astype(np.float32), truth.valid.shape)
            yield name, Depth(metres=metres, valid=metres > 0)


class NormalsPrior:
    """The mean direction of all pixels and that of each box; unit vectors in OpenCV axes."""

    def __init__(self) -> None:
        self.sums = np.zeros((FOLDS, 3, GRID, GRID))

    def add(self, truth: Truth, fold: int) -> None:
        """Learn from one sample; fold: its own, from 0 to 7."""
        good = truth.label.valid
        box = box_numbers(good.shape)[good]
        for k, part in enumerate(truth.label.xyz):
            self.sums[fold, k] += summed(box, part[good])

    def merge(self, later: NormalsPrior) -> None:
        """Add what another prior of this kind has learnt from other samples."""
        self.sums += later.sums

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """Rows "constant normal" and "mean map" as Normals, learnt from the other folds.

        No rows if those have no direction on average. A box without a pixel has the overall mean.
        """
        sums = others(self.sums, fold)
        whole = sums.sum((1, 2), keepdims=True)
        if not np.linalg.norm(whole) > 0:
            return
        lengths = np.linalg.norm(sums, axis=0)
        means = np.where(lengths > 0, sums, whole)
        for name, map_ in (("constant normal", np.zeros_like(sums) + whole), ("mean map", means)):
            unit = map_ / np.linalg.norm(map_, axis=0)
            xyz = enlarged(unit.astype(np.float32), truth.valid.shape)
            everywhere = np.isfinite(xyz[0])
            yield name, Normals(xyz=xyz, valid=everywhere, sky=~everywhere)


class ClassesPrior:
    """How often each name is seen in each box; the background is the empty name."""

    def __init__(self) -> None:
        self.counts: dict[str, NDArray[np.int64]] = {}

    def add(self, truth: Truth, fold: int) -> None:
        """Learn from one sample; fold: its own, from 0 to 7."""
        good = truth.label.valid
        box, ids = box_numbers(good.shape)[good], truth.label.ids[good]
        names = ("", *truth.label.classes)
        table = np.bincount(ids * (GRID * GRID) + box, minlength=len(names) * GRID * GRID)
        for name, counts in zip(names, table.reshape(-1, GRID, GRID), strict=True):
            self._of(name)[fold] += counts

    def merge(self, later: ClassesPrior) -> None:
        """Add what another prior of this kind has learnt from other samples."""
        for name, counts in later.counts.items():
            self._of(name)[:] += counts

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """Rows "majority class" and "mode map" as Segments, learnt from the other folds.

        Only names that the sample's own legend asks for, and the background, are counted. No
        rows if the other folds have no pixel of them.
        """
        names = ("", *truth.label.classes)
        counts = np.stack([others(self._of(name), fold) for name in names])
        if not counts.any():
            return
        most = np.full((GRID, GRID), counts.sum((1, 2)).argmax())
        modes = np.where(counts.any(0), counts.argmax(0), most)
        for name, map_ in (("majority class", most), ("mode map", modes)):
            yield name, _segments(truth.label, enlarged(map_.astype(np.int32), truth.valid.shape))

    def _of(self, name: str) -> NDArray[np.int64]:
        return self.counts.setdefault(name, np.zeros((FOLDS, GRID, GRID), np.int64))


Prior = DepthPrior | NormalsPrior | ClassesPrior | MeanPrior
LEARNT: Mapping[str, Callable[[], Prior]] = {
    "depth": DepthPrior,
    "normals": NormalsPrior,
    "classes": ClassesPrior,
    "panoptic": ClassesPrior,
    **MEANS,
}


def constant_answers(kind: str, truth: Truth) -> Iterator[Answer]:
    """Rows "nothing" and "everything" for regions, instances and boxes, and what is like them.

    Everything is all pixels as the first expression, or as one instance; as one box, the whole
    image; of a matte, white everywhere. "nothing" stands alone for persons, and "no motion" for
    flow.
    """
    if kind == "boxes":
        height, width = truth.valid.shape
        whole = np.array([[0, 0, width, height]], np.float64)
        for name, corners in (("nothing", whole[:0]), ("everything", whole)):
            yield name, replace(truth.label, corners=corners, confidence=np.ones(len(corners)))
    if kind == "keypoints":
        arrays = ("points", "visible", "boxes", "areas", "crowds")
        none = {part: getattr(truth.label, part)[:0] for part in arrays}
        yield "nothing", replace(truth.label, **none)
    if kind == "flow":
        still, valid = np.zeros_like(truth.label.uv), np.ones_like(truth.valid)
        yield "no motion", Flow(uv=still, valid=valid)
    if kind in ("matte", "foreground"):
        alpha, valid = np.zeros_like(truth.label.alpha), np.ones_like(truth.valid)
        yield "nothing", Matte(alpha=alpha, valid=valid)
        yield "everything", Matte(alpha=alpha + 255, valid=valid)
    if kind == "regions":
        nothing = np.zeros_like(truth.label.ids)
        yield "nothing", _segments(truth.label, nothing)
        yield "everything", _segments(truth.label, nothing + 1)
    if kind == "instances":
        ids, valid = np.zeros_like(truth.label.ids), np.ones_like(truth.valid)
        name = truth.label.name
        yield "nothing", Instances(name=name, ids=ids, valid=valid, confidence=np.ones(0))
        yield "everything", Instances(name=name, ids=ids + 1, valid=valid, confidence=np.ones(1))


def fold_of(groups: list[str], group: str) -> int:
    """The fold of a group, from 0 to 7: its rank in the sorted `groups`, modulo 8."""
    return int(np.searchsorted(groups, group)) % FOLDS


def _segments(like: Segments, ids: Any) -> Segments:
    return Segments(
        ids=ids,
        classes=like.classes,
        things=like.things,
        crowds=like.crowds,
        valid=np.ones_like(ids, np.bool_),
    )
