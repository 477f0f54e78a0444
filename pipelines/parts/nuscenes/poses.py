"""Poses of nuScenes as matrices, and points of a scan projected into a picture.

A point takes five steps: from the LiDAR to the car when it was scanned, to the world, to the car
when the picture was taken, to the camera, to the pixel. The two times differ, and so do the poses.
All of it in float64, in sums that are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample

Pose = tuple[tuple[float, ...], ...]  # 3 x 4: from a frame to the one around it, in metres
FARTHEST = 1e7  # metres of a translation
NEAREST = 1.0  # metres before the camera: nearer points are of the car itself
MARGIN = 1.0  # pixels at the border of the picture that no point is drawn in


def pose(row: Mapping[str, Any], what: str) -> Pose:
    """The pose of a row of ego_pose or calibrated_sensor. what: for messages. Raises BadSample."""
    x, y, z = _numbers(row.get("translation"), 3, f"translation of {what}")
    w, i, j, k = _numbers(row.get("rotation"), 4, f"rotation of {what}")
    length = math.sqrt(w * w + i * i + j * j + k * k)
    if not 0.5 < length < 2 or max(abs(x), abs(y), abs(z)) > FARTHEST:
        raise BadSample("out of range", f"the pose of {what} is {row.get('rotation')!r:.100}")
    w, i, j, k = w / length, i / length, j / length, k / length
    return (
        (1 - 2 * (j * j + k * k), 2 * (i * j - k * w), 2 * (i * k + j * w), x),
        (2 * (i * j + k * w), 1 - 2 * (i * i + k * k), 2 * (j * k - i * w), y),
        (2 * (i * k - j * w), 2 * (j * k + i * w), 1 - 2 * (i * i + j * j), z),
    )


def inverse(of: Pose) -> Pose:
    """The way back of a pose."""
    turned = [[of[column][row] for column in range(3)] for row in range(3)]
    return tuple((*row, -sum(r * of[c][3] for c, r in enumerate(row))) for row in turned)


def after(second: Pose, first: Pose) -> Pose:
    """The pose that does one after another."""
    return tuple(
        tuple(
            sum(row[inner] * first[inner][column] for inner in range(3))
            + (row[3] if column == 3 else 0)
            for column in range(4)
        )
        for row in second
    )


def intrinsics(row: Mapping[str, Any], what: str) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy of a row of calibrated_sensor. what: for messages. Raises BadSample."""
    matrix = row.get("camera_intrinsic")
    if not isinstance(matrix, list) or len(matrix) != 3:
        raise BadSample("garbled annotation", f"camera_intrinsic of {what}: {matrix!r:.80}")
    top, middle, _ = (_numbers(line, 3, f"camera_intrinsic of {what}") for line in matrix)
    if top[0] <= 0 or middle[1] <= 0 or top[1] or middle[0]:
        raise BadSample("out of range", f"camera_intrinsic of {what}: {matrix!r:.100}")
    return top[0], middle[1], top[2], middle[2]


def depth(
    points: NDArray[np.float32],
    to_camera: Sequence[Sequence[float]],
    camera: Sequence[float],
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """The depth of a scan in a picture, float32[H, W] planar z in metres, inf where no point is.

    points: float32[N, 3]; to_camera: a pose from their frame; camera: fx, fy, cx, cy; size: (width,
    height). A point has the pixel whose centre, a whole number, is nearest; of several the nearest
    is seen.
    """
    width, height = size
    x, y, z = points.astype(np.float64).T
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        across, down, ahead = (r[0] * x + r[1] * y + r[2] * z + r[3] for r in to_camera)
        u, v = camera[0] * across / ahead + camera[2], camera[1] * down / ahead + camera[3]
        seen = (ahead > NEAREST) & (u > MARGIN) & (u < width - MARGIN)
        seen &= (v > MARGIN) & (v < height - MARGIN)
    columns, rows = (np.floor(each[seen] + 0.5).astype(np.int64) for each in (u, v))
    found = np.full(height * width, np.inf, np.float32)
    np.minimum.at(found, rows * width + columns, ahead[seen].astype(np.float32))
    return found.reshape(height, width)


def _numbers(value: Any, count: int, what: str) -> list[float]:
    """A list of finite numbers. Raises BadSample("garbled annotation")."""
    good = isinstance(value, list) and len(value) == count
    if not good or not all(type(n) in (int, float) and math.isfinite(n) for n in value):
        raise BadSample("garbled annotation", f"{what}: {value!r:.80}, expected {count} numbers")
    return [float(number) for number in value]
