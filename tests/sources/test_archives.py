"""Roots that are archives: whatever they are packed in, the same files, entries and samples."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import struct
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import packing
from tests.helpers.builds import demo_recipe_over, sums_of
from tests.helpers.packing import DEFLATED, OFFICIAL, PACKERS, STORED, tarred, write, zipped
from vbdata import plugins
from vbdata.core.types import FileRef
from vbdata.engine.build import build
from vbdata.errors import BadSample, SourceError
from vbdata.machine import cache, scratch
from vbdata.run.how import How
from vbdata.sources import members, packed
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder, Root

FILES = {
    "a/one.txt": b"1",
    "a/b/two.bin": bytes(range(256)) * 40,
    "a/b/empty": b"",
    "a-b/three": b"33",
    "a.txt": b"top",
    "a0/é/ü.txt": "grün".encode(),
}


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


def unpacked(tmp_path: Path, files: dict[str, bytes] = FILES) -> Folder:
    for name, data in files.items():
        write(tmp_path / "plain" / name, data)
    return Folder(str(tmp_path / "plain"))


def places(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """The same files in every way that they can come in."""
    for suffix, pack in PACKERS.items():
        path = write(tmp_path / suffix / f"data.{suffix}", pack(FILES))
        yield suffix, [str(path)]
        yield f"{suffix} in a folder", [str(path.parent)]
    yield "stored", [str(write(tmp_path / "stored.zip", zipped(FILES, STORED)))]
    halves = [dict(list(FILES.items())[i::2]) for i in (0, 1)]
    one = write(tmp_path / "half.zip", zipped(halves[0]))
    two = write(tmp_path / "half.tar", tarred(halves[1]))
    yield "layers", [str(one), str(two)]
    for method in (STORED, DEFLATED):
        inner = {"inner.zip": zipped(halves[0]), "more.tgz": tarred(halves[1], "w:gz")}
        yield f"nested {method}", [str(write(tmp_path / f"{method}.zip", zipped(inner, method)))]
    nested = {"a/b.tar": tarred({n[2:]: d for n, d in FILES.items() if n.startswith("a/")})}
    rest = {n: d for n, d in FILES.items() if not n.startswith("a/")}
    yield "nested below", [str(write(tmp_path / "below.zip", zipped(nested | rest)))]


def listed(root: Root, below: str = "") -> list[FileRef]:
    """Its files without the archives themselves, which stay where they are."""
    return [f for f in root.files(below) if not members.is_archive(f.path)]


def test_every_kind_of_place_holds_the_same_files(tmp_path: Path) -> None:
    plain = unpacked(tmp_path)
    for kind, urls in places(tmp_path):
        for root in (open_root(urls), pickle.loads(pickle.dumps(open_root(urls)))):
            for below in ("", "a", "a/b", "a0", "a0/é", "none", "a.txt", "a/one.txt"):
                assert listed(root, below) == list(plain.files(below)), (kind, below)
                assert root.folders(below) == plain.folders(below), (kind, below)
            for path in (*FILES, "a", "a/b", "a/none", "none", "a-", "a/one", "one.txt"):
                assert root.exists(path) == plain.exists(path), (kind, path)
                assert root.size(path) == plain.size(path), (kind, path)
            assert root.exists()


def test_every_kind_of_place_reads_the_same_bytes(tmp_path: Path) -> None:
    for kind, urls in places(tmp_path):
        root = open_root(urls)
        for path, data in FILES.items():
            assert root.read(path) == data, (kind, path)
            for offset, size in ((0, 3), (1, 0), (7, 5000), (len(data), 4), (len(data) - 1, 9)):
                want = data[max(offset, 0) :][:size]
                assert root.read_range(path, max(offset, 0), size) == want, (kind, path, offset)
            with root.open(path) as stream:
                assert (stream.read(), stream.seek(2), stream.read(4)) == (data, 2, data[2:6])
                assert (stream.seek(-1, os.SEEK_END) if data else 0, stream.read()) == (
                    max(len(data) - 1, 0),
                    data[-1:],
                )
            with root.local_copy(path) as copy:
                assert copy.read_bytes() == data
        for path in ("none", "a", "a/none"):
            for read in (root.read, lambda p, r=root: r.read_range(p, 0, 4), root.open):
                with pytest.raises(BadSample, match="missing: no such file below the root"):
                    read(path)
        for path in ("../a.txt", "/a.txt", "a\\one.txt", "a/../a.txt"):
            with pytest.raises(BadSample, match="unsafe path"):
                root.read(path)


@pytest.mark.parametrize("name", sorted(OFFICIAL))
def test_readers_find_the_same_in_official_zips(name: str, demo_data: Path, tmp_path: Path) -> None:
    OFFICIAL[name](demo_data / name, tmp_path / "zips")
    assert not [p for p in (tmp_path / "zips").rglob("*") if p.suffix in (".png", ".jpg", ".json")]
    same_for_the_reader(name, Folder(str(demo_data / name)), open_root([str(tmp_path / "zips")]))


def same_for_the_reader(name: str, plain: Root, root: Root) -> None:
    """Equal entries by every choice of the reader, and equal samples."""
    reader = plugins.dataset(name)
    splits = {"coco": ("train2017", "val2017"), "kitti": ("train", "val", "both")}
    choices: list[dict[str, str]] = [{"split": s} for s in splits.get(name, ("train",))]
    if name == "coco":
        kinds = ("instances", "panoptic", "stuff")
        choices = [c | {"segments": k} for c in choices for k in kinds]
    for options in choices:
        want = list(reader.index(plain, **options))
        assert list(reader.index(root, **options)) == want
        assert want
        for entry in want[:5]:
            if not entry.fault:
                same(
                    reader.load(root, entry, entry.labels), reader.load(plain, entry, entry.labels)
                )


def same(one: Any, two: Any) -> None:
    """Equal to the last bit, field by field."""
    assert type(one) is type(two) or (isinstance(one, bytes) and isinstance(two, bytes))
    if hasattr(one, "__dataclass_fields__"):
        for field in fields(one):
            same(getattr(one, field.name), getattr(two, field.name))
    elif isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            same(one[key], two[key])
    elif hasattr(one, "numpy") or isinstance(one, np.ndarray):
        assert np.asarray(one).dtype == np.asarray(two).dtype
        assert np.asarray(one).tobytes() == np.asarray(two).tobytes()
    else:
        assert one == two


def test_zips_at_the_top_are_the_merged_layout(demo_data: Path, tmp_path: Path) -> None:
    packing.pack_kitti(demo_data / "kitti", tmp_path / "apart")
    (tmp_path / "zips").mkdir()
    for path in (tmp_path / "apart").rglob("*.zip"):
        path.rename(tmp_path / "zips" / path.name)
    zips = sorted((tmp_path / "zips").iterdir())
    packing.unpack(tmp_path / "zips", tmp_path / "plain")
    plain = Folder(str(tmp_path / "plain"))
    same_for_the_reader("kitti", plain, open_root([str(tmp_path / "zips")]))
    urls = [str(tmp_path / "zips" / path.name) for path in zips]
    same_for_the_reader("kitti", plain, open_root(urls))
    same_for_the_reader("kitti", plain, open_root(list(reversed(urls))))


@pytest.mark.slow
def test_a_build_from_zips_is_the_same_to_the_last_byte(
    demo_data: Path, demo_build: Path, tmp_path: Path
) -> None:
    zips = tmp_path / "zips"
    zips.mkdir()
    for dataset in (source.name for source in demo_recipe_over(demo_data).sources):
        if dataset in OFFICIAL:
            OFFICIAL[dataset](demo_data / dataset, zips / dataset)
        else:
            (zips / dataset).symlink_to(demo_data / dataset)
    out = tmp_path / "out"
    build(demo_recipe_over(zips), Folder(str(out)), How())
    assert sums_of(out) == sums_of(demo_build)


def test_real_files_win_then_earlier_layers_then_earlier_names(tmp_path: Path) -> None:
    write(tmp_path / "root" / "x" / "1", b"real")
    write(tmp_path / "root" / "b.zip", zipped({f"x/{n}": b"b" for n in "1234"}))
    write(tmp_path / "root" / "a.tar", tarred({f"x/{n}": b"a" for n in "123"}))
    other = write(tmp_path / "other.zip", zipped({f"x/{n}": b"other" for n in "12345"}))
    root = open_root([str(tmp_path / "root"), str(other)])
    for _ in range(2):  # before and after the archives are known
        assert [root.read(f"x/{n}") for n in "12345"] == [b"real", b"a", b"a", b"b", b"other"]
    assert [(f.path, f.size) for f in root.files("x")] == [
        ("x/1", 4),
        ("x/2", 1),
        ("x/3", 1),
        ("x/4", 1),
        ("x/5", 5),
    ]


def test_archives_as_they_are(tmp_path: Path) -> None:
    """Readers that read archives themselves get them as files."""
    tar = write(tmp_path / "x.tar", tarred(FILES))
    write(tmp_path / "y.zip", zipped(FILES))
    assert [f.path for f in open_root([str(tmp_path)], mount=False).files()] == ["x.tar", "y.zip"]
    alone = open_root([str(tar)], mount=False)
    size = tar.stat().st_size
    assert list(alone.files()) == [FileRef(path="x.tar", size=size)]
    assert alone.read("x.tar") == tar.read_bytes()
    assert alone.read_range("x.tar", 0, 9) == tar.read_bytes()[:9]
    assert (alone.size("x.tar"), alone.size("y.zip"), alone.folders()) == (size, -1, [])
    with pytest.raises(BadSample, match="missing"):
        alone.read("y.zip")


def test_a_folder_named_as_an_archive_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "set.zip" / "more.tar" / "x", b"1")
    assert [f.path for f in open_root([str(tmp_path / "set.zip")]).files()] == ["more.tar/x"]


def test_archives_count_four_folders_deep_and_one_in_another(tmp_path: Path) -> None:
    write(tmp_path / "1/2/3/4/a.zip", zipped({"yes": b""}))
    write(tmp_path / "1/2/3/4/5/a.zip", zipped({"no": b""}))
    second = zipped({"deep.zip": zipped({"too-deep": b""})})
    write(tmp_path / "first.zip", zipped({"second.zip": second}))
    root = open_root([str(tmp_path)])
    found = {file.path for file in root.files()}
    assert {"1/2/3/4/yes", "deep.zip"} <= found
    assert not {"1/2/3/4/5/no", "too-deep"} & found
    assert [root.exists(p) for p in ("1/2/3/4/yes", "1/2/3/4/5/no")] == [True, False]


def test_a_packed_tar_that_was_unpacked_is_not_unpacked_again(tmp_path: Path) -> None:
    path = write(tmp_path / "root" / "x.tar.gz", tarred(FILES, "w:gz"))
    with tarfile.open(path) as tar:
        tar.extractall(path.parent, filter="data")
    root = open_root([str(path.parent)])
    assert {f.path for f in root.files()} == {*FILES, "x.tar.gz"}
    assert not list((tmp_path / "cache").rglob("*.tar"))
    (path.parent / "a.txt").unlink()  # it was not: this one is needed, and so are all
    root = open_root([str(path.parent)])
    assert root.read("a.txt") == b"top"
    assert len(list((tmp_path / "cache").rglob("*.tar"))) == 1


def test_a_changed_archive_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "x.zip", zipped({"a": b"old"}, STORED))
    assert open_root([str(path)]).read("a") == b"old"
    write(path, zipped({"a": b"new", "b": b""}, STORED))
    os.utime(path, ns=(1, time.time_ns()))
    root = open_root([str(path)])
    assert (root.read("a"), [f.path for f in root.files()]) == (b"new", ["a", "b"])


def tables() -> list[Path]:
    return sorted((cache.folder() / "tables").glob("*.arrow"))


def test_the_table_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.tgz", tarred(FILES, "w:gz"))
    open_root([str(path)])
    members._mapped.cache_clear()

    def refused(*_: Any) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(members, "_make_table", refused)
    monkeypatch.setattr(members, "_unpack", refused)
    assert open_root([str(path)]).read("a.txt") == b"top"


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_table_is_made_again(tmp_path: Path, damage: str) -> None:
    path = str(write(tmp_path / "x.zip", zipped(FILES)))
    open_root([path])
    (table,) = tables()
    data = bytearray(table.read_bytes())
    data[len(data) // 3] ^= damage == "flipped"
    kept = {"cut": data[:-100], "flipped": data, "empty": b"", "other": b"ARROW1\0\0" * 40}[damage]
    table.unlink()  # its old bytes are still mapped
    table.write_bytes(kept)
    members._mapped.cache_clear()
    assert open_root([path]).read("a.txt") == b"top"
    assert tables() == [table]
    assert table.read_bytes() != kept


def test_open_tables_hold_no_files(tmp_path: Path) -> None:
    """Hypersim is 457 zips, and a process has 1024 open files as a rule."""
    for n in range(40):
        write(tmp_path / "root" / f"{n}.zip", zipped({f"{n}/a": b"1"}))
    before = len(os.listdir("/proc/self/fd"))
    root = open_root([str(tmp_path / "root")])
    assert sum(f.size == 1 for f in root.files()) == 40
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def _read_all(root: Root, method: str) -> tuple[str, dict[str, bytes]]:
    return method, {path: root.read(path) for path in FILES}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_read_a_pickled_root(tmp_path: Path, method: str) -> None:
    root = open_root([str(write(tmp_path / "x.tgz", tarred(FILES, "w:gz")))])
    assert root.read("a.txt") == b"top"
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(_read_all, (root, method)) == (method, FILES)


def _open(url: str) -> bytes:
    return open_root([url]).read("a.txt")


def test_processes_that_want_the_same_table_wait_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = write(tmp_path / "x.tgz", tarred(FILES, "w:gz")), tmp_path / "made"
    unpack = members._unpack

    def slowly(*args: Any) -> None:
        with made.open("a") as file:
            file.write("once\n")
        time.sleep(0.3)
        unpack(*args)

    monkeypatch.setattr(members, "_unpack", slowly)
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_open, [str(path)] * 4, chunksize=1) == [b"top"] * 4
    assert made.read_text() == "once\n"


@pytest.mark.slow
@given(
    files=st.dictionaries(
        st.lists(st.text("ab-.0é", min_size=1, max_size=3), min_size=1, max_size=3).map("/".join),
        st.binary(max_size=300),
        max_size=8,
    )
)
def test_listings_are_those_of_the_disk(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.mktemp("drawn")
    names = {n for n in files if not {".", ".."} & set(n.split("/"))}
    names = {n for n in names if not any(other.startswith(f"{n}/") for other in names)}
    kept = {name: files[name] for name in names if not members.is_archive(name)}
    (top / "plain").mkdir()
    plain = unpacked(top, kept)
    roots = [open_root([str(write(top / f"x.{s}", PACKERS[s](kept)))]) for s in ("zip", "tar")]
    folders = {"", *(name.rpartition("/")[0] for name in kept)}
    for root in roots:
        for below in sorted(folders | {f.partition("/")[0] for f in folders}):
            assert list(root.files(below)) == list(plain.files(below))
            assert root.folders(below) == plain.folders(below)
        assert {name: root.read(name) for name in kept} == kept


def test_a_zip_with_zip64_and_long_extra_fields(tmp_path: Path) -> None:
    """The local header may be longer than the directory says: a second request gets the rest."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("big")
        info.compress_type = DEFLATED
        with archive.open(info, "w", force_zip64=True) as member:
            member.write(b"abc" * 1000)
        padded = zipfile.ZipInfo("padded")
        padded.extra = struct.pack("<HH", 0xD935, 4000) + bytes(4000)
        archive.writestr(padded, b"content" * 9)
    root = open_root([str(path)])
    assert (root.read("big"), root.read("padded")) == (b"abc" * 1000, b"content" * 9)
    assert root.read_range("padded", 7, 7) == b"content"
    with root.open("padded") as stream:
        assert stream.read() == b"content" * 9


