"""Spring: 5,000 stereo frames of an animated film, 1920 x 1080, with disparity on a grid of 4K.

Licence: CC BY 4.0. Layout of the zips of train (train_frame_left.zip, train_disp1_left.zip ...):

    train/0001/frame_left/frame_left_0001.png           frames are counted from 1
    train/0001/disp1_left/disp1_left_0001.dsp5          HDF5 with `disparity`, float32 [2160, 3840]
    train/0001/cam_data/intrinsics.txt                  a line a frame: fx, fy, cx, cy in pixels
    train/0001/{frame_right,disp1_right}/...

The folder train may lie in spring/ or be left out.

- camera: left, right or both, of one lens and 0.065 m apart.
- Depth: z = 0.065 fx / d. Disparity has four values a pixel of the picture, in pixels of the
  picture; the value of a pixel is that in the first of its two rows and columns, as the authors
  take it: the mean of all four would make surfaces that are not there.
- Sky has disparity 0 by the authors' converter: +inf and valid. NaN is not valid.
- Normals: of depth.
- Groups: the sequence. MoGe's pack (moge.py, part Spring) is made of frames of this data set, and
  nobody says of which: leave one of the two out.
- test has no truth, and is not read; nor are flow, disp2, maps, poses and the focal distance.

Nothing of it was seen here: layout and codes are those of the authors' code.

Sources: cv-stuttgart/spring_utils (dataloader.py: 10,000 views of train; pointcloud.py);
cv-stuttgart/sceneflow_from_blender (convert.py: sky, units); Mehl et al., "Spring", CVPR 2023.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample

from .parts import depth_rules, records, rendered, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-4.0"
HOMEPAGE = "https://spring-benchmark.org"
LABELS = ("depth", "normals")
STORED = {
    "depth": "disparity",
    "unit": "pixels; z = 0.065 m fx / value",
    "sky": "0",
    "invalid": "NaN",
    "normals": "made of depth",
}
FILES = {"normals": ("depth",)}  # that a kind of label is read from

FRAME = (
    r"(?!(?:.*/)?test/)"  # which has no truth
    + rendered.LAYOUT_ROOT
    + r"(?P<sequence>\d{4})/WHAT_(?P<side>left|right)/WHAT_(?P=side)_(?P<frame>\d{4})"
)
LAYOUT = {
    "image": re.compile(FRAME.replace("WHAT", "frame") + rendered.PICTURE),
    "depth": re.compile(FRAME.replace("WHAT", "disp1") + r"\.dsp5"),
}
SIDES = {"left": ("left",), "right": ("right",), "both": ("left", "right")}
FRAMES = 5000  # of train, by one camera
DEPTH = {
    **{"kind": "disparity", "scale": 1, "baseline": 0.065},
    **{"dataset": "disparity", "step": 2, "sky": [0]},
}
URL = "https://darus.uni-stuttgart.de/dataset.xhtml?persistentId=doi:10.18419/darus-3376"


def index(
    root: Root,
    *,
    camera: str = "both",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of train by sequence, number and side.

    camera: left, right or both; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py.
    Raises SourceError if there are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, camera), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its depth and the normals of that; BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    camera: str = "both",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release: zips of pictures and disparity for each side, and one of cameras."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    records.one_of("camera", camera, SIDES)
    sides = SIDES[camera]
    files = [(f"{what}_{side}", f"train_{what}_{side}.zip") for side in sides for what in _KINDS]
    downloads = (
        Download(
            path=f"train/0001/{folder}",
            archive=archive,
            url=URL,
            also=(f"spring/train/0001/{folder}", f"0001/{folder}"),
        )
        for folder, archive in (*files, ("cam_data", "train_cam_data.zip"))
    )
    return Official(entries=FRAMES * len(sides), downloads=tuple(downloads))


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Whether disparity makes depth in metres: (ok or warn, a sentence, what to do about it)."""
    yield from rendered.doubts(root, entries)


_KINDS = ("frame", "disp1")


def _all(root: Root, camera: str) -> Iterator[Entry]:
    records.one_of("camera", camera, SIDES)
    sizes = records.sizes(root, "")
    shown = [f for f in rendered.frames(sizes, LAYOUT) if f.parts["side"] in SIDES[camera]]
    if not shown:
        above = "train/0001"
        example = {
            "image": f"{above}/frame_left/frame_left_0001.png",
            "disparity": f"{above}/disp1_left/disp1_left_0001.dsp5",
        }
        raise rendered.nothing(root, example)
    lenses: dict[str, list[str]] = {}
    drafts = (_draft(frame, sizes) for frame in shown)
    yield from rendered.completed(root, drafts, lambda e: _described(root, e, sizes, lenses))


def _draft(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    sequence, side, number = frame.parts.values()
    above = f"train/{sequence}"
    expected = {
        "image": f"{above}/frame_{side}/frame_{side}_{number}.png",
        "depth": f"{above}/disp1_{side}/disp1_{side}_{number}.dsp5",
    }
    name, group = f"{sequence}/{number}/{side}", f"spring:{sequence}"
    return rendered.entry(name, group, LICENSE, LABELS, frame, sizes, expected)


def _described(
    root: Root, entry: Entry, sizes: dict[str, int], lenses: dict[str, list[str]]
) -> Entry:
    """The entry with its camera, by the line of its number. lenses: lines by path, read once."""
    sequence, number, _ = entry.id.split("/")
    places = (
        f"{file.path.rsplit('/', 2)[0]}/cam_data/intrinsics.txt" for file in entry.files.values()
    )
    path = next(
        (place for place in places if place in sizes), f"{sequence}/cam_data/intrinsics.txt"
    )
    if path not in lenses:
        lenses[path] = (
            rendered.small_file(root, records.file_ref(path, sizes))[0]
            .decode("utf-8", "replace")
            .split("\n")
        )
    line = int(number) - 1
    if not 0 <= line < len(lenses[path]) or not lenses[path][line].strip():
        raise BadSample("garbled annotation", f"no line {number} of a frame's camera", path)
    size = entry.width, entry.height
    camera = cameras.camera(lenses[path][line].encode(), path, size)
    return rendered.coded(entry, camera, depth=DEPTH)
