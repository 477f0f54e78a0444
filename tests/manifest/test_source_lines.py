"""What the manifest says of a source: the licence of its records, and what of it is lost."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.checks.test_verify import faults_of, forge
from tests.helpers.builds import manifest_of
from tests.planning.test_refusals import nothing, recipe_of
from vbdata.engine.build import build
from vbdata.index.index import Index, build_index
from vbdata.manifest.source_lines import licence_of
from vbdata.recipe.recipe import Recipe, load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.view.report.page import PageOptions, page
from vbdata.view.stats import print_statement


def change(whole: dict[str, Any]) -> None:
    """A box alone and an unknown class beside two of the masks; one picture has a licence."""
    for place, more in ((2, {"segmentation": []}), (3, {"category_id": 7})):
        whole["annotations"].append(whole["annotations"][place] | {"id": 10 + place} | more)
    whole["images"][3]["license"] = 2
    whole["licenses"] = [{"id": 2, "name": "CC0-1.0"}]


def index_of(folder: Path, recipe: Recipe) -> Index:
    return build_index(recipe.sources[0], folder / "index")


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build over four pictures, of which one is not there."""
    folder = tmp_path_factory.mktemp("lossy")
    build(recipe_of(folder, change, lost=1), Folder(str(folder / "out")), How())
    return folder / "out"


@pytest.mark.slow
def test_a_build_says_what_it_lost(lossy: Path) -> None:
    manifest = manifest_of(lossy)
    (line,) = manifest["sources"]
    assert line["missing"] == {"image": 1}
    assert line["left_out"] == {"no mask": 1, "unknown category": 1}
    assert line["license"] == "CC0-1.0, unknown"
    assert faults_of(lossy) == []
    shown = Console(width=100, record=True, file=io.StringIO())
    print_statement(manifest, shown)
    texts = {
        "card": (lossy / "README.md").read_text(),
        "stats": shown.export_text(),
        "report": page(Folder(str(lossy)), PageOptions()).decode(),
    }
    for name, text in texts.items():
        for what in ("records without their image file", "annotations left out: no mask"):
            assert what in text, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("missing", {"image": 5}, "5 of 4 records are without their image file"),
        ("missing", {"image": 2}, "few / semantic: 3 of the 2 sound entries are eligible"),
        ("missing", {"panoptic": 0}, "missing has 0 of 'panoptic', which no build writes"),
        ("left_out", {"": 3}, "left_out has 3 of '', which no build writes"),
        ("left_out", {"no mask": -1}, "left_out"),
        ("left_out", {"no mask": "1"}, "left_out"),
        ("left_out", [1], "left_out"),
        ("faults", 9, "9 of 4 records are damaged"),
    ],
)
def test_counts_that_cannot_be_are_faults(
    lossy: Path, tmp_path: Path, key: str, value: Any, said: str
) -> None:
    shutil.copytree(lossy, tmp_path / "out")
    forge(tmp_path / "out", lambda manifest: manifest["sources"][0].update({key: value}))
    found = faults_of(tmp_path / "out", sample=0)
    assert any(said in fault for fault in found), found


@pytest.mark.slow
def test_a_manifest_of_before_is_still_read(lossy: Path, tmp_path: Path) -> None:
    shutil.copytree(lossy, tmp_path / "out")

    def older(manifest: dict[str, Any]) -> None:
        for key in ("missing", "left_out"):
            del manifest["sources"][0][key]

    forge(tmp_path / "out", older)
    assert faults_of(tmp_path / "out", sample=0) == []


def test_the_licence_of_own_data_is_that_of_its_records(tmp_path: Path) -> None:
    assert licence_of(index_of(tmp_path, recipe_of(tmp_path, nothing))) == "unknown"

    def many(whole: dict[str, Any]) -> None:
        whole["licenses"] = [{"id": n, "name": f"own-{n}"} for n in range(1, 9)]
        whole["images"] += [whole["images"][0] | {"id": n} for n in range(5, 9)]
        for image in whole["images"]:
            image["license"] = image["id"]

    found = licence_of(index_of(tmp_path, recipe_of(tmp_path, many)))
    assert found == "own-1, own-2, own-3, own-4, own-5 and 3 more"


@pytest.mark.parametrize("url", ["http://images.cocodataset.org/val2017/{:012d}.jpg", ""])
def test_a_set_of_two_kinds_has_the_licences_of_both(tmp_path: Path, url: str) -> None:
    def mixed(whole: dict[str, Any]) -> None:
        whole["licenses"] = [{"id": 2, "name": "CC0-1.0"}]
        for image in whole["images"][:2]:
            image["coco_url"] = url.format(image["id"])
        for image in whole["images"]:
            image["license"] = 2

    found = licence_of(index_of(tmp_path, recipe_of(tmp_path, mixed)))
    assert found == ("CC-BY-4.0, CC0-1.0" if url else "CC0-1.0")


def test_official_data_have_the_licence_of_their_release(demo_data: Path, tmp_path: Path) -> None:
    """Also in a source whose name is what stands before the groups of the release."""
    recipe_of(tmp_path, nothing)
    text = (tmp_path / "recipe.yaml").read_text().replace("root: data", f"root: {demo_data}/coco")
    (tmp_path / "recipe.yaml").write_text(text.replace("few: {dataset", "coco: {dataset"))
    recipe = load_recipe(tmp_path / "recipe.yaml")
    assert licence_of(index_of(tmp_path, recipe)) == "CC-BY-4.0"