@pytest.mark.slow
def test_a_zip_of_more_than_65535_members(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(66000):
            archive.writestr(f"d{n % 7}/{n:06d}", b"%d" % n)
    root = open_root([str(path)])
    assert len(list(root.files("d3"))) == len(range(3, 66000, 7))
    assert root.folders() == [f"d{n}" for n in range(7)]
    assert root.read("d3/065999"[:2] + f"/{65999 // 7 * 7 + 3:06d}") == b"%d" % (65999 // 7 * 7 + 3)


def test_the_cache_says_where_it_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write(tmp_path / "x.zip", zipped(FILES)))
    monkeypatch.setenv(cache.VARIABLE, str(write(tmp_path / "file", b"") / "below"))
    with pytest.raises(SourceError, match=r"VBDATA_CACHE=.*no cache can be kept there"):
        open_root([path])
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "_SHARED", [])
    assert open_root([path]).read("a.txt") == b"top"
    assert list((tmp_path / f"vbdata-cache-{os.getuid()}" / "tables").glob("*.arrow"))
    os.chmod(tmp_path / f"vbdata-cache-{os.getuid()}", 0o777)
    with pytest.raises(SourceError, match="belongs to another user"):
        open_root([path])


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(write(tmp_path / "x.tgz", tarred(FILES, "w:gz")))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(members, "_pieces", full)
    with pytest.raises(SourceError, match=r"cache .* is full, .*x.tgz has to be unpacked there"):
        open_root([path])
    assert [p.name for p in cache.folder().rglob("*") if p.is_file()] == [
        p.name for p in cache.folder().rglob("*.lock")
    ]


