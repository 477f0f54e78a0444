"""Segments that are drawn as outlines: the text files of YOLO, the JSON files of LabelMe.

Outlines become pixels as COCO's do (formats/rle.py): pixel (0, 0) covers 0 to 1. The largest is
painted first, so smaller ones lie on top; one that nothing is left of is no segment. What no
outline covers is known to be none of the classes.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any, NamedTuple

import numpy as np

from vbdata.errors import BadSample

from ...formats import rle
from .. import records
from . import arrays
from .names import OTHERS
from .segments import Legend, Part, Partition

CODINGS = ("yolo-seg", "labelme")
MOST_SHAPES = 20_000
CORNERS = 128  # of a circle
OUTSIDE = 0.01  # of the picture that a normalised corner may lie outside of it


class Shape(NamedTuple):
    """An outlined part of an image. key: of its instance; runs: its pixels."""

    name: str
    key: int
    runs: rle.Runs


class Outlines(NamedTuple):
    """What a file of outlines holds. left_out: a line for each that is no area."""

    shapes: list[Shape]
    left_out: tuple[str, ...]


def read(
    data: bytes, coding: str, legend: Legend, size: tuple[int, int], path: str
) -> tuple[Partition, tuple[str, ...]]:
    """The segments of a file for a picture of (width, height), and what of it is left out.

    Raises BadSample: "garbled annotation", "unknown category", "wrong size".
    """
    try:
        found = {"yolo-seg": _yolo, "labelme": _labelme}[coding](data, legend, *size)
    except BadSample as bad:
        raise BadSample(bad.reason, bad.detail, path) from bad
    return _painted(found.shapes, legend, *size), found.left_out


def _painted(shapes: list[Shape], legend: Legend, width: int, height: int) -> Partition:
    """Outlines over one another, the largest first; void ones take pixels away at the end."""
    joined: dict[tuple[str, int], rle.Runs] = {}
    for shape in shapes:
        which = shape.name, shape.key if legend.is_thing(shape.name) else OTHERS
        joined[which] = _union(joined[which], shape.runs) if which in joined else shape.runs
    order = sorted(joined, key=lambda which: (-rle.area(joined[which]), which))
    layers = ((k, joined[which]) for k, which in enumerate(order, 1))
    ids = rle.paint(layers, height, width)
    areas = np.bincount(ids.ravel(), minlength=len(order) + 1)
    numbers, parts = np.zeros(len(order) + 1, np.int32), list[Part]()
    void = np.zeros(len(order) + 1, np.bool_)
    for place in sorted(range(len(order)), key=lambda place: order[place][::-1]):
        name, key = order[place]
        void[place + 1] = not name
        if name and areas[place + 1]:
            parts.append(Part(name, legend.is_thing(name), False, key, int(areas[place + 1])))
            numbers[place + 1] = len(parts)
    return Partition(ids=numbers[ids], valid=~void[ids], parts=tuple(parts))


def _union(one: rle.Runs, other: rle.Runs) -> rle.Runs:
    """The pixels of either of two masks."""
    both = np.zeros(int(one.sum()), np.bool_)
    for mask in (one, other):
        both |= np.repeat(np.arange(len(mask)) % 2 == 1, mask)
    return _runs(both)


def _runs(line: np.ndarray[Any, np.dtype[np.bool_]]) -> rle.Runs:
    """The runs of a mask that lies column by column, bool[W x H]."""
    edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0))
    return np.diff(edges, prepend=0, append=line.size).astype(np.int64)


def _yolo(data: bytes, legend: Legend, width: int, height: int) -> Outlines:
    """CLASS X1 Y1 X2 Y2 X3 Y3 ... a line, coordinates as shares of width and height."""
    shapes, left_out = list[Shape](), list[str]()
    for number, line in enumerate(_text(data).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            code, *corners = (float(word) for word in words)
        except ValueError as err:
            raise _garbled(f"line {number}: {err}") from err
        if not float(code).is_integer() or not all(map(math.isfinite, corners)):
            raise _garbled(f"line {number}: class {words[0]}")
        if len(corners) == 4:
            left_out.append(f"garbled annotation: line {number} is a box, which has no outline")
            continue
        if len(corners) < 6 or len(corners) % 2:
            raise _garbled(f"line {number}: {len(corners)} coordinates, expected 6 or more, even")
        if min(corners) < -OUTSIDE or max(corners) > 1 + OUTSIDE:
            detail = f"{min(corners):g} to {max(corners):g}"
            raise _garbled(f"line {number}: coordinates from {detail}, expected shares from 0 to 1")
        pixels = [c * (height if k % 2 else width) for k, c in enumerate(corners)]
        name = _named(int(code), legend, f"line {number}")
        shapes.append(Shape(name, number - 1, rle.runs([pixels], height, width)))
    if left_out and not shapes:
        raise _garbled(
            f"{len(left_out)} boxes and no outline: a box says nothing of the pixels in it; export "
            "the data set as segmentation"
        )
    return Outlines(_few(shapes), tuple(left_out))


def _named(code: int, legend: Legend, where: str) -> str:
    """The class of an index, "" for void. Raises BadSample("unknown category")."""
    name = legend.names.get(code, legend.names.get(OTHERS))
    if code in legend.void or name in legend.unseen:
        return ""
    if name is None:
        detail = f"{where}: class {code} has no name in segments.names"
        raise BadSample("unknown category", detail)
    return name


def _labelme(data: bytes, legend: Legend, width: int, height: int) -> Outlines:
    """The shapes of a LabelMe file; those of one label and group_id are one instance."""
    try:
        value = records.unpack(data)
    except (ValueError, RecursionError) as err:
        raise _garbled(f"no JSON: {err!s:.200}") from err
    listed = value.get("shapes") if isinstance(value, dict) else None
    if not isinstance(listed, list):
        raise _garbled("no LabelMe file: without a list of shapes")
    stated = value.get("imageWidth"), value.get("imageHeight")
    if stated not in ((width, height), (None, None)):
        detail = f"drawn on {stated[0]}x{stated[1]}, the picture is {width}x{height}"
        raise BadSample("wrong size", detail)
    shapes, left_out = list[Shape](), list[str]()
    groups: dict[tuple[str, Any], int] = {}
    for place, item in enumerate(listed):
        if not isinstance(item, dict) or not records.text(label := item.get("label")):
            raise _garbled(f"shape {place} is no object with a label")
        kind = item.get("shape_type") or "polygon"
        if kind in ("point", "points", "line", "linestrip"):
            left_out.append(f"garbled annotation: shape {place} is a {kind}, which has no area")
            continue
        group = item.get("group_id")
        key = place if group is None else groups.setdefault((label, str(group)), place)
        shapes.append(Shape(_class(label, legend), key, _drawn(item, kind, place, width, height)))
    return Outlines(_few(shapes), tuple(left_out))


def _class(label: str, legend: Legend) -> str:
    """A label's class, "" for void. Without names in the recipe every label is one."""
    label = " ".join(label.split())
    if label in legend.unseen:
        return ""
    if OTHERS in legend.names or label in legend.names.values():
        return label
    detail = (
        f"label {label!r:.60} is not among segments.names: {', '.join(legend.names.values())[:200]}"
    )
    raise BadSample("unknown category", detail)


