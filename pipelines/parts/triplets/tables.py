"""Triplets of metadata files: a line of JSON each, which names its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core.members import MOST, REFERENCE
from vbdata.core.types import Entry
from vbdata.errors import BadSample
from vbdata.storage.root import safe

from .. import own_records as own
from .. import records
from . import records as triplet
from .names import ROLES, Names, bare, names

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

METADATA = "metadata.jsonl"


def of_tables(
    root: Root, tables: list[str], known: dict[str, int], wanted: Names
) -> Iterator[Entry]:
    """The entries of all metadata files; lines with the same two images are one entry."""
    lines = (entry for path in tables for entry in _of_table(root, path, known, wanted))
    about = own.framed({}, wanted.frame)
    for entry in own.merged(lines):
        entry = replace(entry, record=records.pack(about)) if about else entry
        try:
            yield entry if entry.fault else own.measured(root, entry, wanted.frame)
        except BadSample as bad:
            yield records.faulty(entry, bad)


def _of_table(root: Root, path: str, known: dict[str, int], wanted: Names) -> Iterator[Entry]:
    """One entry for each line of a metadata file, without the sizes that it does not state."""
    lines = records.without_mark(records.source_bytes(root, path, "triplets")).split(b"\n")
    rows = [(number, own.row(line)) for number, line in enumerate(lines, 1) if line.strip()]
    keys = list(dict.fromkeys(key for _, row in rows for key in row or ()))
    called = names(wanted, [keys] * 3, path) if keys else wanted
    above = path[: -len(METADATA)]
    for number, row in rows:
        try:
            if row is None:
                raise own.garbled("not a JSON object")
            yield _of_row(row, called, above, known)
        except BadSample as bad:
            yield records.faulty(bare(f"{path}:{number:09d}"), bad, f"line {number} of {path}")


def _of_row(row: dict[str, Any], called: Names, above: str, known: dict[str, int]) -> Entry:
    """The entry of a line. Raises BadSample."""
    given = row.get(called.input)
    first, *more = given if isinstance(given, list) and given else [given]
    if len(more) > MOST:
        detail = f"{called.input} has {1 + len(more)} images: an input and up to {MOST} references"
        raise BadSample("left out", f"{detail} are read")
    paths = []
    for key, name in ((called.input, first), (called.output, row.get(called.output))):
        paths.append(_path_of(key, name, above))
    others = [_path_of(called.input, name, above) for name in more]
    roles = [*ROLES, *(f"{REFERENCE}{number}" for number in range(1, 1 + len(more)))]
    entry = replace(
        bare("|".join(paths + others)),
        files={
            role: records.file_ref(path, known)
            for role, path in zip(roles, paths + others, strict=True)
        },
        references=len(more),
    )
    return triplet.described(entry, row, row.get(called.instruction))


def _path_of(key: str, name: Any, above: str) -> str:
    """The path of an image by its name in a line. Raises BadSample."""
    if not records.text(name):
        raise own.garbled(f"{key} is {name!r:.40}, expected text")
    return safe(above + name)
