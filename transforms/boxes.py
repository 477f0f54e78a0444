"""Bounding boxes: of one class or one expression a prompt, each drawn as a rectangle.

    corners x0, y0, x1, y1: whole pixels of the output, edges at whole numbers; the box of an
    instance is the extent of its pixels, so x0 to x1 - 1 are the columns that it has

A box is an outline (3 pixels, or 1/128 of the shorter side) or filled, and either all are in one
colour, which the prompt states, or each has one of its own, chosen by the target; black elsewhere.
In their own colours boxes are painted over one another in an order that shows a part of each side,
so a box is the extent of its colour. Outlines in one colour may cross and nest: the rectangles are
told by their corners (transforms/parts/rectangles.py). What cannot be told, such as two boxes with
the same corners, or filled ones in one colour that touch, is found by decoding what was drawn, and
refused as "overlapping"; the build counts it. So `corners` of a target are exact.

A class is asked for as in `instance` (1 to 40 instances, none tiny; crowds, and instances that a
crop leaves under 2e-4 of the image, are not drawn and not valid); an expression means one or
several segments, or none. Options in a recipe: `tasks: {boxes: {of: class, style: outline, colour:
own, negatives: 0.1}}`; `of` may be class or expression, `style` outline or filled, `colour` own or
stated. By default prompts vary in all three, but several boxes are not filled in one colour.

Answers are read by `corners`: in their own colours by the decoder of instances (arXiv 2604.20329,
Appendix A), whatever the colours are; in one colour by the pixels that are nearest to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, numpy, place, placed
from vbdata.core.english import plural
from vbdata.core.labels import Segments
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.errors import BadSample, choices

from .parts import box_pictures, colours, rectangles
from .parts.absent import absent_classes
from .parts.agreement import palette_faults, says_phrase
from .parts.box_pictures import corners as corners
from .parts.box_pictures import exact_corners as exact_corners
from .parts.box_pictures import roundtrip as roundtrip
from .parts.countable import askable, countable, refusals

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("segments",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.0, "pixels"
OF, STYLES, COLOURS = ("class", "expression"), ("outline", "filled"), ("own", "stated")
PARAMS = {
    **{"class": "object", "style": "outline", "colour": [255, 0, 0]},
    **{"palette": [], "background": [0, 0, 0]},
}
REVERSED = {"negatives": 0.0}  # nothing could be painted from an empty picture
ANY = "any"  # of an option: prompts vary
EXPRESSIONS = 0.5  # share of the prompts for expressions where a record has both


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries with an expression, or with a class that `instance` asks for."""
    return _told(columns) | countable(columns)


