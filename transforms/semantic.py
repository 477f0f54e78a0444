"""Semantic segmentation: each class of a legend in its prompted colour, everything else black.

The legend is drawn afresh for every sample, names and colours both in the prompt, so that a model
must read it and cannot learn one by heart. Colours are flat and hard-edged; crowds belong to their
class. Decoding: the nearest of the legend's colours and the background.

Convention: arXiv 2604.20329, semantic segmentation (classes mapped to colours in the prompt, as
prose or JSON; colours as names, #hex or tuples; unlisted areas are background).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms import _colours as colours
from vbdata.nouns import Ask, Entry, Segments
from vbdata.prompts import prompt
from vbdata.rand import Stream

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("segments",)
BLANK_INPUT = False

MOST_CLASSES = 64
BACKGROUND = (" Everything else is black.", " The background is black.", "")


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Entries with 1 to 64 classes."""
    import pyarrow.compute as pc

    count = pc.list_value_length(columns["classes"]).to_numpy()
    return (count >= 1) & (count <= MOST_CLASSES)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[str] = ()) -> Ask:
    """A legend of all classes present, in random order and colours."""
    names = rng.shuffled([fact.name for fact in entry.classes])
    style = rng.choice(colours.FORMATS)
    few = len(names) < len(colours.NAMED) // 2
    pool = tuple(colours.NAMED.values()) if style == "name" and few else colours.lattice()
    style = style if few or style != "name" else "hex"
    legend = list(zip(names, colours.draw(len(names), rng, pool), strict=True))
    text = prompt(
        "semantic",
        rng,
        legend=colours.say_legend(legend, style, as_json=rng.integer(4) == 0),
        background=rng.choice(BACKGROUND),
    )
    params = {
        "legend": [{"name": name, "rgb": list(rgb)} for name, rgb in legend],
        "background": list(colours.BLACK),
    }
    return Ask(instruction=text, params=params)


def render(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3]; segments whose class is not in the legend are background."""
    colour_of = {item["name"]: tuple(item["rgb"]) for item in params["legend"]}
    background = tuple(params["background"])
    table = [background, *(colour_of.get(name, background) for name in label.classes)]
    return colours.paint(label.ids, table)


def valid(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: everything but the annotators' void."""
    return label.valid


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Segments:
    """One segment a legend class, in the legend's order, by nearest colour."""
    import torch

    legend = params["legend"]
    ids = colours.nearest(rgb, _table(params)).to(torch.int32)
    off = (False,) * len(legend)
    return Segments(
        ids=ids,
        classes=tuple(item["name"] for item in legend),
        things=off,
        crowds=off,
        valid=torch.ones_like(ids, dtype=torch.bool),
    )


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: colours of the legend or the background."""
    return colours.legal(rgb, _table(params))


def _table(params: Mapping[str, Any]) -> list[colours.Rgb]:
    return [tuple(params["background"]), *(tuple(item["rgb"]) for item in params["legend"])]
