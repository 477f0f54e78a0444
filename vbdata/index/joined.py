"""A source of several parts, each indexed by itself in another process, joined in their order.

What comes out does not depend on where and in which order the parts are indexed: it is what the
parts yield one after the other. `Pool` is the seam: processes of this machine
(vbdata.index.processes), or a cluster.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vbdata import plugins
from vbdata.core.types import Part, Source
from vbdata.errors import SourceError
from vbdata.index import reading
from vbdata.index.cache import Traced
from vbdata.index.entries import Writer
from vbdata.index.facts import FACTS
from vbdata.index.grouped import groups, tables
from vbdata.index.rows import ROWS, STORED
from vbdata.sources.open import open_root
from vbdata.sources.watched import Question

BYTES = 1 << 30  # of parts, and
FILES = 20_000  # of parts, from which it takes less time to start other processes than to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTask:
    """A part to be indexed, as another process needs it."""

    source: Source
    part: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDone:
    """An indexed part. rows: Arrow IPC of ROWS; trace: as in Traced; fault: why there is none."""

    rows: bytes
    trace: dict[Question, str]
    fault: str = ""


Pool = Callable[[Sequence[PartTask]], Iterator[PartDone]]  # results in the order of the tasks


def worth_it(source: Source, parts: Sequence[Part]) -> bool:
    """Whether parts are many or large enough to be indexed by several processes."""
    if len(parts) < 2:
        return False
    files = [file for part in parts for file in part.files]
    remote = any("://" in root for root in source.roots)
    return remote or len(files) >= FILES or sum(max(file.size, 0) for file in files) >= BYTES


def index_part(task: PartTask) -> PartDone:
    """Index one part, in any process that can read the source."""
    source, part = task.source, task.part
    traced = None
    try:
        with few_collections():
            root = open_root(source.roots, mount=plugins.mounts(source.dataset), strict=True)
            traced = Traced(root)
            traced.tags.update((file.path, file.tag) for file in part.files if file.tag)
            rows = _rows(source, traced, part)
    except reading.FAULTS as err:
        text = str(err)
        named = text if part.name in text else f"{part.name}: {text}"
        return PartDone(rows=b"", trace={}, fault=named)
    return PartDone(rows=rows, trace=traced.trace)


def _rows(source: Source, root: Traced, part: Part) -> bytes:
    """The rows of a part. Raises SourceError."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ROWS) as stream:
        for table in tables(reading.given(source, root, [part], some=False)):
            stream.write_table(table)
    return bytes(sink.getvalue())


def write(
    source: Source, root: Traced, parts: Sequence[Part], files: tuple[Path, Path], pool: Pool
) -> None:
    """Index all parts with a pool, and write their entries into the two files.

    What was asked for in other processes is noted in the root's trace. Raises SourceError.
    """
    tasks = [PartTask(source=source, part=part) for part in parts]
    with pq.ParquetWriter(files[0], FACTS) as facts, Writer(files[1]) as stored:
        for group in groups(_tables(source, root, pool(tasks))):
            facts.write_table(group.select(FACTS.names))
            stored.write_rows(group.select(STORED.names))


def _tables(source: Source, root: Traced, done: Iterable[PartDone]) -> Iterator[pa.Table]:
    """The rows of the parts, checked. Raises SourceError."""
    last = None
    for each in done:
        if each.fault:
            raise SourceError(each.fault)
        root.trace.update(each.trace)
        table = pa.ipc.open_stream(each.rows).read_all()
        if len(table):
            reading.check_order(source, last, table["id"][0].as_py())
            last = table["id"][-1].as_py()
            yield table
    if last is None:
        raise SourceError("no records")


@contextmanager
def few_collections() -> Iterator[None]:
    """Turn the garbage collector off: entries have no cycles, yet it searches them again and again.

    Whoever writes many calls it now and then, for the cycles of exceptions.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
