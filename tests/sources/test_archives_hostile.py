"""Archives that are cut, garbled or made to deceive: a clear error, and nothing outside is read."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.packing import DEFLATED, PACKERS, STORED, tarred, write, zipped
from vbdata.errors import BadSample, SourceError
from vbdata.machine import cache
from vbdata.sources import archive as archives
from vbdata.sources import members
from vbdata.sources.open import open_root

FILES = {"a/one.txt": b"1" * 400, "a/two.bin": bytes(range(256)) * 40, "b": b"bb"}
UNSAFE = (
    "../x",
    "a/../../x",
    "/etc/passwd",
    "//x",
    "a\\b",
    "..\\x",
    "C:/x",
    "c:x",
    "..",
    "x\0.png",
)


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


def entry(name: str, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def tar_of(*infos: tarfile.TarInfo, **options: Any) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", **options) as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return data.getvalue()


def patched(data: bytes, field: int, value: bytes, member: int = 0) -> bytes:
    """A zip with some bytes of a member's entry in its directory replaced (APPNOTE 4.3.12)."""
    at = -1
    for _ in range(member + 1):
        at = data.index(b"PK\x01\x02", at + 1)
    return data[: at + field] + value + data[at + field + len(value) :]


@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for n in UNSAFE for k in ("zip", "tar") if (k, n) != ("zip", "a\\b")]
)
def test_a_name_that_leads_out_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    if kind == "zip":
        data = zipped({"x" * len(name): b"secret"}, STORED)
        data = data.replace(b"x" * len(name), name.encode())
    else:
        data = tar_of(entry("x", pax_headers={"path": name}), format=tarfile.PAX_FORMAT)
    path = write(tmp_path / f"x.{kind}", data)
    with pytest.raises(SourceError, match=r"x\.(zip|tar): member .* would lead out of its folder"):
        open_root([str(path)])


