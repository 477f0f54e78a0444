"""A sample as small pictures: input, references, target, decoded label, a model's answer.

Photographs are shrunk by area averages and stored as JPEG. Targets are shrunk by nearest pixels and
stored as PNG, since their colours are the label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import simplejpeg

from vbdata import plugins
from vbdata.core import images, members
from vbdata.core.png import encode_png
from vbdata.core.reversal import is_reversed
from vbdata.errors import BadSample, BuildError
from vbdata.manifest.drawn import decoded, decoded_part, drawn
from vbdata.manifest.sample import target_of
from vbdata.view.report.charts import data_uri
from vbdata.view.report.measures import Mask

QUALITY = 82


class Tile(NamedTuple):
    """A picture on a page, as a data URI, of width x height pixels.

    alt: what it shows; sharp: whether a browser that enlarges it must not blend pixels; caption:
    what stands below it.
    """

    uri: str
    width: int
    height: int
    alt: str
    sharp: bool
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded sample.

    row: of the manifest; given: the input image, uint8 RGB [H, W, 3]; target: uint8 RGB [H, W, 3];
    valid: bool[H, W]; label: what the task's decoder reads in the target, or in the input of the
    other way round, None if the task is not installed; references: further pictures that the prompt
    refers to, of sizes of their own.
    """

    row: Mapping[str, Any]
    given: images.Pixels
    target: images.Pixels
    valid: Mask
    label: Any
    references: tuple[images.Pixels, ...] = ()


def open_sample(row: Mapping[str, Any], parts: Mapping[str, bytes]) -> Opened:
    """Decode a sample. row: of the manifest; parts: its members by extension.

    Raises BuildError if they are damaged.
    """
    try:
        image, size = members.named(parts, members.INPUT), (row["width"], row["height"])
        given = images.decode_rgb(parts[image], image)
        target, valid = target_of(parts, row["key"], size, row["task"])
        further = tuple(images.decode_rgb(parts[n], n) for n in members.references(parts))
    except BadSample as err:
        raise BuildError(f"{row['key']}: {err}; run vbdata verify") from err
    if given.shape[1::-1] != size:
        raise BuildError(f"{row['key']}: its images are not of its size; run vbdata verify")
    known = plugins.usable(plugins.TASKS, row["task"]) is not None
    params = json.loads(row["params"])
    label = decoded_part(row["task"], params, given, target) if known else None
    return Opened(row, given, target, valid, label, further)


def tiles(
    sample: Opened, width: int, height: int, answer: images.Pixels | None = None
) -> list[Tile]:
    """The pictures of a sample, each of which fits a box of pixels.

    Input, references, target and, if the task is installed and it is another picture, decoded
    label; of an answer, uint8 RGB [H, W, 3], the same two.
    """
    is_map = not isinstance(sample.label, np.ndarray)
    backward = is_reversed(sample.row["task"])
    photograph = sample.target if backward else sample.given
    shown = [("input", sample.given, is_map and backward)]
    shown += [(f"reference {n}", rgb, False) for n, rgb in enumerate(sample.references, 1)]
    shown.append(("target", sample.target, is_map and not backward))
    if sample.label is not None and is_map:
        shown.append(("decoded", drawn(sample.label, photograph), False))
    if answer is not None:
        shown.append(("answer", answer, is_map and not backward))
        if sample.label is not None and is_map and not backward:
            label = decoded(answer, sample.row["task"], json.loads(sample.row["params"]))
            under = np.asarray(cv2.resize(sample.given, answer.shape[1::-1]), np.uint8)
            shown.append(("decoded answer", drawn(label, under), False))
    name = f"{sample.row['task']} {sample.row['key']}"
    return [
        picture_tile(rgb, width, height, f"{what} of {name}", coded)._replace(caption=what)
        for what, rgb, coded in shown
    ]


def picture_tile(rgb: images.Pixels, width: int, height: int, alt: str, coded: bool) -> Tile:
    """A picture, uint8 RGB [H, W, 3], that fits a box of pixels. coded: its colours are a label."""
    return (_map if coded else _photograph)(rgb, width, height, alt)


def _box(rgb: images.Pixels, width: int, height: int) -> tuple[int, int]:
    """Width and height at which a picture fits into a box; it is never enlarged."""
    scale = min(width / rgb.shape[1], height / rgb.shape[0], 1.0)
    return max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))


def _photograph(rgb: images.Pixels, width: int, height: int, alt: str) -> Tile:
    w, h = _box(rgb, width, height)
    small = images.shrink(rgb, w, h) if (h, w) != rgb.shape[:2] else rgb
    data = simplejpeg.encode_jpeg(
        np.ascontiguousarray(small), quality=QUALITY, colorspace="RGB", colorsubsampling="420"
    )
    return Tile(data_uri("jpeg", data), w, h, alt, False)


def _map(rgb: images.Pixels, width: int, height: int, alt: str) -> Tile:
    w, h = _box(rgb, width, height)
    rows = (2 * np.arange(h) + 1) * rgb.shape[0] // (2 * h)
    columns = (2 * np.arange(w) + 1) * rgb.shape[1] // (2 * w)
    small = np.ascontiguousarray(rgb[rows][:, columns])
    return Tile(data_uri("png", encode_png(small)), w, h, alt, True)
