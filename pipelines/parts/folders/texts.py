"""Captions, expressions and edits: a text file for each image, or JSONL with a line for each.

A line names its image by its path, relative to the root or to the JSONL's folder, or by the value
of {id}. Columns have their usual names unless the recipe says others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.texts import seen
from vbdata.core.types import Expression
from vbdata.errors import BadSample

from .. import own_records as own
from .. import records
from .patterns import Listing, Parts, Pattern
from .segments import Part
from .spec import TextSpec

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

USUAL = {
    "image": ("file_name", "image", "image_path", "path", "id"),
    "text": ("text", "caption", "captions", "expression", "sentence", "sentences", "phrase"),
    "targets": ("targets", "segments", "segment_ids", "ids", "instance"),
    "edited": ("edited", "edited_file_name", "target", "output", "after"),
    "instruction": ("instruction", "instructions", "edit_prompt", "prompt"),
}


class Row(NamedTuple):
    """A line of JSONL. where: its file and number; values: by role."""

    where: str
    values: Mapping[str, Any]


class Rows(NamedTuple):
    """Lines by image, and those that are of none: a place and what is wrong with each."""

    by_image: Mapping[str, list[Row]]
    strays: list[tuple[str, str]]

    def some(self, names: Collection[str]) -> Rows:
        """The lines of some images, and those of some places."""
        by_image = {path: self.by_image[path] for path in names if path in self.by_image}
        return Rows(by_image, [stray for stray in self.strays if stray[0] in names])


def is_jsonl(spec: TextSpec) -> bool:
    """Whether texts come by lines of JSONL rather than by a file for each image."""
    return any(pattern.text.lower().endswith(".jsonl") for pattern in spec.files.patterns)


def rows(
    root: Root, listing: Listing, pattern: Pattern, spec: TextSpec, images: Mapping[str, Parts]
) -> Rows:
    """The lines of all files that match a pattern. images: every image, by path.

    Raises SourceError for a file without the columns.
    """
    by_id: dict[str, list[str]] = {}
    for path, parts in images.items():
        by_id.setdefault(parts.get("id", ""), []).append(path)
    found: dict[str, list[Row]] = {}
    strays: list[tuple[str, str]] = []
    for path in listing.matches(pattern):
        lines = records.source_bytes(root, path, pattern.option).split(b"\n")
        parsed = [(n, own.row(line)) for n, line in enumerate(lines, 1) if line.strip()]
        there = dict.fromkeys(key for _, row in parsed for key in row or ())
        columns = {role: _column(role, spec.keys[role], there, path) for role in spec.keys}
        for number, row in parsed:
            where = f"{path}:{number:09d}"
            if row is None:
                strays.append((where, "not a JSON object"))
                continue
            values = {role: row.get(column) for role, column in columns.items()}
            image = _image(values["image"], path.rpartition("/")[0], images, by_id)
            if image is None:
                strays.append((where, f"{columns['image']} is {values['image']!r:.80}: no image"))
            else:
                found.setdefault(image, []).append(Row(where, values))
    return Rows(found, strays)


def _column(role: str, wanted: str, there: Iterable[str], path: str) -> str:
    for name in (wanted,) if wanted else USUAL[role]:
        if name in there:
            return name
    if not list(there):
        return wanted
    raise own.absent(f"{role}_key", wanted, there, path)


def _image(
    value: Any, folder: str, images: Mapping[str, Parts], by_id: Mapping[str, list[str]]
) -> str | None:
    """The image that a line names; None for none, or for an {id} of several."""
    text = str(value) if records.whole(value) else value
    if not isinstance(text, str):
        return None
    text = text.replace("\\", "/").removeprefix("./")
    for path in (text, f"{folder}/{text}"):
        if path in images:
            return path
    paths = by_id.get(text, [])
    return paths[0] if len(paths) == 1 and text else None


def of_file(data: bytes, what: str) -> tuple[str, ...]:
    """The one text of a file. Raises BadSample."""
    return own.texts(own.decoded(data, what), what)


def of_rows(found: list[Row], role: str, what: str) -> tuple[str, ...]:
    """The texts of an image's lines, each once. Raises BadSample."""
    every = [t for row in found for t in own.texts(row.values[role], what)]
    return tuple(dict.fromkeys(every))


def expressions(
    found: list[Row], parts: tuple[Part, ...]
) -> tuple[tuple[Expression, ...], list[str]]:
    """The expressions of an image's lines, and a line for each that cannot be used.

    parts: the image's segments, whose `key` targets name.
    """
    places: dict[int, list[int]] = {}
    for place, part in enumerate(parts):
        places.setdefault(part.key, []).append(place)
    listed: list[Expression] = []
    lost: list[str] = []
    for row in found:
        try:
            texts = own.texts(row.values["text"], "expression")
            targets = _targets(row.values["targets"], places)
        except BadSample as bad:
            lost.append(f"{bad.reason}: {row.where}: {bad.detail}")
            continue
        listed += [Expression(text=seen(text), targets=targets) for text in texts]
    return tuple(dict.fromkeys(listed)), lost


def _targets(value: Any, places: Mapping[int, list[int]]) -> tuple[int, ...]:
    """The segments that an expression's targets name, by their places. Raises BadSample."""
    several = value if isinstance(value, list) else [value]
    if not several or not all(records.whole(key) for key in several):
        raise own.garbled(f"its targets are {value!r:.60}, expected ids of segments")
    lost = [key for key in several if len(places.get(key, [])) != 1]
    if lost:
        count = len(places.get(lost[0], []))
        raise BadSample("missing", f"its target {lost[0]} is {count} visible segments, expected 1")
    return tuple(sorted({places[key][0] for key in several}))


def edit(found: list[Row], pattern: Pattern) -> tuple[str, tuple[str, ...]]:
    """The edited image's name and the instructions of an image's lines. Raises BadSample."""
    names = {row.values["edited"] for row in found if records.text(row.values["edited"])}
    if len(names) != 1:
        raise own.garbled(
            f"{len(names)} edited images in {len(found)} lines of {pattern.option}, expected one; "
            "the reader triplets takes several edits of an image"
        )
    return names.pop(), of_rows(found, "instruction", "instruction")
