"""Flow's second picture: the next frame, cropped as the input is, verified, scored and reused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vbdata
from vbdata.engine.build import build
from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.truth import BuildTruth
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder

RECIPE = """\
name: street
seed: 1
samples: 4
shard_size: 4
image: {size: [128, 64], input: png, target: png}
sources:
  street:
    dataset: vkitti2
    root: ROOT
    scenes: [Scene01]
    variations: [clone]
    tasks: {flow: 0.5, depth: 0.5}
"""


@pytest.mark.slow
def test_a_flow_has_the_next_frame_beside_its_input(
    tmp_path: Path, demo_of: Callable[[str], Path]
) -> None:
    data = demo_of("vkitti2")
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("ROOT", str(data)))
    recipe, out = load_recipe(tmp_path / "recipe.yaml"), tmp_path / "out"
    build(recipe, Folder(str(out)), How())
    assert vbdata.verify(str(out)) == []
    flows = [sample for sample in vbdata.open_build(str(out)) if sample.task == "flow"]
    assert len(flows) == 2
    for sample in flows:
        after = sample.row["sample_id"][:-1] + "1"
        folder, camera, number = after.rsplit("/", 2)
        picture = data / folder / f"frames/rgb/{camera}/rgb_{number}.jpg"
        (seen,) = sample.references
        assert seen.shape == sample.input.shape == (64, 128, 3)
        whole = Image.open(picture).resize((211, 64), Image.Resampling.BOX)
        wanted = np.asarray(whole)[:, 41 : 41 + 128].astype(int)  # 94 rows become 64
        assert np.abs(seen - wanted).mean() < 6
        assert np.abs(sample.input.astype(int) - wanted).mean() > 6
        assert sample.params == {"longest": 256, "references": 1}
    report = evaluate(
        BuildTruth(Folder(str(out))), None,
        EvaluationOptions(roots={"street": [str(data)]}, tasks=("flow",)),
    )  # fmt: skip
    (result,) = report["results"]
    rows = {row["name"]: row["metrics"] for row in result["rows"]}
    assert result["truth"] == "raw"
    assert 0 < rows["ceiling"]["epe"] < 0.3
    assert rows["no motion"]["epe"] > 3 > rows["ceiling"]["fl_all"]
    build(recipe, Folder(str(tmp_path / "again")), How(reuse=(str(out),)))
    said = json.loads((tmp_path / "again" / "run.json").read_text())["reuse"]
    assert (said["reused"], said["rendered"]) == (4, 0)
    assert vbdata.verify(str(tmp_path / "again")) == []


@pytest.mark.slow
def test_the_other_way_round_nothing_shows_the_answer(
    tmp_path: Path, demo_of: Callable[[str], Path]
) -> None:
    text = RECIPE.replace("ROOT", str(demo_of("vkitti2"))).replace(
        "{flow: 0.5, depth: 0.5}", "{flow-reversed: 1}"
    )
    (tmp_path / "recipe.yaml").write_text(text)
    out = tmp_path / "out"
    build(load_recipe(tmp_path / "recipe.yaml"), Folder(str(out)), How())
    assert vbdata.verify(str(out)) == []
    for sample in vbdata.open_build(str(out)):
        assert sample.references == ()
        assert "references" not in sample.params
