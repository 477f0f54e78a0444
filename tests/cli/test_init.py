"""`vbdata init`: what it finds in a folder, and that the recipe that it writes can be planned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.helpers.builds import REAL
from tests.helpers.drafts import (
    big_jpeg,
    coco,
    drafted,
    eligible,
    only,
    run,
    texts,
    written,
)
from tests.helpers.own_folders import put
from vbdata import demo
from vbdata.guide.draft import draft
from vbdata.guide.recipe_text import SCHEMA_LINE, text_of
from vbdata.guide.schema import schema_text
from vbdata.recipe.recipe import load_recipe
from vbdata.sources import glimpse

CASES = REAL.parent / "cases"


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
    first = recipe.read_text().partition("\n")[0]
    assert (recipe.parent / first.removeprefix(SCHEMA_LINE)).read_text() == schema_text()
    cells = eligible(load_recipe(recipe))
    assert len({cell.partition("/")[0] for cell in cells}) == len(draft(demo_data).sources)
    assert min(cells.values()) >= 3


@pytest.mark.parametrize(
    ("case", "dataset"),
    [
        ("layout-own", "coco"),
        ("layout-roboflow", "coco"),
        ("lvis-official-name", "lvis"),
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
    monkeypatch.setattr("vbdata.plugins.pipelines.recognise.parts.coco_json.SMALL", 0)
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


def test_archives_are_looked_into(tmp_path: Path) -> None:
    put(tmp_path, "own/images/a.jpg", data=big_jpeg())
    coco(tmp_path, "own/annotations.json", ["a.jpg"])
    shutil.make_archive(str(tmp_path / "z" / "data"), "zip", tmp_path, "own")
    assert only(tmp_path / "z").found.options == {"annotations": "own/annotations.json"}
    assert eligible(load_recipe(written(tmp_path / "z")))["coco/semantic"] == 1
    packed = shutil.make_archive(str(tmp_path / "p" / "0"), "gztar", texts(tmp_path / "t"))
    assert [s.found.lacking for s in draft(Path(packed).parent).lacking] == [
        "an unpacked .tar: samples are read by byte ranges"
    ]
    put(tmp_path, "bad/a.zip", data=b"PK\x03\x04 no zip")
    assert "a.zip, which cannot be read" in draft(tmp_path / "bad").unseen[0]


def test_nothing_outside_is_read_and_what_was_not_looked_at_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts(tmp_path / "outside")
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
    texts(folder)
    recipe = written(folder)
    assert str(tmp_path) not in recipe.read_text()
    assert load_recipe(recipe).name == "my-data-1"
    assert eligible(load_recipe(recipe)) == {"captioned/generate": 1}
    monkeypatch.chdir(tmp_path)
    text = run(folder.name).stdout
    (tmp_path / "piped.yaml").write_text(text)
    assert load_recipe(tmp_path / "piped.yaml").sources[0].roots == (str(folder),)


def test_answers_of_the_command(tmp_path: Path) -> None:
    texts(tmp_path / "t")
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
