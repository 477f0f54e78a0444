"""BlendedMVS and BlendedMVG: views of reconstructed places and things, rendered with depth.

Licence: CC BY 4.0. Layout of the low and the high resolution alike, a folder a project:

    5a3ca9cb270f0e3f14d0eddb/blended_images/00000000.jpg             768 x 576 or 2048 x 1536
    5a3ca9cb270f0e3f14d0eddb/blended_images/00000000_masked.jpg      not read
    5a3ca9cb270f0e3f14d0eddb/rendered_depth_maps/00000000.pfm        float32, planar z, 0 = none
    5a3ca9cb270f0e3f14d0eddb/cams/00000000_cam.txt                   extrinsic, intrinsic, range

- Scale: each project has one of its own that nobody knows, as photogrammetry gives none. So there
  is relative depth and no metric depth: tasks on metres refuse these records. Within a picture all
  ratios are true.
- 0 is where the mesh has a hole or an end: not valid, and not known to be the sky, which the
  meshes have none of. Pictures are blended, so the sky of the photograph may be seen there.
- Normals: those of depth and the intrinsics (vbdata.core.surface), which no scale changes. They
  are the mesh's, facets and all. Axes are OpenCV's.
- A _cam.txt is the words `extrinsic`, 16 numbers, `intrinsic`, 9 numbers, and a line that is not
  read; a file without these is the fault of its frame.
- split: val is the 7 projects of validation_list.txt, train all others that are there, so that
  BlendedMVS (113 projects), + and ++ (502 together) may lie in one root or apart.
- Groups: the project.

Nothing of it was seen here: format and lists are those of the authors and of converters.

Sources: YoYo000/BlendedMVS at e56469e (README, project_lists); CUT3R/CUT3R at 8bc15dc and
facebookresearch/map-anything at f7ebafb, whose scale type is "colmap"; Yao et al., "BlendedMVS",
CVPR 2020.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample

from .parts import records, rendered, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-4.0"
HOMEPAGE = "https://github.com/YoYo000/BlendedMVS"
LABELS = ("relative_depth", "normals")
FILES = {"relative_depth": ("depth",), "normals": ("depth",)}

VAL = (
    *("5b7a3890fc8fcf6781e2593a", "5c189f2326173c3a09ed7ef3", "5b950c71608de421b1e7318f"),
    *("5a6400933d809f1d8200af15", "59d2657f82ca7774b1ec081d", "5ba19a8a360c7c30c1c169df"),
    "59817e4a1bd4b175e7038d19",
)
HOLDOUTS = {"blendedmvs-val": frozenset(f"blendedmvs:{project}" for project in VAL)}

SPLITS = ("train", "val", "all")
PROJECT = r"(?P<project>[0-9a-f]{24})"
LAYOUT = {
    "image": re.compile(
        rf"{rendered.LAYOUT_ROOT}{PROJECT}/blended_images/(?P<view>\d{{8}}){rendered.PICTURE}"
    ),
    "depth": re.compile(
        rf"{rendered.LAYOUT_ROOT}{PROJECT}/rendered_depth_maps/(?P<view>\d{{8}})\.pfm"
    ),
    "camera": re.compile(rf"{rendered.LAYOUT_ROOT}{PROJECT}/cams/(?P<view>\d{{8}})_cam\.txt"),
}
DEPTH = {"scale": 1.0, "kind": "z", "invalid": [0]}
STORED = {
    "depth": "z",
    "unit": "none: each project has a scale of its own",
    "sky": "none",
    "invalid": "0",
    "normals": "made of depth",
}
AT = f"{HOMEPAGE}/releases/download"


def index(root: Root, *, split: str = "train") -> Iterator[Entry]:
    """The views of a split by project and number.

    split: train, val or all. Raises SourceError if there are none.
    """
    records.one_of("split", split, SPLITS)
    return rendered.opened(root, _all(root, split), partial(_described, root), spans.HEADS)


index_parts, index_part = spans.parts(index)


def _all(root: Root, split: str) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = [
        frame
        for frame in rendered.frames(sizes, LAYOUT)
        if split == "all" or (frame.parts["project"] in VAL) == (split == "val")
    ]
    if not frames:
        where = {"image": "PROJECT/blended_images/00000000.jpg", "depth": "rendered_depth_maps/"}
        raise rendered.nothing(root, where)
    for frame in frames:
        yield _entry(frame, sizes)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the view's file as they are, and its labels. Raises BadSample.

    Relative depth is a Depth whose numbers are in the project's own unit.
    """
    records.refuse(entry, kinds)
    found = rendered.load(
        root, replace(entry, labels=("depth", *entry.labels)), [*map(_read, kinds)]
    )
    return Sample(image=found.image, labels={kind: found.labels[_read(kind)] for kind in kinds})


def _read(kind: str) -> str:
    """As what kind the files of a kind are read."""
    return "depth" if kind == "relative_depth" else kind


def official(*, split: str = "train") -> Official:
    """The release, of which BlendedMVS alone is one archive; the others are zips in 43 parts."""
    records.one_of("split", split, SPLITS)
    path = VAL[0] if split == "val" else "5bfe5ae0fe0ea555e6a969ca"
    url = f"{AT}/v1.0.0/BlendedMVS.zip"
    also = (f"BlendedMVS/{path}", f"dataset_low_res/{path}")
    return Official(
        entries=None,
        downloads=(Download(path=path, archive="BlendedMVS.zip", url=url, also=also),),
    )


def _entry(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    project, view = frame.parts.values()
    expected = {
        "image": f"{project}/blended_images/{view}.jpg",
        "depth": f"{project}/rendered_depth_maps/{view}.pfm",
        "camera": f"{project}/cams/{view}_cam.txt",
    }
    group = f"blendedmvs:{project}"
    return rendered.entry(f"{project}/{view}", group, LICENSE, LABELS, frame, sizes, expected)


def _described(root: Root, entry: Entry) -> Entry:
    """The entry with its camera. Raises BadSample."""
    data, path = rendered.small_file(root, entry.files["camera"])
    words = data.decode("utf-8", "replace").split()
    if words[:1] != ["extrinsic"] or words[17:18] != ["intrinsic"]:
        said = " ".join(words)[:60]
        raise BadSample("garbled annotation", f"{said!r} is no extrinsic and intrinsic", path)
    try:
        numbers = [float(word) for word in words[18:27]]
    except ValueError as err:
        raise BadSample("garbled annotation", f"intrinsic: {err}", path) from err
    camera = cameras.of_value(numbers, path, (entry.width, entry.height))
    files = {role: file for role, file in entry.files.items() if role != "camera"}
    return rendered.coded(replace(entry, files=files), camera, depth=DEPTH)


def layout_options(parts: Mapping[str, str]) -> dict[str, object]:
    """The options under which a frame is listed. parts: groups of LAYOUT."""
    return {"split": "val" if parts["project"] in VAL else "train"}


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some views say of the kind of depth: (ok or warn, a sentence, remedies)."""
    metric = [replace(each, labels=("depth", "normals")) for each in entries]
    for level, text, remedies in rendered.doubts(root, metric):
        if "median" not in text:  # a range in metres, of what has no unit
            yield level, text, remedies
