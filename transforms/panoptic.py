"""Panoptic segmentation: every pixel of a class, and of things, of which one of them.

A legend, drawn afresh for every sample, states one colour for each class of stuff and several for
each class of things: every thing has one of its class to itself. So a colour says both class and
instance, and nothing is guessed from shades. A thing's class has as many colours as it has
instances, and up to `spare` more, so that the prompt does not count them; which thing has which is
the order of the label's segments. Everything of no listed class is black.

Crowds (things that were not told apart) have a colour for each class that no prompt states, and are
not valid; nor is the annotators' void, which is black. They stand in the target for metrics alone:
panoptic quality ignores what an answer paints on a crowd of the same class
(vbdata/evaluation/metrics/panoptic.py).

Decoding: a pixel is of the nearest of the legend's colours and the background; a colour farther
than 64 of 255 from all of them, or nearest to a crowd's, is of nothing. All pixels of one colour
are one segment. A record can serve with 1 to 60 segments in all, stuff counted by class. Options in
a recipe: `tasks: {panoptic: {absent: 0.25, spare: 2}}`; a share `absent` of the prompts also names
one to three classes that are not there.

Kirillov et al., "Panoptic Segmentation", CVPR 2019; colours as in `semantic`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, filled, look_up, namespace
from vbdata.core.english import series
from vbdata.core.labels import Segments
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, ClassFact, Entry

from .parts import colours
from .parts.absent import absent_classes
from .parts.legend import REJECT
from .parts.panoptic_legend import contradictions as contradictions
from .parts.panoptic_legend import crowds_of, places_of, segments_of, table_of
from .parts.panoptic_legend import roundtrip as roundtrip

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("segments",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
PANOPTIC = True
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"legend": None, "background": [0, 0, 0]}

MOST_SEGMENTS = 60  # with absent classes and spare colours no more than the pool can serve
MOST_ABSENT = 3
LARGEST_POOL = 100  # colours in all

Item = dict[str, Any]


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries with 1 to 60 segments that are no crowds."""
    count = _segments(columns)
    return (count >= 1) & (count <= MOST_SEGMENTS)


def refused(columns: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Why entries are not eligible: reason -> bool[N]."""
    count = _segments(columns)
    return {
        "on which nothing is marked but crowds": count < 1,
        f"with more than {MOST_SEGMENTS} segments": count > MOST_SEGMENTS,
    }


def _segments(columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: instances of things and classes of stuff."""
    import pyarrow.compute as pc

    classes = columns["classes"].combine_chunks()
    fact, of = pc.list_flatten(classes), pc.list_parent_indices(classes).to_numpy()
    thing = pc.struct_field(fact, "thing").to_numpy(zero_copy_only=False)
    instances = pc.struct_field(fact, "instances").to_numpy()
    count = np.bincount(of, np.where(thing, instances, 1), len(columns))
    return np.asarray(count, np.int64)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    absent: float = 0.25,
    spare: int = 2,
) -> Ask:
    """A prompt with a legend of the image's classes, in random order and colours.

    vocabulary: (name, countable) of all classes of the data; absent: share of the prompts that also
    name classes of it that the image is known not to have; spare: up to so many more colours a
    class of things has than instances.
    """
    wanted = [(fact.name, fact.thing, _colours(fact, spare, rng)) for fact in entry.classes]
    wanted = [each for each in wanted if each[2]]
    if rng.uniform() < absent:
        countable = dict(vocabulary)
        others = rng.shuffled(absent_classes(entry, vocabulary))[: 1 + rng.integer(MOST_ABSENT)]
        wanted += [(name, countable[name], 1) for name in others]
    wanted = rng.shuffled(wanted)
    crowds = [fact.name for fact in entry.classes if _has_crowd(fact)]
    counts = _within([count for _, _, count in wanted], LARGEST_POOL - len(crowds))
    drawn = iter(colours.draw(sum(counts) + len(crowds), rng, colours.lattice()))
    groups = [
        (name, thing, [next(drawn) for _ in range(count)])
        for (name, thing, _), count in zip(wanted, counts, strict=True)
    ]
    legend = [_item(name, rgb, thing) for name, thing, every in groups for rgb in every]
    legend += [_item(name, next(drawn), True) | {"crowd": True} for name in crowds]
    style = rng.choice([style for style in colours.FORMATS if style != "name"])
    text = prompt(
        "panoptic",
        rng,
        legend=_said(groups, style, rng),
        background=phrase("panoptic", "backgrounds", rng.choice(("black", "unsaid")), rng),
    )
    return Ask(instruction=text, params={"legend": legend, "background": list(colours.BLACK)})


