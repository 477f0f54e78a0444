"""Joints of persons drawn in a picture, read off it again, and the proof that both agree.

params has what a picture is of: a "legend" of entries {name, rgb}, a joint each; a "palette" with a
colour for each person; "background"; and, of targets, what was "measured" of the label: area, x0,
y0, x1, y1 of each of its "persons" and "crowds". Discs are those of transforms/parts/discs.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import NUMPY, Array, numpy, place
from vbdata.core.labels import Keypoints, moved
from vbdata.errors import BadSample

from . import colours, discs
from .discs import Joint

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
SAME = 28  # of 255: by how much two rings of one person may differ
FARTHEST = 64  # of 255, from a joint's colour
DARK = 32  # of 255, from the background: nearer pixels are no ring


def table_of(params: Mapping[str, Any]) -> list[colours.Rgb]:
    """The colours by number: the background's, the joints', the persons'."""
    joints = [item["rgb"] for item in params["legend"]]
    return [tuple(rgb) for rgb in (params["background"], *joints, *params["palette"])]


def measured_faults(params: Mapping[str, Any], painted: int) -> list[str]:
    """A sentence if what was measured of a target's label is not what it should be.

    That is an area and a box for each person, at least for the first `painted`, and for each crowd,
    none of it negative. Raises LookupError or
    TypeError for params that have nothing of the kind.
    """
    found = params["measured"]
    persons, crowds = found["persons"], found["crowds"]
    table = np.array([*persons, *crowds], np.float64).reshape(-1, 5)
    good = bool((np.isfinite(table) & (table >= 0)).all())
    good &= bool((table[:, 1:3] <= table[:, 3:]).all()) and painted <= len(persons)
    if len(table) != len(persons) + len(crowds) or not good:
        return ["its params have areas and boxes of persons that no label has"]
    return []


def drawn(label: Keypoints, params: Mapping[str, Any]) -> tuple[list[Joint], discs.Ids]:
    """The joints that are drawn, by person and kind, and int32[H, W], numbers of `table_of`.

    Raises BadSample("unknown category") for a joint that the label does not have, and "garbled
    annotation" for more persons than the palette has colours for.
    """
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


def _only(label: Keypoints, params: Mapping[str, Any]) -> Keypoints:
    """The label's joints that were asked for, in the order of the legend. Raises BadSample."""
    try:
        return label.only([item["name"] for item in params["legend"]])
    except KeyError as err:
        known = ", ".join(label.names)
        raise BadSample("unknown category", f"no joint {err} among {known:.300}") from err


def exact(rgb: Array, params: Mapping[str, Any]) -> Keypoints:
    """The persons of a target as `drawn` draws it, those of the palette in order, then crowds.

    Their areas and boxes are those that were measured of the label; without that, their joints'.
    Colours that mean nothing are not valid.
    """
    ids, kinds = np.asarray(colours.which(numpy(rgb), table_of(params))), len(params["legend"])
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
    number, squared = colours.nearest(pixels, table_of(params)[: kinds + 1])
    ids = np.where(squared <= FARTHEST**2, number, kinds + 1).astype(np.int32)
    gap = pixels.astype(np.int32) - np.array(params["background"], np.int32)
    ids[(ids == 0) | ((ids > kinds) & (np.square(gap).sum(-1) < DARK**2))] = 0
    s = discs.unit(*ids.shape)
    seen = [(core, _ring(core, pixels, ids, kinds, s)) for core in discs.cores(ids, kinds, s)]
    rings = [ring for _, ring in seen if ring is not None]
    owners = iter(_grouped(np.array(rings, np.float64).reshape(-1, 3)))
    owned = [(core, next(owners)) for core, ring in seen if ring is not None]
    persons = 1 + max((owner for _, owner in owned), default=-1)
    points = np.zeros((persons, kinds, 2), np.float32)
    visible = np.zeros((persons, kinds), np.int8)
    for core, owner in sorted(owned, key=lambda pair: len(pair[0].x)):
        middle = float(core.x.mean()), float(core.y.mean())
        points[owner, core.kind] = middle
        column, row = (round(value) for value in middle)
        visible[owner, core.kind] = 1 + (ids[row, column] == core.kind + 1)
    return _at(_label(points, visible, ids >= 0, params), place(rgb))


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


def _at(label: Keypoints, where: str) -> Keypoints:
    there = moved(label, where)
    assert isinstance(there, Keypoints)
    return there


def roundtrip(label: Keypoints, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest distance in x or y, in pixels, of a joint from where it decodes to.

    inf if a joint is lost, made up, another person's, or seen where it is hidden.
    """
    wanted, ids = drawn(label, params)
    pixels = numpy(rgb)
    if not np.array_equal(np.array(table_of(params), np.uint8)[ids], pixels):
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
