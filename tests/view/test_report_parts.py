"""The parts of a report: which samples are picked, how they are read, what is counted and drawn."""

from __future__ import annotations

import re
import shutil
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from markupsafe import Markup

from tests.helpers.builds import manifest_of
from tests.helpers.pages import changed
from vbdata.core.labels import Depth, Linear, Matte, Normals, Segments
from vbdata.errors import BuildError
from vbdata.manifest.browse import browsing
from vbdata.shard import tar
from vbdata.shard.tar_read import read_sample, split_sample
from vbdata.storage.folder import Folder
from vbdata.view.report import charts
from vbdata.view.report.measures import (
    LEVELS,
    NEAREST,
    PER_DECADE,
    ROW_COLUMNS,
    SIDE,
    ClassCounts,
    DepthCounts,
    Measures,
    NormalCounts,
    measure_rows,
)


def test_picked_samples_are_their_own_bytes(demo_build: Path) -> None:
    with browsing(Folder(str(demo_build))) as build:
        picked = build.pick(dict.fromkeys(build.cells, 5), seed=3)
        assert list(picked) == [(c["source"], c["task"]) for c in manifest_of(demo_build)["cells"]]
        for cell, some in picked.items():
            assert len({one.row["key"] for one in some}) == 5
            for one, parts in build.read(some):
                assert (one.row["source"], one.row["task"]) == cell
                assert parts["instruction.txt"].decode() == one.row["instruction"]


def test_a_pick_is_seeded_and_grows_at_its_end(demo_build: Path) -> None:
    def keys(count: int, seed: int) -> list[str]:
        with browsing(Folder(str(demo_build))) as build:
            cell = next(iter(build.cells))
            return [one.row["key"] for one in build.pick({cell: count}, seed)[cell]]

    assert keys(9, 0)[:4] == keys(4, 0) == keys(4, 0)
    assert keys(9, 0) != keys(9, 1)
    assert len(set(keys(1000, 0))) == 15, "no more than there are, none twice"


def test_every_record_comes_once_before_any_twice(demo_build: Path) -> None:
    with browsing(Folder(str(demo_build))) as build:
        repeated = [c for c in manifest_of(demo_build)["cells"] if c["repeated"]]
        for cell in repeated:
            place = cell["source"], cell["task"]
            some = build.pick({place: cell["unique"]}, 0)[place]
            assert len({one.row["sample_id"] for one in some}) == cell["unique"] > 1


def test_a_remote_build_is_read_by_range(demo_build: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(demo_build), "/browsed", recursive=True)
    try:
        with (
            browsing(Folder("memory://browsed")) as there,
            browsing(Folder(str(demo_build))) as here,
        ):
            counts = dict.fromkeys(here.cells, 2)
            for cell, some in here.pick(counts, 0).items():
                mine = there.read(there.pick(counts, 0)[cell])
                assert [parts for _, parts in here.read(some)] == [parts for _, parts in mine]
    finally:
        memory.rm("/browsed", recursive=True)


def one_sample(parts: dict[str, bytes], key: str = "0001") -> bytes:
    blocks = []
    for extension, data in parts.items():
        blocks += [tar.header(f"{key}.{extension}", len(data)), data, bytes(-len(data) % 512)]
    return b"".join(blocks)


def test_split_gives_back_every_member_and_refuses_all_else() -> None:
    parts = {"input.jpg": b"a" * 1000, "json": b"{}", "target.png": bytes(512), "valid.png": b""}
    data = one_sample(parts)
    assert split_sample(data, "0001", "x.tar") == parts
    flipped = bytes([data[0] ^ 1]) + data[1:]
    named = b"\xff" + data[1:]
    for damaged in (
        data[:-1],
        data[:-700],
        data[512:],
        flipped,
        named,
        data + b"\0",
        b"\0" * 512,
        b"\xff" * 512,
    ):
        with pytest.raises(BuildError, match="0001 is not where the index says"):
            split_sample(damaged, "0001", "x.tar")
    with pytest.raises(BuildError):
        split_sample(data, "0002", "x.tar")


