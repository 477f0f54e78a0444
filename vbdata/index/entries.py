"""Entries as they lie in a file: any of them is read without the others, and without its index.

An Arrow file with a row an entry, BATCH rows a batch: all that its index says of it, as JSON, and
its annotation record. Whoever makes shards reads a few hundred rows of what may be millions, so the
file is mapped only while rows are read: what was touched does not stay in the reader's memory. It
stays open, so that who writes another under its name does not change what is read.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbdata.core.types import ClassFact, Entry, Expression, FileRef
from vbdata.errors import SourceError

BATCH = 512
SCHEMA = pa.schema([("entry", pa.binary()), ("record", pa.binary())])


class Entries:
    """The entries of a file, by their places in it, which are those in the index."""

    def __init__(self, path: Path) -> None:
        """Opens the file. Raises OSError."""
        self.path, self._file = path, os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        with self._opened() as file:
            last = file.num_record_batches - 1
            return last * BATCH + file.get_batch(last).num_rows if last >= 0 else 0

    def __iter__(self) -> Iterator[Entry]:
        with self._opened() as file:
            for number in range(file.num_record_batches):
                yield from map(_entry, *(c.to_pylist() for c in file.get_batch(number).columns))

    def take(self, rows: Sequence[int] | NDArray[Any]) -> list[Entry]:
        """The entries of some rows, in that order. Raises OSError if they cannot be read."""
        numbers, places = np.divmod(np.asarray(rows, np.int64), BATCH)
        found: dict[int, Entry] = {}
        order = np.argsort(numbers, kind="stable")
        known, number = None, -1
        with self._opened() as file:
            for at, wanted, place in zip(
                order.tolist(), numbers[order].tolist(), places[order].tolist(), strict=True
            ):
                if wanted != number:
                    known, number = file.get_batch(wanted).columns, wanted
                assert known is not None
                found[at] = _entry(known[0][place].as_py(), known[1][place].as_py())
        return [found[at] for at in range(len(found))]

    @contextmanager
    def _opened(self) -> Iterator[pa.ipc.RecordBatchFileReader]:
        mapped = pa.py_buffer(mmap.mmap(self._file, 0, access=mmap.ACCESS_READ))
        with pa.ipc.open_file(mapped) as file:
            yield file


class Writer:
    """Writes a file of entries; a context manager."""

    def __init__(self, path: Path) -> None:
        self._sink = pa.OSFile(str(path), "wb")
        self._file = pa.ipc.new_file(self._sink, SCHEMA)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sink.close()

    def write(self, batch: Sequence[Entry]) -> list[Entry]:
        """Add BATCH entries, or fewer at the end; as they will be read: with plain numbers."""
        lines, records = [_line(each) for each in batch], [bytes(each.record) for each in batch]
        columns = [pa.array(lines, pa.binary()), pa.array(records, pa.binary())]
        self._file.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
        return list(map(_entry, lines, records))


def entry_digest(entry: Entry) -> str:
    """SHA-256 of all that an index says of one record."""
    said = (
        *(entry.id, entry.group, entry.width, entry.height, entry.license, entry.labels),
        [(role, file.path, file.size) for role, file in sorted(entry.files.items())],
        [(fact.name, fact.thing, fact.instances, fact.smallest) for fact in entry.classes],
        [(expression.text, expression.targets) for expression in entry.expressions],
        *(entry.captions, entry.instructions, entry.camera, entry.fault),
        hashlib.sha256(entry.record).digest(),
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _line(entry: Entry) -> bytes:
    """All but the record."""
    said = {
        "id": entry.id,
        "group": entry.group,
        "width": entry.width,
        "height": entry.height,
        "license": entry.license,
        "files": [(role, file.path, file.size) for role, file in sorted(entry.files.items())],
        "labels": entry.labels,
        "classes": [(f.name, f.thing, f.instances, f.smallest) for f in entry.classes],
        "captions": entry.captions,
        "expressions": [(one.text, one.targets) for one in entry.expressions],
        "instructions": entry.instructions,
        "camera": entry.camera,
        "fault": entry.fault,
    }
    return json.dumps(said, separators=(",", ":"), default=_plain).encode()


def _plain(number: Any) -> Any:
    """A number of NumPy as Python's."""
    if isinstance(number, np.generic):
        return number.item()
    raise SourceError(f"an entry has {number!r} in it, a {type(number).__name__}")


def _entry(line: bytes, record: bytes) -> Entry:
    said = json.loads(line)
    camera = said["camera"]
    return Entry(
        id=said["id"],
        group=said["group"],
        width=said["width"],
        height=said["height"],
        license=said["license"],
        files={role: FileRef(path=path, size=size) for role, path, size in said["files"]},
        labels=tuple(said["labels"]),
        classes=tuple(
            ClassFact(name=name, thing=thing, instances=instances, smallest=smallest)
            for name, thing, instances, smallest in said["classes"]
        ),
        captions=tuple(said["captions"]),
        expressions=tuple(
            Expression(text=text, targets=tuple(targets)) for text, targets in said["expressions"]
        ),
        instructions=tuple(said["instructions"]),
        camera=(camera[0], camera[1], camera[2], camera[3]) if camera else None,
        record=record,
        fault=said["fault"],
    )
