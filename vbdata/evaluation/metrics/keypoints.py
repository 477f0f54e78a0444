"""Joints of persons: average precision by object keypoint similarity (OKS).

    OKS = mean over the labelled joints of the truth of exp(-d^2 / (2 s^2 (2 sigma)^2))

d: pixels between true and answered joint, infinite for one that is not answered; s^2: area of the
true person; sigma: of the joint by its name, pycocotools' own; OTHER for other joints.

    ap, ap_50, ap_75    at OKS 0.5, 0.55 ... 0.95; at 0.5; at 0.75
    ap_m, ap_l          of persons of 32^2 to 96^2 pixels, and of larger ones
    ar                  the recall that is reached, mean over the ten thresholds
    pck                 share of the labelled joints that the matched person (by OKS >= 0.5) has
                        within a tenth of the square root of its area; joints of unmatched ones miss

Rules of pycocotools' COCOeval (computeOks, evaluateImg, accumulate): at most 20 persons an image;
crowds and persons without labelled joints are ignored, and so is whoever matches them. Where the
truth does not list these, as the target of a build, an answer of whose joints more than half lie
on pixels that are not valid is ignored instead. A painted person carries no confidence, by which AP
ranks: it is the share of the joints that are painted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Keypoints
from vbdata.core.types import Geometry
from vbdata.evaluation.metrics.ap import RECALLS, THRESHOLDS
from vbdata.evaluation.metrics.matching import Matrix
from vbdata.evaluation.metrics.meter import Value, mean, ratio

SIGMAS = {  # of joints, without "left_" and "right_" (cocoapi, Params.setKpParams)
    **{"nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072},
    **{"wrist": 0.062, "hip": 0.107, "knee": 0.087, "ankle": 0.089},
}
OTHER = 0.05
MOST = 20  # answered persons of an image
RANGES = {"": (0.0, 1e10), "_m": (32.0**2, 96.0**2), "_l": (96.0**2, 1e10)}  # areas, pixels
NEAR = 0.1  # of the square root of a person's area, for pck


def sigmas(names: tuple[str, ...]) -> NDArray[np.float64]:
    """float64[K]: how far annotators are off, by joint, as shares of a person's size."""
    bare = [name.lower().replace(" ", "_").removeprefix("left_") for name in names]
    return np.array([SIGMAS.get(name.removeprefix("right_"), OTHER) for name in bare])


def similarity(truth: Keypoints, answer: Keypoints) -> Matrix:
    """OKS, float64[n true, m answered]; of a person without joints by the distance to a box.

    That box is three times as wide and high as the person's (pycocotools, computeOks).
    """
    points, said = (label.points.astype(np.float64) for label in (truth, answer))
    said[answer.visible == 0] = np.inf
    spread = np.square(2 * sigmas(truth.names))
    found = np.zeros((len(points), len(said)))
    for row, (true, seen, area) in enumerate(
        zip(points, truth.visible > 0, truth.areas.tolist(), strict=True)
    ):
        if seen.any():
            gap = said - true
        else:
            low, high = np.split(truth.boxes[row].astype(np.float64), 2)
            size = high - low
            gap = np.maximum(low - size - said, 0) + np.maximum(said - high - size, 0)
        error = np.square(gap).sum(-1) / spread / (area + np.spacing(1)) / 2
        found[row] = np.exp(-error[:, seen] if seen.any() else -error).mean(1)
    return found


@dataclass
class _Ranked:
    """Answered persons of one range of areas. wanted: true persons; the rest: an array an image."""

    wanted: int = 0
    scores: list[NDArray[np.float64]] = field(default_factory=list)
    matched: list[NDArray[np.bool_]] = field(default_factory=list)
    ignored: list[NDArray[np.bool_]] = field(default_factory=list)

    def merge(self, later: _Ranked) -> None:
        self.wanted += later.wanted
        self.scores += later.scores
        self.matched += later.matched
        self.ignored += later.ignored

    def curves(self) -> tuple[list[Value], list[Value]]:
        """Average precision and recall at each threshold, None without a true person."""
        if not self.wanted:
            return [None] * len(THRESHOLDS), [None] * len(THRESHOLDS)
        if not self.scores:
            return [0.0] * len(THRESHOLDS), [0.0] * len(THRESHOLDS)
        order = np.argsort(-np.concatenate(self.scores), kind="stable")
        matched, ignored = (
            np.concatenate(each, 1)[:, order] for each in (self.matched, self.ignored)
        )
        hits = np.cumsum(matched & ~ignored, 1).astype(np.float64)
        false = np.cumsum(~matched & ~ignored, 1).astype(np.float64)
        precision = hits / (hits + false + np.spacing(1))
        precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        precision = np.pad(precision, ((0, 0), (0, 1)))
        recall = hits / self.wanted
        places = [np.searchsorted(line, RECALLS, side="left") for line in recall]
        ap = [float(line[k].mean()) for line, k in zip(precision, places, strict=True)]
        return list(ap), [float(line[-1]) if len(line) else 0.0 for line in recall]


