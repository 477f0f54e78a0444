"""A plan of many millions of rows: seconds, rows a second and peak memory of every stage.

    python -m benchmarks.plan_scale [--rows 100000000] [--shard-size 10000] [--folder DIR]

Five sources of four tasks each: 20 cells with decimal weights, on entries that number 15 % of the
rows (15 million for 100 million), so that cells are read in several passes. The indices are files
as `vbdata.index.index` writes them, with made-up entries (hashes are random bits), once, in DIR.
A fresh process then opens them, plans, and reads one shard back: all by the engine's own
functions, with pyarrow kept to one thread. Prints a line of JSON for each stage; `peak_gb` is the
largest resident size of the process so far, indices included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

SOURCES = {"coco": 5, "scenes": 4, "streets": 3, "rooms": 2, "drives": 1}  # share of the entries
TASKS = {"depth": 3, "normals": 2, "semantic": 4, "generate": 5}
ENTRIES_A_ROW = 0.15
LABELS = ["captions", "depth", "normals", "segments"]
WORDS = ("a", "man", "on", "the", "street", "with", "two", "dogs", "near", "an", "old", "red")
CLASSES, CLASSES_A_ENTRY, CAPTION_WORDS = 80, 3, 11
SHAPES = 300  # different image sizes
FAULTS = 0.001
MADE_AT_ONCE = 1 << 18
ENTRY = (
    '{"id":"NUMBER","group":"","width":640,"height":480,"license":"","labels":[],"classes":[],'
    '"files":[["image","images/x.jpg",1000]],"captions":[],"expressions":[],"instructions":[],'
    '"camera":null,"fault":"","left_out":[],"relabel":[],"hidden":[],"absent":null,"references":0}'
)


def main() -> None:
    """Make the indices if they are not there, plan in a process of its own, print the costs."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--shard-size", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where the indices are kept")
    given = parser.parse_args()
    with TemporaryDirectory(prefix="plan-scale-") as temporary:
        folder = given.folder or Path(temporary)
        make_indices(folder, int(given.rows * ENTRIES_A_ROW))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pool.apply(plan, (str(folder), given.rows, given.shard_size))


def recipe_text(rows: int, shard_size: int) -> str:
    """A recipe of 20 cells whose weights are decimals that no count divides."""
    sources = [
        f"  {name}: {{dataset: procedural, root: nowhere, tasks: {{"
        + ", ".join(f"{task}: {share * weight / 317:.7f}" for task, weight in TASKS.items())
        + "}}"
        for name, share in SOURCES.items()
    ]
    head = f"name: scale\nseed: 7\nsamples: {rows}\nshard_size: {shard_size}\nsources:\n"
    return head + "\n".join(sources)


def plan(folder: str, rows: int, shard_size: int) -> None:
    """All of planning, stage by stage, on one thread."""
    pa.set_cpu_count(1)
    from vbdata.index.index import open_index
    from vbdata.jobs.specs import job_digests, make_job
    from vbdata.planning.file import read_shard, write_plan
    from vbdata.planning.make import make_plan
    from vbdata.recipe.recipe import parse_recipe

    recipe = parse_recipe(recipe_text(rows, shard_size), "scale", Path(folder), {})
    path = Path(folder) / "plan.parquet"
    stages = Stages(rows)
    with stages.timed("open indices", planning=False):
        indices = [open_index(source, Path(folder)) for source in recipe.sources]
    with stages.timed("apportion and schedule"):
        made = make_plan(recipe, indices)
    with stages.timed("draw"):
        drawn = sum(len(records) for records, _ in made.draws)
    with stages.timed("shuffle and digests"):
        digests = job_digests(made)
    with stages.timed("shuffle and write"):
        write_plan(made, path)
    middle = made.shards // 2
    with stages.timed("read one shard", planning=False):
        rows_of_one = len(read_shard(path, middle))
    with stages.timed("make one job", planning=False):
        make_job(made, middle, "", digests[middle])
    stages.say(
        shards=made.shards,
        rows_with_spares=drawn,
        rows_of_one_shard=rows_of_one,
        entries=sum(map(len, indices)),
        index_mb=round(sum(index.facts.nbytes for index in indices) / 1e6),
        plan_mb_per_million_rows=round(path.stat().st_size / rows, 2),
        footer_mb=round(_footer(path) / 1e6, 2),
        load=os.getloadavg(),
    )
    path.unlink()


class Stages:
    """Times the stages, and sums up those of planning."""

    def __init__(self, rows: int) -> None:
        self._rows, self._wall, self._cpu = rows, 0.0, 0.0

    @contextmanager
    def timed(self, stage: str, *, planning: bool = True) -> Iterator[None]:
        """Measure a stage and print its line."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if planning:
            self._wall, self._cpu = self._wall + wall, self._cpu + cpu
        self._print({"stage": stage}, wall, cpu)

    def say(self, **more: Any) -> None:
        """Print the last line: all of planning, and more fields."""
        self._print({"stage": "all of planning"}, self._wall, self._cpu, more)

    def _print(
        self, head: dict[str, Any], wall: float, cpu: float, more: dict[str, Any] | None = None
    ) -> None:
        line = head | {
            "seconds": round(wall, 3),
            "cpu_seconds": round(cpu, 3),
            "rows_per_cpu_second": round(self._rows / cpu) if cpu else None,
            "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        }
        print(json.dumps(line | (more or {})), flush=True)


def _footer(path: Path) -> int:
    """Bytes of a Parquet file's footer, which whoever reads one row group reads too."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        return int.from_bytes(file.read(4), "little")


