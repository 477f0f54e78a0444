"""Virtual KITTI 2.0.3: five KITTI drives rendered anew, in ten variations, by a pair of cameras.

Licence: CC BY-NC-SA 3.0. Layout (XX in 01 02 06 18 20; Y: clone, weather, camera turned by degrees;
Z: 0 left, 1 right, 0.532725 m apart; frames counted from 0):

    SceneXX/Y/frames/rgb/Camera_Z/rgb_00000.jpg                                1242 x 375
    SceneXX/Y/frames/depth/Camera_Z/depth_00000.png                            uint16
    SceneXX/Y/frames/classSegmentation/Camera_Z/classgt_00000.png              8-bit RGB
    SceneXX/Y/frames/instanceSegmentation/Camera_Z/instancegt_00000.png        8-bit palette
    SceneXX/Y/frames/forwardFlow/Camera_Z/flow_00000.png                       16-bit RGB
    SceneXX/Y/{colors,intrinsic,info,bbox}.txt
    parts/vkitti/tables.py

All in one tree, or a tree for each download (vkitti_2.0.3_rgb/SceneXX/..., rgb/SceneXX/...), or any
mixture; case does not matter in the folder names of downloads and modalities.

- Depth: centimetres along the optical axis; metres are the float32 nearest to value / 100. 65535 is
  sky (+inf, valid); 0 does not occur officially and is not valid.
- Normals: computed from depth and intrinsics (parts/vkitti/depth.py); their sky is that of depth.
- Segments: classes by colour, vehicles (Car, Van, Truck) by track (parts/vkitti/segments.py). The
  instance image has palette indices, trackID + 1, 0 for none. Without instances or info.txt the
  vehicles are crowds.
- Facts (`classes`): the text files list a frame's vehicles and their pixels; nothing lists the
  other classes. By default facts are of vehicles only, and no image is opened: prompts name
  vehicles, all else is background. `classes: all` opens every frame's class and instance images to
  learn what they show, so that semantic prompts name roads and trees, too: 8 ms a frame, not 0.1.
- Flow: to the next frame of the same camera, in pixels (parts/vkitti/flow.py); that frame is the
  entry's reference1. The last frame has none.
- A camera offers a kind if any frame of the variation has its file; a frame without it is then a
  missing file. Without colors.txt there are no segments, without intrinsic.txt no normals.
- extrinsic.txt, pose.txt, backward flow and scene flow are not read.

The scenes are clones of the KITTI tracking sequences 0001, 0002, 0006, 0018 and 0020; the group is
the raw drive behind them, so that a held-out KITTI drive holds out its clone. 0001, 0002 and 0006
were matched through their GPS records (moahaimen/Isra_-arduino, tracking_to_raw.csv). The drives
for 0018 and 0020 are inferred: they are in Huangying-Zhan/DF-VO's list of tracking sequences
(scripts/run_kitti.sh), of its nine drives the only ones of 339 and 837 frames.

Sources: Cabon, Murray, Humenberger, "Virtual KITTI 2", arXiv 2001.10773; the download page's text;
Gaidon et al., "Virtual Worlds as Proxy", CVPR 2016; Marigold's choice of variations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import SourceError

from .parts import depth_rules, picture_files, records, spans
from .parts.vkitti import depth, flow
from .parts.vkitti import segments as segmentation
from .parts.vkitti.frames import IMAGES, NEXT, Places, frames, opened, variation

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-3.0"
HOMEPAGE = "https://europe.naverlabs.com/proxy-virtual-worlds-vkitti-2/"
LABELS = ("depth", "normals", "segments", "flow")
STORED = {
    "depth": "z",
    "unit": "cm",
    "sky": "65535",
    "invalid": "0, which does not occur officially",
    "normals": "made of depth",
}
FILES = {  # that a kind of label is read from
    "normals": ("depth",),
    "segments": ("classes", "instances"),
    "flow": ("flow", NEXT),
}

DRIVES = {
    "Scene01": "2011_09_26_drive_0009_sync",
    "Scene02": "2011_09_26_drive_0011_sync",
    "Scene06": "2011_09_26_drive_0018_sync",
    "Scene18": "2011_09_29_drive_0004_sync",
    "Scene20": "2011_10_03_drive_0047_sync",
}
FRAMES = {"Scene01": 447, "Scene02": 233, "Scene06": 270, "Scene18": 339, "Scene20": 837}
WEATHER = ("clone", "fog", "morning", "overcast", "rain", "sunset")
TURNED = ("15-deg-left", "15-deg-right", "30-deg-left", "30-deg-right")
CAMERAS = {"left": (0,), "right": (1,), "both": (0, 1)}
FACTS = ("vehicles", "all")

HOLDOUTS = {f"vkitti2-{s.lower()}": frozenset({f"kitti:{drive}"}) for s, drive in DRIVES.items()}


def index(
    root: Root,
    *,
    scenes: Sequence[str] = tuple(DRIVES),
    variations: Sequence[str] = WEATHER,
    camera: str = "both",
    classes: str = "vehicles",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of some scenes and variations, in order of scene, variation, camera and number.

    scenes, variations: names or "all"; camera: left, right or both; classes: which classes facts
    are of, vehicles or all; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py.
    Raises SourceError if there are none, or a text file cannot be read.
    """
    wanted, kinds = _wanted(scenes, variations, camera, classes)
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    listed: Iterator[Entry] = _all(root, wanted, kinds, camera, classes)
    listed = spans.Spans(listed, partial(opened, root), spans.MAPS) if classes == "all" else listed
    return depth_rules.kept(listed, root, load, asked)


