"""The pairs of captioned.py in files: named by a table, or a text beside an image."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample
from vbdata.storage.folder import safe

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
    faulty,
    guessed,
    named,
)

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

TABLES = ("metadata.jsonl", "metadata.csv")
WHOLE = ("width", "height")  # what a CSV file says in digits
MAX_CELL = 1 << 20  # characters
Row = dict[str, Any] | None  # None: not one


def of_tables(
    root: Root, tables: list[str], known: dict[str, int], wanted: Names
) -> Iterator[Entry]:
    """The entries of all tables; lines with the same image are one."""
    found: dict[str, Entry] = {}
    for path in tables:
        for entry in _of_table(root, path, known, wanted):
            if first := found.get(entry.id):
                said = dict.fromkeys(first.captions + entry.captions)
                entry = replace(first, captions=tuple(said))
            found[entry.id] = entry
    for name in sorted(found):
        yield measured(root, found.pop(name))


def measured(root: Root, entry: Entry) -> Entry:
    """The entry with its size, or with its fault."""
    if entry.fault:
        return entry
    if not entry.files["image"].path.lower().endswith(own.KINDS):
        entry = replace(entry, width=0, height=0)  # whatever it is called, look what it is
    try:
        return own.measured(root, entry)
    except BadSample as bad:
        return faulty(entry, bad)


def _of_table(root: Root, path: str, known: dict[str, int], wanted: Names) -> Iterator[Entry]:
    """An entry a line, sizes not yet looked up."""
    data = records.source_bytes(root, path, "pairs")
    rows = list(_csv(data) if path.endswith(".csv") else _json_lines(data))
    keys = list(dict.fromkeys(key for _, row, _ in rows for key in row or ()))
    names = wanted
    if keys:
        image = named("image_key", wanted.image, IMAGES, keys, path)
        names = Names(image, named("caption_key", wanted.caption, CAPTIONS, keys, path))
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
            files = {"image": records.file_ref(entry.id, known)}
            yield captioned(replace(entry, files=files), row, row.get(names.caption))
        except BadSample as bad:
            entry = bare(f"{path}:{number:09d}")
            yield faulty(entry, bad, f"{kind} {number} of {path}")


def _json_lines(data: bytes) -> Iterator[tuple[int, Row, str]]:
    """Number, object and what is wrong with it, of every line that is not blank."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, own.row(line), "not a JSON object"


def _csv(data: bytes) -> Iterator[tuple[int, Row, str]]:
    """The same of a CSV file's rows, of which the first has the names. Empty cells are left out.

    Bytes that are no UTF-8 become half surrogates, which are no text.
    """
    text = data.decode("utf-8-sig", "surrogateescape")
    limit = csv.field_size_limit(MAX_CELL)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        yield from _csv_rows(reader)
    finally:
        csv.field_size_limit(limit)


def _csv_rows(reader: csv.DictReader[str]) -> Iterator[tuple[int, Row, str]]:
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


def of_pairs(root: Root, known: dict[str, int], wanted: Names) -> Iterator[Entry]:
    """The images, each with the texts of its stem, and the texts that have none."""
    found: dict[str, Parts] = {}
    for path, size in known.items():
        stem, dot, extension = path.rpartition(".")
        kind = extension.lower()
        if dot and kind in (*own.KINDS, *own.OTHERS, "txt", "json"):
            parts = found.setdefault(stem, Parts())
            parts.spans[extension] = tars.Span(path, 0, size)
    entries = (entry for parts in found.values() for entry in _of_stem(root, parts, wanted))
    yield from sorted(entries, key=lambda entry: entry.id)


def _of_stem(root: Root, parts: Parts, wanted: Names) -> Iterator[Entry]:
    """The entry of one stem; a JSON file alone is none."""
    images = [span for kind, span in parts.spans.items() if kind.lower() not in ("txt", "json")]
    texts = {kind.lower(): span for kind, span in parts.spans.items() if span not in images}
    if not images and "txt" not in texts:
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
        entry = captioned(entry, parts.table(), said(parts, wanted.caption))
    except BadSample as bad:
        yield faulty(entry, bad)
        return
    yield measured(root, entry)


def said(parts: Parts, wanted: str) -> Any:
    """The captions of a sample: the text wanted, else its .txt, else of its JSON. None for none.

    Raises BadSample.
    """
    table = parts.table()
    for name in (f"{wanted}.txt", wanted) if wanted else ("txt",):
        if name in parts.texts:
            return own.decoded(parts.texts[name], "caption")
    return table.get(wanted or guessed(CAPTIONS, list(table)))
