"""Edits with several pictures: read from tables and tars, built, verified, exported."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipelines import parquet, triplets
from vbdata.checks.verify import examine, verify
from vbdata.core import images
from vbdata.core.images import encode_jpeg
from vbdata.core.png import encode_png
from vbdata.engine.build import build
from vbdata.export.parts.run import export
from vbdata.export.parts.types import ExportOptions
from vbdata.manifest.opened import open_build
from vbdata.recipe.recipe import parse_recipe
from vbdata.run.how import How
from vbdata.shard.tar import members
from vbdata.storage.folder import Folder
from vbdata.view.contact_sheet import contact_sheet
from vbdata.view.report.page import PageOptions, page

RNG = np.random.default_rng(5)
SIZES = ((40, 32), (40, 32), (24, 48), (17, 9), (40, 32))  # input, edited, three references
RGB = [RNG.integers(0, 256, (height, width, 3), np.uint8) for width, height in SIZES]
FILES = [*map(encode_jpeg, RGB[:4]), encode_png(RGB[4])]
STRUCT = pa.struct({"bytes": pa.binary(), "path": pa.string()})


def cells(numbers: list[list[int]]) -> pa.Array:
    rows = [[{"bytes": FILES[n], "path": None} for n in row] for row in numbers]
    return pa.array(rows, pa.list_(STRUCT))


def hub(root: Path) -> dict[str, Any]:
    """A table with image structs in lists, as the Hub has them: one picture, three, ten."""
    columns = {
        "input_images": cells([[0], [0, 2, 4], [0] * 11]),
        "output": pa.array([{"bytes": FILES[1], "path": None}] * 3, STRUCT),
        "prompt": pa.array(["Add it.", "Put the second into the first.", "Too many."]),
    }
    root.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), root / "edits.parquet")
    return {
        "dataset": "parquet",
        "image": "input_images",
        "edited": {"column": "output", "instructions": "prompt"},
    }


def lines(root: Path) -> dict[str, Any]:
    """A metadata.jsonl whose input is a name or a list of names."""
    root.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(FILES):
        (root / f"{number}.jpg").write_bytes(data)
    rows = (
        ("0.jpg", "Add it."),
        (["0.jpg", "2.jpg", "4.jpg"], "Put it in."),
        (["0.jpg"] * 11, "No."),
    )
    text = "".join(
        json.dumps({"input_image": given, "output": "1.jpg", "instruction": said}) + "\n"
        for given, said in rows
    )
    (root / "metadata.jsonl").write_text(text)
    return {"dataset": "triplets"}


def tars(root: Path) -> dict[str, Any]:
    """A tar with members reference1 and reference2 in one of two samples."""
    root.mkdir(parents=True, exist_ok=True)
    names = {"input.jpg": 0, "output.jpg": 1, "reference1.jpg": 2, "reference2.png": 4}
    with tarfile.open(root / "a.tar", "w") as tar:
        for key, parts in (("0", ["input.jpg", "output.jpg"]), ("1", list(names))):
            for name, data in [(n, FILES[names[n]]) for n in parts] + [("txt", b"Put it in.")]:
                member = tarfile.TarInfo(f"{key}.{name}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return {"dataset": "triplets"}


READERS = {"hub": (hub, parquet), "lines": (lines, triplets), "tars": (tars, triplets)}


@pytest.mark.parametrize("name", READERS)
def test_the_first_picture_is_the_input_and_the_others_are_references(
    tmp_path: Path, name: str
) -> None:
    write, reader = READERS[name]
    options = {key: value for key, value in write(tmp_path).items() if key != "dataset"}
    root = Folder(str(tmp_path))
    found = list(reader.index(root, **options))
    kept = [entry for entry in found if not entry.fault]
    assert [entry.references for entry in kept] in ([0, 2], [2, 0])  # in order of their ids
    several = next(entry for entry in kept if entry.references)
    sample = reader.load(root, several, ["edited"])
    assert [sample.image, sample.labels["edited"]] == FILES[:2]
    assert [*sample.references] == [FILES[2], FILES[4]]
    if len(found) == 3:
        (fault,) = (entry.fault for entry in found if entry.fault)
        assert fault.startswith("left out: ")
        assert "11 " in fault
        assert "an input and up to 9 references" in fault


def built(folder: Path, **image: Any) -> Folder:
    out = Folder(str(folder / "out"))
    source = {**hub(folder / "data"), "root": str(folder / "data"), "tasks": {"edit": 1}}
    recipe = {"name": "refs", "seed": 1, "samples": 4, "image": image, "sources": {"mine": source}}
    build(parse_recipe(json.dumps(recipe), "refs.yaml", folder, {}), out, How())
    return out


@pytest.mark.slow
def test_a_build_has_them_as_they_are_each_of_its_own_size(tmp_path: Path) -> None:
    out = built(tmp_path)
    opened = open_build(out)
    assert opened.manifest.members == {
        **dict.fromkeys(("input.jpg", "instruction.txt", "json", "target.jpg"), 4),
        **dict.fromkeys(("reference1.jpg", "reference2.png"), 2),
    }
    for number in range(4):
        parts, row = opened.members(number), opened.row(number)
        count = json.loads(row["params"]).get("references", 0)
        more = {"reference1.jpg": FILES[2], "reference2.png": FILES[4]} if count else {}
        assert {n: d for n, d in parts.items() if n.startswith("reference")} == more
        assert (parts["input.jpg"], parts["target.jpg"]) == (FILES[0], FILES[1])
        assert (row["width"], row["height"]) == SIZES[0]
        assert [rgb.shape[1::-1] for rgb in opened[number].references] == [*SIZES[2::2]][:count]
        assert opened[number]._repr_html_().count("reference") == 2 * count
    shown = page(out, PageOptions(samples=4)).decode()
    assert shown.count("<figcaption>reference 2</figcaption>") == 2
    assert Image.open(io.BytesIO(contact_sheet(out, 4))).size[0] > 1000
    assert verify(out) == []
    assert "reference1.jpg" in (tmp_path / "out/README.md").read_text()


@pytest.mark.slow
def test_references_are_shrunk_as_inputs_are_and_all_png_on_request(tmp_path: Path) -> None:
    out = built(tmp_path, max_pixels=400, multiple_of=4, target="png")
    assert verify(out) == []
    (tar,) = (tmp_path / "out").rglob("*.tar")
    found = {
        m.extension: images.decode_rgb(m.data) for m in members(tar) if "reference" in m.extension
    }
    assert {name: rgb.shape[1::-1] for name, rgb in found.items()} == {
        "reference1.png": (12, 28),
        "reference2.png": (20, 16),
    }


@pytest.mark.slow
def test_a_reference_that_is_missing_or_damaged_is_found(tmp_path: Path) -> None:
    from tests.checks.test_verify import forge, rewrite

    out = built(tmp_path)
    (tar,) = (tmp_path / "out").rglob("*.tar")
    rewrite(tar, lambda _, parts: parts.pop("reference2.png", None))
    forge(tmp_path / "out")
    assert any("members [" in fault for fault in examine(out).faults)


@pytest.mark.slow
def test_exports_carry_them_where_their_trainer_takes_several(tmp_path: Path) -> None:
    out, part = built(tmp_path), "pairs-references2"
    for name in ("ai-toolkit", "musubi", "diffsynth", "imagefolder", "diffusion-pipe"):
        folder = tmp_path / name
        options = ExportOptions(format=name, odd_sizes="keep")
        report = export(out, Folder(str(folder)), options)
        counts = {each["part"]: each["references"] for each in report["parts"]}
        if name in ("imagefolder", "diffusion-pipe"):
            assert (counts, report["skipped_with_references"]) == ({"pairs": 0}, 2)
            assert "2 samples were left out" in (folder / "README.md").read_text()
            continue
        assert (counts, report["skipped_with_references"]) == ({"pairs": 0, part: 2}, 0)
        for number, data in ((1, FILES[2]), (2, FILES[4])):
            found = list((folder / part / f"reference{number}").iterdir())
            assert [path.read_bytes() for path in found] == [data] * 2
    folders = ["control", "reference1", "reference2"]
    config = (tmp_path / "ai-toolkit/config.yaml").read_text()
    assert [f"- {part}/{each}" in config for each in folders] == [True] * 3
    line = json.loads((tmp_path / f"musubi/{part}/metadata.jsonl").read_text().splitlines()[0])
    assert [line[f"control_path_{n}"].split("/")[:2] for n in range(3)] == [
        [part, f] for f in folders
    ]
    line = json.loads((tmp_path / f"diffsynth/{part}/metadata.jsonl").read_text().splitlines()[0])
    assert [path.split("/")[0] for path in line["edit_image"]] == folders
