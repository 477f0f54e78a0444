"""Arrays as users have them, and the labels that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Matte, Normals, Segments
from vbdata.errors import CodecError

UNIT_WITHIN = 0.01  # by which a normal's length may be off, as 8 bits a component make it
EXACT = 1e-6  # below which it is not scaled


def label_of(kind: str, array: NDArray[Any], params: Mapping[str, Any]) -> Any:
    """The label that an array stands for, of the kind and form that vbdata.codecs says.

    params: of the task that draws it. Raises CodecError for an array of another form.
    """
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


def array_of(label: Any) -> NDArray[Any]:
    """The array that stands for a label, as `label_of` takes it."""
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
