"""Builds the other way round, with sets of one record, look-alikes and balanced draws."""

from __future__ import annotations

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.helpers.builds import manifest_of, quarantine_of, remanifest, sums_of
from vbdata import codecs
from vbdata.checks.verify import verify
from vbdata.cli.app import app
from vbdata.core.images import decode_rgb
from vbdata.core.png import encode_png
from vbdata.engine.build import build
from vbdata.evaluation.evaluate import EvaluationOptions, evaluate
from vbdata.evaluation.truth import BuildTruth
from vbdata.locks.make import make_lock
from vbdata.manifest.opened import open_build
from vbdata.manifest.sample import BuiltSample
from vbdata.publish.rebuild import recipe_text
from vbdata.recipe.recipe import load_recipe
from vbdata.run.how import How
from vbdata.shard.tar import TarWriter, members
from vbdata.storage.folder import Folder

SEMANTIC = {"chair": ["bench", "couch"], "car": "traffic light", "bottle": ["vase"]}
RECIPE = """
name: curriculum
seed: 5
samples: 56
shard_size: 14
tasks:
  depth: {{reverse: 0.5}}
  semantic: {{permuted: 3, absent: 1, lookalikes: table.yaml}}
  instance: {{reverse: 0.5, negatives: 0.9, balance: {{by: classes, t: 0.5}}}}
sources:
  coco: {{dataset: coco, root: {coco}, tasks: {{semantic: 0.5, instance: 0.25}}}}
  rooms: {{dataset: nyuv2, root: {nyuv2}, tasks: {{depth: 0.25}}}}
"""
Samples = dict[str, tuple[dict[str, Any], dict[str, bytes]]]


