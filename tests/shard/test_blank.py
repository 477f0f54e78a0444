"""Pictures with nothing to be seen, and frames that a source's rules leave out, in a build."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.builds import manifest_of, quarantine_of
from tests.pipelines import test_hypersim
from vbdata.engine.build import build
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder
from vbdata.view.stats import statement


@pytest.mark.slow
def test_a_labelled_picture_of_one_colour_is_a_fault(tmp_path: Path) -> None:
    test_hypersim.tree(tmp_path / "data", frames=4)
    shape = (test_hypersim.HEIGHT, test_hypersim.WIDTH, 3)
    for frame in (1, 2):
        colours = np.random.default_rng(frame).uniform(0.1, 0.9, shape).astype(np.float16)
        test_hypersim.hdf5(test_hypersim.color(tmp_path / "data", frame), colours)
    depth = test_hypersim.wall(test_hypersim.PLAIN)
    depth[::2] = np.nan
    test_hypersim.hdf5(test_hypersim.geometry(tmp_path / "data", 3, "depth_meters"), depth)
    rooms = {
        "dataset": "hypersim",
        "root": str(tmp_path / "data"),
        "tasks": {"depth": 1},
        "max_invalid": 0.3,
    }
    recipe = {"name": "blank", "seed": 1, "samples": 3, "max_bad": 1, "sources": {"rooms": rooms}}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    out = tmp_path / "out"
    build(load_recipe(tmp_path / "recipe.yaml"), Folder(str(out)), How())
    reasons = {(line["stage"], line["reason"]) for line in quarantine_of(out)}
    assert reasons == {("index", "left out"), ("load", "blank picture")}
    (line,) = statement(manifest_of(out))["sources"]
    assert (line["entries"], line["faults"]) == (4, 1)
    assert line["excluded"] == [{"cause": "rule", "set": "max_invalid", "groups": 0, "records": 1}]
