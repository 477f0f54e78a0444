"""The captioned reader: pairs of files, tables and tars, their names, damage of every kind."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from pipelines import captioned, triplets
from pipelines.demo import captioned as demo
from pipelines.formats import tars
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.core.png import encode_png
from vbdata.core.texts import MOST_TEXT
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 40, 30
ROW = {"file_name": "a.jpg", "text": "a cat"}
RGB = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
JPEG, PNG = encode_jpeg(RGB), encode_png(RGB)
HEIC = bytes(4) + b"ftypheic" + bytes(20)
AVIF = bytes(4) + b"ftypavif" + bytes(20)


def tree(folder: Path, files: Mapping[str, bytes]) -> Folder:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return Folder(str(folder))


def table(folder: Path, *rows: Any, **files: bytes) -> Folder:
    """a.jpg and metadata.jsonl; a row that is text is written as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    text = "\n".join(lines).encode()
    return tree(folder, {"a.jpg": JPEG, **files, "metadata.jsonl": text})


def tar_of(members: Mapping[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    data = io.BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def entries(root: Folder, **options: Any) -> list[Entry]:
    found = list(captioned.index(root, **options))
    assert [e.id for e in found] == sorted({e.id for e in found})
    return found


def only(root: Folder, **options: Any) -> Entry:
    (entry,) = entries(root, **options)
    return entry


def faults(root: Folder, **options: Any) -> dict[str, str]:
    """Id -> reason; "" for good ones, which can be loaded."""
    found = {}
    for entry in entries(root, **options):
        found[entry.id] = entry.fault.partition(":")[0]
        if entry.fault:
            with pytest.raises(BadSample):
                captioned.load(root, entry, ["captions"])
        else:
            sample = captioned.load(root, entry, ["captions"])
            assert sample.labels == {"captions": entry.captions}
            assert entry.captions
            assert isinstance(sample.image, bytes)
            assert decode_rgb(sample.image).shape == (entry.height, entry.width, 3)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["pairs", "metadata", "csv", "tars", "parquet"])
@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_the_miniature_is_the_truth(tmp_path: Path, layout: str, scheme: str) -> None:
    demo.write(tmp_path, seed=5, frames=6, layout=layout)
    root = Folder(str(tmp_path))
    if scheme == "memory":
        root = Folder(f"memory://captioned-{layout}")
        for file in tmp_path.rglob("*"):
            if file.is_file():
                root.write(str(file.relative_to(tmp_path)), file.read_bytes())
    pairs = list(demo.truth(seed=5, frames=6))
    found = entries(root, source="mine")
    assert len(found) == 6
    for entry, pair in zip(found, pairs, strict=True):
        said = pair.captions[:1] if layout in ("pairs", "tars") else pair.captions
        assert (entry.fault, entry.captions) == ("", said)
        assert (entry.width, entry.height) == pair.rgb.shape[1::-1]
        assert entry.group == (pair.group or f"mine:{entry.id}")
        assert entry.license == captioned.LICENSE
        sample = captioned.load(root, entry, ["captions"])
        assert sample.image == pair.data
        assert sample.labels["captions"] == said
        assert captioned.load(root, entry, []).labels == {}
    assert sum(bool(pair.group) for pair in pairs) == 1


def test_a_pair_of_files(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "x/a.b.jpg": JPEG,
            "x/a.b.txt": b"\xef\xbb\xbf a\tcat \n on a mat",
            "y/a.PNG": PNG,
            "y/a.TXT": b"two",
            "z.jpeg": JPEG,
            "z.json": json.dumps(
                {"caption": ["one", "", "two", "one"], "license": "CC0-1.0", "scene": 7}
            ).encode(),
            "00000_stats.json": b"{}",
            "notes.md": b"",
        },
    )
    assert faults(root) == dict.fromkeys(["x/a.b.jpg", "y/a.PNG", "z.jpeg"], "")
    one, two, three = entries(root)
    assert one.captions == ("a cat on a mat",)
    assert two.captions == ("two",)
    assert three.captions == ("one", "two")
    assert (three.license, three.group) == ("CC0-1.0", "7")


