"""Semantic segmentation: each class of a legend in its prompted colour, everything else black.

The legend is drawn afresh for every sample, names and colours both in the prompt, so that a model
must read it and cannot learn one by heart. Colours are flat and hard-edged; crowds belong to their
class. Decoding: the nearest of the legend's colours and the background; a colour farther than 64
of 255 from all of them is rejected.

A quarter of the prompts also name one to three classes that are not there, another quarter leave
out some that are (they are then background). Options in a recipe:
`tasks: {semantic: {absent: 0.25, subset: 0.25}}`.

The errors of trained models are in binding colours to classes, so `permuted` makes several
prompts of one image with the colours passed around, and `vote` merges their answers by pixel.

Convention: arXiv 2604.20329, semantic segmentation (classes mapped to colours in the prompt, as
prose or JSON; colours as names, #hex or tuples; unlisted areas are background).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms.parts import colours
from transforms.parts import legend as _legend
from transforms.parts.legend import decode, legal
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry, Segments

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("segments",)
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"legend": None, "background": [0, 0, 0]}

MOST_CLASSES = 60  # with the absent ones still a legend that the pool can colour
MOST_ABSENT = 3

__all__ = ["ask", "decode", "eligible", "legal", "permuted", "render", "roundtrip", "valid", "vote"]


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Entries with 1 to 60 classes."""
    import pyarrow.compute as pc

    count = pc.list_value_length(columns["classes"]).to_numpy()
    return (count >= 1) & (count <= MOST_CLASSES)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    absent: float = 0.25,
    subset: float = 0.25,
) -> Ask:
    """A legend in random order and colours.

    absent: share of the prompts that name classes of the vocabulary that are not there;
    subset: share that leave out some classes that are.
    """
    present = rng.shuffled([fact.name for fact in entry.classes])
    lot = rng.uniform()
    if lot < absent:
        others = rng.shuffled(sorted({name for name, _ in vocabulary} - set(present)))
        present += others[: 1 + rng.integer(MOST_ABSENT)]
    elif lot < absent + subset and len(present) > 1:
        present = present[: 1 + rng.integer(len(present) - 1)]
    return _ask(rng.shuffled(present), rng)


def _ask(names: Sequence[str], rng: Stream) -> Ask:
    style = rng.choice(colours.FORMATS)
    if style == "name" and len(names) > len(colours.NAMED) // 2:
        style = "hex"
    pool = tuple(colours.NAMED.values()) if style == "name" else colours.lattice()
    legend = list(zip(names, colours.draw(len(names), rng, pool), strict=True))
    return _worded(legend, style, rng)


def _worded(legend: Sequence[tuple[str, colours.Rgb]], style: str, rng: Stream) -> Ask:
    text = prompt(
        "semantic",
        rng,
        legend=colours.say_legend(legend, style, rng),
        background=phrase("semantic", "backgrounds", rng.choice(("black", "unsaid")), rng),
    )
    params = {
        "legend": [{"name": name, "rgb": list(rgb)} for name, rgb in legend],
        "background": list(colours.BLACK),
    }
    return Ask(instruction=text, params=params)


def permuted(params: Mapping[str, Any], rng: Stream, count: int) -> list[Ask]:
    """Prompts for the same classes with the same colours, passed on by one place each time.

    Over len(legend) of them every class has every colour once.
    """
    names = [item["name"] for item in params["legend"]]
    palette = [tuple(item["rgb"]) for item in params["legend"]]
    asks = []
    for turn in range(count):
        at = turn % len(palette)
        legend = list(zip(names, palette[at:] + palette[:at], strict=True))
        style = rng.choice([style for style in colours.FORMATS if style != "name"])
        asks.append(_worded(legend, style, rng))
    return asks


def vote(answers: Sequence[Segments]) -> Segments:
    """One label by majority of decoded answers to prompts over the same classes, pixel by pixel.

    Rejected pixels have no vote; a pixel without any vote is not valid. Ties go to the class that
    stands earlier in the first answer, background first.
    """
    import torch

    first = answers[0]
    places = {"": 0} | {name: k + 1 for k, name in enumerate(first.classes)}
    votes = torch.zeros((len(places), *first.ids.shape), dtype=torch.int16, device=first.ids.device)
    for answer in answers:
        table = [places[name] for name in ("", *answer.classes)]
        ids = torch.tensor(table, device=answer.ids.device)[answer.ids.long()]
        votes.scatter_add_(0, ids.unsqueeze(0), answer.valid.to(torch.int16).unsqueeze(0))
    most, ids = votes.max(0)
    return Segments(
        ids=ids.to(torch.int32),
        classes=first.classes,
        things=first.things,
        crowds=first.crowds,
        valid=most > 0,
    )


def render(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3]; segments whose class is not in the legend are background."""
    return _legend.render(label, _places(label, params), params)


def valid(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: everything but the annotators' void."""
    return label.valid


def roundtrip(label: Segments, rgb: Tensor, params: Mapping[str, Any]) -> float:
    """1 - the smallest IoU of a legend class or the background."""
    return _legend.roundtrip(label, _places(label, params), rgb, params)


def _places(label: Segments, params: Mapping[str, Any]) -> list[int]:
    """For each id of the label its place in the legend, 0 for the background."""
    place = {item["name"]: k + 1 for k, item in enumerate(params["legend"])}
    return [0, *(place.get(name, 0) for name in label.classes)]
