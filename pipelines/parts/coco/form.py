"""Whether an annotation has a mask at all, seen from the form of its `segmentation` alone.

Looked at for every annotation of a file while it is parsed, so nothing is drawn here: whether the
numbers fit the picture shows when a sample is loaded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

CORNERS = 6  # numbers of a polygon of three corners
NUMBERS = b"0123456789.-+, \t\n\r"  # what a list of numbers without exponents is written with
SPACE = b" \t\n\r"
DIGITS = 300  # of a number without an exponent, so few that the sum of any is finite
BLOCK = 128  # bytes; of DIGITS bytes some fill at least one of such blocks


def are_short(text: bytes) -> bool:
    """Whether a JSON text surely has no number of DIGITS digits: a comma comes often enough."""
    blocks = np.frombuffer(text, np.uint8, len(text) // BLOCK * BLOCK).reshape(-1, BLOCK)
    return bool((blocks == ord(",")).any(1).all())


def look_plain(segmentation: bytes, *, short: bool) -> bool:
    """Whether the JSON text of a segmentation is plain polygons, as nearly all are.

    True only if `wrong_mask` finds nothing wrong with its value; that it is JSON is known. short:
    whether are_short is true of a text that it is in.
    """
    marks = segmentation.translate(None, NUMBERS)
    if not short and max(map(len, segmentation.split(b","))) >= DIGITS:
        return False
    if marks == b"[[]]" and segmentation[:2] == b"[[" and segmentation[-2:] == b"]]":
        commas = segmentation.count(b",")
        return bool(commas & 1) and commas >= CORNERS - 1
    count = len(marks) // 2 - 1
    if count < 1 or marks != b"[%b]" % (b"[]" * count):
        return False
    *polygons, after, _ = segmentation.split(b"]")
    return not after.strip(SPACE) and all(map(_looks_plain, polygons))


def _looks_plain(polygon: bytes) -> bool:
    """Whether a polygon's text, from the end of the one before it on, has corners and no more."""
    before, _, numbers = polygon.rpartition(b"[")
    commas = numbers.count(b",")
    return bool(commas & 1) and commas >= CORNERS - 1 and not before.strip(SPACE + b",[")


def wrong_mask(annotation: dict[str, Any]) -> str:
    """Why an annotation has no mask that can be drawn, as "reason: detail"; "" if it may have one.

    Captions and lists of panoptic segments have no masks of their own and are not looked at.
    """
    shape = annotation.get("segmentation")
    if _is_plain(shape):
        return ""
    if shape is None and ("caption" in annotation or "segments_info" in annotation):
        return ""
    if not shape and (shape is None or isinstance(shape, list | dict)):
        has = "it has a box alone" if annotation.get("bbox") else "its segmentation is empty"
        return f"no mask: {has}"
    if isinstance(shape, list):
        polygons = shape if isinstance(shape[0], list) else [shape]
        return _wrong_polygons(polygons)
    if not isinstance(shape, dict):
        return f"unusable mask: segmentation is {type(shape).__name__}, not polygons or RLE"
    return ""


def _is_plain(shape: Any) -> bool:
    """Whether a segmentation is polygons of finite numbers, as nearly all are."""
    if type(shape) is not list or not shape:
        return False
    try:
        for polygon in shape:
            if type(polygon) is not list or len(polygon) < CORNERS or len(polygon) % 2:
                return False
            if not math.isfinite(sum(polygon)):
                return False
    except (TypeError, OverflowError):
        return False
    return True


def _wrong_polygons(polygons: list[Any]) -> str:
    drawable = False
    for polygon in polygons:
        if not isinstance(polygon, list):
            return f"unusable mask: polygon of {polygon!r:.40}; expected a list of numbers"
        drawable |= len(polygon) >= CORNERS
        if len(polygon) % 2:
            return f"unusable mask: polygon of {len(polygon)} numbers; expected x, y, x, y, ..."
        try:
            finite = math.isfinite(sum(polygon))  # NaN, infinity and texts do not get through
        except (TypeError, OverflowError):
            finite = False
        if not finite:
            return "unusable mask: polygon with coordinates that are not finite numbers"
    if drawable:
        return ""
    return f"unusable mask: polygon of {len(polygons[0])} numbers; expected 6 or more"
