"""The codecs alone: arrays to RGB and back, by the name of a task.

    rgb = encode("TASK", array, params)        array = decode("TASK", rgb, params)

What an array is depends on the kind of label that the task draws:
    depth     float[H, W], metres of planar z, inf = sky, NaN = invalid
    normals   float[H, W, 3], unit, OpenCV axes (+x right, +y down, +z forward), NaN = invalid
    segments  int[H, W], 0 = background, -1 = invalid, k = the k-th name of params["legend"] (or
              the k-th instance, in the k-th colour of params["palette"])
    image     uint8[H, W, 3]
params is what a build's manifest holds for a sample; a task's own defaults are used for what is
left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vbdata import plugins
from vbdata.core.images import Pixels, decode_png_raw, decode_rgb
from vbdata.core.png import encode_png, encode_png16
from vbdata.core.types import Depth, Normals, Segments
from vbdata.errors import RecipeError, VbdataError, choices

if TYPE_CHECKING:
    from torch import Tensor


class CodecError(VbdataError):
    """A file or array that cannot be encoded or decoded."""


def encode(task: str, array: ArrayLike, params: Mapping[str, Any] | None = None) -> Pixels:
    """Draw an array as uint8 RGB [H, W, 3]. Raises CodecError for a wrong shape or dtype."""
    module, full = _task(task, params)
    label = _label(module.NEEDS[0], np.asarray(array), full)
    rgb: Pixels = module.render(label, full).numpy()
    return rgb


def decode(task: str, rgb: Pixels, params: Mapping[str, Any] | None = None) -> NDArray[Any]:
    """Read uint8 RGB [H, W, 3] back to an array."""
    import torch

    module, full = _task(task, params)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise CodecError(f"RGB is uint8 [H, W, 3], got {rgb.dtype} {list(rgb.shape)}")
    return _array(module.decode(torch.from_numpy(np.array(rgb)), full))


def _task(name: str, params: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]]:
    if plugins.module_name(plugins.TASKS, name) is None:
        known = plugins.names(plugins.TASKS)
        raise RecipeError([f"unknown task {name!r}{choices(name, known)}"])
    module = plugins.task(name)
    full = {**module.PARAMS, **(params or {})}
    lacking = [key for key, value in full.items() if value is None]
    if lacking:
        raise CodecError(f"{name} needs params {', '.join(lacking)}: see {module.__name__}")
    return module, full


def _label(kind: str, array: NDArray[Any], params: Mapping[str, Any]) -> Any:
    """The label that an array stands for."""
    import torch

    shape = {"depth": 2, "segments": 2, "normals": 3, "image": 3, "edited": 3}.get(kind, 0)
    if array.ndim != shape or (shape == 3 and array.shape[2] != 3):
        wanted = "[H, W, 3]" if shape == 3 else "[H, W]"
        raise CodecError(f"{kind} is {wanted}, got {list(array.shape)}")
    if kind == "depth":
        metres = torch.from_numpy(array.astype(np.float32))
        return Depth(metres=metres, valid=~metres.isnan())
    if kind == "normals":
        xyz = torch.from_numpy(array.astype(np.float32)).movedim(-1, 0).contiguous()
        valid = xyz.isfinite().all(0)
        return Normals(xyz=xyz, valid=valid, sky=torch.zeros_like(valid))
    if kind == "segments":
        return _segments(array, params)
    if array.dtype != np.uint8:
        raise CodecError(f"an image is uint8, got {array.dtype}")
    return torch.from_numpy(array.copy())


def _segments(array: NDArray[Any], params: Mapping[str, Any]) -> Segments:
    import torch

    if "legend" in params:
        names = [item["name"] for item in params["legend"]]
    else:
        names = [params["class"]] * len(params["palette"])
    if array.dtype.kind not in "iu" or array.max(initial=0) > len(names):
        raise CodecError(
            f"segments are integers from -1 to the {len(names)} names or colours of the params, "
            f"got {array.dtype} up to {array.max(initial=0)}"
        )
    ids = torch.from_numpy(array.astype(np.int32))
    return Segments(
        ids=ids.clamp_min(0),
        classes=tuple(names),
        things=(False,) * len(names),
        crowds=(False,) * len(names),
        valid=ids >= 0,
    )


def _array(label: Depth | Normals | Segments | Tensor) -> NDArray[Any]:
    import torch

    if isinstance(label, Depth):
        return np.asarray(torch.where(label.valid, label.metres, torch.nan).numpy())
    if isinstance(label, Normals):
        xyz = torch.where(label.valid, label.xyz, torch.nan)
        return np.ascontiguousarray(xyz.movedim(0, -1).numpy())
    if isinstance(label, Segments):
        return np.asarray(torch.where(label.valid, label.ids, -1).numpy())
    return np.asarray(label.numpy())


def read_array(path: Path, scale: float = 1.0) -> NDArray[Any]:
    """An array from .npy, .exr (float), 16-bit .png (divided by scale, 0 = NaN) or 8-bit .png.

    Raises CodecError naming the file.
    """
    kind = path.suffix.lower()
    if not path.is_file():
        raise CodecError(f"{path}: no such file")
    if kind == ".npy":
        try:
            return np.asarray(np.load(path, allow_pickle=False))
        except (ValueError, OSError, EOFError) as err:
            raise CodecError(f"{path}: not an array: {err}") from err
    if kind == ".exr":
        return _read_exr(path)
    if kind != ".png":
        raise CodecError(f"{path}: unknown kind {kind!r}{choices(kind, ('.npy', '.exr', '.png'))}")
    stored = decode_png_raw(path.read_bytes(), str(path))
    if stored.dtype != np.uint16:
        return stored
    return np.where(stored > 0, stored / np.float64(scale), np.nan).astype(np.float32)


def write_array(path: Path, array: NDArray[Any], scale: float = 1.0) -> None:
    """Write .npy, .exr (float32) or 16-bit .png (times scale, rounded; 0 = NaN or inf)."""
    kind = path.suffix.lower()
    if kind == ".npy":
        np.save(path, array)
    elif kind == ".exr":
        _write_exr(path, array)
    elif kind == ".png" and array.dtype == np.uint8 and array.ndim == 3:
        path.write_bytes(encode_png(array))
    elif kind == ".png" and array.ndim == 2:
        finite = np.where(np.isfinite(array), array.astype(np.float64) * scale, 0)
        if finite.max(initial=0) > 65535 or finite.min(initial=0) < 0:
            raise CodecError(f"{path}: {finite.max():g} does not fit 16 bits; a smaller --scale?")
        path.write_bytes(encode_png16(np.rint(finite).astype(np.uint16)))
    else:
        raise CodecError(f"{path}: cannot hold {array.dtype} {list(array.shape)}; try .npy")


def read_rgb(path: Path) -> Pixels:
    """Any PNG or JPEG as uint8 RGB [H, W, 3]."""
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


def _read_exr(path: Path) -> NDArray[Any]:
    try:
        channels = _open_exr().File(str(path)).channels()
    except RuntimeError as err:
        raise CodecError(f"{path}: not an EXR file: {err}") from err
    for name in ("RGB", "RGBA"):
        if name in channels:
            return np.ascontiguousarray(channels[name].pixels[..., :3])
    if len(channels) != 1:
        raise CodecError(f"{path}: one channel or RGB is read, found {', '.join(sorted(channels))}")
    return np.asarray(next(iter(channels.values())).pixels)


def _write_exr(path: Path, array: NDArray[Any]) -> None:
    name = "RGB" if array.ndim == 3 else "Z"
    _open_exr().File({}, {name: np.ascontiguousarray(array, np.float32)}).write(str(path))


def _open_exr() -> Any:
    try:
        import OpenEXR
    except ImportError as err:
        raise CodecError("EXR files need the package OpenEXR: pip install 'vbdata[exr]'") from err
    return OpenEXR
