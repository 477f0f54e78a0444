"""Intrinsics and poses out of the files that people keep them in.

    text           4 numbers fx fy cx cy, or a matrix of 3 x 3, 3 x 4 or 4 x 4
    JSON           a list or matrix of these; an object with fx, fy, cx, cy; or with focal_length
                   and sensor_width in one unit, for a camera whose centre is that of the picture
    NPY, NPZ, MAT  a matrix

Pixel centres are at whole numbers: the middle of 640 pixels is 319.5.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample

from ...formats import mat5, npy, npz
from .. import records

Camera = tuple[float, float, float, float]  # fx, fy, cx, cy in pixels
LONGEST = 1 << 20  # bytes of a file
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
BENT = 1e-3  # by which a rotation's columns may differ from unit length and right angles


def camera(
    data: bytes, path: str, size: tuple[int, int], at: Sequence[str] = (), name: str = ""
) -> Camera:
    """fx, fy, cx, cy of a file. size: (width, height) of the picture; at, name: see `_value`.

    Raises BadSample("garbled annotation") for what has none of the forms above.
    """
    return of_value(_value(data, path, at, name), path, size)


def of_value(value: Any, path: str, size: tuple[int, int]) -> Camera:
    """fx, fy, cx, cy of a value of JSON: numbers, a matrix or an object. Raises BadSample."""
    if isinstance(value, Mapping):
        return _of_object(value, size, path)
    array = _array(value, path)
    if array.shape == (4,):
        return checked(tuple(array.tolist()), path)
    flat = array.ravel()
    if flat.size in (9, 12, 16) and array.shape in ((9,), (12,), (16,), (3, 3), (3, 4), (4, 4)):
        matrix = flat.reshape(3, 3) if flat.size == 9 else flat.reshape(-1, 4)[:3, :3]
        below = [matrix[0, 1], matrix[1, 0], matrix[2, 0], matrix[2, 1]]
        if np.abs(below).max() > 1e-6 * abs(matrix[0, 0]) or abs(matrix[2, 2] - 1) > 1e-6:
            raise _garbled(f"a matrix that is no pinhole: {matrix.tolist()}", path)
        return checked((matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]), path)
    raise _garbled(f"{array.size} numbers, expected fx fy cx cy or a matrix of 3 x 3", path)


def checked(numbers: Sequence[float], path: str) -> Camera:
    """Four numbers as a camera. Raises BadSample unless they can be one."""
    fx, fy, cx, cy = (float(n) for n in numbers)
    if not all(map(math.isfinite, (fx, fy, cx, cy))) or fx <= 0 or fy <= 0:
        raise _garbled(f"camera {fx:g}, {fy:g}, {cx:g}, {cy:g}: focal lengths are above 0", path)
    return fx, fy, cx, cy


def rotation(data: bytes, path: str, at: Sequence[str] = (), name: str = "") -> NDArray[np.float64]:
    """The rotation of a pose, float64[3, 3]: the upper left of a matrix 3 x 3, 3 x 4 or 4 x 4.

    Raises BadSample unless its columns are unit vectors at right angles.
    """
    value = _value(data, path, at, name)
    array = _array(value, path)
    if array.size not in (9, 12, 16) or array.ndim > 2:
        raise _garbled(f"a pose of {array.size} numbers, expected 3 x 3, 3 x 4 or 4 x 4", path)
    turn = array.reshape(-1, 3 if array.size == 9 else 4)[:3, :3]
    if not np.isfinite(turn).all() or np.abs(turn.T @ turn - np.eye(3)).max() > BENT:
        raise _garbled("a pose whose axes are no unit vectors at right angles", path)
    return np.ascontiguousarray(turn)


def _value(data: bytes, path: str, at: Sequence[str], name: str) -> Any:
    """What a file holds. at: keys of a JSON that lead to it; name: of an array in an NPZ or MAT."""
    if len(data) > LONGEST:
        raise BadSample("too large", f"{len(data)} bytes, at most {LONGEST}", path)
    if data.startswith(npy.MAGIC):
        return npy.array(data, path)
    if data.startswith(npz.MAGIC):
        return npz.array(data, name, path)
    if data.startswith(mat5.MAGIC):
        return mat5.array(data, name, path)
    if path.lower().endswith(".json"):
        try:
            value = records.unpack(data)
        except (ValueError, RecursionError) as err:
            raise _garbled(f"no JSON: {err!s:.100}", path) from err
        for key in at:
            if not isinstance(value, Mapping) or key not in value:
                raise _garbled(f"without the key {key!r}", path)
            value = value[key]
        return value
    lines = data.decode("utf-8", "replace").splitlines()
    words = " ".join(line.partition("#")[0] for line in lines).replace(",", " ").split()
    if not words or not all(NUMBER.fullmatch(word) for word in words):
        raise _garbled("text that is not numbers alone", path)
    return [float(word) for word in words]


def _of_object(value: Mapping[str, Any], size: tuple[int, int], path: str) -> Camera:
    if {"fx", "fy", "cx", "cy"} <= value.keys():
        found = [value[key] for key in ("fx", "fy", "cx", "cy")]
    elif {"focal_length", "sensor_width"} <= value.keys():
        try:
            focal = float(value["focal_length"]) / float(value["sensor_width"]) * size[0]
        except (TypeError, ValueError, ZeroDivisionError) as err:
            raise _garbled(f"focal_length and sensor_width: {err}", path) from err
        found = [focal, focal, (size[0] - 1) / 2, (size[1] - 1) / 2]
    else:
        raise _garbled(f"a camera with the keys {', '.join(map(str, value))[:200]}", path)
    if not all(isinstance(n, int | float) for n in found):
        raise _garbled(f"a camera of {found!r:.100}", path)
    return checked(found, path)


def _array(value: Any, path: str) -> NDArray[np.float64]:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as err:
        raise _garbled(f"{value!r:.60}, expected numbers", path) from err


def _garbled(detail: str, path: str) -> BadSample:
    return BadSample("garbled annotation", detail, path)
