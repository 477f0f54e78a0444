"""Marigold's tars of depth benchmarks, with the lists of frames that it and others score on.

Licence: that of each data set. Layout, the tars as downloaded (nothing has to be unpacked) and the
lists of the repository, both below the root; a root may be a list of the two folders:

    nyuv2/nyu_labeled_extracted.tar       test/SCENE/{rgb,depth}_0001.png           millimetres
    kitti/kitti_eigen_split_test.tar      DATE/DRIVE/image_02/data/0000000069.png
                                          DRIVE/proj_depth/groundtruth/image_02/0000000069.png
    scannet/scannet_val_sampled_800_1.tar SCENE/{color,depth}/000300.{jpg,png}      millimetres
    diode/diode_val.tar                   indoors/SCENE/SCAN/NAME.png, NAME_depth{,_mask}.npy
    data_split/kitti_depth/eigen_test_files_with_gt.txt       a frame a line: PICTURE DEPTH ...

- KITTI's depth is uint16, metres = value / 256; that of NYUv2 and ScanNet uint16, value / 1000; 0
  is no measurement. DIODE's is float32 in metres, valid where its mask is 1 and it is above 0.
- frames: the list, by its path below the root. By default that with the usual name, wherever it
  is; without any, all pictures that have depth. A line with None in place of the depth, as 45 of
  KITTI's 697 have, is no entry. A file that a list names and that is not there is a fault.
- What is in the tars besides, such as NYUv2's training frames and filled depth, is not read.
- Scores after Marigold: caps of 10, 80, 10 and 350 m, crops of NYUv2 and KITTI, and a least-squares
  alignment to each picture. None of it is done here: pictures and depth are as stored.
- Groups are those of the readers of the data sets: NYUv2's scene, KITTI's drive, DIODE's scene;
  ScanNet's room.
- eth3d.tar is read by eth3d.py. The pack of normals is not: no source says which way the axes of
  all its parts point, and dsine.py has four of the five.

Nothing of it was seen here but the lists: codes are those of the loaders.

Sources: prs-eth/Marigold at b1dffaa (src/dataset/*.py, data_split/, config/dataset_depth/); Ke et
al., "Repurposing Diffusion-Based Image Generators for Monocular Depth Estimation", CVPR 2024.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth
from vbdata.core.types import Download, Entry, FileRef, Official, Sample
from vbdata.errors import BadSample, SourceError
from vbdata.storage.root import safe

from .formats import npy
from .parts import depth_rules, frame_lists, maps, own_records, picture_files, records, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "of each data set"
HOMEPAGE = "https://github.com/prs-eth/Marigold"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "mm; of KITTI 1 / 256 m, of DIODE m",
    "sky": "none",
    "invalid": "0, or mask 0",
    "normals": "none",
}


class Part(NamedTuple):
    """A benchmark.

    tar: its path; unpacked: what is in it; frames: the name of its list; total: of its frames;
    picture: the pattern of a picture's path; depth, mask, group: what follows from it; steps: a
    metre in stored units, 0 for floats; farthest: metres that its sensor can measure.
    """

    tar: str
    unpacked: str
    frames: str
    total: int
    picture: re.Pattern[str]
    depth: str
    mask: str
    group: str
    steps: int
    farthest: float


PARTS = {
    "nyuv2": Part(
        tar="nyuv2/nyu_labeled_extracted.tar",
        unpacked="test",
        frames="filename_list_test.txt",
        total=654,
        picture=re.compile(r"(test/([^/]+))/rgb_(\d+)\.png"),
        depth=r"\1/depth_\3.png",
        mask="",
        group=r"nyuv2:\2",
        steps=1000,
        farthest=66.0,
    ),
    "kitti": Part(
        tar="kitti/kitti_eigen_split_test.tar",
        unpacked="2011_09_26",
        frames="eigen_test_files_with_gt.txt",
        total=652,
        picture=re.compile(r"\d{4}_\d\d_\d\d/([^/]+)/image_02/data/(\d+)\.png"),
        depth=r"\1/proj_depth/groundtruth/image_02/\2.png",
        mask="",
        group=r"kitti:\1",
        steps=256,
        farthest=128.0,
    ),
    "scannet": Part(
        tar="scannet/scannet_val_sampled_800_1.tar",
        unpacked="scene0406_02",
        frames="scannet_val_sampled_list_800_1.txt",
        total=800,
        picture=re.compile(r"((scene\d+)_\d\d)/color/(\d+)\.jpg"),
        depth=r"\1/depth/\3.png",
        mask="",
        group=r"scannet:\2",
        steps=1000,
        farthest=66.0,
    ),
    "diode": Part(
        tar="diode/diode_val.tar",
        unpacked="indoors",
        frames="diode_val_all_filename_list.txt",
        total=771,
        picture=re.compile(r"((?:indoors|outdoor)/([^/]+)/[^/]+/[^/]+)\.png"),
        depth=r"\1_depth.npy",
        mask=r"\1_depth_mask.npy",
        group=r"diode:\2",
        steps=0,
        farthest=350.0,
    ),
}
AT = "https://share.phys.ethz.ch/~pf/bingkedata/marigold/evaluation_dataset"


def index(
    root: Root,
    *,
    part: str = "nyuv2",
    frames: str = "",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a benchmark, sorted by the paths of their pictures.

    part: nyuv2 (its test set), kitti (Eigen's), scannet or diode; frames: a list below the root,
    "" for the one with the usual name, or, without it, for all pictures with depth; min_rgb_range,
    max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError if there are none.
    """
    records.one_of("part", part, PARTS)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    measured = partial(own_records.measured_or_faulty, root, picture_files.STORED)
    listed = spans.Spans(_all(root, part, frames), measured, spans.HEADS)
    return depth_rules.kept(listed, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if kinds else {})


