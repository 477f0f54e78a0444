"""PNG, tar and folders: other people's readers agree, and hostile paths do not get out."""

from __future__ import annotations

import errno
import io
import os
import pickle
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from vbdata.core.png import encode_png
from vbdata.errors import BadSample
from vbdata.shard.tar import AT_ONCE, TarWriter, header, members
from vbdata.storage.folder import Folder, safe

shapes = st.one_of(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
)


@pytest.mark.slow
@given(shapes.flatmap(lambda shape: hnp.arrays(np.uint8, shape)))
def test_png_is_read_back_by_pillow(pixels: np.ndarray) -> None:
    assert (np.asarray(Image.open(io.BytesIO(encode_png(pixels)))) == pixels).all()


def test_png_of_a_strided_view() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)[::2, ::-1]
    assert (np.asarray(Image.open(io.BytesIO(encode_png(pixels)))) == pixels).all()


def test_headers_are_those_of_tarfile() -> None:
    info = tarfile.TarInfo("00000001.input.jpg")
    info.size, info.mode = 123456, 0o444
    assert header(info.name, info.size) == info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("name", ["x" * 100, "", "schön.txt"])
def test_names_that_no_tar_holds(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot stand in a tar|ascii"):
        header(name, 1)


def test_an_archive_is_sorted_aligned_and_indexed(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with TarWriter(path) as tar:
        tar.add("0", {"json": b"{}", "input.jpg": b"x" * 513})
        tar.add("1", {"json": b"", "input.jpg": b"y" * 512})
    with tarfile.open(path) as other:
        assert [m.name for m in other] == ["0.input.jpg", "0.json", "1.input.jpg", "1.json"]
        assert {(m.mtime, m.uid, m.uname, m.mode) for m in other} == {(0, 0, "", 0o444)}
    starts = np.frombuffer(tar.index(), "<u8").tolist()
    assert [m.offset for m in members(path) if m.extension == "input.jpg"] == starts[:-1]
    assert starts[-1] == path.stat().st_size - 1024 == tar.size - 1024


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with TarWriter(path) as tar:
        tar.add("0", {"json": b"{}" * 400})
    data = path.read_bytes()
    for end in (len(data) - 512, 1000, 600):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match="end"):
            list(members(path))


@pytest.mark.parametrize("parts", [1, 2])
def test_a_disk_that_says_only_once_that_it_lost_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    told = threading.Event()

    def fsync(_: int) -> None:
        if not told.is_set():
            told.set()
            raise OSError(errno.ENOSPC, "No space left on device")

    def write() -> None:
        with TarWriter(tmp_path / "a.tar") as tar:
            for key in range(parts):
                tar.add(str(key), {"bin": bytes(AT_ONCE)})
                assert told.wait(60)

    monkeypatch.setattr("vbdata.shard.tar.os.fsync", fsync)
    with pytest.raises(OSError, match=r"No space left .*a\.tar"):
        write()


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "a//b", "", "a\\b", "a\0b", "."]
)
def test_unsafe_paths(path: str) -> None:
    with pytest.raises(BadSample, match="unsafe path"):
        safe(path)


@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_a_folder_on_disk_and_elsewhere(tmp_path: Path, scheme: str) -> None:
    folder = Folder(str(tmp_path / "root") if scheme == "local" else "memory://folder-test")
    assert not folder.exists()
    assert list(folder.files()) == []
    folder.write("b/two", b"22")
    folder.write("one", b"1")
    folder.write("one", b"111")
    assert [(f.path, f.size) for f in folder.files()] == [("b/two", 2), ("one", 3)]
    assert folder.folders() == ["b"]
    assert (folder.size("one"), folder.size("none")) == (3, -1)
    folder.move("one", "c/one")
    assert folder.read("c/one") == b"111"
    folder.remove("c/one")
    folder.remove("c/one")
    with pytest.raises(BadSample, match=r"missing.*\[c/one\]"):
        folder.read("c/one")