def test_files_without_a_partner_and_other_damage(tmp_path: Path) -> None:
    files = {
        "alone.jpg": JPEG,
        "text.txt": b"nobody's",
        "good.jpg": JPEG,
        "good.txt": b"a cat",
        "two.jpg": JPEG,
        "two.png": PNG,
        "two.txt": b"which?",
        "blank.jpg": JPEG,
        "blank.txt": b" \n\t",
        "latin.jpg": JPEG,
        "latin.txt": "café".encode("latin-1"),
        "long.jpg": JPEG,
        "long.txt": b"x" * (tars.MAX_TEXT + 1),
        "odd.jpg": JPEG,
        "odd.json": b'{"caption": 5}',
        "none.jpg": JPEG,
        "none.json": b"{}",
        "cut.jpg": JPEG,
        "cut.json": b'{"caption": ',
        "web.jpg": b"<html>",
        "web.txt": b"x",
        "a.webp": AVIF,
        "a.txt": b"x",
        "b.gif": HEIC,
        "b.txt": b"x",
        "c.jpg": HEIC,
        "c.txt": b"x",
        "d.webp": JPEG,
        "d.txt": b"a JPEG by any other name",
        "empty.jpg": b"",
        "empty.txt": b"x",
    }
    root = tree(tmp_path, files)
    assert faults(root) == {
        "a.webp": "undecodable",
        "alone.jpg": "missing",
        "b.gif": "undecodable",
        "blank.jpg": "empty label",
        "c.jpg": "undecodable",
        "cut.jpg": "garbled annotation",
        "d.webp": "",
        "empty.jpg": "undecodable",
        "good.jpg": "",
        "latin.jpg": "garbled annotation",
        "long.jpg": "garbled annotation",
        "none.jpg": "empty label",
        "odd.jpg": "garbled annotation",
        "text.txt": "missing",
        "two.jpg": "garbled annotation",
        "web.jpg": "undecodable",
    }
    said = {e.id: e.fault for e in entries(root)}
    assert "a.webp is an AVIF, expected JPEG, PNG, WebP" in said["a.webp"]
    assert "c.jpg is a HEIC" in said["c.jpg"]
    assert "web.jpg is HTML" in said["web.jpg"]
    assert "two.png too" in said["two.jpg"]


def test_texts_that_no_prompt_can_say(tmp_path: Path) -> None:
    long = "cat " * MOST_TEXT
    root = table(tmp_path, ROW | {"text": ["a\0 \u202ecat", "\u200b", long]})
    (entry,) = entries(root)
    assert entry.captions == ("a cat",)
    (entry,) = entries(table(tmp_path, ROW | {"text": long}))
    assert entry.fault.startswith("too large: line 1 of metadata.jsonl: its caption has 39999")
    (entry,) = entries(table(tmp_path, ROW | {"text": "\u200b\0"}))
    assert entry.fault.startswith("empty label")


def test_images_of_every_form_that_decodes(tmp_path: Path) -> None:
    cmyk = simplejpeg.encode_jpeg(
        np.zeros((HEIGHT, WIDTH, 4), np.uint8), colorspace="CMYK", colorsubsampling="444"
    )
    grey = simplejpeg.encode_jpeg(RGB[..., :1].copy(), colorspace="GRAY", colorsubsampling="Gray")
    deep = cv2.imencode(".png", RGB.astype(np.uint16) * 257)[1].tobytes()
    clear = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 4), np.uint8))[1].tobytes()
    forms = {"cmyk.jpg": cmyk, "grey.jpg": grey, "deep.png": deep, "clear.png": clear}
    files = forms | {f"{name[:-4]}.txt": name.encode() for name in forms}
    assert faults(tree(tmp_path, files)) == dict.fromkeys(sorted(forms), "")


