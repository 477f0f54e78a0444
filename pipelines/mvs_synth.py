"""MVS-Synth: 120 drives and walks of 100 frames through the city of a video game, with depth.

Licence: for research alone, by its page. Layout of GTAV_720.tar.gz, or of its other two sizes:

    GTAV_720/0000/images/0000.png       1280 x 720; GTAV_540: 960 x 540; GTAV_1080: 1920 x 1080
    GTAV_720/0000/depths/0000.exr       float32, one channel, planar z
    GTAV_720/0000/poses/0000.json       {"f_x", "f_y", "c_x", "c_y", "extrinsic": 4 x 4}

- size: 540, 720 or 1080 where several are there; their frames are the same, in other sizes.
- Depth: metres are the stored number / 10 (inferred by others from the length of cars and the
  height of people; the authors name no unit). Converters that leave the number as it is, or take
  it for centimetres, disagree: `vbdata doctor` prints the range of what is read.
- Sky is stored as +inf, and is valid. NaN and what is not above 0 are not.
- Normals: of depth. The camera is that of the JSON, in pixels.
- The extrinsic matrix (world to camera, left-handed axes: x right, y up, z forward) is not read.
- Groups: the sequence; sequences may show the same streets (inferred: one city).

Nothing of it was seen here: layout and codes are those of converters and of a public conversion.

Sources: phuang17.github.io/DeepMVS/mvs-synth.html; facebookresearch/map-anything at f7ebafb
(conversion/mvs_synth.py: / 10, sky); CUT3R (preprocess_mvs_synth.py: no unit); microsoft/MoGe,
issue #123; phuang17/DeepMVS, issue #25; Huang et al., "DeepMVS", CVPR 2018.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import depth_rules, records, rendered, spans
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "research only"
HOMEPAGE = "https://phuang17.github.io/DeepMVS/mvs-synth.html"
LABELS = ("depth", "normals")
STORED = {
    "depth": "z",
    "unit": "0.1 m [inferred]",
    "sky": "infinite",
    "invalid": "0, NaN",
    "normals": "made of depth",
}
FILES = {"normals": ("depth",)}  # that a kind of label is read from

ROOT = r"(?P<root>(?:.*?/)??)"  # as little as can be: the folder of the size is none of it
FRAME = ROOT + r"(?:GTAV_(?P<size>\d+)/)?(?P<scene>\d{4})/WHAT/(?P<frame>\d{4})"
LAYOUT = {
    "image": re.compile(FRAME.replace("WHAT", "images") + rendered.PICTURE),
    "depth": re.compile(FRAME.replace("WHAT", "depths") + r"\.exr"),
    "pose": re.compile(FRAME.replace("WHAT", "poses") + r"\.json"),
}
SIZES = ("540", "720", "1080")
ANY = ""  # the size of what is there
FRAMES = 12_000
DEPTH = {"kind": "z", "scale": 10, "sky": [math.inf]}  # stored units a metre


def index(
    root: Root,
    *,
    size: str = ANY,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames by sequence and number.

    size: 540, 720 or 1080, rows of a picture, if there are several; min_rgb_range, max_invalid,
    min_depth_range: parts/depth_rules.py. Raises SourceError if there are none, or several sizes.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed = _all(root, str(size))
    frames = rendered.opened(root, listed, partial(_described, root), spans.HEADS)
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its depth and the normals of that; BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    size: str = ANY,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release: 12,000 frames in one archive of a size."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    records.one_of("size", str(size), (ANY, *SIZES))
    folder = f"GTAV_{size or '720'}"
    also = ("0000", *(f"GTAV_{other}" for other in SIZES if not size))
    download = Download(path=folder, archive=f"{folder}.tar.gz", url=HOMEPAGE, also=also)
    return Official(entries=FRAMES, downloads=(download,))


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Whether depth is planar z in metres: (ok or warn, a sentence, what to do about it)."""
    yield from rendered.doubts(root, entries)


def layout_options(parts: Mapping[str, str | None]) -> dict[str, str]:
    """The size of a frame, for `vbdata init`."""
    return {"size": parts["size"]} if parts["size"] else {}


def _all(root: Root, size: str) -> Iterator[Entry]:
    records.one_of("size", size, (ANY, *SIZES))
    sizes = records.sizes(root, "")
    shown = [f for f in rendered.frames(sizes, LAYOUT) if size in (ANY, f.parts["size"])]
    there = sorted({frame.parts["size"] or "without a folder of its size" for frame in shown})
    if len(there) > 1:
        raise SourceError(f"{root.url}: size: is to be set, there are {', '.join(there)}")
    if not shown:
        above = f"GTAV_{size or '720'}/0000"
        example = {"image": f"{above}/images/0000.png", "depth": f"{above}/depths/0000.exr"}
        raise rendered.nothing(root, example)
    for frame in shown:
        yield _draft(frame, sizes)


def _draft(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    size, scene, number = frame.parts.values()
    above = f"GTAV_{size}/{scene}" if size else scene
    expected = {
        "image": f"{above}/images/{number}.png",
        "depth": f"{above}/depths/{number}.exr",
        "pose": f"{above}/poses/{number}.json",
    }
    group = f"mvs_synth:{scene}"
    return rendered.entry(f"{scene}/{number}", group, LICENSE, LABELS, frame, sizes, expected)


def _described(root: Root, entry: Entry) -> Entry:
    data, path = rendered.small_file(root, entry.files["pose"])
    try:
        said = records.unpack(data)
        numbers = [said[key] for key in ("f_x", "f_y", "c_x", "c_y")]
    except (ValueError, TypeError, KeyError, RecursionError) as err:
        detail = f"no JSON with f_x, f_y, c_x and c_y: {type(err).__name__} {err!s:.60}"
        raise BadSample("garbled annotation", detail, path) from err
    camera = cameras.of_value(numbers, path, (entry.width, entry.height))
    return rendered.coded(entry, camera, depth=DEPTH)
