"""For tests of the report: what a page holds, folders that count what is read, large builds."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.helpers.builds import manifest_of, redigested
from vbdata.layout import (
    MANIFEST,
    QUARANTINE,
    SUMS,
    build_digest,
    offsets_path,
    shards_folder,
    tar_path,
)
from vbdata.manifest.columns import ROWS
from vbdata.manifest.json_text import canonical, manifest_digest
from vbdata.manifest.tally import hundredths
from vbdata.storage.folder import Folder

TOGETHER = 30  # shards in one row group of a large build: fewer of them are quicker to write


class Page(HTMLParser):
    """A parsed page. elements: (tag, attributes); text: all of it outside of style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self._style = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self._texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self._texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


class CountingFolder(Folder):
    """Writes down what is read: (path, bytes), -1 for a whole file."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads: list[tuple[str, int]] = []

    def read(self, path: str) -> bytes:
        self.reads.append((path, -1))
        return super().read(path)

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        self.reads.append((path, size))
        return super().read_range(path, offset, size)

    def open(self, path: str) -> BinaryIO:
        self.reads.append((path, -1))
        return super().open(path)

    @contextmanager
    def local_copy(self, path: str) -> Iterator[Path]:
        self.reads.append((path, -1))
        with super().local_copy(path) as local:
            yield local


def changed(build: Path, copy: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A copy of a build with other rows in its manifest; tars and digests stay as they are."""
    shutil.copytree(build, copy)
    file = copy / "manifest" / "train.parquet"
    rows = pq.read_table(file).to_pylist()
    for row in rows:
        change(row)
    with pq.ParquetWriter(file, ROWS) as writer:
        for shard in sorted({row["shard"] for row in rows}):
            mine = [row for row in rows if row["shard"] == shard]
            writer.write_table(pa.Table.from_pylist(mine, ROWS))
    return copy


def many_times(build: Path, copy: Path, times: int) -> Path:
    """A build with the shards of another so many times over, as links, and rows for all of them."""
    manifest = manifest_of(build)
    count = len(manifest["shards"])
    jobs = [shard["job_sha256"] for shard in manifest["shards"]] * times
    digest = build_digest(jobs)
    folder = shards_folder(digest)
    for name in ("manifest", folder, "quarantine"):
        (copy / name).mkdir(parents=True)
    os.link(build / QUARANTINE, copy / QUARANTINE)
    rows = pq.read_table(build / "manifest" / "train.parquet")
    shards, sources = [], manifest["recipe"]["sources"]
    with pq.ParquetWriter(copy / "manifest" / "train.parquet", ROWS) as writer:
        for first in range(0, times, TOGETHER):
            part = range(first, min(times, first + TOGETHER))
            tables = [_moved(rows, time * count) for time in part]
            writer.write_table(pa.concat_tables(tables).combine_chunks())
            for number in range(part.start * count, part.stop * count):
                shard = manifest["shards"][number % count]
                tar = tar_path(folder, "train", number, times * count)
                os.link(build / shard["tar"], copy / tar)
                os.link(build / offsets_path(shard["tar"]), copy / offsets_path(tar))
                shards.append(shard | {"tar": tar})
    for cell in manifest["cells"]:  # of a recipe whose weights are what was apportioned
        share = Fraction(cell["apportioned"], manifest["samples"])
        sources[cell["source"]]["tasks"][cell["task"]] = str(cell["apportioned"])
        cell |= {name: cell[name] * times for name in ("apportioned", "realised")}
        cell["repeated"] = cell["realised"] - cell["unique"]
        cell["share"], cell["requested"] = f"{float(share):.6f}", f"{cell['apportioned']:.4f}"
        cell["passes"] = hundredths(Fraction(cell["realised"], cell["eligible"]))
    for line in manifest["licenses"]:
        line["samples"] *= times
        line["sources"] = {name: number * times for name, number in line["sources"].items()}
    manifest |= {
        "samples": manifest["samples"] * times,
        "bytes": manifest["bytes"] * times,
        "members": {name: count * times for name, count in manifest["members"].items()},
        "shards": shards,
        "build_sha256": digest,
        "recipe": manifest["recipe"] | {"samples": manifest["samples"] * times},
    }
    redigested(manifest)
    manifest["digest"] = manifest_digest(manifest)
    (copy / MANIFEST).write_bytes(canonical(manifest))
    sums = {f"{shard['tar']}": shard["sha256"] for shard in shards}
    index = hashlib.sha256(b"").hexdigest()  # of the offsets, which nobody here compares
    sums |= {offsets_path(path): index for path in sums}
    for path in (MANIFEST, QUARANTINE, "manifest/train.parquet"):
        sums[path] = hashlib.sha256((copy / path).read_bytes()).hexdigest()
    (copy / SUMS).write_text("".join(f"{d}  {path}\n" for path, d in sorted(sums.items())))
    return copy


def _moved(rows: pa.Table, by: int) -> pa.Table:
    """The same rows in later shards."""
    place = ROWS.get_field_index("shard")
    return rows.set_column(place, "shard", pa.array(rows["shard"].to_numpy() + np.int32(by)))
