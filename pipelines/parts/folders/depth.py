"""Stored depth of four kinds to metres of planar z.

    z          v / scale                               distance along the camera's axis
    ray        v / scale / sqrt(1 + x^2 + y^2)         distance to the camera's centre
    disparity  fx baseline / (v / scale)               pixels between the views of a stereo pair
    inverse    scale / v                               1 / z

x = (column - cx) / fx and y = (row - cy) / fy, pixel centres at whole numbers. All is float64 until
the end, so that metres that are stored as float32 come out bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth
from vbdata.errors import BadSample

from . import arrays
from .cameras import Camera

KINDS = ("z", "ray", "disparity", "inverse")
NEED_CAMERA = ("ray", "disparity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What stored numbers mean.

    scale: stored units a metre, a pixel of disparity, or a 1/metre; kind: one of KINDS; invalid,
    sky: stored values; most: metres above which depth is not valid, sky_from: metres, of a ray
    along it, from which on it is the sky, 0 for no limit; baseline: in metres; dataset, channels:
    where the numbers are in an HDF5, NPZ, MAT or EXR; resize: whether a map of another size than
    the picture shows the same view; bits: whether integers are the bits of floats (see `_floats`);
    step: of a finer map, which rows and columns count, 2 for every second from the first on, 0 for
    all.
    """

    scale: float
    kind: str
    invalid: tuple[float, ...] = ()
    sky: tuple[float, ...] = ()
    most: float = 0.0
    baseline: float = 0.0
    dataset: str = ""
    channels: tuple[str, ...] = ()
    resize: bool = False
    sky_from: float = 0.0
    bits: bool = False
    step: int = 0


def read(
    data: bytes,
    coding: Coding,
    size: tuple[int, int],
    camera: Camera | None,
    path: str,
    *,
    of_map: bool = False,
) -> Depth:
    """The depth of a file for a picture of (width, height).

    camera: which only kinds in NEED_CAMERA need; of_map: whether it is in pixels of the map instead
    of the picture. Raises BadSample.
    """
    values = stored(data, coding, path)
    if camera and not of_map:
        camera = scaled_camera(camera, size, (values.shape[1], values.shape[0]))
    metres, known = metric(values, coding, camera)
    metres, known = (
        arrays.fitted(each, size, "depth.resize", path, resize=coding.resize)
        for each in (metres, known)
    )
    if not (known & np.isfinite(metres)).any():
        raise BadSample("all invalid", "no pixel has a depth", path)
    return Depth(metres=metres, valid=known)


def stored(data: bytes, coding: Coding, path: str) -> NDArray[Any]:
    """The numbers of a file, [H, W]; three equal channels count as one. Raises BadSample."""
    values = arrays.numbers(data, path, coding.dataset, coding.channels)
    if coding.bits:
        values = _floats(values, path)
    if values.ndim == 3:
        first = values[..., :1]
        same = (values[..., :3] == first) | (np.isnan(values[..., :3]) & np.isnan(first))
        if values.shape[2] not in (3, 4) or not same.all():
            detail = (
                f"an array {list(values.shape)} of colours, expected one number a pixel; is it a "
                "picture of depth, or is depth.channels to be set?"
            )
            raise BadSample("wrong dtype", detail, path)
        values = values[..., 0]
    if values.dtype == np.uint8 or values.dtype.kind not in "iuf":
        detail = f"{values.dtype}, which has too few steps for depth: a picture of it?"
        raise BadSample("wrong dtype", detail, path)
    step = coding.step or 1
    return np.ascontiguousarray(values[::step, ::step])


def _floats(values: NDArray[Any], path: str) -> NDArray[Any]:
    """The floats of which integers are the bits, [H, W]: of 16 bits one, of RGBA with 8 bits one.

    The bytes of a pixel are B, G, R, A, as OpenCV has them, from the lowest. Raises BadSample.
    """
    if values.dtype == np.uint16 and values.ndim == 2:
        return values.astype("<u2").view("<f2")
    if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] == 4:
        return np.ascontiguousarray(values[..., [2, 1, 0, 3]]).view("<f4")[..., 0]
    detail = f"{values.dtype} {list(values.shape)}, expected the bits of floats: uint16 or RGBA"
    raise BadSample("wrong dtype", detail, path)


def metric(
    values: NDArray[Any], coding: Coding, camera: Camera | None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Stored numbers [H, W] as float32 metres, +inf in the sky, 0 where none is known; and where.

    camera: fx, fy, cx, cy in pixels of this map.
    """
    sky = _any_of(values, coding.sky)
    missing = _any_of(values, coding.invalid)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = values.astype(np.float64) / coding.scale
        away = scaled
        if coding.kind == "ray":
            assert camera is not None  # options ask for it
            scaled = away / lengths(camera, *values.shape)
        elif coding.kind == "disparity":
            assert camera is not None
            away = scaled = camera[0] * coding.baseline / scaled
        elif coding.kind == "inverse":
            away = scaled = 1 / scaled
        metres = scaled.astype(np.float32)
        known = np.isfinite(metres) & (metres > 0) & ~missing
        if coding.most:
            known &= scaled <= coding.most
        if coding.sky_from:
            sky |= (away >= coding.sky_from) & ~missing
    metres = np.where(known, metres, np.float32(0))
    metres[sky] = np.inf
    return metres, known | sky


def lengths(camera: Camera, height: int, width: int) -> NDArray[np.float64]:
    """float64[H, W]: how long each pixel's ray is where its z is 1."""
    fx, fy, cx, cy = camera
    x = (np.arange(width) - cx) / fx
    y = (np.arange(height)[:, None] - cy) / fy
    return np.sqrt(1 + x * x + y * y)


def _any_of(values: NDArray[Any], listed: tuple[float, ...]) -> NDArray[np.bool_]:
    """Where the map has one of some stored values, as its own type has them."""
    found = np.zeros(values.shape, np.bool_)
    for value in listed:
        if values.dtype.kind == "f":
            found |= values == values.dtype.type(value)
        else:
            found |= values == value
    return found


def scaled_camera(camera: Camera, old: tuple[int, int], new: tuple[int, int]) -> Camera:
    """A camera of a picture of (width, height) `old` for the same view in another size."""
    if old == new:
        return camera
    across, down = new[0] / old[0], new[1] / old[1]
    fx, fy, cx, cy = camera
    return fx * across, fy * down, (cx + 0.5) * across - 0.5, (cy + 0.5) * down - 0.5
