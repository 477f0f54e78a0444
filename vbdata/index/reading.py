"""The entries of a source as its reader yields them, checked: of the whole, or of some parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from typing import Any

from vbdata import plugins
from vbdata.core.types import Entry, Part, Source
from vbdata.errors import BadSample, SourceError
from vbdata.index.cache import Traced
from vbdata.index.presentable import presentable
from vbdata.sources.open import open_root
from vbdata.sources.packed import hint
from vbdata.storage.folder import Root

FAULTS = (BadSample, SourceError, OSError, ValueError, RuntimeError, ImportError)


def parts(source: Source, root: Root) -> Sequence[Part] | None:
    """The parts in which a source can be indexed, in the order of their ids.

    None if its reader has no `index_parts`, and it is indexed as a whole.
    """
    reader = plugins.dataset(source.dataset)
    listed = getattr(reader, "index_parts", None)
    return tuple(listed(root, **options(source))) if listed else None


def entries(
    source: Source, root: Traced, of: Sequence[Part] | None, *, some: bool = True
) -> Iterator[Entry]:
    """The reader's entries with the tags of their files, and with texts that prompts can say.

    of: the parts that are read, None for the whole; some: whether there have to be any. Raises
    SourceError unless their ids are unique and sorted.
    """
    last = None
    for entry in _of_parts(source, root, of):
        check_order(source, last, entry.id)
        last = entry.id
        yield presentable(_tagged(entry, root.tags))
    if some and last is None:
        raise SourceError("no records")


def check_order(source: Source, last: str | None, id_: str) -> None:
    """Raise SourceError unless an id may follow another one. last: None if there is none."""
    if last is not None and id_ <= last:
        raise SourceError(
            f"reader {source.dataset!r} yields id {id_!r} after {last!r}; "
            "ids must be unique and sorted"
        )


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


def _of_parts(source: Source, root: Traced, of: Iterable[Part] | None) -> Iterator[Entry]:
    if of is None:
        yield from plugins.dataset(source.dataset).index(root, **options(source))
    else:
        for part in of:
            yield from of_part(source, root, part)


def _tagged(entry: Entry, tags: Mapping[str, str]) -> Entry:
    """The entry whose files have the tags that the root's listings gave them."""
    if not tags:
        return entry
    files = {role: replace(file, tag=tags.get(file.path, "")) for role, file in entry.files.items()}
    return replace(entry, files=files)
