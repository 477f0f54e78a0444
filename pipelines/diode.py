"""DIODE: rooms and streets with dense depth from a laser scanner.

Licence: MIT. Layout, train.tar.gz and val.tar.gz unpacked in the root:

    {train,val}/{indoors,outdoor}/scene_000xx/scan_00xxx/
        00019_00183_indoors_110_000.png              scene, scan, domain, yaw, pitch; 1024 x 768
        00019_00183_indoors_110_000_depth.npy        float32 (768, 1024, 1), metres
        00019_00183_indoors_110_000_depth_mask.npy   float32 or float64 (768, 1024), 1 = valid

- Depth is planar z. Neither devkit nor paper says so; two public measurements on val do. Read as z,
  flat patches of 160 pixels indoors are flat to 0.014 % of their depth, as distance along the ray
  to 0.144 % (tools/check_diode_convention.py), and the ground of 42 of 42 outdoor pictures is
  flatter as z. A plane in z is a plane under any focal lengths, so this holds whatever becomes of
  the next point. Marigold (diode_dataset.py) and Metric3D take the values as they are, too.
- camera: fx 886.81, fy 927.06, cx 512, cy 384 are the devkit's intrinsics.txt, passed on as they
  are and used for nothing here. Devkit issue #20 (open) finds that right angles come out right at
  42.3 x 32.4 degrees, about 1,323 pixels both ways, so do not trust point clouds.
- Valid: mask 1, finite, > 0. Where no beam came back depth is 0; at depth edges the mask is 0 over
  depths that are not 0. No pixel is sky: a missing echo may be glass. A frame with a valid depth
  beyond the scanner's 350 m is out of range.
- The normals archive is not read: the devkit says that (0, 0, 0) is invalid, but no source says
  which way the axes point. Nor are normals computed from depth, as that needs focal lengths.
- Size: that of the first depth map's header, for all pictures of a domain; for a copy that was made
  smaller, the camera is scaled with it.

A frame is an entry if it has a picture, depth or a mask; a file that is missing beside others is
its fault. Other files are not DIODE's.

Sources: diode-dataset/diode-devkit (README, diode.py, intrinsics.txt, issues #3 and #20);
Vasiljevic et al., "DIODE", arXiv 1908.00463; counts: the devkit's demo.ipynb (train) and the
partition table of diode-dataset.org (val).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.images import MAX_PIXELS
from vbdata.core.labels import Depth
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .formats import npy
from .parts import depth_rules, picture_files, records, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "MIT"
HOMEPAGE = "https://diode-dataset.org"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "m",
    "sky": "none: no echo may be glass",
    "invalid": "0, or mask 0",
    "normals": "none read: the axes are not published",
}
FILES = {"depth": ("depth", "mask")}  # that a kind of label is read from
HOLDOUTS: Mapping[str, Mapping[str, Any]] = {"diode-val": {"split": "val"}}

SPLITS = ("train", "val")
DOMAINS = {"indoors": ("indoors",), "outdoor": ("outdoor",), "both": ("indoors", "outdoor")}
FRAMES = {
    ("train", "indoors"): 8574,
    ("train", "outdoor"): 16884,
    ("val", "indoors"): 325,
    ("val", "outdoor"): 446,
}
ARCHIVES_AT = "http://diode-dataset.s3.amazonaws.com"

WIDTH, HEIGHT = 1024, 768
CAMERA = (886.81, 927.06, 512.0, 384.0)
SUFFIXES = {"image": ".png", "depth": "_depth.npy", "mask": "_depth_mask.npy"}
FARTHEST = 350.0  # metres: the range of the scanner, a FARO Focus S350
FRAME = re.compile(
    r"(.*/(scene_\d{5})/scan_\d{5}/\d{5}_\d{5}_(?:indoors|outdoor)_\d{3}_\d{3})"
    rf"(?:\.(?:{'|'.join(records.PICTURES)})|_depth\.npy|_depth_mask\.npy)"
)
MASKS = ("f4", "f8", "u1", "b1")


def index(
    root: Root,
    *,
    split: str = "train",
    domain: str = "both",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a split in order of their paths, indoors before outdoor.

    split: train or val; domain: indoors, outdoor or both; min_rgb_range, max_invalid,
    min_depth_range: parts/depth_rules.py. Raises SourceError if one has no frames.
    """
    records.one_of("split", split, SPLITS)
    records.one_of("domain", domain, DOMAINS)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, split, domain), root, load, asked)


