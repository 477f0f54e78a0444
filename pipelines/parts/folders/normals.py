"""Stored normals of any frame and coding to unit vectors in OpenCV axes that face the camera.

A frame says where the stored x, y and z point: [right, down, forward] is OpenCV's, `opengl` is
[right, up, backward]; forward is away from the camera. `world` needs each image's pose.

    signed     v                  floats from -1 to 1
    unsigned   2 v - 1            floats from 0 to 1
    png8       2 v / 255 - 1      8 bits
    png128     v / 128 - 1        8 bits
    png16      2 v / 65535 - 1    16 bits

A vector is valid if its length is SHORTEST to LONGEST (a black, grey or white pixel is none), and
is scaled to length 1. One that points away from the camera cannot be seen: it is not valid, or is
turned round under `two_sided: true`. If most of them do, frame or coding is another, and the record
is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Normals
from vbdata.errors import BadSample

from . import arrays
from .cameras import Camera

AXES = {  # where a stored axis points -> its OpenCV axis and sign
    "right": (0, 1),
    "left": (0, -1),
    "down": (1, 1),
    "up": (1, -1),
    "forward": (2, 1),
    "backward": (2, -1),
}
FRAMES = {"opencv": ("right", "down", "forward"), "opengl": ("right", "up", "backward")}
WORLD = "world"
CODINGS = {"signed": 0.0, "unsigned": 1.0, "png8": 255.0, "png128": 256.0, "png16": 65535.0}
SHORTEST, LONGEST = 0.7, 1.3  # of a vector before it is scaled
AWAY = 1e-3  # cosine to its ray from which on a normal points away, as rounding may make it
BEHIND = 0.75  # forward part from which on it does, where no camera says how rays run
MOST_AWAY = 0.5  # share of the normals


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What stored vectors mean.

    frame: three words of AXES, or those of the camera in whose axes a pose turns the world; coding:
    one of CODINGS; two_sided: whether normals that point away are turned round; dataset, channels:
    where they are in an HDF5, NPZ or EXR; resize: whether a map of another size shows the same.
    """

    frame: tuple[str, str, str]
    coding: str
    two_sided: bool = False
    dataset: str = ""
    channels: tuple[str, ...] = ()
    resize: bool = False


def read(
    data: bytes,
    coding: Coding,
    size: tuple[int, int],
    camera: Camera | None,
    turn: NDArray[np.float64] | None,
    path: str,
) -> Normals:
    """The normals of a file for a picture of (width, height).

    camera: in pixels of the picture, None if unknown; turn: float64[3, 3] from the world to the
    frame, None where the frame is the camera's own. Raises BadSample.
    """
    width, height = size
    vectors = fitted(data, coding, size, path)
    xyz, valid = unit(vectors, coding, turn)
    away = facing_away(xyz, camera) & valid
    if coding.two_sided:
        xyz = np.where(away, -xyz, xyz)
    elif (count := int(away.sum())) > _most(xyz, valid, camera):
        detail = (
            f"{count} of {int(valid.sum())} normals point away from the camera: is normals.frame "
            f"{shown(coding.frame)} another, or are surfaces two_sided?"
        )
        raise BadSample("out of range", detail, path)
    else:
        valid &= ~away
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a normal", path)
    xyz = np.where(valid, xyz, np.float32(0))
    sky = np.zeros((height, width), np.bool_)
    return Normals(
        xyz=np.ascontiguousarray(xyz),
        valid=valid,
        sky=sky,
    )


def fitted(data: bytes, coding: Coding, size: tuple[int, int], path: str) -> NDArray[np.float64]:
    """The decoded vectors of a file, float64[3, H, W] of the picture's size. Raises BadSample."""
    vectors = decoded(data, coding, path)
    return arrays.fitted(vectors, size, "normals.resize", path, resize=coding.resize)


