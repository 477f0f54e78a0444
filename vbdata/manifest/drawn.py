"""Decoded labels as pictures, in other colours than the target's, so that a wrong decode shows.

Depth as grey of inverse depth, normals lit from the camera, segments over the darkened input,
mattes as the input cut out over green, albedo and shading in shades of their brightness, flow as
arrows and persons as crosses and bones over the darkened input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core import images
from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Matte, Normals, Segments
from vbdata.core.reversal import forward_name, is_reversed

BEHIND = (0, 177, 64)  # what a cut-out stands before, green
SPARSE = (0.0, 0.5)  # shares of valid pixels, at which depth is points rather than surfaces


def decoded(target: images.Pixels, task: str, params: Mapping[str, Any]) -> Any:
    """A target, uint8 RGB [H, W, 3], decoded by its task: a Label, or for images the target.

    params: the sample's own, decoded from JSON. Raises LookupError for an unknown task.
    """
    return plugins.task(task).decode(target, params)


def decoded_part(
    task: str, params: Mapping[str, Any], given: images.Pixels, target: images.Pixels
) -> Any:
    """What the drawn picture of a sample decodes to: its target or, the other way round, its input.

    task: of the sample; given, target: uint8 RGB [H, W, 3]. Raises LookupError for an unknown task.
    """
    coded = given if is_reversed(task) else target
    return decoded(coded, forward_name(task), params)


def drawn(label: Any, image: images.Pixels) -> images.Pixels:
    """A label of size [H, W] as a picture, uint8 RGB [H, W, 3]; image: the input, of that size."""
    if isinstance(label, Depth):
        metres, valid = _seen(np.maximum(label.metres, np.float32(1e-9)), label.valid)
        near = np.quantile(metres[valid], 0.02) if valid.any() else 1.0
        return _grey(40 + 215 * np.minimum(near / metres, 1), valid)
    if isinstance(label, Normals):
        facing = np.clip(-label.xyz[2], 0, 1)
        return _grey(30 + 225 * facing, label.valid)
    if isinstance(label, Segments):
        return _outlined(label.ids, image)
    if isinstance(label, Matte):
        share = (label.alpha / np.float32(255))[..., None]
        over = np.rint(image * share + np.array(BEHIND, np.float32) * (1 - share))
        return np.where(label.valid[..., None], over, 0).astype(np.uint8)
    if isinstance(label, Linear):
        light = brightness(label)
        white = np.quantile(light[label.valid], 0.98) if label.valid.any() else 1.0
        shares = np.clip(light / (white or 1.0), 0, 1)
        return _grey(255 * np.sqrt(shares), label.valid)
    if isinstance(label, Flow):
        return _arrows(label, image)
    if isinstance(label, Keypoints):
        return _persons(label, image)
    return np.asarray(label)


def _arrows(label: Flow, image: images.Pixels) -> images.Pixels:
    """An arrow from the middle of each of some 20 x 20 pixels to where it moves."""
    height, width = label.valid.shape
    step = max(8, round((height * width) ** 0.5 / 24))
    shown = np.where(label.valid[..., None], image // 3, 0).astype(np.uint8)
    for y in range(step // 2, height, step):
        for x in range(step // 2, width, step):
            if label.valid[y, x]:
                u, v = label.uv[:, y, x].tolist()
                cv2.arrowedLine(shown, (x, y), (round(x + u), round(y + v)), (255, 255, 255), 1)
    return shown


def _persons(label: Keypoints, image: images.Pixels) -> images.Pixels:
    """Bones and joints, each person in a grey of its own; a joint that is hidden as a dot."""
    shown = (image // 3).astype(np.uint8)
    arm = max(2, round(min(image.shape[:2]) / 100))
    for number, (points, visible) in enumerate(zip(label.points, label.visible, strict=True)):
        grey = (255 - 60 * (number % 3),) * 3
        places = [(round(float(x)), round(float(y))) for x, y in points]
        for one, other in label.skeleton:
            if visible[one] and visible[other]:
                cv2.line(shown, places[one], places[other], grey, 1)
        for at, seen in zip(places, visible.tolist(), strict=True):
            if seen == 2:
                cv2.drawMarker(shown, at, grey, cv2.MARKER_CROSS, 2 * arm + 1, 1)
            elif seen:
                cv2.circle(shown, at, 1, grey, -1)
    return shown


def brightness(label: Linear) -> NDArray[np.float32]:
    """float32[H, W]: the luminance of linear colours, by the weights of ITU-R BT.709."""
    red, green, blue = label.rgb
    return np.asarray(0.2126 * red + 0.7152 * green + 0.0722 * blue, np.float32)


def _seen(
    metres: NDArray[np.float32], valid: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Depth whose points are large enough to be seen where there are few, as of LiDAR.

    Each pixel near a point takes its depth, the nearest to the camera of several.
    """
    if not SPARSE[0] < valid.mean() < SPARSE[1]:
        return metres, valid
    reach = max(1, valid.shape[1] // 300)
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    inverse = cv2.dilate(np.where(valid, 1 / metres, 0).astype(np.float32), around)
    grown = cv2.dilate(valid.astype(np.uint8), around) > 0
    return np.reciprocal(np.maximum(inverse, np.float32(1e-9))), grown


def _grey(values: NDArray[Any], valid: NDArray[np.bool_]) -> images.Pixels:
    return np.repeat(np.where(valid, values, 0).astype(np.uint8)[..., None], 3, -1)


def _outlined(ids: NDArray[Any], image: images.Pixels) -> images.Pixels:
    """The input image with white borders around segments, darkened where there is none."""
    shown = np.where((ids > 0)[..., None], image, image // 4)
    edge = np.zeros(ids.shape, bool)
    edge[1:] |= ids[1:] != ids[:-1]
    edge[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    edge[:-1] |= edge[1:]
    shown[edge] = 255
    return shown
