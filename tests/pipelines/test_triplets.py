"""The triplets reader: both layouts, their names for things, damage of every kind."""

from __future__ import annotations

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

from pipelines import triplets
from pipelines.demo import triplets as demo
from pipelines.formats import tars
from pipelines.parts.triplets.names import ALIASES
from vbdata.core.glance import glance
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.core.png import encode_png
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

WIDTH, HEIGHT = 40, 30
ROW = {"input_image": "a.jpg", "edited_image": "b.jpg", "instruction": "Make it blue."}


def picture(value: int = 90, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return encode_jpeg(np.full((height, width, 3), value, np.uint8))


def tree(folder: Path, *rows: Any, **files: bytes) -> Folder:
    """a.jpg, b.jpg and metadata.jsonl; a row that is text is written as it is."""
    folder.mkdir(exist_ok=True)
    for name, data in {"a.jpg": picture(), "b.jpg": picture(20), **files}.items():
        (folder / name).write_bytes(data)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return Folder(str(folder))


def tar_of(members: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of members in that order."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


def sample(key: str = "0", **more: Any) -> dict[str, bytes]:
    facts = json.dumps({"instruction": f"Make {key} blue."} | more).encode()
    return {
        f"{key}.original.jpg": picture(),
        f"{key}.edited.jpg": picture(20),
        f"{key}.json": facts,
    }


def in_tar(folder: Path, members: Mapping[str, bytes], name: str = "t.tar") -> Folder:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(tar_of(members))
    return Folder(str(folder))


def entries(root: Folder, **options: Any) -> list[Entry]:
    found = list(triplets.index(root, **options))
    assert [e.id for e in found] == sorted({e.id for e in found})
    return found


def only(root: Folder, **options: Any) -> Entry:
    (entry,) = entries(root, **options)
    return entry


def pair(root: Folder, entry: Entry) -> tuple[Any, Any]:
    found = triplets.load(root, entry, ["edited"])
    return found.image, found.labels["edited"]


def test_a_line_is_a_triplet(tmp_path: Path) -> None:
    root = tree(tmp_path, ROW)
    entry = only(root)
    assert (entry.id, entry.group) == ("a.jpg|b.jpg", "triplets:a.jpg")
    assert (entry.width, entry.height, entry.license) == (WIDTH, HEIGHT, "unknown")
    assert entry.labels == ("edited",)
    assert entry.instructions == ("Make it blue.",)
    assert pair(root, entry) == (picture(), picture(20))
    named = [{"source": "mine"}, {"source": "other"}, {"source": "other", "groups": "both"}]
    groups = [only(root, **each).group for each in named]
    assert groups == ["mine:a.jpg", "other:a.jpg", "both:a.jpg"]


def test_lines_of_the_same_images_are_one_entry(tmp_path: Path) -> None:
    rows = [
        ROW | {"group": "coco:1", "license": "CC0-1.0", "width": WIDTH, "height": HEIGHT},
        "",
        ROW | {"instruction": [" paint\tit  blue", "", "Make it blue."]},
        ROW | {"input_image": "b.jpg", "edited_image": "a.jpg", "scene": 7},
    ]
    one, two = entries(tree(tmp_path, *rows))
    assert one.instructions == ("Make it blue.", "paint it blue")
    assert (one.group, one.license) == ("coco:1", "CC0-1.0")
    assert (two.id, two.group) == ("b.jpg|a.jpg", "7")


def test_paths_are_relative_to_the_metadata(tmp_path: Path) -> None:
    tree(tmp_path / "train", ROW)
    tree(tmp_path / "more", ROW)
    found = entries(Folder(str(tmp_path)))
    assert [e.id for e in found] == ["more/a.jpg|more/b.jpg", "train/a.jpg|train/b.jpg"]
    assert pair(Folder(str(tmp_path)), found[0])[0] == picture()


@pytest.mark.parametrize("source", ALIASES["input_key"])
@pytest.mark.parametrize("target", ALIASES["output_key"])
def test_names_are_guessed(tmp_path: Path, source: str, target: str) -> None:
    for said in ALIASES["instruction_key"]:
        entry = only(tree(tmp_path, {source: "a.jpg", target: "b.jpg", said: "x", "other": 1}))
        assert entry.instructions == ("x",)


def test_names_can_be_given(tmp_path: Path) -> None:
    row = ROW | {"before": "b.jpg", "after": "a.jpg", "say": "undo"}
    root = tree(tmp_path, row)
    entry = only(root, input_key="before", output_key="after", instruction_key="say")
    assert (entry.id, entry.instructions) == ("b.jpg|a.jpg", ("undo",))
    for options, message in (
        ({"input_key": "befor"}, "metadata.jsonl: input_key: 'befor' is not there. Found: after,"),
        ({"instruction_key": "txt"}, "instruction_key: 'txt'"),
    ):
        with pytest.raises(SourceError, match=message):
            entries(root, **options)
    root = tree(tmp_path, {"before": "b.jpg", "after": "a.jpg"})
    with pytest.raises(SourceError, match=r"input_key is to be set.*Found: after, before"):
        entries(root)


BAD_ROWS: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "garbled annotation: line 2 of metadata.jsonl: not a JSON object"),
    "no object": ("[1]", "garbled annotation"),
    "deep": ("[" * 100_000, "garbled annotation"),
    "no input": ({"edited_image": "b.jpg", "instruction": "x"}, "garbled annotation"),
    "number": (ROW | {"edited_image": 5}, "garbled annotation"),
    "surrogate": (ROW | {"edited_image": "\ud800.jpg"}, "garbled annotation"),
    "up": (ROW | {"input_image": "../a.jpg"}, "unsafe path"),
    "absolute": (ROW | {"input_image": "/etc/passwd"}, "unsafe path"),
    "url": (ROW | {"input_image": "file:///etc/passwd"}, "unsafe path"),
    "no instruction": ({"input_image": "a.jpg", "edited_image": "b.jpg"}, "garbled annotation"),
    "blank": (ROW | {"instruction": [" ", "\n"]}, "empty label"),
    "none": (ROW | {"instruction": []}, "empty label"),
    "nested": (ROW | {"instruction": [["x"]]}, "garbled annotation"),
    "size": (ROW | {"width": 40}, "garbled annotation"),
    "minus": (ROW | {"width": -40, "height": 30}, "garbled annotation"),
    "nothing": (ROW | {"width": 0, "height": 30}, "out of range"),
    "bomb": (ROW | {"width": 1 << 20, "height": 1 << 20}, "too large"),
    "group": (ROW | {"group": {"a": 1}}, "garbled annotation"),
    "no group": (ROW | {"group": ""}, "garbled annotation"),
    "gone": (ROW | {"edited_image": "c.jpg"}, "missing: no c.jpg"),
    "web page": (ROW | {"input_image": "page.jpg"}, "undecodable"),
    "empty file": (ROW | {"input_image": "empty.jpg"}, "undecodable"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_line_is_a_fault_of_its_own(tmp_path: Path, name: str) -> None:
    row, reason = BAD_ROWS[name]
    files = {"page.jpg": b"<html>" * 20000, "empty.jpg": b"", "good.jpg": picture()}
    root = tree(tmp_path, ROW | {"input_image": "good.jpg"}, row, **files)
    found = entries(root)
    (good,) = [e for e in found if not e.fault]
    (bad,) = [e for e in found if e.fault]
    assert good.id == "good.jpg|b.jpg"
    assert bad.fault.startswith(reason)
    with pytest.raises(BadSample, match=reason.partition(":")[0]):
        triplets.load(root, bad, ["edited"])


def test_pictures_that_do_not_fit(tmp_path: Path) -> None:
    root = tree(tmp_path, ROW)
    entry = only(root)
    for name in ("a.jpg", "b.jpg"):
        good = (tmp_path / name).read_bytes()
        for data, reason in (
            (picture(width=WIDTH + 1), "wrong size"),
            (encode_png(np.zeros((WIDTH, HEIGHT, 3), np.uint8)), "wrong size"),
            (b"", "truncated"),
            (b"<html>", "undecodable"),
        ):
            (tmp_path / name).write_bytes(data)
            with pytest.raises(BadSample, match=rf"^{reason}.*{name}"):
                triplets.load(root, entry, ["edited"])
        (tmp_path / name).unlink()
        with pytest.raises(BadSample, match=rf"missing.*{name}"):
            triplets.load(root, entry, ["edited"])
        (tmp_path / name).write_bytes(good)


def marked(data: bytes, body: bytes) -> bytes:
    """A JPEG with an APP2 segment in front, and a fill byte."""
    return data[:2] + b"\xff\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]


def test_sizes_come_from_the_first_bytes() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (33, 77, 3), np.uint8)
    grey = simplejpeg.encode_jpeg(rgb[..., :1].copy(), colorspace="GRAY", colorsubsampling="Gray")
    progressive = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    for data in (encode_jpeg(rgb), grey, progressive, encode_png(rgb)):
        assert glance(data) == (77, 33, 1)
        shortest = next(n for n in range(len(data)) if glance(data[:n]))
        assert shortest < 250
    data = marked(encode_jpeg(rgb), b"x" * 60_000)
    assert glance(data) == (77, 33, 1)
    assert glance(data[:60_000]) is None
    for strange in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"<html>",
    ):
        assert glance(strange) is None
    assert glance(b"\xff\xd8" + b"\xff\xe0\0\0" * 9) is None