index_parts, index_part = spans.parts(index)


def _all(root: Root, split: str, domain: str) -> Iterator[Entry]:
    """The frames of a split. Raises SourceError."""
    for part in DOMAINS[domain]:
        folder = f"{split}/{part}"
        sizes = records.sizes(root, folder)
        frames = {match[1]: match[2] for path in sizes if (match := FRAME.fullmatch(path))}
        if not frames:
            one = "; domain: indoors or outdoor takes one of the two" * (domain == "both")
            raise SourceError(f"{root.url}: no scene_NNNNN/scan_NNNNN/*.png in {folder}{one}")
        yield from _entries(root, frames, sizes)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if "depth" in kinds else {})


def official(
    *,
    split: str = "train",
    domain: str = "both",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release of a split: its count of frames, and its one archive."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    records.one_of("split", split, SPLITS)
    records.one_of("domain", domain, DOMAINS)
    archive = f"{split}.tar.gz"
    return Official(
        entries=sum(FRAMES[split, part] for part in DOMAINS[domain]),
        downloads=(Download(path=split, archive=archive, url=f"{ARCHIVES_AT}/{archive}"),),
    )


def _entries(root: Root, frames: dict[str, str], sizes: dict[str, int]) -> Iterator[Entry]:
    """The entries of a domain. frames: path without suffix -> scene; sizes: path -> bytes."""
    depths = [path for frame in sorted(frames) if (path := frame + SUFFIXES["depth"]) in sizes]
    width, height = _size(root, depths)
    across, down = width / WIDTH, height / HEIGHT
    camera = (CAMERA[0] * across, CAMERA[1] * down, CAMERA[2] * across, CAMERA[3] * down)
    for frame in sorted(frames):
        yield Entry(
            id=frame,
            group=f"diode:{frames[frame]}",
            width=width,
            height=height,
            license=LICENSE,
            files={k: records.file_ref(frame + suffix, sizes) for k, suffix in SUFFIXES.items()}
            | {"image": records.picture_ref(frame, "png", sizes)},
            labels=LABELS,
            camera=camera,
        )


def _size(root: Root, depths: list[str]) -> tuple[int, int]:
    """(width, height) by the first depth map whose header can be read, else the official one."""
    for path in depths:
        try:
            shape = npy.header(root.read_range(path, 0, npy.LONGEST), path).shape
        except BadSample:  # raised again when that frame is loaded
            continue
        if len(shape) in (2, 3) and 0 < shape[0] * shape[1] <= MAX_PIXELS:
            return shape[1], shape[0]
    return WIDTH, HEIGHT


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where its mask says so and a beam came back. Raises BadSample."""
    size = (entry.height, entry.width)
    path, mask_path = entry.files["depth"].path, entry.files["mask"].path
    stored = npy.plane(records.read(root, entry, "depth"), *size, ("f4",), path)
    mask = npy.plane(records.read(root, entry, "mask"), *size, MASKS, mask_path)
    marked = mask == 1
    if strange := int((~marked & (mask != 0)).sum()):
        raise BadSample("out of range", f"{strange} pixels are neither 0 nor 1", mask_path)
    valid = marked & np.isfinite(stored) & (stored > 0)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    depth_rules.within(stored, valid, FARTHEST, path)
    metres = np.where(valid, stored, np.float32(0))
    return Depth(metres=metres, valid=valid)
