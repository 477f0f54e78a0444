"""Arrays and RGB images in files, and the unit of a depth that is stored as integers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import exr
from vbdata.core.images import Pixels, decode_png_raw, decode_rgb
from vbdata.core.png import encode_png, encode_png16
from vbdata.errors import BadSample, CodecError, choices

KINDS = (".npy", ".exr", ".png")


def read_array(path: Path, scale: float | None = None) -> NDArray[Any]:
    """An array from .npy, .exr, or a PNG of 8 or 16 bits, as it is stored.

    scale: how many units of an integer file make one metre, where it is depth; then it comes as
    metres. Raises CodecError naming the file, BadSample for a damaged PNG.
    """
    kind = path.suffix.lower()
    if not path.is_file():
        raise CodecError(f"{path}: no such file")
    if kind == ".npy":
        try:
            stored = np.asarray(np.load(path, allow_pickle=False))
        except (ValueError, OSError, EOFError) as err:
            raise CodecError(f"{path}: not an array: {err}") from err
    elif kind == ".exr":
        stored = _read_exr(path)
    elif kind == ".png":
        stored = decode_png_raw(path.read_bytes(), str(path))
    else:
        raise CodecError(f"{path}: unknown kind {kind!r}{choices(kind, KINDS)}")
    return stored if scale is None else metres(stored, scale)


def metres(stored: NDArray[Any], scale: float) -> NDArray[np.float32]:
    """Depth in metres, float32 of the same shape, from integers of which `scale` make one metre.

    Of integers 0 is missing, which becomes NaN. Floats are metres already, whatever the scale.
    Raises CodecError for anything but numbers.
    """
    if stored.dtype.kind == "f":
        return stored.astype(np.float32)
    if stored.dtype.kind not in "iu":
        raise CodecError(f"depth is numbers, got {stored.dtype}")
    return np.where(stored != 0, stored / np.float64(scale), np.nan).astype(np.float32)


def depth_range(depth: NDArray[Any]) -> str:
    """The range of a depth in metres, [H, W], in words: what a wrong unit shows in."""
    seen = depth[np.isfinite(depth)].astype(np.float64)
    if not seen.size:
        return "no depth at all"
    share = f"{seen.size / depth.size:.1%} of the pixels"
    return f"{seen.min():.4g} to {seen.max():.4g} m, median {np.median(seen):.4g} m, in {share}"


def write_array(path: Path, array: NDArray[Any], scale: float | None = None) -> None:
    """Write .npy, .exr (float32) or .png: RGB, ids of 16 bits, or depth of 16 bits.

    Depth in a PNG is metres times `scale`, rounded, 0 for NaN or inf. Raises CodecError for what
    does not fit, and for depth in a PNG without a scale.
    """
    kind = path.suffix.lower()
    if kind == ".npy":
        np.save(path, array)
    elif kind == ".exr":
        name = "RGB" if array.ndim == 3 else "Z"
        whole = np.ascontiguousarray(array, np.float32)
        _open_exr().File({}, {name: whole}).write(str(path))
    elif kind == ".png" and array.dtype == np.uint8 and array.ndim == 3:
        path.write_bytes(encode_png(array))
    elif kind == ".png" and array.ndim == 2:
        path.write_bytes(encode_png16(_units(path, array, scale)))
    else:
        raise CodecError(f"{path}: cannot hold {array.dtype} {list(array.shape)}; try .npy")


def _read_exr(path: Path) -> NDArray[Any]:
    _open_exr()
    try:
        return exr.read(path.read_bytes(), str(path))
    except BadSample as bad:
        raise CodecError(f"{path}: {bad.detail}") from bad


def _open_exr() -> Any:
    """The module OpenEXR. Raises CodecError that says how to install it."""
    try:
        return exr.package()
    except ImportError as err:
        raise CodecError(str(err)) from err


def _units(path: Path, array: NDArray[Any], scale: float | None) -> NDArray[np.uint16]:
    """An array of depth or ids as uint16[H, W]. Raises CodecError."""
    if array.dtype.kind != "f":
        if array.min(initial=0) < 0 or array.max(initial=0) > 65535:
            raise CodecError(
                f"{path}: ids from {array.min()} to {array.max()} in 16 bits; try .npy"
            )
        return array.astype(np.uint16)
    if scale is None:
        raise CodecError(
            f"{path}: depth in a PNG is whole numbers: how many make one metre? --scale"
        )
    known = np.isfinite(array)
    units = np.where(known, array.astype(np.float64) * scale, 0)
    if units.max(initial=0) > 65535 or units.min(initial=0) < 0:
        raise CodecError(f"{path}: {units.max():g} does not fit 16 bits; a smaller --scale?")
    # what is nearer than half a unit is not missing
    return np.where(known, np.maximum(np.rint(units), 1), 0).astype(np.uint16)


def read_rgb(path: Path) -> Pixels:
    """A picture file of any kind that is read as uint8 RGB [H, W, 3]."""
    if not path.is_file():
        raise CodecError(f"{path}: no such file")
    return decode_rgb(path.read_bytes(), str(path))


def read_params(text: str | None) -> dict[str, Any]:
    """Params from JSON, or from a file of JSON."""
    if not text:
        return {}
    source = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
    try:
        found = json.loads(source)
    except json.JSONDecodeError as err:
        raise CodecError(f"params are a JSON object or a file of one: {err}") from err
    if not isinstance(found, dict):
        raise CodecError(f"params are a JSON object, got {type(found).__name__}")
    return found