def make_indices(folder: Path, entries: int) -> None:
    """Write the index files of all sources, unless they are there for as many entries."""
    stamp = folder / "entries"
    if stamp.exists() and stamp.read_text() == str(entries):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, share in SOURCES.items():
        _make_index(folder, name, max(1, entries * share // sum(SOURCES.values())), rng)
        print(f"made the index of {name}", file=sys.stderr)
    stamp.write_text(str(entries))


def _make_index(folder: Path, name: str, count: int, rng: np.random.Generator) -> None:
    from vbdata.index.facts import FACTS
    from vbdata.index.rows import BATCH, STORED

    with (
        pq.ParquetWriter(folder / f"{name}.parquet", FACTS) as facts,
        pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, STORED) as stored,
    ):
        for first in range(0, count, MADE_AT_ONCE):
            number = np.arange(first, min(first + MADE_AT_ONCE, count))
            facts.write_table(_facts(name, number, rng), row_group_size=BATCH)
            for batch in _entries(number).to_batches(BATCH):
                stored.write_batch(batch)


def _facts(name: str, number: NDArray[np.int64], rng: np.random.Generator) -> pa.Table:
    """Facts of some entries; ids and groups tell the number in twelve digits."""
    from vbdata.index.facts import FACTS

    count = len(number)
    shape = rng.integers(SHAPES, size=count)
    class_of = rng.integers(CLASSES, size=count * CLASSES_A_ENTRY)
    thing = class_of % 2 == 0
    classes = [
        pa.array([f"class {k}" for k in range(CLASSES)]).take(pa.array(class_of)),
        pa.array(thing),
        pa.array(thing.astype(np.int32)),
        pa.array(1000 * thing.astype(np.int64)),
    ]
    of_fact = FACTS.field("classes").type.value_type
    words = pa.array(WORDS).take(pa.array(rng.integers(len(WORDS), size=count * CAPTION_WORDS)))
    digits = pc.utf8_lpad(pa.array(number).cast(pa.string()), 12, "0")
    columns = {
        "id": pc.binary_join_element_wise(name, digits, "/"),
        "word": rng.integers(2**64, size=count, dtype=np.uint64),
        "digest": _hex(rng.bytes(32 * count), count),
        "group": pc.binary_join_element_wise(name, digits, ":"),
        "width": (480 + shape).astype(np.int32),
        "height": (360 + shape % 7).astype(np.int32),
        "license": pa.array(["CC-BY-4.0", "CC-BY-SA-4.0"]).take(pa.array(shape % 2)),
        "labels": _lists(
            pa.array(LABELS).take(pa.array(np.arange(len(LABELS) * count) % len(LABELS))),
            len(LABELS),
        ),
        "classes": _lists(pa.StructArray.from_arrays(classes, fields=[*of_fact]), CLASSES_A_ENTRY),
        "captions": _lists(pc.binary_join(_lists(words, CAPTION_WORDS), " "), 1),
        "expressions": _none(FACTS.field("expressions").type, count),
        "instructions": _none(FACTS.field("instructions").type, count),
        "camera": _none(FACTS.field("camera").type, count),
        "fault": pa.array(["", "missing: image"]).take(
            pa.array((rng.random(count) < FAULTS).astype(np.int8))
        ),
        "missing": _none(FACTS.field("missing").type, count),
        "left_out": _none(FACTS.field("left_out").type, count),
        "absent": _none(FACTS.field("absent").type, count),
    }
    return pa.table(columns, schema=FACTS)


def _hex(data: bytes, count: int) -> pa.Array:
    """Bytes as texts of hex digits, all of one length."""
    digits = data.hex().encode()
    offsets = np.arange(0, len(digits) + 1, len(digits) // count, dtype=np.int32)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(digits))


def _none(of: pa.ListType, count: int) -> pa.ListArray:
    """Lists without anything in them."""
    offsets = pa.array(np.zeros(count + 1, np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array([], of.value_type))


def _lists(values: pa.Array, each: int) -> pa.ListArray:
    """Lists of the same length."""
    return pa.ListArray.from_arrays(np.arange(0, len(values) + 1, each, dtype=np.int32), values)


def _entries(number: NDArray[np.int64]) -> pa.Table:
    """Entries with one file each, and as good as nothing else: they are only read."""
    from vbdata.index.rows import STORED

    digits = pc.utf8_lpad(pa.array(number).cast(pa.string()), 12, "0")
    head, tail = ENTRY.split("NUMBER")
    lines = pc.binary_join_element_wise(head, digits, tail, "").cast(pa.binary())
    empty = pa.repeat(pa.scalar(b"", pa.binary()), len(number))
    return pa.table({"entry": lines, "record": empty}, schema=STORED)


if __name__ == "__main__":
    main()
