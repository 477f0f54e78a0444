"""PointOdyssey 1.2: long films of animated people, animals and robots, with depth.

Licence: CC BY-NC-SA 4.0. Layout, {train,val,test} with a folder a film:

    train/ani/rgbs/rgb_00000.jpg              960 x 540
    train/ani/depths/depth_00000.png          uint16, metres = value x 1000 / 65535, planar z
    train/ani/normals/normal_00000.jpg        not read
    train/ani/masks/mask_00000.png            not read: instances without names
    train/ani/anno.npz                        cameras and tracks, not read

- Depth is Blender's pass Z, along the axis; the authors' reprojection compares it with the camera's
  third coordinate. A step is 1.5 cm everywhere, so near things have terraces. One public loader
  divides by 100 more; `vbdata doctor` prints the range of what is read.
- 0 is background, 65535 the end of the range; neither is valid, and none is known to be the sky.
- Normals are JPEGs in 8 bits, by Blender's pass Normal in world axes [inferred], and no pose says
  how that world lies to the one of anno.npz. Those of depth would show the terraces. So there are
  none here.
- Cameras differ by frame; anno.npz has them beside hundreds of megabytes of tracks, and depth along
  the axis needs none.
- Version 1.0 was mirrored and had wrong ground depth (README); take 1.2.
- Groups: the film ("pointodyssey:ani"). Films of one scene by several cameras, whose names differ
  in their last word, are groups of their own, as in the official split.

Nothing of it was seen here: format and codes are those of the authors' code.

Sources: y-zheng18/point_odyssey at a053342 (README, utils/reprojection.py, openexr_utils.py,
file_io.py); CUT3R/CUT3R at 8bc15dc, datasets_preprocess/preprocess_point_odyssey.py; Zheng et al.,
"PointOdyssey", ICCV 2023.
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
HOMEPAGE = "https://pointodyssey.com"
LABELS = ("depth",)
SPLITS = ("train", "val", "test")
HOLDOUTS: Mapping[str, Mapping[str, Any]] = {
    f"pointodyssey-{split}": {"split": split} for split in SPLITS[1:]
}

PLACE = r"(?P<split>train|val|test)/(?P<film>[^/]+)"
LAYOUT = {
    "image": re.compile(
        rf"{rendered.LAYOUT_ROOT}{PLACE}/rgbs/rgb_(?P<frame>\d+){rendered.PICTURE}"
    ),
    "depth": re.compile(rf"{rendered.LAYOUT_ROOT}{PLACE}/depths/depth_(?P<frame>\d+)\.png"),
}
MOST = 65535
DEPTH = {"scale": MOST / 1000, "kind": "z", "invalid": [0, MOST]}
STORED = {
    "depth": "z",
    "unit": "1000 / 65535 m",
    "sky": "none known",
    "invalid": "0 and 65535",
    "normals": "none read",
}


def index(
    root: Root,
    *,
    split: str = "train",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a split by film and number.

    split: train, val or test; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py.
    Raises SourceError if there are none.
    """
    records.one_of("split", split, SPLITS)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return depth_rules.kept(_all(root, split), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's file as they are, and its depth. Raises BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    split: str = "train",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """A split of the release: 131, 15 and 13 films, whose frames nobody counted."""
    records.one_of("split", split, SPLITS)
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    return Official(
        entries=None,
        downloads=(Download(path=split, archive=f"{split}.tar.gz", url=HOMEPAGE),),
    )


def layout_options(parts: Mapping[str, str]) -> dict[str, object]:
    """The options under which a frame is listed. parts: groups of LAYOUT."""
    return {"split": parts["split"]}


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What some frames say of range and kind of depth: (ok or warn, a sentence, remedies)."""
    yield from rendered.doubts(root, entries)


def _all(root: Root, split: str) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = [f for f in rendered.frames(sizes, LAYOUT) if f.parts["split"] == split]
    if not frames:
        where = {"image": f"{split}/FILM/rgbs/rgb_00000.jpg", "depth": "depths/depth_00000.png"}
        raise rendered.nothing(root, where)
    yield from rendered.completed(
        root,
        (_entry(frame, sizes) for frame in frames),
        lambda entry: rendered.coded(entry, None, depth=DEPTH),
    )


def _entry(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    split, film, number = (frame.parts[name] for name in ("split", "film", "frame"))
    expected = {
        "image": f"{split}/{film}/rgbs/rgb_{number}.jpg",
        "depth": f"{split}/{film}/depths/depth_{number}.png",
    }
    name = f"{split}/{film}/{number}"
    return rendered.entry(name, f"pointodyssey:{film}", LICENSE, LABELS, frame, sizes, expected)
