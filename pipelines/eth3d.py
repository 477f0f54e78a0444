"""ETH3D: high-resolution photographs of 13 places with depth from a laser scanner.

Licence: CC BY-NC-SA 4.0. Layout of multi_view_training_dslr_jpg.7z and of the SCENE_dslr_depth.7z,
unpacked (7z archives are not looked into), each in the root or in folders of their own:

    SCENE/images/dslr_images/DSC_0219.JPG                  6048 x 4032, some on their side
    SCENE/dslr_calibration_jpg/{cameras,images}.txt        COLMAP's, of the pictures as they are
    SCENE/ground_truth_depth/dslr_images/DSC_0219.JPG      no JPEG: float32, metres, row by row

- The depth is a raw dump of little-endian numbers without a header; its size is the camera's, by
  cameras.txt and images.txt, or the picture's where these are not there. It is planar z: seen as z,
  scans project onto it, as distance along the ray they do not.
- inf is "no depth", not sky, and is not valid; about 9 % of the pixels have one.
- Pictures are read as stored, whatever their EXIF says, since the depth lies on these pixels: the
  distorted ones. dslr_images_undistorted is of another size and is not read.
- The lens is a fisheye (THIN_PRISM_FISHEYE), so the entries have no camera.
- The layout of Marigold's eth3d.tar, rgb/SCENE/... and depth/SCENE_dslr_depth/SCENE/..., is read.
- Groups: the scene. A picture without depth beside others that have some is a fault.

Nothing of it was seen here: the format is that of the official documentation and of loaders.

Sources: eth3d.net/documentation; Marigold (src/dataset/eth3d_dataset.py), whose list has the same
454 frames; facebookresearch/map-anything at f7ebafb on turned views; Schoeps et al., "A Multi-View
Stereo Benchmark with High-Resolution Images and Multi-Camera Videos", CVPR 2017.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vbdata.core.labels import Depth
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import colmap, depth_rules, own_records, picture_files, records, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-4.0"
HOMEPAGE = "https://www.eth3d.net/datasets"
LABELS = ("depth",)
STORED = {
    "depth": "z",
    "unit": "m",
    "sky": "none: infinite is unknown",
    "invalid": "infinite, 0",
    "normals": "none",
}
HOLDOUTS: dict[str, dict[str, object]] = {"eth3d": {}}

SCENES = (
    *("courtyard", "delivery_area", "electro", "facade", "kicker", "meadow", "office", "pipes"),
    *("playground", "relief", "relief_2", "terrace", "terrains"),
)
IMAGES = 454
FILE = re.compile(
    r"(?P<above>(?:.*/)?(?P<scene>[^/]+)/)(?P<what>images|ground_truth_depth)/dslr_images/"
    r"(?P<name>[^/]+)\.jpe?g",
    re.IGNORECASE,
)
CALIBRATION = "dslr_calibration_jpg"
Sizes = Mapping[str, tuple[int, int]]  # name of a picture -> width, height


def index(
    root: Root, *, min_rgb_range: float = 0, max_invalid: float = 1, min_depth_range: float = 0
) -> Iterator[Entry]:
    """The pictures by scene and name.

    min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError if there
    is no depth.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its depth. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.STORED)
    return Sample(image=image, labels={"depth": _depth(root, entry)} if kinds else {})


def official(
    *, min_rgb_range: float = 0, max_invalid: float = 1, min_depth_range: float = 0
) -> Official:
    """The release: 454 pictures, in one archive of pictures and one of depth for each scene."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    pictures, at = "multi_view_training_dslr_jpg.7z", "https://www.eth3d.net/data"
    files = [(f"{scene}/images", pictures) for scene in SCENES]
    files += [(f"{s}/ground_truth_depth", f"{s}_dslr_depth.7z") for s in SCENES]
    return Official(
        entries=IMAGES,
        downloads=tuple(Download(path=p, archive=a, url=f"{at}/{a}") for p, a in files),
    )


def _all(root: Root) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    found: dict[tuple[str, str], dict[str, str]] = {}
    for path in sizes:
        if match := FILE.fullmatch(path):
            paths = found.setdefault((match["scene"], match["name"]), {})
            paths.setdefault(match["what"], path)
            paths.setdefault(f"above {match['what']}", match["above"])
    with_depth = {scene for (scene, _), paths in found.items() if "ground_truth_depth" in paths}
    if not with_depth:
        where = "SCENE/ground_truth_depth/dslr_images/DSC_0219.JPG"
        raise SourceError(f"{root.url}: no {where}: are the 7z archives unpacked?")
    by_scene: dict[str, Sizes | BadSample] = {}
    for scene, name in sorted(found, key="/".join):
        if scene not in with_depth:
            continue
        paths = found[scene, name]
        if scene not in by_scene:
            above = paths.get("above images") or paths["above ground_truth_depth"]
            by_scene[scene] = _sizes(root, above, sizes)
        yield _entry(root, scene, name, paths, sizes, by_scene[scene])


def _sizes(root: Root, above: str, known: Mapping[str, int]) -> Sizes | BadSample:
    """The sizes of a scene's pictures by its calibration; of one that is damaged, its fault.

    "" is for pictures that images.txt does not name, where all cameras have one size.
    """
    paths = [f"{above}{CALIBRATION}/{name}.txt" for name in ("cameras", "images")]
    try:
        cameras = colmap.cameras(root, paths[0]) if paths[0] in known else {}
        images = colmap.images(root, paths[1]) if paths[1] in known else {}
    except BadSample as bad:
        return bad
    found = {
        name.rpartition("/")[2].rpartition(".")[0]: cameras[number][1:3]
        for name, number in images.items()
        if number in cameras
    }
    every = {camera[1:3] for camera in cameras.values()}
    return found | ({"": every.pop()} if len(every) == 1 else {})


def _entry(
    root: Root,
    scene: str,
    name: str,
    paths: Mapping[str, str],
    sizes: dict[str, int],
    calibrated: Sizes | BadSample,
) -> Entry:
    """A picture's entry, or its fault. paths: of its files; calibrated: sizes by name."""
    beside = paths.get("images") or paths["ground_truth_depth"]
    files = {
        key: records.file_ref(paths.get(what, f"{scene}/{what}/dslr_images/{name}.JPG"), sizes)
        for key, what in (("image", "images"), ("depth", "ground_truth_depth"))
    }
    entry = Entry(
        id=f"{scene}/{name}",
        group=f"eth3d:{scene}",
        width=0,
        height=0,
        license=LICENSE,
        files=files,
        labels=LABELS,
    )
    try:
        if isinstance(calibrated, BadSample):
            raise calibrated
        if size := calibrated.get(name, calibrated.get("")):
            entry = replace(entry, width=size[0], height=size[1])
        return own_records.measured(root, entry, picture_files.STORED)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file or beside)


def _depth(root: Root, entry: Entry) -> Depth:
    """An entry's depth, valid where the scanner measured one. Raises BadSample."""
    path = entry.files["depth"].path
    data, promised = records.read(root, entry, "depth"), 4 * entry.width * entry.height
    if len(data) != promised:
        detail = f"{len(data)} bytes, {entry.width}x{entry.height} numbers of 4 are {promised}"
        raise BadSample("truncated" if len(data) < promised else "wrong size", detail, path)
    stored = np.frombuffer(data, "<f4").reshape(entry.height, entry.width)
    with np.errstate(invalid="ignore"):  # NaN: no depth
        valid = np.isfinite(stored) & (stored > 0)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a measured depth", path)
    metres = np.where(valid, stored, np.float32(0)).astype(np.float32, copy=False)
    return Depth(metres=metres, valid=valid)
