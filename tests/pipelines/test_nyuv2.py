"""The NYUv2 reader: both layouts against the truth, the MATLAB files, and damage of every kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import nyuv2
from pipelines.demo import nyuv2 as demo
from pipelines.demo.nyuv2_mat import write_labeled, write_splits
from pipelines.parts.nyuv2 import mat
from pipelines.parts.nyuv2.labels import REGIONS
from pipelines.parts.nyuv2.names import kinds
from pipelines.parts.nyuv2.splits import splits
from vbdata.core.labels import Depth, Segments
from vbdata.core.types import ClassFact, Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

SIZE = (480, 640)
NAMES = ("book", "wall", "unknown", "refridgerator", "books", "box of  paper")
BOOK, WALL, UNKNOWN, FRIDGE, BOOKS, BOX = range(1, 7)


class Counting(Folder):
    """A folder that counts its range reads, and can lose its connection."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reads: list[int] = []
        self.left = -1

    def read_range(self, path: str, offset: int, size: int) -> bytes:
        self.reads.append(size)
        if len(self.reads) == self.left:
            raise ConnectionError("gone")
        return super().read_range(path, offset, size)

    def read(self, path: str) -> bytes:
        assert not path.endswith("labeled.mat"), "the whole .mat was read"
        return super().read(path)

    def local_copy(self, path: str) -> Any:
        raise AssertionError(f"{path} was fetched whole")


def label_maps() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    labels, instances = np.zeros(SIZE, np.uint16), np.zeros(SIZE, np.uint8)
    for label, instance, rows, columns in (
        (WALL, 1, slice(0, 100), slice(0, 640)),
        (WALL, 2, slice(100, 200), slice(0, 640)),
        (BOOK, 1, slice(200, 240), slice(100, 110)),
        (BOOK, 2, slice(200, 230), slice(120, 130)),
        (UNKNOWN, 1, slice(300, 310), slice(100, 110)),
        (FRIDGE, 0, slice(300, 310), slice(120, 130)),
        (BOOKS, 1, slice(300, 310), slice(140, 150)),
        (BOX, 255, slice(478, 480), slice(0, 640)),  # only in the white frame
    ):
        labels[rows, columns], instances[rows, columns] = label, instance
    return labels, instances


def write_mat(folder: Path, frames: int = 3, thick: int = 1) -> Folder:
    """Frames whose picture is 10 times their number, with depths of that many metres."""
    labels, instances = label_maps()
    arrays: dict[str, list[NDArray[Any]]] = {
        "images": [np.full((*SIZE, 3), 10 * k, np.uint8) for k in range(1, frames + 1)],
        "depths": [np.full(SIZE, k, np.float32) for k in range(1, frames + 1)],
        "rawDepths": [raw_depth(k) for k in range(1, frames + 1)],
        "labels": [labels] * frames,
        "instances": [instances] * frames,
    }
    scenes = [f"study_000{k // 2}a" for k in range(frames)]
    write_labeled(folder / nyuv2.MAT, arrays, names=NAMES, scenes=scenes, thick=thick)
    write_splits(folder / "splits.mat", {"trainNdxs": (3, 1), "testNdxs": (2,)})
    return Folder(str(folder))


def raw_depth(metres: float) -> NDArray[np.float32]:
    stored = np.full(SIZE, metres, np.float32)
    stored[50, 50:55] = (0, 10, np.nan, np.inf, -1)
    stored[50, 55] = np.nextafter(np.float32(10), np.float32(0))
    return stored


def depth(root: Folder, entry: Entry) -> Depth:
    found = nyuv2.load(root, entry, ["depth"]).labels["depth"]
    assert isinstance(found, Depth)
    return found


def segments(root: Folder, entry: Entry) -> Segments:
    found = nyuv2.load(root, entry, ["segments"]).labels["segments"]
    assert isinstance(found, Segments)
    return found


def inside(region: str = "frame") -> NDArray[np.bool_]:
    top, bottom, left, right = REGIONS[region]
    found = np.zeros(SIZE, bool)
    found[top:bottom, left:right] = True
    return found


