"""Depth by caps, crops and alignment: the errors of metrics/depth.py, image by image.

Options of a variant:
    near, cap   metres; the truth is scored between the two, and the answer clipped to them
    crop        names, one within the other: kb, garg, eigen, eigen-indoor
    align       none, median, or least-squares (of depth, as prs-eth's script/depth/eval.py does)
    farthest    factor: truth beyond so many times its 1 % quantile is dropped (Wang et al. 2024)

Crops are cut from the source image: kb is the 352 x 1216 pixels at its bottom, centred (prs-eth's
src/dataset/kitti_dataset.py; UniK3D's KittiCrop), the others are shares of what is left, cut to
whole pixels by int() (garg and eigen as in BTS, bts_eval.py; eigen-indoor is rows 45:471, columns
41:601 of 480 x 640). They stand in evaluation/protocols.yaml.

Every value is the mean over images. Where there is no cap, an answer of infinity, the sky's code,
counts as 1,000 m: no error of it would be finite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vbdata.bench.scorers.scorer import Results
from vbdata.core.labels import Depth
from vbdata.evaluation.metrics.depth import ALIGNMENTS, NEAREST, depth_scores
from vbdata.evaluation.metrics.meter import Floats, Mask, Means, Value
from vbdata.evaluation.protocols import crop_shares

BENCHMARK_CROP = "kb"
KB = (352, 1216)  # rows and columns
SKY = 1000.0  # metres that an answer of infinity counts as where nothing is capped


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One variant; see the module for what its fields mean."""

    near: float = NEAREST
    cap: float = math.inf
    crop: tuple[str, ...] = ()
    align: str = "none"
    farthest: float = math.inf

    @classmethod
    def of(cls, how: Mapping[str, Any]) -> Protocol:
        """Raises ValueError for unknown options, crops and alignments."""
        given = dict(how)
        given["crop"] = tuple(given.get("crop", ()))
        unknown = [name for name in given["crop"] if name not in (BENCHMARK_CROP, *crop_shares())]
        if unknown or given.get("align", "none") not in ALIGNMENTS or given.keys() - _fields():
            raise ValueError(f"no protocol of depth: {dict(how)}")
        return cls(**given)


class DepthScorer:
    """Mean errors over images, by variant."""

    def __init__(self, variants: Mapping[str, Mapping[str, Any]]) -> None:
        self._protocols = {name: Protocol.of(how) for name, how in variants.items()}
        self._means = {name: Means() for name in variants}

    def add(self, truths: Sequence[Depth], answer: Depth, params: Mapping[str, Any]) -> Results:
        """Add an image; of several truths the first one counts."""
        truth = truths[0]
        metres, true = np.asarray(answer.metres), np.asarray(truth.metres)
        rejected = ~np.asarray(answer.valid)
        found: dict[str, dict[str, Value]] = {}
        for name, protocol in self._protocols.items():
            mask = np.asarray(truth.valid) & cropped(protocol.crop, (true.shape[0], true.shape[1]))
            if np.isfinite(protocol.farthest):
                mask &= true <= _limit(true[mask & np.isfinite(true)], protocol.farthest)
            painted = metres if np.isfinite(protocol.cap) else np.minimum(metres, np.float32(SKY))
            scores = depth_scores(painted, true, mask, protocol.cap, protocol.align, protocol.near)
            if scores is not None:
                mask &= (true > protocol.near) & (true < protocol.cap)
                counted = int(np.count_nonzero(mask))
                share = int(np.count_nonzero(rejected & mask)) / max(1, counted)
                found[name] = {**scores, "rejected": share}
                self._means[name].add(found[name])
        return found

    def merge(self, later: DepthScorer) -> None:
        """Add what a later scorer of this kind has counted; in the order of the images."""
        for name, means in later._means.items():
            self._means[name].merge(means)

    def result(self) -> Results:
        """The mean of each error over the images that have a pixel to score, by variant."""
        return {name: means.result() for name, means in self._means.items()}

    def per_class(self) -> Mapping[str, Value]:
        """An empty mapping: depth has no classes."""
        return {}


def cropped(names: Sequence[str], shape: tuple[int, int]) -> Mask:
    """bool[H, W]: the pixels inside all crops, each of what the one before it leaves.

    names: of crops; shape: rows and columns of the source image.
    """
    top, left, rows, columns = 0, 0, shape[0], shape[1]
    for name in names:
        if name == BENCHMARK_CROP:
            inside = (max(rows - KB[0], 0), rows, max(int((columns - KB[1]) / 2), 0), columns)
            inside = (*inside[:3], min(inside[2] + KB[1], columns))
        else:
            up, down, start, end = crop_shares()[name]
            inside = (int(up * rows), int(down * rows), int(start * columns), int(end * columns))
        top, left = top + inside[0], left + inside[2]
        rows, columns = inside[1] - inside[0], inside[3] - inside[2]
    mask = np.zeros(shape, np.bool_)
    mask[top : top + rows, left : left + columns] = True
    return mask


def _limit(metres: Floats, factor: float) -> float:
    """So many times the 1 % quantile of finite depths, float32[n]."""
    return float(np.quantile(metres, 0.01)) * factor if len(metres) else 0.0


def _fields() -> set[str]:
    return set(Protocol.__dataclass_fields__)
