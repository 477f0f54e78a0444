"""TartanAir: flights and walks through rendered places, with depth: version 1, version 2, Ground.

Licence: none stated for the data, as far as was seen; the tools are under BSD-3-Clause. Layout, of
the zips as they lie or unpacked, whose folders may repeat the place:

    PLACE/{Easy,Hard}/P000/image_left/000000_left.png                          v1, 640 x 480
    PLACE/{Easy,Hard}/P000/depth_left/000000_left_depth.npy                    float32
    PLACE/Data_{easy,hard}/P000/image_lcam_front/000000_lcam_front.png         v2, 640 x 640
    PLACE/Data_{easy,hard}/P000/depth_lcam_front/000000_lcam_front_depth.png   RGBA
    PLACE/Data_{ground,omni,...}/...                                           ground, as v2

- release: v1, v2 or ground. camera: left (v1's, or lcam_front), right, both, all, or one of v2's
  twelve: {lcam,rcam}_{front,back,left,right,top,bottom}.
- Depth: metres along the optical axis (the tools turn it into distance by the rays, so it is planar
  z); a page says that version 1 has 16 bits, loaders that it has 32: either is read. Version 2
  keeps the bits of float32 as the bytes B, G, R, A of a PNG: read as a picture it is colour noise.
- Sky is a huge finite number, such as 10,000, that of the engine's sky sphere, so it is less beside
  the axis: from 5,000 m on it is sky here, +inf and valid (inferred: no place is that large).
- Normals: of depth. The axis meets the middle of the picture, fx = fy = width / 2, since all views
  are of 90 degrees; the pages say cx = width / 2, which is half a pixel more.
- Groups: the place; one by night or in another season is the same, if its name says so.
- Poses (x forward, y right, z down), flow, segmentation (ids without names in v1), LiDAR and IMU
  are not read.

Nothing of it was seen here: layout and codes are those of the pages and tools.

Sources: castacks/tartanair_tools (README.md, data_type.md, download_training_zipfiles.txt);
castacks/tartanairpy (tartanair/reader.py, download_ground_files.txt); tartanair.org/modalities; the
count is that of PointDiT; Wang et al., "TartanAir", IROS 2020.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample

from .parts import depth_rules, records, rendered, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated by its authors"
HOMEPAGE = "https://tartanair.org"
LABELS = ("depth", "normals")
STORED = {
    "depth": "z",
    "unit": "m; in version 2 float32 in the bytes B, G, R, A",
    "sky": "from 5,000 m on [inferred]",
    "invalid": "0, NaN",
    "normals": "made of depth",
}
FILES = {"normals": ("depth",)}  # that a kind of label is read from

FRAME = (
    rendered.LAYOUT_ROOT
    + r"(?P<place>[^/]+)/(?P<level>Easy|Hard|Data_\w+)/(?:.*/)?(?P<run>P\d+)/"
    + r"WHAT_(?P<camera>left|right|[lr]cam_[a-z]+)/(?P<number>\d+)_(?P=camera)"
)
LAYOUT = {
    "image": re.compile(FRAME.replace("WHAT", "image") + rendered.PICTURE),
    "depth": re.compile(FRAME.replace("WHAT", "depth") + r"_depth\.(?:npy|png)"),
}
LEVELS = {  # release -> levels
    "v1": re.compile("Easy|Hard"),
    "v2": re.compile("Data_(?:easy|hard)"),
    "ground": re.compile(r"Data_(?!easy$|hard$)\w+"),
}
EXAMPLES = {"v1": "Easy", "v2": "Data_easy", "ground": "Data_ground"}
SIDES = ("front", "back", "left", "right", "top", "bottom")
VIEWS = tuple(f"{side}cam_{where}" for side in "lr" for where in SIDES)
CAMERAS = {
    "left": ("left", "lcam_front"),
    "right": ("right", "rcam_front"),
    "both": ("left", "right", "lcam_front", "rcam_front"),
    "all": ("left", "right", *VIEWS),
    **{view: (view,) for view in VIEWS},
}
PLACES = (  # of version 1
    *("abandonedfactory", "abandonedfactory_night", "amusement", "carwelding", "endofworld"),
    *("gascola", "hospital", "japanesealley", "neighborhood", "ocean", "office", "office2"),
    *("oldtown", "seasidetown", "seasonsforest", "seasonsforest_winter", "soulcity"),
    "westerndesert",
)
FRAMES = 306_637  # of version 1, by one camera
URL = "https://airlab-share.andrew.cmu.edu:8081/tartanair"
TIMES = re.compile(r"_?(?:night|day|spring|summer|autumn|winter)$")
SKY_FROM = 5000.0  # metres


def index(
    root: Root,
    *,
    release: str = "v1",
    camera: str = "left",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames by place, level, run and number.

    release: v1, v2 or ground; camera: left, right, both, all, or one of version 2 such as
    lcam_back; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises SourceError
    if there are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, release, camera), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its depth and the normals of that; BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    release: str = "v1",
    camera: str = "left",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """Version 1: its zips of pictures and depth, two a place and level; of others no count."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    _check(release, camera)
    if release != "v1":
        return Official(entries=None, downloads=())
    shown = [name for name in CAMERAS[camera] if name in ("left", "right")]
    zips = ", ".join(f"{what}_{name}.zip" for name in shown for what in LAYOUT)
    downloads = [
        Download(
            path=f"{place}/{level}",
            archive=zips,
            url=f"{URL}/{place}/{level}",
            also=(f"{place}/{place}/{level}",),
        )
        for place in PLACES
        for level in ("Easy", "Hard")
    ]
    return Official(entries=FRAMES * len(shown), downloads=tuple(downloads))


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Whether depth is planar z in metres: (ok or warn, a sentence, what to do about it)."""
    yield from rendered.doubts(root, entries)


def layout_options(parts: Mapping[str, str]) -> dict[str, str]:
    """The release of a frame, for `vbdata init`."""
    release = next(name for name, levels in LEVELS.items() if levels.fullmatch(parts["level"]))
    return {} if release == "v1" else {"release": release}


def _check(release: str, camera: str) -> None:
    records.one_of("release", release, LEVELS)
    records.one_of("camera", camera, CAMERAS)


def _all(root: Root, release: str, camera: str) -> Iterator[Entry]:
    _check(release, camera)
    sizes = records.sizes(root, "")
    shown = [
        frame
        for frame in rendered.frames(sizes, LAYOUT)
        if LEVELS[release].fullmatch(frame.parts["level"])
        and frame.parts["camera"] in CAMERAS[camera]
    ]
    if not shown:
        view = "left" if release == "v1" else "lcam_front"
        above = f"PLACE/{EXAMPLES[release]}/P000"
        example = {"image": f"{above}/image_{view}/000000_{view}.png"}
        raise rendered.nothing(root, example)
    drafts = (_draft(frame, sizes) for frame in shown)
    yield from rendered.completed(root, drafts, _described)


def _draft(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    place, level, run, camera, number = frame.parts.values()
    above, name = f"{place}/{level}/{run}", f"{number}_{camera}"
    kind = "png" if level.startswith("Data_") else "npy"
    expected = {
        "image": f"{above}/image_{camera}/{name}.png",
        "depth": f"{above}/depth_{camera}/{name}_depth.{kind}",
    }
    group = f"tartanair:{TIMES.sub('', place.lower())}"
    return rendered.entry(f"{above}/{name}", group, LICENSE, LABELS, frame, sizes, expected)


def _described(entry: Entry) -> Entry:
    coding: dict[str, Any] = {"kind": "z", "scale": 1, "sky_from": SKY_FROM}
    if entry.files["depth"].path.endswith(".png"):
        coding["bits"] = True
    return rendered.coded(entry, rendered.centred(entry, entry.width / 2), depth=coding)
