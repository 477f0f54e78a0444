"""Cells of Parquet files as files of a root: what reads a file's label reads a cell's, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.members import REFERENCE
from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample
from vbdata.storage.filelist import FileList
from vbdata.storage.root import Root

from ...formats.parquet import pages
from ...formats.parquet.pages import Page, ValuePlace

if TYPE_CHECKING:
    from collections.abc import Iterable


class Cell(NamedTuple):
    """A value of bytes. file, column: where it is; place: its pages; number: in the page, from 0.

    codec, levels, repeats: of its column (pages.Chunk).
    """

    file: str
    column: str
    place: ValuePlace
    number: int
    codec: str
    levels: int
    repeats: int


class Cells(Root):
    """A root in which some paths are those of cells; all else is that of another root.

    The last page of each column stays unpacked, so that rows that are read in order cost it once.
    """

    def __init__(self, root: Root, cells: Mapping[str, Cell]) -> None:
        """cells: by path."""
        self.url, self._root, self.cells = root.url, root, dict(cells)
        self._pages = dict[str, tuple[tuple[str, ValuePlace], list[memoryview | None]]]()

    def value(self, cell: Cell) -> bytes | None:
        """A cell's bytes, None for null. Raises BadSample."""
        key = cell.file, cell.place
        if self._pages.get(cell.column, (None,))[0] != key:
            found = pages.values(self._root, cell.file, cell.place, *cell[4:])
            self._pages[cell.column] = key, found
        value = self._pages[cell.column][1][cell.number]
        return None if value is None else bytes(value)

    def read(self, path: str) -> bytes:
        """A whole cell or file. Raises BadSample."""
        if path not in self.cells:
            return self._root.read(path)
        value = self.value(self.cells[path])
        if value is None:
            raise BadSample("missing", "the cell has no bytes", path)
        return value

    def exists(self, path: str = "") -> bool:
        """Whether a cell, a file or a folder is there."""
        return path in self.cells or self._root.exists(path)

    def size(self, path: str) -> int:
        """Bytes of a cell or file, -1 if it is not there."""
        return len(self.read(path)) if path in self.cells else self._root.size(path)

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        """A part of a cell or file. Raises BadSample."""
        if path not in self.cells:
            return self._root.read_range(path, offset, size)
        return self.read(path)[offset : offset + max(0, size)]

    def listing(self, below: str = "") -> FileList:
        """The files of the other root."""
        return self._root.listing(below)

    def folders(self, below: str = "") -> list[str]:
        """The folders of the other root."""
        return self._root.folders(below)


def name(file: str, row: int, column: str) -> str:
    """The path that a cell has, which messages have, too."""
    return f"{file}, row {row}, column {column}"


def packed(cell: Cell) -> list[Any]:
    """A cell as an entry's record has it."""
    return [cell.column, cell.place.page, cell.place.dictionary, *cell[3:]]


def opened(
    root: Root, entries: Iterable[Entry], abouts: Iterable[Mapping[str, Any]]
) -> tuple[Cells, list[Entry]]:
    """A root with the cells of entries, and the entries with their cells as files.

    abouts: their records.
    """
    found = Cells(root, {})
    pairs = zip(entries, abouts, strict=True)
    return found, [view(entry, about["row"], about["cells"], found) for entry, about in pairs]


def view(entry: Entry, row: int, packed: Mapping[str, Any], root: Cells) -> Entry:
    """The entry with its cells as files, which the root has from now on. packed: by role."""
    files = dict(entry.files)
    for role, (column, page, dictionary, *rest) in packed.items():
        path = name(files[role].path, row, column)
        path += f", {role}" if role.startswith(REFERENCE) else ""  # others of the same list
        place = ValuePlace(Page(*page), Page(*dictionary) if dictionary else None)
        root.cells[path] = Cell(files[role].path, column, place, *rest)
        files[role] = FileRef(path=path, size=0)
    return replace(entry, files=files)
