"""Poses of frames out of a transforms.json that was exported from Unreal Engine, as MatrixCity's.

camera_angle_x in radians; frames, each with frame_index and rot_mat, 4 x 4 from camera to world,
whose rotation was divided by 100. Its world is Unreal's with y mirrored, so that it is
right-handed; its camera has +x right, +y up, +z back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.errors import BadSample

from .folders.cameras import BENT

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

FILE = "transforms.json"
LARGEST = 1 << 28  # bytes of it
SHRUNK = 100.0  # by which rotations are to be multiplied
MIRRORED = np.array([1.0, -1.0, 1.0])  # Unreal's world in the axes of the poses

Pose = tuple[float, list[float]]  # the horizontal angle of view in radians; nine numbers


class Poses:
    """The transforms.json of blocks, beside the pictures or a folder above, each read once.

    A pose's numbers turn stored normals, in Unreal's world, to the camera's axes, row by row.
    """

    def __init__(self, root: Root, sizes: Mapping[str, int]) -> None:
        self._root, self._sizes = root, sizes
        self._known: dict[str, Mapping[int, Pose] | BadSample | None] = {}

    def has(self, image: str) -> bool:
        """Whether a picture is among the poses of its block, or if these are not known."""
        found = self._of_block(image)
        return not isinstance(found, Mapping) or _number(image) in found

    def of(self, image: str) -> Pose | None:
        """The pose of a picture, None where its block has none. Raises BadSample."""
        found = self._of_block(image)
        if isinstance(found, BadSample):
            raise found
        return None if found is None else found[_number(image)]

    def _of_block(self, image: str) -> Mapping[int, Pose] | BadSample | None:
        folder = image.rpartition("/")[0]
        above = (f"{folder}/{FILE}", f"{folder.rpartition('/')[0]}/{FILE}")
        path = next((path for path in above if path in self._sizes), above[0])
        if path not in self._known:
            try:
                self._known[path] = self._read(path) if path in self._sizes else None
            except BadSample as bad:
                self._known[path] = bad
        return self._known[path]

    def _read(self, path: str) -> dict[int, Pose]:
        if self._sizes[path] > LARGEST:
            detail = f"{self._sizes[path]} bytes, at most {LARGEST}"
            raise BadSample("too large", detail, path)
        try:
            value = json.loads(self._root.read(path))
            angle = float(value["camera_angle_x"])
            found = {
                int(frame["frame_index"]): (angle, _turn(frame["rot_mat"], path))
                for frame in value["frames"]
            }
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as err:
            detail = f"no poses: {type(err).__name__}: {err!s:.80}"
            raise BadSample("garbled annotation", detail, path) from err
        if not 0 < angle < math.pi:
            raise BadSample("out of range", f"camera_angle_x is {angle:g}", path)
        return found


def _turn(matrix: Any, path: str) -> list[float]:
    """Of a pose the turn of normals. Raises BadSample, and ValueError for what is no matrix."""
    pose = np.asarray(matrix, np.float64)
    rotation = pose[:3, :3] * SHRUNK
    if pose.shape != (4, 4) or not np.abs(rotation.T @ rotation - np.eye(3)).max() <= BENT:
        raise BadSample("garbled annotation", "a rot_mat whose axes are not 0.01 long", path)
    numbers: list[float] = (rotation.T * MIRRORED).ravel().tolist()
    return numbers


def _number(image: str) -> int:
    return int(image.rpartition("/")[2].partition(".")[0])
