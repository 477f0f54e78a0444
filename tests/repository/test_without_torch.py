"""On the CPU no command but `vbdata train` imports torch, which takes seconds and 200 MB."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import figures, mattes
from vbdata import plugins

MORE = """
  pieces: {dataset: coco, root: DATA/coco, segments: panoptic, tasks: {panoptic: 0.1, boxes: 0.1}}
  street: {dataset: vkitti2, root: DATA/vkitti2, tasks: {flow: 0.1}}
  figures: {dataset: coco, root: OWN/figures, segments: person_keypoints, tasks: {keypoints: 0.1}}
  frames:
    dataset: hypersim
    root: DATA/hypersim
    tasks: {relative_depth: 0.1, albedo: 0.1, shading: 0.1}
  mattes:
    dataset: folders
    root: OWN/mattes
    images: im/{id}.png
    matte: mt/{id}.png
    tasks: {matte: 0.1, foreground: 0.1}
"""  # tasks that are not in the demo's mixture
CODE = """
import sys
from vbdata.cli.app import app
recipe, out = sys.argv[1:]
for command in (
    ("build", recipe, "--out", out, "--local"), ("doctor", recipe), ("plan", recipe),
    ("verify", out, "--workers", "1"), ("show", out, "--out", out + ".png"),
    ("report", out, "--out", out + ".html"), ("stats", out), ("eval", out),
):
    app(list(command), standalone_mode=False)
    for library in ("pandas", "fsspec"):
        if command[0] == "build" and library in sys.modules:
            sys.exit(f"vbdata build imported {library}, which no build on the disk needs")
    if "torch" in sys.modules:
        sys.exit(f"vbdata {' '.join(command)} imported torch")
"""


@pytest.mark.slow
def test_no_command_on_the_cpu_imports_torch(demo_data: Path, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "manifests" / "demo.yaml").read_text()
    there = text.replace("../demo/data", str(demo_data)).replace("samples: 96", "samples: 48")
    figures.write(tmp_path / "figures")
    mattes.made(tmp_path / "mattes")
    text = there + MORE.replace("DATA", str(demo_data)).replace("OWN", str(tmp_path))
    assert set(plugins.names(plugins.TASKS)) == {
        name for name in plugins.names(plugins.TASKS) if f"{name}:" in text
    }
    recipe = tmp_path / "demo.yaml"
    recipe.write_text(text)
    call = [sys.executable, "-c", CODE, str(recipe), str(tmp_path / "out")]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_pandas_is_there_for_plug_ins_of_ones_own() -> None:
    assert plugins.ours([("pipelines", "coco"), ("transforms", "depth")])
    assert not plugins.ours([("pipelines", "coco"), ("transforms", "experiments.tasks.instance")])
    assert not plugins.ours([("pipelines", "nosuch")])


def test_built_in_tasks_take_the_arrays_of_both() -> None:
    for name in plugins.names(plugins.TASKS):
        assert plugins.arrays_of(plugins.resolve(plugins.TASKS, name)) == ("numpy", "torch"), name
