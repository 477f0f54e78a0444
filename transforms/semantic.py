"""Semantic segmentation: each class of a legend in its prompted colour, everything else black.

The legend is drawn afresh for every sample, and the prompt states its names and colours, so that a
model must read it and cannot learn one by heart. Areas are flat and hard-edged; crowds belong to
their class. Decoding: the nearest of the legend's colours and the background; a colour farther than
64 of 255 from all of them is rejected (transforms/parts/legend.py).

A quarter of the prompts also name one to three classes that are not there; another quarter leave
out some that are, which are background then. Options in a recipe:
`tasks: {semantic: {absent: 0.25, subset: 0.25, lookalikes: {horse: [donkey, zebra]}}}`; of the
classes that are not there those come first that `lookalikes`, a table or a file with one, has for a
class that is there. In a benchmark's (`samples: all`) the legend is
the same for all records: `tasks: {semantic: {legend: {road: [255, 255, 0], car: [0, 0, 128]}}}`.

Trained models mostly err in binding colours to classes, so `permuted` makes several prompts for one
image with the colours passed around, and `vote` merges the answers pixel by pixel. With
`tasks: {semantic: {permuted: 4}}` a recipe has four such samples of each image in one shard.

Convention: arXiv 2604.20329, semantic segmentation (classes mapped to colours in the prompt, as
prose or JSON; colours as names, #hex or tuples; unlisted areas are background).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import look_up, namespace
from vbdata.core.labels import Segments
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

from .parts import colours
from .parts.absent import absent_classes, alike, check_lookalikes
from .parts.legend import (
    MAY_BE_EMPTY,
    contradictions,
    decode,
    legal,
    pictured,
    render,
    roundtrip,
    unsaid,
    valid,
)

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("segments",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"legend": None, "background": [0, 0, 0]}

MOST_CLASSES = 60  # with the absent ones no more than the pool of colours can serve
MOST_ABSENT = 3

__all__ = [
    "ask",
    "contradictions",
    "decode",
    "eligible",
    "legal",
    "permuted",
    "pictured",
    "render",
    "roundtrip",
    "unsaid",
    "valid",
    "vote",
]


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries with 1 to 60 classes."""
    import pyarrow.compute as pc

    count = pc.list_value_length(columns["classes"]).to_numpy()
    return (count >= 1) & (count <= MOST_CLASSES)


def refused(columns: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Why entries are not eligible: reason -> bool[N]."""
    import pyarrow.compute as pc

    count = pc.list_value_length(columns["classes"]).to_numpy()
    return {
        "on which no class is marked": count < 1,
        f"with more than {MOST_CLASSES} classes": count > MOST_CLASSES,
    }


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    absent: float = 0.25,
    subset: float = 0.25,
    lookalikes: Mapping[str, Any] = {},
) -> Ask:
    """A prompt with a legend of the image's classes, in random order and colours.

    vocabulary: (name, countable) of all classes of the data; absent: share of the prompts that also
    name classes of it that the image is known not to have; subset: share that leave out some that
    it has; lookalikes: class -> classes that one could take for it, which are named first.
    """
    present = rng.shuffled([fact.name for fact in entry.classes])
    lot = rng.uniform()
    if lot < absent:
        known = absent_classes(entry, vocabulary)
        hard = alike(entry, known, lookalikes)
        others = rng.shuffled(hard) + rng.shuffled([name for name in known if name not in hard])
        present += others[: 1 + rng.integer(MOST_ABSENT)]
    elif lot < absent + subset and len(present) > 1:
        present = present[: 1 + rng.integer(len(present) - 1)]
    return _ask(rng.shuffled(present), rng)


def check_options(
    absent: float = 0.25, subset: float = 0.25, lookalikes: Mapping[str, Any] = {}
) -> None:
    """Raise ValueError unless the table of lookalikes has classes for each class."""
    check_lookalikes(lookalikes)


def queries(columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: one query an entry, however many classes it has."""
    return np.ones(len(columns), np.int64)


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    legend: Mapping[str, Any] = {},
) -> Ask:
    """A benchmark's prompt: the same legend for every record, its colours passed on by each vote.

    legend: name -> [r, g, b], in the order of the prompt; by default all classes of the vocabulary,
    far apart. Over as many votes as it has entries every class has every colour once.
    """
    names = list(legend) or [name for name, _ in vocabulary]
    palette = [(int(r), int(g), int(b)) for r, g, b in legend.values()] or colours.draw(
        len(names), Stream("legend"), colours.lattice()
    )
    shift = vote % len(palette)
    turned = list(zip(names, palette[shift:] + palette[:shift], strict=True))
    asked = _worded(turned, rng.choice([f for f in colours.FORMATS if f != "name"]), rng)
    return replace(asked, params={**asked.params, MAY_BE_EMPTY: True})


def check_query_options(legend: Mapping[str, Any] = {}) -> None:
    """Raise ValueError unless a legend gives each name a colour of its own, none of them black."""
    seen = {colours.BLACK: "the background"}
    for name, rgb in legend.items():
        fits = isinstance(rgb, Sequence) and len(rgb) == 3
        if not fits or not all(type(v) is int and 0 <= v <= 255 for v in rgb):
            raise ValueError(f"legend: {name} should be [r, g, b] from 0 to 255, got {rgb!r:.80}")
        if (other := seen.setdefault(tuple(rgb), str(name))) != str(name):
            raise ValueError(f"legend: {name} has the colour of {other}")


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
    """`count` prompts for one image's legend, its colours passed on by one entry each time.

    params: those of its first prompt. Over len(legend) prompts every class has every colour once;
    then other colours are drawn and passed on.
    """
    names = [item["name"] for item in params["legend"]]
    palette = [tuple(item["rgb"]) for item in params["legend"]]
    asks = []
    for turned in itertools.islice(colours.passed_on(palette, rng), count):
        legend = list(zip(names, turned, strict=True))
        style = rng.choice([style for style in colours.FORMATS if style != "name"])
        asks.append(_worded(legend, style, rng))
    return asks


def vote(answers: Sequence[Segments]) -> Segments:
    """Merge decoded answers to prompts over the same classes by majority, pixel by pixel.

    Answers with ids int32[..., H, W] of one shape. A pixel that is not valid in an answer casts no
    vote; one without any vote is not valid. Ties go to the background, then to the class that comes
    first in the first answer.
    """
    first = answers[0]
    xp = namespace(first.ids)
    numbers = {"": 0} | {name: k + 1 for k, name in enumerate(first.classes)}
    shape = (len(numbers), *first.ids.shape)
    votes = xp.zeros(shape, dtype=xp.int16, device=first.ids.device)
    for answer in answers:
        table = np.array([numbers[name] for name in ("", *answer.classes)], np.int32)
        ids = look_up(table, answer.ids)
        for number in range(len(numbers)):
            votes[number] += (ids == number) & answer.valid
    return Segments(
        ids=xp.asarray(xp.argmax(votes, 0), dtype=xp.int32),
        classes=first.classes,
        things=first.things,
        crowds=first.crowds,
        valid=xp.amax(votes, 0) > 0,
    )
