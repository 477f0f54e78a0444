"""Folders of one's own: known presets, then pictures with maps of the same names beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from .parts import contents, layouts, roles
from .parts.places import FOLDERS, NOT_COUNTED, counted, listed, name
from .parts.roles import IMAGES, Key, Shape

RANK = FOLDERS
ENOUGH = 0.5  # of a kind's files that have a picture
PREFERRED = (".exr", ".npy", ".npz", ".pfm", ".dpt", ".tif", ".tiff", ".h5", ".hdf5", ".png")
LABELS = ("depth", "normals", "segments", "matte", "captions")
TOLD_APART = ("ids", "yolo-seg", "labelme", "voc")  # codings of which each object is one


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each preset, then for each shape of pictures that has labels."""
    taken = set[str]()
    for found in layouts.known(glimpse):
        if not taken & found.files:
            taken |= found.files
            yield found
    glimpse = glimpse.without(taken)
    shapes = roles.shapes(glimpse.paths)
    pictures = sorted((s for s in shapes if s.role == IMAGES), key=lambda s: (s.at < 0, s.after))
    used = set[int]()
    for shape in pictures:
        beside = [s for s in shapes if s.role != IMAGES and id(s) not in used and _pairs(shape, s)]
        if source := _found(glimpse, shape, beside):
            used |= {id(each) for each in beside}
            yield source


def _pairs(pictures: Shape, labels: Shape) -> list[tuple[Key, Key]]:
    """The keys of pictures with those of labels that are theirs; [] if too few are.

    Keys are the same, or the same but for folders that never vary.
    """
    for reduced in (False, True):
        sides = [_keyed(shape, reduced) for shape in (pictures, labels)]
        both = sides[0].keys() & sides[1].keys()
        if both and len(both) >= ENOUGH * len(sides[1]):
            return [(sides[0][key], sides[1][key]) for key in sorted(both)]
    return []


def _keyed(shape: Shape, reduced: bool) -> dict[Key, Key]:
    if not reduced:
        return {key: key for key in shape.files}
    varying = roles.variables(shape.files)
    return {
        (tuple(f for f, v in zip(key[0], varying, strict=True) if v is not None), key[1]): key
        for key in shape.files
    }


def _found(glimpse: Glimpse, pictures: Shape, beside: Sequence[Shape]) -> Found | None:
    """The source of a shape of pictures with its labels; None if it has none that can be said."""
    chosen, more = dict[str, Shape](), list[str]()
    for shape in sorted(beside, key=_preference):
        if shape.role in chosen:
            more.append(next(iter(shape.files.values())))
        else:
            chosen[shape.role] = shape
    patterns = {role: _patterns(pictures, shape) for role, shape in chosen.items()}
    if not any(role in LABELS for role in chosen):
        return None
    every = [pattern for pair in patterns.values() for pattern in pair]
    root = glimpse.folder_of(_above(every))
    cut = len(root) + 1 if root else 0
    images = next(iter(patterns.values()))[0]
    if any(pair[0] != images for pair in patterns.values()) or "{}" in "".join(every):
        return None
    options: dict[str, Any] = {"images": images[cut:]}
    splits = _splits(pictures, images)
    if splits:
        options["split"] = "train" if "train" in splits else splits[0]
    for role in LABELS:
        if role in chosen:
            path = next(iter(chosen[role].files.values()))
            made = _options(glimpse, role, root, path, patterns[role][1][cut:])
            if made is not None:
                options[role] = made
    labels = tuple(role for role in LABELS if role in options)
    boxes = not labels and contents.are_boxes(glimpse, chosen.get("segments"))
    if not labels and not boxes:
        return None
    notes = [f"also there, beside it: {', '.join(more)}"] if more else []
    if len(splits) > 1:
        notes.append(
            f"also there, by split: {', '.join(s for s in splits if s != options['split'])}"
        )
    if "instances" in chosen:
        where = patterns["instances"][1][cut:]
        notes.append(
            f'with segments.instances: "{where}" and segments.things objects are told apart'
        )
    coding = options.get("segments", {}).get("coding")
    return Found(
        root=root,
        about=f"{counted(len(pictures.files), 'picture')} with {listed(labels) or 'boxes'}",
        count=len(pictures.files),
        labels=labels,
        unfit=() if coding in TOLD_APART else NOT_COUNTED,
        options=options,
        notes=tuple(notes),
        lacking="masks: its labels are boxes alone" if boxes else "",
        files=frozenset([*pictures.files.values(), *(p for s in beside for p in s.files.values())]),
    )


def _options(
    glimpse: Glimpse, role: str, root: str, path: str, files: str
) -> dict[str, Any] | None:
    if role == "depth":
        return contents.depth(glimpse, path, files)
    if role == "normals":
        return contents.normals(glimpse, path, files)
    if role == "segments":
        return contents.segments(glimpse, root, path, files)
    return {"files": files}


def _patterns(pictures: Shape, labels: Shape) -> tuple[str, str]:
    """The patterns of pictures and of their labels, with the same parts."""
    pairs = _pairs(pictures, labels)
    ours = roles.variables(pictures.files)
    image, label = pairs[0]
    if len(image[0]) == len(label[0]) and all(a[0] == b[0] for a, b in pairs):
        return pictures.pattern(image, ours), labels.pattern(label, ours)
    names = iter([each for each in ours if each is not None])
    theirs = [None if v is None else next(names, "") for v in roles.variables(labels.files)]
    return pictures.pattern(image, ours), labels.pattern(label, theirs)


def _above(patterns: Sequence[str]) -> str:
    """The folder that all patterns begin with."""
    parts = [pattern.split("/")[:-1] for pattern in patterns]
    common = list[str]()
    for same in zip(*parts, strict=False):
        if len(set(same)) > 1 or "{" in same[0]:
            break
        common.append(same[0])
    return "/".join(common)


def _splits(pictures: Shape, pattern: str) -> list[str]:
    if "{split}" not in pattern:
        return []
    place = roles.variables(pictures.files).index("split")
    return sorted({key[0][place] for key in pictures.files})


def _preference(shape: Shape) -> tuple[int, str]:
    kind = name(next(iter(shape.files.values()))).rpartition(".")[2].lower()
    order = PREFERRED.index(f".{kind}") if f".{kind}" in PREFERRED else len(PREFERRED)
    return order, shape.after
