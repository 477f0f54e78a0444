"""Where Virtual KITTI 2's files lie, and the entries of one variation of a scene."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from vbdata.core.glance import glance
from vbdata.core.images import MAX_PIXELS
from vbdata.core.members import REFERENCE
from vbdata.core.types import ClassFact, Entry, FileRef
from vbdata.errors import BadSample

from .. import records
from ..class_facts import Seen, by_class
from . import segments as segmentation
from . import tables
from .segments import Track

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

IMAGES = {  # modality -> stem and suffix of its files
    "rgb": ("rgb", "jpg"),
    "depth": ("depth", "png"),
    "classSegmentation": ("classgt", "png"),
    "instanceSegmentation": ("instancegt", "png"),
    "forwardFlow": ("flow", "png"),
}
ROLES = {  # key of an entry's file -> modality
    "image": "rgb",
    "depth": "depth",
    "classes": "classSegmentation",
    "instances": "instanceSegmentation",
    "flow": "forwardFlow",
}
NEXT = f"{REFERENCE}1"  # key of the picture of the next frame, to which flow leads
TEXTS = "textgt"

SIZE = (1242, 375)  # of all official images: for a camera of which no image can be read
HEAD = 1 << 12  # bytes of an image that hold its size


class Places:
    """Where the files of each modality are: in a tree of its own below the root, or in the root.

    Each download may be unpacked in a folder of its own or merged with the others, in any mixture.
    """

    def __init__(self, root: Root) -> None:
        here = root.folders()
        spelled = {name.lower(): name for name in here}
        self._root = root
        self._trees: dict[str, list[tuple[str, set[str]]]] = {}
        for what in (*IMAGES, TEXTS):
            names = (spelled.get(f"{before}{what}".lower()) for before in ("vkitti_2.0.3_", ""))
            own = [(f"{name}/", set(root.folders(name))) for name in names if name]
            self._trees[what] = [*own, ("", set(here))]

    def folders(self, name: str) -> dict[str, str]:
        """Modality -> its folder for a variation "SceneXX/Y", of those that have one."""
        by_modality: dict[str, str] = {}
        for what in IMAGES:
            for top in self._tops(what, name):
                below = self._root.folders(f"{top}{name}/frames")
                for folder in [folder for folder in below if folder.lower() == what.lower()]:
                    by_modality.setdefault(what, f"{top}{name}/frames/{folder}")
        return by_modality

    def text(self, name: str, file: str) -> str | None:
        """The path of a text file of a variation "SceneXX/Y"; None if it is not there."""
        paths = (f"{top}{name}/{file}.txt" for top in self._tops(TEXTS, name))
        return next(filter(self._root.exists, paths), None)

    def _tops(self, what: str, name: str) -> Iterator[str]:
        """The trees of a modality, "" or with a slash, that have the scene of a variation."""
        scene = name.partition("/")[0]
        yield from (top for top, scenes in self._trees[what] if scene in scenes)


class Variation(NamedTuple):
    """What the frames of one variation of a scene share.

    name: "SceneXX/Y"; folders: by modality; colors, lenses: None where their file is not there;
    tracks, boxes: what the text files list.
    """

    name: str
    group: str
    license: str
    folders: Mapping[str, str]
    colors: tables.Colors | None
    lenses: Mapping[tables.View, tables.Focus] | None
    tracks: Mapping[int, str]
    boxes: Mapping[tables.View, Mapping[int, int]]


def variation(root: Root, places: Places, name: str, group: str, license: str) -> Variation:
    """Find the folders and read the text files of a variation "SceneXX/Y". Raises SourceError."""
    paths = {file: places.text(name, file) for file in ("colors", "intrinsic", "info", "bbox")}
    return Variation(
        name=name,
        group=group,
        license=license,
        folders=places.folders(name),
        colors=tables.colors(root, path) if (path := paths["colors"]) else None,
        lenses=tables.lenses(root, path) if (path := paths["intrinsic"]) else None,
        tracks=tables.tracks(root, path) if (path := paths["info"]) else {},
        boxes=tables.boxes(root, path) if (path := paths["bbox"]) else {},
    )


def frames(root: Root, shared: Variation, camera: int, *, to_open: bool) -> Iterator[Entry]:
    """The frames of one camera of a variation: every number of which there is a file.

    None if the camera has no pictures or no labels. to_open: whether the class and instance images
    will be opened for the facts (`opened`), and until then all vehicles are tracks of a frame.
    """
    known = {
        what: records.sizes(root, f"{folder}/Camera_{camera}")
        for what, folder in shared.folders.items()
    }
    numbers = {what: _numbers(what, paths) for what, paths in known.items()}
    offered = {what for what, frames_there in numbers.items() if frames_there}
    labels = _labels(offered, shared)
    if not labels or "rgb" not in offered:
        return
    width, height = _size(root, [path for path, size in known["rgb"].items() if size])
    every = sorted(set().union(*numbers.values()))
    for number in every:
        moving = "flow" in labels and number < every[-1]  # from the last frame nothing leads on
        files = {
            role: _file(shared, what, camera, number, known[what])
            for role, what in ROLES.items()
            if what in offered and (role != "flow" or moving)
        }
        if moving:
            files[NEXT] = _file(shared, "rgb", camera, number + 1, known["rgb"])
        entry = Entry(
            id=f"{shared.name}/Camera_{camera}/{number:05d}",
            group=shared.group,
            width=width,
            height=height,
            license=shared.license,
            files=files,
            labels=tuple(kind for kind in labels if kind != "flow" or moving),
            references=int(moving),
        )
        try:
            yield _described(entry, shared, (number, camera), to_open)
        except BadSample as bad:
            yield records.faulty(entry, bad)


def _file(shared: Variation, what: str, camera: int, number: int, known: dict[str, int]) -> FileRef:
    """A frame's file of a modality; its picture may be of any type that is read."""
    stem, suffix = IMAGES[what]
    path = f"{shared.folders[what]}/Camera_{camera}/{stem}_{number:05d}"
    if what == "rgb":
        return records.picture_ref(path, suffix, known)
    return records.file_ref(f"{path}.{suffix}", known)


