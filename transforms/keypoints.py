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

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import NUMPY, Array, numpy, place, placed
from vbdata.core.labels import Keypoints, moved
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.errors import BadSample

from .parts import colours, discs
from .parts.agreement import palette_faults, unsaid_legend
from .parts.discs import Joint

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
BONES = (  # between joints of these names, for pictures
    *(("left_ankle", "left_knee"), ("left_knee", "left_hip"), ("left_hip", "left_shoulder")),
    *(("right_ankle", "right_knee"), ("right_knee", "right_hip"), ("right_hip", "right_shoulder")),
    *(("left_hip", "right_hip"), ("left_shoulder", "right_shoulder")),
    *(("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist")),
    *(("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist")),
    *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "right_eye")),
    *(("left_eye", "left_ear"), ("right_eye", "right_ear"), ("left_ear", "left_shoulder")),
    ("right_ear", "right_shoulder"),
)
MOST_PERSONS = 12
SMALL = 48**2  # pixels of a person below which eyes and ears are not asked for
MOST_FEW = 4
SAME = 28  # of 255: by how much two rings of one person may differ
FARTHEST = 64  # of 255, from a joint's colour
DARK = 32  # of 255, from the background: nearer pixels are no ring


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
    joints, ids = _drawn(label, params)
    if not joints:
        raise BadSample("empty label", "no joint that was asked for is labelled in the output")
    kinds, persons = len(params["legend"]), len(params["palette"])
    found = discs.read(ids, kinds, persons, discs.unit(*ids.shape))
    if found != joints:
        lost = len(set(joints) - set(found))
        raise BadSample("overlapping", f"{lost} of {len(joints)} joints lie too close on others")
    return placed(np.array(_table(params), np.uint8)[ids], place(label.points))


def valid(label: Keypoints, params: Mapping[str, Any]) -> Array:
    """bool[H, W]: what is drawn, and all else but where persons without joints may be."""
    drawn = _drawn(label, params)[1] > 0
    return placed(numpy(label.valid) | drawn, place(label.points))


def exact(rgb: Array, params: Mapping[str, Any]) -> Keypoints:
    """The persons of a target as `render` drew it, those of the palette in order, then crowds.

    Their areas and boxes are those that were measured of the label; without that, their joints'.
    Colours that mean nothing are not valid.
    """
    ids, kinds = np.asarray(colours.which(numpy(rgb), _table(params))), len(params["legend"])
    found = discs.read(ids, kinds, len(params["palette"]), discs.unit(*ids.shape))
    known = params.get("measured")
    listed = [*known["persons"], *known["crowds"]] if known else []
    count = len(listed) if known else len(params["palette"])
    points, visible = np.zeros((count, kinds, 2), np.float32), np.zeros((count, kinds), np.int8)
    for joint in found:
        if joint.person < count:
            points[joint.person, joint.kind] = joint.x, joint.y
            visible[joint.person, joint.kind] = 1 + joint.seen
    label = _label(points, visible, ids >= 0, params)
    if known:
        table = np.array(listed, np.float32).reshape(-1, 5)
        crowds = np.arange(count) >= len(known["persons"])
        label = replace(label, areas=table[:, 0], boxes=table[:, 1:], crowds=crowds)
    return _at(label, place(rgb))


def decode(rgb: Array, params: Mapping[str, Any]) -> Keypoints:
    """The persons in an answer, uint8 RGB [H, W, 3]; of params the palette is not read.

    A joint is a connected area nearest to its stated colour; its person has the colour that is
    commonest around it. boxes and areas are those of the joints. Every pixel is valid.
    """
    pixels = np.ascontiguousarray(numpy(rgb))
    kinds = len(params["legend"])
    number, squared = colours.nearest(pixels, _table(params)[: kinds + 1])
    ids = np.where(squared <= FARTHEST**2, number, kinds + 1).astype(np.int32)
    gap = pixels.astype(np.int32) - np.array(params["background"], np.int32)
    ids[(ids == 0) | ((ids > kinds) & (np.square(gap).sum(-1) < DARK**2))] = 0
    s = discs.unit(*ids.shape)
    seen = [(core, _ring(core, pixels, ids, kinds, s)) for core in discs.cores(ids, kinds, s)]
    rings = [ring for _, ring in seen if ring is not None]
    owners = iter(_grouped(np.array(rings, np.float64).reshape(-1, 3)))
    placed_ = [(core, next(owners)) for core, ring in seen if ring is not None]
    persons = 1 + max((owner for _, owner in placed_), default=-1)
    points = np.zeros((persons, kinds, 2), np.float32)
    visible = np.zeros((persons, kinds), np.int8)
    for core, owner in sorted(placed_, key=lambda pair: len(pair[0].x)):
        middle = float(core.x.mean()), float(core.y.mean())
        points[owner, core.kind] = middle
        column, row = (round(value) for value in middle)
        visible[owner, core.kind] = 1 + (ids[row, column] == core.kind + 1)
    return _at(_label(points, visible, ids >= 0, params), place(rgb))


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[H, W]: the pixels of uint8 RGB [H, W, 3] of a joint's, person's or background colour."""
    return colours.legal(rgb, _table(params))


def roundtrip(label: Keypoints, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest distance in x or y, in pixels, of a joint from where it decodes to.

    inf if a joint is lost, made up, another person's, or seen where it is hidden.
    """
    wanted, ids = _drawn(label, params)
    pixels = numpy(rgb)
    if not np.array_equal(np.array(_table(params), np.uint8)[ids], pixels):
        return math.inf
    found = discs.read(ids, len(params["legend"]), len(params["palette"]), discs.unit(*ids.shape))
    if found != wanted:
        return math.inf
    only, worst = _only(label, params), 0.0
    persons = np.flatnonzero(~numpy(only.crowds))
    for joint in found:
        gap = numpy(only.points)[persons[joint.person], joint.kind] - (joint.x, joint.y)
        worst = max(worst, float(np.abs(gap).max()))
    return worst


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts valid.png or its params, a sentence each."""
    painted = colours.which(rgb, _table(params)) > 0
    faults = palette_faults(_table(params))
    if wrong := int((painted & ~valid).sum()):
        faults.append(f"{wrong} pixels are painted that valid.png calls not valid")
    if not bool(painted.any()):
        faults.append("no joint is painted")
    return faults


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence for each joint."""
    legend = ({**item, "name": spoken(item["name"])} for item in params["legend"])
    return unsaid_legend(instruction, legend)


