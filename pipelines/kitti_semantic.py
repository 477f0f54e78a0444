"""KITTI semantic and instance segmentation 2015: 200 street images with the labels of Cityscapes.

Licence: CC BY-NC-SA 3.0. Layout of data_semantics.zip, of which the test images have no labels:

    training/image_2/000000_10.png        8-bit RGB, sizes differ: 1242x375, 1241x376, ...
    training/semantic/000000_10.png       uint8, Cityscapes label id (0 to 33, no train ids)
    training/instance/000000_10.png       uint16, 256 x label id + instance number
    training/semantic_rgb/000000_10.png   the same in colours: not read

One of the two label folders is enough; where both are there, instance >> 8 must equal semantic.

- Things are the ten classes in which Cityscapes counts instances. Number 0 is "no instance ground
  truth" (devkit): all of it in a class is one crowd, and so is a class that only the semantic map
  has. Other classes are numbered, too (buildings from 1 on), but each is one segment.
- Void, neither a segment nor valid, is the Cityscapes category of that name: unlabeled, ego
  vehicle, rectification border, out of roi, static, dynamic, ground. The other classes that its
  evaluation ignores (ignoreInEval: parking, rail track, guard rail, bridge, tunnel, pole group,
  caravan, trailer) are ignored for being rare, but are named and drawn, so they are kept.
- Groups: 142 of the images come from published raw drives and have the group that the drive has in
  the `kitti` reader ("kitti:2011_09_26_drive_0005_sync"), so that what is held out there is held
  out here. The other 58 are 10 runs between them; neighbours may share an unpublished drive, so
  each run is one group ("kitti-semantic:000004"): parts/kitti/semantic_drives.py.
- 200 images are few, so the index reads all label maps: which classes they have, how many
  instances, and their sizes. A label file that is missing or damaged is a fault of its image.
- Frames are named *_10.png; the *_11.png of the scene flow data beside them are not part of it.

Sources: readme of devkit_semantics (Geiger, Abu Alhaija); cityscapesScripts helpers/labels.py;
Alhaija et al., "Augmented Reality Meets Computer Vision", IJCV 2018.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.labels import Segments
from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import BadSample, SourceError

from .parts import cityscapes, maps, picture_files, records, spans
from .parts import coded_segments as coded
from .parts.kitti.semantic_drives import IMAGES, group

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "CC-BY-NC-SA-3.0"
HOMEPAGE = "https://www.cvlibs.net/datasets/kitti/eval_semseg.php?benchmark=semantics2015"
LABELS = ("segments",)
FILES = {"segments": ("semantic", "instance")}  # that a kind of label is read from

TOP = "training"
FOLDERS = {"image": "image_2", "instance": "instance", "semantic": "semantic"}
FRAME = re.compile(r".*/(\d{6})_10\.png")

KINDS = cityscapes.NAMED


def index(root: Root) -> Iterator[Entry]:
    """The training images by number, with the classes and sizes of their label maps.

    Raises SourceError if there are no images or no label maps.
    """
    return spans.Spans(_all(root), partial(_filled, root), spans.MAPS)


index_parts, index_part = spans.parts(index)


def _all(root: Root) -> Iterator[Entry]:
    """The images before their label maps are read. Raises SourceError."""
    sizes = {key: records.sizes(root, f"{TOP}/{name}") for key, name in FOLDERS.items()}
    labelled = [key for key in ("instance", "semantic") if sizes[key]]
    if not labelled:
        raise SourceError(f"{root.url}: no files in {TOP}/instance, nor in {TOP}/semantic")
    paths = (path for files in sizes.values() for path in files)
    frames = sorted({match[1] for path in paths if (match := FRAME.fullmatch(path))})
    if not frames:
        raise SourceError(f"{root.url}: no files NNNNNN_10.png in the folders of {TOP}")
    for frame in frames:
        yield Entry(
            id=frame,
            group=group(int(frame)),
            width=0,
            height=0,
            license=LICENSE,
            files={
                key: records.file_ref(f"{TOP}/{FOLDERS[key]}/{frame}_10.png", sizes[key])
                for key in ("image", *labelled)
            },
            labels=LABELS,
        )


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the image's PNG as they are, and its segments. Raises BadSample."""
    records.refuse(entry, kinds)
    image = picture_files.read(root, entry, picture_files.UNSAID)
    return Sample(image=image, labels={"segments": _segments(root, entry)} if kinds else {})


def official() -> Official:
    """The benchmark's release: 200 training images (devkit readme) in one archive."""
    archive = "data_semantics.zip"
    wanted = ("image_2", "instance", "semantic")
    return Official(
        entries=IMAGES,
        downloads=tuple(
            Download(path=f"{TOP}/{name}", archive=archive, url=HOMEPAGE) for name in wanted
        ),
    )


def _filled(root: Root, entry: Entry) -> Entry:
    """The entry with the size and classes of its label maps, or with its fault."""
    try:
        codes = _codes(root, entry)
        parts = coded.parts(codes, KINDS, _label_file(entry))
    except BadSample as bad:
        return replace(entry, fault=str(bad))
    height, width = codes.shape
    return replace(entry, width=width, height=height, classes=coded.facts(parts))


def _segments(root: Root, entry: Entry) -> Segments:
    codes, path = _codes(root, entry), _label_file(entry)
    records.check_size(codes.shape, entry, path)
    parts = coded.parts(codes, KINDS, path)
    return coded.segments(coded.numbers(codes, parts, path), parts)


def _label_file(entry: Entry) -> str:
    return entry.files["instance" if "instance" in entry.files else "semantic"].path


def _codes(root: Root, entry: Entry) -> NDArray[np.uint16]:
    """uint16[H, W]: 256 x label id + instance number, by all label maps that the entry has."""
    semantic = _map(root, entry, "semantic", np.uint8)
    instance = _map(root, entry, "instance", np.uint16)
    if instance is None:
        return np.asarray(semantic.astype(np.uint16) << 8)
    if semantic is not None:
        _agree(instance, semantic, entry.files["semantic"].path)
    return np.asarray(instance)


def _agree(instance: NDArray[np.uint16], semantic: NDArray[np.uint8], path: str) -> None:
    """Raise BadSample unless the two label maps of an image have the same classes everywhere."""
    if instance.shape != semantic.shape:
        detail = f"instance map {instance.shape}, semantic map {semantic.shape} (height, width)"
        raise BadSample("wrong size", detail, path)
    if differ := int(np.count_nonzero(instance >> 8 != semantic)):
        detail = f"{differ} pixels of another class than in the instance map"
        raise BadSample("garbled annotation", detail, path)


def _map(root: Root, entry: Entry, key: str, dtype: type[np.unsignedinteger]) -> Any:
    """A label map as it is stored, [H, W]; None where the root has no such folder."""
    return maps.grey(root, entry, key, dtype) if key in entry.files else None
