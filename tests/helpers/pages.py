"""For tests of the report: what a page holds, folders that count what is read, large builds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.helpers.builds import manifest_of
from vbdata.manifest.columns import ROWS
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
    for name in ("manifest", "shards", "quarantine"):
        (copy / name).mkdir(parents=True)
    for name in ("quarantine/quarantine.jsonl", "SHA256SUMS"):
        os.link(build / name, copy / name)
    manifest = manifest_of(build)
    rows = pq.read_table(build / "manifest" / "train.parquet")
    shards, count = [], len(manifest["shards"])
    with pq.ParquetWriter(copy / "manifest" / "train.parquet", ROWS) as writer:
        for first in range(0, times, TOGETHER):
            part = range(first, min(times, first + TOGETHER))
            tables = [_moved(rows, time * count) for time in part]
            writer.write_table(pa.concat_tables(tables).combine_chunks())
            for number in range(part.start * count, part.stop * count):
                shard = manifest["shards"][number % count]
                tar = f"shards/train-{number:06d}.tar"
                os.link(build / shard["tar"], copy / tar)
                os.link(build / f"{shard['tar']}.idx", copy / f"{tar}.idx")
                shards.append(shard | {"tar": tar})
    for cell in manifest["cells"]:
        cell |= {name: cell[name] * times for name in ("apportioned", "realised", "repeated")}
        cell["requested"] = f"{float(cell['requested']) * times:.4f}"
    manifest |= {"samples": manifest["samples"] * times, "shards": shards}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def _moved(rows: pa.Table, by: int) -> pa.Table:
    """The same rows in later shards."""
    place = ROWS.get_field_index("shard")
    return rows.set_column(place, "shard", pa.array(rows["shard"].to_numpy() + np.int32(by)))