index_parts, index_part = spans.parts(index)


def _all(
    root: Root, wanted: list[str], kinds: list[str], camera: str, classes: str
) -> Iterator[Entry]:
    """The frames of some scenes and variations. Raises SourceError."""
    places = Places(root)
    nothing = True
    for scene, kind in product(wanted, kinds):
        group = f"kitti:{DRIVES[scene]}"
        shared = variation(root, places, f"{scene}/{kind}", group, LICENSE)
        for number in CAMERAS[camera]:
            for entry in frames(root, shared, number, to_open=classes == "all"):
                nothing = False
                yield entry
    if nothing:
        among = f"{', '.join(wanted)} in {', '.join(kinds)}"
        raise SourceError(f"{root.url}: no frames with labels of {among}")


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the frame's JPEG as they are, and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    labels: dict[str, Any] = {}
    if {"depth", "normals"} & set(kinds):
        stored = depth.read(root, entry)
        if "depth" in kinds:
            labels["depth"] = depth.metric(stored)
        if "normals" in kinds and entry.camera:
            labels["normals"] = depth.normals(stored, entry.camera)
    if "segments" in kinds:
        record = records.unpack(entry.record)
        labels["segments"] = segmentation.segments(root, entry, record["colors"], record["tracks"])
    if "flow" not in kinds:
        return Sample(image=image, labels=labels)
    labels["flow"] = flow.read(root, entry)
    return Sample(
        image=image,
        labels=labels,
        references=picture_files.references(root, entry, picture_files.UNSAID),
    )


def official(
    *,
    scenes: Sequence[str] = tuple(DRIVES),
    variations: Sequence[str] = WEATHER,
    camera: str = "both",
    classes: str = "vehicles",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release of some scenes and variations (21,260 stereo pairs in all), in six tars."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    names, kinds = _wanted(scenes, variations, camera, classes)
    entries = sum(FRAMES[name] for name in names) * len(kinds) * len(CAMERAS[camera])
    first = f"{names[0]}/{kinds[0]}"
    tars = [_part(kind, "tar", f"{first}/frames/{kind}") for kind in IMAGES]
    text = _part("textgt", "tar.gz", f"{first}/bbox.txt")
    return Official(entries=entries, downloads=(*tars, text))


def _part(kind: str, extension: str, path: str) -> Download:
    """One of the tars, unpacked into one tree with the others or into one of its own."""
    name = f"vkitti_2.0.3_{kind}"
    also = (f"{name}/{path}", f"{kind}/{path}")
    return Download(path=path, archive=f"{name}.{extension}", url=HOMEPAGE, also=also)


def _wanted(
    scenes: Sequence[str], variations: Sequence[str], camera: str, classes: str
) -> tuple[list[str], list[str]]:
    """The scenes and variations that are asked for, sorted. Raises SourceError."""
    records.one_of("camera", camera, CAMERAS)
    records.one_of("classes", classes, FACTS)
    return _some("scenes", scenes, DRIVES), _some("variations", variations, (*WEATHER, *TURNED))


def _some(key: str, value: object, known: Collection[str]) -> list[str]:
    """A name, a list of names or "all", as a sorted list of known names. Raises SourceError."""
    if value == "all":
        return sorted(known)
    names: list[Any] = list(value) if isinstance(value, list | tuple) else [value]
    for name in names or [""]:
        records.one_of(key, name, known)
    return sorted(set(names))