def test_zips_of_windows_have_backslashes(tmp_path: Path) -> None:
    names = {"a\\b\\c.txt": b"c", "a\\d.txt": b"d", "a\\e\\": b""}
    root = open_root([str(write(tmp_path / "w.zip", zipped(names)))])
    assert [file.path for file in root.files()] == ["a/b/c.txt", "a/d.txt"]
    assert root.read("a/b/c.txt") == b"c"
    for name in ("a\\..\\..\\x", "\\x", "C:\\x"):
        with pytest.raises(SourceError, match="would lead out of its folder"):
            open_root([str(write(tmp_path / "out.zip", zipped({name: b"x"})))])


def test_split_zips_are_named(tmp_path: Path) -> None:
    whole = zipped(FILES, STORED)
    write(tmp_path / "cut" / "a.z01", whole[:4000])
    write(tmp_path / "cut" / "a.zip", whole[4000:])
    with pytest.raises(SourceError, match=r"a\.zip: it is a part of a split zip, like a\.z01"):
        open_root([str(tmp_path / "cut")]).read("a.txt")
    last = bytearray(whole)
    last[whole.rindex(b"PK\5\6") + 4] = 2
    path = write(tmp_path / "disk" / "a.zip", bytes(last))
    with pytest.raises(SourceError, match=r"a\.zip: it is the last part \(3\) of a split zip"):
        open_root([str(path)])
    path = write(tmp_path / "first" / "a.zip", b"PK\7\x08" + whole[:4000])
    with pytest.raises(SourceError, match="it is the first part of a split zip"):
        open_root([str(path)])
    write(tmp_path / "cut" / "a.zip", whole)
    assert open_root([str(tmp_path / "cut")]).read("a.txt") == b"top"


