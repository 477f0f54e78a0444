"""Procedural scenes: small exact pictures with every kind of label at once, from a seed.

Licence: Apache-2.0, that of the code that draws them (pipelines/demo/procedural.py). Layout, for
each SPLIT (train, validation, test; held out by what they show: compositions, crowded, textures,
cameras), N scenes of H x W pixels:

    SPLIT/scenes.jsonl    a line a scene: id, camera, segments, captions, expressions, instruction
    SPLIT/image.npy       uint8   [N, H, W, 3]  the picture
    SPLIT/edited.npy      uint8   [N, H, W, 3]  the picture after the instruction
    SPLIT/depth.npy       float32 [N, H, W]     metres along +z, inf = sky
    SPLIT/normals.npy     float32 [N, H, W, 3]  unit, OpenCV axes, facing the camera, 0 = sky
    SPLIT/ids.npy         uint8   [N, H, W]     k = the k-th of the scene's segments, from 1

- Of each array only the range of bytes of a scene is read.
- Segments are the visible ones: stuff and sky, then things from left to right by the mean of their
  columns. Their classes are shapes (ball, box, pillar), floor, wall, ceiling and sky.
- camera: fx, fy, cx, cy in pixels, pixel centres at whole numbers: metric depth needs a known field
  of view.
- expressions: a text and the segments that it means, counted from 0. A text may mean nothing that
  is there: its list is empty.
- A scene without an instruction (nothing in it could be named) offers no `edited`.
- Options: start, count: only `count` scenes from number `start` on (0: all of them), to choose how
  many labelled scenes there are.

Each scene is a group of its own; the caption, the edit and the labels of one scene share it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.core.labels import Depth, Normals
from vbdata.core.labels import Segments as SegmentsLabel
from vbdata.core.types import ClassFact, Entry, Expression, FileRef, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import npy
from .parts import own_records as own
from .parts import records
from .parts.class_facts import Seen, by_class

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "Apache-2.0"
HOMEPAGE = "https://github.com/google-research/kubric"  # what such scenes are like, at full size
LABELS = ("depth", "normals", "segments", "expressions", "captions", "edited")
STORED = {
    "depth": "z",
    "unit": "m",
    "sky": "infinite",
    "invalid": "none",
    "normals": "right, down, forward",
}

SPLITS = ("train", "validation", "test", "compositions", "crowded", "textures", "cameras")
ARRAYS = {
    "image": ("u1", 3),
    "edited": ("u1", 3),
    "depth": ("f4", 0),
    "normals": ("f4", 3),
    "ids": ("u1", 0),
}
EXPECTED = "a camera, segments, captions, expressions or instruction as they should be"


def index(root: Root, *, split: str = "train", start: int = 0, count: int = 0) -> Iterator[Entry]:
    """The scenes of a split in order of their numbers.

    split: one of SPLITS; start, count: `count` scenes from `start` on, 0 for all. Raises
    SourceError if a file is missing, or an array has not the shape and type that it should have.
    """
    _check(split, start, count)
    lines = records.source_bytes(root, f"{split}/scenes.jsonl", "a line a scene").splitlines()
    known = records.sizes(root, split)
    files = {name: records.file_ref(f"{split}/{name}.npy", known) for name in ARRAYS}
    heads = {name: _header(root, file, name, len(lines)) for name, file in files.items()}
    height, width = heads["image"].shape[1:3]
    wrong = [name for name, head in heads.items() if head.shape[1:3] != (height, width)]
    if wrong or not 0 < height * width <= MAX_PIXELS:
        raise SourceError(f"{root.url}: {split}: image is {width}x{height}, {wrong} is not")
    starts = {name: head.start for name, head in heads.items()}
    for number in range(start, min(len(lines), start + count) if count else len(lines)):
        bare = Entry(
            id=f"{split}/{number:06d}",
            group=f"procedural:{split}-{number:06d}",
            width=width,
            height=height,
            license=LICENSE,
            files=files,
            labels=LABELS,
        )
        yield _entry(bare, own.row(lines[number]), {"number": number, "starts": starts})


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The picture, uint8 RGB [H, W, 3], and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    return Sample(
        image=_array(root, entry, "image"),
        labels={kind: _label(root, entry, kind) for kind in kinds},
    )


def official(*, split: str = "train", start: int = 0, count: int = 0) -> Official:
    """Neither counts nor downloads: scenes are drawn from a seed."""
    _check(split, start, count)
    return Official(entries=None, downloads=())


def _check(split: str, start: int, count: int) -> None:
    records.one_of("split", split, SPLITS)
    for key, value in (("start", start), ("count", count)):
        if not records.whole(value):
            raise SourceError(f"{key}: {value!r} is no count")


def _header(root: Root, file: FileRef, name: str, scenes: int) -> npy.Header:
    """The checked header of an array. Raises SourceError."""
    kind, channels = ARRAYS[name]
    try:
        head = npy.header(root.read_range(file.path, 0, npy.LONGEST), file.path)
    except BadSample as bad:
        raise SourceError(f"{root.url}: {bad}") from bad
    shape = (scenes, *head.shape[1:3], *([channels] if channels else []))
    size = head.start + math.prod(shape) * head.dtype.itemsize
    fits = head.shape == shape and head.dtype.str[1:] == kind and not head.fortran
    if not fits or file.size != size:
        raise SourceError(
            f"{root.url}: {file.path} is {head.dtype.str} {head.shape} in {file.size} bytes, "
            f"expected {kind} {shape} in {size}"
        )
    return head


def _entry(bare: Entry, line: Mapping[str, Any] | None, record: dict[str, Any]) -> Entry:
    """A scene's entry, with its fault if its line is garbled."""
    try:
        return _described(bare, line or {}, record)
    except BadSample as bad:
        return records.faulty(bare, bad)
    except (KeyError, TypeError, ValueError):
        return replace(bare, fault=f"garbled annotation: its line lacks {EXPECTED}")


