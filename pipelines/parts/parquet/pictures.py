"""The pictures of a row: in a cell, or in a file that the row names; their bytes and sizes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from vbdata.core.glance import glance
from vbdata.core.images import MAX_BYTES
from vbdata.core.members import MOST, REFERENCE
from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample

from .. import own_records as own
from .. import records
from . import cells, tables
from .tables import Row

if TYPE_CHECKING:
    from ..folders.labelled import Legends
    from ..places import Places
    from .spec import Spec


class Context(NamedTuple):
    """What all rows of a source share.

    prefix: of groups; places: the root's files by names in rows; frame: of pictures; named: the
    file of names of classes.
    """

    spec: Spec
    root: cells.Cells
    prefix: str
    places: Places
    frame: str
    named: tuple[bytes, str] | None
    legends: Legends


@dataclass(slots=True)
class Draft:
    """An entry that is being made. lost: kinds that it cannot offer, with the reason."""

    entry: Entry
    row: Row
    about: dict[str, Any] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def add(draft: Draft, file: FileRef, role: str, about: Context) -> None:
    """Note where a picture is: in a cell, or in a file that its row names. Raises BadSample."""
    column, row = about.spec.pictures[role], draft.row
    if column in row.lost:
        raise row.lost[column]
    files = dict(draft.entry.files)
    if column in row.several:
        more = row.several[column]
        _refuse_several(role, column, 1 + len(more), about)
        for number, other in enumerate(more, 1):
            files[f"{REFERENCE}{number}"] = file
            draft.about["cells"][f"{REFERENCE}{number}"] = cells.packed(other)
        draft.entry = replace(draft.entry, files=files, references=len(more))
    cell, named = row.cells.get(column), row.values.get(column)
    if cell is not None and not _is_named(draft, role, file, about):
        files[role] = file
        draft.about["cells"][role] = cells.packed(cell)
    else:
        value = row.values[column + tables.PATH] if cell else named
        several = value if isinstance(value, list) and value else [value]
        _refuse_several(role, column, len(several), about)
        for number, each in enumerate(several):
            path = _path(each, column, file, about)
            of = f"{REFERENCE}{number}" if number else role
            files[of] = FileRef(path=path, size=about.places.sizes.get(path, records.MISSING))
            if path not in about.places.sizes:
                detail = f"column {column} names no file that is there: {path!r:.80}"
                raise BadSample("missing", detail)
        if len(several) > 1:
            draft.entry = replace(draft.entry, references=len(several) - 1)
    draft.entry = replace(draft.entry, files=files)


def _is_named(draft: Draft, role: str, file: FileRef, about: Context) -> bool:
    """Whether an image struct has a path in place of bytes.

    Nearly all have both, and the path is none of the root's. So its page is read only where the
    path is one, or where the page is read anyway.
    """
    column = about.spec.pictures[role]
    named = draft.row.values.get(column + tables.PATH)
    read_anyway = role in ("image", "edited") and not about.spec.size
    if not records.text(named) or not (read_anyway or _beside(named, file, about)):
        return False
    return about.root.value(draft.row.cells[column]) is None


def _path(value: Any, column: str, file: FileRef, about: Context) -> str:
    """The file that a row names. Raises BadSample."""
    if not records.text(value) or not value.strip() or "\0" in value:
        raise own.garbled(f"column {column} is {value!r:.40}, expected a path")
    if "://" in value:
        detail = f"column {column} has an address, {value!r:.80}: it is to be downloaded first"
        raise BadSample("missing", detail)
    return _beside(value, file, about) or about.places.path(value)


def _refuse_several(role: str, column: str, count: int, about: Context) -> None:
    """Raise BadSample("left out") for several pictures in a column that can have but one.

    The first of several inputs of an edit is its input, the others are references.
    """
    if count == 1 or (role == "image" and about.spec.edited and count <= 1 + MOST):
        return
    can = f"an input and up to {MOST} references" if about.spec.edited else "one input"
    detail = f"column {column} has {count} pictures: a sample has {can} and one edited picture"
    raise BadSample("left out", f"{detail}, so the row is not read")


def _beside(named: Any, file: FileRef, about: Context) -> str:
    """The file of a path that is relative to a table or to the root, "" if there is none."""
    above = file.path.rpartition("/")[0]
    paths = (f"{above}/{named}" if above else named, named)
    return next((p for p in paths if isinstance(p, str) and p in about.places.sizes), "")


def read(draft: Draft, role: str, about: Context) -> tuple[bytes, str]:
    """A picture's bytes and its name. Raises BadSample."""
    if role in draft.about["cells"]:
        column = about.spec.pictures[role]
        name = cells.name(draft.entry.files[role].path, draft.row.number, column)
        if (data := about.root.value(draft.row.cells[column])) is None:
            raise BadSample("missing", f"column {column} has no bytes")
    else:
        name = draft.entry.files[role].path
        if draft.entry.files[role].size > MAX_BYTES:
            raise BadSample("too large", f"a file of more than {MAX_BYTES} bytes", name)
        data = about.root.read(name)
    return data, name


def sized(draft: Draft, role: str, columns: tuple[str, ...], about: Context) -> Entry:
    """The entry with a picture's size: that of two columns, else that of its header; BadSample."""
    if columns:
        width, height = (draft.row.values.get(column) for column in columns)
        if not (records.whole(width) and records.whole(height)):
            raise own.garbled(f"its size is {width!r:.20} x {height!r:.20}: {', '.join(columns)}")
        return own.sized(draft.entry, (width, height))
    if role not in draft.about["cells"]:
        file = draft.entry.files[role]
        bare = replace(draft.entry, width=0, height=0, files={"image": file})
        found = own.measured(about.root, bare, about.frame)
        return replace(draft.entry, width=found.width, height=found.height)
    data, name = read(draft, role, about)
    head, tail = data[: own.HEAD], data[-own.TAIL :]
    seen = glance(head, tail) or glance(data)
    if not seen:
        raise own.unreadable(head, name)
    return own.seen_at(draft.entry, seen, about.frame)
