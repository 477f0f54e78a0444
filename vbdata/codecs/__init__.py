"""The codecs alone: arrays to RGB and back, by the name of a task.

    rgb = encode("TASK", array, params)        array = decode("TASK", rgb, params)

What an array is depends on the kind of label that the task draws:

    depth     float[H, W], metres of planar z, inf = sky, NaN = invalid
    normals   float[H, W, 3], unit, OpenCV axes (+x right, +y down, +z forward), NaN or 0 = invalid
    relative_depth            float[H, W], depth of any unit, inf = sky, NaN = invalid
    matte     uint8[H, W], alpha
    albedo, shading           float[H, W, 3], linear, NaN = invalid
    flow      float[H, W, 2], pixels to the right and down, NaN = invalid
    keypoints float[N, K, 3], x, y and 0, 1 = hidden or 2 = visible, of the K joints of the legend;
              to encode, params have the picture's size, [width, height]
    segments  int[H, W], 0 = background, -1 = invalid, k = the k-th name of params["legend"] (or
              the k-th instance, in the k-th colour of params["palette"])
    image     uint8[H, W, 3]

params is what a build's manifest holds for a sample; a task's own defaults are used for what is
left out. Where a decoder must know something of the array itself, such as the range of relative
depth, that is measured by `encode`, and said by `full_params`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vbdata import plugins
from vbdata.codecs.files import (
    depth_range,
    metres,
    read_array,
    read_params,
    read_rgb,
    write_array,
)
from vbdata.core.images import Pixels
from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Matte, Normals, Segments
from vbdata.core.types import Ask
from vbdata.errors import BadSample, CodecError, RecipeError, VbdataError

__all__ = [
    "CodecError",
    "decode",
    "depth_range",
    "encode",
    "full_params",
    "label_kind",
    "metres",
    "read_array",
    "read_params",
    "read_rgb",
    "write_array",
]
UNIT_WITHIN = 0.01  # by which a normal's length may be off, as 8 bits a component make it
EXACT = 1e-6  # below which it is not scaled
REFUSED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError)  # for odd params


def encode(task: str, array: ArrayLike, params: Mapping[str, Any] | None = None) -> Pixels:
    """Draw an array as uint8 RGB [H, W, 3].

    Normals whose length is off by less than 1 % are scaled to length 1. Raises CodecError for a
    wrong shape or dtype, for depth that is integers or below 0, for normals of another length, for
    params that are not the task's.
    """
    with _own_params(task):
        module, full, label = _given(task, array, params)
        rgb: Pixels = module.render(label, full)
    return rgb


def full_params(
    task: str, array: ArrayLike, params: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The params that `encode` draws an array with, which `decode` needs. Raises as `encode`."""
    with _own_params(task):
        return _given(task, array, params)[1]


def decode(task: str, rgb: Pixels, params: Mapping[str, Any] | None = None) -> NDArray[Any]:
    """Read uint8 RGB [H, W, 3] back to an array. CodecError, also for params of no target."""
    module, full = _task(task, params)
    _refuse_lacking(module, task, full)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise CodecError(f"RGB is uint8 [H, W, 3], got {rgb.dtype} {list(rgb.shape)}")
    with _own_params(task):
        return _array(module.decode(np.array(rgb), full))


def label_kind(task: str) -> str:
    """The kind of label that a task draws: "depth", ... Raises RecipeError for an unknown task."""
    kind: str = _module(task).NEEDS[0]
    return kind


@contextmanager
def _own_params(task: str) -> Iterator[None]:
    """Raise CodecError for what a task's code raises on params that are not its own."""
    try:
        yield
    except VbdataError:
        raise
    except REFUSED as err:
        detail = f"{type(err).__name__}: {err!s:.200}"
        raise CodecError(f"the params are not those of {task}: {detail}") from err


def _module(name: str) -> Any:
    if fault := plugins.why_not(plugins.TASKS, name):
        raise RecipeError([fault])
    return plugins.task(name)


def _task(name: str, params: Mapping[str, Any] | None) -> tuple[Any, dict[str, Any]]:
    module = _module(name)
    return module, {**module.PARAMS, **(params or {})}


