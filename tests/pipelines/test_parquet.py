"""Tables of one's own: pictures, maps and texts in columns, in every form that people have them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines import parquet
from pipelines.demo import parquet as demo
from vbdata.core.images import decode_rgb
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError
from vbdata.storage.folder import Folder

RNG = np.random.default_rng(5)
SIZE = (6, 8)
RGB = RNG.integers(0, 256, (7, *SIZE, 3), np.uint8)
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NAME = "a.parquet"


def encoded(values: Any, kind: str = "PNG", **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(values).save(data, kind, **options)
    return data.getvalue()


def npy(values: Any) -> bytes:
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()


def structs(values: list[bytes | None], paths: list[str | None] | None = None) -> pa.Array:
    """A column as the Image feature of Hugging Face datasets has it."""
    named = paths or [None] * len(values)
    rows = [{"bytes": b, "path": p} for b, p in zip(values, named, strict=True)]
    return pa.array(rows, STRUCT)


PNG = [encoded(rgb) for rgb in RGB]


def tree(folder: Path, columns: dict[str, Any], name: str = NAME, **options: Any) -> Folder:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, **options)
    return Folder(str(folder))


def entries(root: Folder, **options: Any) -> list[Entry]:
    found = list(parquet.index(root, **options))
    assert [e.id for e in found] == sorted({e.id for e in found})
    return found


def rgb_of(image: Any) -> Any:
    return decode_rgb(image) if isinstance(image, bytes) else image


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = tmp_path_factory.mktemp("rooms")
    demo.write(folder, layout="labels")
    return Folder(str(folder))


ROOMS: dict[str, Any] = {
    "image": "rgb",
    "captions": "text",
    "camera": "K",
    "depth": {"column": "depth", "scale": 1000, "kind": "z", "invalid": [0]},
    "normals": {"column": "normals", "frame": "opencv", "coding": "png8"},
}


@pytest.mark.slow
def test_every_kind_of_label_is_that_of_the_scene(rooms: Folder) -> None:
    shots = list(demo.truth())
    names = list(shots[0].names)
    segments = {"column": "mask", "coding": "index", "names": names, "void": [0], "things": []}
    for entry, shot in zip(entries(rooms, **ROOMS, segments=segments), shots, strict=True):
        assert (entry.fault, entry.left_out, entry.group) == ("", (), f"parquet:{entry.id}")
        loaded = parquet.load(rooms, entry, parquet.LABELS[:4]).labels
        known = (shot.depth > 0) & (shot.depth < 65.5355)
        assert np.array_equal(loaded["depth"].valid, known)
        stored = np.where(known, np.rint(shot.depth * 1000) / 1000, 0)
        assert np.array_equal(loaded["depth"].metres, stored.astype(np.float32))
        cosines = (loaded["normals"].xyz * np.moveaxis(shot.normals, -1, 0)).sum(0)
        assert cosines[loaded["normals"].valid].min() > 0.9995
        label = loaded["segments"]
        classes = np.array(["", *label.classes])[label.ids]
        assert np.array_equal(classes, np.array(["", *names[1:]])[shot.codes])
        assert loaded["captions"] == (" and ".join(names[k] for k in np.unique(shot.codes)),)
        assert entry.camera == pytest.approx([shot.camera[k] for k in (0, 4, 2, 5)])


def test_what_the_options_say_is_doubted(rooms: Folder) -> None:
    assert {level for level, *_ in parquet.doubts(rooms, entries(rooms, **ROOMS))} == {"ok"}
    wrong = ROOMS | {"depth": {**ROOMS["depth"], "kind": "ray"}}
    wrong["normals"] = {**ROOMS["normals"], "frame": "opengl"}
    said = [
        text for level, text, _ in parquet.doubts(rooms, entries(rooms, **wrong)) if level != "ok"
    ]
    assert any(text.startswith("depth.kind: ray: read as z") for text in said)
    assert any("[right, down, forward] fits best" in text for text in said)


FORMS: dict[str, pa.Array] = {
    "structs": structs(list(PNG)),
    "structs with names": structs(list(PNG), [f"{k}.png" for k in range(7)]),
    "bytes": pa.array(PNG, pa.binary()),
    "large bytes": pa.array(PNG, pa.large_binary()),
    "views of bytes": pa.array(PNG, pa.binary_view()),
    "views of paths": pa.array([f"pics/{k}.png" for k in range(7)], pa.string_view()),
    "paths": pa.array([f"pics/{k}.png" for k in range(7)]),
    "paths of another machine": pa.array([f"/mnt/disk/pics/{k}.png" for k in range(7)]),
    "lists of a struct": pa.array([[s] for s in structs(list(PNG)).to_pylist()], pa.list_(STRUCT)),
    "dictionary of paths": pa.array([f"pics/{k}.png" for k in range(7)]).dictionary_encode(),
    "lists of a path": pa.array([[f"pics/{k}.png"] for k in range(7)]),
    "structs of names alone": structs([None] * 7, [f"pics/{k}.png" for k in range(7)]),
    "structs of names on another machine": structs(
        [None] * 7, [f"C:\\data\\pics\\{k}.png" for k in range(7)]
    ),
    "some of each": structs(
        [PNG[0], None, PNG[2], None, PNG[4], None, PNG[6]], [f"pics/{k}.png" for k in range(7)]
    ),
}

BYTES = (
    "structs",
    "structs with names",
    "bytes",
    "large bytes",
    "views of bytes",
    "lists of a struct",
)  # without files


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rows", [2, 100])
def test_every_form_of_a_column_of_pictures(tmp_path: Path, form: str, rows: int) -> None:
    (tmp_path / "pics").mkdir()
    if form not in BYTES:
        for number, data in enumerate(PNG):
            (tmp_path / f"pics/{number}.png").write_bytes(data)
    root = tree(tmp_path, {"photo": FORMS[form]}, row_group_size=rows)
    found = entries(root, image="photo")
    assert [e.fault for e in found] == [""] * 7
    for entry, rgb in zip(found, RGB, strict=True):
        assert (entry.width, entry.height) == SIZE[::-1]
        assert np.array_equal(rgb_of(parquet.load(root, entry, ()).image), rgb)


DEPTH = np.arange(48, dtype=np.uint16).reshape(SIZE) * 100
METRES = np.where(DEPTH > 0, DEPTH / 1000, 0).astype(np.float32)
CODED = {
    "png": (encoded(DEPTH), {"scale": 1000}),
    "tiff of floats": (encoded(METRES, "TIFF"), {"scale": 1}),
    "tiff of 16 bits": (encoded(DEPTH, "TIFF"), {"scale": 1000}),
    "npy": (npy(METRES), {"scale": 1}),
    "npy with an axis": (npy(METRES[None, :, :, None]), {"scale": 1}),
}


@pytest.mark.parametrize("coding", CODED)
def test_depth_of_every_coding(tmp_path: Path, coding: str) -> None:
    data, options = CODED[coding]
    root = tree(tmp_path, {"image": structs(PNG[:1]), "depth_map": structs([data])})
    (entry,) = entries(root, image="image", depth={"column": "depth_map", "kind": "z", **options})
    depth = parquet.load(root, entry, ["depth"]).labels["depth"]
    assert np.array_equal(depth.metres, METRES)
    assert np.array_equal(depth.valid, DEPTH > 0)


def test_a_null_or_damaged_map_leaves_out_its_kind_alone(tmp_path: Path) -> None:
    mask = encoded(np.full(SIZE, 1, np.uint8))
    columns = {
        "image": structs([*PNG[:4], None]),
        "mask": structs([mask, None, b"no map", encoded(np.full(SIZE, 9, np.uint8)), mask]),
        "text": ["a", "b", None, "d", "e"],
    }
    segments = {"column": "mask", "coding": "index", "names": {1: "cat"}}
    found = entries(tree(tmp_path, columns), image="image", captions="text", segments=segments)
    assert [e.labels for e in found] == [
        ("segments", "captions"),
        ("captions",),
        (),
        ("captions",),
        (),
    ]
    assert found[1].left_out == ("missing: segments: column mask has no bytes",)
    assert found[2].fault.startswith(f"undecodable: row 2 of {NAME}: segments: starts 6e6f206d6170")
    assert found[3].left_out[0].startswith("unknown category: segments: 1 codes without a name: 9")
    assert found[4].fault == f"missing: row 4 of {NAME}: column image has no bytes"
    assert [f.name for f in found[0].classes] == ["cat"]


def test_names_of_classes_in_a_file_and_a_second_map_of_instances(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("road\ncar\n")
    mask = np.array([[0, 1, 1], [0, 1, 1]], np.uint8)
    told = np.array([[0, 1, 2], [0, 1, 2]], np.uint8)
    picture = encoded(RGB[0, :2, :3])
    columns = {"i": [picture], "m": [encoded(mask)], "n": [encoded(told)]}
    segments = {"column": "m", "instances": "n", "coding": "index", "things": ["car"]}
    root = tree(tmp_path, columns)
    (entry,) = entries(root, image="i", segments=segments | {"names": {"files": "names.txt"}})
    assert [(f.name, f.instances) for f in entry.classes] == [("car", 2), ("road", 0)]
    label = parquet.load(root, entry, ["segments"]).labels["segments"]
    assert label.classes == ("road", "car", "car")
    assert np.array_equal(label.ids, [[1, 2, 3], [1, 2, 3]])
    with pytest.raises(SourceError, match=r"segments\.names: 0 files match 'n\.txt', expected one"):
        entries(root, image="i", segments=segments | {"names": {"files": "n.txt"}})


def test_sizes_in_columns_spare_the_pictures(tmp_path: Path) -> None:
    columns = {"image": structs([PNG[0], b"no picture"]), "w": [8, 8], "h": [6, 6]}
    root = tree(tmp_path, columns)
    found = entries(root, image="image", size=["w", "h"])
    assert [e.fault for e in found] == ["", ""]
    assert parquet.load(root, found[0], ()).image == PNG[0]
    with pytest.raises(BadSample, match="undecodable"):
        parquet.load(root, found[1], ())
    columns["h"], columns["image"] = [None, 7], structs(PNG[:2])
    wrong = entries(tree(tmp_path, columns), image="image", size=["w", "h"])
    with pytest.raises(BadSample, match=r"8x6, expected 8x7.*without the option size it is measur"):
        parquet.load(root, wrong[1], ())
    assert wrong[0].fault.startswith(f"garbled annotation: row 0 of {NAME}: its size is 8 x None")


def test_turned_pictures(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(RGB[0], "JPEG", exif=exif.tobytes())
    columns = {"image": structs([turned]), "text": ["x"], "depth": structs([encoded(DEPTH)])}
    root = tree(tmp_path, columns)
    (shown,) = entries(root, image="image", captions="text")
    assert (shown.width, shown.height) == SIZE
    assert rgb_of(parquet.load(root, shown, ["captions"]).image).shape == (*SIZE[::-1], 3)
    depth = {"column": "depth", "scale": 1000, "kind": "z"}
    (unsaid,) = entries(root, image="image", depth=depth)
    with pytest.raises(BadSample, match=r"turned picture.*option exif"):
        parquet.load(root, unsaid, ["depth"])
    (stored,) = entries(root, image="image", depth=depth, exif="stored")
    assert parquet.load(root, stored, ["depth"]).image == turned


SPLITS = {
    "data/train-00000-of-00002.parquet": "train",
    "data/train-00001-of-00002.parquet": "train",
    "data/test-00000-of-00001.parquet": "test",
}


def test_splits_are_words_of_paths(tmp_path: Path) -> None:
    for name in SPLITS:
        root = tree(tmp_path, {"image": structs(PNG[:1])}, name)
    with pytest.raises(SourceError, match=r"split: is to be set: train, test; all takes all"):
        entries(root, image="image")
    assert len(entries(root, image="image", split="train")) == 2
    assert len(entries(root, image="image", split="all")) == 3
    assert len(entries(root, image="image", files="data/test-*.parquet")) == 1
    with pytest.raises(SourceError, match=r"no file of 'dev'. Found: train, test"):
        entries(root, image="image", split="dev")


def test_groups_are_the_sources_own(tmp_path: Path) -> None:
    columns = {"image": structs(PNG[:3]), "scene": ["a", "a", "b"], "n": [139, 7, None]}
    root = tree(tmp_path, columns)

    def groups(**options: Any) -> list[str]:
        return [e.group for e in entries(root, image="image", **options)]

    assert groups(source="mine")[0] == f"mine:{NAME}/000000000"
    assert groups(source="mine", group="scene") == ["mine:a", "mine:a", "mine:b"]
    assert groups(source="mine", groups="shared", group="{scene}/{row}")[1] == "shared:a/1"
    assert groups(group="coco:{n:012}")[:2] == ["coco:000000000139", "coco:000000000007"]
    fault = entries(root, image="image", group="n")[2].fault
    assert (
        fault == f"garbled annotation: row 2 of {NAME}: group: n is None, expected text or a number"
    )
    with pytest.raises(SourceError, match=r"group: 'day' is not there. Found: image, n, scene"):
        groups(group="day")


def test_damage_is_a_fault_of_what_it_hits(tmp_path: Path) -> None:
    columns = {"image": structs(PNG), "text": [str(k) for k in range(7)]}
    tree(tmp_path, columns, compression="none", use_dictionary=False, row_group_size=3)
    path = tmp_path / NAME
    whole = path.read_bytes()
    root = Folder(str(tmp_path))
    path.write_bytes(whole.replace(PNG[4], bytes(len(PNG[4]))))
    faults = [e.fault.partition(":")[0] for e in entries(root, image="image", captions="text")]
    assert faults == ["", "", "", "", "undecodable", "", ""]
    path.write_bytes(whole[:-9])
    (one,) = entries(root, image="image")
    assert (one.id, one.fault.partition(":")[0]) == (f"{NAME}/", "truncated")
    for at in range(4, len(whole) - 8, 193):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        for entry in entries(root, image="image", captions="text"):
            try:
                image = parquet.load(root, entry, entry.labels).image
            except BadSample:
                continue
            assert isinstance(image, bytes)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another column": (
        {"image": "img"},
        r"image: 'img' is not there\. Found: image, list, text, x",
    ),
    "another column of captions": (
        {"image": "image", "captions": "caption"},
        r"captions: 'caption' is not there",
    ),
    "numbers": ({"image": "x"}, r"image: column 'x' is int64; expected bytes of a file"),
    "lists of bytes": (
        {"image": "list"},
        r"image: column 'list' is list<.*list of structs or paths",
    ),
    "nothing": ({}, r"image: is to be set.*Found: image, list, text, x\. Presets: hq-edit"),
    "a preset": ({"preset": "ultraedit"}, r"edited\.instructions: 'edit_prompt' is not there"),
    "an unknown preset": ({"preset": "ultra"}, r"preset: 'ultra' is not a choice"),
    "files": ({"image": "image", "files": "b*"}, r"files: no file matches 'b\*'; .*option files"),
    "arrays": (
        {"image": "image", "depth": {"column": "x", "scale": 1, "kind": "z"}},
        r"depth\.column: column 'x' is int64",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_what_helps(tmp_path: Path, case: str) -> None:
    listed = pa.array([[PNG[0]]], pa.list_(pa.binary()))
    columns = {"image": structs(PNG[:1]), "text": ["t"], "x": [1], "list": listed}
    options, said = REFUSED[case]
    with pytest.raises(SourceError, match=said):
        entries(tree(tmp_path, columns), **options)


def test_other_folders_of_datasets_are_told(tmp_path: Path) -> None:
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"x")
    with pytest.raises(
        SourceError, match=r"save_to_disk writes: write the data set with to_parquet"
    ):
        entries(Folder(str(tmp_path)), image="image")


def test_options_are_checked_at_once() -> None:
    faults = parquet.option_faults(
        {
            "image": "a",
            "size": ["w"],
            "camera": [1, 2],
            "group": "coco:{id:x}",
            "depth": {"column": "d"},
            "normals": {"frame": "world", "coding": "png8"},
            "segments": {"column": "m", "coding": "yolo-seg", "names": ["x"]},
            "edited": "b",
        }
    )
    said = "\n".join(faults)
    for line in (
        "size: ['w']: two columns are expected",
        "camera: should be [fx, fy, cx, cy]",
        "group: 'coco:{id:x}' is no column and no template",
        "depth.kind: is to be set",
        "depth.scale: is to be set",
        "normals.column: is to be set",
        "poses, which it needs, are read by folders",
        "segments.coding: 'yolo-seg' is not a choice",
        "edited.instructions: is to be set",
    ):
        assert line in said, (line, said)
    assert parquet.option_faults({"depth": {"column": "d", "scale": 1, "kind": "z"}}) == []


def test_lines_of_json_are_tables_of_files(tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    for number in range(2):
        (tmp_path / f"pics/{number}.png").write_bytes(PNG[number])
    rows: list[Any] = [
        {"p": "pics/0.png", "t": ["a", "b"]},
        {"p": "pics/1.png"},
        {"p": "gone.png", "t": "x"},
        {"p": "https://x.invalid/a.png", "t": "x"},
    ]
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join([*lines, "no json", ""]))
    root = Folder(str(tmp_path))
    found = entries(root, files="*.jsonl", image="p", captions="t")
    assert [e.captions for e in found] == [("a", "b"), (), (), (), ()]
    assert [e.fault for e in found] == [
        "",
        "empty label: row 2 of a.jsonl: captions: no caption: t",
        "missing: row 3 of a.jsonl: column p names no file that is there: 'gone.png'",
        "missing: row 4 of a.jsonl: column p has an address, 'https://x.invalid/a.png': it is to "
        "be downloaded first",
        "garbled annotation: rows 5 to 5 of a.jsonl: not a JSON object",
    ]
    assert parquet.load(root, found[0], ["captions"]).image == PNG[0]
