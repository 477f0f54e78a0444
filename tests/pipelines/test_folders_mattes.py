"""Mattes and depth of unknown scale from folders, through a build, a second one, and its scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines import folders
from pipelines.demo.folders import grey_png
from tests.helpers.mattes import ALPHA, HEIGHT, WIDTH, made, put
from vbdata.checks.verify import verify
from vbdata.engine.build import build
from vbdata.errors import BadSample, RecipeError, SourceError
from vbdata.evaluation.evaluate import evaluate
from vbdata.evaluation.truth import BuildTruth
from vbdata.manifest.opened import open_build
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder


def png(values: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", values)[1].tobytes())


def load(root: Folder, name: str, **more: str) -> Any:
    options: dict[str, Any] = {"images": "im/{id}.png", "matte": {"files": "mt/{id}.png", **more}}
    entry = next(e for e in folders.index(root, **options) if e.id == f"im/{name}.png")
    return folders.load(root, entry, entry.labels).labels["matte"]


def test_mattes_are_grey_or_the_alpha_of_a_cut_out(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    opaque = np.dstack([*[ALPHA] * 3, np.full_like(ALPHA, 255)])
    put(
        tmp_path,
        grey=grey_png(ALPHA),
        rgb=png(np.dstack([ALPHA] * 3)),
        cut=png(np.dstack([colours, ALPHA])),
        opaque=png(opaque),
        colours=png(colours),
        deep=png(ALPHA.astype(np.uint16) * 257),
        small=grey_png(ALPHA[1:]),
    )
    root = Folder(str(tmp_path))
    for name in ("grey", "rgb", "cut"):
        label = load(root, name)
        assert np.array_equal(label.alpha, ALPHA), name
        assert label.valid.all()
    assert np.array_equal(load(root, "opaque", channel="grey").alpha, ALPHA)
    assert (load(root, "opaque", channel="alpha").alpha == 255).all()
    for name, said, more in (
        ("opaque", "alpha is opaque throughout; matte.channel: grey", {}),
        ("colours", "it has colours, expected grey", {}),
        ("cut", "it has colours, expected grey", {"channel": "grey"}),
        ("grey", "it has no alpha", {"channel": "alpha"}),
        ("deep", "16 bits a channel, expected 8", {}),
        ("small", "24x15, expected 24x16", {}),
    ):
        with pytest.raises(BadSample, match=said):
            load(root, name, **more)
    with pytest.raises(SourceError, match=r"matte.channel: 'red' is not a choice.*alpha, grey"):
        load(root, "grey", channel="red")


def test_what_is_measured_is_kept_reused_and_scored(tmp_path: Path) -> None:
    recipe = load_recipe(made(tmp_path / "data"))
    first, again, fresh = (Folder(str(tmp_path / name)) for name in ("first", "again", "fresh"))
    build(recipe, first, How())
    assert verify(first) == []
    rows = [row for row in open_build(first) if row.task == "relative_depth"]
    assert len(rows) == 7
    for row in rows:
        near, far = (float(row.params["measured"][end]) for end in ("near", "far"))
        unit = 10.0 ** (int(row.row["sample_id"][3:5]) - 4)
        assert 1 <= near / unit < far / unit <= 9
        seen = row.label[np.isfinite(row.label)]
        assert seen.min() == np.float32(near)
        assert seen.max() == np.float32(far)
    build(recipe, again, How(reuse=(first.url,)))
    build(recipe, fresh, How())
    digests = {open_build(out).manifest.digest for out in (again, fresh)}
    assert len(digests) == 1
    assert json.loads(again.read("run.json"))["reuse"]["rendered"] == 0
    report = evaluate(BuildTruth(first))
    for result in report["results"]:
        table = {row["name"]: row["metrics"] for row in result["rows"]}
        name = {"matte": "mad", "foreground": "mae"}.get(result["task"], "absrel")
        assert table["ceiling"][name] == pytest.approx(0, abs=1e-6)
        assert all(table[row][name] > 0.05 for row in table if row != "ceiling")
        assert len(table) == {"relative_depth": 4}.get(result["task"], 6)


def test_depth_of_unknown_scale_is_refused_as_metres(tmp_path: Path) -> None:
    path = made(tmp_path)
    path.write_text(path.read_text().replace("relative_depth: 1}", "depth: 1}"))
    with pytest.raises(RecipeError, match="with depth of arbitrary scale, not in metres"):
        build(load_recipe(path), Folder(str(tmp_path / "out")), How())
