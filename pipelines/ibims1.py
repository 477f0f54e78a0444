"""iBims-1: 100 indoor pictures with depth from a laser scanner, for tests of depth alone.

Licence: CC BY-NC-SA 4.0. Layout of ibims1_core_raw.zip, in the root or in ibims1_core_raw/:

    rgb/corridor_01.png                    640 x 480
    depth/corridor_01.png                  uint16, metres = value x 50 / 65535, planar z
    mask_invalid/corridor_01.png           above 0: the scanner measured here, for all its name
    mask_transp/corridor_01.png            above 0: no glass or mirror
    calib/corridor_01.txt                  fx, fy, cx, cy in pixels

- 65535 is no return, not 50 m, and so is 0. Valid is what both masks and the depth allow.
- The readme that is shipped prints the formula the other way round; this is that of the loaders,
  and of the .mat files, in which depth is in metres.
- The planes (mask_wall, mask_floor, mask_table) and edges of its own metrics, ibims1_core_mat.zip
  and imagelist.txt, which names all pictures, are not read.
- Groups: each picture its own ("ibims:corridor_01"), the same in dsine.py, which has its normals.
- A file that is missing beside others is a fault of its picture; without calib there is no camera.

Nothing of it was seen here: layout and codes are those of several public loaders.

Sources: Koch et al., "Evaluation of CNN-based Single-Image Depth Estimation Methods", ECCVW 2018;
loaders of Metric3D, UniK3D and MoGe; the download page of the Technical University of Munich.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Depth
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import depth_rules, maps, own_records, picture_files, records, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-4.0"
HOMEPAGE = "https://www.bgu.tum.de/lmf/ibims1/"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "50 / 65535 m",
    "sky": "none",
    "invalid": "0, 65535, and what its masks exclude",
    "normals": "none",
}
FILES = {"depth": ("depth", "mask_invalid", "mask_transp")}  # that a kind of label is read from
HOLDOUTS: dict[str, dict[str, object]] = {"ibims1": {}}

TOP = "ibims1_core_raw"
FOLDERS = ("rgb", *FILES["depth"])
NAME = re.compile(r"(?:.*/)?(?:rgb|depth|mask_invalid|mask_transp)/([^/]+)\.\w+")
IMAGES = 100
FARTHEST = 50.0  # metres: that of the largest value
MOST = 65535  # which is no return


def index(
    root: Root, *, min_rgb_range: float = 0, max_invalid: float = 1, min_depth_range: float = 0
) -> Iterator[Entry]:
    """The pictures by name.

    min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError if there
    are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed = spans.Spans(_all(root), partial(_filled, root), spans.HEADS)
    return depth_rules.kept(listed, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if kinds else {})


def official(
    *, min_rgb_range: float = 0, max_invalid: float = 1, min_depth_range: float = 0
) -> Official:
    """The release: 100 pictures in one archive."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return Official(
        entries=IMAGES,
        downloads=tuple(
            Download(path=f"{TOP}/{name}", archive=f"{TOP}.zip", url=HOMEPAGE, also=(name,))
            for name in FOLDERS
        ),
    )


def _all(root: Root) -> Iterator[Entry]:
    top = f"{TOP}/" if root.exists(TOP) else ""
    sizes = {
        path: size for name in FOLDERS for path, size in records.sizes(root, top + name).items()
    }
    names = sorted({match[1] for path in sizes if (match := NAME.fullmatch(path))})
    if not names:
        raise SourceError(f"{root.url}: no files rgb/corridor_01.png, nor in {TOP}/")
    for name in names:
        yield _entry(top, name, sizes)


def _entry(top: str, name: str, sizes: dict[str, int]) -> Entry:
    """The entry of a picture before it is measured. top: above the folders."""
    return Entry(
        id=name,
        group=f"ibims:{name}",
        width=0,
        height=0,
        license=LICENSE,
        files={key: records.file_ref(f"{top}{key}/{name}.png", sizes) for key in FILES["depth"]}
        | {"image": records.picture_ref(f"{top}rgb/{name}", "png", sizes)},
        labels=LABELS,
    )


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with its size and camera, or its fault."""
    try:
        entry = own_records.measured(root, entry, picture_files.STORED)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)
    try:
        above = entry.files["depth"].path.removesuffix(f"depth/{entry.id}.png")
        path = f"{above}calib/{entry.id}.txt"
        camera = cameras.camera(root.read(path), path, (entry.width, entry.height))
    except BadSample:
        return entry
    return replace(entry, camera=camera)


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where something was measured that is not glass. Raises BadSample."""
    path = entry.files["depth"].path
    stored = maps.grey(root, entry, "depth", np.uint16)
    records.check_size(stored.shape, entry, path)
    valid = (stored > 0) & (stored < MOST)
    for key in FILES["depth"][1:]:
        valid &= _mask(root, entry, key)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    metres = (stored * (FARTHEST / MOST)).astype(np.float32)
    return Depth(metres=np.where(valid, metres, np.float32(0)), valid=valid)


def _mask(root: Root, entry: Entry, key: str) -> NDArray[np.bool_]:
    """A mask, of 1 or 8 bits: 0, and one other value that says yes. Raises BadSample."""
    path = entry.files[key].path
    stored = maps.grey(root, entry, key, np.uint8)
    records.check_size(stored.shape, entry, path)
    chosen = stored > 0
    if chosen.any() and (stored[chosen] != stored.max()).any():
        raise BadSample("out of range", "a mask of more than two values", path)
    return chosen
