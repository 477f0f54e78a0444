"""`vbdata init` on folders, tables, tars and Parquet of one's own: options, and what is blank."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.drafts import (
    DEPTH16,
    INDEX,
    RGB,
    drafted,
    eligible,
    filled,
    only,
    tar,
    written,
)
from tests.helpers.own_folders import JPEG, metres, put
from vbdata.errors import RecipeError
from vbdata.guide.draft import draft
from vbdata.recipe.recipe import load_recipe

OUTLINE = "0 0 0 1 0 1 1 0 1\n"


def test_what_no_file_says_is_to_be_filled_in(tmp_path: Path) -> None:
    for scene in ("a", "b"):
        put(tmp_path, f"f/{scene}/color/1.jpg", f"f/{scene}/color/2.jpg")
        put(tmp_path, f"f/{scene}/depth/1.png", f"f/{scene}/depth/2.png", data=DEPTH16)
        put(tmp_path, f"f/{scene}/normal/1.png", f"f/{scene}/normal/2.png", data=RGB)
    source = only(tmp_path / "f")
    assert source.blanks == ("depth.scale", "depth.kind", "normals.frame")
    assert source.found.options["images"] == "{scene}/color/{id}.jpg"
    assert source.found.options["normals"]["coding"] == "png8"
    recipe = written(tmp_path / "f")
    with pytest.raises(RecipeError, match=r"depth\.kind: is to be set"):
        load_recipe(recipe)
    tasks = ("depth", "normals", "relative_depth")
    assert eligible(filled(recipe)) == {f"folders/{task}": 4 for task in tasks}


@pytest.mark.parametrize(
    ("files", "options", "blanks"),
    [
        (
            {"0_rgb.png": RGB, "0_depth.npy": metres(), "0_normals.npy": metres()},
            {"images": "{id}_rgb.png"},
            ("depth.scale", "depth.kind", "normals.frame", "normals.coding"),
        ),
        (
            {"x/rgb_0.png": RGB, "x/depth_0.exr": b"v/1\x01"},
            {"images": "rgb_{id}.png"},
            ("depth.scale", "depth.kind"),
        ),
        (
            {"left/rgb/d/0.jpg": JPEG, "gt/depth/d/0.png": DEPTH16},
            {"images": "left/rgb/d/{id}.jpg"},
            ("depth.scale", "depth.kind"),
        ),
        (
            {"images/train/0.jpg": JPEG, "images/val/1.jpg": JPEG}
            | {"masks/train/0.png": INDEX, "masks/val/1.png": INDEX},
            {"images": "images/{split}/{id}.jpg", "split": "train"},
            ("segments.names",),
        ),
        (
            {"0.jpg": JPEG, "0.json": b'{"shapes": [], "imagePath": "0.jpg"}'},
            {"images": "{id}.jpg", "segments": {"files": "{id}.json", "coding": "labelme"}},
            (),
        ),
        (
            {"images/0.jpg": JPEG, "alpha/0.png": INDEX},
            {"images": "images/{id}.jpg", "matte": {"files": "alpha/{id}.png"}},
            (),
        ),
        ({"images/0.jpg": JPEG, "captions/0.txt": b"a cat"}, {"images": "images/{id}.jpg"}, ()),
        (
            {"images/train/0.jpg": JPEG, "labels/train/0.txt": OUTLINE.encode()}
            | {"d.yaml": b"names: [bolt]\n"},
            {"preset": "ultralytics"},
            (),
        ),
        (
            {"s/rgb/1305031.25.png": RGB, "s/depth/1305031.26.png": DEPTH16},
            {"images": "rgb/{id}.png"},
            None,
        ),
        (
            {"s/rgb/1305031452.25.png": RGB, "s/depth/1305031452.26.png": DEPTH16},
            {"preset": "tum"},
            (),
        ),
        (
            {"rgb_0000.png": RGB, "distance_to_image_plane_0000.npy": metres()},
            {"preset": "replicator"},
            (),
        ),
    ],
)
def test_folders_of_ones_own(
    files: dict[str, bytes], options: dict[str, Any], blanks: tuple[str, ...] | None, tmp_path: Path
) -> None:
    for path, data in files.items():
        put(tmp_path, path, data=data)
    if blanks is None:  # names that differ are no pairs
        assert not draft(tmp_path).sources
        return
    source = only(tmp_path)
    assert source.dataset == "folders"
    assert source.found.options.items() >= options.items()
    assert source.blanks == blanks


def test_tables_tars_and_texts_beside_pictures(tmp_path: Path) -> None:
    put(tmp_path, "hf/train/metadata.jsonl", data='{"file_name": "a.jpg", "text": "a cat"}\n')
    put(tmp_path, "hf/test/metadata.jsonl", data='{"file_name": "a.jpg", "text": "a cat"}\n')
    put(tmp_path, "hf/train/a.jpg", "hf/test/a.jpg", "beside/00000/b.jpg", "beside/00001/c.jpg")
    put(tmp_path, "beside/00000/b.txt", "beside/00001/c.txt", data="a dog")
    line = '{"input_image": "a.jpg", "edited_image": "b.jpg", "instruction": "redder"}\n'
    put(tmp_path, "edits/metadata.jsonl", data=line)
    put(tmp_path, "edits/a.jpg", "edits/b.jpg")
    tar(tmp_path / "web" / "00000.tar", {"1.jpg": JPEG, "1.txt": b"cat"})
    tar(
        tmp_path / "pairs" / "0.tar",
        {"1.original.jpg": JPEG, "1.edited.jpg": JPEG, "1.txt": b"red"},
    )
    put(tmp_path, "boxes/1.jpg")
    put(tmp_path, "boxes/1.txt", data="0 0.5 0.5 0.1 0.1\n")
    made = draft(tmp_path)
    assert {s.name: (s.dataset, s.found.options) for s in made.sources} == {
        "edits": ("triplets", {}),
        "pairs": ("triplets", {}),
        "train": ("captioned", {"layout": "metadata"}),
        "web": ("captioned", {"layout": "tars"}),
        "beside": ("captioned", {"layout": "pairs"}),
    }
    assert [s.found.lacking for s in made.lacking] == ["masks: its labels are boxes alone"]
    assert eligible(load_recipe(written(tmp_path))) == {
        "edits/edit": 1,
        "pairs/edit": 1,
        "train/generate": 1,
        "web/generate": 1,
        "beside/generate": 2,
    }


def test_parquet_by_its_columns(tmp_path: Path) -> None:
    image = [{"bytes": JPEG, "path": "a.jpg"}] * 2
    for name, columns in {
        "omni/train-0.parquet": {"src_img": image, "edited_img": image}
        | {"edited_prompt_list": [["redder"]] * 2, "omni_edit_id": ["a", "b"]},
        "texts/a.parquet": {"jpg": [JPEG] * 2, "caption": ["a cat", "a dog"]},
        "depth/a.parquet": {"rgb": [JPEG] * 2, "depth": [DEPTH16] * 2},
    }.items():
        (tmp_path / name).parent.mkdir()
        pq.write_table(pa.table(columns), tmp_path / name)
    sources = drafted(tmp_path)
    assert sources["omni"].found.options == {"preset": "omniedit"}
    assert sources["texts"].found.options == {"image": "jpg", "captions": "caption"}
    assert sources["depth"].blanks == ("depth.scale", "depth.kind")
    cells = eligible(filled(written(tmp_path)))
    named = ("depth/depth", "depth/relative_depth", "omni/edit", "texts/generate")
    assert cells == dict.fromkeys(named, 2)