@pytest.mark.slow
def test_sync_frames_are_the_truth(tmp_path: Path) -> None:
    demo.write(tmp_path, seed=1, frames=1)
    root = Folder(str(tmp_path))
    entries, shots = list(nyuv2.index(root)), list(demo.truth(seed=1, frames=1))
    assert [e.id for e in entries] == [shot.id for shot in shots]
    for entry, shot in zip(entries, shots, strict=True):
        assert entry.group == f"nyuv2:{shot.id.partition('/')[0]}"
        lens = np.linalg.inv(shot.camera.lens)
        assert np.allclose(entry.camera, (lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]))
        raw = demo.raw_depth(shot, 1)
        found = depth(root, entry)
        assert np.array_equal(found.valid, (raw > 0) & (raw < 10) & inside())
        stored = np.floor(raw.astype(np.float64) * 1000 + 0.5)
        expected = np.where(found.valid, stored / 1000, 0).astype(np.float32)
        assert np.array_equal(found.metres, expected)
        image = nyuv2.load(root, entry, []).image
        assert image == (tmp_path / entry.files["image"].path).read_bytes()


@pytest.mark.slow
def test_labeled_frames_are_the_truth(tmp_path: Path) -> None:
    demo.write(tmp_path, seed=1, frames=1, labeled=True)
    root = Counting(str(tmp_path))
    entries = list(nyuv2.index(root, split="both"))
    shots = list(demo.truth(seed=1, frames=1))
    for entry, shot in zip(entries, shots, strict=True):
        sample = nyuv2.load(root, entry, ["depth", "segments"])
        assert isinstance(sample.image, np.ndarray)
        assert sample.image.flags.c_contiguous
        assert np.array_equal(sample.image, demo.picture(shot))
        raw, found = demo.raw_depth(shot, 1), sample.labels["depth"]
        valid = (raw > 0) & (raw < 10) & inside()
        assert np.array_equal(found.valid, valid)
        assert np.array_equal(found.metres, np.where(valid, raw, 0))
        labels, instances = demo.label_maps(shot)
        segs, ids = sample.labels["segments"], sample.labels["segments"].ids
        void = (labels == 0) | (labels == demo.NAMES.index("unknown") + 1) | ~inside()
        assert np.array_equal(segs.valid, ~void)
        pairs = {}
        for label, instance in set(zip(labels[~void], instances[~void], strict=True)):
            here = (labels == label) & (instances == instance) & ~void
            (place,) = set(ids[here].tolist())
            pairs[place] = demo.NAMES[label - 1]
        said = [name.replace("refridgerator", "refrigerator") for _, name in sorted(pairs.items())]
        assert list(segs.classes) == said
    assert [e.group for e in nyuv2.index(root)] == ["nyuv2:bedroom_0004"]
    held_out: dict[str, str] = dict(nyuv2.HOLDOUTS["nyuv2-test"])
    assert [e.group for e in nyuv2.index(root, **held_out)] == ["nyuv2:kitchen_0004"]


@pytest.mark.parametrize("thick", [1, 2])
def test_the_mat_file_by_ranges(tmp_path: Path, thick: int) -> None:
    write_mat(tmp_path, thick=thick)
    root = Counting(str(tmp_path))
    entries = list(nyuv2.index(root, split="both"))
    assert [(e.id, e.group) for e in entries] == [
        ("0001", "nyuv2:study_0000a"),
        ("0002", "nyuv2:study_0000a"),
        ("0003", "nyuv2:study_0001a"),
    ]
    for number, entry in enumerate(entries, 1):
        root.reads.clear()
        sample = nyuv2.load(root, entry, ["depth", "segments"])
        assert len(root.reads) < 12
        assert isinstance(sample.image, np.ndarray)
        assert sample.image.shape == (*SIZE, 3)
        assert set(sample.image.ravel().tolist()) == {10 * number}
        assert float(sample.labels["depth"].metres[100, 100]) == number
        assert sample.labels["segments"].ids[100, 8] == sample.labels["segments"].ids[20, 600] > 0


