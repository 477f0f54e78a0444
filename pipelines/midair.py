"""Mid-Air: low flights of a drone over rendered land, in seven climates and seasons, with depth.

Licence: CC BY-NC-SA 4.0 [inferred]. Layout, the folder MidAir or those in it in the root:

    Kite_training/sunny/color_left/trajectory_0000/000000.JPEG     1024 x 1024
    Kite_training/sunny/depth/trajectory_0000/000000.PNG           uint16, the bits of float16
    {Kite,PLE}_{training,test}/... VO_test/...                     sunny, cloudy, foggy, sunset;
                                                                   spring, fall, winter

A flight's folder has a frames.zip, which may stay as it is.

- Depth: read a PNG's numbers as float16, as the authors' viewer does: metres. As whole numbers they
  look like a picture of depth and are none.
- It is the distance along the ray to the camera's centre; z = distance / sqrt(1 + x^2 + y^2). The
  map stereo_disparity, not read, is of z: z = 512 / value for the pair's metre of baseline, by
  which this can be checked.
- Camera: 90 degrees both ways, fx = fy = 512, its centre that of the picture.
- Sky: infinite, or from a distance of 1,250 m on [inferred: the viewer cuts there].
- A float16 has 11 bits, at 10 m a step of 8 mm, so there are no normals of depth; those of the data
  set, whose axes no source names, and its segmentation are not read.
- The cameras that look down and to the right have no depth of their own.
- Groups: the flight. 0003 and 2003 are one flight in other weather (their last three digits), so
  they have one group ("midair:Kite_training/003").

Nothing of it was seen here: names and codes are those of the authors' code.

Sources: montefiore-institute/midair-dataset at df55d45, hdf5-depth_viewer.py; michael-fonder/
M4Depth at 0f7e229, dataloaders/midair.py; Fonder and Van Droogenbroeck, "Mid-Air", CVPRW 2019.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample

from .parts import depth_rules, records, rendered, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-4.0"
HOMEPAGE = "https://midair.ulg.ac.be"
LABELS = ("depth",)
PARTS = {
    "train": ("Kite_training", "PLE_training"),
    "test": ("Kite_test", "PLE_test", "VO_test"),
}
HOLDOUTS: Mapping[str, Mapping[str, Any]] = {"midair-test": {"part": "test"}}

PLACE = r"(?P<set>(?:Kite|PLE|VO)_(?:training|test))/(?P<climate>[^/]+)"
NAME = r"trajectory_(?P<flight>\d{4})/(?P<frame>\d+)"
LAYOUT = {
    "image": re.compile(
        rf"{rendered.LAYOUT_ROOT}{PLACE}/color_left/{NAME}{rendered.PICTURE}", re.IGNORECASE
    ),
    "depth": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}/depth/{NAME}\.png", re.IGNORECASE),
}
SKY_FROM = 1250.0  # metres along the ray
DEPTH = {"scale": 1.0, "kind": "ray", "bits": True, "sky_from": SKY_FROM}
STORED = {
    "depth": "ray",
    "unit": "m, float16 in the bits of uint16",
    "sky": "from 1,250 m on [inferred]",
    "invalid": "0, NaN",
    "normals": "none read",
}


def index(
    root: Root,
    *,
    part: str = "train",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The left camera's frames by set, climate, flight and number.

    part: train or test; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises
    SourceError if there are none.
    """
    records.one_of("part", part, PARTS)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, part), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's file as they are, and its depth. Raises BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    part: str = "train",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The sets of a part, of which a form gives the links; their frames are not counted."""
    records.one_of("part", part, PARTS)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    url = f"{HOMEPAGE}/download.html"
    return Official(
        entries=None,
        downloads=tuple(
            Download(path=name, archive="", url=url, also=(f"MidAir/{name}",))
            for name in PARTS[part]
        ),
    )


def layout_options(parts: Mapping[str, str]) -> dict[str, object]:
    """The options under which a frame is listed. parts: groups of LAYOUT."""
    return {"part": "train" if parts["set"] in PARTS["train"] else "test"}


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some frames say of range and kind of depth: (ok or warn, a sentence, remedies)."""
    yield from rendered.doubts(root, entries)


def _all(root: Root, part: str) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = [f for f in rendered.frames(sizes, LAYOUT) if f.parts["set"] in PARTS[part]]
    if not frames:
        above = f"{PARTS[part][0]}/sunny"
        where = {
            "image": f"{above}/color_left/trajectory_0000/000000.JPEG",
            "depth": f"{above}/depth/trajectory_0000/000000.PNG",
        }
        raise rendered.nothing(root, where)
    yield from rendered.completed(root, (_entry(frame, sizes) for frame in frames), _described)


def _entry(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    place, climate, flight, number = frame.parts.values()
    above, name = f"{place}/{climate}", f"trajectory_{flight}/{number}"
    expected = {
        "image": f"{above}/color_left/{name}.JPEG",
        "depth": f"{above}/depth/{name}.PNG",
    }
    group = f"midair:{place}/{flight[1:]}"
    return rendered.entry(f"{above}/{name}", group, LICENSE, LABELS, frame, sizes, expected)


def _described(entry: Entry) -> Entry:
    """The entry with a camera of 90 degrees each way, at whatever size it has."""
    width, height = entry.width, entry.height
    camera = (width / 2, height / 2, (width - 1) / 2, (height - 1) / 2)
    return rendered.coded(entry, camera, depth=DEPTH)
