"""What the reader of a source yields, checked: of the whole, or of some parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vbdata import plugins
from vbdata.core import compiled
from vbdata.core.entry_columns import COLUMNS
from vbdata.core.types import Entry, Part, Source
from vbdata.errors import BadSample, SourceError
from vbdata.index.cache import Traced
from vbdata.index.presentable import presentable
from vbdata.sources.open import open_root
from vbdata.sources.packed import hint
from vbdata.storage.folder import Root

FAULTS = (BadSample, SourceError, OSError, ValueError, RuntimeError, ImportError)


def parts(source: Source, root: Traced) -> Sequence[Part] | None:
    """The parts in which a source can be indexed, in the order of their ids.

    Their files have the tags that the root's listings gave them. None if its reader has no
    `index_parts`, or that says None, and the source is indexed as a whole. Of parts that are too
    few or too small for several processes (joined.worth_it), one after the other is what `index`
    would do: what was listed for them is not listed again.
    """
    listed = getattr(plugins.dataset(source.dataset), "index_parts", None)
    found = listed(root, **options(source)) if listed else None
    return None if found is None else tuple(_tagged_part(part, root.tags) for part in found)


def given(
    source: Source, root: Traced, of: Sequence[Part] | None, *, some: bool = True
) -> Iterator[Entry | pa.RecordBatch]:
    """What the reader yields, entries or batches of columns, with the tags of their files.

    Entries have texts that prompts can say; batches are still to be looked at. of: the parts that
    are read, None for the whole; some: whether there have to be any. Raises SourceError unless the
    ids are unique and sorted.
    """
    last = None
    for each in _of_parts(source, root, of):
        if isinstance(each, Entry):
            check_order(source, last, each.id)
            last = each.id
            yield presentable(_tagged(each, root.tags))
        elif len(each):
            last = _checked(source, last, each)
            yield _tagged_batch(each, root.tags) if root.tags else each
    if some and last is None:
        raise SourceError("no records")


def check_order(source: Source, last: str | None, id_: str) -> None:
    """Raise SourceError unless an id may follow another one. last: None if there is none."""
    if last is not None and id_ <= last:
        raise SourceError(
            f"reader {source.dataset!r} yields id {id_!r} after {last!r}; "
            "ids must be unique and sorted"
        )


def _checked(source: Source, last: str | None, batch: pa.RecordBatch) -> str:
    """The last id of a batch that may follow an id. Raises SourceError for one that may not."""
    if batch.schema != COLUMNS:
        raise SourceError(f"reader {source.dataset!r} yields columns {batch.schema.names}")
    ids = batch.column("id")
    if not pc.all(pc.less(ids[:-1], ids[1:])).as_py() or (last and ids[0].as_py() <= last):
        for id_ in ids.to_pylist():
            check_order(source, last, id_)
            last = id_
    return str(ids[-1].as_py())


def of_part(source: Source, root: Traced, part: Part) -> Iterator[Entry]:
    """The entries of a part. Whatever fails is raised as a SourceError that names the part."""
    try:
        reader = plugins.dataset(source.dataset)
        yield from reader.index_part(root, part, **options(source))
    except FAULTS as err:
        text = (
            str(err) if isinstance(err, BadSample | SourceError) else f"{type(err).__name__}: {err}"
        )
        raise SourceError(text if part.name in text else f"{part.name}: {text}") from err


def options(source: Source) -> dict[str, Any]:
    """The arguments of the reader's `index`: with the source's name, if it wants that."""
    named = "source" in signature(plugins.dataset(source.dataset).index).parameters
    return {**source.options, **({"source": source.name} if named else {})}


@contextmanager
def dataset_root(what: str, roots: Sequence[str], mount: bool = True) -> Iterator[Root]:
    """One root over all `roots`, for code that reads a dataset as a whole.

    what: whose dataset it is, for messages; mount: whether archives are mounted. Whatever fails
    inside the `with` block is raised as a SourceError that names `what` and the roots.
    """
    place = ", ".join(roots)
    try:
        yield open_root(roots, mount=mount, strict=True)
    except FAULTS as err:
        data = isinstance(err, BadSample | SourceError)
        name, also = ("", hint(roots)) if data else (f"{type(err).__name__}: ", "")
        raise SourceError(f"{what} at {place}: {name}{err}{also}") from err


def _of_parts(
    source: Source, root: Traced, of: Iterable[Part] | None
) -> Iterator[Entry | pa.RecordBatch]:
    if of is None:
        reader = plugins.dataset(source.dataset)
        by_columns = getattr(reader, "index_columns", None) if compiled.library() else None
        yield from (by_columns or reader.index)(root, **options(source))
    else:
        for part in of:
            yield from of_part(source, root, part)


def _tagged_part(part: Part, tags: Mapping[str, str]) -> Part:
    """The part whose files have the tags that the root's listings gave them."""
    if not tags:
        return part
    files = (replace(file, tag=tags.get(file.path, file.tag)) for file in part.files)
    return replace(part, files=tuple(files))


def _tagged(entry: Entry, tags: Mapping[str, str]) -> Entry:
    """The entry whose files have the tags that the root's listings gave them."""
    if not tags:
        return entry
    files = {role: replace(file, tag=tags.get(file.path, "")) for role, file in entry.files.items()}
    return replace(entry, files=files)


def _tagged_batch(batch: pa.RecordBatch, tags: Mapping[str, str]) -> pa.RecordBatch:
    """`_tagged` of a batch."""
    place = COLUMNS.get_field_index("files")
    files, kind = batch.column(place), COLUMNS.types[place]
    inner = [files.values.field(key) for key in ("role", "path", "size")]
    found = pa.array([tags.get(path, "") for path in inner[1].to_pylist()], pa.string())
    values = pa.StructArray.from_arrays([*inner, found], fields=[*kind.value_type])
    tagged = pa.ListArray.from_arrays(files.offsets, values, type=kind)
    return batch.set_column(place, COLUMNS.field(place), tagged)