def test_images_that_are_not_as_indexed(tmp_path: Path) -> None:
    root = tree(tmp_path, {"a.jpg": JPEG, "a.txt": b"x"})
    entry = only(root)
    for data, reason in (
        (encode_jpeg(RGB[:9].copy()), "wrong size"),
        (PNG[:-20], "truncated"),
        (b"", "truncated"),
        (HEIC, "undecodable"),
    ):
        (tmp_path / "a.jpg").write_bytes(data)
        with pytest.raises(BadSample, match=rf"^{reason}.*a\.jpg"):
            captioned.load(root, entry, ["captions"])
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(BadSample, match="missing"):
        captioned.load(root, entry, ["captions"])


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_lines_of_a_table(tmp_path: Path, form: str) -> None:
    rows = [
        {"file_name": "b.png", "text": "a dog", "width": WIDTH, "height": HEIGHT},
        {"file_name": "a.jpg", "text": 'a "cat",\nasleep', "group": "coco:000000000139"},
        {"file_name": "a.jpg", "text": "it sleeps"},
        {"file_name": "a.jpg", "text": "it  sleeps "},
    ]
    if form == "jsonl":
        data = b"\xef\xbb\xbf" + "\n\n".join(map(json.dumps, rows)).encode() + b"\r\n"
    else:
        cells = ['b.png,a dog,40,30,"",', 'a.jpg,"a ""cat"",\nasleep",,,coco:000000000139,']
        cells += ["a.jpg,it sleeps,,,,", "a.jpg,it  sleeps ,,,,"]
        head = "file_name,text,width,height,group,license"
        data = b"\xef\xbb\xbf" + "\r\n".join([head, *cells]).encode()
    root = tree(tmp_path, {"d/a.jpg": JPEG, "d/b.png": PNG, f"d/metadata.{form}": data})
    assert faults(root) == {"d/a.jpg": "", "d/b.png": ""}
    one, two = entries(root)
    assert one.captions == ('a "cat", asleep', "it sleeps")
    assert (one.group, two.group) == ("coco:000000000139", "captioned:d/b.png")


def test_groups_are_of_their_source_unless_it_shares_them(tmp_path: Path) -> None:
    """Also of faulty records; a group that a record states stays what it is."""
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_bytes(JPEG)
        (tmp_path / f"{name}.txt").write_text("" if name == "b" else "a cat")
    (tmp_path / "c.json").write_text('{"group": "captioned:c.jpg"}')
    root = Folder(str(tmp_path))
    for options, prefix in (({"source": "mine"}, "mine"), ({"groups": "both"}, "both")):
        groups = [entry.group for entry in entries(root, **options)]
        assert groups == [f"{prefix}:a.jpg", f"{prefix}:b.jpg", "captioned:c.jpg"]
    with pytest.raises(SourceError, match="groups: 'a b' is no name"):
        captioned.official(groups="a b")


@pytest.mark.parametrize("image", ["file_name", "image", "File"])
@pytest.mark.parametrize("caption", ["text", "TEXT", "caption", "Prompt", "captions"])
def test_names_are_guessed(tmp_path: Path, image: str, caption: str) -> None:
    entry = only(table(tmp_path, {image: "a.jpg", caption: "x", "other": 1}))
    assert (entry.fault, entry.captions) == ("", ("x",))


def test_names_can_be_given(tmp_path: Path) -> None:
    root = table(tmp_path, ROW | {"photo": "b.jpg", "alt": "y"}, **{"b.jpg": JPEG})
    entry = only(root, image_key="photo", caption_key="alt")
    assert (entry.id, entry.captions) == ("b.jpg", ("y",))
    for option in ("image_key", "caption_key"):
        with pytest.raises(SourceError, match=f"{option}: 'Text' is not there. Found: alt, file_"):
            entries(root, **{option: "Text"})
    with pytest.raises(SourceError, match="caption_key is to be set: none of its known names"):
        entries(table(tmp_path, {"file_name": "a.jpg", "alt": "y"}))


