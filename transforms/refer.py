"""Referring segmentation: free text for regions, a colour for each text, everything else black.

One prompt in three asks for several expressions of the image at once, each in its own colour; they
never share a target, since a pixel has one colour. One in ten asks for something that is not there,
a class of the dataset's vocabulary that the image does not have: its region is empty. Decoding: the
nearest prompted colour (transforms/parts/legend.py).

A text may say left and right, so images of this task are never to be mirrored.

Options in a recipe: `tasks: {refer: {several: 0.33, negatives: 0.1}}`, and `lookalikes`, as of the
task semantic: of the classes that are not there, one that looks like one that is. `permuted: 4`
asks four times in one shard, with the colours passed around. Convention: arXiv
2604.20329, referring segmentation.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.english import series
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry, Expression

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

NEEDS = ("segments", "expressions")
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"legend": None, "background": [0, 0, 0]}
REVERSED = {"negatives": 0.0}  # nothing could be painted from an empty picture

MOST = 4

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
]


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries that have an expression."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["expressions"]).to_numpy() >= 1)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    several: float = 0.33,
    negatives: float = 0.1,
    lookalikes: Mapping[str, Any] = {},
) -> Ask:
    """A prompt for one or several expressions, each with the colour of its region.

    vocabulary: (name, countable) of all classes of the data; several: share of the prompts that ask
    for 2 to 4 expressions; negatives: share that ask for a class that the image is known not
    to have; lookalikes: class -> classes that one could take for it, of which one is asked for if
    the image is known to have none.
    """
    lot = rng.uniform()
    others = absent_classes(entry, vocabulary)
    if lot < negatives and others:
        name = rng.choice(alike(entry, others, lookalikes) or others)
        chosen = [Expression(text=f"the {name}", targets=())]
    elif lot < negatives + several:
        chosen = _disjoint(rng.shuffled(_clear(entry)), 2 + rng.integer(MOST - 1))
    else:
        chosen = [rng.choice(_clear(entry))]
    named = tuple(colours.NAMED.values())
    style = rng.choice(colours.FORMATS)
    pool = named if style == "name" else colours.lattice()
    return _worded(chosen, colours.draw(len(chosen), rng, pool), style, rng)


def permuted(params: Mapping[str, Any], rng: Stream, count: int) -> list[Ask]:
    """`count` prompts for the expressions of one, their colours passed on by one each time.

    params: those of its first prompt. Once every expression had each colour, others are drawn.
    """
    legend = params["legend"]
    chosen = [Expression(text=e["name"], targets=tuple(e["targets"])) for e in legend]
    palette = [tuple(entry["rgb"]) for entry in legend]
    asks = []
    for turned in itertools.islice(colours.passed_on(palette, rng), count):
        style = rng.choice([style for style in colours.FORMATS if style != "name"])
        asks.append(_worded(chosen, turned, style, rng))
    return asks


def _worded(
    chosen: Sequence[Expression], palette: Sequence[colours.Rgb], style: str, rng: Stream
) -> Ask:
    painted = list(zip(chosen, palette, strict=True))
    text = prompt(
        "refer",
        rng,
        pairs=series(
            [f"{_quoted(e.text, rng)} in {colours.say(rgb, style)}" for e, rgb in painted]
        ),
        background=phrase("refer", "backgrounds", rng.choice(("black", "unsaid")), rng),
    )
    legend = [{"name": e.text, "rgb": list(rgb), "targets": list(e.targets)} for e, rgb in painted]
    return Ask(instruction=text, params={"legend": legend, "background": list(colours.BLACK)})


def check_options(
    several: float = 0.33, negatives: float = 0.1, lookalikes: Mapping[str, Any] = {}
) -> None:
    """Raise ValueError unless the table of lookalikes has classes for each class."""
    check_lookalikes(lookalikes)


def queries(columns: pa.Table) -> NDArray[np.int64]:
    """int64[N]: a query for each expression of an entry, whether or not its words are clear."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["expressions"]).to_numpy(), np.int64)


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
) -> Ask:
    """A benchmark's prompt for one expression as it stands in the data, in the vote's colour.

    The `targets` of the legend count the segments of the entry as `narrowed` leaves it. An
    expression that means nothing has an empty region, and so has one whose targets others hide.
    """
    asked = entry.expressions[query]
    (rgb,) = colours.draw(1, rng, tuple(colours.NAMED.values()))
    style = rng.choice(colours.FORMATS)
    said = f'"{asked.text}"' if '"' not in asked.text else asked.text
    text = prompt(
        "refer",
        rng,
        pairs=f"{said} in {colours.say(rgb, style)}",
        background=phrase("refer", "backgrounds", "black", rng),
    )
    legend = [{"name": asked.text, "rgb": list(rgb), "targets": list(asked.targets)}]
    return Ask(
        instruction=text,
        params={"legend": legend, "background": list(colours.BLACK), MAY_BE_EMPTY: True},
    )


def narrowed(entry: Entry, query: int) -> Entry:
    """The entry with the one expression that is asked: readers draw what it means over the rest."""
    return replace(entry, expressions=(entry.expressions[query],))


def _clear(entry: Entry) -> Sequence[Expression]:
    """The expressions whose words mean one thing only in this image; all, if there are none."""
    meant: dict[str, set[tuple[int, ...]]] = {}
    for one in entry.expressions:
        meant.setdefault(one.text, set()).add(one.targets)
    clear = [one for one in entry.expressions if len(meant[one.text]) == 1]
    return clear or entry.expressions


def _quoted(text: str, rng: Stream) -> str:
    """A text without its full stop, in quotes half the time.

    Always where it says " in ", as in "the man in red", which "in #ff0000" is to follow, and where
    it is a question.
    """
    words = text.rstrip(" .")
    quote = rng.integer(2) == 0 or " in " in words or words.endswith("?")
    return f'"{words}"' if quote and '"' not in words else words


def _disjoint(expressions: Sequence[Expression], most: int) -> list[Expression]:
    """The first `most` expressions that share neither targets nor words with an earlier one."""
    chosen: list[Expression] = []
    for one in expressions:
        clash = any(set(one.targets) & set(e.targets) or one.text == e.text for e in chosen)
        if not clash and len(chosen) < most:
            chosen.append(one)
    return chosen