def test_objects_and_facts(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    entry = next(iter(nyuv2.index(root)))
    assert entry.classes == (
        ClassFact(name="book", thing=True, instances=2, smallest=300),
        ClassFact(name="books", thing=False, instances=0, smallest=0),
        ClassFact(name="refrigerator", thing=True, instances=0, smallest=0),
        ClassFact(name="wall", thing=False, instances=0, smallest=0),
    )
    found = segments(root, entry)
    assert found.classes == ("book", "book", "wall", "refrigerator", "books")
    assert found.crowds == (False, False, False, True, False)
    assert not found.valid[305, 105]  # unknown
    assert not found.valid[400, 400]  # unlabelled
    assert not found.valid[:7].any()
    assert (found.ids == 3).sum() == 193 * 625


def test_names_for_prompts() -> None:
    said = ["Stuffed  Animal", "excercise ball", "unknown", "ceiling", "blinds", "glass", "paper"]
    assert kinds(said) == [
        ("", False),
        ("stuffed animal", True),
        ("exercise ball", True),
        ("", False),
        ("ceiling", False),
        ("blinds", False),
        ("glass", True),
        ("paper", True),
    ]


def test_which_depth_is_valid(tmp_path: Path) -> None:
    root = write_mat(tmp_path, frames=3)
    entry = next(iter(nyuv2.index(root)))
    found = depth(root, entry)
    expected = inside()
    expected[50, 50:55] = False
    assert np.array_equal(found.valid, expected)
    assert not found.metres[~found.valid].any()
    assert found.metres[50, 55] < 10
    filled = next(iter(nyuv2.index(root, depth="filled")))
    assert np.array_equal(depth(root, filled).valid, inside())
    eigen = next(iter(nyuv2.index(root, region="eigen")))
    expected &= inside("eigen")
    assert np.array_equal(depth(root, eigen).valid, expected)
    assert not segments(root, eigen).valid[:45].any()
    assert int(inside("eigen").sum()) == 426 * 560


def test_splits(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    ids = {split: [e.id for e in nyuv2.index(root, split=split)] for split in nyuv2.SPLITS}
    assert ids == {"train": ["0001", "0003"], "test": ["0002"], "both": ["0001", "0002", "0003"]}
    (tmp_path / "splits.mat").unlink()
    assert len(list(nyuv2.index(root, split="both"))) == 3
    with pytest.raises(SourceError, match=r"no splits\.mat \(the official split.*both"):
        list(nyuv2.index(root))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("counts", [(795, 654), (1, 2)])
def test_the_split_file(tmp_path: Path, packed: bool, counts: tuple[int, int]) -> None:
    first, second = counts
    train, test = range(1, first + 1), range(first + 1, first + second + 1)
    columns = {"testNdxs": test, "trainNdxs": train}
    write_splits(tmp_path / "s.mat", columns, packed=packed)
    found = splits((tmp_path / "s.mat").read_bytes(), "s.mat", 1449)
    assert found == {"train": frozenset(train), "test": frozenset(test)}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"trainNdxs": (1,)}, "no testNdxs, found trainNdxs"),
        ({"trainNdxs": (1, 2), "testNdxs": (2,)}, "frame 2 is in train and in test"),
        (
            {"trainNdxs": (1, 4), "testNdxs": (2,)},
            "trainNdxs should be frames from 1 to 3, found 4",
        ),
        ({"trainNdxs": (1, 0), "testNdxs": (2,)}, "from 1 to 3, found 0"),
        ({"trainNdxs": (1, 1), "testNdxs": (2,)}, "found some twice"),
    ],
)
def test_impossible_splits(
    tmp_path: Path, columns: dict[str, tuple[int, ...]], message: str
) -> None:
    root = write_mat(tmp_path)
    write_splits(tmp_path / "splits.mat", columns)
    with pytest.raises(SourceError, match=rf"splits\.mat: .*{message}"):
        list(nyuv2.index(root))


