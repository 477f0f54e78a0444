"""Answers that need no model: constants, per-pixel maps, nothing, everything, the input again.

What a constant or a map says about a sample is learnt from other samples of its cell only: the
groups (scenes, photographs) of a cell, sorted, are dealt to eight folds, and a fold is answered by
the other seven; a cell of one group deals its records instead. Maps have 32 x 32 boxes, each the
mean or the most frequent of all its pixels, so memory does not grow with the set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.types import Depth, Normals, Segments
from vbdata.evaluation.metrics.depth import NEAREST
from vbdata.evaluation.metrics.matching import Instances
from vbdata.evaluation.truth import Truth

FOLDS = 8
GRID = 32
OCTAVES, PER_OCTAVE = 10, 100  # 2**-10 to 2**10 metres, in steps of 0.7 %

Answer = tuple[str, Any]


def boxes(shape: tuple[int, int]) -> NDArray[np.int64]:
    """int64[H, W]: which of the GRID x GRID equal boxes each pixel lies in, counted by rows."""
    rows, columns = (_line(size) for size in shape)
    return rows[:, None] * GRID + columns[None, :]


def grown(map_: NDArray[Any], shape: tuple[int, int]) -> Any:
    """A tensor [..., H, W] of a map [..., GRID, GRID], each pixel that of its box."""
    import torch

    rows, columns = (_line(size) for size in shape)
    return torch.from_numpy(map_[..., rows[:, None], columns[None, :]])


def _line(size: int) -> NDArray[np.int64]:
    return (2 * np.arange(size) + 1) * GRID // (2 * size)


def _summed(box: NDArray[np.int64], values: NDArray[Any] | None = None) -> NDArray[Any]:
    """[GRID, GRID]: sums of values, or how many there are, by box."""
    return np.bincount(box, values, GRID * GRID).reshape(GRID, GRID)


class DepthPrior:
    """The median depth, and the mean depth of each place, of what is scored: below a cap, metres.

    Answers are clipped to the cap, so what lies beyond would only spoil what lies within.
    """

    def __init__(self, cap: float = np.inf) -> None:
        self.cap = cap
        self.steps = np.zeros((FOLDS, 2 * OCTAVES * PER_OCTAVE), np.int64)
        self.sums = np.zeros((FOLDS, GRID, GRID))
        self.counts = np.zeros((FOLDS, GRID, GRID), np.int64)

    def add(self, truth: Truth, fold: int) -> None:
        """Learn one sample."""
        metres = truth.label.metres.numpy()
        good = truth.label.valid.numpy() & (metres > NEAREST) & (metres < self.cap)
        box, metres = boxes(good.shape)[good], metres[good]
        self.sums[fold] += _summed(box, metres)
        self.counts[fold] += _summed(box)
        step = (np.log2(metres) + OCTAVES) * PER_OCTAVE
        step = np.clip(step, 0, self.steps.shape[1] - 1).astype(np.int64)
        self.steps[fold] += np.bincount(step, minlength=self.steps.shape[1])

    def merge(self, later: DepthPrior) -> None:
        """Take up what another has learnt."""
        self.steps += later.steps
        self.sums += later.sums
        self.counts += later.counts

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """What the other folds say."""
        steps = np.cumsum(_others(self.steps, fold))
        if not steps[-1]:
            return
        middle = int(np.searchsorted(steps, (steps[-1] + 1) // 2))
        median = 2.0 ** ((middle + 0.5) / PER_OCTAVE - OCTAVES)
        sums, counts = _others(self.sums, fold), _others(self.counts, fold)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), median)
        for name, map_ in (("constant median", np.full_like(means, median)), ("mean map", means)):
            metres = grown(map_.astype(np.float32), truth.valid.shape)
            yield name, Depth(metres=metres, valid=metres > 0)


class NormalsPrior:
    """The mean direction, and that of each place."""

    def __init__(self) -> None:
        self.sums = np.zeros((FOLDS, 3, GRID, GRID))

    def add(self, truth: Truth, fold: int) -> None:
        """Learn one sample."""
        good = truth.label.valid.numpy()
        box = boxes(good.shape)[good]
        for k, part in enumerate(truth.label.xyz.numpy()):
            self.sums[fold, k] += _summed(box, part[good])

    def merge(self, later: NormalsPrior) -> None:
        """Take up what another has learnt."""
        self.sums += later.sums

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """What the other folds say."""
        sums = _others(self.sums, fold)
        whole = sums.sum((1, 2), keepdims=True)
        if not np.linalg.norm(whole) > 0:
            return
        lengths = np.linalg.norm(sums, axis=0)
        means = np.where(lengths > 0, sums, whole)
        for name, map_ in (("constant normal", np.zeros_like(sums) + whole), ("mean map", means)):
            unit = map_ / np.linalg.norm(map_, axis=0)
            xyz = grown(unit.astype(np.float32), truth.valid.shape)
            everywhere = xyz[0].isfinite()
            yield name, Normals(xyz=xyz, valid=everywhere, sky=~everywhere)


class ClassesPrior:
    """How often each name stands in each place; the background is the empty name."""

    def __init__(self) -> None:
        self.counts: dict[str, NDArray[np.int64]] = {}

    def add(self, truth: Truth, fold: int) -> None:
        """Learn one sample."""
        good = truth.label.valid.numpy()
        box, ids = boxes(good.shape)[good], truth.label.ids.numpy()[good]
        names = ("", *truth.label.classes)
        table = np.bincount(ids * (GRID * GRID) + box, minlength=len(names) * GRID * GRID)
        for name, counts in zip(names, table.reshape(-1, GRID, GRID), strict=True):
            self._of(name)[fold] += counts

    def merge(self, later: ClassesPrior) -> None:
        """Take up what another has learnt."""
        for name, counts in later.counts.items():
            self._of(name)[:] += counts

    def answers(self, truth: Truth, fold: int) -> Iterator[Answer]:
        """What the other folds say of the names that this sample asks for."""
        names = ("", *truth.label.classes)
        counts = np.stack([_others(self._of(name), fold) for name in names])
        if not counts.any():
            return
        most = np.full((GRID, GRID), counts.sum((1, 2)).argmax())
        modes = np.where(counts.any(0), counts.argmax(0), most)
        for name, map_ in (("majority class", most), ("mode map", modes)):
            yield name, _segments(truth.label, grown(map_.astype(np.int32), truth.valid.shape))

    def _of(self, name: str) -> NDArray[np.int64]:
        return self.counts.setdefault(name, np.zeros((FOLDS, GRID, GRID), np.int64))


Prior = DepthPrior | NormalsPrior | ClassesPrior
LEARNT: Mapping[str, type[Prior]] = {
    "depth": DepthPrior,
    "normals": NormalsPrior,
    "classes": ClassesPrior,
}


def simple_answers(kind: str, truth: Truth) -> Iterator[Answer]:
    """Answers that know nothing of other samples."""
    import torch

    if kind == "regions":
        nothing = torch.zeros_like(truth.label.ids)
        yield "nothing", _segments(truth.label, nothing)
        yield "everything", _segments(truth.label, nothing + 1)
    if kind == "instances":
        ids, valid = np.zeros_like(truth.label.ids), np.ones_like(truth.valid)
        name = truth.label.name
        yield "nothing", Instances(name=name, ids=ids, valid=valid, confidence=np.ones(0))
        yield "everything", Instances(name=name, ids=ids + 1, valid=valid, confidence=np.ones(1))


def fold_of(groups: list[str], group: str) -> int:
    """The fold of a group, by its rank among a cell's."""
    return int(np.searchsorted(groups, group)) % FOLDS


def _others(folds: NDArray[Any], fold: int) -> Any:
    return folds.sum(0) - folds[fold]


def _segments(like: Segments, ids: Any) -> Segments:
    import torch

    return Segments(
        ids=ids,
        classes=like.classes,
        things=like.things,
        crowds=like.crowds,
        valid=torch.ones_like(ids).bool(),
    )
