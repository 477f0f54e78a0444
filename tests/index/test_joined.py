"""A source of several parts has one index, wherever its parts are indexed; faults name the part."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vbdata.core.images import encode_jpeg
from vbdata.core.png import encode_png
from vbdata.core.types import Part, Source
from vbdata.errors import SourceError
from vbdata.index import grouped, joined, processes
from vbdata.index.index import Index, build_index
from vbdata.index.joined import PartDone, PartTask, Pool, index_part
from vbdata.index.rows import BATCH

JPEG = encode_jpeg(np.full((6, 8, 3), 90, np.uint8))


def backwards(tasks: Sequence[PartTask]) -> Iterator[PartDone]:
    """A pool that is done with the last part first, of tasks as another process has them."""
    return reversed([index_part(pickle.loads(pickle.dumps(task))) for task in reversed(tasks)])


def tar(path: Path, count: int) -> None:
    with tarfile.open(path, "w") as file:
        for number in range(count):
            for kind, data in ((".jpg", JPEG), (".txt", b"a cat %d" % number)):
                member = tarfile.TarInfo(f"{number:06d}{kind}")
                member.size = len(data)
                file.addfile(member, io.BytesIO(data))


def made(
    folder: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    pool: Pool | None,
    dataset: str = "captioned",
    **options: Any,
) -> Index:
    """The index of a source with a pool for its parts, None: as one."""
    monkeypatch.setattr(joined, "BYTES", 0 if pool else 1 << 40)
    monkeypatch.setenv("VBDATA_CACHE", str(folder / "cache"))
    roots = (str(data),)
    source = Source(name="x", dataset=dataset, roots=roots, tasks={}, options=options)
    return build_index(source, folder, pool)


def same(one: Index, other: Index, folders: Sequence[Path]) -> bool:
    traces = [sorted(json.loads((f / "x.trace.json").read_text())) for f in folders]
    sizes = [pq.ParquetFile(f / "x.parquet").num_row_groups for f in folders]
    assert traces[0] == traces[1]
    assert sizes[0] == sizes[1]
    entries: list[Any] = [list(one.stored), list(other.stored)]
    return bool(one.facts.equals(other.facts)) and entries[0] == entries[1]


@pytest.mark.parametrize("layout", ["tars", "pairs", "parquet"])
def test_parts_make_the_index_of_the_whole(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.setattr(grouped, "GROUP", BATCH)
    monkeypatch.setattr("vbdata.index.index.GROUP", BATCH)
    if layout == "tars":
        for name, count in (("b.tar", 400), ("a.tar", 200), ("c.tar", 1)):
            tar(data / name, count)
        (data / "d.tar").write_bytes((data / "a.tar").read_bytes()[:3000])
    elif layout == "parquet":
        for name, count in (("a", 30), ("b", 3)):
            rows = {"image": [JPEG] * count, "text": [f"a cat {k}" for k in range(count)]}
            pq.write_table(pa.table(rows), data / f"{name}.parquet")
    else:
        monkeypatch.setattr("vbdata.plugins.pipelines.parts.captioned.files.SPAN", 7)
        for number in range(40):
            (data / f"{number:03d}.{'JPG' if number % 3 else 'jpg'}").write_bytes(JPEG)
            (data / f"{number:03d}.txt").write_text("a cat")
        (data / "0075.txt").write_text("without an image")
    one = made(tmp_path / "one", data, monkeypatch, None)
    several = made(tmp_path / "several", data, monkeypatch, backwards)
    assert len(one) == {"tars": 603, "pairs": 41, "parquet": 33}[layout]
    assert same(one, several, [tmp_path / "one", tmp_path / "several"])


@pytest.mark.parametrize("dataset", ["parquet", "triplets"])
def test_tables_and_edits_are_indexed_by_their_files(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    (data / "more").mkdir(parents=True)
    (data / "seen.jpg").write_bytes(JPEG)
    if dataset == "parquet":  # a preset by its columns, paths of files, and a table of none
        for name, count in (("more/a", 30), ("b", 3), ("b.parquet-2", 2), ("c", 0)):
            cells: Any = ["seen.jpg" if name == "b" else {"bytes": JPEG, "path": None}] * count
            rows = {
                "source_image": cells,
                "edited_image": cells,
                "edit_prompt": ["Turn it."] * count,
            }
            if not count:
                rows = {name: pa.array([], pa.string()) for name in rows}
            pq.write_table(pa.table(rows), data / f"{name}.parquet")
    else:
        for name in ("more/a", "b", "b.tar-2"):  # whose ids stand before those of b.tar
            parts = [(f"{k}.{side}.jpg", JPEG) for k in range(5) for side in ("input", "edited")]
            texts = [(f"{k}.txt", b"Turn it.") for k in range(5)]
            with tarfile.open(data / f"{name}.tar", "w") as file:
                for path, content in sorted(parts + texts):
                    member = tarfile.TarInfo(path)
                    member.size = len(content)
                    file.addfile(member, io.BytesIO(content))
    one = made(tmp_path / "one", data, monkeypatch, None, dataset)
    several = made(tmp_path / "several", data, monkeypatch, backwards, dataset)
    assert len(one) == {"parquet": 35, "triplets": 15}[dataset]
    assert not one.faults()
    assert same(one, several, [tmp_path / "one", tmp_path / "several"])


def test_folders_are_indexed_by_some_images_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that are of no image are entries, too, and stand in the part of their neighbours."""
    monkeypatch.setattr("vbdata.plugins.pipelines.folders.SPAN", 3)
    data = tmp_path / "data"
    (data / "rgb").mkdir(parents=True)
    (data / "masks").mkdir()
    for number in range(9):
        (data / "rgb" / f"{number}.jpg").write_bytes(JPEG if number != 4 else JPEG[:40])
        mask = encode_png(np.full((6, 8), number % 3, np.uint8))
        (data / "masks" / f"{number}.png").write_bytes(mask)
    (data / "masks" / "7.png").unlink()
    listed = [*range(2, 9), "lost", "rgb"]
    (data / "list.txt").write_text("".join(f"{each}\n" for each in listed))
    lines = [json.dumps({"image": name, "text": "a cat"}) for name in (*range(6), "none", 3)]
    (data / "rgb" / "said.jsonl").write_text("\n".join([*lines, "no JSON"]))
    options = {
        "images": "rgb/{id}.jpg",
        "lists": "list.txt",
        "segments": {"files": "masks/{id}.png", "coding": "index", "names": ["void", "a", "b"]},
        "captions": "rgb/*.jsonl",
    }
    one = made(tmp_path / "one", data, monkeypatch, None, "folders", **options)
    several = made(tmp_path / "several", data, monkeypatch, backwards, "folders", **options)
    faults = [entry.id for entry in one.faults()]
    strays = [f"rgb/said.jsonl:{number:09d}" for number in (7, 9)]
    assert faults == ["list.txt:lost", "list.txt:rgb", "rgb/4.jpg", *strays]
    assert len(one) == 11
    assert same(one, several, [tmp_path / "one", tmp_path / "several"])


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
def test_any_number_of_processes_makes_the_same(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for name in "abc":
        tar(data / f"{name}.tar", 5)
    one = made(tmp_path / "one", data, monkeypatch, None)
    several = made(tmp_path / "several", data, monkeypatch, processes.pool(count))
    assert same(one, several, [tmp_path / "one", tmp_path / "several"])


def test_faults_name_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    pq.write_table(pa.table({"image": [JPEG], "text": ["a cat"]}), data / "a.parquet")
    pq.write_table(pa.table({"image": [JPEG], "name": ["a cat"]}), data / "b.parquet")
    said = []
    for number, pool in enumerate((None, backwards)):
        with pytest.raises(SourceError, match=r"b\.parquet: caption_key is to be set") as err:
            made(tmp_path / str(number), data, monkeypatch, pool)
        said.append(str(err.value))
    assert said[0] == said[1]
    task = PartTask(
        source=Source(name="x", dataset="captioned", roots=(str(tmp_path / "no"),), tasks={}),
        part=Part(name="z.tar", kind="tars", files=()),
    )
    assert "z.tar" in index_part(task).fault
