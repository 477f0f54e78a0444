"""Joints of persons: each a disc of its joint's colour, in a ring of its person's own.

The prompt states a colour for every joint that it asks for; persons choose their own. With a unit
of s pixels (1 up to 0.9 megapixels) a core of radius 2 s is in the joint's colour, the ring around
it, up to 4 s, in the person's; a joint that is labelled but hidden has a hole of s in its core.
Where discs meet each pixel is of the nearest joint, so all of them keep a place
(transforms/parts/discs.py has the code and its inverse). Points are drawn at whole pixels: up to
half a pixel off. What does not decode to just these pixels, such as two joints on one pixel or the
noses of two persons side by side, is refused as "overlapping", and the build counts it.

A target decodes exactly, `exact`: its persons are those of the palette, in order. An answer is read
by `decode`: joints are the connected areas nearest to their stated colours, at their middles, and
persons those whose rings have colours within 28 of each other. Persons without labelled joints and
crowds are not drawn, and not valid, by their boxes. Areas and boxes, which OKS needs, are no
colours: they are measured of the label, and stand in the params.

A record can serve with 1 to 12 persons. A quarter of the prompts (`few`) asks for one to four
joints, the others for all, without eyes and ears where a person is under 48^2 pixels. Options:
`tasks: {keypoints: {joints: [left_wrist, right_wrist], few: 0}}`; joints are COCO's by default.

The code is our own. Persons, joints and OKS: cocodataset.org/#keypoints-eval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, numpy, place, placed
from vbdata.core.labels import Keypoints
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.errors import BadSample

from .parts import colours, discs
from .parts.agreement import palette_faults, unsaid_legend
from .parts.joint_pictures import decode as decode
from .parts.joint_pictures import drawn, measured_faults, table_of
from .parts.joint_pictures import exact as exact
from .parts.joint_pictures import roundtrip as roundtrip

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("keypoints",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.5 + 1e-4, "pixels"
PARAMS = {"legend": None, "palette": [], "background": [0, 0, 0]}

FACE = ("left_eye", "right_eye", "left_ear", "right_ear")
BODY = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
)
JOINTS = ("nose", *FACE, *BODY)
MOST_PERSONS = 12
SMALL = 48**2  # pixels of a person below which eyes and ears are not asked for
MOST_FEW = 4


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: the entries with 1 to 12 persons, crowds not counted."""
    count = _persons(columns)
    return (count >= 1) & (count <= MOST_PERSONS)


def refused(columns: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Why entries are not eligible: reason -> bool[N]."""
    count = _persons(columns)
    return {
        "without a person of its own": count < 1,
        f"with more than {MOST_PERSONS} persons": count > MOST_PERSONS,
    }


def _persons(columns: pa.Table) -> NDArray[np.int64]:
    import pyarrow.compute as pc

    classes = columns["classes"].combine_chunks()
    of = pc.list_parent_indices(classes).to_numpy()
    instances = pc.struct_field(pc.list_flatten(classes), "instances").to_numpy()
    return np.asarray(np.bincount(of, instances, len(columns)), np.int64)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    joints: Sequence[str] = JOINTS,
    few: float = 0.25,
) -> Ask:
    """A prompt for some joints of all persons, each with its colour.

    joints: which may be asked for; few: share of the prompts that ask for one to four of them.
    """
    asked = list(joints)
    smallest = min((fact.smallest for fact in entry.classes if fact.instances), default=SMALL)
    if rng.uniform() < few:
        asked = rng.shuffled(asked)[: 1 + rng.integer(min(MOST_FEW, len(asked)))]
    elif smallest < SMALL:
        asked = [name for name in asked if name not in FACE] or asked
    count = sum(fact.instances for fact in entry.classes)
    drawn = colours.draw(len(asked) + count, rng, colours.lattice())
    legend = list(zip(rng.shuffled(asked), drawn, strict=False))
    style = rng.choice([style for style in colours.FORMATS if style != "name"])
    text = prompt(
        "keypoints",
        rng,
        legend=colours.say_legend([(spoken(name), rgb) for name, rgb in legend], style, rng),
        mark=phrase("keypoints", "marks", "discs", rng),
        background=phrase("keypoints", "backgrounds", rng.choice(("black", "unsaid")), rng),
    )
    params = {
        "legend": [{"name": name, "rgb": list(rgb)} for name, rgb in legend],
        "palette": [list(rgb) for rgb in drawn[len(asked) :]],
        "background": list(colours.BLACK),
    }
    return Ask(instruction=text, params=params)


def check_options(joints: Sequence[str] = JOINTS, few: float = 0.25) -> None:
    """Raise ValueError unless the joints are a list of different names."""
    names = list(joints) if isinstance(joints, list | tuple) else []
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"joints: a list of names, got {joints!r:.80}")
    if len(set(names)) < len(names) or len(names) > 60:
        raise ValueError(f"joints: up to 60 names, each once, got {len(names)}")


def spoken(name: str) -> str:
    """A joint as prompts say it: "left shoulder"."""
    return name.replace("_", " ")


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a map of joints."""
    return "map of body joints (a disc for each joint, in a ring of its person's own colour)"


def measured(label: Keypoints, params: Mapping[str, Any]) -> dict[str, Any]:
    """Area, x0, y0, x1 and y1 in pixels of each person, and of each crowd, in the label's order."""
    areas, boxes, crowds = (numpy(part) for part in (label.areas, label.boxes, label.crowds))
    lines = [
        [round(float(value), 3) for value in (area, *box)]
        for area, box in zip(areas, boxes, strict=True)
    ]
    rows = list(zip(lines, crowds.tolist(), strict=True))
    return {
        "persons": [line for line, crowd in rows if not crowd],
        "crowds": [line for line, crowd in rows if crowd],
    }


def render(label: Keypoints, params: Mapping[str, Any]) -> Array:
    """Draw uint8 RGB [H, W, 3]: the joints that were asked for, of all persons.

    Raises BadSample("overlapping") if they could not be decoded again, BadSample("empty label") if
    none is in the picture, "unknown category" for a joint that the label does not have, "garbled
    annotation" for more persons than the index has.
    """
    joints, ids = drawn(label, params)
    if not joints:
        raise BadSample("empty label", "no joint that was asked for is labelled in the output")
    kinds, persons = len(params["legend"]), len(params["palette"])
    found = discs.read(ids, kinds, persons, discs.unit(*ids.shape))
    if found != joints:
        lost = len(set(joints) - set(found))
        raise BadSample("overlapping", f"{lost} of {len(joints)} joints lie too close on others")
    return placed(np.array(table_of(params), np.uint8)[ids], place(label.points))


def valid(label: Keypoints, params: Mapping[str, Any]) -> Array:
    """bool[H, W]: what is drawn, and all else but where persons without joints may be."""
    painted = drawn(label, params)[1] > 0
    return placed(numpy(label.valid) | painted, place(label.points))


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[H, W]: the pixels of uint8 RGB [H, W, 3] of a joint's, person's or background colour."""
    return colours.legal(rgb, table_of(params))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts valid.png or its params, a sentence each."""
    table = table_of(params)
    ids, faults = colours.which(rgb, table), palette_faults(table)
    painted = ids > 0
    if wrong := int((painted & ~valid).sum()):
        faults.append(f"{wrong} pixels are painted that valid.png calls not valid")
    if not bool(painted.any()):
        faults.append("no joint is painted")
    persons = int(ids.max()) - len(params["legend"])
    return faults + measured_faults(params, persons)


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence for each joint."""
    legend = ({**item, "name": spoken(item["name"])} for item in params["legend"])
    return unsaid_legend(instruction, legend)
