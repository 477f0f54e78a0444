"""A miniature of DSINE's pack: balls before a wall in all six parts, each in its own coding.

The sky is what has no normal. In the floats of ibims and sintel some vectors are too long, as noise
makes them, and one is NaN; the pickles of oasis hold a box of the picture.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

from . import exr
from .balls import Still, still

WIDTH, HEIGHT = 64, 48
NAMES = {  # part -> scene/name of its pictures
    "nyuv2/test": ("000000", "000001", "000008", "000013"),
    "nyuv2/train": ("000003", "000004", "000010", "000019"),
    "scannet": tuple(f"scene{s}/000{n:03d}" for s in ("0220_02", "0532_00") for n in (0, 450)),
    "ibims/ibims": ("corridor_01", "corridor_02", "factory_02", "kitchen_01"),
    "sintel": tuple(f"{s}/frame_000{n}" for s in ("alley_1", "ambush_2") for n in (1, 2)),
    "vkitti": tuple(f"Scene{s}/00000{n}" for s in ("01", "20") for n in (0, 1)),
    "oasis/val": ("100277_DT", "100591_DT", "100879_DT", "268584_ALI"),
}
BOX = (7, 40, 5, 58)  # of oasis: the first and last row and column that are labelled


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out dsine_eval/ with all parts."""
    for stem, shot in truth(seed=seed):
        path = folder / "dsine_eval" / stem
        path.parent.mkdir(parents=True, exist_ok=True)
        part = stem.partition("/")[0]
        picture = cv2.imencode(
            ".jpg" if part == "vkitti" else ".png", np.ascontiguousarray(shot.rgb[..., ::-1])
        )[1]
        suffix, data = _stored(part, shot)
        _put(path, f"_img.{'jpg' if part == 'vkitti' else 'png'}", picture.tobytes())
        _put(path, f"_normal.{suffix}", data)
        fx, fy, cx, cy = shot.camera
        matrix = io.BytesIO()
        np.save(matrix, np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], np.float32))
        _put(path, "_intrins.npy", matrix.getvalue())
    (folder / "dsine_eval" / "nyuv2" / "readme.txt").write_text("where it is from\n")


def truth(*, seed: int = 0) -> Iterator[tuple[str, Still]]:
    """(path below dsine_eval without a suffix, what it shows) of all pictures."""
    for folder, names in NAMES.items():
        for name in names:
            yield f"{folder}/{name}", still(Stream(seed, "dsine", folder, name), WIDTH, HEIGHT)


def _stored(part: str, shot: Still) -> tuple[str, bytes]:
    """The file of a picture's normals: its type and its bytes. Outward axes: -n, 0 in the sky."""
    outward = -shot.normals
    if part in ("nyuv2", "scannet"):
        return "png", _png(outward, np.uint8)
    if part == "vkitti":
        return "png", _png(outward, np.uint16)
    if part in ("ibims", "sintel"):
        loud = outward * np.where(shot.ids == 2, 1.2, 1.0)[..., None]
        loud[-1, -1] = np.nan
        return "exr", exr.written(dict(zip("RGB", np.moveaxis(loud, -1, 0), strict=True)))
    top, bottom, left, right = BOX
    inside = outward[top : bottom + 1, left : right + 1] * (-1, -1, 1)
    value = {"min_y": top, "max_y": bottom, "min_x": left, "max_x": right, "normal": inside}
    return "pkl", pickle.dumps(value, protocol=2)


def _png(vectors: NDArray[np.float64], kind: type[np.unsignedinteger]) -> bytes:
    most = np.iinfo(kind).max
    stored = np.floor((vectors + 1) / 2 * most + 0.5).astype(kind)
    stored[~vectors.any(-1)] = 0
    return bytes(cv2.imencode(".png", np.ascontiguousarray(stored[..., ::-1]))[1].tobytes())


def _put(stem: Path, suffix: str, data: bytes) -> None:
    stem.with_name(stem.name + suffix).write_bytes(data)