def recipe_at(folder: Path, coco: Path, nyuv2: Path) -> Path:
    (folder / "table.yaml").write_text(json.dumps(SEMANTIC))
    (folder / "recipe.yaml").write_text(RECIPE.format(coco=coco, nyuv2=nyuv2))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def recipe(demo_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("curriculum")
    return recipe_at(folder, demo_of("coco"), demo_of("nyuv2"))


@pytest.fixture(scope="module")
def out(recipe: Path) -> Path:
    """The build. Read only."""
    build(load_recipe(recipe), Folder(str(recipe.parent / "out")), How())
    return recipe.parent / "out"


def samples_of(out: Path) -> Samples:
    """Row and members of each sample, by key."""
    made = open_build(Folder(str(out)))
    rows = [row for number in range(len(made.manifest.shards)) for row in made.shard_rows(number)]
    parts: dict[str, dict[str, bytes]] = defaultdict(dict)
    for shard in made.manifest.shards:
        for member in members(out / shard.tar):
            parts[member.key][member.extension] = member.data
    return {row["key"]: (row, parts[row["key"]]) for row in rows}


def test_every_shard_has_its_share_of_both_directions(out: Path) -> None:
    cells = {(c["source"], c["task"]): c for c in manifest_of(out)["cells"]}
    assert {cell: line["realised"] for cell, line in cells.items()} == {
        ("coco", "semantic"): 28, ("coco", "instance"): 7, ("coco", "instance-reversed"): 7,
        ("rooms", "depth"): 7, ("rooms", "depth-reversed"): 7,
    }  # fmt: skip
    per_shard = Counter((row["shard"], row["task"]) for row, _ in samples_of(out).values())
    assert {n for (_, task), n in per_shard.items() if task == "semantic"} == {7}
    assert {n for (_, task), n in per_shard.items() if task.endswith("-reversed")} == {1, 2}
    assert verify(Folder(str(out))) == []


def test_the_photograph_is_the_target_and_the_drawn_picture_decodes(
    out: Path, demo_of: Callable[[str], Path]
) -> None:
    captions = {
        each["caption"].strip(" .\n").lower()
        for path in demo_of("coco").rglob("captions_*.json")
        for each in json.loads(path.read_text())["annotations"]
    }
    depths = Counter[str]()
    for row, parts in samples_of(out).values():
        if not row["task"].endswith("-reversed"):
            assert {"input.jpg", "target.png", "valid.png"} <= {*parts}
            continue
        params = json.loads(row["params"])
        sample = BuiltSample.of(row, parts)
        assert "valid.png" not in parts
        assert row["valid_share"] == 1
        assert params["reversed"] in row["instruction"]
        if row["task"] == "instance-reversed":
            (photo,) = demo_of("coco").rglob(f"{row['sample_id']}.jpg")
            assert {*parts} == {"input.png", "instruction.txt", "json", "target.jpg"}
            assert parts["target.jpg"] == photo.read_bytes()
            assert row["instruction"].strip(".").lower() in captions
            assert sample.label.max() == len(params["palette"]) > 0, "nothing is asked in vain"
        else:
            assert "depth map" in row["instruction"]
            metres = codecs.decode("depth", decode_rgb(parts["input.png"]), params)
            assert np.array_equal(sample.label, metres, equal_nan=True)
            forward = codecs.encode("depth", metres, params)
            assert np.array_equal(forward, decode_rgb(parts["input.png"]))
            assert 0.3 < np.nanmin(metres) < np.nanmax(metres) < 12
            depths[row["instruction"]] += 1
        assert row["roundtrip_error"] <= {"i": 0, "d": 0.5 + 1e-6}[row["task"][0]]
    assert len(depths) > 1, "several phrasings"


def test_sets_stand_in_one_shard_with_the_colours_passed_around(out: Path) -> None:
    sets = defaultdict(list)
    for row, _ in samples_of(out).values():
        if row["task"] == "semantic":
            sets[row["sample_id"], row["pass"] // 3].append(row)
    assert Counter(map(len, sets.values())) == {3: 8, 1: 4}, "7 of a shard are 3 + 3 + 1"
    for rows in sets.values():
        legends = [json.loads(row["params"])["legend"] for row in rows]
        assert len({row["shard"] for row in rows}) == 1
        assert len({tuple(item["name"] for item in legend) for legend in legends}) == 1
        for k in range(len(legends[0])):
            assert len({tuple(legend[k]["rgb"]) for legend in legends}) == len(legends)


def test_absent_classes_are_first_those_that_look_alike(out: Path) -> None:
    hard = 0
    for row, parts in samples_of(out).values():
        if row["task"] == "semantic":
            sample = BuiltSample.of(row, parts)
            names = [item["name"] for item in json.loads(row["params"])["legend"]]
            there = {names[k - 1] for k in np.unique(sample.label[sample.label > 0]).tolist()}
            alike = {
                other for name in there for other in np.atleast_1d(SEMANTIC.get(name, [])).tolist()
            }
            absent = {*names} - there
            assert absent
            # as many of the look-alikes as are absent come before any other class
            hard += bool(alike & absent)
            assert not alike - there - absent or absent <= alike
    assert hard >= 5


def test_a_changed_drawn_input_is_found(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "out")
    row, parts = next(e for e in samples_of(out).values() if e[0]["task"] == "depth-reversed")
    tar = tmp_path / "out" / manifest_of(out)["shards"][row["shard"]]["tar"]
    rgb = decode_rgb(parts["input.png"]).copy()
    rgb[:2, :2] = (180, 120, 60)
    whole: dict[str, dict[str, bytes]] = defaultdict(dict)
    for member in members(tar):
        whole[member.key][member.extension] = member.data
    whole[row["key"]]["input.png"] = encode_png(rgb)
    tar.unlink()
    with TarWriter(tar) as writer:
        for key, files in whole.items():
            writer.add(key, files)
    remanifest(tmp_path / "out", lambda manifest: None)
    faults = " ".join(verify(Folder(str(tmp_path / "out"))))
    assert "its input has 4 pixels in colours that depth cannot draw" in faults


def test_the_same_bytes_again_reused_and_from_the_card(recipe: Path, out: Path) -> None:
    again = recipe.parent / "again"
    build(load_recipe(recipe), Folder(str(again)), How(reuse=(str(out),)))
    assert sums_of(again) == sums_of(out)
    assert json.loads((again / "run.json").read_text())["reuse"]["reused"] == 56
    card = recipe.parent / "card.yaml"
    card.write_text(recipe_text(manifest_of(out)))
    assert load_recipe(card, {"coco": "c", "rooms": "r"}).digest() == load_recipe(recipe).digest()
    assert [*make_lock(Folder(str(out))).code.tasks] == sorted(
        ["depth", "depth-reversed", "instance", "instance-reversed", "semantic"]
    )


def test_photographs_are_scored_as_pictures(out: Path) -> None:
    report = evaluate(
        BuildTruth(Folder(str(out))), options=EvaluationOptions(tasks=("depth-reversed",))
    )
    cells = {cell["task"]: cell for cell in report["results"]}
    assert cells["depth-reversed"]["kind"] == "image"
    assert "agrees with its input" in cells["depth-reversed"]["not_measured"]
    rows = {row["name"]: row["metrics"] for row in cells["depth-reversed"]["rows"]}
    assert rows["ceiling"]["psnr"] == 100 > rows["copied input"]["psnr"]


def test_a_damaged_record_gives_its_set_to_a_spare(
    demo_of: Callable[[str], Path], out: Path, tmp_path: Path
) -> None:
    coco = shutil.copytree(demo_of("coco"), tmp_path / "coco")
    lost = next(
        row["sample_id"]
        for row, _ in samples_of(out).values()
        if row["task"] == "semantic" and row["pass"] % 3 == 2
    )
    (photo,) = coco.rglob(f"{lost}.jpg")
    photo.write_bytes(photo.read_bytes()[:-600])
    recipe = recipe_at(tmp_path, coco, demo_of("nyuv2"))
    recipe.write_text(f"{recipe.read_text()}max_bad: 0.5\n")
    build(load_recipe(recipe), Folder(str(tmp_path / "out")), How())
    assert lost in {line["sample_id"] for line in quarantine_of(tmp_path / "out")}
    sets = Counter(
        (row["sample_id"], row["pass"] // 3)
        for row, _ in samples_of(tmp_path / "out").values()
        if row["task"] == "semantic"
    )
    assert Counter(sets.values()) == {3: 8, 1: 4}
    assert verify(Folder(str(tmp_path / "out"))) == []


def test_plan_says_what_sets_and_balance_do(recipe: Path) -> None:
    said = CliRunner().invoke(app, ["plan", str(recipe)], catch_exceptions=False).output
    flat = " ".join(said.split())
    assert "coco / semantic: 12 sets of 3 samples of one record, 4 of them cut short" in flat
    assert "coco / instance-reversed: balanced with t = 0.5: 11 of 12 classes are rarer" in flat
    lines = json.loads(CliRunner().invoke(app, ["plan", str(recipe), "--json"]).output)
    sets, *balanced = lines["curriculum"]
    assert (sets["task"], sets["sets"], sets["cut_short"]) == ("semantic", 12, 4)
    assert all(e["balance"]["after"] > e["balance"]["before"] > 0 for e in balanced)
