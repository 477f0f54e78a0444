"""`vbdata doctor --picture`: raw records with their labels, as they are read."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipelines.demo import folders as demo
from vbdata.cli.app import app
from vbdata.errors import BuildError
from vbdata.recipe.recipe import Recipe, parse_recipe
from vbdata.view.label_sheet import GAP, HEIGHT, WIDTH, label_sheet

TEXT = """name: x
seed: 1
samples: 4
sources:
  mine: {dataset: folders, root: f, tasks: {depth: 1}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    demo.write(tmp_path / "f", frames=4)
    (tmp_path / "r.yaml").write_text(TEXT)
    return parse_recipe(TEXT, "r.yaml", tmp_path, {})


def tiles(png: bytes, across: int) -> list[np.ndarray]:
    """The tiles of the first row."""
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    lefts = [GAP + k * (WIDTH + GAP) for k in range(across)]
    return [sheet[GAP : GAP + HEIGHT, left : left + WIDTH] for left in lefts]


@pytest.mark.slow
def test_three_records_with_all_labels(recipe: Recipe, tmp_path: Path) -> None:
    png = label_sheet(recipe, 3)
    sheet = Image.open(io.BytesIO(png))
    assert sheet.size[0] == GAP + 3 * (WIDTH + GAP)
    picture, depth, segments = tiles(png, 3)
    assert np.ptp(picture.reshape(-1, 3), axis=0).min() > 50
    drawn = (depth != 255).any(-1)
    assert (depth[drawn].std(-1) == 0).all()  # grey
    assert not np.array_equal(segments, picture)
    for path in (tmp_path / "f" / "depth").rglob("*.npy"):
        path.write_bytes(b"")
    _, lost, _ = tiles(label_sheet(recipe, 1), 3)
    assert not np.array_equal(lost, depth)
    assert (lost.std(-1) == 0).all()  # a sentence, black on white


@pytest.mark.slow
def test_the_command_writes_it(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "labels.png"
    command = ["doctor", str(tmp_path / "r.yaml"), "--samples", "1", "--picture", str(out)]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == label_sheet(recipe, 3)
    shutil.rmtree(tmp_path / "f")
    with pytest.raises(BuildError, match="no source of the recipe can be read"):
        label_sheet(recipe, 3)