def test_a_damaged_split_file_is_a_source_error(tmp_path: Path) -> None:
    write_splits(tmp_path / "s.mat", {"trainNdxs": range(1, 60), "testNdxs": range(60, 99)})
    whole = (tmp_path / "s.mat").read_bytes()
    for data in (b"", whole[:100], whole[:200], whole[:-20], b"x" * 4000, bytes(1 << 21)):
        with pytest.raises(SourceError, match=r"^s\.mat: "):
            splits(data, "s.mat", 100)
    outcomes = set()
    for at in range(128, len(whole)):
        data = whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :]
        try:
            splits(data, "s.mat", 100)
        except SourceError as err:
            outcomes.add(type(err))
    assert outcomes == {SourceError}


def test_sync_layouts(tmp_path: Path) -> None:
    for scene in ("nyu_office_0", "cafe_0001a", "kitchen_0003"):
        sync(tmp_path / scene, 1)
    sync(tmp_path / "kitchen_0003", 12)
    (tmp_path / "notes").mkdir()
    (tmp_path / "kitchen_0003" / "index.html").write_text("")
    root = Folder(str(tmp_path))
    found = list(nyuv2.index(root))
    names = ["cafe_0001a/00001", "kitchen_0003/00001", "kitchen_0003/00012", "nyu_office_0/00001"]
    assert [e.id for e in found] == names
    (tmp_path / "sync").mkdir()
    for scene in ("nyu_office_0", "cafe_0001a", "kitchen_0003"):
        (tmp_path / scene).rename(tmp_path / "sync" / scene)
    again = list(nyuv2.index(root, split="both"))
    assert [e.id for e in again] == names
    assert again[0].files["image"].path == "sync/cafe_0001a/rgb_00001.jpg"
    write_mat(tmp_path)
    assert [e.id for e in nyuv2.index(root)] == ["0001", "0003"]
    assert [e.id for e in nyuv2.index(root, layout="sync")] == names


def sync(folder: Path, number: int, stored: NDArray[Any] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((*SIZE, 3), np.uint8)
    assert cv2.imwrite(str(folder / f"rgb_{number:05d}.jpg"), picture)
    stored = np.full(SIZE, 2345, np.uint16) if stored is None else stored
    assert cv2.imwrite(str(folder / f"sync_depth_{number:05d}.png"), stored)


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (np.zeros(SIZE, np.uint16), "all invalid"),
        (np.full(SIZE, 10000, np.uint16), "all invalid"),
        (np.where(inside(), 0, 500).astype(np.uint16), "all invalid"),
        (np.ones(SIZE, np.uint8), "wrong dtype: depth is uint8"),
        (np.ones((*SIZE, 3), np.uint16), "wrong dtype"),
        (np.ones((640, 480), np.uint16), "wrong size: 480x640, expected 640x480"),
    ],
)
def test_damaged_sync_depth(tmp_path: Path, stored: NDArray[Any], reason: str) -> None:
    sync(tmp_path / "kitchen_0003", 0, stored)
    root = Folder(str(tmp_path))
    (entry,) = nyuv2.index(root)
    with pytest.raises(BadSample, match=rf"^{reason}.*sync_depth_00000\.png"):
        nyuv2.load(root, entry, ["depth"])


@pytest.mark.parametrize("name", ["rgb_00000.jpg", "sync_depth_00000.png"])
def test_missing_and_damaged_sync_files(tmp_path: Path, name: str) -> None:
    sync(tmp_path / "kitchen_0003", 0)
    root, file = Folder(str(tmp_path)), tmp_path / "kitchen_0003" / name
    (entry,) = nyuv2.index(root)
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(BadSample, match=r"^(truncated|undecodable)"):
        nyuv2.load(root, entry, ["depth"])
    file.unlink()
    (entry,) = nyuv2.index(root)
    with pytest.raises(BadSample, match=f"missing.*{name}"):
        nyuv2.load(root, entry, ["depth"])


