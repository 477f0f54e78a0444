"""Pairs of image and caption in files: a table that names images, or a text beside each image."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample
from vbdata.storage.root import clutter, safe

from ...formats import tars
from ...formats.tars import Parts
from .. import own_records as own
from .. import records
from .records import (
    CAPTIONS,
    IMAGES,
    Names,
    bare,
    captioned,
    guessed,
    named,
)

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

TABLES = ("metadata.jsonl", "metadata.csv")
WHOLE = ("width", "height")  # columns of a CSV file that are numbers
MAX_CELL = 1 << 20  # characters
SPAN = 5000  # pairs that are indexed together
Row = dict[str, Any] | None  # None: the line could not be read


def of_tables(
    root: Root, tables: list[str], sizes: dict[str, int], wanted: Names
) -> Iterator[Entry]:
    """The entries of all tables, in order of their ids; lines with the same image are one entry.

    tables: their paths; sizes: path -> size of every file of the root. Raises SourceError for
    names of columns that are not there.
    """
    lines = (entry for path in tables for entry in _of_table(root, path, sizes, wanted))
    for entry in own.merged(lines):
        yield measured(root, entry, wanted.frame)


def measured(root: Root, entry: Entry, frame: str) -> Entry:
    """The entry with its size, by its image's header if need be, or with its fault.

    frame: in which the image is wanted.
    """
    if entry.fault:
        return entry
    if not entry.files["image"].path.lower().endswith(own.KINDS):
        entry = replace(entry, width=0, height=0)  # an unusual name: its bytes say what it is
    if about := own.framed({}, frame):
        entry = replace(entry, record=records.pack(about))
    try:
        return own.measured(root, entry, frame)
    except BadSample as bad:
        return records.faulty(entry, bad)


def _of_table(root: Root, path: str, sizes: dict[str, int], wanted: Names) -> Iterator[Entry]:
    """One entry for each line of a table, without the sizes that the table does not state."""
    data = records.without_mark(records.source_bytes(root, path, "pairs"))
    rows = list(_csv(data) if path.endswith(".csv") else _json_lines(data))
    keys = list(dict.fromkeys(key for _, row, _ in rows for key in row or ()))
    names = wanted
    if keys:
        image = named("image_key", wanted.image, IMAGES, keys, path)
        caption = named("caption_key", wanted.caption, CAPTIONS, keys, path)
        names = wanted._replace(image=image, caption=caption)
    above = path[: path.rfind("/") + 1]
    kind = "row" if path.endswith(".csv") else "line"
    for number, row, wrong in rows:
        entry = bare(f"{path}:{number:09d}")
        try:
            if row is None:
                raise own.garbled(wrong)
            name = row.get(names.image)
            if not records.text(name):
                raise own.garbled(f"{names.image} is {name!r:.40}, expected text")
            entry = bare(safe(above + name))
            files = {"image": records.file_ref(entry.id, sizes)}
            yield captioned(replace(entry, files=files), row, row.get(names.caption))
        except BadSample as bad:
            entry = bare(f"{path}:{number:09d}")
            yield records.faulty(entry, bad, f"{kind} {number} of {path}")


def _json_lines(data: bytes) -> Iterator[tuple[int, Row, str]]:
    """(number from 1, JSON object or None, what is wrong) of every line that is not blank."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, own.row(line), "not a JSON object"


def _csv(data: bytes) -> Iterator[tuple[int, Row, str]]:
    """(line, cells by name or None, what is wrong) of the rows of a CSV file; its first has names.

    Empty cells are left out. Bytes that are not UTF-8 become half surrogates, which are refused
    later as no text.
    """
    text = data.decode("utf-8", "surrogateescape")
    limit = csv.field_size_limit(MAX_CELL)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        yield from _csv_rows(reader)
    finally:
        csv.field_size_limit(limit)


def _csv_rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, Row, str]]:
    """The rows of `_csv`, whose numbers count them, not lines, from 2."""
    for number in itertools.count(2):
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as err:
            yield number, None, f"{err}; what comes after it is not read"
            return
        if None in cells:
            yield number, None, "more cells than the first row has names"
            continue
        row: dict[str, Any] = {key: cell for key, cell in cells.items() if cell}
        row |= {key: int(row[key]) for key in WHOLE if row.get(key, "").isdecimal()}
        yield number, row, ""