def _drawn(item: dict[str, Any], kind: str, place: int, width: int, height: int) -> rle.Runs:
    """The pixels of a LabelMe shape."""
    points = item.get("points")
    try:
        flat = np.array(points, np.float64)
    except (ValueError, TypeError) as err:
        raise _garbled(f"shape {place}: points {points!r:.60}") from err
    if flat.ndim != 2 or flat.shape[1] != 2 or not np.isfinite(flat).all():
        raise _garbled(f"shape {place}: points {points!r:.60}, expected pairs of numbers")
    if kind == "mask":
        return _pasted(item.get("mask"), flat, place, width, height)
    if kind in ("rectangle", "circle"):
        if len(flat) != 2:
            raise _garbled(f"shape {place}: a {kind} of {len(flat)} points, expected 2")
        flat = _rectangle(flat) if kind == "rectangle" else _circle(flat)
    elif kind != "polygon":
        raise _garbled(f"shape {place}: unknown shape_type {kind!r:.40}")
    try:
        return rle.runs([flat.ravel().tolist()], height, width)
    except BadSample as bad:
        raise _garbled(f"shape {place}: {bad.detail}") from bad


def _rectangle(points: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    (x0, y0), (x1, y1) = points
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _circle(points: np.ndarray[Any, np.dtype[np.float64]]) -> Any:
    """A circle by its centre and a point on it, as a polygon."""
    (x, y), (px, py) = points
    radius = math.hypot(px - x, py - y)
    turns = [2 * math.pi * k / CORNERS for k in range(CORNERS)]
    return np.array([[x + radius * math.cos(t), y + radius * math.sin(t)] for t in turns])


def _pasted(mask: Any, points: Any, place: int, width: int, height: int) -> rle.Runs:
    """A shape that is a PNG in base64, whose first pixel lies at its first point."""
    try:
        png = base64.b64decode(mask if isinstance(mask, str) else "", validate=True)
    except (binascii.Error, ValueError) as err:
        raise _garbled(f"shape {place}: a mask that is no base64") from err
    pixels = arrays.numbers(png, f"the mask of shape {place}")
    left, top = (int(number) for number in points[0])
    if pixels.ndim != 2 or left < 0 or top < 0:
        raise _garbled(f"shape {place}: a mask {list(pixels.shape)} at {left}, {top}")
    whole = np.zeros((width, height), np.bool_)
    part = (pixels > 0).T[: width - left, : height - top]
    whole[left : left + part.shape[0], top : top + part.shape[1]] = part
    return _runs(whole.reshape(-1))


def _few(shapes: list[Shape]) -> list[Shape]:
    if len(shapes) > MOST_SHAPES:
        raise BadSample("too large", f"{len(shapes)} shapes, at most {MOST_SHAPES}")
    return shapes


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise _garbled(f"not UTF-8: {err}") from err


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", detail)