def test_links_and_devices_are_no_files(tmp_path: Path) -> None:
    write(tmp_path / "secret", b"secret")
    special = {
        "symbolic": entry("symbolic", type=tarfile.SYMTYPE, linkname=str(tmp_path / "secret")),
        "hard": entry("hard", type=tarfile.LNKTYPE, linkname="../secret"),
        "character": entry("character", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        "pipe": entry("pipe", type=tarfile.FIFOTYPE),
    }
    tar = write(tmp_path / "x.tar", tar_of(entry("plain"), *special.values()))
    link = zipfile.ZipInfo("symbolic")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("plain", b"")
        archive.writestr(link, str(tmp_path / "secret"))
    for path, names in ((tar, list(special)), (tmp_path / "x.zip", ["symbolic"])):
        root = open_root([str(path)])
        assert [file.path for file in root.files()] == ["plain"]
        for name in names:
            assert (root.exists(name), root.size(name)) == (False, -1)
            for read in (root.read, root.open):
                with pytest.raises(BadSample, match=r"unsafe path: .*a link|missing"):
                    read(name)


def test_of_equal_names_the_last_counts(tmp_path: Path) -> None:
    """As unzip and tar do, whatever way the name is written."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in (("a/b", b"first"), ("./a//b", b"second")):
            archive.writestr(name, data)
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for name, data in (("./a/b", b"first"), ("a/b", b"second")):
            tar.addfile(entry(name, size=len(data)), io.BytesIO(data))
    for kind in ("zip", "tar"):
        root = open_root([str(tmp_path / f"x.{kind}")])
        assert [(f.path, f.size) for f in root.files()] == [("a/b", 6)]
        assert root.read("a/b") == b"second"


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_file_that_is_also_a_folder(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"x.{kind}", PACKERS[kind]({"b": b"", "b/c": b""}))
    with pytest.raises(SourceError, match="'b' is a file and a folder at once"):
        open_root([str(path)])


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_a_cut_archive_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    data = PACKERS[kind](FILES)
    ends = range(0, len(data) - (10240 if kind == "tar" else 1), 37)
    for end in [*ends, len(data) - 1] if kind != "tar" else ends:
        path = write(tmp_path / f"cut-{end}.{kind}", data[:end])
        with pytest.raises(
            SourceError, match=rf"cut-{end}\.{kind}: .*(download|is no zip)"
        ) as info:
            open_root([str(path)])
        assert "bytes" in str(info.value) or "empty" in str(info.value) or kind == "tgz"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("x.zip", b"<!DOCTYPE html><p>Sign in", "is no zip: it begins with b'<!DOCTYPE html"),
        ("x.zip", b"", "an empty file"),
        ("x.zip", tarred(FILES), "is no zip"),
        ("x.tar", b"<!DOCTYPE html>" * 90, "is no whole tar"),
        ("x.tar", zipped(FILES), "is no whole tar"),
        ("x.tgz", b"", "is no whole tar"),
        ("x.tgz", gzip.compress(b"text" * 999, mtime=0), "is no whole tar"),
        ("x.zip", zipped(FILES)[9:], "runs into|is cut or garbled|is no zip"),
    ],
    ids=["a page", "nothing", "a tar", "a page as tar", "a zip", "nothing as tgz", "text", "cut"],
)
def test_what_is_no_archive_is_said(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    write(tmp_path / name, data)
    for url in (tmp_path / name, tmp_path):
        with pytest.raises(SourceError, match=says):
            list(open_root([str(url)]).files())


def test_a_tar_says_by_its_bytes_whether_it_is_packed(tmp_path: Path) -> None:
    for name, kind in (("x.tar", "tgz"), ("y.tgz", "tar")):
        path = write(tmp_path / name, PACKERS[kind](FILES))
        assert open_root([str(path)]).read("b") == b"bb"


def refusal(path: Path, member: str) -> str:
    """What read, read_range and open say of a member, which is the same."""
    root = open_root([str(path)])
    with pytest.raises(BadSample) as read:
        root.read(member)
    with pytest.raises(BadSample, match=read.value.reason), root.open(member) as stream:
        stream.read()
    assert read.value.file == f"{path.name}/{member}"
    return str(read.value)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        (8, b"\x01\x00", "it is encrypted"),
        (10, struct.pack("<H", 9), r"method 9 \(deflate64\); only stored and deflated are read"),
        (10, struct.pack("<H", 77), r"method 77 \(an unknown one\)"),
        (16, b"\0\0\0\0", "CRC-32 is [0-9a-f]{8}, expected 00000000"),
        (24, struct.pack("<I", 10239), "unpacks to more, expected 10239"),
        (24, struct.pack("<I", 10241), "unpacks to 10240 bytes, expected 10241"),
        (24, struct.pack("<I", 1 << 31), "declares 2147483648 bytes in .*, which cannot be"),
    ],
)
def test_a_deflated_member_that_lies(tmp_path: Path, field: int, value: bytes, says: str) -> None:
    data = patched(zipped({"z": FILES["a/two.bin"]}), field, value)
    said = refusal(write(tmp_path / "x.zip", data), "z")
    assert said.startswith("undecodable: in the archive: ")
    assert re.search(says, said), said


def test_a_stored_member_that_lies(tmp_path: Path) -> None:
    stored = zipped({"z": b"12345678"}, STORED)
    for n, (field, value, says) in enumerate(
        [
            (24, struct.pack("<I", 9), "declares 9 bytes in 8"),
            (16, b"\0\0\0\0", "CRC-32 is 9ae0daaf, expected 00000000"),
        ]
    ):
        path = write(tmp_path / f"{n}.zip", patched(stored, field, value))
        assert says in refusal(path, "z")
    flipped = stored.replace(b"12345678", b"12345679")
    assert "CRC-32" in refusal(write(tmp_path / "f.zip", flipped), "z")
    headless = b"PK\x03\x05" + stored[4:]
    assert "its header begins with" in refusal(write(tmp_path / "h.zip", headless), "z")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_named(tmp_path: Path, method: int) -> None:
    path = write(tmp_path / "x.zip", zipped({"z": b"1" * 999}, method))
    name = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}[method]
    assert f"({name}); only stored and deflated are read" in refusal(path, "z")


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """The way in which a zip of 42 kB becomes petabytes (Fifield, WOOT 2019)."""
    data = zipped({"1": bytes(5000), "2": bytes(5000)})
    two = data.index(b"PK\x03\x04", 4)
    for n, at in enumerate((0, two - 5, two + 1)):
        path = write(tmp_path / f"{n}.zip", patched(data, 42, struct.pack("<I", at), member=1))
        with pytest.raises(SourceError, match="runs into what stands at"):
            open_root([str(path)])
    longer = patched(data, 20, struct.pack("<I", two))
    with pytest.raises(SourceError, match=r"member '1' .* runs into what stands at"):
        open_root([str(write(tmp_path / "long.zip", longer))])


def test_what_is_too_large_for_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = open_root([str(write(tmp_path / "x.zip", zipped(FILES)))])
    monkeypatch.setattr(archives, "MAX_MEMBER", 10239)
    with pytest.raises(BadSample, match=r"10240 bytes, at most 10239 are"):
        root.read("a/two.bin")
    monkeypatch.setattr(archives, "MAX_HELD", 100)  # parts of it can still be had
    assert root.read_range("a/two.bin", 10230, 99) == FILES["a/two.bin"][10230:]


def test_a_packed_tar_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.tgz", gzip.compress(bytes(8 << 20)))
    monkeypatch.setattr(members, "UNPACKED_FREELY", 1 << 20)
    with pytest.raises(SourceError, match=r"x.tgz: \d+ bytes unpack to over \d+: refused"):
        open_root([str(path)])
    assert not list((tmp_path / "cache" / "unpacked").glob("*.tar"))
    assert not list((tmp_path / "cache" / "unpacked").glob(".*.part"))


def test_an_archive_that_is_cut_after_it_was_indexed(tmp_path: Path) -> None:
    for method in (STORED, DEFLATED):
        path = write(tmp_path / f"{method}.zip", zipped(FILES, method))
        root = open_root([str(path)])
        os.truncate(path, 300)
        with pytest.raises(BadSample, match=r"changed: .* \[\d.zip/a/two.bin\]"):
            root.read("a/two.bin")
        with pytest.raises(BadSample), root.open("a/two.bin") as stream:
            stream.read()
    path.unlink()
    with pytest.raises(BadSample):
        root.read("a/two.bin")


def header(name: bytes, size: bytes, kind: bytes = b"0") -> bytes:
    """A tar header with a size field as given."""
    block = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT)[:512])
    block[: len(name)], block[124:136], block[156:157] = name, size.ljust(12, b"\0"), kind
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        (b"\xff" * 12, b"0"),
        (b"\xff" * 11 + b"\x00", b"x"),
        (b"\xff" * 10 + b"\xfc\x00", b"L"),
        (b"77777777777", b"0"),
        (b"77777777777", b"x"),
        (b"77777777777", b"L"),
        (b"\x80" + b"\x7f" * 11, b"0"),
        (b"\x80" + b"\x7f" * 11, b"g"),
    ],
)
def test_tar_headers_with_absurd_sizes(tmp_path: Path, size: bytes, kind: bytes) -> None:
    data = header(b"first", b"00000000000") + header(b"second", size, kind)
    path = write(tmp_path / "x.tar", data + bytes(4096))
    with pytest.raises(SourceError, match="is no whole tar"):
        open_root([str(path)])


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_tar_header_that_would_fill_the_memory(tmp_path: Path, kind: bytes) -> None:
    for size in (b"20000000000", b"\xff" * 10 + b"\xfc\x00"):  # 2 GiB, and a read of -1024 bytes
        path = write(
            tmp_path / "x.tar", header(b"first", b"00000000000") + header(b"2", size, kind)
        )
        os.truncate(path, 4 << 30)  # takes no room on the disk
        with pytest.raises(SourceError, match=r"a header of (2147483648|-1024) bytes"):
            open_root([str(path)])
        path.unlink()


def unexpected(path: Path) -> str:
    """Open and read all: "" if it is refused as a whole, or each member is right or refused."""
    try:
        root = open_root([str(path)])
        found = list(root.files())
    except SourceError as err:
        return "" if path.name in str(err) else str(err)
    for file in found:
        try:
            if ".." in file.path.split("/") or len(root.read(file.path)) != file.size:
                return repr(file)
        except BadSample as bad:
            if bad.file != f"{path.name}/{file.path}":
                return repr(bad)
    return ""


@pytest.mark.slow
@settings(max_examples=300)
@given(kind=st.sampled_from(["zip", "tar", "tgz"]), data=st.data())
def test_garbled_archives_fail_in_words(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    whole = bytearray(PACKERS[kind](FILES))
    places = st.integers(0, len(whole) - 1)
    if kind == "zip":  # its directory is where it matters
        places |= st.integers(whole.index(b"PK\x01\x02"), len(whole) - 1)
    for at in data.draw(st.lists(places, min_size=1, max_size=4)):
        whole[at] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.mktemp("garbled") / f"x.{kind}", bytes(whole))
    assert not unexpected(path)


def test_a_nested_archive_that_cannot_be_read(tmp_path: Path) -> None:
    inner = zipped({"x": b"1"})
    encrypted = patched(zipped({"in.zip": inner}), 8, b"\x01\x00")
    wrong = patched(zipped({"in.zip": inner}), 16, b"\0\0\0\0")
    unread = zipped({"in.zip": inner}, zipfile.ZIP_BZIP2)
    for n, data in enumerate((encrypted, wrong, unread)):
        root = open_root([str(write(tmp_path / f"{n}.zip", data))])
        with pytest.raises(SourceError, match=rf"{n}\.zip/in\.zip: .*(encrypted|CRC|bzip2)"):
            list(root.files())