@pytest.mark.parametrize("layout", ["folder", "tar"])
def test_a_size_far_behind_a_thumbnail(tmp_path: Path, layout: str) -> None:
    far = picture()
    for _ in range(3):
        far = marked(far, b"x" * 40_000)
    if layout == "folder":
        root = tree(tmp_path, ROW, **{"a.jpg": far})
    else:
        root = in_tar(tmp_path, sample() | {"0.original.jpg": far})
    entry = only(root)
    assert (entry.width, entry.height) == (WIDTH, HEIGHT)
    assert pair(root, entry)[0] == far


def test_indexing_reads_only_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    big = encode_jpeg(noise)
    assert len(big) > 200_000
    root = in_tar(tmp_path, sample() | {"0.original.jpg": big, "0.edited.jpg": big})
    read: list[int] = []
    whole = Folder.read_range

    def read_range(self: Folder, path: str, offset: int, size: int) -> bytes:
        read.append(size)
        return whole(self, path, offset, size)

    monkeypatch.setattr(Folder, "read_range", read_range)
    monkeypatch.setattr(Folder, "read", lambda *_: pytest.fail("read a whole file"))
    entry = only(root)
    assert (entry.width, entry.height) == (400, 400)
    assert sum(read) < len(big)
    read.clear()
    assert pair(root, entry) == (big, big)
    assert read == [len(big)] * 2


FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_a_tar_of_samples(tmp_path: Path, form: str, scheme: str) -> None:
    url = str(tmp_path) if scheme == "local" else f"memory://triplets-{form}"
    root = Folder(url)
    long = "d" * 60 + "/" + "e" * 80
    members = {
        **sample("b/1", group="coco:9", license="CC0-1.0", width=WIDTH, height=HEIGHT),
        **sample("0"),
        "notes": b"no extension",
        ".hidden.jpg": b"",
        **(sample(long) if form != "ustar" else {}),
    }
    root.write("x/2.tar", tar_of(members, FORMS[form]))
    root.write("x/2.tar-1.tar", tar_of(sample("k"), FORMS[form]))  # sorts before x/2.tar/
    found = {e.id: e for e in entries(root)}
    names = ["x/2.tar-1.tar/k", "x/2.tar/0", "x/2.tar/b/1"]
    assert list(found) == names + [f"x/2.tar/{long}"] * (form != "ustar")
    assert not any(entry.fault for entry in found.values())
    one = found["x/2.tar/b/1"]
    assert (one.group, one.license, one.instructions) == ("coco:9", "CC0-1.0", ("Make b/1 blue.",))
    assert found["x/2.tar/0"].group == "triplets:x/2.tar/0"
    for entry in found.values():
        assert pair(root, entry) == (picture(), picture(20))