@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_a_part_of_a_file(tmp_path: Path, scheme: str) -> None:
    folder = Folder(str(tmp_path) if scheme == "local" else "memory://range-test")
    folder.write("a/b", bytes(range(100)))
    assert folder.read_range("a/b", 10, 5) == bytes(range(10, 15))
    assert folder.read_range("a/b", 98, 5) == bytes((98, 99))
    assert folder.read_range("a/b", 98, 0) == b""
    for path, reason in (("a/c", "missing"), ("../a/b", "unsafe path")):
        with pytest.raises(BadSample, match=reason):
            folder.read_range(path, 0, 5)


def test_links_to_folders_are_followed_and_not_in_circles(tmp_path: Path) -> None:
    """Datasets are often linked together from several disks."""
    (tmp_path / "disk" / "a").mkdir(parents=True)
    (tmp_path / "disk" / "a" / "file").write_bytes(b"12")
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "disk")
    (root / "one").symlink_to(tmp_path / "disk" / "a" / "file")
    (root / "nowhere").symlink_to(tmp_path / "nothing")
    (tmp_path / "disk" / "a" / "round").symlink_to(tmp_path / "disk")
    os.mkfifo(root / "pipe")
    folder = Folder(str(root))
    assert [(f.path, f.size) for f in folder.files()] == [("linked/a/file", 2), ("one", 2)]
    assert (folder.folders(), folder.folders("linked")) == (["linked"], ["a"])
    assert [folder.size(p) for p in ("one", "linked", "nowhere", "pipe")] == [2, -1, -1, -1]


@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_a_file_as_a_stream_and_as_a_local_copy(tmp_path: Path, scheme: str) -> None:
    folder = Folder(str(tmp_path) if scheme == "local" else "memory://stream-test")
    folder.write("a/b", bytes(range(100)))
    with folder.open("a/b") as stream:
        assert (stream.read(3), stream.seek(-2, os.SEEK_END)) == (bytes((0, 1, 2)), 98)
        assert (stream.read(), stream.read(), stream.tell()) == (bytes((98, 99)), b"", 100)
        with pytest.raises((ValueError, OSError)):
            stream.seek(-1)
    with folder.local_copy("a/b") as copy:
        assert copy.read_bytes() == bytes(range(100))
    with pytest.raises(BadSample, match=r"missing.*\[a/c\]"):
        folder.open("a/c")


def test_the_version_of_a_file_changes_with_it(tmp_path: Path) -> None:
    for folder in (Folder(str(tmp_path)), Folder("memory://version-test")):
        folder.write("a", b"1")
        first = folder.version("a")
        assert first == folder.version("a")
        folder.write("a", b"2" * 2)
        assert first != folder.version("a")
        with pytest.raises(BadSample, match="missing"):
            folder.version("b")


def test_folders_are_pickled_by_their_place(tmp_path: Path) -> None:
    for url in (str(tmp_path), "memory://pickle-test"):
        folder = Folder(url)
        folder.write("a", b"1")
        assert pickle.loads(pickle.dumps(folder)).read("a") == b"1"


def test_what_is_no_regular_file_is_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, target in (("loop", "loop"), ("endless", "/dev/zero"), ("nowhere", "nothing")):
        (tmp_path / name).symlink_to(target)
    folder = Folder(str(tmp_path))
    assert list(folder.files()) == []
    for name in ("pipe", "loop", "endless", "nowhere", "x" * 5000):
        assert folder.size(name) == -1
        for verb in (folder.read, folder.open, lambda name: folder.read_range(name, 0, 9)):
            with pytest.raises(BadSample, match="missing"):
                verb(name)
        with pytest.raises(BadSample, match="missing"), folder.local_copy(name):
            pass
    assert not folder.names()["loop"]


def test_a_file_that_would_fill_the_memory_is_not_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 1 << 36)
    with pytest.raises(BadSample, match=r"too large: 68719476736 bytes .*\[a\]"):
        Folder(str(tmp_path)).read("a")
    assert Folder(str(tmp_path)).read_range("a", 1 << 35, 3) == bytes(3)


def test_a_name_that_is_not_utf_8_is_listed_and_refused(tmp_path: Path) -> None:
    (tmp_path / "a\udcff.jpg").touch()
    (file,) = Folder(str(tmp_path)).files()
    assert file.path == r"a\xff.jpg"
    with pytest.raises(BadSample, match="unsafe path"):
        Folder(str(tmp_path)).read(file.path)