def test_damage_of_one_labelled_frame(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    fine = list(nyuv2.index(root, split="both"))
    edit(tmp_path, lambda file: smash_chunk(tmp_path, file, "labels", 1))
    entries = list(nyuv2.index(root, split="both"))
    assert [e.fault.partition(":")[0] for e in entries] == ["", "undecodable", ""]
    for entry in (fine[1], entries[1]):
        with pytest.raises(BadSample, match=r"^undecodable"):
            nyuv2.load(root, entry, ["segments"])
    assert depth(root, fine[1]).valid.any()
    assert segments(root, entries[2]).valid.any()


def edit(folder: Path, change: Callable[[Any], Any]) -> None:
    with h5py.File(folder / nyuv2.MAT, "r+") as file:
        change(file)


def smash_chunk(folder: Path, file: Any, name: str, number: int) -> None:
    """Replace a frame's chunk by one that does not inflate."""
    dims = len(file[name].shape) - 1
    file[name].id.write_direct_chunk((number, *[0] * dims), b"no zlib stream at all")


def set_frame(name: str, number: int, value: float) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        file[name][number] = value

    return change


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("labels", 7, "unknown category: label 7, known: 0 to 6"),
        ("labels", 0, "all invalid"),
        ("labels", UNKNOWN, "all invalid"),
    ],
)
def test_labels_without_a_class(tmp_path: Path, name: str, value: int, fault: str) -> None:
    root = write_mat(tmp_path)
    edit(tmp_path, set_frame(name, 0, value))
    entries = list(nyuv2.index(root, split="both"))
    assert [bool(e.fault) for e in entries] == [True, False, False]
    assert entries[0].fault.startswith(fault)


