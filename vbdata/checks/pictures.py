"""The pictures of one sample: their kind and size, valid pixels, colours that the task can draw."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core import images, members, passing, png_read, rasters
from vbdata.core.reversal import forward_name, is_reversed
from vbdata.core.types import Cell
from vbdata.errors import BadSample

NEARLY_BLACK = 1  # of 255: the brightest that a JPEG may make of black
GREY, RGB = 0, 2  # PNG's colour types
# What a task's code may raise on params that are not its own.
REFUSED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Doubts:
    """What one sample alone does not prove, over the samples that were read.

    looked: samples by cell whose targets may lack no colour, as nothing was cropped or shrunk;
    incomplete: the keys of those that do lack one; members: how many samples have each, by
    extension.
    """

    looked: Counter[Cell] = field(default_factory=Counter)
    incomplete: dict[Cell, list[str]] = field(default_factory=dict)
    members: Counter[str] = field(default_factory=Counter)

    def add(self, other: Doubts) -> None:
        """Add those of more samples."""
        self.looked.update(other.looked)
        self.members.update(other.members)
        for cell, keys in other.incomplete.items():
            self.incomplete.setdefault(cell, []).extend(keys)


def picture_faults(
    parts: Mapping[str, bytes], row: Mapping[str, Any], input_kind: str, doubts: Doubts
) -> Iterator[str]:
    """A sentence for each thing that is wrong with a sample's pictures.

    parts: its files by extension, all of them there; row: its row of the manifest; input_kind:
    "jpg" or "png"; doubts: takes what is seen of this sample.
    """
    image, target = members.picture(members.INPUT, input_kind), members.named(parts, members.TARGET)
    masked, references = members.VALID in parts, members.references(parts)
    pictures = {}
    for name in (image, target, *references, *([members.VALID] * masked)):
        decode = images.decode_png_raw if name == members.VALID else images.decode_rgb
        try:
            yield from _kind_faults(parts[name], name)
            pictures[name] = decode(parts[name], name)
        except BadSample as err:
            yield str(err)
            return
        height, width = pictures[name].shape[:2]
        if name not in references and (height, width) != (row["height"], row["width"]):
            yield f"{name} is {width}x{height}, its row says {row['width']}x{row['height']}"
            return
    if row["blank_input"] and pictures[image].max() > NEARLY_BLACK:
        yield f"{image} is not black, as its row says"
    if is_reversed(row["task"]):
        yield from _drawn_input_faults(pictures[image], row)
    if not masked:
        if row["valid_share"] != 1:
            yield f"it has no {members.VALID}, though its row says {row['valid_share']} are valid"
        yield from _photograph_faults(row)
        return
    valid = pictures[members.VALID]
    if valid.ndim != 2:
        return
    yield from _valid_faults(valid, row)
    yield from _colour_faults(pictures[target], valid > 0, row, doubts)


def _kind_faults(data: bytes, name: str) -> Iterator[str]:
    """A sentence if a picture is not of the one kind that stands under its name.

    Others may decode to the same pixels here and to other ones in another library. Raises
    BadSample if the file is not of the format at all.
    """
    if name.endswith(".webp"):
        if rasters.kind(data) != "WebP":
            yield f"{name} is no WebP"
        elif not passing.plain_webp(data, name):
            yield f"{name} is a WebP that viewers show differently: with alpha, turned, or too long"
        return
    if name.endswith(".jpg"):
        if not images.is_jpeg(data):
            yield f"{name} is no JPEG"
        elif not images.jpeg_header(data, name).plain:
            yield f"{name} is a JPEG that viewers show differently: grey, CMYK, rare or turned"
        return
    head = png_read.header(data, name)
    colour = GREY if name == members.VALID else RGB
    if (head.colour, head.depth, head.interlaced) != (colour, 8, False):
        wanted = "grey" if colour == GREY else "RGB"
        interlaced = ", interlaced" if head.interlaced else ""
        found = f"of colour type {head.colour} and {head.depth} bits{interlaced}"
        yield f"{name} is a PNG {found}, expected {wanted} (type {colour}) of 8 bits"
    more = sorted(png_read.chunks(data) - png_read.PIXELS)
    if more:
        yield f"{name} has more than pixels: {', '.join(more)}"


def _valid_faults(valid: NDArray[Any], row: Mapping[str, Any]) -> Iterator[str]:
    if not np.isin(valid, (0, 255)).all():
        yield "valid.png has values besides 0 and 255"
    share = round(int(np.count_nonzero(valid)) / valid.size, 6)
    if share != row["valid_share"]:
        yield f"valid.png: {share} of its pixels are valid, {row['valid_share']} in its row"


def _colour_faults(
    target: NDArray[Any], valid: NDArray[np.bool_], row: Mapping[str, Any], doubts: Doubts
) -> Iterator[str]:
    """What the task says of a target: colours, and where mask, params and prompt contradict it."""
    task = plugins.usable(plugins.TASKS, row["task"])
    if task is None:
        yield f"{plugins.why_not(plugins.TASKS, row['task'])}; its colours were not checked"
        return
    try:
        params = json.loads(row["params"])
        yield from _params_faults(task, params, row)
        wrong = int((~task.legal(target, params)).sum())
        if wrong:
            yield f"target.png has {wrong} pixels in colours that {row['task']} cannot draw"
        elif hasattr(task, "contradictions"):
            yield from task.contradictions(target, valid, params)
        else:
            task.decode(target, params)
        whole = (row["source_width"], row["source_height"]) == (row["width"], row["height"])
        if whole and hasattr(task, "unpainted"):
            cell = (row["source"], row["task"])
            doubts.looked[cell] += 1
            if task.unpainted(target, params):
                doubts.incomplete.setdefault(cell, []).append(row["key"])
    except REFUSED as err:
        yield f"its params are not those of {row['task']}: {type(err).__name__}: {err}"


def _drawn_input_faults(given: NDArray[Any], row: Mapping[str, Any]) -> Iterator[str]:
    """What the task says of a picture that is its input: colours, and whether it decodes."""
    name = forward_name(row["task"])
    task = plugins.usable(plugins.TASKS, name)
    if task is None:
        return  # said of the sample's own task
    try:
        params = json.loads(row["params"])
        wrong = int((~task.legal(given, params)).sum())
        if wrong:
            yield f"its input has {wrong} pixels in colours that {name} cannot draw"
        else:
            task.decode(given, params)
    except REFUSED as err:
        yield f"its params are not those of {name}: {type(err).__name__}: {err}"


def _photograph_faults(row: Mapping[str, Any]) -> Iterator[str]:
    """What the task says of a photograph, which may have any colours."""
    task = plugins.usable(plugins.TASKS, row["task"])
    if task is None:
        yield f"{plugins.why_not(plugins.TASKS, row['task'])}; its params were not checked"
        return
    try:
        yield from _params_faults(task, json.loads(row["params"]), row)
    except REFUSED as err:
        yield f"its params are not those of {row['task']}: {type(err).__name__}: {err}"


def _params_faults(task: ModuleType, params: Any, row: Mapping[str, Any]) -> Iterator[str]:
    """Where a row contradicts its task or its params."""
    if bool(task.BLANK_INPUT) != row["blank_input"]:
        yield f"blank_input is {row['blank_input']}, for {row['task']} it is {task.BLANK_INPUT}"
    if row["params"] != json.dumps(params, sort_keys=True, separators=(",", ":")):
        yield "its params are not laid out as they were written: a key may stand twice"
    if hasattr(task, "unsaid"):
        yield from task.unsaid(row["instruction"], params)
