"""The reader `folders`: patterns, splits, groups, cameras and texts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines import folders
from pipelines.demo.folders import npy
from tests.helpers.own_folders import DEPTH, HEIGHT, JPEG, WIDTH, entries, metres, png, put
from vbdata.errors import BadSample, SourceError
from vbdata.sources.open import open_root
from vbdata.storage.folder import Folder


def pairs(root: Path, images: str, files: Any, **more: Any) -> dict[str, str]:
    """Image -> its depth file, "" where it is missing."""
    found = entries(root, images=images, depth={**DEPTH, "files": files, **more})
    return {e.id: e.files["depth"].path if e.files["depth"].size >= 0 else "" for e in found}


# patterns


@pytest.mark.parametrize(
    ("images", "files", "there", "wanted"),
    [
        ("rgb/{id}.jpg", "d/{id}.npy", ["rgb/a.b.jpg", "d/a.b.npy"], ["d/a.b.npy"]),
        ("rgb/*.jpg", "d/*.npy", ["rgb/a.jpg", "d/a.npy", "d/b.npy"], ["d/a.npy"]),
        ("./rgb/{id}.*", "d/{id}_depth.npy", ["rgb/a.JPG", "d/a_depth.npy"], ["d/a_depth.npy"]),
        ("**/{id}.jpg", "**/{id}.npy", ["x/y/a.jpg", "x/y/a.npy", "a.npy"], ["x/y/a.npy"]),
        ("i/**/*.jpg", "d/**/*.npy", ["i/a.jpg", "d/a.npy", "d/x/a.npy"], ["d/a.npy"]),
        (
            "{scene}/rgb/{cam}_{id}.jpg",
            "{scene}/{cam}/{id}.npy",
            ["s/rgb/l_0_1.jpg", "s/l_0/1.npy", "s/l/0_1.npy"],
            ["s/l_0/1.npy"],
        ),
        ("{id}/{id}.jpg", "d/{id}.npy", ["a/a.jpg", "a/b.jpg", "d/a.npy"], ["d/a.npy"]),
        ("rgb/{id}.jpg", "d/**/{id}.npy", ["rgb/a.jpg", "d/x/y/a.npy"], ["d/x/y/a.npy"]),
        ("r?/{id}.jpg", "d/{id}.npy", ["r1/a.jpg", "d/a.npy"], ["d/a.npy"]),
        ("rgb/[{id}].jpg", "d/({id}).npy", ["rgb/[a].jpg", "d/(a).npy"], ["d/(a).npy"]),
    ],
)
def test_files_are_paired_by_their_parts(
    images: str, files: str, there: list[str], wanted: list[str], tmp_path: Path
) -> None:
    for path in there:
        put(tmp_path, path, data=metres() if path.endswith("npy") else JPEG)
    found = pairs(tmp_path, images, files)
    assert list(found.values()) == wanted


def test_a_missing_file_keeps_its_name_and_others_are_kept_apart(tmp_path: Path) -> None:
    put(tmp_path, "s/rgb/a.jpg", "t/rgb/a.jpg", "s/rgb/.b.jpg", "__MACOSX/s/rgb/a.jpg")
    put(tmp_path, "s/d/a.npy", data=metres())
    given = {"images": "{scene}/rgb/{id}.jpg"}
    one, other = entries(tmp_path, **given, depth={**DEPTH, "files": "{scene}/d/{id}.npy"})
    assert (one.files["depth"].size > 0, other.files["depth"].size) == (True, -1)
    assert other.files["depth"].path == "t/d/a.npy"
    with pytest.raises(SourceError, match=r"s/d/a.npy would be the file of several images, such"):
        entries(tmp_path, **given, depth={**DEPTH, "files": "s/d/{id}.npy"})
    shared = entries(tmp_path, **given, depth={**DEPTH, "files": "s/d/{id}.npy", "shared": True})
    assert {entry.files["depth"].path for entry in shared} == {"s/d/a.npy"}
    with pytest.raises(
        SourceError, match=r"\{cam\} is no part of the pattern of images, which has"
    ):
        entries(tmp_path, **given, depth={**DEPTH, "files": "{cam}/d/{id}.npy"})
    with pytest.raises(SourceError, match=r"no file matches depth.files: 'z/\{id\}.npy'"):
        entries(tmp_path, **given, depth={**DEPTH, "files": "z/{id}.npy"})


def test_two_files_of_an_image_are_its_fault(tmp_path: Path) -> None:
    put(tmp_path, "rgb/a.jpg")
    put(tmp_path, "d/a.npy", "d/a.exr", data=metres())
    (one,) = entries(tmp_path, images="rgb/*.jpg", depth={**DEPTH, "files": "d/{id}.*"})
    assert one.fault.startswith("garbled annotation: depth: 2 files match depth.files: d/a.exr")


def test_pictures_alone_match(tmp_path: Path) -> None:
    put(tmp_path, "x/a.jpg", "x/a.txt", "x/a.json")
    assert [entry.id for entry in entries(tmp_path, images="x/*.*")] == ["x/a.jpg"]
    with pytest.raises(SourceError, match=r"'y/\{id\}.jpg' \(images or preset .*\); found x/a"):
        entries(tmp_path, images="y/*.jpg")


def test_a_pattern_never_leaves_the_root(tmp_path: Path) -> None:
    put(tmp_path, "root/rgb/a.jpg", "secret/a.npy")
    for files in ("../secret/{id}.npy", "/etc/{id}", "d/../../secret/{id}.npy", "a\\{id}.npy"):
        with pytest.raises(SourceError, match="is not a path below the root"):
            entries(tmp_path / "root", images="rgb/*.jpg", depth={**DEPTH, "files": files})
    lines = json.dumps({"image": "a", "edited": "../../secret/a.npy", "instruction": "x"})
    put(tmp_path, "root/e.jsonl", data=lines)
    (one,) = entries(tmp_path / "root", images="rgb/*.jpg", edited="e.jsonl")
    assert one.fault.startswith("unsafe path: edited")


def test_splits_and_lists(tmp_path: Path) -> None:
    put(tmp_path, "i/train/a.jpg", "i/val/b.jpg", "i/val/c.jpg")
    images = "i/{split}/{id}.jpg"
    with pytest.raises(
        SourceError, match="split is to be set: there are train, val; all takes all"
    ):
        entries(tmp_path, images=images)
    assert len(entries(tmp_path, images=images, split="val")) == 2
    assert len(entries(tmp_path, images=images, split="all")) == 3
    with pytest.raises(SourceError, match=r"split: 'test' is not there. Known: train, val, all"):
        entries(tmp_path, images=images, split="test")
    put(tmp_path, "lists/one.txt", data="b 1\ni/train/a.jpg\nlost\n")
    found = entries(tmp_path, images="i/**/{id}.jpg", lists="lists/{split}.txt", split="one")
    assert [e.id for e in found if not e.fault] == ["i/train/a.jpg", "i/val/b.jpg"]
    (lost,) = (e for e in found if e.fault)
    assert "missing: 'lost' of a list of images is not there" in lost.fault
    with pytest.raises(SourceError, match=r"no lists/two.txt"):
        entries(tmp_path, images="i/**/{id}.jpg", lists="lists/{split}.txt", split="two")


def test_groups_licences_and_cameras(tmp_path: Path) -> None:
    put(tmp_path, "s/day1/a.jpg")
    put(tmp_path, "s/cam.txt", data="500 0 4 0\n0 501 3 0\n0 0 1 0\n")
    images = "{scene}/{day}/{id}.jpg"
    (one,) = entries(tmp_path, images=images, licence="CC-BY-4.0", camera="{scene}/cam.txt")
    assert (one.group, one.license) == ("folders:s", "CC-BY-4.0")
    assert one.camera == (500, 501, 4, 3)
    (one,) = entries(tmp_path, images=images, group="{scene}-{day}")
    assert (one.group, one.license) == ("folders:s-day1", "unknown")
    assert entries(tmp_path, images=images, group="coco:{id}")[0].group == "coco:a"
    assert entries(tmp_path, images="**/{id}.jpg")[0].group == "folders:s/day1/a"
    with pytest.raises(SourceError, match=r"group: '\{seq\}': .* parts \{scene\}, \{day\}, \{id\}"):
        entries(tmp_path, images=images, group="{seq}")


CAMERAS = {
    "c.json": json.dumps({"a": {"fx": 5, "fy": 6, "cx": 3.5, "cy": 2.5}}),
    "matrix.json": json.dumps({"a": [[5, 0, 3.5], [0, 6, 2.5], [0, 0, 1]]}),
    "lens.json": json.dumps({"a": {"focal_length": 35, "sensor_width": 28}}),
    "four.txt": "5 6, 3.5 2.5  # fx fy cx cy",
    "k.npy": npy(np.array([[5, 0, 3.5], [0, 6, 2.5], [0, 0, 1]])),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_cameras_of_every_form(name: str, tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg")
    put(tmp_path, name, data=CAMERAS[name])
    camera = {"files": name, "at": "a"} if name.endswith("json") else name
    (one,) = entries(tmp_path, images="i/*.jpg", camera=camera)
    assert one.camera == ((10, 10, 3.5, 2.5) if name == "lens.json" else (5, 6, 3.5, 2.5))
    put(tmp_path, name, data="x y z")
    (one,) = entries(tmp_path, images="i/*.jpg", camera=camera)
    assert one.camera is None
    assert one.fault.startswith(("garbled annotation: camera", "undecodable: camera"))


def test_what_is_wrong_with_one_kind_leaves_the_others(tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg")
    put(tmp_path, "d/a.npy", data=metres())
    put(tmp_path, "m/a.png", data=png(np.full((HEIGHT, WIDTH), 7, np.uint8)))
    given = {"images": "i/*.jpg", "depth": {**DEPTH, "files": "d/*.npy"}}
    segments = {"files": "m/*.png", "coding": "index", "names": ["a"]}
    (one,) = entries(tmp_path, **given, segments=segments)
    assert (one.labels, one.fault) == (("depth",), "")
    assert one.left_out[0].startswith("unknown category: segments: 1 codes without a name: 7")
    assert one.left_out[0].endswith("[m/a.png]")


def test_a_turned_picture_needs_a_word(tmp_path: Path) -> None:
    tag = Image.Exif()
    tag[0x0112] = 6
    put(tmp_path, "i/a.jpg", data=saved(exif=tag))
    put(tmp_path, "d/a.npy", data=metres())
    put(tmp_path, "t/a.npy", data=metres(2, (WIDTH, HEIGHT)))
    given = {"images": "i/*.jpg", "depth": {**DEPTH, "files": "d/*.npy"}}
    root = Folder(str(tmp_path))
    (one,) = entries(tmp_path, **given)
    with pytest.raises(BadSample, match="turned picture: its EXIF orientation is 6"):
        folders.load(root, one, ("depth",))
    (one,) = entries(tmp_path, **given, exif="stored")
    assert folders.load(root, one, ("depth",)).labels["depth"].valid.all()
    given["depth"] = {**DEPTH, "files": "t/*.npy"}
    (one,) = entries(tmp_path, **given, exif="shown")
    assert (one.width, one.height) == (HEIGHT, WIDTH)
    sample = folders.load(root, one, ("depth",))
    assert np.asarray(sample.image).shape == (WIDTH, HEIGHT, 3)


def saved(**options: Any) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(JPEG)).save(out, "JPEG", **options)
    return out.getvalue()


def test_archives_are_read_where_they_lie(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("rgb/a.jpg", JPEG)
        archive.writestr("d/a.npy", metres())
    root = open_root([str(tmp_path / "all.zip")])
    given = {"images": "rgb/*.jpg", "depth": {**DEPTH, "files": "d/*.npy"}}
    (one,) = folders.index(root, **given)
    assert folders.load(root, one, ("depth",)).labels["depth"].valid.all()


# texts


def test_captions_by_files_and_by_lines(tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg", "i/b.jpg")
    put(tmp_path, "t/a.txt", data="a  cat\n")
    one, other = entries(tmp_path, images="i/*.jpg", captions="t/*.txt")
    assert (one.captions, one.labels) == (("a cat",), ("captions",))
    assert other.fault == "missing: no caption: t/b.txt"
    lines = [{"file_name": "a.jpg", "text": "x"}, {"file_name": "b.jpg", "text": ["y", "z"]}]
    put(tmp_path, "i/meta.jsonl", data="\n".join(map(json.dumps, lines)))
    one, other = entries(tmp_path, images="i/*.jpg", captions="i/meta.jsonl")
    assert (one.captions, other.captions) == (("x",), ("y", "z"))
    given = {"files": "i/meta.jsonl", "text_key": "said"}
    with pytest.raises(SourceError, match=r"text_key: 'said' is not there. Found: file_name, text"):
        entries(tmp_path, images="i/*.jpg", captions=given)


def test_edits(tmp_path: Path) -> None:
    put(tmp_path, "i/a.jpg", "after/a.jpg")
    put(tmp_path, "say/a.txt", data="Make it blue.")
    given: Sequence[dict[str, Any]] = (
        {"files": "after/*.jpg", "instruction": "Make it blue."},
        {"files": "after/*.jpg", "instructions": "say/*.txt"},
        {"files": "e.jsonl", "edited_key": "out"},
    )
    line = {"image": "i/a.jpg", "out": "after/a.jpg", "instruction": "Make it blue."}
    put(tmp_path, "e.jsonl", data=json.dumps(line))
    for edited in given:
        (one,) = entries(tmp_path, images="i/*.jpg", edited=edited)
        assert (one.labels, one.instructions) == (("edited",), ("Make it blue.",))
        sample = folders.load(Folder(str(tmp_path)), one, ("edited",))
        assert sample.labels["edited"] == JPEG
    put(tmp_path, "e.jsonl", data=json.dumps(line) + "\n" + json.dumps({**line, "out": "b.jpg"}))
    (one,) = entries(tmp_path, images="i/*.jpg", edited=given[2])
    assert "the reader triplets takes several edits" in one.fault


def test_groups_are_of_their_source(tmp_path: Path) -> None:
    """Unless sources that share pictures say so."""
    put(tmp_path, "s/a.jpg", data=JPEG)
    put(tmp_path, "s/a.txt", data=b"a street")
    pattern: dict[str, Any] = {"images": "s/{id}.jpg", "captions": {"files": "s/{id}.txt"}}
    groups = [
        next(folders.index(Folder(str(tmp_path)), source=source, groups=shared, **pattern)).group
        for source, shared in (("mine", ""), ("yours", ""), ("mine", "both"), ("yours", "both"))
    ]
    assert groups == ["mine:s/a", "yours:s/a", "both:s/a", "both:s/a"]
    with pytest.raises(SourceError, match="groups: 'a b' is no name"):
        list(folders.index(Folder(str(tmp_path)), groups="a b", **pattern))
