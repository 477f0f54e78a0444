"""The joints of COCO's person_keypoints_*.json, or of any COCO-format file that has such.

An annotation's `keypoints` are x, y, v for each joint, in pixels whose middles are whole numbers; v
is 0 = not labelled, 1 = labelled but not visible, 2 = visible. A class of the file says the names
of its joints and, counted from 1, the bones between them (cocodataset.org/#format-data). Persons
without labelled joints and crowds are kept, since COCO's metric ignores whoever is found there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.labels import Keypoints
from vbdata.errors import BadSample, SourceError

from .. import records
from . import scalars

if TYPE_CHECKING:
    from vbdata.core.types import Entry

LISTS = re.compile(rb'"keypoints"\s*:\s*\[([^\]]*)\]')
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
SKELETON = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip
FARTHEST = 1e9  # pixels from a corner; beyond it nothing is a place
USUAL = (NAMES, SKELETON)  # COCO's persons; entries say nothing of them
Joints = tuple[tuple[str, ...], tuple[tuple[int, int], ...]]


def joints_of(listed: Sequence[dict[str, Any]], path: str) -> Joints | None:
    """The names and bones of the first of the classes that have keypoints, None without any.

    Raises SourceError if they are not of COCO's form.
    """
    if not listed:
        return None
    names, bones = listed[0]["keypoints"], listed[0].get("skeleton") or []
    where = f"{path}: the keypoints of category {listed[0].get('name')!r:.40}"
    if not isinstance(names, list) or not all(map(records.text, names)):
        raise SourceError(f"{where} are {names!r:.80}, expected a list of names")
    if len(set(names)) < len(names):
        raise SourceError(f"{where} have a name twice")
    pairs: list[Any] = bones if isinstance(bones, list) else [None]
    for bone in pairs:
        ends = bone if isinstance(bone, list) else []
        if len(ends) != 2 or not all(type(n) is int and 1 <= n <= len(names) for n in ends):
            known = f"two numbers from 1 to {len(names)}"
            raise SourceError(f"{where}: the skeleton has {bone!r:.40}, expected {known}")
    return tuple(names), tuple((one - 1, other - 1) for one, other in pairs)


def labelled(record: bytes) -> bool:
    """Whether an annotation in an entry's record has a joint that is labelled."""
    triples = (numbers.split(b",") for numbers in LISTS.findall(record))
    return any(value.strip() not in (b"0", b"0.0", b"") for each in triples for value in each[2::3])


def read(entry: Entry) -> Keypoints:
    """The persons of an entry, in the order of its segments. Raises BadSample."""
    head, _, texts = entry.record.partition(b"\n")
    record = records.unpack(head)
    parts, annotations = record["parts"], records.unpack(texts)
    names, bones = record.get("joints") or USUAL
    points, visible, boxes = [], [], []
    for part, annotation in zip(parts, annotations, strict=False):
        joints = _joints(entry, part, annotation, len(names))
        points.append(joints[:, :2])
        visible.append(joints[:, 2] * (not part["crowd"]))
        x, y, width, height = scalars.box(annotation.get("bbox")) or (0.0, 0.0, 0.0, 0.0)
        boxes.append((x, y, x + width, y + height))
    seen = np.array(visible, np.int8).reshape(len(parts), len(names))
    corners = np.array(boxes, np.float32).reshape(len(parts), 4)
    valid = np.ones((entry.height, entry.width), np.bool_)
    others = [(x, y, x + width, y + height) for x, y, width, height in record.get("boxes", ())]
    for x0, y0, x1, y1 in [*corners[~seen.any(1)].tolist(), *others]:
        rows, columns = (
            slice(max(0, int(np.floor(low))), max(0, int(np.ceil(high))))
            for low, high in ((y0, y1), (x0, x1))
        )
        valid[rows, columns] = False
    label = Keypoints(
        points=np.array(points, np.float32).reshape(len(parts), len(names), 2),
        visible=seen,
        boxes=corners,
        areas=np.array([part["area"] for part in parts], np.float32),
        crowds=np.array([part["crowd"] for part in parts], np.bool_),
        names=tuple(names),
        skeleton=tuple((one, other) for one, other in bones),
        valid=valid,
    )
    return label


def _joints(entry: Entry, part: dict[str, Any], annotation: dict[str, Any], count: int) -> Any:
    """float64[K, 3] of one annotation, zeros where it has none. Raises BadSample."""
    given = annotation.get("keypoints")
    if not given:
        return np.zeros((count, 3))
    path = entry.files["image"].path
    listed = given if isinstance(given, list) else []
    numbers = [n for n in listed if isinstance(n, int | float) and abs(n) < FARTHEST]  # NaN is not
    if len(numbers) != 3 * count or len(listed) != 3 * count:
        detail = f"annotation {part['id']}: keypoints are no {count} triples of numbers"
        raise BadSample("garbled annotation", detail, path)
    joints = np.array(numbers, np.float64).reshape(count, 3)
    if not np.isin(joints[:, 2], (0, 1, 2)).all():
        detail = f"annotation {part['id']}: a joint's visibility is not 0, 1 or 2"
        raise BadSample("garbled annotation", detail, path)
    return joints
