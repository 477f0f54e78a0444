"""Parquet files of captioned images: every way to write them, and damage at every byte."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import captioned
from pipelines.formats.parquet import bits, pages
from vbdata.core.images import encode_jpeg
from vbdata.core.png import encode_png
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

RGB = np.random.default_rng(3).integers(0, 256, (40, 20, 20, 3), np.uint8)
DATA = [encode_png(rgb) if k % 3 else encode_jpeg(rgb) for k, rgb in enumerate(RGB)]
NAME = "a.parquet"


def images(*data: bytes | None) -> pa.Array:
    """A column as Hugging Face datasets has it."""
    rows = [None if each is None else {"bytes": each, "path": "x.png"} for each in data]
    return pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))


def written(columns: dict[str, Any], **options: Any) -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.table(columns), data, **options)
    return data.getvalue()


def tree(folder: Path, data: bytes) -> Folder:
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_bytes(data)
    return Folder(str(folder))


def entries(root: Folder, **options: Any) -> list[Entry]:
    found = list(captioned.index(root, **options))
    assert [e.id for e in found] == sorted({e.id for e in found})
    return found


def loaded(root: Folder, entry: Entry) -> bytes:
    image = captioned.load(root, entry, ["captions"]).image
    assert isinstance(image, bytes)
    return image


WAYS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "groups": {"row_group_size": 7},
    "no dictionary": {"use_dictionary": False},
    "page an image": {"use_dictionary": False, "write_batch_size": 1, "data_page_size": 1},
    "dictionary, then plain": {"write_batch_size": 4, "dictionary_pagesize_limit": 5000},
    "chunked": {"use_content_defined_chunking": True, "write_page_index": True},
    "version 2": {"data_page_version": "2.0", "write_batch_size": 8, "data_page_size": 1},
    "version 2 plain": {"data_page_version": "2.0", "use_dictionary": False},
    "version 1.0": {"version": "1.0"},
    "checksums": {"write_page_checksum": True, "use_dictionary": False},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_every_way_to_write_them(tmp_path: Path, way: str, codec: str) -> None:
    data = [*DATA, *DATA[:5]]  # some twice
    said = [f"number {k}" for k in range(len(data))]
    columns = {"image": images(*data), "text": said}
    root = tree(tmp_path, written(columns, compression=codec, **WAYS[way]))
    found = entries(root)
    assert [e.id for e in found] == [f"{NAME}/{k:09d}" for k in range(len(data))]
    for number, (entry, each) in enumerate(zip(found, data, strict=True)):
        assert (entry.fault, entry.captions) == ("", (f"number {number}",))
        assert (entry.width, entry.height) == (20, 20)
        assert entry.files["image"].path == NAME
        assert json.loads(entry.record)["row"] == number
        assert loaded(root, entry) == each


@pytest.mark.parametrize("way", ["defaults", "no dictionary", "version 2", "page an image"])
@pytest.mark.parametrize("required", [True, False])
def test_nulls(tmp_path: Path, way: str, required: bool) -> None:
    data = [None if k % 4 == 1 else each for k, each in enumerate(DATA)]
    column: pa.Array = images(*data)
    if required:
        data = [each for each in data if each]
        column = pa.array(data, pa.binary())
    said = [None if k == 2 else "x" for k in range(len(data))]
    table = {"image": column, "caption": said}
    fields = [pa.field("image", column.type, nullable=not required), ("caption", pa.string())]
    out = io.BytesIO()
    pq.write_table(pa.table(table, schema=pa.schema(fields)), out, **WAYS[way])
    root = tree(tmp_path, out.getvalue())
    for number, (entry, each) in enumerate(zip(entries(root), data, strict=True)):
        if number == 2:
            assert entry.fault == f"empty label: row 2 of {NAME}: no caption"
        elif each is None:
            assert entry.fault == f"missing: row {number} of {NAME}: no image bytes"
        else:
            assert loaded(root, entry) == each


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
def test_nulls_alone(tmp_path: Path, codec: str) -> None:
    """The dictionary has no words then, and packed it has bytes all the same."""
    columns = {"image": images(None, None), "text": ["a", "b"]}
    found = entries(tree(tmp_path, written(columns, compression=codec)))
    assert [e.fault for e in found] == [
        f"missing: row {k} of {NAME}: no image bytes" for k in (0, 1)
    ]


def test_a_size_in_columns_spares_the_images(tmp_path: Path) -> None:
    sizes = {"width": [20, 20, 20, 21], "height": [20] * 4}
    columns = {"img": images(DATA[0], None, b"\xff\x0a", DATA[1]), "text": ["x"] * 4, **sizes}
    data = written(columns, use_dictionary=False, compression="none")
    first = data.index(DATA[0])
    garbled = data[:first] + bytes(len(DATA[0])) + data[first + len(DATA[0]) :]
    assert not any(entry.fault for entry in entries(tree(tmp_path / "garbled", garbled)))
    root = tree(tmp_path / "whole", data)
    found = entries(root)
    assert loaded(root, found[0]) == DATA[0]
    for entry, reason in zip(found[1:], ("missing", "undecodable", "wrong size"), strict=True):
        with pytest.raises(BadSample, match=rf"^{reason}.*a\.parquet"):
            captioned.load(root, entry, [])


def test_what_records_say(tmp_path: Path) -> None:
    columns = {
        "jpg": pa.array(DATA[:4], pa.large_binary()),
        "TEXT": [["one", "two"], [""], None, ["x"]],
        "width": [20.0, float("nan"), 20.0, 20.5],
        "height": [20.0, float("nan"), 20.0, 20.0],
        "group": pa.array(["coco:000000000139", None, "g", "g"]).dictionary_encode(),
        "license": ["CC0-1.0", None, None, None],
    }
    found = entries(tree(tmp_path, written(columns)))
    assert [e.fault.partition(":")[0] for e in found] == [
        "",
        "empty label",
        "empty label",
        "garbled annotation",
    ]
    assert found[0].captions == ("one", "two")
    assert (found[0].group, found[0].license) == ("coco:000000000139", "CC0-1.0")
    assert (found[1].group, found[1].license) == (f"captioned:{NAME}/000000001", captioned.LICENSE)


@pytest.mark.parametrize("kind", ["string", "list", "dictionary", "binary", "large_string"])
def test_text_that_is_no_utf8(tmp_path: Path, kind: str) -> None:
    raw = pa.array([b"good", b"caf\xe9"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, raw.buffers())
    column = {
        "string": text,
        "list": pa.ListArray.from_arrays([0, 1, 2], text),
        "dictionary": text.dictionary_encode(),
        "binary": raw,
        "large_string": text.cast(pa.large_binary()).view(pa.large_string()),
    }[kind]
    good, bad = entries(tree(tmp_path, written({"image": images(*DATA[:2]), "text": column})))
    assert (good.fault, good.captions) == ("", ("good",))
    assert bad.fault.startswith("garbled annotation: row 1")


def test_images_that_are_none(tmp_path: Path) -> None:
    bad = [b"", b"\xff\x0a", b"<html>", DATA[0][:20], b"\x89PNG\r\n\x1a\n" + bytes(40)]
    columns = {"image": images(DATA[1], *bad), "text": ["x"] * 6}
    good, *found = entries(tree(tmp_path, written(columns)))
    assert not good.fault
    reasons = [entry.fault.partition(":")[0] for entry in found]
    assert reasons == ["undecodable"] * 4 + ["out of range"]
    assert "its image is a JPEG XL" in found[1].fault


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"url": ["x"], "text": ["x"]}, {}, r"image_key is to be set: .* Found: none"),
        ({"image": ["a.jpg"], "text": ["x"]}, {}, "columns of bytes in a.parquet: image_key"),
        ({"image": pa.array([[b"x"]]), "text": ["x"]}, {}, "image_key is to be set"),
        ({"image": images(b"x"), "label": [1]}, {}, "caption_key is to be set.*image, label"),
        ({"image": images(b"x"), "text": ["x"]}, {"image_key": "text"}, "'text' is not there"),
        ({"image": images(b"x"), "text": ["x"]}, {"caption_key": "alt"}, "'alt' is not there"),
    ],
)
def test_names_that_are_not_there(
    tmp_path: Path, columns: dict[str, Any], options: dict[str, str], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        entries(tree(tmp_path, written(columns)), **options)


def test_names_can_be_given(tmp_path: Path) -> None:
    columns = {"image": images(DATA[0]), "raw": images(DATA[1]), "text": ["x"], "alt": ["y"]}
    root = tree(tmp_path, written(columns))
    (entry,) = entries(root, image_key="raw", caption_key="alt")
    assert (loaded(root, entry), entry.captions) == (DATA[1], ("y",))


def test_a_load_reads_its_page_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {"image": images(*DATA), "text": ["x"] * len(DATA)}
    data = written(columns, write_statistics=False, **WAYS["page an image"])
    root = tree(tmp_path, data)
    found = entries(root)
    read: list[tuple[int, int]] = []
    whole = Folder.read_range

    def read_range(self: Folder, path: str, offset: int, size: int) -> bytes:
        read.append((offset, size))
        return whole(self, path, offset, size)

    monkeypatch.setattr(Folder, "read_range", read_range)
    monkeypatch.setattr(Folder, "read", lambda *_: pytest.fail("read a whole file"))
    first = loaded(root, found[7])
    (once,) = read
    assert once[1] < len(first) + 200
    assert loaded(root, found[7]) == first
    assert read == [once, once]  # whatever was read before: samples have digests


def test_cut_files(tmp_path: Path) -> None:
    data = written({"image": images(*DATA), "text": ["x"] * len(DATA)}, row_group_size=10)
    for cut, reason in ((data[:-1], "truncated"), (data[:50], "truncated"), (b"", "truncated")):
        (entry,) = entries(tree(tmp_path, cut))
        assert entry.id == f"{NAME}/"
        assert entry.fault.startswith(f"{reason}: {NAME}: ")
    (entry,) = entries(tree(tmp_path, b"<html>PAR1"))
    assert entry.fault.startswith("undecodable: a.parquet: Parquet: ")
    root = tree(tmp_path, data)
    found = entries(root)
    (tmp_path / NAME).write_bytes(data[:200])
    with pytest.raises(BadSample, match=r"^truncated.*a\.parquet"):
        captioned.load(root, found[-1], [])
    (tmp_path / NAME).unlink()
    with pytest.raises(BadSample, match="missing"):
        captioned.load(root, found[-1], [])


def test_what_comes_before_damage_is_kept(tmp_path: Path) -> None:
    columns = {"image": images(*DATA), "text": ["x"] * len(DATA)}
    data = written(columns, row_group_size=20, compression="none", **WAYS["page an image"])
    whole = entries(tree(tmp_path, data))
    at = json.loads(whole[5].record)["page"][0]
    root = tree(tmp_path, data[:at] + b"\xff" * 9 + data[at + 9 :])
    found = entries(root)
    assert [e.id for e in found] == [e.id for e in whole[:6] + whole[20:]]
    assert [e.id for e in found if e.fault] == [whole[5].id]
    assert found[5].fault.startswith(f"undecodable: rows 5 to 19 of {NAME}: no Parquet page")
    assert loaded(root, found[4]) == DATA[4]
    assert loaded(root, found[6]) == DATA[20]


def test_a_wrong_checksum(tmp_path: Path) -> None:
    columns = {"image": images(*DATA[:3]), "text": ["x"] * 3, "width": [20] * 3, "height": [20] * 3}
    data = bytearray(written(columns, compression="none", **WAYS["checksums"]))
    root = tree(tmp_path, bytes(data))
    data[data.index(DATA[1]) + 60] ^= 1
    found = entries(tree(tmp_path, bytes(data)))
    with pytest.raises(BadSample, match="CRC-32 is wrong"):
        captioned.load(root, found[0], [])


SMALL = written({"image": images(*DATA[:3]), "text": ["a", "b", "c"]}, row_group_size=2)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255), st.integers(0, 3))
def test_no_flipped_byte_breaks_it(at: int, flip: int, more: int) -> None:
    root = Folder("memory://flipped")
    data = bytearray(SMALL)
    for place in range(at, min(at + 1 + more, len(data))):
        data[place] ^= flip
    root.write(NAME, bytes(data))
    try:
        found = entries(root)
    except SourceError:
        return  # the names of columns
    for entry in found:
        try:
            captioned.load(root, entry, ["captions"])
        except BadSample:
            continue


@pytest.mark.parametrize("codec", ["SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4"])
def test_a_page_that_promises_too_much(codec: str) -> None:
    raw = b"0123456789" * 20
    packed = memoryview(pa.Codec(pages.CODECS[codec]).compress(raw, asbytes=True))
    assert bytes(pages._unpacked(packed, codec, len(raw))) == raw
    for size in (len(raw) + 1, len(raw) + 500, len(raw) - 1):
        with pytest.raises(pages.DAMAGE):
            pages._unpacked(packed, codec, size)


def test_numbers_of_few_bits() -> None:
    packed = np.packbits((np.arange(8)[:, None] >> np.arange(3)) & 1, bitorder="little").tobytes()
    data = memoryview(b"\x03" + packed + b"\x08\x05")  # eight packed, then a run of four fives
    assert bits.hybrid(data, 3, 12).tolist() == [*range(8), 5, 5, 5, 5]
    assert bits.hybrid(data, 3, 6).tolist() == list(range(6))
    for broken in (data[:3], data[:4], memoryview(b"\x00" * 4), memoryview(b"\xff" * 12)):
        with pytest.raises((ValueError, IndexError)):
            bits.hybrid(broken, 3, 12)
    with pytest.raises(ValueError, match="40 bits"):
        bits.hybrid(data, 40, 1)


@given(st.binary(max_size=64))
def test_no_bytes_break_the_headers(data: bytes) -> None:
    try:
        bits.struct(data)
    except (ValueError, IndexError):
        return


def test_a_footer_for_which_pyarrow_ends_the_process(tmp_path: Path) -> None:
    """It counts one level of definition where the schema has three; pyarrow says so by an abort."""
    packed = io.BytesIO()
    jpeg = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
    pictures = pa.array([{"bytes": jpeg, "path": "a.jpg"}])
    pq.write_table(pa.table({"image": pictures, "text": ["a cat"]}), packed)
    data = packed.getvalue()
    three, one = b"\x19\x36\x00\x00\x02", b"\x19\x16\x00\x00\x02"  # a list of so many numbers
    assert three in data
    root = tree(tmp_path, data.replace(three, one, 1))
    (entry,) = entries(root)
    assert loaded(root, entry) == jpeg