BAD_ROWS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "garbled annotation: line 2 of metadata.jsonl: not a JSON object"),
    "no object": ("[1]", "garbled annotation"),
    "deep": ("[" * 100_000, "garbled annotation"),
    "no image": ({"text": "x"}, "garbled annotation"),
    "number": (ROW | {"file_name": 5}, "garbled annotation"),
    "surrogate": (ROW | {"file_name": "\ud800.jpg"}, "garbled annotation"),
    "half a letter": (ROW | {"text": "\ud800"}, "garbled annotation"),
    "up": (ROW | {"file_name": "../a.jpg"}, "unsafe path"),
    "absolute": (ROW | {"file_name": "/etc/passwd"}, "unsafe path"),
    "backwards": (ROW | {"file_name": "x\\a.jpg"}, "unsafe path"),
    "url": (ROW | {"file_name": "file:///etc/passwd"}, "unsafe path"),
    "no caption": ({"file_name": "a.jpg"}, "empty label"),
    "null": (ROW | {"text": None}, "empty label"),
    "blank": (ROW | {"text": [" ", "\n"]}, "empty label"),
    "nested": (ROW | {"text": [["x"]]}, "garbled annotation"),
    "size": (ROW | {"width": 40}, "garbled annotation"),
    "bomb": (ROW | {"width": 1 << 20, "height": 1 << 20}, "too large"),
    "group": (ROW | {"group": {"a": 1}}, "garbled annotation"),
    "gone": (ROW | {"file_name": "c.jpg"}, "missing: no c.jpg"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_line_is_a_fault_of_its_own(tmp_path: Path, name: str) -> None:
    row, reason = BAD_ROWS[name]
    root = table(tmp_path, ROW | {"file_name": "b.jpg"}, row, **{"b.jpg": JPEG})
    good, bad = sorted(entries(root), key=lambda e: e.fault)
    assert (good.id, good.fault) == ("b.jpg", "")
    assert bad.fault.startswith(reason)
    with pytest.raises(BadSample, match=reason.partition(":")[0]):
        captioned.load(root, bad, ["captions"])


def test_bad_lines_of_a_csv_file(tmp_path: Path) -> None:
    lines = [
        b"file_name,text",
        b"a.jpg,good",
        b"a.jpg,caf\xe9",
        b"a.jpg,one,two",
        b"a.jpg",
        b'b.jpg,"never closed',
        b"a.jpg,lost",
    ]
    root = tree(tmp_path, {"a.jpg": JPEG, "metadata.csv": b"\n".join(lines)})
    said = {e.id: e.fault for e in entries(root)}
    assert said == {
        "a.jpg": "",
        "metadata.csv:000000003": said["metadata.csv:000000003"],
        "metadata.csv:000000004": "garbled annotation: row 4 of metadata.csv: more cells than the "
        "first row has names",
        "metadata.csv:000000005": "empty label: row 5 of metadata.csv: no caption",
        "metadata.csv:000000006": "garbled annotation: row 6 of metadata.csv: unexpected end of "
        "data; what comes after it is not read",
    }
    assert said["metadata.csv:000000003"].startswith("garbled annotation: row 3 of metadata.csv: ")


def sample(key: str = "0", **more: Any) -> dict[str, bytes]:
    facts = {"caption": f"about {key}", "key": key, "status": "success"} | more
    return {
        f"{key}.jpg": JPEG,
        f"{key}.txt": f"text of {key}".encode(),
        f"{key}.json": json.dumps(facts).encode(),
    }


def test_a_tar_as_img2dataset_writes_it(tmp_path: Path) -> None:
    members = sample("b/1", group="coco:9", license="CC0-1.0", width=WIDTH, height=HEIGHT)
    members |= sample("0") | {"notes": b"", ".hidden.jpg": b""}
    root = tree(
        tmp_path,
        {
            "x/00000.tar": tar_of(members),
            "x/00000.tar-1.tar": tar_of(sample("k")),  # sorts before x/00000.tar/
            "x/00000.parquet": b"its table, which nobody reads",
            "x/00000_stats.json": b"{}",
        },
    )
    names = ["x/00000.tar-1.tar/k", "x/00000.tar/0", "x/00000.tar/b/1"]
    assert faults(root) == dict.fromkeys(names, "")
    found = entries(root)[2]
    assert (found.group, found.license, found.captions) == ("coco:9", "CC0-1.0", ("text of b/1",))
    assert entries(root, caption_key="caption")[2].captions == ("about b/1",)


def test_names_in_tars(tmp_path: Path) -> None:
    members = {"0.jpg": JPEG, "0.seg.png": PNG, "0.alt.txt": b"alt", "0.json": b'{"say": ["x"]}'}
    root = tree(tmp_path, {"t.tar": tar_of(members)})
    assert only(root, caption_key="alt").captions == ("alt",)
    assert only(root, caption_key="say").captions == ("x",)
    assert only(root, caption_key="nothing").fault.startswith("empty label")
    for key in ("seg", "seg.png"):
        entry = only(root, image_key=key, caption_key="say")
        assert captioned.load(root, entry, []).image == PNG
    assert only(root, image_key="other", caption_key="say").fault.startswith("missing")


def test_bad_samples_of_a_tar_are_faults(tmp_path: Path) -> None:
    members = sample("good")
    for key in "abcdefgh":
        members |= sample(key)
    del members["a.jpg"]
    members["b.json"] = b"{"
    del members["c.txt"], members["c.json"]
    members["d.txt"] = b"\xff"
    members["e.jpg"] = HEIC
    members["f.png"] = PNG
    members["g.txt"] = b" "
    del members["h.txt"]
    members["h.json"] = b'{"caption": null, "status": "failed_to_download"}'
    members |= {"i.webp": AVIF, "i.txt": b"x", "j.jpg": b"", "j.txt": b"x"}
    root = tree(tmp_path, {"t.tar": tar_of([*members.items(), ("k.jpg", JPEG), ("k.jpg", PNG)])})
    assert {name[6:]: reason for name, reason in faults(root).items()} == {
        "a": "missing",
        "b": "garbled annotation",
        "c": "missing",
        "d": "garbled annotation",
        "e": "undecodable",
        "f": "missing",
        "g": "empty label",
        "good": "",
        "h": "empty label",
        "i": "undecodable",
        "j": "undecodable",
        "k": "garbled annotation",
    }


def test_damaged_tars(tmp_path: Path) -> None:
    whole = tar_of(sample("0") | sample("1"))
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        second = tar.getmembers()[3].offset
    root = tree(tmp_path, {"t.tar": whole[: second + 600]})
    damage, *good = entries(root)
    assert damage.id == "t.tar/"
    assert damage.fault.startswith("truncated: t.tar: ")
    assert [e.id for e in good if not e.fault] == ["t.tar/0"]
    (tmp_path / "t.tar").write_bytes(whole)
    last = entries(root)[-1]
    (tmp_path / "t.tar").write_bytes(whole[: second + 600])
    with pytest.raises(BadSample, match=r"truncated: 1\.jpg"):
        captioned.load(root, last, [])


def test_one_layout_at_a_time(tmp_path: Path) -> None:
    root = tree(tmp_path, {"a.jpg": JPEG, "notes.md": b""})
    with pytest.raises(SourceError, match=r"0 of pairs, 0 of metadata, 0 of tars, 0 of parquet"):
        entries(root)
    tree(tmp_path, {"a.txt": b"x", "t.tar": tar_of(sample())})
    with pytest.raises(SourceError, match=r"1 of pairs, .* 1 of tars.*the option layout"):
        entries(root)
    assert only(root, layout="pairs").id == "a.jpg"
    assert only(root, layout="tars").id == "t.tar/0"
    with pytest.raises(SourceError, match="expected layout metadata"):
        entries(root, layout="metadata")
    with pytest.raises(SourceError, match="layout: 'zip' is not a choice"):
        entries(root, layout="zip")


def test_what_the_engine_asks() -> None:
    assert captioned.READS_ARCHIVES
    assert triplets.READS_ARCHIVES
    official = captioned.official()
    assert (official.entries, official.downloads) == (None, ())


def test_indexing_reads_only_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    big = encode_jpeg(noise)
    root = tree(tmp_path, {"t.tar": tar_of({"0.jpg": big, "0.txt": b"x"})})
    read: list[int] = []
    whole = Folder.read_range

    def read_range(self: Folder, path: str, offset: int, size: int) -> bytes:
        read.append(size)
        return whole(self, path, offset, size)

    monkeypatch.setattr(Folder, "read_range", read_range)
    entry = only(root)
    assert (entry.width, entry.height) == (400, 400)
    assert sum(read) < len(big)
    read.clear()
    assert captioned.load(root, entry, []).image == big
    assert read == [len(big)]


def test_what_desktops_leave_behind_is_nobodys(tmp_path: Path) -> None:
    clutter = ("._a.jpg", "._a.txt", ".DS_Store", ".DS_Store.txt", "Thumbs.db", "Thumbs.txt")
    clutter += ("__MACOSX/b/._a.jpg", "b/desktop.ini", "._x.tar", "b/._metadata.jsonl")
    files = {"a.jpg": JPEG, "a.txt": b"a cat"} | dict.fromkeys(clutter, b"\0\5\x16\7")
    assert faults(tree(tmp_path / "pairs", files)) == {"a.jpg": ""}
    packed = {"a.tar": tar_of(files | {"b/c.jpg": JPEG, "b/c.txt": b"a dog"})}
    assert faults(tree(tmp_path / "tars", packed | {"._a.tar": b"fork"})) == {
        "a.tar/a": "",
        "a.tar/b/c": "",
    }


def test_members_in_upper_case(tmp_path: Path) -> None:
    members = {"a.JPG": JPEG, "a.TXT": b"a cat", "b.Png": PNG, "b.JSON": b'{"text": "a dog"}'}
    root = tree(tmp_path, {"A.TAR": tar_of(members)})
    assert [e.captions for e in entries(root)] == [("a cat",), ("a dog",)]
    assert captioned.load(root, entries(root)[0], ()).image == JPEG


def test_hard_links_in_a_tar_are_the_files_that_they_link_to(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content, link in (
            ("a.jpg", JPEG, ""),
            ("a.txt", b"a cat", ""),
            ("b.jpg", b"", "./a.jpg"),
            ("b.txt", b"", "a.txt"),
            ("c.jpg", b"", "b.jpg"),
            ("c.txt", b"", "nowhere"),
        ):
            info = tarfile.TarInfo(name)
            info.size, info.linkname = len(content), link
            info.type = tarfile.LNKTYPE if link else tarfile.REGTYPE
            tar.addfile(info, io.BytesIO(content))
    root = tree(tmp_path, {"x.tar": data.getvalue()})
    assert faults(root) == {"x.tar/a": "", "x.tar/b": "", "x.tar/c": "missing"}
    assert captioned.load(root, entries(root)[1], ()).image == JPEG


def test_packed_shards_are_named(tmp_path: Path) -> None:
    packed = gzip.compress(tar_of({"a.jpg": JPEG, "a.txt": b"a cat"}))
    with pytest.raises(SourceError, match=r"0\.tar\.gz is a packed tar: .* unpack it to a \.tar"):
        entries(tree(tmp_path, {"0.tar.gz": packed}))
    files = {"0.tar": gzip.decompress(packed), "1.tar": packed, "2.TGZ": packed}
    root = tree(tmp_path, files)
    found = faults(root)
    assert found == {"0.tar/a": "", "1.tar/": "undecodable", "2.TGZ/": "undecodable"}
    assert "packed by gzip" in entries(root)[1].fault


def test_a_tar_whose_name_is_no_plain_path_costs_itself_alone(tmp_path: Path) -> None:
    whole = tar_of({"a.jpg": JPEG, "a.txt": b"a cat"})
    root = tree(tmp_path, {"0.tar": whole, "b\\c.tar": whole})
    assert faults(root) == {"0.tar/a": "", "b\\c.tar/": "unsafe path"}


def test_texts_with_a_byte_order_mark(tmp_path: Path) -> None:
    table = 'file_name,text\na.jpg,"a café"\n'
    for number, coding in enumerate(("utf-8-sig", "utf-16")):
        files = {"a.jpg": JPEG, "metadata.csv": table.encode(coding)}
        assert only(tree(tmp_path / f"csv{number}", files)).captions == ("a café",)
        line = json.dumps({"file_name": "a.jpg", "text": "a café"}).encode(coding)
        files = {"a.jpg": JPEG, "metadata.jsonl": line}
        assert only(tree(tmp_path / f"json{number}", files)).captions == ("a café",)
        files = {"a.jpg": JPEG, "a.txt": "a café".encode(coding)}
        assert only(tree(tmp_path / f"txt{number}", files)).captions == ("a café",)
    odd = {"a.jpg": JPEG, "a.txt": "a café".encode("utf-16")[:-1]}
    assert faults(tree(tmp_path / "odd", odd)) == {"a.jpg": "garbled annotation"}