def test_objects_that_went_after_the_index(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    entry = next(iter(nyuv2.index(root)))
    edit(tmp_path, set_frame("labels", 0, WALL))
    with pytest.raises(BadSample, match=r"^garbled annotation: .*was indexed but is not"):
        segments(root, entry)


def test_a_frame_without_depth(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    edit(tmp_path, set_frame("rawDepths", 0, 0))
    with pytest.raises(BadSample, match="all invalid"):
        depth(root, next(iter(nyuv2.index(root))))


def replaced(name: str, **made: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        file.create_dataset(name, **made)

    return change


def linked(file: Any) -> None:
    del file["labels"]
    file["labels"] = h5py.ExternalLink("/etc/passwd", "/labels")


def elsewhere(file: Any) -> None:
    del file["labels"]
    shape = (3, 640, 480)
    file.create_dataset("labels", shape, "u2", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def removed(file: Any) -> None:
    del file["rawDepths"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (removed, "no dataset 'rawDepths'"),
        (linked, "no dataset 'labels' of its own"),
        (elsewhere, "labels: stored in other files"),
        (replaced("labels", shape=(3, 640, 480), dtype="i4"), "labels: int32, expected uint16"),
        (replaced("images", shape=(3, 640, 480), dtype="u1"), r"expected \(frames, 3, 640, 480\)"),
        (replaced("depths", shape=(2, 640, 480), dtype="f4"), "not as many of each"),
        (replaced("names", data=[1, 2]), "names: int64.*expected a cell array"),
        (
            replaced(
                "labels",
                shape=(3, 640, 480),
                dtype="u2",
                chunks=(3000, 640, 480),
                maxshape=(None, 640, 480),
            ),
            "chunks of",
        ),
    ],
)
def test_a_mat_file_of_another_shape(
    tmp_path: Path, change: Callable[[Any], None], message: str
) -> None:
    root = write_mat(tmp_path)
    edit(tmp_path, change)
    with pytest.raises(SourceError, match=message):
        list(nyuv2.index(root))


def test_plain_and_shuffled_arrays_are_read_too(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    labels, _ = label_maps()
    data = np.stack([labels.T] * 3)
    for made in ({}, {"compression": "gzip", "shuffle": True, "chunks": (1, 640, 480)}):
        edit(tmp_path, replaced("labels", data=data, **made))
        entry = next(iter(nyuv2.index(root)))
        assert segments(root, entry).classes == ("book", "book", "wall", "refrigerator", "books")


def test_chunks_that_cut_frames_up(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    want = segments(root, next(iter(nyuv2.index(root)))).ids
    data = np.stack([label_maps()[0].T] * 3)
    edit(tmp_path, replaced("labels", data=data, compression="gzip", chunks=(2, 300, 77)))
    assert (segments(root, next(iter(nyuv2.index(root)))).ids == want).all()


@pytest.mark.slow
def test_a_truncated_or_garbled_mat_file(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    entry = next(iter(nyuv2.index(root)))
    file = tmp_path / nyuv2.MAT
    whole = file.read_bytes()
    for data in (b"", whole[:5000], whole[: len(whole) // 2], b"\0" * 9000):
        file.write_bytes(data)
        with pytest.raises(SourceError, match="HDF5"):
            list(nyuv2.index(root))
        with pytest.raises(BadSample, match=r"^(truncated|undecodable): HDF5"):
            nyuv2.load(root, entry, ["depth"])
    rng = np.random.default_rng(0)
    for at in rng.integers(512, len(whole), 60).tolist():
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            for each in nyuv2.index(root):
                nyuv2.load(root, each, ["depth", "segments"])
        except (SourceError, BadSample):
            continue


def test_a_lost_connection_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    write_mat(tmp_path)
    root = Counting(str(tmp_path))
    entry = next(iter(nyuv2.index(root)))
    root.reads.clear()
    nyuv2.load(root, entry, ["depth", "segments"])
    for failing in range(1, len(root.reads) + 1):
        root.reads.clear()
        root.left = failing
        with pytest.raises(ConnectionError):
            nyuv2.load(root, entry, ["depth", "segments"])


def test_a_mat_file_that_went_after_the_index(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    entry = next(iter(nyuv2.index(root)))
    (tmp_path / nyuv2.MAT).unlink()
    with pytest.raises(BadSample, match=r"^missing.*labeled\.mat"):
        nyuv2.load(root, entry, ["depth"])


def test_ranges_are_the_file(tmp_path: Path) -> None:
    data = np.random.default_rng(1).bytes(3 * mat.BLOCK + 17)
    (tmp_path / "f").write_bytes(data)
    stream = mat.Ranges(Folder(str(tmp_path)), "f", len(data))
    for at, size in ((0, 10), (mat.BLOCK - 3, 9), (5, 2 * mat.BLOCK), (len(data) - 4, 9), (0, 0)):
        assert stream.seek(at) == stream.tell() == at
        assert stream.read(size) == data[at : at + size]
    assert stream.seek(0, 2) == len(data)
    assert stream.read(5) == b""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "raw"}, "layout: 'raw' is not a choice"),
        ({"split": "val"}, "split: 'val' is not a choice.*both, test, train"),
        ({"depth": "all"}, "depth: 'all'"),
        ({"region": "garg"}, "region: 'garg'"),
        ({"split": "test"}, "split: sync frames are all of training scenes"),
        ({"depth": "filled"}, "depth: sync frames have raw depth only"),
        ({"layout": "labeled"}, r"no nyu_depth_v2_labeled\.mat"),
        ({}, r"no nyu_depth_v2_labeled\.mat, and no scene with frames"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(nyuv2.index(Folder(str(tmp_path)), **options))


def test_official() -> None:
    counts = {split: nyuv2.official(split=split).entries for split in nyuv2.SPLITS}
    assert counts == {"train": 795, "test": 654, "both": 1449}
    assert [d.path for d in nyuv2.official().downloads] == [nyuv2.MAT, "splits.mat"]
    assert [d.path for d in nyuv2.official(split="both").downloads] == [nyuv2.MAT]
    assert nyuv2.official(layout="sync").entries is None


def test_records_are_small_and_json(tmp_path: Path) -> None:
    root = write_mat(tmp_path)
    record = json.loads(next(iter(nyuv2.index(root))).record)
    assert {"frame", "depth", "region", "objects"} == record.keys()
