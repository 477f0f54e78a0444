"""A miniature of DSINE's pack: balls before a wall in all six parts, each in its own coding.

The sky is what has no normal. In the floats of ibims and sintel some vectors are too long, as noise
makes them, and one is NaN; the pickles of oasis hold a box of the picture.
"""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata.core.rng import Stream

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
        return "exr", _exr(loud.astype(np.float32))
    top, bottom, left, right = BOX
    inside = outward[top : bottom + 1, left : right + 1] * (-1, -1, 1)
    value = {"min_y": top, "max_y": bottom, "min_x": left, "max_x": right, "normal": inside}
    return "pkl", pickle.dumps(value, protocol=2)


def _png(vectors: NDArray[np.float64], kind: type[np.unsignedinteger]) -> bytes:
    most = np.iinfo(kind).max
    stored = np.floor((vectors + 1) / 2 * most + 0.5).astype(kind)
    stored[~vectors.any(-1)] = 0
    return bytes(cv2.imencode(".png", np.ascontiguousarray(stored[..., ::-1]))[1].tobytes())


def _exr(vectors: NDArray[np.float32]) -> bytes:
    """An OpenEXR file of x, y, z as R, G, B: float32, uncompressed, a row a block.

    Written here, as the package that reads it is optional. Source: OpenEXR file layout.
    """
    height, width, _ = vectors.shape
    names = "BGR"  # channels stand in the order of their names

    def said(name: str, kind: str, value: bytes) -> bytes:
        return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value

    channels = b"".join(f"{n}\0".encode() + struct.pack("<iIii", 2, 0, 1, 1) for n in names)
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = struct.pack("<2I", 20000630, 2) + b"".join(
        (
            said("channels", "chlist", channels + b"\0"),
            said("compression", "compression", b"\0"),
            said("dataWindow", "box2i", window),
            said("displayWindow", "box2i", window),
            said("lineOrder", "lineOrder", b"\0"),
            said("pixelAspectRatio", "float", struct.pack("<f", 1)),
            said("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            said("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        )
    )
    size = len(names) * width * 4
    first = len(head) + 8 * height
    places = (first + row * (size + 8) for row in range(height))
    table = b"".join(struct.pack("<Q", place) for place in places)
    planes = vectors[..., ::-1].transpose(0, 2, 1).astype("<f4")  # a row's B, its G, its R
    rows = (struct.pack("<2i", row, size) + planes[row].tobytes() for row in range(height))
    return head + table + b"".join(rows)


def _put(stem: Path, suffix: str, data: bytes) -> None:
    stem.with_name(stem.name + suffix).write_bytes(data)