@pytest.mark.parametrize(
    "index",
    [
        b"",
        struct.pack("<2Q", 512, 512),
        struct.pack("<2Q", 1024, 0),
        struct.pack("<2Q", 0, 1 << 60),
    ],
)
def test_offsets_that_cannot_be_are_refused(tmp_path: Path, index: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(one_sample({"json": b"{}"}))
    (tmp_path / "a.tar.idx").write_bytes(index)
    with pytest.raises(BuildError, match=r"a\.tar\.idx has no place of 0001"):
        read_sample(Folder(str(tmp_path)), "a.tar", 0, "0001")


def test_a_sample_without_all_its_members_is_refused(demo_build: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(demo_build, copy)
    name = manifest_of(copy)["shards"][0]["tar"]
    first, after = struct.unpack("<2Q", (copy / f"{name}.idx").read_bytes()[:16])
    data = (copy / name).read_bytes()
    with browsing(Folder(str(copy))) as build:
        everything = build.pick(dict.fromkeys(build.cells, 50), 0)
        one = next(one for some in everything.values() for one in some if one.place == 0)
        ((_, parts),) = build.read([one])
        kept = {name: data for name, data in parts.items() if not name.startswith("target.")}
        cut = one_sample(kept, one.row["key"])
        (copy / name).write_bytes(cut + data[after:])
        (copy / f"{name}.idx").write_bytes(struct.pack("<2Q", first, len(cut)))
        with pytest.raises(BuildError, match=f"{one.row['key']} has .*run vbdata verify"):
            list(build.read([one]))


def test_depth_is_counted_in_its_bins() -> None:
    metres = np.array([[1.01, 1.01, 20.0, 1e-5], [1e9, np.inf, 5.0, 7.0]], np.float32)
    label = Depth(metres=metres, valid=np.array([[1, 1, 1, 1], [1, 1, 1, 0]], np.bool_))
    valid = np.ones((2, 4), bool)
    valid[1, 2] = False
    found = DepthCounts()
    found.add(label, valid)
    at = {int(k): int(found.bins[k]) for k in np.flatnonzero(found.bins)}
    metre, twenty = 2 * PER_DECADE, int(np.log10(20 / NEAREST) * PER_DECADE)
    assert at == {0: 1, metre: 2, twenty: 1, len(found.bins) - 1: 1}
    assert (found.sky, found.invalid, found.samples) == (1, 2, 1)
    assert found.quantile(0.5) == pytest.approx(1.01, rel=0.13), "within a bin"


def test_normals_are_counted_where_the_camera_sees_them_point() -> None:
    left, up, camera = (-1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, -1.0)
    xyz = np.array([left, left, up, camera, camera], np.float32).T.reshape(3, 1, 5)
    sky = np.array([[False, False, False, False, True]])
    found = NormalCounts()
    found.add(Normals(xyz=xyz, valid=~sky, sky=sky), np.ones((1, 5), bool))
    middle = SIDE // 2
    counts = {(int(r), int(c)): int(found.bins[r, c]) for r, c in np.argwhere(found.bins)}
    assert counts == {(middle, 0): 2, (0, middle): 1, (middle, middle): 1}, "the top row is up"
    assert (found.sky, found.invalid) == (1, 0)


def test_alpha_and_light_are_counted_by_their_share_of_white() -> None:
    measures, cell = Measures(), ("mine", "matte")
    alpha = np.array([[0, 4, 128, 255, 255]], np.uint8)
    valid = np.array([[True, True, True, True, False]])
    measures.add(cell, Matte(alpha=alpha, valid=np.ones_like(valid)), valid)
    bins = measures.levels[cell].bins
    assert {int(k): int(bins[k]) for k in np.flatnonzero(bins)} == {0: 2, 25: 1, LEVELS - 1: 1}
    assert measures.levels[cell].invalid == 1
    light = Linear(rgb=np.tile(np.float32([[0.5, 2, 4]]), (3, 1, 1)), valid=np.ones((1, 3), bool))
    measures.add(("mine", "shading"), light, light.valid)
    bins = measures.levels["mine", "shading"].bins
    assert np.flatnonzero(bins).tolist() == [LEVELS // 8, LEVELS // 2, LEVELS - 1]


def test_classes_are_counted_by_pixels_and_samples() -> None:
    ids = np.array([[1, 1, 2, 3, 0]], np.int32)
    label = Segments(
        ids=ids,
        classes=("cat", "dog", "cat", "bird"),
        things=(True,) * 4,
        crowds=(False,) * 4,
        valid=np.ones((1, 5), np.bool_),
    )
    valid = np.array([[True, False, True, True, True]])
    found = ClassCounts()
    found.add(label, valid)
    found.add(label, valid)
    assert found.pixels == Counter({"cat": 4, "dog": 2, "bird": 0})
    assert found.asked == {"cat": 2, "dog": 2, "bird": 2}
    assert found.present == {"cat": 2, "dog": 2}


def test_rows_are_counted_over_all_of_them(demo_build: Path, tmp_path: Path) -> None:
    long = changed(demo_build, tmp_path / "long", lambda row: row.update(instruction=" a b\n c  "))
    rows = pq.read_table(demo_build / "manifest" / "train.parquet").to_pylist()
    with browsing(Folder(str(demo_build))) as build, browsing(Folder(str(long))) as three:
        found = measure_rows(build.tables(ROW_COLUMNS))
        words = measure_rows(three.tables(ROW_COLUMNS)).words
    assert found.sizes == Counter((row["width"], row["height"]) for row in rows)
    assert found.count == Counter((row["source"], row["task"]) for row in rows)
    for cell, total in found.valid.items():
        mine = [r["valid_share"] for r in rows if (r["source"], r["task"]) == cell]
        assert total == pytest.approx(sum(mine))
    for task, counts in found.words.items():
        mine = Counter(len(r["instruction"].split()) for r in rows if r["task"] == task)
        assert {int(k): int(counts[k]) for k in np.flatnonzero(counts)} == dict(mine)
    assert all(np.flatnonzero(counts).tolist() == [3] for counts in words.values())


def test_a_histogram_is_as_high_as_its_counts() -> None:
    svg = charts.histogram([2, 0, 4], [(0.0, "a<b"), (3.0, "end")], 'said "so" <b>')
    bars = re.findall(
        r'<rect class="fill" x="([\d.]+)" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', svg
    )
    assert [float(height) for _, _, height in bars] == [charts.HEIGHT / 2, charts.HEIGHT]
    assert [float(y) + float(h) for _, y, h in bars] == [charts.HEAD + charts.HEIGHT] * 2
    assert 'aria-label="said &#34;so&#34; &lt;b&gt;"' in svg
    assert "a&lt;b" in svg
    assert charts.histogram([], [], "").startswith("<svg")


def test_a_bar_shows_what_is_and_what_was_asked() -> None:
    assert re.findall(r'width="([\d.]+)"', charts.bar(30, 60, 45)) == ["50", "75"]
    assert re.findall(r'width="([\d.]+)"', charts.bar(0, 0)) == ["0"]
    assert isinstance(charts.bar(1, 2), Markup)


def test_ticks_are_round_and_few() -> None:
    assert charts.log_ticks(1, 100, 10) == [
        (0, "1"), (pytest.approx(3.0103), "2"), (pytest.approx(6.9897), "5"), (10, "10"),
        (pytest.approx(13.0103), "20"), (pytest.approx(16.9897), "50"), (20, "100"),
    ]  # fmt: skip
    assert [text for _, text in charts.log_ticks(0.01, 10000, 20)] == [
        "0.01", "0.1", "1", "10", "100", "1000", "10000",
    ]  # fmt: skip
    assert charts.log_ticks(1.1, 1.2, 20) == []
    assert charts.linear_ticks(40, 20) == [(0, "0"), (5, "10"), (10, "20"), (15, "30"), (20, "40")]
    for last in range(1, 400):
        assert 2 <= len(charts.linear_ticks(last, last)) <= charts.TICKS
