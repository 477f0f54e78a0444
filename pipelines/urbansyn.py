"""UrbanSyn: 7,539 rendered streets, 2048 x 1024, with depth and the classes of Cityscapes.

Licence: CC BY-SA 4.0. Layout of the data set on the Hub:

    rgb/rgb_0001.png
    depth/depth_0001.exr        float32, one channel, planar z; some are named depth_0001.exr.1
    ss/ss_0001.png              8 bits: a train id of Cityscapes
    camera_metadata.json        {"parameters": [{"Camera": {"focalLength_mm", "sensorWidth_mm",
                                "sensorHeight_mm"}}]}

- Depth: metres are the stored number x 100,000.
- Sky: what ss says is sky (train id 10): +inf and valid, whatever depth is stored there.
- segments (option): the 19 classes that Cityscapes evaluates, by train id, 0 to 18; 19 and 255 are
  void (inferred). In a map of colours the last of R, G, B counts, as a converter reads it. What
  can be counted is one crowd of its class: no page seen says how the maps of instances (panoptic)
  are coded, so they are not read.
- The index reads every map of classes for this, 10 ms or more each; with segments: false, none.
- Camera: of camera_metadata.json, its axis through the middle; without it there are no normals.
- Normals: of depth.
- Groups: each picture its own; no page says which show the same street.
- bbox2d, ss_color and panoptic are not read.

Nothing of it was seen here: layout and codes are those of the page and of converters.

Sources: huggingface.co/datasets/UrbanSyn/UrbanSyn; CUT3R (preprocess_urbansyn.py: unit, sky,
camera, .exr.1); Gomez et al., "All for One, and One for All: UrbanSyn Dataset", arXiv 2312.12176.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, FileRef, Official, Sample
from vbdata.errors import BadSample

from .parts import cityscapes, depth_rules, records, rendered, spans
from .parts import coded_segments as coded
from .parts.folders import cameras

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-SA-4.0"
HOMEPAGE = "https://huggingface.co/datasets/UrbanSyn/UrbanSyn"
LABELS = ("depth", "normals", "segments")
STORED = {
    "depth": "z",
    "unit": "100,000 m",
    "sky": "by class: ss is 10",
    "invalid": "0, NaN",
    "normals": "made of depth",
}
FILES = {  # that a kind of label is read from
    "depth": ("depth", "classes"),
    "normals": ("depth", "classes"),
    "segments": ("classes",),
}

FRAME = rendered.LAYOUT_ROOT + r"WHAT/WHAT_(?P<frame>\d+)"
LAYOUT = {
    "image": re.compile(FRAME.replace("WHAT", "rgb") + rendered.PICTURE),
    "depth": re.compile(FRAME.replace("WHAT", "depth") + r"\.exr(?:\.1)?"),
    "classes": re.compile(FRAME.replace("WHAT", "ss") + r"\.png"),
}
UNFIT = ("instance", "boxes")  # tasks that its segments cannot serve
CAMERA = "camera_metadata.json"
FRAMES = 7539
DEPTH = {"kind": "z", "scale": 1e-5}  # stored units a metre
KINDS = (*cityscapes.TRAINED, cityscapes.VOID)
Lens = tuple[float, float]  # focal length in widths and in heights of the picture
SKY, VOID = 10, (19, 255)


def index(
    root: Root,
    *,
    segments: bool = True,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames by number.

    segments: whether they are offered; min_rgb_range, max_invalid, min_depth_range:
    parts/depth_rules.py. Raises SourceError if there are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    records.yes_or_no("segments", segments)
    described = partial(_described, root, dict[str, Lens | None]())
    frames = rendered.opened(
        root, _all(root, segments), described, spans.MAPS if segments else spans.HEADS
    )
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, and its labels. Raises BadSample."""
    return rendered.load(root, entry, kinds, sky=_sky, segments=_segments)


