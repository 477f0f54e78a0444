"""Decoded labels as pictures, in colours of their own, so that a wrong decode is seen.

Depth as inverse-depth grey, normals lit from the camera, segments over the darkened input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core import images
from vbdata.core.types import Depth, Normals, Segments


def decoded(target: images.Pixels, task: str, params: Mapping[str, Any]) -> Any:
    """What a task's decoder reads in uint8 RGB [H, W, 3]: a label, or the image as a tensor.

    Raises LookupError if the task is not known here.
    """
    import torch

    return plugins.task(task).decode(torch.from_numpy(target), params)


def drawn(label: Any, given: images.Pixels) -> images.Pixels:
    """A label as uint8 RGB [H, W, 3]; given: the input image, of the same size."""
    if isinstance(label, Depth):
        metres, valid = label.metres.clamp_min(0.5).numpy(), label.valid.numpy()
        near = np.quantile(metres[valid], 0.02) if valid.any() else 1.0
        return _grey(40 + 215 * np.minimum(near / metres, 1), valid)
    if isinstance(label, Normals):
        facing = (-label.xyz[2]).clamp(0, 1).numpy()
        return _grey(30 + 225 * facing, label.valid.numpy())
    if isinstance(label, Segments):
        return _outlined(label.ids.numpy(), given)
    return np.asarray(label.numpy())


def _grey(values: NDArray[Any], valid: NDArray[np.bool_]) -> images.Pixels:
    return np.repeat(np.where(valid, values, 0).astype(np.uint8)[..., None], 3, -1)


def _outlined(ids: NDArray[Any], given: images.Pixels) -> images.Pixels:
    """Segments as they are in the input: the rest darkened, borders white."""
    shown = np.where((ids > 0)[..., None], given, given // 4)
    edge = np.zeros(ids.shape, bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    edge[:-1] |= edge[1:]
    shown[edge] = 255
    return shown
