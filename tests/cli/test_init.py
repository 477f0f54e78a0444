"""`vbdata init`: what it finds in a folder, and that the recipe that it writes can be planned."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from tests.helpers.builds import REAL
from tests.helpers.own_folders import HEIGHT, JPEG, WIDTH, metres, png, put
from vbdata import demo
from vbdata.cli.app import app
from vbdata.engine.build import planned
from vbdata.errors import RecipeError
from vbdata.guide.draft import Drafted, draft
from vbdata.guide.recipe_text import FILL, text_of
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.plugins.pipelines.recognise.parts import coco_json
from vbdata.sources import glimpse

CASES = REAL.parent / "cases"
DEPTH16 = png(np.full((HEIGHT, WIDTH), 1500, np.uint16))
RGB = png(np.full((HEIGHT, WIDTH, 3), 128, np.uint8))
INDEX = png(np.ones((HEIGHT, WIDTH), np.uint8))
OUTLINE = "0 0 0 1 0 1 1 0 1\n"
BIG = 96


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", *arguments])


def drafted(folder: Path) -> dict[str, Drafted]:
    return {source.name: source for source in draft(folder).sources}


def only(folder: Path) -> Drafted:
    (source,) = draft(folder).sources
    return source


def written(folder: Path) -> Path:
    """The recipe for a folder, in a folder of its own."""
    recipe = folder.parent / "recipes" / f"{folder.name}.yaml"
    done = run(str(folder), "--out", str(recipe))
    assert done.exit_code == 0, done.output
    return recipe


def filled(recipe: Path) -> Recipe:
    """A recipe whose blanks have been filled in by their examples."""
    text = recipe.read_text()
    blank = re.compile(rf"^( +)# {FILL}: .*\n(?:\1# (?!\w+: ).*\n)*\1# (\w+: .*)$", re.MULTILINE)
    recipe.write_text(blank.sub(r"\1\2", text))
    return load_recipe(recipe)


def eligible(recipe: Recipe) -> dict[str, int]:
    with planned(recipe) as made:
        return {f"{cell.source}/{cell.task}": len(cell.rows) for cell in made.cells}


def coco(root: Path, path: str, names: list[str], **more: Any) -> None:
    """A COCO-format file with a square in each of some pictures."""
    square = [[4, 4, 80, 4, 80, 80, 4, 80]]
    value = {
        "images": [
            {"id": k, "file_name": n, "width": BIG, "height": BIG} for k, n in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "bolt"}],
        "annotations": [
            {"id": k + 1, "image_id": k, "category_id": 1, "bbox": [4, 4, 76, 76]}
            | {"segmentation": square, "area": 5776, "iscrowd": 0}
            | more
            for k in range(len(names))
        ],
    }
    put(root, path, data=json.dumps(value))


def big_jpeg() -> bytes:
    from vbdata.core.images import encode_jpeg

    return encode_jpeg(np.zeros((BIG, BIG, 3), np.uint8))


def tar(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as out:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))


def test_every_demo_data_set_is_recognised_by_its_own_reader(demo_data: Path) -> None:
    made = draft(demo_data)
    found = {source.found.root: source.dataset for source in made.sources}
    names = [name for name in demo.datasets() if (demo_data / name).is_dir()]
    assert {root.partition("/")[0]: dataset for root, dataset in found.items()} == {
        n: n for n in names
    }
    assert not made.lacking
    assert not made.blanks
    assert not made.unseen


@pytest.mark.slow
def test_the_recipe_of_all_demo_data_is_planned(demo_data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipes" / "all.yaml"
    assert run(str(demo_data), "--out", str(recipe)).exit_code == 0
    cells = eligible(load_recipe(recipe))
    assert len({cell.partition("/")[0] for cell in cells}) == len(draft(demo_data).sources)
    assert min(cells.values()) >= 4


@pytest.mark.parametrize(
    ("case", "dataset"),
    [
        ("layout-own", "coco"),
        ("layout-roboflow", "coco"),
        ("lvis-official-name", "coco"),
        ("tar-webp", "captioned"),
        ("img-webp-dir", "captioned"),
    ],
)
@pytest.mark.skipif(not CASES.is_dir(), reason="the example cases are not on this machine")
def test_layouts_that_people_have(case: str, dataset: str, tmp_path: Path) -> None:
    shutil.copytree(CASES / case / "root", tmp_path / "root")
    assert only(tmp_path / "root").dataset == dataset
    assert min(eligible(load_recipe(written(tmp_path / "root"))).values()) >= 2


@pytest.mark.skipif(not REAL.is_dir(), reason="the real samples are not on this machine")
def test_real_samples() -> None:
    made = draft(REAL)
    found = {(source.dataset, source.found.root) for source in made.sources}
    assert {("kitti", "kitti"), ("refcoco", "refer"), ("coco", "coco")} <= found


def test_a_folder_with_one_annotation_file_and_roboflows_splits(tmp_path: Path) -> None:
    put(tmp_path, "own/images/a.jpg", "own/images/b.jpg", data=big_jpeg())
    coco(tmp_path, "own/annotations.json", ["a.jpg", "b.jpg"])
    for split in ("train", "valid"):
        put(tmp_path, f"robo/{split}/{split}.jpg", data=big_jpeg())
        coco(tmp_path, f"robo/{split}/_annotations.coco.json", [f"{split}.jpg"])
    sources = drafted(tmp_path)
    assert sources["own"].found.options == {"annotations": "annotations.json"}
    assert sources["robo"].found.options == {"annotations": "train/_annotations.coco.json"}
    assert sources["robo"].found.notes == ("also there: robo/valid/_annotations.coco.json",)
    cells = eligible(load_recipe(written(tmp_path)))
    assert cells["own/semantic"] == 2
    assert cells["robo/instance"] == 1


def test_boxes_crowds_and_files_without_pictures(tmp_path: Path) -> None:
    put(tmp_path, "boxes/a.jpg", "crowds/c.jpg", data=big_jpeg())
    coco(tmp_path, "boxes/a.json", ["a.jpg"], segmentation=[])
    coco(tmp_path, "crowds/c.json", ["c.jpg"], iscrowd=1)
    coco(tmp_path, "lost/x.json", ["nowhere.jpg"])
    made = draft(tmp_path)
    assert [(s.name, s.tasks) for s in made.sources] == [("crowds", ("semantic",))]
    assert [s.found.lacking for s in made.lacking] == [
        "masks: its annotations are boxes alone",
        "the pictures that lost/x.json names",
    ]
    text = text_of(made, tmp_path, "r.yaml")
    assert "# - COCO-format boxes in a.json, 1 picture in boxes (coco) lacks masks" in text


def test_large_annotation_files_are_read_at_their_ends(
    demo_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = only(demo_data / "coco")
    monkeypatch.setattr(coco_json, "SMALL", 0)
    part = only(demo_data / "coco")
    assert (part.found.options, part.tasks) == (whole.found.options, whole.tasks)
    assert part.found.count >= whole.found.count


def test_data_sets_that_share_pictures_are_both_found(demo_data: Path, tmp_path: Path) -> None:
    shutil.copytree(demo_data / "refcoco", tmp_path / "refcoco", symlinks=True)
    refer = tmp_path / "refcoco"
    (refer / "images" / "mscoco" / "images" / "train2014").rename(refer / "train2014")
    names = sorted(path.name for path in (refer / "train2014").iterdir())
    coco(refer, "annotations/instances_train2014.json", names)
    made = draft(refer)
    assert [source.dataset for source in made.sources] == ["refcoco", "coco"]
    assert not made.left


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
    assert eligible(filled(recipe)) == {"folders/depth": 4, "folders/normals": 4}


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
    assert cells == {"depth/depth": 2, "omni/edit": 2, "texts/generate": 2}


def test_archives_are_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "own/images/a.jpg", data=big_jpeg())
    coco(tmp_path, "own/annotations.json", ["a.jpg"])
    shutil.make_archive(str(tmp_path / "z" / "data"), "zip", tmp_path, "own")
    assert only(tmp_path / "z").found.options == {"annotations": "own/annotations.json"}
    assert eligible(load_recipe(written(tmp_path / "z")))["coco/semantic"] == 1
    packed = shutil.make_archive(str(tmp_path / "p" / "0"), "gztar", _texts(tmp_path / "t"))
    assert [s.found.lacking for s in draft(Path(packed).parent).lacking] == [
        "an unpacked .tar: samples are read by byte ranges"
    ]
    put(tmp_path, "bad/a.zip", data=b"PK\x03\x04 no zip")
    assert "a.zip, which cannot be read" in draft(tmp_path / "bad").unseen[0]


def _texts(folder: Path) -> Path:
    put(folder, "a.jpg")
    put(folder, "a.txt", data="a cat")
    return folder


def test_nothing_outside_is_read_and_what_was_not_looked_at_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _texts(tmp_path / "outside")
    for name in "abcdef":
        put(tmp_path, f"in/pics/{name}.jpg")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "in" / "a.txt").symlink_to(tmp_path / "outside" / "a.txt")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert draft(tmp_path / "in").unseen == ("links that lead out of it: 2",)
    assert not draft(tmp_path / "in").sources
    monkeypatch.setattr(glimpse, "MOST_ALIKE", 1)
    monkeypatch.setattr(glimpse, "MOST_KINDS", 2)
    assert "files beside others of their kind: 3" in draft(tmp_path / "in").unseen


def test_paths_are_relative_to_the_recipe_and_names_are_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'my "data": 1'
    _texts(folder)
    recipe = written(folder)
    assert str(tmp_path) not in recipe.read_text()
    assert load_recipe(recipe).name == "my-data-1"
    assert eligible(load_recipe(recipe)) == {"captioned/generate": 1}
    monkeypatch.chdir(tmp_path)
    text = run(folder.name).stdout
    (tmp_path / "piped.yaml").write_text(text)
    assert load_recipe(tmp_path / "piped.yaml").sources[0].roots == (str(folder),)


def test_answers_of_the_command(tmp_path: Path) -> None:
    _texts(tmp_path / "t")
    recipe = written(tmp_path / "t")
    again = run(str(tmp_path / "t"), "--out", str(recipe))
    assert again.exit_code == 2
    assert "exists; name a new file" in again.output
    told = json.loads(run(str(tmp_path / "t"), "--json").stdout)
    assert told["sources"][0]["dataset"] == "captioned"
    assert "layout: pairs" in told["recipe"]
    assert run(str(tmp_path / "nowhere")).exit_code == 2
    assert "is a file; name its folder" in run(str(tmp_path / "t" / "a.jpg")).output
    put(tmp_path, "empty/a.jpg")
    nothing = run(str(tmp_path / "empty"))
    assert nothing.exit_code == 1
    assert "nothing that a reader knows" in nothing.stdout
