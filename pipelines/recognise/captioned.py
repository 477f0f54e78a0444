"""Images with captions: texts beside them, tables, tars of WebDataset, Parquet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..parts.captioned.files import TABLES
from ..parts.captioned.records import CAPTIONS, IMAGES, guessed
from .parts import tables
from .parts.places import (
    PAIRS,
    below,
    counted,
    grown,
    is_picture,
    name,
    parent,
    to_train_on,
)

RANK = PAIRS
NUMBERS = re.compile(r"[\d\s.eE+-]+")  # boxes and outlines of YOLO, which are no captions
LOOKED = 5  # texts of a folder that are read


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each layout and folder."""
    yield from _tables(glimpse)
    yield from _tars(glimpse)
    yield from _pairs(glimpse)


def _found(
    root: str, layout: str, about: str, count: int, files: list[str], notes: tuple[str, ...] = ()
) -> Found:
    return Found(
        root=root,
        about=about,
        count=count,
        labels=("captions",),
        options={"layout": layout},
        notes=notes,
        files=frozenset(files),
    )


def _tables(glimpse: Glimpse) -> Iterator[Found]:
    listed: dict[str, str] = {}
    for path in glimpse.files:
        if name(path) in TABLES:
            columns = tables.columns(glimpse, path)
            if guessed(IMAGES, columns) and guessed(CAPTIONS, columns):
                listed[parent(path)] = path
    for folder, notes in to_train_on(listed).items():
        path = listed[folder]
        count = tables.lines(glimpse, path)
        pictures = [each for each in below(glimpse.files, folder) if is_picture(each)]
        about = f"captioned images: {counted(count, 'line')} of {name(path)}"
        yield _found(folder, "metadata", about, count, [path, *pictures], notes)


def _tars(glimpse: Glimpse) -> Iterator[Found]:
    of_tars = {folder: tars for folder, tars in tables.tars_of(glimpse) if _in(glimpse, tars)}
    for root, notes in to_train_on(grown(of_tars)).items():
        tars = [tar for tars in of_tars.values() for tar in tars if tar in below([tar], root)]
        count = sum(tables.samples(glimpse, tar).seen for tar in tars)
        about = f"captioned images: {counted(count, 'sample')} in {counted(len(tars), 'tar')}"
        beside = [f"{tar[:-4]}{end}" for tar in tars for end in (".parquet", "_stats.json")]
        yield _found(root, "tars", about, count, [*tars, *beside], notes)

    for path in tables.packed_of(glimpse):
        if _in(glimpse, [path]):
            about = f"captioned images: {path}, a packed tar"
            found = _found(parent(path), "tars", about, tables.samples(glimpse, path).seen, [path])
            yield replace(found, lacking="an unpacked .tar: samples are read by byte ranges")


def _in(glimpse: Glimpse, tars: list[str]) -> bool:
    """Whether the first tar of a folder has images with texts."""
    found = tables.samples(glimpse, tars[0])
    texts = "txt" in found.extensions or guessed(CAPTIONS, list(found.keys))
    return bool(tables.images(found.extensions) and texts)


def _pairs(glimpse: Glimpse) -> Iterator[Found]:
    """Folders in which most pictures have a text of their name, or a JSON with a caption."""
    by_folder: dict[str, tuple[set[str], dict[str, str]]] = {}
    for path in glimpse.files:
        pictures, texts = by_folder.setdefault(parent(path), (set(), {}))
        stem, _, kind = path.rpartition(".")
        if is_picture(path):
            pictures.add(stem)
        elif kind.lower() in ("txt", "json"):
            texts[stem] = path if kind.lower() == "txt" else texts.get(stem, path)
    folders = set[str]()
    for folder, (pictures, texts) in by_folder.items():
        both = sorted(pictures & texts.keys())
        if both and 2 * len(both) >= len(pictures) and _say(glimpse, [texts[s] for s in both]):
            folders.add(folder)
    for root, notes in to_train_on(grown(folders)).items():
        here = [f for f in below(glimpse.files, root) if parent(f) in folders]
        files = [f for f in here if is_picture(f) or f.lower().endswith((".txt", ".json"))]
        count = sum(map(is_picture, files))
        about = f"captioned images: {counted(count, 'picture')} with texts beside them"
        yield _found(root, "pairs", about, count, files, notes)


def _say(glimpse: Glimpse, texts: list[str]) -> bool:
    """Whether some files hold captions: text that is not all numbers, JSON with a caption's key."""
    for path in texts[:LOOKED]:
        if path.lower().endswith(".json"):
            if guessed(CAPTIONS, tables.keys(glimpse, path)):
                return True
        else:
            text = glimpse.head(path).decode("utf-8", "replace")
            if text.strip() and not NUMBERS.fullmatch(text):
                return True
    return False