def _described(bare: Entry, line: Mapping[str, Any], record: dict[str, Any]) -> Entry:
    """The entry with all that its line says. Raises BadSample; KeyError and the like if garbled."""
    segments, edit = line["segments"], line["instruction"]
    return replace(
        bare,
        labels=LABELS if edit else LABELS[:-1],
        classes=_facts(segments),
        captions=own.texts(line["captions"], "captions"),
        expressions=_expressions(line["expressions"], len(segments)),
        instructions=own.texts(edit, "instruction") if edit else (),
        camera=_camera(line["camera"]),
        record=records.pack(record | {"segments": [[s["name"], s["thing"]] for s in segments]}),
    )


def _facts(segments: Any) -> tuple[ClassFact, ...]:
    """What the picture has of each class. Raises BadSample for a garbled segment."""
    seen = []
    for one in segments:
        name, thing, area = one["name"], one["thing"], one["pixels"]
        if not records.text(name) or not isinstance(thing, bool) or not records.whole(area):
            raise BadSample("garbled annotation", f"a segment is {one!r:.60}")
        seen.append(Seen(name, thing, False, area))
    return by_class(seen)


def _expressions(listed: Any, segments: int) -> tuple[Expression, ...]:
    """A line's expressions. segments: how many the scene has. Raises BadSample."""
    expressions = []
    for one in listed:
        targets = one["targets"]
        if not all(records.whole(k) and k < segments for k in targets):
            raise BadSample("garbled annotation", f"targets {targets!r:.40} of {segments} segments")
        (text,) = own.texts(one["text"], "expression")
        expressions.append(Expression(text=text, targets=tuple(targets)))
    return tuple(expressions)


def _camera(listed: Any) -> tuple[float, float, float, float]:
    """A line's camera. Raises BadSample for one that is no pinhole."""
    fx, fy, cx, cy = (float(number) for number in listed)
    if not (math.isfinite(fx + fy + cx + cy) and fx > 0 and fy > 0):
        raise BadSample("out of range", f"camera {listed!r:.60}")
    return fx, fy, cx, cy


def _array(root: Root, entry: Entry, name: str) -> NDArray[Any]:
    """The scene's part of an array, [H, W] or [H, W, 3]. Raises BadSample("truncated")."""
    kind, channels = ARRAYS[name]
    record = records.unpack(entry.record)
    shape = (entry.height, entry.width, *([channels] if channels else []))
    size = math.prod(shape) * np.dtype(kind).itemsize
    path = entry.files[name].path
    data = root.read_range(path, record["starts"][name] + record["number"] * size, size)
    if len(data) != size:
        raise BadSample("truncated", f"{len(data)} of a scene's {size} bytes", path)
    return np.frombuffer(data, f"<{kind}").reshape(shape).astype(kind)


def _label(root: Root, entry: Entry, kind: str) -> Any:
    if kind == "captions":
        return entry.captions
    if kind == "expressions":
        return entry.expressions
    if kind == "edited":
        return _array(root, entry, "edited")
    return {"depth": _depth, "normals": _normals, "segments": _segments}[kind](root, entry)


def _depth(root: Root, entry: Entry) -> Depth:
    metres = _array(root, entry, "depth")
    valid = metres > 0  # not NaN either; inf is sky
    return Depth(
        metres=np.where(valid, metres, np.float32(0)),
        valid=valid,
    )


def _normals(root: Root, entry: Entry) -> Normals:
    xyz = _array(root, entry, "normals")
    length = np.sqrt(np.square(xyz).sum(-1))
    sky, valid = length == 0, np.abs(length - 1) < 1e-3
    xyz = np.where(valid[..., None], xyz / np.where(valid, length, 1)[..., None], np.float32(0))
    return Normals(
        xyz=np.ascontiguousarray(xyz.transpose(2, 0, 1), np.float32),
        valid=valid,
        sky=sky,
    )


def _segments(root: Root, entry: Entry) -> SegmentsLabel:
    named = records.unpack(entry.record)["segments"]
    ids = _array(root, entry, "ids").astype(np.int32)
    if int(ids.max()) > len(named):
        detail = f"segment {int(ids.max())}, its line has {len(named)}"
        raise BadSample("garbled annotation", detail, entry.files["ids"].path)
    return SegmentsLabel(
        ids=ids,
        classes=tuple(name for name, _ in named),
        things=tuple(thing for _, thing in named),
        crowds=(False,) * len(named),
        valid=ids > 0,
    )