def official(
    *,
    segments: bool = True,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The data set on the Hub: 7,539 frames, a folder for each kind of file."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    records.yes_or_no("segments", segments)
    paths = ("rgb", "depth", "ss", CAMERA)
    downloads = (Download(path=path, archive="", url=f"{HOMEPAGE}/tree/main") for path in paths)
    return Official(entries=FRAMES, downloads=tuple(downloads))


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Unit and kind of depth, and whether the class sky is: (ok or warn, text, remedies)."""
    yield from rendered.doubts(root, entries, _sky)


def _all(root: Root, segments: bool) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    frames = rendered.frames(sizes, LAYOUT)
    if not frames:
        example = {"image": "rgb/rgb_0001.png", "depth": "depth/depth_0001.exr"}
        raise rendered.nothing(root, example)
    for frame in frames:
        yield _draft(frame, sizes, segments)


def _draft(frame: rendered.Frame, sizes: dict[str, int], segments: bool) -> Entry:
    """A frame whose record is path and size of its camera's file, until it is described."""
    number = frame.parts["frame"]
    expected = {
        "image": f"rgb/rgb_{number}.png",
        "depth": f"depth/depth_{number}.exr",
        "classes": f"ss/ss_{number}.png",
    }
    labels = LABELS if segments else LABELS[:2]
    group = f"urbansyn:{number}"
    entry = rendered.entry(number, group, LICENSE, labels, frame, sizes, expected)
    path = f"{entry.files['image'].path.rpartition('rgb/')[0]}{CAMERA}"
    return replace(entry, record=records.pack([path, sizes.get(path, records.MISSING)]))


def _described(root: Root, lenses: dict[str, Lens | None], entry: Entry) -> Entry:
    """The entry with its camera and classes. lenses: of files that were read, by their path."""
    path, size = records.unpack(entry.record)
    if path not in lenses:
        file = FileRef(path=path, size=size)
        lenses[path] = _lens(*rendered.small_file(root, file)) if size >= 0 else None
    camera = None
    if (lens := lenses[path]) is not None:
        camera = rendered.centred(entry, lens[0] * entry.width, lens[1] * entry.height)
    if "segments" in entry.labels:
        parts = _parts(_classes(root, entry), entry)
        entry = replace(entry, classes=coded.facts(parts))
    return rendered.coded(entry, camera, depth=DEPTH)


def _lens(data: bytes, path: str) -> Lens:
    """The focal length in widths and in heights of the picture. Raises BadSample."""
    try:
        said = records.unpack(data)["parameters"][0]["Camera"]
        focal, wide, high = (
            float(said[key]) for key in ("focalLength_mm", "sensorWidth_mm", "sensorHeight_mm")
        )
        lens = cameras.checked((focal / wide, focal / high, 0.5, 0.5), path)
    except (ValueError, TypeError, LookupError, ZeroDivisionError, RecursionError) as err:
        detail = f"no focal length and sensor: {type(err).__name__} {err!s:.60}"
        raise BadSample("garbled annotation", detail, path) from err
    return lens[0], lens[1]


def _classes(root: Root, entry: Entry) -> NDArray[np.uint8]:
    """The train ids of an entry, uint8[H, W], void as 19. Raises BadSample."""
    path = entry.files["classes"].path
    stored = images.decode_png_raw(records.read(root, entry, "classes"), path)
    if stored.dtype != np.uint8 or stored.ndim not in (2, 3):
        detail = f"{stored.dtype} {list(stored.shape)}, expected a class of 8 bits a pixel"
        raise BadSample("wrong dtype", detail, path)
    records.check_size(stored.shape, entry, path)
    ids = np.asarray(stored if stored.ndim == 2 else stored[..., 2], np.uint8)
    return np.where(np.isin(ids, VOID), np.uint8(VOID[0]), ids)


def _sky(root: Root, entry: Entry) -> NDArray[np.bool_]:
    return np.asarray(_classes(root, entry) == SKY)


def _parts(ids: NDArray[np.uint8], entry: Entry) -> list[coded.Part]:
    return coded.parts(ids, KINDS, entry.files["classes"].path, 1)


def _segments(root: Root, entry: Entry) -> Segments:
    ids = _classes(root, entry)
    parts = _parts(ids, entry)
    return coded.segments(coded.numbers(ids, parts, entry.files["classes"].path), parts)
