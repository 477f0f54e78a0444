"""What files of one's own are by their folders and names: pictures, or one kind of their labels.

A shape is all files of one role whose paths differ only in an id and in the folders around: a
pattern of the reader `folders`, once it is known which of these folders vary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .places import PICTURES, split_of

IMAGES = "images"
WORDS = {
    IMAGES: "rgb rgbs im image images img imgs color colour colors colours picture pictures photo "
    "photos left jpegimages input inputs leftimg8bit",
    "depth": "depth depths depthmap depthmaps disparity disparities disp distance inverse",
    "normals": "normal normals",
    "segments": "mask masks seg segs segm segmentation segmentations semantic semantics label "
    "labels labelmap labelmaps annotation annotations gtfine",
    "instances": "instance instances inst",
    "matte": "matte mattes alpha alphas",
    "captions": "caption captions text texts",
}
ROLES = {word: role for role, words in WORDS.items() for word in words.split()}
MAPS = (".png", ".npy", ".npz", ".exr", ".pfm", ".tif", ".tiff", ".dpt", ".h5", ".hdf5")
TYPES = {
    IMAGES: PICTURES,
    "depth": MAPS,
    "normals": MAPS,
    "segments": (*MAPS, ".bmp", ".txt", ".json"),
    "instances": (*MAPS, ".bmp"),
    "matte": (".png",),
    "captions": (".txt",),
}
OUTLINES = (".txt", ".json")
VARIABLES = ("scene", "part", "folder")
Key = tuple[tuple[str, ...], str]  # folders but that of the role, id


@dataclass(slots=True)
class Shape:
    """Files of one role whose paths differ in nothing else than ids and folders.

    at: place of the role's own folder among the folders, -1 if none says it; word: that folder;
    before, after: what stands around the id; types: their extensions; files: path by key.
    """

    role: str
    at: int
    word: str
    before: str
    after: str
    types: set[str] = field(default_factory=set)
    files: dict[Key, str] = field(default_factory=dict)

    def pattern(self, key: Key, varying: Sequence[str | None]) -> str:
        """The pattern of the files. varying: the name of each folder, None: as in the key."""
        folders = [f"{{{v}}}" if v else folder for folder, v in zip(key[0], varying, strict=True)]
        if self.at >= 0:
            folders.insert(self.at, self.word)
        kind = next(iter(self.types)) if len(self.types) == 1 else ".*"
        return "/".join([*folders, f"{self.before}{{id}}{self.after}{kind}"])


def shapes(paths: Iterable[str]) -> list[Shape]:
    """The shapes of all files that have a role."""
    found = dict[tuple[object, ...], Shape]()
    for path in paths:
        *folders, name = path.split("/")
        stem, dot, kind = name.rpartition(".")
        kind = f".{kind.lower()}"
        if not dot or not stem or re.search(r"[{}*?]", path):
            continue
        before, id_, after, named = _named(stem)
        at = next((i for i in reversed(range(len(folders))) if _role(folders[i])), -1)
        of_folder = _role(folders[at]) if at >= 0 else ""
        role = named if named and of_folder in ("", IMAGES) else of_folder or IMAGES
        if role == IMAGES and kind in OUTLINES:  # beside the picture: LabelMe, YOLO
            role = "segments"
        if kind not in TYPES[role]:
            continue
        word = folders[at] if at >= 0 else ""
        typed = "" if role == IMAGES else kind
        shape = found.setdefault(
            (role, at, word, before, after, typed, len(folders)),
            Shape(role, at, word, before, after),
        )
        shape.types.add(f".{name.rpartition('.')[2]}")
        rest = tuple(f for i, f in enumerate(folders) if i != at)
        shape.files.setdefault((rest, id_), path)
    return list(found.values())


def _named(stem: str) -> tuple[str, str, str, str]:
    """(before, id, after, role) of a file's name: rgb_0001, 0001_depth, 0001.

    A role stands at the end or at the beginning, apart by "_", "-" or ".".
    """
    parts = re.split(r"([_.-])", stem)
    for count in (1, 3):  # words: depth, depth_map
        if len(parts) > count + 1:
            if role := _role("".join(parts[-count:])):
                end = "".join(parts[-count - 1 :])
                return "", stem[: -len(end)], end, role
            if role := _role("".join(parts[:count])):
                begin = "".join(parts[: count + 1])
                return begin, stem[len(begin) :], "", role
    return "", stem, "", ""


def _role(word: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    return ROLES.get(plain) or next(
        (ROLES[part] for part in re.split(r"[^a-z0-9]+", word.lower()) if part in ROLES), ""
    )


def variables(keys: Iterable[Key]) -> list[str | None]:
    """For each folder of some keys the name of the part that it is, None where it is always one."""
    columns = [set(column) for column in zip(*(key[0] for key in keys), strict=True)]
    names = iter(VARIABLES)
    found = list[str | None]()
    for column in columns:
        if len(column) == 1:
            found.append(None)
        elif all(split_of(value) for value in column) and "split" not in found:
            found.append("split")
        else:
            found.append(next(names, ""))
    return found
