"""MPI Sintel: frames of an animated film with depth, and normals that are made of it.

Licence: that of the film, CC BY 3.0 [inferred for the depth]. Layout of three archives, unpacked
over one another:

    training/{clean,final}/alley_1/frame_0001.png      1024 x 436; final has blur, fog and shine
    training/depth/alley_1/frame_0001.dpt              "PIEH", width, height, float32 row by row
    training/camdata_left/alley_1/frame_0001.cam       "PIEH", 3 x 3 and 3 x 4 float64
    training/invalid/alley_1/frame_0001.png            above 0: the renderer's numbers are wrong

- Depth is planar z in units of the film, which are metres in name only: nobody measured them, and
  scenes differ. Errors in metres mean little, scores after an alignment do.
- Sky: the film has a dome, stored as a large finite number. From 1,000 units on depth is sky
  [inferred; others cut at 70 or so]; `vbdata doctor` shows the range.
- invalid/ comes with the optical flow, and marks what has no motion, too; where there is none of
  it, all pixels count. An invalid pixel has neither depth nor normal.
- The .cam has K, pixel centres at whole numbers, and the pose from world to camera, which is not
  read. Axes are OpenCV's.
- Normals: those of depth and K (vbdata.core.surface). dsine.py has planes fitted to the same
  frames, which is another truth.
- The test frames have no depth. Groups: the scene ("sintel:alley_1"), as in dsine.py.

Nothing of it was seen here: format and counts are those of the SDK and of loaders.

Sources: the Sintel SDK, sdk/python/sintel_io.py (depth_read, cam_read); Butler et al., ECCV 2012;
Junyi42/monst3r, data/download_sintel.sh (archives).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.labels import Depth
from vbdata.core.surface import normals_from_depth
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample

from .formats import dpt
from .parts import depth_rules, maps, records, rendered, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-3.0"
HOMEPAGE = "http://sintel.is.tue.mpg.de/depth"
LABELS = ("depth", "normals")
FILES = {"depth": ("depth", "invalid"), "normals": ("depth", "invalid")}
HOLDOUTS: dict[str, dict[str, object]] = {"sintel": {}}

RENDERINGS = ("final", "clean")
FRAMES = 1064
DEPTH = {"scale": 1.0, "kind": "z", "sky_from": 1000.0}
PLACE = r"(?P<scene>[^/]+)/(?P<name>frame_\d+)"
BELOW = f"{rendered.LAYOUT_ROOT}training/"
LAYOUTS = {
    rendering: {
        "image": re.compile(f"{BELOW}{rendering}/{PLACE}{rendered.PICTURE}"),
        "depth": re.compile(rf"{BELOW}depth/{PLACE}\.dpt"),
        "camera": re.compile(rf"{BELOW}camdata_left/{PLACE}\.cam"),
        "invalid": re.compile(rf"{BELOW}invalid/{PLACE}\.png"),
    }
    for rendering in RENDERINGS
}
LAYOUT = {role: LAYOUTS["final"][role] for role in ("image", "depth")}  # what there must be
CAMERA = struct.Struct("<4s21d")
AT = "http://files.is.tue.mpg.de"
ARCHIVES = {
    "training/final": f"{AT}/sintel/MPI-Sintel-training_images.zip",
    "training/depth": f"{AT}/jwulff/sintel/MPI-Sintel-depth-training-20150305.zip",
    "training/invalid": f"{AT}/sintel/MPI-Sintel-training_extras.zip",
}
STORED = {
    "depth": "z",
    "unit": "of the film, nominally metres",
    "sky": "from 1,000 on [inferred]",
    "invalid": "invalid/ above 0",
    "normals": "made of depth",
}


def index(
    root: Root,
    *,
    rendering: str = "final",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a rendering by scene and number.

    rendering: final, or clean without blur, fog and shine; min_rgb_range, max_invalid,
    min_depth_range: parts/depth_rules.py. Raises SourceError if there are none.
    """
    records.one_of("rendering", rendering, RENDERINGS)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    views = rendered.opened(root, _all(root, rendering), partial(_described, root), spans.HEADS)
    return depth_rules.kept(views, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's file as they are, and its labels. Raises BadSample."""
    sample = rendered.load(root, entry, ("depth",) if kinds else ())
    if not kinds:
        return sample
    depth: Depth = sample.labels["depth"]
    valid = depth.valid
    if "invalid" in entry.files:
        marked = maps.grey(root, entry, "invalid", np.uint8)
        records.check_size(marked.shape, entry, entry.files["invalid"].path)
        valid = valid & (marked == 0)
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a depth", entry.files["depth"].path)
    depth = Depth(metres=np.where(valid, depth.metres, np.float32(0)), valid=valid)
    labels: dict[str, Any] = {"depth": depth}
    if "normals" in kinds and entry.camera:
        sky = np.isinf(depth.metres)
        labels["normals"] = normals_from_depth(depth.metres, valid & ~sky, entry.camera, sky)
    return Sample(image=sample.image, labels={kind: labels[kind] for kind in kinds})


def official(
    *,
    rendering: str = "final",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release: 1,064 frames in 23 scenes, in three archives."""
    records.one_of("rendering", rendering, RENDERINGS)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return Official(
        entries=FRAMES,
        downloads=tuple(
            Download(path=path.replace("final", rendering), archive=url.rpartition("/")[2], url=url)
            for path, url in ARCHIVES.items()
        ),
    )


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some frames say of range and kind of depth: (ok or warn, a sentence, remedies)."""
    yield from rendered.doubts(root, entries)


def _all(root: Root, rendering: str) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = rendered.frames(sizes, LAYOUTS[rendering])
    where = {"image": "training/final/alley_1/frame_0001.png", "depth": "its depth/*.dpt"}
    if not any("image" in frame.files and "depth" in frame.files for frame in frames):
        raise rendered.nothing(root, where)
    masks = any("invalid" in frame.files for frame in frames)
    for frame in frames:
        yield _entry(frame, rendering, masks, sizes)


def _entry(frame: rendered.Frame, rendering: str, masks: bool, sizes: dict[str, int]) -> Entry:
    scene, name = frame.parts["scene"], frame.parts["name"]
    expected = {
        "image": f"training/{rendering}/{scene}/{name}.png",
        "depth": f"training/depth/{scene}/{name}.dpt",
        "camera": f"training/camdata_left/{scene}/{name}.cam",
    } | ({"invalid": f"training/invalid/{scene}/{name}.png"} if masks else {})
    return rendered.entry(
        f"{rendering}/{scene}/{name}", f"sintel:{scene}", LICENSE, LABELS, frame, sizes, expected
    )


def _described(root: Root, entry: Entry) -> Entry:
    """The entry with its camera. Raises BadSample."""
    path = entry.files["camera"].path
    files = {role: file for role, file in entry.files.items() if role != "camera"}
    data = root.read(path)
    if len(data) != CAMERA.size or not data.startswith(dpt.MAGIC):
        detail = f"{len(data)} bytes from {data[:4]!r}, not {CAMERA.size} from {dpt.MAGIC!r}"
        raise BadSample("garbled annotation", detail, path)
    camera = cameras.of_value(CAMERA.unpack(data)[1:10], path, (entry.width, entry.height))
    return rendered.coded(replace(entry, files=files), camera, depth=DEPTH)
