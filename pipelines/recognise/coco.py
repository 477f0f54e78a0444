"""COCO's layout, and COCO-format files of any other: Roboflow, CVAT, LVIS, a JSON and a folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..coco import SEGMENTS
from .parts import coco_json
from .parts.coco_json import File
from .parts.places import (
    NAMED,
    NOT_COUNTED,
    ROOT,
    SPLITS,
    below,
    counted,
    is_below,
    is_picture,
    joined,
    name,
    others,
    parent,
    split_of,
)

RANK = NAMED
OFFICIAL = re.compile(
    ROOT + r"annotations/(?P<kind>[a-z]+(?:_[a-z]+)*)_(?P<split>[A-Za-z0-9.-]+)\.json"
)
ABOVE = ("annotations", "annotation", "anns", "json", "labels")  # folders of JSON files in a root


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each root in COCO's layout, then for each file of another."""
    official: dict[str, dict[str, dict[str, File]]] = {}
    own: dict[str, list[File]] = {}
    for file in coco_json.files(glimpse):
        match = OFFICIAL.fullmatch(file.path)
        if match and match["kind"] in (*SEGMENTS, "captions"):
            root = match["root"].rstrip("/")
            official.setdefault(root, {}).setdefault(match["split"], {})[match["kind"]] = file
        else:
            own.setdefault(_root(glimpse, file.path), []).append(file)
    for root, splits in official.items():
        yield _official(glimpse, root, splits)
    for root, files in own.items():
        yield from _own(glimpse, root, files)


def _official(glimpse: Glimpse, root: str, splits: dict[str, dict[str, File]]) -> Found:
    """COCO's layout, of the split to train on: annotations/KIND_SPLIT.json."""
    split = min(splits, key=lambda each: (_order(each), each))
    kinds = splits[split]
    masks = [kind for kind in SEGMENTS if kind in kinds]
    read = [kinds[kind] for kind in (*masks[:1], "captions") if kind in kinds]
    names = _together(read)
    every = [path for path in below(glimpse.paths, root) if is_picture(path)]
    pictures = [path for path in every if name(path) in names] if names is not None else every
    folders = {parent(path) for path in pictures}
    notes = others("split", split, splits)
    if len(masks) > 1:
        notes += (f"also there, by segments: {', '.join(masks[1:])}",)
    listed = {file.path for kinds in splits.values() for file in kinds.values()}
    usual = joined(root, split)
    options: dict[str, object] = {"split": split}
    if masks and masks[0] != "instances":
        options["segments"] = masks[0]
    elsewhere = [f for f in sorted(folders) if name(f) == split and f != usual]
    if elsewhere and not any(is_below(path, usual) for path in pictures):
        options["images"] = elsewhere[0].removeprefix(f"{root}/" if root else "")
    labels = ("segments",) * bool(masks) + ("captions",) * ("captions" in kinds)
    what = " and ".join([*masks[:1], *["captions"] * ("captions" in kinds)])
    count = len(names) if names is not None else len(pictures)
    return Found(
        root=root,
        about=f"COCO's layout: {what} of {split}, {counted(count, 'picture')}",
        count=count,
        labels=labels,
        unfit=NOT_COUNTED if masks and not _countable(masks[0], kinds[masks[0]]) else (),
        options=options,
        notes=notes,
        files=frozenset([*listed, *pictures, *(p for p in every if _is_of(p, root, splits))]),
        lacking="" if pictures or (every and glimpse.unseen) else f"the pictures of {split}",
    )


def _is_of(path: str, root: str, splits: Collection[str]) -> bool:
    """Whether a picture lies in a folder of one of the splits, or in annotations/."""
    folders = path[len(root) :].strip("/").split("/")[:-1]
    return "annotations" in folders[:1] or any(folder in splits for folder in folders)


def _own(glimpse: Glimpse, root: str, files: Sequence[File]) -> Iterator[Found]:
    """Files of other layouts: each that is not of a split beside the one to train on."""
    every = [path for path in below(glimpse.paths, root) if is_picture(path)]
    words = {file.path: split_of(file.path[len(root) :]) for file in files}
    best = min((_order(word) for word in words.values() if word), default=0)
    used = [file for file in files if not words[file.path] or _order(words[file.path]) == best]
    for file in used:
        path = file.path.removeprefix(f"{root}/" if root else "")
        pictures = [p for p in every if name(p) in file.names] if file.names is not None else every
        unused = [f.path for f in files if f not in used]
        boxes = not (file.masks or file.panoptic or file.captions)
        notes = (f"also there: {', '.join(unused)}",) if unused else ()
        what = "boxes" if boxes else "captions" if file.captions else "masks"
        what = "panoptic masks" if file.panoptic else what
        count = len(pictures) if file.names is None else len(file.names)
        options: dict[str, object] = {"annotations": path}
        if file.panoptic:
            options["segments"] = "panoptic"
        lacking = "masks: its annotations are boxes alone" if boxes else ""
        if not pictures and not (every and glimpse.unseen):
            lacking = lacking or f"the pictures that {path} names"
        yield Found(
            name="" if len(used) == 1 else re.sub(r"\W+", "-", name(path).partition(".")[0]),
            root=root,
            about=f"COCO-format {what}{' of some classes a picture (LVIS)' * file.federated}"
            f" in {path}, {counted(count, 'picture')}",
            count=count,
            labels=("captions",) if file.captions else ("segments",),
            unfit=() if file.panoptic or file.objects else (*NOT_COUNTED, "panoptic"),
            options=options,
            notes=notes,
            files=frozenset([file.path, *unused, *pictures]),
            lacking=lacking,
        )


def _countable(kind: str, file: File) -> bool:
    """Whether masks have objects that can be told apart."""
    return kind != "stuff" and (kind == "panoptic" or file.objects)


def _root(glimpse: Glimpse, path: str) -> str:
    """The folder from which a file and its pictures can be named."""
    folder = parent(path)
    if folder and (name(folder).lower() in ABOVE or split_of(name(folder))):
        folder = parent(folder)
    while folder and not any(is_picture(each) for each in below(glimpse.paths, folder)):
        folder = parent(folder)
    return glimpse.folder_of(folder)


def _order(split: str) -> int:
    """Which split is to be trained on: training's, one of no usual name, then the others."""
    word = split_of(split)
    return {"train": 0, "": 1}.get(word, 1 + list(SPLITS).index(word) if word else 1)


def _together(files: Sequence[File]) -> frozenset[str] | None:
    """The pictures that any of some files names, None if one is too large to be read."""
    if any(file.names is None for file in files):
        return None
    return frozenset(name for file in files for name in file.names or ())
