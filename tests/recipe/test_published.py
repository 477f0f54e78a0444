"""manifests/recipes: mixtures of published models, planned over the miniature data."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import vkitti2
from tests.helpers.builds import REPOSITORY
from vbdata.core.types import Source
from vbdata.engine.build import planned
from vbdata.index.index import build_index
from vbdata.recipe.keys import Image
from vbdata.recipe.recipe import load_recipe

RECIPES = sorted((REPOSITORY / "manifests" / "recipes").glob("*.yaml"))
FRAMES = {"marigold-depth": 20_148, "lotus-depth": 33_580, "lotus-normal": 33_580}  # of vkitti2


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_published_mixture_is_planned(path: Path, demo_of: Callable[[str], Path]) -> None:
    roots = {name: str(demo_of(name)) for name in ("hypersim", "vkitti2")}
    recipe = load_recipe(path, roots)
    options = {source.name: source.options for source in recipe.sources}
    assert vkitti2.official(**options["vkitti2"]).entries == FRAMES[path.stem]
    # the miniature's pictures are smaller than what the models were trained on
    with planned(replace(recipe, image=Image(), samples=40, shard_size=10)) as plan:
        assert {cell.source: cell.count for cell in plan.cells} == {"hypersim": 36, "vkitti2": 4}
        ruled = [fault.fault for fault in plan.indices["hypersim"].faults()]
        assert ruled
        assert all(fault.startswith("left out: max_invalid: ") for fault in ruled)
        scenes = set(plan.indices["vkitti2"].facts["group"].to_pylist())
    assert scenes == {"kitti:2011_10_03_drive_0047_sync"}, "Scene01 is not among them"


def test_the_published_list_names_records(demo_of: Callable[[str], Path], tmp_path: Path) -> None:
    path = REPOSITORY / "manifests" / "recipes" / "marigold-depth.yaml"
    (script,) = re.findall(r"sed -E '(.*?)'", path.read_text())
    line = "ai_001_001/rgb_cam_00_fr0003.png ai_001_001/depth_plane_cam_00_fr0003.png\n"
    done = subprocess.run(["sed", "-E", script], input=line, capture_output=True, text=True)
    source = Source(name="h", dataset="hypersim", roots=(str(demo_of("hypersim")),), tasks={})
    index = build_index(source, tmp_path)
    assert done.stdout.strip() in index.facts["id"].to_pylist()