def _numbers(what: str, paths: Mapping[str, int]) -> set[int]:
    """The numbers of the frames that have a file; files of other names are not Virtual KITTI's."""
    stem, suffix = IMAGES[what]
    types = "|".join(records.PICTURES) if what == "rgb" else suffix
    form = re.compile(rf".*/Camera_\d/{stem}_(\d{{5}})\.(?:{types})")
    return {int(match[1]) for path in paths if (match := form.fullmatch(path))}


def _labels(offered: set[str], shared: Variation) -> tuple[str, ...]:
    """The kinds that a camera's files can yield."""
    can = {
        "depth": "depth" in offered,
        "normals": "depth" in offered and shared.lenses is not None,
        "segments": "classSegmentation" in offered and shared.colors is not None,
        "flow": "forwardFlow" in offered,
    }
    return tuple(kind for kind, able in can.items() if able)


def _size(root: Root, paths: Sequence[str]) -> tuple[int, int]:
    """(width, height) by the first header that can be read: a camera's images have one size."""
    for path in paths:
        try:
            seen = glance(root.read_range(path, 0, HEAD))
        except BadSample:  # raised again when that frame is loaded
            continue
        if seen and 0 < seen.width * seen.height <= MAX_PIXELS:
            return seen.width, seen.height
    return SIZE


def opened(root: Root, entry: Entry) -> Entry:
    """The entry with what its class and instance images show, or its fault."""
    if "segments" not in entry.labels:
        return entry
    record = records.unpack(entry.record)
    try:
        tracks, facts = segmentation.shown(root, entry, record["colors"], record["tracks"])
    except BadSample as bad:
        return records.faulty(replace(entry, camera=None, record=b""), bad)
    return replace(entry, classes=facts, record=records.pack(record | {"tracks": tracks}))


def _described(entry: Entry, shared: Variation, view: tables.View, to_open: bool) -> Entry:
    """The entry with what the text files say of it. Raises BadSample."""
    if shared.lenses is not None:
        if view not in shared.lenses:
            detail = f"intrinsic.txt has no row of frame {view[0]}, camera {view[1]}"
            raise BadSample("garbled annotation", detail)
        entry = replace(entry, camera=shared.lenses[view])
    if "segments" not in entry.labels or shared.colors is None:
        return entry
    tracks: list[Track] = []
    facts: tuple[ClassFact, ...] = ()
    if to_open:
        tracks = sorted(track for track in shared.tracks.items() if track[1] in tables.VEHICLES)
    elif "instances" in entry.files and shared.tracks:
        visible = _boxed(shared, view)
        tracks = [track for track, _ in visible]
        facts = by_class(
            Seen(tables.CLASSES[label], True, False, size) for (_, label), size in visible
        )
    record = {"colors": shared.colors, "tracks": tracks}
    return replace(entry, classes=facts, record=records.pack(record))


def _boxed(shared: Variation, view: tables.View) -> list[tuple[Track, int]]:
    """The vehicles that bbox.txt lists as visible in a view, with pixels. Raises BadSample."""
    visible = []
    for track, size in sorted(shared.boxes.get(view, {}).items()):
        if track not in shared.tracks:
            raise BadSample("garbled annotation", f"bbox.txt has track {track}, info.txt has not")
        if size > 0 and shared.tracks[track] in tables.VEHICLES:
            visible.append(((track, shared.tracks[track]), size))
    return visible
