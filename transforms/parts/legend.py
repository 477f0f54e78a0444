"""Regions painted by a legend, and read back by the nearest colour.

params["legend"] is a list of entries {name, rgb}; what no entry claims has the colour
params["background"]. An entry claims the segments in its "targets" (counted from 0) if it has them,
else those whose class is its name. With params["may_be_empty"], as benchmarks ask, nothing of the
legend need be there. The whole codec of tasks that differ only in what they ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from vbdata.core.arrays import Array, filled, look_up
from vbdata.core.labels import Segments

from . import colours
from .agreement import outside_faults, palette_faults, unsaid_legend
from .label_maps import hidden, least_iou, lifted

MAY_BE_EMPTY = "may_be_empty"
REJECT = 64  # of 255; a colour farther than this from the whole legend is no answer


def render(label: Segments, params: Mapping[str, Any]) -> Array:
    """Draw uint8 RGB [..., H, W, 3]: each segment in the colour of the entry that claims it.

    Raises BadSample("empty label") if something was asked for and nothing of it is visible, unless
    that may be.
    """
    table, places = _table(params), _places(label, params)
    label = lifted(label, places[1:])
    if any(places):
        used = [table[k] for k in places]
        return colours.paint(label.ids, used, empty=bool(params.get(MAY_BE_EMPTY)))
    return filled(label.ids, table[0])


def valid(label: Segments, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: all but the annotators' void, and what others hide of what is asked for."""
    places = _places(label, params)[1:]
    lost = hidden(lifted(label, places), places)
    return label.valid if lost is None else label.valid & ~lost


def decode(rgb: Array, params: Mapping[str, Any]) -> Segments:
    """One segment for each entry, in the legend's order, from uint8 RGB [..., H, W, 3].

    A pixel belongs to the nearest of the legend's colours and the background; one farther than 64
    of 255 from all of them is not valid.
    """
    ids, squared = colours.nearest(rgb, _table(params))
    off = (False,) * len(params["legend"])
    return Segments(
        ids=ids,
        classes=tuple(item["name"] for item in params["legend"]),
        things=off,
        crowds=off,
        valid=squared <= REJECT**2,
    )


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] of a legend or background colour."""
    return colours.legal(rgb, _table(params))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts valid.png or its params, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. Something is painted, unless nothing was asked
    for that is there; what is not valid is background; no colour stands for two things.
    """
    table = _table(params)
    painted = colours.which(rgb, table) > 0
    faults = [*palette_faults(table), *outside_faults(painted, valid)]
    wanted = any(entry.get("targets", True) for entry in params["legend"])
    if wanted and not params.get(MAY_BE_EMPTY) and not bool(painted.any()):
        faults.append("nothing of its legend is in the target")
    return faults


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence for each legend entry."""
    return unsaid_legend(instruction, params["legend"])


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a map, and the colour of each name."""
    said = {item["name"]: colours.say(tuple(item["rgb"]), "hex") for item in params["legend"]}
    return f"map of regions in the colours {json.dumps(said, ensure_ascii=False)}"


def roundtrip(label: Segments, rgb: Array, params: Mapping[str, Any]) -> float:
    """1 - the smallest IoU of an entry's region or the background between label and decoded target.

    0.0 if every pixel agrees.
    """
    table, places = _table(params), _places(label, params)
    label = lifted(label, places[1:])
    distinct = len(set(table)) == len(table)  # then equal colours are equal entries
    if distinct and colours.has_colours(rgb, label.ids, [table[k] for k in places]):
        return 0.0
    wanted = look_up(np.array(places, np.int32), label.ids)
    return 1.0 - least_iou(decode(rgb, params).ids, wanted, len(table))


def _places(label: Segments, params: Mapping[str, Any]) -> list[int]:
    """For each id of the label the entry that claims it, counted from 1; 0 for the background.

    Of several that claim it the last one has it.
    """
    places = [0] * (1 + len(label.classes))
    for number, entry in enumerate(params["legend"], start=1):
        named = (k for k, name in enumerate(label.classes) if name == entry["name"])
        for segment in entry.get("targets", named):
            places[segment + 1] = number
    return places


def _table(params: Mapping[str, Any]) -> list[colours.Rgb]:
    """The colours by entry: the background's, then the legend's."""
    return [tuple(params["background"]), *(tuple(item["rgb"]) for item in params["legend"])]