def test_what_has_to_be_unpacked_or_joined_is_said(tmp_path: Path) -> None:
    for name, said in (
        ("x.zip.001", "; x.zip.001 is a part of a split archive: cat x.zip.* > x.zip"),
        ("x.tar.gz.partaa", "; x.tar.gz.partaa is a part of a split archive"),
        ("x.z01", "; x.z01 is a part of a split zip whose last part x.zip is missing"),
        ("x.7z", "; x.7z is not read: only .zip, .tar and .tar.gz are; unpack it"),
        ("x.tar.xz", "; x.tar.xz is not read"),
        ("x.txt", ""),
    ):
        write(tmp_path / name / name, b"")
        hint = packed.hint([str(tmp_path / name), "memory://nothing"])
        assert hint.startswith(said), name
        assert bool(hint) == bool(said)
    write(tmp_path / "x.zip.001" / "x.zip", b"")
    assert packed.hint([str(tmp_path / "x.zip.001")]) == ""


def test_hard_links_of_a_tar_are_files(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content, link in (("a/x", b"one", ""), ("y", b"", "./a/x"), ("z", b"", "out")):
            info = tarfile.TarInfo(name)
            info.size, info.linkname = len(content), link
            info.type = tarfile.LNKTYPE if link else tarfile.REGTYPE
            tar.addfile(info, io.BytesIO(content))
    root = open_root([str(write(tmp_path / "l.tar", data.getvalue()))])
    assert [(file.path, file.size) for file in root.files()] == [("a/x", 3), ("y", 3)]
    assert root.read("y") == b"one"
    with pytest.raises(BadSample, match="a link, which is not followed"):
        root.read("z")


def test_clutter_of_desktops_is_not_listed(tmp_path: Path) -> None:
    clutter = ("._a.txt", ".DS_Store", "b/Thumbs.db", "__MACOSX/a.txt", "b/._x.zip", "._y.zip")
    files = {"a.txt": b"a", "b/c.txt": b"c", ".hidden": b""} | dict.fromkeys(clutter, b"\0\5\x16")
    expected = [".hidden", "a.txt", "b/c.txt"]
    for name, data in files.items():
        write(tmp_path / "folder" / name, data)
    write(tmp_path / "a.zip", zipped(files))
    write(tmp_path / "a.tar", tarred(files))
    for name in ("folder", "a.zip", "a.tar"):
        root = open_root([str(tmp_path / name)])
        assert [file.path for file in root.files()] == expected, name
        assert root.folders() == ["b"]


def test_a_folder_whose_name_is_no_text_hides_nothing_else(tmp_path: Path) -> None:
    for name in (b"plain", b"odd \xff"):
        folder = bytes(tmp_path) + b"/" + name
        os.mkdir(folder)
        with zipfile.ZipFile(os.fsdecode(folder + b"/a.zip"), "w") as packed_up:
            packed_up.writestr("inside.txt", "text")
    paths = [file.path for file in open_root((str(tmp_path),)).files("")]
    assert "plain/inside.txt" in paths
    assert not any(path.startswith("odd") and path.endswith("inside.txt") for path in paths)
