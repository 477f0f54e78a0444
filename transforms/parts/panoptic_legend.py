"""Legends of panoptic maps: which entry each segment of a label is painted as, and the proof.

A legend is params["legend"], a list of entries {name, rgb, thing}: one for each class of stuff, and
one for each thing of a class; an entry with "crowd" is for all crowds of its class. The background
is params["background"].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vbdata.core.arrays import Array, look_up, namespace
from vbdata.core.labels import Segments
from vbdata.errors import BadSample

from . import colours
from .agreement import palette_faults
from .label_maps import least_iou


def table_of(params: Mapping[str, Any]) -> list[colours.Rgb]:
    """The colours by entry: the background's, then the legend's."""
    return [tuple(params["background"]), *(tuple(item["rgb"]) for item in params["legend"])]


def crowds_of(params: Mapping[str, Any]) -> list[bool]:
    """Of each entry whether it is for the crowds of its class."""
    return [bool(item.get("crowd")) for item in params["legend"]]


def places_of(label: Segments, params: Mapping[str, Any]) -> list[int]:
    """For each id of the label the entry it is painted as, counted from 1; 0 for the background.

    Raises BadSample("garbled annotation") for more things of a class than it has entries.
    """
    entries: dict[tuple[str, bool], list[int]] = {}
    for number, item in enumerate(params["legend"], start=1):
        key = (item["name"], bool(item.get("crowd")))
        entries.setdefault(key, []).append(number)
    return [0, *_numbers(label, entries, params)]


def _numbers(
    label: Segments, entries: Mapping[tuple[str, bool], list[int]], params: Mapping[str, Any]
) -> Iterator[int]:
    left = {key: iter(numbers) for key, numbers in entries.items()}
    for name, thing, crowd in zip(label.classes, label.things, label.crowds, strict=True):
        numbers = entries.get((name, thing and crowd))
        single = numbers is not None and not params["legend"][numbers[0] - 1].get("thing")
        if numbers is None:
            yield 0
        elif single or (thing and crowd):
            yield numbers[0]
        elif (number := next(left[name, False], 0)) > 0:
            yield number
        else:
            detail = f"more than the {len(numbers)} instances of {name!r} in the index"
            raise BadSample("garbled annotation", detail)


def segments_of(ids: Array, valid: Array, params: Mapping[str, Any]) -> Segments:
    """The label whose segments are the entries, in their order. ids: int32[..., H, W], 0 = none."""
    legend = params["legend"]
    return Segments(
        ids=ids,
        classes=tuple(item["name"] for item in legend),
        things=tuple(bool(item.get("thing")) for item in legend),
        crowds=tuple(crowds_of(params)),
        valid=valid,
    )


def roundtrip(label: Segments, rgb: Array, params: Mapping[str, Any]) -> float:
    """1 - the smallest IoU of a segment or the background between label and decoded target.

    0.0 if every pixel agrees.
    """
    table, places = table_of(params), places_of(label, params)
    distinct = len(set(table)) == len(table)
    if distinct and colours.has_colours(rgb, label.ids, [table[k] for k in places]):
        return 0.0
    wanted = look_up(np.array(places, np.int32), label.ids)
    return 1.0 - least_iou(colours.which(rgb, table), wanted, len(table))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts valid.png or its params, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. Crowds alone are painted and not valid.
    """
    table, ids = table_of(params), colours.which(rgb, table_of(params))
    crowd = look_up(np.array([False, *crowds_of(params)]), namespace(ids).clip(ids, 0, None))
    faults = palette_faults(table)
    if wrong := int(((ids > 0) & ~crowd & ~valid).sum()):
        faults.append(f"{wrong} pixels are painted that valid.png calls not valid")
    if wrong := int((crowd & valid).sum()):
        faults.append(f"{wrong} pixels of crowds are valid by valid.png")
    return faults
