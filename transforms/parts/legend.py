"""Masks by a legend: params["legend"] is a list of {name, rgb}, the rest is params["background"].

What tasks share that paint each name of a legend in its colour and read it back by the nearest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from transforms.parts import colours
from vbdata.core.types import Segments

if TYPE_CHECKING:
    from torch import Tensor

REJECT = 64  # a colour farther than this from the whole legend is no answer


def render(label: Segments, places: Sequence[int], params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3]; places: for each id of the label its place in the table of colours.

    Raises BadSample if something was asked for and nothing of it is visible.
    """
    import torch

    table = _table(params)
    if any(places):
        return colours.paint(label.ids, [table[k] for k in places])
    back = torch.tensor(table[0], dtype=torch.uint8, device=label.ids.device)
    return back.expand(*label.ids.shape, 3).contiguous()


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Segments:
    """One segment a name, in the legend's order, by nearest colour of uint8[..., H, W, 3]."""
    ids, squared = colours.nearest(rgb, _table(params))
    off = (False,) * len(params["legend"])
    return Segments(
        ids=ids,
        classes=tuple(item["name"] for item in params["legend"]),
        things=off,
        crowds=off,
        valid=squared <= REJECT**2,
    )


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: colours of the legend or the background."""
    return colours.legal(rgb, _table(params))


def roundtrip(
    label: Segments, places: Sequence[int], rgb: Tensor, params: Mapping[str, Any]
) -> float:
    """1 - the smallest IoU of a name's region or the background; 0 if all pixels agree."""
    import torch

    table = _table(params)
    distinct = len(set(table)) == len(table)  # so that a colour is one place
    if distinct and colours.has_colours(rgb, label.ids, [table[k] for k in places]):
        return 0.0
    wanted = torch.tensor(places, dtype=torch.int32, device=rgb.device)
    wanted = wanted.index_select(0, label.ids.reshape(-1)).reshape(label.ids.shape)
    found = decode(rgb, params).ids
    if bool((found == wanted).all()):
        return 0.0
    count = len(params["legend"]) + 1
    both = torch.bincount(wanted[found == wanted], minlength=count)
    sizes = [torch.bincount(ids.reshape(-1), minlength=count) for ids in (found, wanted)]
    return float((1 - both / (sizes[0] + sizes[1] - both).clamp_min(1)).max())


def _table(params: Mapping[str, Any]) -> list[colours.Rgb]:
    return [tuple(params["background"]), *(tuple(item["rgb"]) for item in params["legend"])]
