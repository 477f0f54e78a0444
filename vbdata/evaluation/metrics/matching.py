"""Pairs of true and answered instances: overlaps, best assignment, matching by confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vbdata.evaluation.metrics.meter import Ids, Mask

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instances:
    """The instances of one class in one image.

    name: of the class; ids: int32[H, W], 0 = none, k = instance k - 1; valid: bool[H, W], False
    where annotators left pixels out (void) or the decoder rejects the colour; confidence:
    float64[n], by which AP ranks the n instances.
    """

    name: str
    ids: Ids
    valid: Mask
    confidence: NDArray[np.float64]


def overlaps(truth: Instances, answer: Instances) -> tuple[Matrix, NDArray[np.bool_]]:
    """IoU, float64[n true, m answered], over the truth's valid pixels; bool[m]: answers that count.

    Void (invalid) pixels belong to no instance: they are cut from every answer. An answer with more
    than half of its area there that matches nothing above IoU 0.5 does not count (Kirillov et al.,
    CVPR 2019, section 4; reference: cocodataset/panopticapi, evaluation.py). An answer without a
    valid pixel does not count, and a true instance without one is left out of n.
    """
    wanted, painted = len(truth.confidence), len(answer.confidence)
    mask = truth.valid
    flat = truth.ids[mask] * np.int32(painted + 1) + answer.ids[mask]
    table = np.bincount(flat, minlength=(wanted + 1) * (painted + 1))
    table = table.reshape(wanted + 1, painted + 1)
    rows, columns = table.sum(1), table.sum(0)[1:]
    there = rows[1:] > 0
    both = table[1:, 1:][there]
    iou = both / np.maximum(rows[1:][there, None] + columns[None] - both, 1)
    area = np.bincount(answer.ids.reshape(-1), minlength=painted + 1)[1:]
    hidden = 2 * (area - columns) > area
    return iou, (columns > 0) & (~hidden | (iou.max(0, initial=0.0) > 0.5))


def assigned(iou: Matrix) -> NDArray[np.float64]:
    """float64[k]: IoUs of the one-to-one pairs whose sum is the largest; none of them is 0.

    iou: float64[n, m].
    """
    iou = iou[(iou > 0).any(1)]
    iou = iou[:, (iou > 0).any(0)]
    if not iou.size:
        return np.zeros(0)
    if iou.shape[0] > iou.shape[1]:
        iou = iou.T
    pairs = _hungarian(-iou)
    chosen = iou[np.arange(len(iou)), pairs]
    return np.asarray(chosen[chosen > 0])


def _hungarian(cost: Matrix) -> NDArray[np.int64]:
    """For each row its column in the cheapest assignment; float64[n, m] with n <= m.

    Shortest augmenting paths with potentials (Jonker and Volgenant 1987), O(n^2 m).
    """
    n, m = cost.shape
    of_row, of_column = np.zeros(n + 1), np.zeros(m + 1)
    # Which row each column is assigned to: rows and columns count from 1, owner 0 means free. The
    # row that is being placed starts from column 0, which does not exist.
    owner = np.zeros(m + 1, np.int64)
    for row in range(1, n + 1):
        owner[0], column = row, 0
        least, back = np.full(m + 1, np.inf), np.zeros(m + 1, np.int64)
        done = np.zeros(m + 1, np.bool_)
        while owner[column]:
            done[column] = True
            visited = owner[column]
            reduced = cost[visited - 1] - of_row[visited] - of_column[1:]
            better = ~done[1:] & (reduced < least[1:])
            least[1:][better], back[1:][better] = reduced[better], column
            nearest = 1 + int(np.argmin(np.where(done[1:], np.inf, least[1:])))
            step = least[nearest]
            of_row[owner[done]] += step
            of_column[done] -= step
            least[~done] -= step
            column = nearest
        while column:  # shift the owners along the path that ends in a free column
            owner[column] = owner[back[column]]
            column = back[column]
    pairs = np.zeros(n, np.int64)
    pairs[owner[1:][owner[1:] > 0] - 1] = np.flatnonzero(owner[1:])
    return pairs


def greedy(iou: Matrix, thresholds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[t, m]: at each of t thresholds, which of m answers match a true instance.

    iou: float64[n, m], the most confident answer first; thresholds: float64[t]. Each answer takes
    the free true instance that it overlaps most, the later of equals, as pycocotools' COCOeval
    (evaluateImg) does.
    """
    taken = np.zeros((len(thresholds), len(iou)), np.bool_)
    matched = np.zeros((len(thresholds), iou.shape[1]), np.bool_)
    for column in range(iou.shape[1] if len(iou) else 0):
        free = np.where(taken, -1.0, iou[:, column])
        best = len(iou) - 1 - np.argmax(free[:, ::-1], axis=1)
        enough = free[np.arange(len(free)), best] >= thresholds
        taken[enough, best[enough]] = True
        matched[:, column] = enough
    return matched
