"""The examples run as they stand, on the demo's data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.builds import REPOSITORY, manifest_of

EXAMPLES = REPOSITORY / "examples"


def run(script: str, *arguments: object, **more: str) -> None:
    """Run a script of examples/ with this Python's commands first on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(EXAMPLES / script), *map(str, arguments)],
        env={**os.environ, "PATH": path, **more},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.slow
def test_the_students_way(demo_data: Path, tmp_path: Path) -> None:
    run("student.sh", demo_data, tmp_path / "out", STEPS="3")
    cells = manifest_of(tmp_path / "out" / "build")["cells"]
    assert [(c["source"], c["task"], c["realised"]) for c in cells] == [
        ("coco", "semantic", 12),
        ("coco", "instance", 12),
        ("coco", "generate", 12),
        ("kitti", "depth", 12),
    ]
    assert (
        tmp_path / "out" / "run" / "checkpoints" / "step-00000003" / "model.safetensors"
    ).exists()
    assert (tmp_path / "out" / "pairs" / "README.md").exists()


@pytest.mark.slow
def test_the_way_of_own_data(tmp_path: Path) -> None:
    run("own_data.sh", tmp_path / "out")
    assert "FILL IN" in (tmp_path / "out" / "draft.yaml").read_text()
    (licence,) = manifest_of(tmp_path / "out" / "build")["licenses"]
    assert (licence["license"], licence["samples"]) == ("CC0-1.0", 40)
    assert (tmp_path / "out" / "report.html").exists()


def test_the_notebook_runs(
    demo_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook: dict[str, Any] = json.loads((EXAMPLES / "samples.ipynb").read_text())
    code = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "build").symlink_to(demo_build)
    monkeypatch.chdir(tmp_path)
    seen: dict[str, Any] = {}
    for text in code:
        exec(text, seen)
    assert np.median(seen["error"]) < 0.02
    assert seen["instances"] >= 1
    assert all(not cell.get("outputs") for cell in notebook["cells"])