TEXTS: list[tuple[dict[str, bytes], dict[str, str]]] = [
    ({"txt": b"x\n"}, {}),
    ({"edit_prompt.txt": b"x", "txt": b"a caption"}, {}),
    ({"json": b'{"edit_prompt": "x", "prompt": "a caption"}', "txt": b"a caption"}, {}),
    ({"json": b'{"prompt": "other"}', "txt": b"x"}, {"instruction_key": "txt"}),
    ({"json": b'{"say": ["x"]}', "txt": b"other"}, {"instruction_key": "say"}),
    ({"say.txt": b"x", "json": b"{}"}, {"instruction_key": "say"}),
]


@pytest.mark.parametrize(("texts", "options"), TEXTS)
@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("original.jpg", "edited.jpg"), {}),
        (("input.JPG", "target.png"), {}),
        (("a.jpg", "b.jpg"), {"input_key": "a", "output_key": "b.jpg"}),
        (("jpg", "b.c.jpeg"), {"input_key": "jpg", "output_key": "b.c"}),
    ],
)
def test_names_in_tars(
    tmp_path: Path,
    texts: dict[str, bytes],
    options: dict[str, str],
    names: tuple[str, str],
    keys: dict[str, str],
) -> None:
    members = {f"0.{name}": picture() for name in names}
    root = in_tar(tmp_path, members | {f"0.{e}": text for e, text in texts.items()})
    entry = only(root, **options, **keys)
    assert (entry.fault, entry.instructions) == ("", ("x",))


def test_names_that_a_tar_does_not_have(tmp_path: Path) -> None:
    root = in_tar(tmp_path, {"0.a.jpg": picture(), "0.b.png": picture(), "0.txt": b"x"})
    with pytest.raises(SourceError, match=r"t\.tar: input_key is to be set.*a, a.jpg, b, b.png"):
        entries(root)
    with pytest.raises(SourceError, match="output_key: 'c' is not there"):
        entries(root, input_key="a", output_key="c")
    with pytest.raises(SourceError, match=r"instruction_key: 'say' is not there\. Found: txt"):
        entries(root, input_key="a", output_key="b", instruction_key="say")


def test_bad_samples_of_a_tar_are_faults(tmp_path: Path) -> None:
    members = {**sample("good")}
    for key in "abcdefg":
        members |= sample(key)
    del members["a.edited.jpg"]
    members["b.json"] = b"{"
    members["c.json"] = b"[]"
    members["d.json"] = b"{}"
    members["e.original.png"] = picture()
    members["f.original.jpg"] = b"<html>"
    members["g.json"] = b'{"instruction": ' + b" " * tars.MAX_TEXT + b'"x"}'
    found = {e.id.rpartition("/")[2]: e.fault for e in entries(in_tar(tmp_path, members))}
    reasons = {key: fault.partition(":")[0] for key, fault in found.items()}
    assert reasons == {
        "a": "missing",
        "b": "garbled annotation",
        "c": "garbled annotation",
        "d": "garbled annotation",
        "e": "missing",
        "f": "undecodable",
        "g": "garbled annotation",
        "good": "",
    }


def test_a_member_twice_and_members_that_are_no_files(tmp_path: Path) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in (*sample("0").items(), ("0.edited.jpg", b"x"), *sample("1").items()):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("2.original.jpg")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    (tmp_path / "t.tar").write_bytes(data.getvalue())
    zero, one = entries(Folder(str(tmp_path)))
    assert "two members .edited.jpg" in zero.fault
    assert not one.fault


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "t.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in (sample("k\udcff") | {"k\udcff.json": b'{"prompt": "x"}'}).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    root = Folder(str(tmp_path))
    entry = only(root)
    assert entry.id == "t.tar/k\\udcff"
    assert pair(root, entry) == (picture(), picture(20))