def refused(columns: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Why entries are not eligible: reason -> bool[N]; the first that is true of one holds."""
    told = _told(columns)
    return {reason: mask & ~told for reason, mask in refusals(columns).items()}


def _told(columns: pa.Table) -> NDArray[np.bool_]:
    import pyarrow.compute as pc

    return np.asarray(pc.list_value_length(columns["expressions"]).to_numpy() >= 1)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    of: str = ANY,
    style: str = ANY,
    colour: str = ANY,
    negatives: float = 0.1,
) -> Ask:
    """A prompt for the boxes of all instances of one class, or of what one expression means.

    vocabulary: (name, countable) of all classes of the data; negatives: share of the prompts for
    classes that ask for one that the image is known not to have. Raises BadSample("empty label")
    if the record has nothing of the kind that `of` asks for.
    """
    able = askable(entry)
    kinds = [kind for kind, there in (("class", able), ("expression", entry.expressions)) if there]
    kinds = [kind for kind in kinds if of in (ANY, kind)]
    if not kinds:
        raise BadSample("empty label", f"no {of} of which boxes could be asked for")
    told = kinds[-1] == "expression" and (len(kinds) == 1 or rng.uniform() < EXPRESSIONS)
    targets: list[int] | None = None
    if told:
        expression = rng.choice(entry.expressions)
        name, targets, count = expression.text, list(expression.targets), len(expression.targets)
        what = f'"{name}"' if '"' not in name else name
    else:
        absent = absent_classes(entry, vocabulary, things=True)
        fact = rng.choice(able)
        name, count = fact.name, fact.instances
        if rng.uniform() < negatives and absent:
            name, count = rng.choice(absent), 0
        what = f"all {plural(name)}"
    style = rng.choice(STYLES) if style == ANY else style
    own = rng.choice(COLOURS) if colour == ANY else colour
    if (style, own, colour) == ("filled", "stated", ANY) and count > 1:
        own = "own"
    form = rng.choice(colours.FORMATS)
    pool = tuple(colours.NAMED.values()) if form == "name" else colours.lattice()
    palette = colours.draw(count, rng, colours.lattice()) if own == "own" else []
    single = colours.draw(1, rng, pool)[0] if own == "stated" else None
    key = f"{style}-{own}-{OF[told]}"
    how = phrase("boxes", "hows", key, rng)
    text = prompt(
        "boxes",
        rng,
        what=what,
        how=f"{how} {colours.say(single, form)}" if single else how,
        background=phrase("boxes", "backgrounds", rng.choice(("black", "unsaid")), rng),
    )
    params = {
        **{"class": name, "style": style, "colour": list(single) if single else []},
        **{"palette": [list(rgb) for rgb in palette], "background": list(colours.BLACK)},
        **({} if targets is None else {"targets": targets}),
    }
    return Ask(instruction=text, params=params)


def check_options(
    of: str = ANY, style: str = ANY, colour: str = ANY, negatives: float = 0.1
) -> None:
    """Raise ValueError unless the options have one of their known values."""
    for key, value, known in (
        ("of", of, OF),
        ("style", style, STYLES),
        ("colour", colour, COLOURS),
    ):
        if value not in (ANY, *known):
            raise ValueError(f"{key}: unknown value {value!r}{choices(value, (ANY, *known))}")


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: boxes of something."""
    return f"picture of bounding boxes of {params['class']}"


def render(label: Segments, params: Mapping[str, Any]) -> Array:
    """Draw uint8 RGB [..., H, W, 3]: the boxes of the segments that were asked for.

    Raises BadSample("overlapping") if they could not be decoded again, BadSample("empty label") if
    some were asked for and none is visible.
    """
    ids = numpy(label.ids)
    size = ids.shape[-2:]
    drawn = [
        box_pictures.drawn(box_pictures.boxes_of(image, label, params), size, params)
        for image in box_pictures.images(label)
    ]
    return placed(np.stack(drawn).reshape(*ids.shape, 3), place(label.ids))


def valid(label: Segments, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: what is drawn, and all else but void and what was asked for and not drawn.

    The latter are crowds and tiny instances of the class. There is no void for a class that is
    known in all of the image (Segments.known).
    """
    ids, known = numpy(label.ids), numpy(label.valid)
    if params.get("targets") is None and params["class"] in label.known:
        known = np.ones_like(known)
    size, asked = ids.shape[-2:], box_pictures.asked(label, params)
    shown = []
    for pair, whole in zip(box_pictures.images(label), known.reshape(-1, *size), strict=True):
        image, boxes = pair[0], box_pictures.boxes_of(pair, label, params)
        lost = [k in asked and k not in boxes for k in range(len(label.classes))]
        crowds = [
            crowd and params.get("targets") is None and name == params["class"]
            for name, crowd in zip(label.classes, label.crowds, strict=True)
        ]
        hidden = np.array([False, *lost]) | np.array([False, *crowds])
        painted = np.zeros(size, np.bool_)
        for box in boxes.values():
            rectangles.paint(painted, box, box_pictures.thickness(size, params), True)
        shown.append(painted | (whole & ~hidden[image]))
    return placed(np.stack(shown).reshape(ids.shape), place(label.ids))


def decode(rgb: Array, params: Mapping[str, Any]) -> Segments:
    """The boxes in uint8 RGB [..., H, W, 3] as filled segments of the class, small ones on top.

    Where boxes overlap, `corners` tells more. Every pixel is valid.
    """
    return box_pictures.filled(rgb, params, corners)


def exact(rgb: Array, params: Mapping[str, Any]) -> Segments:
    """The boxes of a target, as `render` drew it, as filled segments. Every pixel is valid."""
    return box_pictures.filled(rgb, params, exact_corners)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] of a box's or background colour."""
    return colours.legal(rgb, box_pictures.table_of(params))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts valid.png or its params, a sentence each."""
    table = box_pictures.table_of(params)
    ids, faults = colours.which(rgb, table), palette_faults(table)
    if wrong := int(((ids > 0) & ~valid).sum()):
        faults.append(f"{wrong} pixels are painted that valid.png calls not valid")
    if params["palette"] and not bool((ids > 0).any()):
        faults.append("no box is painted")
    return faults


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence for each."""
    name, told = str(params["class"]), params.get("targets") is not None
    own = "stated" if params.get("colour") else "own"
    missing = []
    if name not in instruction and plural(name) not in instruction:
        missing.append(f"the instruction does not ask for {name!r}")
    if not says_phrase("boxes", "hows", f"{params['style']}-{own}-{OF[told]}", instruction):
        missing.append(f"the instruction does not ask for boxes that are {params['style']}")
    if params.get("colour"):
        r, g, b = params["colour"]
        named = (r, g, b) in colours.NAMED.values()
        forms = [form for form in colours.FORMATS if named or form != "name"]
        if not any(colours.say((r, g, b), form) in instruction for form in forms):
            missing.append(f"the instruction does not say the colour ({r}, {g}, {b})")
    return missing
