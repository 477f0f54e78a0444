"""NYU Depth V2: indoor photographs with depth measured by a Kinect, 1,449 of them also labelled.

Licence: the authors state none and ask that their paper be cited, so it is "unknown" here.
Two layouts; `layout: auto` takes the first that is there:

    nyu_depth_v2_labeled.mat, splits.mat      "labeled": 1,449 frames with depth and objects
    [sync/]kitchen_0003/rgb_00000.jpg         "sync": frames of the raw videos of the training
    [sync/]kitchen_0003/sync_depth_00000.png  scenes, as BTS (cleinc/bts) prepared them

- labeled: HDF5, arrays with reversed axes: images uint8[n, 3, W, H], depths and rawDepths
  float32[n, W, H] in metres, labels uint16, instances uint8; `names` of the labels from 1 and
  `scenes` of the frames are texts. Ids count from 1, as the split's frames do. `load` reads its
  frame alone, over a network, too (parts/nyuv2/mat.py).
- A (label, instance) pair is one object (toolbox, get_instance_masks); label 0 is void. Instance 0
  of a class that can be counted is a crowd. Which classes can: parts/nyuv2/names.py.
- depth is planar z of the colour camera. raw (default): what was measured; filled: its holes filled
  by Levin's colorization, which is a guess (only in the .mat). sync: uint16 millimetres, raw. 0 is
  missing, and at 10 m the toolbox cuts off (depth_rel2depth_abs): neither is valid. A frame with
  depth beyond 10 m is out of range. The pictures of sync frames may be PNG, too.
- Undistortion left a white frame around every picture: nothing outside of rows 7 to 473, columns 7
  to 631 is valid (BTS, extract_official_train_test_set_from_mat.py). `region: eigen` narrows that
  to the crop in which depth is evaluated, rows 45 to 470, columns 41 to 600; the toolbox's own mask
  has one row more on top and one column more on the left (cleinc/bts issue #61). The picture stays
  whole.
- Groups are scenes, named alike in both layouts, so held-out test frames hold out the sync frames
  of their scenes. The split is the official one, 795 and 654 frames; sync has no test.
- The index reads the labels and instances of all frames, some 10 s for a local file: tasks must
  know which classes a frame has. A frame whose labels cannot be read is a fault of its own.
- BTS's copy of the labelled frames by kind of room (test/bathroom/rgb_00045.jpg) does not name the
  scene, so it could not be held out and is not read: use the .mat.

Sources: Silberman et al., "Indoor Segmentation and Support Inference from RGBD Images", ECCV 2012,
and its toolbox (camera_params, get_projection_mask); cleinc/bts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.types import Download, Entry, FileRef, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import coded_segments as coded
from .parts import depth_rules, picture_files, records, spans
from .parts.coded_segments import Kind, Part
from .parts.nyuv2 import labels
from .parts.nyuv2.labels import REGIONS
from .parts.nyuv2.mat import ARRAYS, HEIGHT, WIDTH, Mat
from .parts.nyuv2.names import kinds as kinds_of
from .parts.nyuv2.splits import splits

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "unknown"
HOMEPAGE = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"
LABELS = ("depth", "segments")
STORED = {
    "depth": "z",
    "unit": "m; of sync files mm",
    "sky": "none",
    "invalid": "0, and 10 m, where the toolbox cuts",
    "normals": "none",
}

MAT, SPLITS_MAT = "nyu_depth_v2_labeled.mat", "splits.mat"
LAYOUTS = ("auto", "labeled", "sync")
SPLITS = {"train": 795, "test": 654, "both": 1449}
DEPTHS = {"raw": "rawDepths", "filled": "depths"}

HOLDOUTS = {"nyuv2-test": {"layout": "labeled", "split": "test"}}

CAMERA = (518.85790117450188, 519.46961112127485, 325.58244941119034, 253.73616633400465)
SCENE = re.compile(r"[a-z]+(_[a-z]+)*_\d+[a-z]?")
SYNC = re.compile(rf".*/(rgb|sync_depth)_(\d{{5}})\.(?:{'|'.join(records.PICTURES)})")


def index(
    root: Root,
    *,
    layout: str = "auto",
    split: str = "train",
    depth: str = "raw",
    region: str = "frame",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The frames of a split, in order of scene and number, or of their numbers in the .mat.

    layout: auto, labeled or sync; split: train, test or both; depth: raw or filled; region: frame
    or eigen, where labels are valid; min_rgb_range, max_invalid, min_depth_range:
    parts/depth_rules.py. Raises SourceError if the files are not there.
    """
    layout = _checked(layout, split, depth, region, MAT if root.exists(MAT) else "")
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    record = {"depth": DEPTHS[depth], "region": region}
    frames: Iterator[Entry] = _sync(root, record)
    if layout == "labeled":
        mat = cache(lambda: _opened(root))
        frames = spans.Spans(
            _labeled(root, split, record), lambda each: _filled(each, *mat()), spans.MAPS
        )
    return depth_rules.kept(frames, root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The frame, a file's bytes or uint8 RGB [480, 640, 3], and its labels. Raises BadSample."""
    records.refuse(entry, kinds)
    record = records.unpack(entry.record)
    if "frame" in record:
        return _load_labeled(root, entry, kinds, record)
    image, by_kind = picture_files.read(root, entry, picture_files.UNSAID), dict[str, Any]()
    if "depth" in kinds:
        path = entry.files["depth"].path
        by_kind["depth"] = labels.depth(labels.metres(root, entry), record["region"], path)
    return Sample(image=image, labels=by_kind)


def official(
    *,
    layout: str = "auto",
    split: str = "train",
    depth: str = "raw",
    region: str = "frame",
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release of a split: the .mat and its split, or sync.zip.

    How many frames sync.zip has is not published; BTS trains on a list of 24,231 of them.
    """
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    if _checked(layout, split, depth, region, MAT) == "sync":
        url = "https://github.com/cleinc/bts"
        return Official(
            entries=None, downloads=(Download(path="sync", archive="sync.zip", url=url),)
        )
    horatio = "http://horatio.cs.nyu.edu/mit/silberman"
    urls = {
        MAT: f"{horatio}/nyu_depth_v2/{MAT}",
        SPLITS_MAT: f"{horatio}/indoor_seg_sup/splits.mat",
    }
    wanted = (MAT,) if split == "both" else (MAT, SPLITS_MAT)
    return Official(
        entries=SPLITS[split],
        downloads=tuple(Download(path=path, archive="", url=urls[path]) for path in wanted),
    )


def _checked(layout: str, split: str, depth: str, region: str, there: str) -> str:
    """The layout that the options ask for. there: the .mat, or "". Raises SourceError."""
    records.one_of("layout", layout, LAYOUTS)
    records.one_of("split", split, SPLITS)
    records.one_of("depth", depth, DEPTHS)
    records.one_of("region", region, REGIONS)
    layout = ("labeled" if there else "sync") if layout == "auto" else layout
    if layout == "sync" and split == "test":
        raise SourceError(f"split: sync frames are all of training scenes; test needs {MAT}")
    if layout == "sync" and depth == "filled":
        raise SourceError(f"depth: sync frames have raw depth only; filled needs {MAT}")
    return layout


def _load_labeled(
    root: Root, entry: Entry, kinds: Collection[str], record: dict[str, Any]
) -> Sample:
    """Load a frame of the .mat. Raises BadSample."""
    file, number, region = entry.files["image"], record["frame"], record["region"]
    by_kind: dict[str, Any] = {}
    with Mat(root, file.path, file.size) as mat:
        pixels = np.ascontiguousarray(mat.frame("images", number).transpose(2, 1, 0))
        if "depth" in kinds:
            by_kind["depth"] = labels.depth(mat.frame(record["depth"], number).T, region, mat.path)
        if "segments" in kinds:
            listed = [Part(*part) for part in record["objects"]]
            by_kind["segments"] = labels.segments(mat, number, region, listed)
    return Sample(image=pixels, labels=by_kind)


def _labeled(root: Root, split: str, record: dict[str, Any]) -> Iterator[Entry]:
    """The frames of the .mat, of which the objects are still to be read. Raises SourceError."""
    size = root.size(MAT)
    if size < 0:
        raise SourceError(f"{root.url}: no {MAT}")
    file = FileRef(path=MAT, size=size)
    try:
        with Mat(root, MAT, size) as mat:
            kinds_of(mat.texts("names"))
            scenes = mat.texts("scenes")
            counts = {name: mat.frames(name) for name in ARRAYS} | {"scenes": len(scenes)}
            if len(set(counts.values())) > 1:
                raise SourceError(f"{root.url}: {MAT} has not as many of each: {counts}")
            wanted = sorted(_wanted(root, split, len(scenes)))
    except BadSample as bad:
        raise SourceError(f"{root.url}: {bad}") from bad
    for number in wanted:
        yield _frame(file, number - 1, scenes[number - 1], record)


def _wanted(root: Root, split: str, count: int) -> Collection[int]:
    """Numbers, from 1, of the frames of a split. count: of all frames. Raises SourceError."""
    if split == "both":
        return range(1, count + 1)
    what = "the official split, a file of its own; or split: both"
    return splits(records.source_bytes(root, SPLITS_MAT, what), SPLITS_MAT, count)[split]


def _opened(root: Root) -> tuple[Mat, list[Kind]]:
    """The .mat and its classes. Raises BadSample."""
    mat = Mat(root, MAT, root.size(MAT))
    return mat, kinds_of(mat.texts("names"))


def _filled(entry: Entry, mat: Mat, kinds: list[Kind]) -> Entry:
    """The entry of a labelled frame with its objects, or its fault."""
    record = records.unpack(entry.record)
    try:
        parts = labels.objects(mat, record["frame"], record["region"], kinds)
    except BadSample as bad:
        return replace(entry, fault=str(bad))
    packed = records.pack(record | {"objects": parts})
    return replace(entry, classes=coded.facts(parts), record=packed)


def _frame(file: FileRef, number: int, scene: str, record: dict[str, Any]) -> Entry:
    """The entry of a labelled frame, counted from 0, without its objects, or its fault."""
    fault = ""
    if not (scene.isprintable() and scene.strip()):
        fault = str(BadSample("garbled annotation", f"its scene is {scene!r:.80}", file.path))
    return Entry(
        id=f"{number + 1:04d}",
        group=f"nyuv2:{scene}" if scene.isprintable() else f"nyuv2:frame {number + 1}",
        width=WIDTH,
        height=HEIGHT,
        license=LICENSE,
        files={"image": file},
        labels=LABELS,
        camera=CAMERA,
        record=records.pack(record | {"frame": number, "objects": []}),
        fault=fault,
    )


def _sync(root: Root, record: dict[str, Any]) -> Iterator[Entry]:
    """The frames in the folders of the scenes. Raises SourceError if there are none."""
    top = "sync/" if root.exists("sync") else ""
    nothing = True
    for scene in filter(SCENE.fullmatch, root.folders(top.rstrip("/"))):
        folder = f"{top}{scene}"
        sizes = records.sizes(root, folder)
        for number in sorted({match[2] for path in sizes if (match := SYNC.fullmatch(path))}):
            nothing = False
            yield Entry(
                id=f"{scene}/{number}",
                group=f"nyuv2:{scene}",
                width=WIDTH,
                height=HEIGHT,
                license=LICENSE,
                files={
                    "image": records.picture_ref(f"{folder}/rgb_{number}", "jpg", sizes),
                    "depth": records.file_ref(f"{folder}/sync_depth_{number}.png", sizes),
                },
                labels=("depth",),
                camera=CAMERA,
                record=records.pack(record),
            )
    if nothing:
        raise SourceError(
            f"{root.url}: no {MAT}, and no scene with frames (kitchen_0003/rgb_00000.jpg) in "
            f"{top or 'the root or in sync'}"
        )