def spans(listed: Iterable[FileRef]) -> Iterator[tuple[FileRef, ...]]:
    """The files of pairs, those of SPAN pairs at a time, in the order of the pairs' ids."""
    stems: dict[str, list[FileRef]] = {}
    for file in listed:
        stem, kind = _named(file.path)
        if kind:
            stems.setdefault(stem, []).append(file)
    pairs = sorted(stems.values(), key=lambda several: _first(file.path for file in several))
    for start in range(0, len(pairs), SPAN):
        yield tuple(itertools.chain.from_iterable(pairs[start : start + SPAN]))


def of_pairs(root: Root, sizes: dict[str, int], wanted: Names) -> Iterator[Entry]:
    """The images with the texts beside them, in order of their paths; also texts without an image.

    sizes: path -> size of every file of the pairs. A .txt without an image is a fault of its own.
    """
    stems: dict[str, Parts] = {}
    for path, size in sizes.items():
        stem, extension = _named(path)
        if extension:
            parts = stems.setdefault(stem, Parts())
            parts.spans[extension] = tars.Span(path, 0, size)
    entries = (entry for parts in stems.values() for entry in _of_stem(root, parts, wanted))
    yield from sorted(entries, key=lambda entry: entry.id)


def _named(path: str) -> tuple[str, str]:
    """A file's path without its type, and its type; "" for one that no pair has."""
    stem, dot, extension = path.rpartition(".")
    known = dot and extension.lower() in (*own.KINDS, *own.OTHERS, "txt", "json")
    return stem, extension if known else ""


def _first(paths: Iterable[str]) -> str:
    """The id of a pair: the path of its first image, else of its text, as `_of_stem` gives it."""
    listed = list(paths)
    images = [path for path in listed if not path.lower().endswith((".txt", ".json"))]
    texts = [path for path in listed if path.lower().endswith(".txt")]
    return (images or texts[-1:] or listed)[0]


def _of_stem(root: Root, parts: Parts, wanted: Names) -> Iterator[Entry]:
    """The entry of the files of one name, if there is one: a JSON file alone is none."""
    images = [span for kind, span in parts.spans.items() if kind.lower() not in ("txt", "json")]
    texts = {kind.lower(): span for kind, span in parts.spans.items() if span not in images}
    if not images and ("txt" not in texts or beside_clutter(texts["txt"].name)):
        return
    entry = bare((images[0] if images else texts["txt"]).name)
    try:
        if not images:
            raise BadSample("missing", f"no image beside {entry.id}")
        if len(images) > 1:
            raise own.garbled(f"{len(images)} images of one name: {images[1].name} too")
        if not texts:
            raise BadSample("missing", f"no .txt beside {entry.id}")
        entry = replace(entry, files={"image": FileRef(path=entry.id, size=images[0].size)})
        for kind, span in texts.items():
            if span.size > tars.MAX_TEXT:
                raise own.garbled(f"{span.name} has {span.size} bytes (at most {tars.MAX_TEXT})")
            parts.texts[kind] = root.read(span.name)
        entry = captioned(entry, parts.table(), captions(parts, wanted.caption))
    except BadSample as bad:
        yield records.faulty(entry, bad)
        return
    yield measured(root, entry, wanted.frame)


def beside_clutter(path: str) -> bool:
    """Whether a text was made for a desktop's own file, such as Thumbs.txt for Thumbs.db."""
    stem = path.rpartition(".")[0]
    return any(clutter(stem + kind) for kind in ("", ".db", ".ini"))


def captions(parts: Parts, wanted: str) -> Any:
    """The captions of a sample as they are stored, a text or a list; None if it has none.

    They are those of the name `wanted`, a text file's or a key of the .json; where that is "", its
    .txt, else the first usual key. Raises BadSample("garbled annotation").
    """
    table = parts.table()
    for name in (f"{wanted}.txt", wanted) if wanted else ("txt",):
        if name in parts.texts:
            return own.decoded(parts.texts[name], "caption")
    return table.get(wanted or guessed(CAPTIONS, list(table)))