def _given(
    task: str, array: ArrayLike, params: Mapping[str, Any] | None
) -> tuple[Any, dict[str, Any], Any]:
    """A task, all its params, and the label that an array stands for."""
    module, full = _task(task, params)
    unmeasured = hasattr(module, "measured") and full.get(plugins.MEASURED) is None
    _refuse_lacking(module, task, full, measured=not unmeasured)
    label = _label(module.NEEDS[0], np.asarray(array), full)
    if unmeasured:
        try:
            full = dict(
                plugins.with_measured(module, label, Ask(instruction="", params=full)).params
            )
        except BadSample as bad:
            raise CodecError(f"{task}: {bad.detail}") from bad
    return module, full, label


def _refuse_lacking(
    module: Any, name: str, full: Mapping[str, Any], *, measured: bool = True
) -> None:
    """Raise CodecError for params that must be given. measured: what is measured, too."""
    lacking = [k for k, v in full.items() if v is None and (measured or k != plugins.MEASURED)]
    if lacking:
        raise CodecError(f"{name} needs params {', '.join(lacking)}: see {module.__name__}")


def _label(kind: str, array: NDArray[Any], params: Mapping[str, Any]) -> Any:
    """The label that an array stands for."""
    if kind == "flow":
        return _flow(array)
    if kind == "keypoints":
        return _keypoints(array, params)
    flat = ("depth", "relative_depth", "segments", "matte")
    shape = 2 if kind in flat else 3
    if array.ndim != shape or (shape == 3 and array.shape[2] != 3):
        wanted = "[H, W, 3]" if shape == 3 else "[H, W]"
        raise CodecError(f"{kind} is {wanted}, got {list(array.shape)}")
    if kind in ("depth", "relative_depth"):
        z = _checked_depth(array)
        return Depth(metres=z, valid=~np.isnan(z))
    if kind == "normals":
        xyz = np.ascontiguousarray(np.moveaxis(_unit(array), -1, 0))
        valid = np.isfinite(xyz).all(0)
        return Normals(xyz=xyz, valid=valid, sky=np.zeros_like(valid))
    if kind == "segments":
        return _segments(array, params)
    if kind in ("albedo", "shading"):
        return _linear(kind, array)
    if kind == "matte" and array.dtype == np.uint8:
        return Matte(alpha=array.copy(), valid=np.ones(array.shape, np.bool_))
    if array.dtype != np.uint8:
        what = "a matte" if kind == "matte" else "an image"
        raise CodecError(f"{what} is uint8, got {array.dtype}")
    return array.copy()


def _flow(array: NDArray[Any]) -> Flow:
    """Vectors [H, W, 2]. Raises CodecError for anything but floats of that form."""
    if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind != "f":
        got = f"{array.dtype} {list(array.shape)}"
        raise CodecError(f"flow is pixels as floats [H, W, 2], got {got}")
    uv = np.ascontiguousarray(np.moveaxis(array.astype(np.float32), -1, 0))
    valid = np.isfinite(uv).all(0)
    return Flow(uv=np.where(valid, uv, np.float32(0)), valid=valid)


def _keypoints(array: NDArray[Any], params: Mapping[str, Any]) -> Keypoints:
    """Joints [N, K, 3], those of the legend. Raises CodecError unless the params have the size."""
    names, size = tuple(item["name"] for item in params["legend"]), params.get("size")
    if array.ndim != 3 or array.shape[1:] != (len(names), 3):
        got = list(array.shape)
        raise CodecError(f"keypoints are [N, {len(names)}, 3]: x, y, visible; got {got}")
    if not (isinstance(size, list | tuple) and len(size) == 2 and all(int(n) > 0 for n in size)):
        raise CodecError(f"keypoints need params size, [width, height] in pixels, got {size!r}")
    seen = array[..., 2]
    if not np.isin(seen, (0, 1, 2)).all():
        raise CodecError("visible is 0, 1 (hidden) or 2 in the third column of keypoints")
    points = array[..., :2].astype(np.float32)
    return Keypoints(
        points=points,
        visible=seen.astype(np.int8),
        boxes=np.zeros((len(points), 4), np.float32),
        areas=np.zeros(len(points), np.float32),
        crowds=np.zeros(len(points), np.bool_),
        names=names,
        skeleton=(),
        valid=np.ones((int(size[1]), int(size[0])), np.bool_),
    )