@dataclass
class KeypointsMeter:
    """Ranked persons by range of areas, and joints that were found, from which all follows."""

    ranked: dict[str, _Ranked] = field(default_factory=lambda: {name: _Ranked() for name in RANGES})
    joints: int = 0
    near: int = 0

    def add(self, truth: Keypoints, answer: Keypoints, geometry: Geometry) -> None:
        """Add an image. Both labels: persons with the same joints, in pixels of one frame."""
        score = (answer.visible > 0).mean(1) if len(answer.visible) else np.zeros(0)
        order = np.argsort(-score, kind="stable")[:MOST]
        score, oks = score[order], similarity(truth, answer)[:, order]
        empty = truth.crowds | ~(truth.visible > 0).any(1)
        off = np.zeros(len(order), np.bool_) if empty.any() else _hidden(truth, answer)[order]
        for name, (low, high) in RANGES.items():
            ignored = empty | (truth.areas < low) | (truth.areas > high)
            outside = off | (answer.areas[order] < low) | (answer.areas[order] > high)
            pairs, set_aside = _matches(oks, ignored, truth.crowds)
            matched = pairs >= 0
            mine = self.ranked[name]
            mine.wanted += int((~ignored).sum())
            mine.scores.append(score)
            mine.matched.append(matched)
            mine.ignored.append(set_aside | (~matched & outside))
            if not name:
                self._count_joints(truth, answer, order, pairs[0])

    def _count_joints(
        self, truth: Keypoints, answer: Keypoints, order: NDArray[np.intp], pairs: NDArray[np.intp]
    ) -> None:
        """Count the joints of the persons that are not ignored, and those that are near."""
        seen = truth.visible > 0
        self.joints += int(seen[~truth.crowds].sum())
        for place, row in zip(order.tolist(), pairs.tolist(), strict=True):
            if row >= 0:
                gap = np.hypot(*np.moveaxis(truth.points[row] - answer.points[place], -1, 0))
                close = gap <= NEAR * np.sqrt(truth.areas[row])
                self.near += int((close & seen[row] & (answer.visible[place] > 0)).sum())

    def merge(self, later: KeypointsMeter) -> None:
        """Add what a later meter of this kind has counted; in the order of the samples."""
        for name, mine in self.ranked.items():
            mine.merge(later.ranked[name])
        self.joints += later.joints
        self.near += later.near

    def result(self) -> dict[str, Value]:
        """ap, ap_50, ap_75, ap_m, ap_l, ar and pck, from 0 to 1."""
        precision, recall = self.ranked[""].curves()
        values: dict[str, Value] = {
            "ap": mean(precision),
            "ap_50": precision[0],
            "ap_75": precision[5],
        }
        for name in ("_m", "_l"):
            values[f"ap{name}"] = mean(self.ranked[name].curves()[0])
        return values | {"ar": mean(recall), "pck": ratio(self.near, self.joints)}

    def per_class(self) -> dict[str, Value]:
        """An empty mapping: persons are one class."""
        return {}


def _hidden(truth: Keypoints, answer: Keypoints) -> NDArray[np.bool_]:
    """bool[m]: answered persons of whose joints more than half lie where the truth is not valid."""
    height, width = truth.valid.shape
    x, y = np.moveaxis(np.rint(answer.points).astype(int), -1, 0)
    on = truth.valid[y.clip(0, height - 1), x.clip(0, width - 1)]
    there = answer.visible > 0
    return np.asarray(2 * (there & ~on).sum(1) > there.sum(1))


def _matches(
    oks: Matrix, ignored: NDArray[np.bool_], crowds: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """At each threshold: the true person of each answered one, or -1, and whether it is ignored.

    oks: float64[n, m], the most confident answer first; ignored, crowds: bool[n]. int[t, m] and
    bool[t, m]. As evaluateImg does: whoever is not ignored is matched first, the last of the best.
    """
    n, m = oks.shape
    pairs = np.full((len(THRESHOLDS), m), -1, np.intp)
    order = np.argsort(ignored, kind="stable").tolist()
    for row, limit in enumerate(THRESHOLDS):
        taken = set[int]()
        for column in range(m):
            least, best = min(limit, 1 - 1e-10), -1
            for true in order:
                if true in taken and not crowds[true]:
                    continue
                if best >= 0 and not ignored[best] and ignored[true]:
                    break
                if oks[true, column] >= least:
                    least, best = oks[true, column], true
            if best >= 0:
                taken.add(best)
                pairs[row, column] = best
    return pairs, (pairs >= 0) & ignored[pairs] if n else np.zeros(pairs.shape, np.bool_)