def test_damaged_tars(tmp_path: Path) -> None:
    whole = tar_of(sample("0") | sample("1"), tarfile.USTAR_FORMAT)
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        second, end = tar.getmembers()[3].offset, tar.offset
    garbled = whole[:second] + b"garbage!" * 64 + whole[second + 512 :]
    path = tmp_path / "t.tar"
    root = Folder(str(tmp_path))
    for data in (whole[: second + 700], whole[: second + 300], garbled):
        path.write_bytes(data)
        damage, *good = entries(root)
        assert damage.id == "t.tar/"
        assert damage.fault.startswith("truncated: t.tar: ")
        assert [e.id for e in good if not e.fault] == ["t.tar/0"]
        assert pair(root, good[0]) == (picture(), picture(20))
    for blocks in (0, 1, 2):  # one end block, or none, will do
        path.write_bytes(whole[:end] + bytes(512 * blocks))
        assert [e.fault for e in entries(root)] == ["", ""]
    for data in (b"", b"x" * 100, b"<html>" * 1000):
        path.write_bytes(data)
        found = entries(root)
        assert all(e.fault for e in found)
    path.write_bytes(whole)
    _, entry = entries(root)
    path.write_bytes(whole[: second + 600])
    with pytest.raises(BadSample, match=r"truncated: 1.original.jpg.*t.tar"):
        triplets.load(root, entry, [])
    path.unlink()
    with pytest.raises(BadSample, match="missing"):
        triplets.load(root, entry, [])


def test_one_layout_at_a_time(tmp_path: Path) -> None:
    root = Folder(str(tmp_path))
    with pytest.raises(SourceError, match=r"0 metadata.jsonl and 0 \*.tar"):
        entries(root)
    in_tar(tmp_path, sample())
    tree(tmp_path, ROW)
    with pytest.raises(SourceError, match=r"1 metadata.jsonl and 1 \*.tar"):
        entries(root)


@pytest.mark.slow
@pytest.mark.parametrize("in_tars", [False, True])
def test_the_miniature_is_its_truth(tmp_path: Path, in_tars: bool) -> None:
    demo.write(tmp_path, seed=3, tars=in_tars)
    root = Folder(str(tmp_path))
    edits = {
        f"triplets-000000.tar/{k:06d}" if in_tars else f"{edit.input}|{edit.edited}": edit
        for k, edit in enumerate(demo.truth(seed=3))
    }
    found = {e.id: e for e in entries(root)}
    assert found.keys() == edits.keys()
    assert len(found) == 8
    for name, entry in found.items():
        edit = edits[name]
        assert not entry.fault
        assert entry.instructions == (edit.instruction,)
        assert entry.group == f"room-{edit.room:03d}"
        for data, rgb in zip(pair(root, entry), edit.rgb, strict=True):
            assert (entry.height, entry.width) == rgb.shape[:2]
            assert data == encode_jpeg(rgb)
            assert np.abs(decode_rgb(data).astype(int) - rgb).mean() < 4


@pytest.mark.slow
def test_the_miniature_edits_do_what_they_say() -> None:
    words = set()
    for edit in demo.truth(seed=3, frames=12):
        word = edit.instruction.split()[0]
        words.add(word)
        whole = edit.after if word == "Add" else edit.before
        thing = whole.surfaces[edit.thing - 1]
        mask = whole.ids == edit.thing
        assert demo.NAMES.get(thing.name, thing.name) in edit.instruction
        names = [[(s.name, s.colour) for s in f.surfaces] for f in (edit.before, edit.after)]
        if word == "Make":
            (new,) = set(names[1]) - set(names[0]) or {names[1][edit.thing - 1]}
            assert edit.instruction.endswith(f" {new[1]}.")
            assert np.array_equal(edit.before.ids, edit.after.ids)
            same = (edit.rgb[0] == edit.rgb[1]).all(-1)
            assert not same[mask].all()
            assert same[distant(mask)].mean() > 0.999  # a corner's ray may meet a sliver of it
        else:
            more, less = names if word == "Remove" else names[::-1]
            assert less == [*more[: edit.thing - 1], *more[edit.thing :]]
            assert (edit.rgb[0] != edit.rgb[1]).any(-1)[mask].mean() > 0.9
        if word != "Add" and "the" in edit.instruction:
            alike = [s for s in edit.before.surfaces if s.name == thing.name]
            named = thing.colour in edit.instruction.split()
            assert len([s for s in alike if not named or s.colour == thing.colour]) == 1
    assert words == {"Make", "Remove", "Add"}


def distant(mask: Any) -> Any:
    """Pixels that share no corner with the mask."""
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