def check_options(absent: float = 0.25, spare: int = 2) -> None:
    """Raise ValueError unless `spare` is a whole number from 0 to 20."""
    if type(spare) is not int or not 0 <= spare <= 20:
        raise ValueError(f"spare: a whole number from 0 to 20, got {spare!r:.40}")


def _colours(fact: ClassFact, spare: int, rng: Stream) -> int:
    """How many colours a class has: one for stuff, those of the instances and some for things."""
    if not fact.thing:
        return 1
    return fact.instances + rng.integer(spare + 1) if fact.instances else 0


def _has_crowd(fact: ClassFact) -> bool:
    return fact.thing and any(area < 0 for _, area in fact.parts)


def _within(counts: Sequence[int], most: int) -> list[int]:
    """The counts, the largest ones lowered until they are at most so many in all."""
    lowered = list(counts)
    while sum(lowered) > most:
        lowered[lowered.index(max(lowered))] -= 1
    return lowered


def _item(name: str, rgb: colours.Rgb, thing: bool) -> Item:
    return {"name": name, "rgb": list(rgb), "thing": thing}


def _said(
    groups: Sequence[tuple[str, bool, Sequence[colours.Rgb]]], style: str, rng: Stream
) -> str:
    """A legend as text: JSON with lists of colours for things, or prose."""
    said = [(name, thing, [colours.say(c, style) for c in every]) for name, thing, every in groups]
    if rng.choice((True, False)) or not all(colours.plain(name) for name, _, _ in said):
        table = {name: every if thing else every[0] for name, thing, every in said}
        return json.dumps(table, ensure_ascii=False)
    return "; ".join(_prose(*each) for each in said)


def _prose(name: str, thing: bool, every: Sequence[str]) -> str:
    """A class and its colours in words."""
    if not thing:
        return f"{name}: {every[0]}"
    if len(every) > 1:
        return f"each {name} in its own of {series(every)}"
    return f"the only {name} in {every[0]}"


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a map, and the colours of each name."""
    said: dict[str, list[str]] = {}
    for item in params["legend"]:
        if not item.get("crowd"):
            said.setdefault(item["name"], []).append(colours.say(tuple(item["rgb"]), "hex"))
    return f"panoptic map in the colours {json.dumps(said, ensure_ascii=False)}"


def render(label: Segments, params: Mapping[str, Any]) -> Array:
    """Draw uint8 RGB [..., H, W, 3]: each segment in its colour of the legend.

    Raises BadSample("garbled annotation") for more things of a class than it has colours,
    BadSample("empty label") if nothing of the legend is visible.
    """
    table, places = table_of(params), places_of(label, params)
    if not any(places):
        return filled(label.ids, table[0])
    return colours.paint(label.ids, [table[k] for k in places])


def valid(label: Segments, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: everything but the annotators' void and crowds."""
    return label.valid & ~look_up(np.array([False, *label.crowds]), label.ids)


def decode(rgb: Array, params: Mapping[str, Any]) -> Segments:
    """One segment for each entry of the legend, in its order, from uint8 RGB [..., H, W, 3].

    A pixel nearest to a crowd's colour, or farther than 64 of 255 from all colours, is of none and
    not valid.
    """
    ids, squared = colours.nearest(rgb, table_of(params))
    crowd = look_up(np.array([False, *crowds_of(params)]), ids)
    ids = namespace(rgb).where(crowd, namespace(rgb).zeros_like(ids), ids)
    return segments_of(ids, (squared <= REJECT**2) & ~crowd, params)


def exact(rgb: Array, params: Mapping[str, Any]) -> Segments:
    """The segments of a target as `render` drew it, crowds among them; other colours not valid."""
    ids = colours.which(rgb, table_of(params))
    return segments_of(namespace(ids).clip(ids, 0, None), ids >= 0, params)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] of a legend or background colour."""
    return colours.legal(rgb, table_of(params))


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence for each class.

    A class is said with its own colours, all of them in one breath.
    """
    groups: dict[tuple[str, bool], list[colours.Rgb]] = {}
    for item in params["legend"]:
        if not item.get("crowd"):
            r, g, b = item["rgb"]
            groups.setdefault((item["name"], item["thing"]), []).append((r, g, b))
    missing = []
    for (name, thing), every in groups.items():
        styles = (style for style in colours.FORMATS if style != "name")
        if not any(
            form in instruction
            for style in styles
            for form in _forms(name, thing, [colours.say(rgb, style) for rgb in every])
        ):
            missing.append(
                f"the instruction does not say {name!r} in {series(list(map(str, every)))}"
            )
    return missing


def _forms(name: str, thing: bool, said: list[str]) -> tuple[str, str]:
    """How prompts say a class and its colours: in JSON and in prose."""
    table = json.dumps({name: said if thing else said[0]}, ensure_ascii=False)
    return table[1:-1], _prose(name, thing, said)
