"""Paired pictures through `folders` and `edit` alone: the recipe of the documentation, built."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.builds import REPOSITORY
from tests.helpers.own_folders import png, put
from vbdata.checks.verify import verify
from vbdata.core.images import decode_rgb, encode_jpeg
from vbdata.engine.build import build
from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.truth import BuildTruth
from vbdata.manifest.opened import open_build
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.storage.folder import Folder


def pair(seed: int) -> tuple[Image.Image, Image.Image]:
    """A damaged picture and the clean one, 40 x 36 pixels."""
    clean = Image.linear_gradient("L").resize((40, 36)).rotate(seed * 40).convert("RGB")
    noise = np.random.default_rng(seed).integers(-20, 20, (36, 40, 3))
    return Image.fromarray((np.asarray(clean) + noise).clip(0, 255).astype(np.uint8)), clean


def test_the_recipe_for_restoration_is_built_from_paired_folders(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "own_data.md").read_text()
    (text,) = re.findall(r"```yaml\n(name: restoration.*?)```", page, re.DOTALL)
    text = re.sub("samples: .*", "samples: 20", text.replace("/data/", f"{tmp_path}/"))
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    for source in recipe.sources:
        for number in range(4):
            names = (source.options["images"], source.options["edited"]["files"])
            for pattern, picture in zip(names, pair(number), strict=True):
                path = pattern.format(id=f"{number:04}", scene="S1", n="010")
                jpeg = encode_jpeg(np.asarray(picture)) if path.endswith(".jpg") else png(picture)
                put(tmp_path, f"{Path(source.roots[0]).name}/{path}", data=jpeg)
    out = Folder(str(tmp_path / "out"))
    build(recipe, out, How())
    assert verify(out) == []
    made = open_build(out)
    rows = list(made.shard_rows(0))
    assert Counter(row["source"] for row in rows) == {
        "blur": 6, "rain": 4, "noise": 4, "shadow": 4, "specular": 2,
    }  # fmt: skip
    said = {source.name: source.options["edited"]["instruction"] for source in recipe.sources}
    for slot, row in enumerate(rows):
        number = int(re.findall(r"\d{4}", row["sample_id"])[0])
        damaged, clean = (np.asarray(each)[2:34, 4:36] for each in pair(number))
        parts = made.read(0, slot, row["key"])
        if row["source"] != "rain":  # whose files are JPEG
            assert np.array_equal(decode_rgb(parts["input.png"]), damaged)
            assert np.array_equal(decode_rgb(parts["target.png"]), clean)
        wish = json.loads(row["params"])["instruction"]
        assert wish in said[row["source"]]
    assert len({row["instruction"] for row in rows}) > 10
    (cell, *_) = evaluate(BuildTruth(out), options=EvaluationOptions(limit=2))["results"]
    scores = {row["name"]: row["metrics"]["psnr"] for row in cell["rows"]}
    assert 15 < scores["copied input"] < 35 < scores["ceiling"] == 100
