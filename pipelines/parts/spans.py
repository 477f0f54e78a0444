"""Readers that open files of every record for the index: several processes do, a span at a time.

Such a reader's `index` returns `Spans`: what it lists, and what opening makes of each of that. From
these follow its entries, one after the other, and its parts:

    def index(root, *, split="train"):
        return spans.Spans(_listed(root, split), partial(_filled, root), spans.MAPS)

    index_parts, index_part = spans.parts(index)

Where nothing is to be opened, `index` returns any other iterator, and there are no parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Entry, Part

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

    Parts = Callable[..., Iterator[Part] | None]
    OfPart = Callable[..., Iterator[Entry]]

Opened = Callable[[Entry], Entry | None]
MAPS = 100  # records of a span where opening decodes their maps: half a second, mostly seconds
HEADS = 20_000  # where it reads headers and small files, a tenth of a millisecond each
AWAY = 200  # at most, where every file takes the time of a request


class Spans(Iterator[Entry]):
    """The entries of a source, those that are listed, opened one after the other.

    listed: in the order of ids; an iterator that has done nothing before it is asked, since each
    process makes one and opens what another has listed. opened: what opening makes of one, None to
    leave it out, called for those without a fault; all that it knows of a record stands in what was
    listed, such as in its `record`, which it replaces; size: of a span, in records.
    """

    def __init__(self, listed: Iterable[Entry], opened: Opened, size: int) -> None:
        self.listed, self.opened, self.size = listed, opened, size
        self._entries = self.of(listed)

    def __next__(self) -> Entry:
        return next(self._entries)

    def of(self, listed: Iterable[Entry]) -> Iterator[Entry]:
        """What opening makes of some that are listed."""
        for each in listed:
            entry = each if each.fault else self.opened(each)
            if entry is not None:
                yield entry


def then(entries: Iterable[Entry], opened: Opened) -> Spans:
    """Spans of which each entry without a fault is opened once more, for its maps."""
    if not isinstance(entries, Spans):
        return Spans(entries, opened, MAPS)
    before = entries.opened

    def both(listed: Entry) -> Entry | None:
        entry = before(listed)
        return entry if entry is None or entry.fault else opened(entry)

    return Spans(entries.listed, both, min(entries.size, MAPS))


def parts(index: Callable[..., Iterator[Entry]]) -> tuple[Parts, OfPart]:
    """`index_parts` and `index_part` of a reader, by its `index`."""

    def index_parts(root: Root, /, **options: Any) -> Iterator[Part] | None:
        """The spans of what is listed, in order of ids; None if `index` opens nothing."""
        found = index(root, **options)
        return _parts(root, found) if isinstance(found, Spans) else None

    def index_part(root: Root, part: Part, /, **options: Any) -> Iterator[Entry]:
        """The entries of a span, in order of their ids."""
        found, listed = index(root, **options), part.about
        assert isinstance(found, Spans)
        assert isinstance(listed, tuple)
        return found.of(listed)

    return index_parts, index_part


def _parts(root: Root, found: Spans) -> Iterator[Part]:
    size = min(found.size, AWAY) if "://" in root.url else found.size
    listed = iter(found.listed)
    while span := tuple(islice(listed, size)):
        yield _part(span)


def _part(span: Sequence[Entry]) -> Part:
    files = {file.path: file for entry in span for file in entry.files.values()}
    name = f"{span[0].id} to {span[-1].id}"
    return Part(name=name, kind="span", files=tuple(files.values()), about=tuple(span))