def decoded(data: bytes, coding: Coding, path: str) -> NDArray[np.float64]:
    """The vectors of a file before they are turned, float64[3, H, W]. Raises BadSample."""
    stored = arrays.numbers(data, path, coding.dataset, coding.channels)
    if stored.ndim == 3 and stored.shape[0] == 3 and stored.shape[2] not in (3, 4):
        stored = np.moveaxis(stored, 0, -1)
    if stored.ndim != 3 or stored.shape[2] not in (3, 4):
        raise BadSample("wrong dtype", f"an array {list(stored.shape)}, expected [H, W, 3]", path)
    most = CODINGS[coding.coding]
    wanted = {255.0: ("u", 1), 256.0: ("u", 1), 65535.0: ("u", 2)}.get(most)
    kind = (stored.dtype.kind, stored.dtype.itemsize)
    if (kind != wanted) if wanted else (kind[0] != "f"):
        fits = [k for k, m in CODINGS.items() if (kind == ("u", 1)) == (m in (255, 256))]
        detail = f"normals of {stored.dtype}, but normals.coding is {coding.coding}"
        raise BadSample("wrong dtype", f"{detail}; may be {', '.join(fits)}", path)
    planes = np.moveaxis(stored[..., :3].astype(np.float64), -1, 0)
    return np.ascontiguousarray(2 * planes / most - 1 if most else planes)


def unit(
    vectors: NDArray[np.float64], coding: Coding, turn: NDArray[np.float64] | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Decoded vectors [3, H, W] as unit vectors in OpenCV axes, float32, and where they are valid.

    Axes are put in place before lengths are taken, so that no bit depends on the frame.
    """
    if turn is not None:
        x, y, z = vectors
        vectors = np.stack([row[0] * x + row[1] * y + row[2] * z for row in turn])
    vectors = in_opencv(vectors, coding.frame)
    x, y, z = vectors
    with np.errstate(invalid="ignore", over="ignore"):
        length = np.sqrt(x * x + y * y + z * z)
        valid = (length >= SHORTEST) & (length <= LONGEST)
    scaled = np.where(valid, vectors, 0.0) / np.where(valid, length, 1.0)
    return scaled.astype(np.float32), valid


def in_opencv(vectors: NDArray[Any], frame: Sequence[str]) -> NDArray[Any]:
    """Vectors [3, ...] of a frame in OpenCV axes; each axis keeps its numbers but for the sign."""
    turned = np.empty_like(vectors)
    for stored, word in zip(vectors, frame, strict=True):
        axis, sign = AXES[word]
        turned[axis] = stored if sign > 0 else -stored
    turned += 0.0  # no -0
    return turned


def facing_away(xyz: NDArray[Any], camera: Camera | None) -> NDArray[np.bool_]:
    """bool[H, W]: where normals [3, H, W] in OpenCV axes point away from the camera."""
    if camera is None:
        return np.asarray(xyz[2] > BEHIND)
    fx, fy, cx, cy = camera
    _, height, width = xyz.shape
    x = (np.arange(width) - cx) / fx
    y = (np.arange(height)[:, None] - cy) / fy
    along = xyz[0] * x + xyz[1] * y + xyz[2]
    return np.asarray(along > AWAY * np.sqrt(1 + x * x + y * y))


def _most(xyz: NDArray[Any], valid: NDArray[np.bool_], camera: Camera | None) -> float:
    """How many normals may point away: half of them; without a camera, as many as face it as much.

    Those that do either clearly are few then.
    """
    if camera is None:
        return int((valid & (xyz[2] < -BEHIND)).sum())
    return MOST_AWAY * int(valid.sum())


def axes_of(frame: object) -> tuple[str, str, str] | None:
    """Three words of AXES, one of each axis, by name or as a list; None for any other frame."""
    words = FRAMES.get(frame) if isinstance(frame, str) else frame
    if not isinstance(words, list | tuple) or len(words) != 3:
        return None
    if not all(isinstance(word, str) and word in AXES for word in words):
        return None
    return (words[0], words[1], words[2]) if len({AXES[w][0] for w in words}) == 3 else None


def shown(frame: Sequence[str]) -> str:
    """A frame as a recipe has it."""
    return f"[{', '.join(frame)}]"