def _only(label: Keypoints, params: Mapping[str, Any]) -> Keypoints:
    """The label's joints that were asked for, in the order of the legend. Raises BadSample."""
    try:
        return label.only([item["name"] for item in params["legend"]])
    except KeyError as err:
        known = ", ".join(label.names)
        raise BadSample("unknown category", f"no joint {err} among {known:.300}") from err


def _drawn(label: Keypoints, params: Mapping[str, Any]) -> tuple[list[Joint], discs.Ids]:
    """The joints that are drawn, by person and kind, and where, int32[H, W]. Raises BadSample."""
    label = _at(_only(label, params), NUMPY)
    persons = np.flatnonzero(~label.crowds).tolist()
    if len(persons) > len(params["palette"]):
        detail = f"{len(persons)} persons, {len(params['palette'])} in the index"
        raise BadSample("garbled annotation", detail)
    size = (label.valid.shape[0], label.valid.shape[1])
    whole = np.rint(label.points).astype(np.int64)
    joints = [
        Joint(
            x=int(whole[row, kind, 0]),
            y=int(whole[row, kind, 1]),
            kind=kind,
            person=number,
            seen=bool(label.visible[row, kind] == 2),
        )
        for number, row in enumerate(persons)
        for kind in np.flatnonzero(label.visible[row]).tolist()
    ]
    inside = [each for each in joints if 0 <= each.x < size[1] and 0 <= each.y < size[0]]
    return inside, discs.drawn(inside, size, len(params["legend"]), discs.unit(*size))


def _at(label: Keypoints, where: str) -> Keypoints:
    there = moved(label, where)
    assert isinstance(there, Keypoints)
    return there


def _label(
    points: NDArray[np.float32],
    visible: NDArray[np.int8],
    known: NDArray[np.bool_],
    params: Mapping[str, Any],
) -> Keypoints:
    """Persons as a label, their boxes and areas those of their joints."""
    seen = (visible > 0)[..., None]
    low = np.where(seen, points, np.inf).min(1, initial=np.inf)
    high = np.where(seen, points, -np.inf).max(1, initial=-np.inf)
    boxes = np.concatenate([low, high], -1).astype(np.float32)
    boxes[~np.isfinite(boxes).all(-1)] = 0
    names = tuple(str(item["name"]) for item in params["legend"])
    places = {name: place for place, name in enumerate(names)}
    bones = (bone for bone in BONES if places.keys() >= set(bone))
    return Keypoints(
        points=points,
        visible=visible,
        boxes=boxes,
        areas=(boxes[:, 2:] - boxes[:, :2]).prod(-1),
        crowds=np.zeros(len(points), np.bool_),
        names=names,
        skeleton=tuple((places[one], places[other]) for one, other in bones),
        valid=known,
    )


def _ring(
    core: discs.Core, pixels: NDArray[np.uint8], ids: discs.Ids, kinds: int, s: int
) -> NDArray[np.float64] | None:
    """The commonest colour of the pixels around a core that are of no joint; None without any."""
    reach = 2 * s
    y0, x0 = max(0, int(core.y.min()) - reach), max(0, int(core.x.min()) - reach)
    window = np.s_[y0 : int(core.y.max()) + reach + 1, x0 : int(core.x.max()) + reach + 1]
    beside = pixels[window][ids[window] > kinds].astype(np.float64)
    if not len(beside):
        return None
    alike = np.square(beside[:, None] - beside).sum(-1) <= SAME**2
    return np.asarray(beside[alike[alike.sum(1).argmax()]].mean(0))


def _grouped(rings: NDArray[np.float64]) -> list[int]:
    """Whose each ring is, by its colour, float64[n, 3]: persons from 0, as they come."""
    owners: list[int] = []
    firsts: list[NDArray[np.float64]] = []
    for ring in rings:
        gaps = [float(np.linalg.norm(ring - first)) for first in firsts]
        if not gaps or min(gaps) > SAME:
            firsts.append(ring)
            owners.append(len(firsts) - 1)
        else:
            owners.append(int(np.argmin(gaps)))
    return owners


def _table(params: Mapping[str, Any]) -> list[colours.Rgb]:
    """The colours by number: the background's, the joints', the persons'."""
    joints = [item["rgb"] for item in params["legend"]]
    return [tuple(rgb) for rgb in (params["background"], *joints, *params["palette"])]
