"""Referring segmentation: free text for regions, a colour for each text, everything else black.

One prompt in three asks for several expressions of the image at once, each in its own colour. One
in ten asks for something that is not there (a class of the data set's vocabulary that the image
does not have): its region is empty. A pixel that two expressions claim goes to the later one, so
expressions of overlapping targets are never asked together. Decoding: nearest prompted colour.

Images are never mirrored here, and a target's text may say left and right.

Options in a recipe: `tasks: {refer: {several: 0.33, negatives: 0.1}}`. Convention: arXiv
2604.20329, referring segmentation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms.parts import colours
from transforms.parts import legend as _legend
from transforms.parts.legend import decode, legal
from vbdata.core.english import series
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry, Expression, Segments

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("segments", "expressions")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "1 - IoU"
PARAMS = {"legend": None, "background": [0, 0, 0]}

MOST = 4

__all__ = ["ask", "decode", "eligible", "legal", "render", "roundtrip", "valid"]


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Entries with an expression."""
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["expressions"]).to_numpy() >= 1)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    several: float = 0.33,
    negatives: float = 0.1,
) -> Ask:
    """Expressions with colours; several, negatives: shares of the prompts, see above."""
    lot = rng.uniform()
    others = sorted({name for name, _ in vocabulary} - {fact.name for fact in entry.classes})
    if lot < negatives and others:
        chosen = [Expression(text=f"the {rng.choice(others)}", targets=())]
    elif lot < negatives + several:
        chosen = _disjoint(rng.shuffled(_clear(entry)), 2 + rng.integer(MOST - 1))
    else:
        chosen = [rng.choice(_clear(entry))]
    named = tuple(colours.NAMED.values())
    style = rng.choice(colours.FORMATS)
    pool = named if style == "name" else colours.lattice()
    painted = list(zip(chosen, colours.draw(len(chosen), rng, pool), strict=True))
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


def _clear(entry: Entry) -> Sequence[Expression]:
    """Expressions whose words mean one thing in this image; all of them if none does."""
    meant: dict[str, set[tuple[int, ...]]] = {}
    for one in entry.expressions:
        meant.setdefault(one.text, set()).add(one.targets)
    clear = [one for one in entry.expressions if len(meant[one.text]) == 1]
    return clear or entry.expressions


def _quoted(text: str, rng: Stream) -> str:
    """The words, without a full stop; in quotes half the time and where a colour may be misread."""
    words = text.rstrip(" .")
    quote = rng.integer(2) == 0 or " in " in words
    return f'"{words}"' if quote and '"' not in words else words


def _disjoint(expressions: Sequence[Expression], most: int) -> list[Expression]:
    """The first expressions that share neither targets nor words with an earlier one."""
    chosen: list[Expression] = []
    for one in expressions:
        clash = any(set(one.targets) & set(e.targets) or one.text == e.text for e in chosen)
        if not clash and len(chosen) < most:
            chosen.append(one)
    return chosen


def render(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3]: the targets of each expression in its colour."""
    return _legend.render(label, _places(label, params), params)


def valid(label: Segments, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: everything but the annotators' void."""
    return label.valid


def roundtrip(label: Segments, rgb: Tensor, params: Mapping[str, Any]) -> float:
    """1 - the smallest IoU of an expression's region or the background."""
    return _legend.roundtrip(label, _places(label, params), rgb, params)


def _places(label: Segments, params: Mapping[str, Any]) -> list[int]:
    """For each id of the label the expression that claims it, 0 for none."""
    places = [0] * (1 + len(label.classes))
    for k, item in enumerate(params["legend"]):
        for target in item["targets"]:
            places[target + 1] = k + 1
    return places
