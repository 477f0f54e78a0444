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

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vbdata import plugins
from vbdata.codecs.arrays import array_of, label_of
from vbdata.codecs.files import (
    depth_range,
    metres,
    read_array,
    read_params,
    read_rgb,
    write_array,
)
from vbdata.core.images import Pixels
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
        return array_of(module.decode(np.array(rgb), full))


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
    label = label_of(module.NEEDS[0], np.asarray(array), full)
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