def official(
    *,
    part: str = "nyuv2",
    frames: str = "",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The tar of a benchmark, and how many frames of its list have depth."""
    records.one_of("part", part, PARTS)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    about = PARTS[part]
    folder, _, name = about.tar.partition("/")
    path, url = f"{folder}/{about.unpacked}", f"{AT}/{about.tar}"
    download = Download(path=path, archive=name, url=url, also=(about.unpacked,))
    return Official(entries=about.total, downloads=(download,))


def _all(root: Root, part: str, frames: str) -> Iterator[Entry]:
    about = PARTS[part]
    folder = about.tar.partition("/")[0]
    top = f"{folder}/" if root.exists(f"{folder}/{about.unpacked}") else ""
    sizes = records.sizes(root, "")
    path = frames or _usual(about.frames, sizes)
    listed = _listed(root, path) if path else dict(_paired(about, top, sizes))
    if not listed:
        raise SourceError(f"{root.url}: no pictures with depth of {part}: is {about.tar} there?")
    by_id = {picture.rpartition(".")[0] or picture: picture for picture in listed}
    for name in sorted(by_id):
        yield _entry(part, top, by_id[name], listed[by_id[name]], sizes)


def _usual(name: str, sizes: Mapping[str, int]) -> str:
    """The path of a list by its name, the shortest of several; "" if there is none."""
    paths = [path for path in sizes if path == name or path.endswith(f"/{name}")]
    return min(paths, key=lambda path: (len(path), path), default="")


def _listed(root: Root, path: str) -> dict[str, tuple[str, ...]]:
    """Picture -> depth and whatever else follows in its line, of a list. SourceError."""
    rows = frame_lists.rows(root, path, "which frames are scored")
    if short := next((row for row in rows if len(row) < 2), None):
        raise SourceError(f"{root.url}: {path}: a line {short[0]!r:.80} without depth")
    return {row[0]: row[1:] for row in rows if row[1] != frame_lists.NONE}


def _paired(
    about: Part, top: str, sizes: Mapping[str, int]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(picture, its depth and mask) of all pictures that have depth, below `top`."""
    for path in sizes:
        if path.startswith(top) and (match := about.picture.fullmatch(path, len(top))):
            names = [match.expand(name) for name in (about.depth, about.mask) if name]
            if top + names[0] in sizes:
                yield path[len(top) :], tuple(names)


def _entry(
    part: str, top: str, picture: str, rest: tuple[str, ...], sizes: dict[str, int]
) -> Entry:
    """A frame's entry before it is measured, or its fault.

    picture, rest: the paths of its files below `top`.
    """
    about = PARTS[part]
    match = about.picture.fullmatch(picture)
    named = {"image": picture, "depth": rest[0]} | (
        {"mask": rest[1]} if about.mask and rest[1:] else {}
    )
    entry = Entry(
        id=picture.rpartition(".")[0] or picture,
        group=match.expand(about.group) if match else f"{part}:{picture}",
        width=0,
        height=0,
        license=LICENSE,
        files={key: records.file_ref(top + path, sizes) for key, path in named.items()},
        labels=LABELS,
        record=records.pack({"part": part}),
    )
    try:
        for path in named.values():
            safe(path)
        if about.mask and "mask" not in named:
            raise BadSample("garbled annotation", "its line names no mask")
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    return entry


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where something was measured. Raises BadSample."""
    about, path = PARTS[records.unpack(entry.record)["part"]], entry.files["depth"].path
    if about.steps:
        stored = maps.grey(root, entry, "depth", np.uint16)
        records.check_size(stored.shape, entry, path)
        valid = stored > 0
        metres = (stored / about.steps).astype(np.float32)
    else:
        metres = npy.plane(
            records.read(root, entry, "depth"), entry.height, entry.width, ("f4",), path
        )
        valid = _mask(root, entry) & np.isfinite(metres) & (metres > 0)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    depth_rules.within(metres, valid, about.farthest, path)
    return Depth(metres=np.where(valid, metres, np.float32(0)), valid=valid)


def _mask(root: Root, entry: Entry) -> NDArray[np.bool_]:
    """Where the mask of a frame is 1. Raises BadSample."""
    file: FileRef = entry.files["mask"]
    data = records.read(root, entry, "mask")
    mask = npy.plane(data, entry.height, entry.width, ("f4", "f8", "u1", "b1"), file.path)
    marked = np.asarray(mask == 1)
    if (~marked & (mask != 0)).any():
        raise BadSample("out of range", "a mask of other values than 0 and 1", file.path)
    return marked