def _linear(kind: str, array: NDArray[Any]) -> Linear:
    """Linear colours [H, W, 3]. Raises CodecError for integers, which have a curve, and below 0."""
    if array.dtype.kind != "f":
        raise CodecError(f"{kind} is linear floats, got {array.dtype}")
    rgb = np.ascontiguousarray(np.moveaxis(array.astype(np.float32), -1, 0))
    valid = np.isfinite(rgb).all(0)
    most = 1.0 if kind == "albedo" else np.inf
    if strange := int(np.count_nonzero((rgb < 0) | (rgb > most))):
        raise CodecError(f"{strange} numbers of {kind} are below 0 or above {most:g}")
    return Linear(rgb=rgb, valid=valid)


def _checked_depth(array: NDArray[Any]) -> NDArray[np.float32]:
    """Depth as float32. Raises CodecError for integers, which have a unit, and below 0."""
    if array.dtype.kind != "f":
        raise CodecError(
            f"depth is metres as floats, got {array.dtype}: how many of its units make one metre? "
            "--scale (1000 for millimetres), or codecs.metres(array, scale)"
        )
    if below := int((array < 0).sum()):
        raise CodecError(f"{below} depths are below 0 (least {np.nanmin(array):g}); NaN = missing")
    return array.astype(np.float32)


def _unit(array: NDArray[Any]) -> NDArray[np.float32]:
    """Vectors [H, W, 3] as float32 of length 1, NaN where they are 0 or not finite.

    Raises CodecError if one has another length than rounding explains.
    """
    if array.dtype.kind != "f":
        raise CodecError(f"normals are floats from -1 to 1, got {array.dtype}")
    xyz = array.astype(np.float64)
    length = np.sqrt((xyz * xyz).sum(-1))
    known = np.isfinite(length) & (length > 0)
    strange = known & (np.abs(length - 1) > UNIT_WITHIN)
    if count := int(strange.sum()):
        low, high = length[strange].min(), length[strange].max()
        raise CodecError(
            f"{count} of {length.size} normals are not of length 1 ({low:.4g} to {high:.4g}): "
            "divide them by their length, once they are vectors and not colours from 0 to 1"
        )
    scaled = known & (np.abs(length - 1) > EXACT)
    xyz[scaled] /= length[scaled][:, None]
    xyz[~known] = np.nan
    return xyz.astype(np.float32)


def _segments(array: NDArray[Any], params: Mapping[str, Any]) -> Segments:
    if array.dtype.kind not in "iu":
        raise CodecError(f"segments are integers from -1, got {array.dtype}")
    if "legend" in params:
        names = [item["name"] for item in params["legend"]]
    else:
        several = int(array.max(initial=0)) if params.get("colour") else len(params["palette"])
        names = [params["class"]] * several
    if array.max(initial=0) > len(names):
        raise CodecError(
            f"segments are integers from -1 to the {len(names)} names or colours of the params, "
            f"got {array.dtype} up to {array.max(initial=0)}"
        )
    ids = array.astype(np.int32)
    legend: Sequence[Mapping[str, Any]] = params.get("legend") or [{}] * len(names)
    return Segments(
        ids=np.maximum(ids, 0),
        classes=tuple(names),
        things=tuple(bool(item.get("thing")) for item in legend),
        crowds=tuple(bool(item.get("crowd")) for item in legend),
        valid=ids >= 0,
    )


def _array(label: Any) -> NDArray[Any]:
    if isinstance(label, Depth):
        return np.where(label.valid, label.metres, np.float32(np.nan))
    if isinstance(label, Normals):
        xyz = np.where(label.valid, label.xyz, np.float32(np.nan))
        return np.ascontiguousarray(np.moveaxis(xyz, 0, -1))
    if isinstance(label, Segments):
        return np.where(label.valid, label.ids, np.int32(-1))
    if isinstance(label, Matte):
        return label.alpha
    if isinstance(label, Linear):
        rgb = np.where(label.valid, label.rgb, np.float32(np.nan))
        return np.ascontiguousarray(np.moveaxis(rgb, 0, -1))
    if isinstance(label, Flow):
        uv = np.where(label.valid, label.uv, np.float32(np.nan))
        return np.ascontiguousarray(np.moveaxis(uv, 0, -1))
    if isinstance(label, Keypoints):
        return np.concatenate([label.points, label.visible[..., None].astype(np.float32)], -1)
    return np.asarray(label)
