"""Parquet with pictures inside, by the columns of its first file: known data sets, then any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata.sources.found import Blank, Found
from vbdata.sources.glimpse import Glimpse

from ..parts import presets
from ..parts.captioned.records import CAPTIONS, guessed
from ..parts.parquet.presets import FOLDER, known
from .parts import contents
from .parts.places import (
    NAMED,
    NOT_COUNTED,
    below,
    counted,
    first,
    grown,
    name,
    others,
    parent,
    split_of,
)

RANK = NAMED
TYPE = ".parquet"
IMAGE = (
    *("image", "img", "jpg", "jpeg", "png", "picture", "photo", "rgb"),
    *("image_bytes", "bytes", "input_image", "source_image"),
)
INSTRUCTIONS = ("edit_instruction", "instruction", "edit_prompt", "edit", "prompt")
WORDS = {
    "edited": ("edited", "output", "target"),
    "depth": ("depth", "disparity"),
    "normals": ("normal",),
    "segments": ("mask", "seg", "label", "annotation"),
}


class Columns(NamedTuple):
    """The columns of a file that may hold pictures, and those of texts or lists of texts."""

    pictures: list[str]
    texts: list[str]


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """A source for each folder of Parquet files that have pictures."""
    folders: dict[str, list[str]] = {}
    for path in glimpse.files:
        if path.lower().endswith(TYPE) and not _is_of_tar(glimpse, path):
            folders.setdefault(parent(path), []).append(path)
    listed = {folder: _columns(glimpse, files[0]) for folder, files in folders.items()}
    fit = {folder: columns for folder, columns in listed.items() if columns and columns.pictures}
    for root in sorted(grown(fit)):
        files = [f for folder in fit for f in folders[folder] if f in below([f], root)]
        columns = next(columns for folder, columns in fit.items() if folders[folder][0] in files)
        assert columns is not None
        yield _found(glimpse, root, files, columns)


def _found(glimpse: Glimpse, root: str, files: list[str], columns: Columns) -> Found:
    splits = {split_of(path[len(root) :]): name(path) for path in files}
    split = first(("train", "", "val", "test"), splits)
    used = [path for path in files if split_of(path[len(root) :]) == split]
    count = sum(_rows(glimpse, path) for path in used)
    options = _preset(columns) or _options(columns)
    labels = tuple(kind for kind in ("captions", *WORDS) if kind in options)
    if preset := options.get("preset"):
        labels = tuple(k for k in ("captions", *WORDS) if any(k in each for each in _sets(preset)))
    if len([each for each in splits if each]) > 1:
        options["split"] = split
    about = f"Parquet: {counted(count, 'row')} in {counted(len(used), 'file')}"
    about += f", the columns of {preset}" if preset else f", pictures in {options.get('image')}"
    shown = ", ".join([*columns.pictures, *columns.texts])
    notes = (f"columns: {shown}", *others("split", split, splits))
    if {"width", "height"} <= set(columns.texts):
        notes += ("size: [width, height] saves reading every picture once, if they are of image",)
    return Found(
        root=root,
        about=about,
        count=count,
        labels=labels,
        unfit=NOT_COUNTED,
        options=options,
        notes=notes,
        files=frozenset(files),
        lacking="" if labels else "a column of captions, edits, depth, normals or masks",
    )


def _is_of_tar(glimpse: Glimpse, path: str) -> bool:
    """Whether a file is img2dataset's table of a tar or folder beside it."""
    stem = path[: -len(TYPE)]
    return f"{stem}.tar" in glimpse.files or stem in glimpse.folders


def _columns(glimpse: Glimpse, path: str) -> Columns | None:
    """The columns of a file; None if it cannot be read."""
    try:
        schema = pq.read_schema(glimpse.local(path))
    except (pa.ArrowException, OSError):
        return None
    pictures, texts = list[str](), list[str]()
    for field in schema:
        kind = field.type
        struct = pa.types.is_struct(kind) and {each.name for each in kind} >= {"bytes"}
        if struct or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            pictures.append(field.name)
        elif not (pa.types.is_struct(kind) or pa.types.is_nested(kind)) or _is_texts(kind):
            texts.append(field.name)
    return Columns(pictures, texts)


def _is_texts(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and pa.types.is_string(kind.value_type)


def _rows(glimpse: Glimpse, path: str) -> int:
    try:
        return int(pq.read_metadata(glimpse.local(path)).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _sets(preset: str) -> list[Mapping[str, Any]]:
    """The sets of options of a preset."""
    whole = presets.read(FOLDER, preset)
    layouts: list[Mapping[str, Any]] = whole.get("layouts", [whole])
    return layouts


def _preset(columns: Columns) -> dict[str, Any]:
    """The preset of which most columns are there, all of them; {} if none fits."""
    best, most = dict[str, Any](), 0
    for preset in known():
        for each in _sets(preset):
            edited = each.get("edited", {})
            texts = edited.get("instructions", ())
            wanted = {each["image"], edited.get("column", each["image"])}
            said = {texts} if isinstance(texts, str) else set(texts)
            fits = wanted <= set(columns.pictures) and said <= set(columns.texts)
            if fits and len(wanted | said) > most:
                best, most = {"preset": preset}, len(wanted | said)
    return best


def _options(columns: Columns) -> dict[str, Any]:
    """The options that columns of usual names stand for, with what no column says."""
    image = guessed(IMAGE, columns.pictures) or columns.pictures[0]
    rest = [each for each in columns.pictures if each != image]
    named = {
        kind: next((c for c in rest if any(word in c.lower() for word in words)), "")
        for kind, words in WORDS.items()
    }
    options: dict[str, Any] = {"image": image}
    if captions := guessed(CAPTIONS, columns.texts):
        options["captions"] = captions
    told = guessed(INSTRUCTIONS, columns.texts)
    if (column := named["edited"]) and told:
        options["edited"] = {"column": column, "instructions": told}
        if captions == told:
            del options["captions"]
    if column := named["depth"]:
        options["depth"] = {"column": column, **contents.unsaid_depth(column)}
    if column := named["normals"]:
        options["normals"] = {"column": column, **contents.unsaid_normals()}
    if column := named["segments"]:
        options["segments"] = {
            "column": column,
            "coding": Blank(choices=contents.CODING, example="index"),
            "names": Blank(choices=contents.LISTED, example="{0: background, 1: road}"),
        }
    return options
