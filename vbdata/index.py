"""Index a source: run its reader's `index`, check what it yields, keep it as two files.

NAME.parquet has the facts that planning asks about, one row an entry; NAME.arrow has, in the same
order, file references and annotation records, memory-mapped so that any row is one page away.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.errors import BadSample, SourceError
from vbdata.nouns import ClassFact, Entry, Expression, FileRef, Source
from vbdata.rand import word_of
from vbdata.storage import Folder

BATCH = 4096

FACTS = pa.schema(
    [
        ("id", pa.string()),
        ("word", pa.uint64()),
        ("digest", pa.string()),
        ("group", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("license", pa.string()),
        ("labels", pa.list_(pa.string())),
        (
            "classes",
            pa.list_(
                pa.struct(
                    [
                        ("name", pa.string()),
                        ("thing", pa.bool_()),
                        ("instances", pa.int32()),
                        ("smallest", pa.int64()),
                    ]
                )
            ),
        ),
        ("captions", pa.list_(pa.string())),
        (
            "expressions",
            pa.list_(pa.struct([("text", pa.string()), ("targets", pa.list_(pa.int32()))])),
        ),
        ("instructions", pa.list_(pa.string())),
        ("camera", pa.list_(pa.float64())),
        ("fault", pa.string()),
    ]
)
RECORDS = pa.schema(
    [
        (
            "files",
            pa.list_(
                pa.struct([("role", pa.string()), ("path", pa.string()), ("size", pa.int64())])
            ),
        ),
        ("record", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Index:
    """A source's entries. facts: columns in memory; records: memory-mapped."""

    source: Source
    facts: pa.Table
    records: pa.Table
    fingerprint: str

    def __len__(self) -> int:
        return len(self.facts)

    @property
    def words(self) -> NDArray[np.uint64]:
        """A 64-bit hash of every entry's id."""
        return np.asarray(self.facts["word"].to_numpy())

    @cached_property
    def vocabulary(self) -> tuple[tuple[str, bool], ...]:
        """All classes of the index as (name, countable), sorted."""
        facts = pc.list_flatten(self.facts["classes"]).combine_chunks()
        names, things = (pc.struct_field(facts, key) for key in ("name", "thing"))
        countable = set(pc.unique(names.filter(things)).to_pylist())
        return tuple(sorted((n, n in countable) for n in pc.unique(names).to_pylist()))

    def entries(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Entry]:
        """The entries of some rows, in that order."""
        at = pa.array(rows, pa.int64())
        facts, records = self.facts.take(at).to_pylist(), self.records.take(at).to_pylist()
        return [_entry(fact, record) for fact, record in zip(facts, records, strict=True)]

    def faults(self) -> list[Entry]:
        """Entries that the reader found unusable."""
        bad = self.facts["fault"].to_numpy(zero_copy_only=False) != ""
        return self.entries(np.flatnonzero(bad))


def build_index(source: Source, folder: Path) -> Index:
    """Index a source into folder/NAME.parquet and folder/NAME.arrow.

    Raises SourceError if the dataset cannot be read or its reader breaks the order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    facts_file, records_file = folder / f"{source.name}.parquet", folder / f"{source.name}.arrow"
    fingerprint = hashlib.sha256()
    with (
        pq.ParquetWriter(facts_file, FACTS) as facts,
        pa.OSFile(str(records_file), "wb") as sink,
        pa.ipc.new_file(sink, RECORDS) as records,
    ):
        entries = _checked(source)
        while batch := list(islice(entries, BATCH)):
            rows = [_fact_row(entry) for entry in batch]
            fingerprint.update("".join(row["digest"] for row in rows).encode())
            facts.write_table(pa.Table.from_pylist(rows, FACTS))
            records.write_table(pa.Table.from_pylist([_record_row(e) for e in batch], RECORDS))
    mapped = pa.ipc.open_file(pa.memory_map(str(records_file))).read_all()
    return Index(source, pq.read_table(facts_file), mapped, fingerprint.hexdigest())


def _checked(source: Source) -> Iterator[Entry]:
    """The reader's entries, refused unless sorted by unique ids."""
    module = plugins.dataset(source.dataset)
    last = None
    for entry in _entries(source, module):
        if last is not None and entry.id <= last:
            raise SourceError(
                f"source {source.name!r}: reader {source.dataset!r} yields id {entry.id!r} "
                f"after {last!r}; ids must be unique and sorted"
            )
        last = entry.id
        yield entry
    if last is None:
        raise SourceError(f"source {source.name!r}: no records below {source.root}")


def _entries(source: Source, module: Any) -> Iterable[Entry]:
    folder = Folder(source.root)
    try:
        there = folder.exists()
    except (OSError, ValueError, RuntimeError, ImportError) as err:
        raise SourceError(f"source {source.name!r}: root {source.root}: {err}") from err
    if not there:
        raise SourceError(f"source {source.name!r}: root {source.root} does not exist")
    try:
        yield from module.index(folder, **source.options)
    except BadSample as err:
        raise SourceError(f"source {source.name!r} at {source.root}: {err}") from err
    except SourceError as err:
        raise SourceError(f"source {source.name!r} at {source.root}: {err}") from err


def entry_digest(entry: Entry) -> str:
    """SHA-256 of all that an index says of one record."""
    plain = asdict(entry) | {"record": hashlib.sha256(entry.record).hexdigest()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _fact_row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "word": word_of(entry.id),
        "digest": entry_digest(entry),
        "group": entry.group,
        "width": entry.width,
        "height": entry.height,
        "license": entry.license,
        "labels": list(entry.labels),
        "classes": [asdict(fact) for fact in entry.classes],
        "captions": list(entry.captions),
        "expressions": [asdict(expression) for expression in entry.expressions],
        "instructions": list(entry.instructions),
        "camera": list(entry.camera or ()),
        "fault": entry.fault,
    }


def _record_row(entry: Entry) -> dict[str, Any]:
    files = [{"role": role, **asdict(ref)} for role, ref in sorted(entry.files.items())]
    return {"files": files, "record": entry.record}


def _entry(fact: dict[str, Any], record: dict[str, Any]) -> Entry:
    camera = fact["camera"]
    return Entry(
        id=fact["id"],
        group=fact["group"],
        width=fact["width"],
        height=fact["height"],
        license=fact["license"],
        files={f["role"]: FileRef(path=f["path"], size=f["size"]) for f in record["files"]},
        labels=tuple(fact["labels"]),
        classes=tuple(ClassFact(**c) for c in fact["classes"]),
        captions=tuple(fact["captions"]),
        expressions=tuple(
            Expression(text=e["text"], targets=tuple(e["targets"])) for e in fact["expressions"]
        ),
        instructions=tuple(fact["instructions"]),
        camera=(camera[0], camera[1], camera[2], camera[3]) if camera else None,
        record=record["record"],
        fault=fact["fault"],
    )
